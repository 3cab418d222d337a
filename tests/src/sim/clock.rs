//! [`Clock`]: what a node's machine takes for the time.
use super::schedule::{Micros, SECOND};

/// Unix time of the chain's genesis, seconds: no block is older.
pub const GENESIS_UNIX_SECONDS: u64 = 1_800_000_000;

/// The wall clock of one machine: it is off by something, and jumps. The monotonic clock, which timers use, only
/// runs: the operating system keeps the two apart, and so does this.
#[derive(Debug, Clone, Copy, Default)]
pub struct Clock {
    offset: i64,
}

impl Clock {
    /// A clock that is so many microseconds ahead (or, below zero, behind).
    pub fn off_by(offset: i64) -> Self {
        Self { offset }
    }

    /// How far it is ahead, microseconds.
    pub fn offset(&self) -> i64 {
        self.offset
    }

    /// Somebody sets it.
    pub fn set(&mut self, offset: i64) {
        self.offset = offset;
    }

    /// Milliseconds since 1970 on this machine.
    pub fn unix_ms(&self, now: Micros) -> u64 {
        let since_genesis = i64::try_from(now).unwrap_or(i64::MAX).saturating_add(self.offset);
        let micros = i64::try_from(GENESIS_UNIX_SECONDS * SECOND).unwrap_or(i64::MAX).saturating_add(since_genesis);
        u64::try_from(micros).unwrap_or(0) / 1_000
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_runs_beside_the_time_by_its_offset() {
        let mut clock = Clock::off_by(-3_000_000);
        assert_eq!(clock.unix_ms(5 * SECOND), (GENESIS_UNIX_SECONDS + 2) * 1_000);
        clock.set(500_000);
        assert_eq!(clock.unix_ms(5 * SECOND), (GENESIS_UNIX_SECONDS + 5) * 1_000 + 500);
    }
}
