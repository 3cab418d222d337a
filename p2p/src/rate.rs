//! Token buckets: how often something may happen.
use std::time::{Duration, Instant};

/// Lets `burst` through at once and `per_minute` on average.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    per_minute: u32,
    burst: u32,
    tokens: f64,
    last: Instant,
}

impl Rate {
    pub(crate) fn new(per_minute: u32, burst: u32, now: Instant) -> Self {
        Self { per_minute, burst, tokens: f64::from(burst), last: now }
    }

    /// Whether one more may happen at `now`.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.last);
        self.last = self.last.max(now);
        let gained = passed.as_secs_f64() * f64::from(self.per_minute) / Duration::from_secs(60).as_secs_f64();
        self.tokens = (self.tokens + gained).min(f64::from(self.burst));
        let admitted = self.tokens >= 1.0;
        if admitted {
            self.tokens -= 1.0;
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_passes_and_one_more_does_not() {
        let now = Instant::now();
        let mut rate = Rate::new(60, 3, now);
        assert_eq!([(); 4].map(|()| rate.admit(now)), [true, true, true, false]);
    }

    #[test]
    fn tokens_come_back_with_time_and_never_exceed_the_burst() {
        let now = Instant::now();
        let mut rate = Rate::new(60, 2, now);
        assert!(rate.admit(now) && rate.admit(now));
        let later = now + Duration::from_millis(1_001);
        assert!(rate.admit(later) && !rate.admit(later));
        let much_later = now + Duration::from_secs(3_600);
        assert_eq!([(); 3].map(|()| rate.admit(much_later)), [true, true, false]);
    }
}
