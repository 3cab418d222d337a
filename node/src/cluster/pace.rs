//! When the machine is told that its height has work.
//!
//! ```text
//!   transactions pending ──────────────────────┐
//!   work of the protocol due ──────────────────┼─► and the block period over ──► WorkPending
//!   parent's time + empty block period ────────┘
//! ```
//! The wait is ours and not the machine's, because its length is in the state: a vote changes the periods from one height to
//! the next, and work has its time. The machine runs with periods of zero, and begins a height earlier where others do.
use super::work::NextHeight;
use crate::pacing::{Pacing, date, unix_ms};
use std::{
    future::{Future, pending},
    time::{Duration, Instant},
};
use tokio::time::sleep_until;

/// What is pending but fits into no block (its fee is too low) is tried again after this time.
const RETRY: Duration = Duration::from_millis(250);

/// The rhythm of heights.
#[derive(Debug, Default)]
pub(super) struct Pace {
    pacing: Pacing,
    /// The machine knows that this height has work.
    told: bool,
    /// When the last height that this node took part in was begun.
    begun: Option<(u64, Instant)>,
    /// The wait for an empty block ends; `None`: never.
    empty_at: Option<Instant>,
    /// The protocol's own work is due, Unix seconds.
    due_s: Option<u64>,
    /// The last block was empty though transactions were pending: they are tried again at this time.
    retry_at: Option<Instant>,
}

impl Pace {
    /// A height may be worked on. `stuck`: transactions are pending, and none of them fitted into the last block.
    pub(super) fn on_height(&mut self, next: &NextHeight, stuck: bool) {
        let now = Instant::now();
        self.told = false;
        self.pacing = next.pacing;
        self.due_s = next.due_s;
        self.retry_at = stuck.then(|| now + RETRY);
        let parent_ms = next.start.parent_timestamp_s.saturating_mul(1000);
        // All nodes compute the same end. One whose clock is behind waits no longer than the period.
        self.empty_at = self.pacing.empty_block_period.map(|period| now + left(parent_ms, unix_ms(), period));
    }

    /// The machine has begun a height.
    pub(super) fn on_begun(&mut self, height: u64) {
        if self.begun.is_none_or(|(begun, _)| begun != height) {
            self.begun = Some((height, Instant::now()));
        }
    }

    /// The machine was told.
    pub(super) fn on_told(&mut self) {
        self.told = true;
    }

    /// Completes when the height has work that the machine does not know of. `transactions` completes when some are
    /// pending.
    pub(super) async fn work(&self, transactions: impl Future<Output = ()>) {
        if self.told {
            return pending().await;
        }
        let transactions = async {
            moment(self.retry_at.or_else(|| Some(Instant::now()))).await;
            transactions.await;
        };
        tokio::select! {
            () = transactions => {}
            () = date(self.due_s) => {}
            () = moment(self.empty_at) => {}
        }
        moment(self.earliest().or_else(|| Some(Instant::now()))).await;
    }

    /// Before it this node begins no block.
    fn earliest(&self) -> Option<Instant> {
        self.begun.map(|(_, begun)| begun + self.pacing.block_period)
    }
}

/// What is left of a period that began at a date, both in Unix milliseconds.
fn left(begun_ms: u64, now_ms: u64, period: Duration) -> Duration {
    let end_ms = begun_ms.saturating_add(u64::try_from(period.as_millis()).unwrap_or(u64::MAX));
    Duration::from_millis(end_ms.saturating_sub(now_ms)).min(period)
}

/// Completes at a moment; never without one.
async fn moment(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use pervade_consensus::StartHeight;
    use std::future::ready;
    use tokio::time::timeout;

    const LONG: Duration = Duration::from_secs(600);
    const SHORT: Duration = Duration::from_millis(30);

    fn height(block_period: Duration, empty_block_period: Option<Duration>, due_s: Option<u64>) -> NextHeight {
        let parent_timestamp_s = unix_ms() / 1000;
        NextHeight {
            start: StartHeight { height: 1, parent_timestamp_s, validators: Vec::new() },
            pacing: Pacing { block_period, empty_block_period },
            due_s,
        }
    }

    fn pace(next: NextHeight) -> Pace {
        let mut pace = Pace::default();
        pace.on_height(&next, false);
        pace
    }

    async fn has_work(pace: &Pace, transactions: impl Future<Output = ()>) -> bool {
        timeout(SHORT, pace.work(transactions)).await.is_ok()
    }

    #[tokio::test]
    async fn transactions_due_work_and_the_time_of_an_empty_block_end_the_wait() {
        let quiet = pace(height(Duration::ZERO, None, None));
        assert!(!has_work(&quiet, pending()).await, "nothing is to be done");
        assert!(has_work(&quiet, ready(())).await, "transactions");
        let due = pace(height(Duration::ZERO, Some(LONG), Some(0)));
        assert!(has_work(&due, pending()).await, "work of the protocol");
        let later = pace(height(Duration::ZERO, Some(LONG), Some(unix_ms() / 1000 + 600)));
        assert!(!has_work(&later, pending()).await, "its time has not come");
        let empty = pace(height(Duration::ZERO, Some(Duration::from_millis(1)), None));
        assert!(has_work(&empty, pending()).await, "an empty block");
    }

    #[tokio::test]
    async fn nothing_is_told_twice_or_before_the_block_period_is_over() {
        let mut pace = pace(height(LONG, None, Some(0)));
        pace.on_begun(1);
        assert!(!has_work(&pace, ready(())).await, "the last height has just begun");
        pace.on_height(&height(Duration::ZERO, None, Some(0)), false);
        assert!(has_work(&pace, ready(())).await, "a vote has made the period shorter");
        pace.on_told();
        assert!(!has_work(&pace, ready(())).await, "the machine knows");
        pace.on_height(&height(Duration::ZERO, None, None), true);
        assert!(!has_work(&pace, ready(())).await, "the same did not fit a moment ago");
    }

    #[test]
    fn a_clock_that_is_behind_waits_no_longer_than_the_period() {
        let period = Duration::from_millis(500);
        assert_eq!(left(1_000, 1_200, period).as_millis(), 300);
        assert_eq!(left(1_000, 9_000, period).as_millis(), 0);
        assert_eq!(left(9_000, 1_000, period).as_millis(), 500);
        assert_eq!(left(u64::MAX, 0, period).as_millis(), 500);
    }
}
