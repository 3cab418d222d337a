//! [`Bell`]: a block number that threads wait for.
use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// A number, and threads that wait for it to grow.
#[derive(Default)]
pub(crate) struct Bell {
    number: Mutex<u64>,
    changed: Condvar,
}

impl Bell {
    pub(crate) fn new(number: u64) -> Self {
        Self { number: Mutex::new(number), changed: Condvar::new() }
    }

    pub(crate) fn get(&self) -> u64 {
        *self.number.lock()
    }

    pub(crate) fn set(&self, number: u64) {
        *self.number.lock() = number;
        self.changed.notify_all();
    }

    /// Waits until the number is above `number`, no longer than `wait_max`. Answers whether it is.
    pub(crate) fn wait_above(&self, number: u64, wait_max: Duration) -> bool {
        let mut current = self.number.lock();
        // It may grow in the moment in which the time is over.
        let _timed_out = self.changed.wait_while_for(&mut current, |current| *current <= number, wait_max);
        *current > number
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn who_waits_is_woken_when_the_number_grows_and_no_later_than_it_said() {
        let bell = Arc::new(Bell::new(4));
        assert!(bell.wait_above(3, Duration::ZERO));
        assert!(!bell.wait_above(4, Duration::from_millis(1)));
        let waiter = {
            let bell = bell.clone();
            std::thread::spawn(move || bell.wait_above(5, Duration::from_secs(60)))
        };
        bell.set(5);
        bell.set(6);
        assert!(waiter.join().unwrap());
        assert_eq!(bell.get(), 6);
    }
}
