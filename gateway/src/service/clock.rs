//! The chain's time between its blocks, by which gateways say when they were answered.
use std::time::Instant;

/// Unix time as the newest block has it, and what has passed since. Milliseconds never go back: blocks of the same second have
/// the same time, and of two answers the chain keeps the later one.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChainClock {
    /// Time of the newest block, Unix seconds.
    timestamp: u64,
    /// When the first block of that time was seen.
    seen: Instant,
    told_ms: u64,
}

impl ChainClock {
    /// A clock that begins with a block's time, Unix seconds.
    pub(super) fn new(timestamp: u64, now: Instant) -> Self {
        Self { timestamp, seen: now, told_ms: 0 }
    }

    /// A newer block was seen.
    pub(super) fn see(&mut self, timestamp: u64, now: Instant) {
        if timestamp != self.timestamp {
            (self.timestamp, self.seen) = (timestamp, now);
        }
    }

    /// Unix seconds.
    pub(super) fn seconds(&self, now: Instant) -> u64 {
        self.timestamp.saturating_add(now.saturating_duration_since(self.seen).as_secs())
    }

    /// Unix milliseconds, never fewer than before.
    pub(super) fn milliseconds(&mut self, now: Instant) -> u64 {
        let passed = u64::try_from(now.saturating_duration_since(self.seen).as_millis()).unwrap_or(u64::MAX);
        self.told_ms = self.told_ms.max(self.timestamp.saturating_mul(1_000).saturating_add(passed));
        self.told_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn time_goes_on_over_blocks_of_one_second() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut clock = ChainClock::new(100, start);
        assert_eq!(clock.milliseconds(at(150)), 100_150);
        clock.see(100, at(200));
        assert_eq!((clock.milliseconds(at(210)), clock.seconds(at(999))), (100_210, 100));
        clock.see(101, at(1_000));
        assert_eq!((clock.milliseconds(at(1_001)), clock.seconds(at(2_000))), (101_001, 102));
    }

    #[test]
    fn a_block_that_came_late_does_not_set_it_back() {
        let start = Instant::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let mut clock = ChainClock::new(100, start);
        assert_eq!(clock.milliseconds(at(1_300)), 101_300);
        clock.see(101, at(1_310));
        assert_eq!(clock.milliseconds(at(1_311)), 101_300);
        assert_eq!(clock.milliseconds(at(1_700)), 101_390);
    }
}
