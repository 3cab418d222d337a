//! How much a transaction's logs and call may cost to read.
//!
//! ```text
//! all        gas used * CANONICAL_WORK_PER_GAS
//! a log      what is left of all, less CANONICAL_WORK_PER_LOG_MIN for each log after it; and never less than that
//! ```
use alloy_primitives::B256;
use pervade_chainspec::params::{
    CANONICAL_GAS_PER_PROGRAM_BYTE, CANONICAL_WORK_PER_GAS, CANONICAL_WORK_PER_LOG_MIN, CANONICAL_WORK_PER_OBSERVATION,
};
use pervade_semantics::{Error, Meter, limits::PROGRAM_BYTES_MAX};
use std::collections::BTreeSet;

/// Of one transaction.
pub(super) struct Budget {
    /// Nobody's yet.
    left: u64,
    /// Items that have not begun.
    items: u64,
    /// Of the item under way.
    item: u64,
    /// What it has spent.
    spent: u64,
    /// Mappings that were read for this transaction.
    loaded: BTreeSet<B256>,
    /// Bytes of further mappings that may be read.
    program_bytes: u64,
}

impl Budget {
    pub(super) fn new(gas_used: u64, items: usize) -> Self {
        let largest = u64::try_from(PROGRAM_BYTES_MAX).unwrap_or(u64::MAX);
        Self {
            left: gas_used.saturating_mul(CANONICAL_WORK_PER_GAS),
            items: u64::try_from(items).unwrap_or(u64::MAX),
            item: 0,
            spent: 0,
            loaded: BTreeSet::new(),
            program_bytes: largest.saturating_add(gas_used.checked_div(CANONICAL_GAS_PER_PROGRAM_BYTE).unwrap_or(0)),
        }
    }

    pub(super) fn begin_item(&mut self) {
        self.items = self.items.saturating_sub(1);
        let reserved = self.items.saturating_mul(CANONICAL_WORK_PER_LOG_MIN);
        self.item = self.left.saturating_sub(reserved).max(CANONICAL_WORK_PER_LOG_MIN);
        self.spent = 0;
    }

    pub(super) fn end_item(&mut self) {
        self.left = self.left.saturating_sub(self.spent);
    }

    /// A mapping of so many bytes is read.
    pub(super) fn load(&mut self, id: B256, bytes: usize) -> Result<(), Error> {
        if self.loaded.contains(&id) {
            return Ok(());
        }
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.program_bytes = self.program_bytes.checked_sub(bytes).ok_or(Error::OutOfWork)?;
        self.loaded.insert(id);
        Ok(())
    }

    /// So many observations are kept.
    pub(super) fn keep(&mut self, observations: usize) -> Result<(), Error> {
        let count = u64::try_from(observations).unwrap_or(u64::MAX);
        self.spend(count.saturating_mul(CANONICAL_WORK_PER_OBSERVATION))
    }
}

impl Meter for Budget {
    fn spend(&mut self, work: u64) -> Result<(), Error> {
        let spent = self.spent.saturating_add(work);
        if spent > self.item {
            return Err(Error::OutOfWork);
        }
        self.spent = spent;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greedy_item_leaves_the_others_their_share() {
        let gas = 30_000;
        let mut budget = Budget::new(gas, 3);
        budget.begin_item();
        let first = gas * CANONICAL_WORK_PER_GAS - 2 * CANONICAL_WORK_PER_LOG_MIN;
        assert_eq!(budget.spend(first), Ok(()));
        assert_eq!(budget.spend(1), Err(Error::OutOfWork));
        budget.end_item();
        for _ in 0..2 {
            budget.begin_item();
            assert_eq!(budget.spend(CANONICAL_WORK_PER_LOG_MIN), Ok(()));
            assert_eq!(budget.spend(1), Err(Error::OutOfWork));
            budget.end_item();
        }
    }

    #[test]
    fn what_one_item_leaves_is_the_next_ones() {
        let mut budget = Budget::new(100_000, 2);
        budget.begin_item();
        assert_eq!(budget.spend(100), Ok(()));
        budget.end_item();
        budget.begin_item();
        assert_eq!(budget.spend(100_000 * CANONICAL_WORK_PER_GAS - 100), Ok(()));
        assert_eq!(budget.spend(1), Err(Error::OutOfWork));
    }

    #[test]
    fn mappings_are_read_up_to_what_was_paid_and_each_once() {
        let gas = 40_000;
        let mut budget = Budget::new(gas, 4);
        assert_eq!(budget.load(B256::repeat_byte(1), PROGRAM_BYTES_MAX), Ok(()), "the largest one always fits");
        assert_eq!(budget.load(B256::repeat_byte(1), PROGRAM_BYTES_MAX), Ok(()));
        let more = usize::try_from(gas / CANONICAL_GAS_PER_PROGRAM_BYTE).unwrap();
        assert_eq!(budget.load(B256::repeat_byte(2), more + 1), Err(Error::OutOfWork));
        assert_eq!(budget.load(B256::repeat_byte(3), more), Ok(()));
    }

    #[test]
    fn three_observations_fit_into_the_least_that_a_log_has() {
        let mut budget = Budget::new(0, 1);
        budget.begin_item();
        assert_eq!(budget.keep(3), Ok(()));
        const {
            assert!(
                CANONICAL_WORK_PER_LOG_MIN - 3 * CANONICAL_WORK_PER_OBSERVATION > 3_000,
                "and their rules beside them"
            );
        }
    }
}
