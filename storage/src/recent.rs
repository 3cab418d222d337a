//! [`RecentBlocks`]: the newest blocks with their receipts, in memory.
use crate::{ExecutedBlock, Receipt, RecoveredBlock, Transaction};
use alloy_consensus::InMemorySize;
use alloy_primitives::U256;
use parking_lot::RwLock;
use std::{
    collections::BTreeMap,
    mem::{size_of, size_of_val},
    sync::Arc,
};

/// Memory for recent blocks. Some 60,000 plain transfers with their receipts.
const RECENT_BYTES_MAX: usize = 32 << 20;
/// Recent blocks, however small.
const RECENT_BLOCKS_MAX: usize = 1024;

/// One block with its receipts.
#[derive(Debug)]
pub(crate) struct RecentBlock {
    pub(crate) block: Arc<RecoveredBlock>,
    pub(crate) receipts: Arc<Vec<Receipt>>,
    pub(crate) total_difficulty: U256,
    /// Logs in the block before each transaction.
    logs_before: Vec<u64>,
    bytes: usize,
}

impl RecentBlock {
    pub(crate) fn new(executed: &ExecutedBlock) -> Self {
        let mut logs = 0u64;
        let mut logs_before = Vec::with_capacity(executed.receipts.len());
        for receipt in executed.receipts.iter() {
            logs_before.push(logs);
            logs = logs.saturating_add(receipt.logs.len() as u64);
        }
        Self {
            bytes: block_bytes(&executed.block).saturating_add(receipts_bytes(&executed.receipts)),
            block: executed.block.clone(),
            receipts: executed.receipts.clone(),
            total_difficulty: executed.total_difficulty,
            logs_before,
        }
    }

    /// The receipt of transaction `index`, gas used before it, logs before it.
    pub(crate) fn receipt(&self, index: usize) -> Option<(Receipt, u64, u64)> {
        let receipt = self.receipts.get(index)?;
        let gas_before = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.receipts.get(before)?.cumulative_gas_used,
        };
        Some((receipt.clone(), gas_before, *self.logs_before.get(index)?))
    }
}

fn block_bytes(block: &RecoveredBlock) -> usize {
    let body = &block.block.body;
    let transactions = body.transactions.iter().map(|transaction| transaction.size().max(size_of::<Transaction>()));
    let withdrawals = body.withdrawals.as_ref().map_or(0, |withdrawals| size_of_val(&withdrawals[..]));
    let others = [size_of_val(block), size_of_val(&block.senders[..]), size_of_val(&body.ommers[..]), withdrawals];
    transactions.chain(others).sum()
}

fn receipts_bytes(receipts: &[Receipt]) -> usize {
    let logs = receipts.iter().flat_map(|receipt| &receipt.logs);
    let logs = logs.flat_map(|log| [size_of_val(log), size_of_val(log.data.topics()), log.data.data.len()]);
    logs.chain([size_of_val(receipts)]).sum()
}

/// The newest blocks, bounded by count and bytes; the newest one always stays.
#[derive(Debug, Default)]
pub(crate) struct RecentBlocks {
    blocks: RwLock<Held>,
}

#[derive(Debug, Default)]
struct Held {
    by_number: BTreeMap<u64, Arc<RecentBlock>>,
    bytes: usize,
}

impl RecentBlocks {
    pub(crate) fn get(&self, number: u64) -> Option<Arc<RecentBlock>> {
        self.blocks.read().by_number.get(&number).cloned()
    }

    pub(crate) fn insert(&self, block: RecentBlock) {
        let mut held = self.blocks.write();
        held.bytes = held.bytes.saturating_add(block.bytes);
        if let Some(replaced) = held.by_number.insert(block.block.number(), Arc::new(block)) {
            held.bytes = held.bytes.saturating_sub(replaced.bytes);
        }
        while held.by_number.len() > 1 && (held.bytes > RECENT_BYTES_MAX || held.by_number.len() > RECENT_BLOCKS_MAX) {
            if let Some((_, oldest)) = held.by_number.pop_first() {
                held.bytes = held.bytes.saturating_sub(oldest.bytes);
            }
        }
    }

    /// Forgets blocks above `number`.
    pub(crate) fn truncate(&self, number: u64) {
        let mut held = self.blocks.write();
        let removed = held.by_number.split_off(&number.saturating_add(1));
        held.bytes = held.bytes.saturating_sub(removed.values().map(|block| block.bytes).sum());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Block, StateUpdate};
    use alloy_primitives::Bytes;

    fn block(number: u64, data_bytes: usize) -> RecentBlock {
        let mut block = Block::default();
        block.header.number = number;
        let log = alloy_primitives::Log::new_unchecked(Default::default(), vec![], Bytes::from(vec![0; data_bytes]));
        let receipt = |logs| Receipt {
            tx_type: alloy_consensus::TxType::Legacy,
            status: true.into(),
            cumulative_gas_used: 1,
            logs,
        };
        RecentBlock::new(&ExecutedBlock {
            block: Arc::new(RecoveredBlock { hash: Default::default(), block, senders: vec![] }),
            receipts: Arc::new(vec![receipt(vec![log.clone(), log]), receipt(vec![])]),
            state: Arc::new(StateUpdate::default()),
            total_difficulty: U256::ZERO,
        })
    }

    #[test]
    fn old_blocks_give_way_to_new_ones_by_bytes_and_by_count() {
        let recent = RecentBlocks::default();
        for number in 0..10 {
            recent.insert(block(number, 4 << 20));
        }
        assert!(recent.get(9).is_some() && recent.get(7).is_some());
        assert!(recent.get(5).is_none());
        recent.insert(block(10, 40 << 20));
        assert!(recent.get(10).is_some(), "the newest stays, however big");
        assert!(recent.get(9).is_none());

        let recent = RecentBlocks::default();
        for number in 0..=RECENT_BLOCKS_MAX as u64 {
            recent.insert(block(number, 0));
        }
        assert!(recent.get(0).is_none());
        assert!(recent.get(1).is_some());
        recent.truncate(1);
        assert!(recent.get(1).is_some() && recent.get(2).is_none());
        assert_eq!(recent.blocks.read().bytes, recent.get(1).unwrap().bytes);
    }

    #[test]
    fn a_receipt_comes_with_the_gas_and_logs_before_it() {
        let block = block(1, 0);
        assert_eq!(block.receipt(0).map(|(_, gas, logs)| (gas, logs)), Some((0, 0)));
        assert_eq!(block.receipt(1).map(|(_, gas, logs)| (gas, logs)), Some((1, 2)));
        assert!(block.receipt(2).is_none());
    }
}
