//! The two clocks of a node, as the consensus machine wants them.
use pervade_consensus::Now;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

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
        Now { monotonic_ms: milliseconds(self.started.elapsed()), unix_ms: unix_ms() }
    }

    /// The moment of a time that [`Now::monotonic_ms`] counts.
    pub(super) fn instant(&self, monotonic_ms: u64) -> Instant {
        // An alarm that is further away than instants reach never rings: so does one at the end of a century.
        const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
        self.started + Duration::from_millis(monotonic_ms).min(FAR)
    }
}

/// The date, Unix seconds.
pub(super) fn unix_seconds() -> u64 {
    unix_ms() / 1000
}

/// The date, milliseconds; 0 before 1970.
fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, milliseconds)
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
