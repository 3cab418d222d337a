//! The two clocks of a node, as the consensus machine wants them.
use crate::pacing::unix_ms;
use pervade_consensus::Now;
use std::time::{Duration, Instant};

/// Monotonic time since the node started, and the date.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    started: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self { started: Instant::now() }
    }

    pub(super) fn now(&self) -> Now {
        let monotonic_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { monotonic_ms, unix_ms: unix_ms() }
    }

    /// The moment of a time that [`Now::monotonic_ms`] counts.
    pub(super) fn instant(&self, monotonic_ms: u64) -> Instant {
        // An alarm that is further away than instants reach never rings: so does one at the end of a century.
        const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        self.started + Duration::from_millis(monotonic_ms).min(FAR)
    }
}
