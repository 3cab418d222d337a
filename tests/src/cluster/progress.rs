//! Lines on the error output while a scenario runs: its table comes at the end, and that may be an hour away.
use std::{fmt::Display, time::Instant};

/// Tells how far a scenario is.
#[derive(Debug)]
pub(super) struct Progress {
    scenario: &'static str,
    begun: Instant,
}

impl Progress {
    /// A scenario begins.
    pub(super) fn begin(scenario: &'static str) -> Self {
        Self { scenario, begun: Instant::now() }
    }

    /// One line.
    pub(super) fn say(&self, what: impl Display) {
        eprintln!("{} {:>5} s: {what}", self.scenario, self.begun.elapsed().as_secs());
    }
}
