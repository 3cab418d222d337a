//! What waits for a time.
use crate::notice::Step;
use std::collections::BTreeMap;

/// Something that happens at a time. There is one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// The height begins.
    Begin,
    /// A wait of a round ends.
    Wait { step: Step, round: u32 },
    /// Votes are repeated.
    Repeat { round: u32 },
    /// Catch-up looks again.
    Sync,
}

/// Timers by what they are for.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers(BTreeMap<Timer, u64>);

impl Timers {
    /// Sets or moves a timer.
    pub(super) fn set(&mut self, timer: Timer, at_ms: u64) {
        self.0.insert(timer, at_ms);
    }

    /// Removes a timer.
    pub(super) fn cancel(&mut self, timer: Timer) {
        self.0.remove(&timer);
    }

    /// Removes the timers of rounds.
    pub(super) fn cancel_rounds(&mut self) {
        self.0.retain(|timer, _| !matches!(timer, Timer::Wait { .. } | Timer::Repeat { .. }));
    }

    /// When the next one is due.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.0.values().min().copied()
    }

    /// Takes the earliest one that is due.
    pub(super) fn take_due(&mut self, now_ms: u64) -> Option<Timer> {
        let (timer, _) = self.0.iter().filter(|(_, at_ms)| **at_ms <= now_ms).min_by_key(|(_, at_ms)| **at_ms)?;
        let timer = *timer;
        self.0.remove(&timer);
        Some(timer)
    }
}
