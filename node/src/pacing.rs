//! When blocks are due: the chain's periods as the validators' votes have left them, and the times at which the protocol
//! has work of its own.
use crate::{NodeError, ledger::Ledger};
use pervade_chainspec::PervadeConfig;
use pervade_evm_ext::{governance::chain_settings, things::next_due_time};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

/// A wait for a date is looked at again after so long: somebody may have set the clock meanwhile.
const DATE_WAIT_MAX: Duration = Duration::from_secs(60);

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pacing {
    /// Shortest time between two blocks; zero: as soon as there is a transaction.
    pub block_period: Duration,
    /// Longest time without a block; `None`: no empty blocks.
    pub empty_block_period: Option<Duration>,
}

impl Pacing {
    /// The periods of a chain's settings.
    pub fn of(settings: &PervadeConfig) -> Self {
        let empty = Duration::from_millis(settings.empty_block_period_ms);
        Self {
            block_period: Duration::from_millis(settings.block_period_ms),
            empty_block_period: (!empty.is_zero()).then_some(empty),
        }
    }

    /// The periods that hold for the block after the head; `None` on a chain that has none.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn of_next_block(ledger: &Ledger) -> Result<Option<Self>, NodeError> {
        let view = ledger.storage().latest_view();
        let number = view.number().saturating_add(1);
        Ok(chain_settings(ledger.spec(), view, number)?.as_ref().map(Self::of))
    }

    /// As [`Self::of_next_block`], if a vote has made them differ from what the genesis file says.
    ///
    /// # Errors
    /// As there.
    pub fn voted(ledger: &Ledger) -> Result<Option<Self>, NodeError> {
        let genesis = ledger.spec().pervade().map(Self::of);
        Ok(Self::of_next_block(ledger)?.filter(|pacing| Some(*pacing) != genesis))
    }
}

/// When the protocol's own work needs a block, with or without transactions: Unix seconds, 0 if it does already. `None` if
/// nothing waits for a time.
///
/// # Errors
/// The state cannot be read.
pub fn work_due_s(ledger: &Ledger) -> Result<Option<u64>, NodeError> {
    let view = ledger.storage().latest_view();
    let number = view.number().saturating_add(1);
    let base_fee = next_base_fee(ledger, unix_seconds()).unwrap_or_default();
    Ok(next_due_time(ledger.spec(), view, number, base_fee)?)
}

/// Base fee of the block after the head; what the pool orders candidates by.
pub fn next_base_fee(ledger: &Ledger, timestamp: u64) -> Option<u64> {
    let head = ledger.head();
    let child = ledger.spec().forks_at(head.number().saturating_add(1), timestamp, true);
    ledger.spec().next_base_fee(head.header(), child)
}

/// The date, milliseconds; 0 before 1970.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// The date, Unix seconds.
pub(crate) fn unix_seconds() -> u64 {
    unix_ms() / 1000
}

/// Completes when the date is this, Unix seconds; never without one.
pub(crate) async fn date(unix_s: Option<u64>) {
    let Some(unix_s) = unix_s else { return std::future::pending().await };
    loop {
        let left_ms = unix_s.saturating_mul(1000).saturating_sub(unix_ms());
        if left_ms == 0 {
            return;
        }
        sleep(Duration::from_millis(left_ms).min(DATE_WAIT_MAX)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_period_of_zero_makes_no_empty_blocks() {
        let settings =
            PervadeConfig { block_period_ms: 200, empty_block_period_ms: 0, ..PervadeConfig::new(Vec::new(), 1) };
        let pacing = Pacing::of(&settings);
        assert_eq!((pacing.block_period.as_millis(), pacing.empty_block_period), (200, None));
        let settings = PervadeConfig { empty_block_period_ms: 500, ..settings };
        assert_eq!(Pacing::of(&settings).empty_block_period, Some(Duration::from_millis(500)));
    }

    #[tokio::test]
    async fn a_date_that_has_come_is_not_waited_for_and_one_ahead_is() {
        date(Some(0)).await;
        let (begun, wanted) = (Instant::now(), unix_seconds() + 1);
        date(Some(wanted)).await;
        assert!(unix_seconds() >= wanted && begun.elapsed() < Duration::from_secs(5));
        let never = tokio::time::timeout(Duration::from_millis(20), date(None)).await;
        assert!(never.is_err());
    }
}
