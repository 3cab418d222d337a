//! [`Schedule`]: the one queue of events, and with it the time of the simulated world.
use std::{
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

/// Time of the simulated world, microseconds since the chain's genesis. Nodes have clocks of their own: see [`super::clock`].
pub type Micros = u64;

/// A millisecond.
pub const MILLISECOND: Micros = 1_000;
/// A second.
pub const SECOND: Micros = 1_000_000;

/// Events in order of time; of equal times in the order in which they were put in.
#[derive(Debug)]
pub struct Schedule<E> {
    queue: BinaryHeap<Reverse<Entry<E>>>,
    now: Micros,
    entered: u64,
}

#[derive(Debug)]
struct Entry<E> {
    at: Micros,
    order: u64,
    event: E,
}

impl<E> Default for Schedule<E> {
    fn default() -> Self {
        Self { queue: BinaryHeap::new(), now: 0, entered: 0 }
    }
}

impl<E> Schedule<E> {
    /// Time of the last event.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Puts an event in, `delay` from now.
    pub fn after(&mut self, delay: Micros, event: E) {
        self.entered += 1;
        self.queue.push(Reverse(Entry { at: self.now.saturating_add(delay), order: self.entered, event }));
    }

    /// The next event. Time jumps to it.
    pub fn pop(&mut self) -> Option<E> {
        let Reverse(entry) = self.queue.pop()?;
        self.now = entry.at;
        Some(entry.event)
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.order).cmp(&(other.at, other.order))
    }
}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<E> Eq for Entry<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_and_then_by_order() {
        let mut schedule = Schedule::default();
        schedule.after(5, "late");
        schedule.after(1, "first");
        schedule.after(1, "second");
        assert_eq!(schedule.pop(), Some("first"));
        schedule.after(0, "third");
        assert_eq!((schedule.pop(), schedule.now()), (Some("second"), 1));
        assert_eq!(schedule.pop(), Some("third"));
        assert_eq!((schedule.pop(), schedule.now()), (Some("late"), 5));
        assert_eq!(schedule.pop(), None);
    }
}
