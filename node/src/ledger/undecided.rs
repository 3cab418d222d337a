//! Executed blocks that are not decided, by hash: what was voted for need not be executed again when it is decided.
use alloy_primitives::B256;
use pervade_storage::ExecutedBlock;
use std::collections::{BTreeMap, VecDeque};

/// Blocks that are kept. A height rarely has more than one or two candidates; a Byzantine proposer must not fill the
/// memory with more. A block that had to go is executed again if it is decided after all.
pub(super) const UNDECIDED_BLOCKS_MAX: usize = 8;

/// Candidates of the next height.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    by_hash: BTreeMap<B256, ExecutedBlock>,
    oldest_first: VecDeque<B256>,
}

impl Undecided {
    pub(super) fn get(&self, hash: &B256) -> Option<&ExecutedBlock> {
        self.by_hash.get(hash)
    }

    /// Keeps a block; the oldest goes if there are too many.
    pub(super) fn insert(&mut self, executed: ExecutedBlock) {
        let hash = executed.block.hash;
        if self.by_hash.insert(hash, executed).is_none() {
            self.oldest_first.push_back(hash);
        }
        while self.oldest_first.len() > UNDECIDED_BLOCKS_MAX {
            if let Some(oldest) = self.oldest_first.pop_front() {
                self.by_hash.remove(&oldest);
            }
        }
    }

    /// Takes one out and forgets the others: their height is decided.
    pub(super) fn take(&mut self, hash: &B256) -> Option<ExecutedBlock> {
        let decided = self.by_hash.remove(hash);
        self.by_hash.clear();
        self.oldest_first.clear();
        decided
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
    use pervade_storage::{Block, RecoveredBlock, StateUpdate};
    use std::sync::Arc;

    fn block(byte: usize) -> ExecutedBlock {
        let hash = B256::with_last_byte(byte as u8);
        ExecutedBlock {
            block: Arc::new(RecoveredBlock { hash, block: Block::default(), senders: Vec::new() }),
            receipts: Arc::default(),
            state: Arc::<StateUpdate>::default(),
            total_difficulty: U256::ZERO,
        }
    }

    #[test]
    fn the_oldest_goes_when_one_too_many_comes() {
        let mut undecided = Undecided::default();
        for index in 0..UNDECIDED_BLOCKS_MAX {
            undecided.insert(block(index));
            undecided.insert(block(index));
        }
        assert!(undecided.get(&block(0).block.hash).is_some());
        undecided.insert(block(UNDECIDED_BLOCKS_MAX));
        assert!(undecided.get(&block(0).block.hash).is_none());
        assert!(undecided.take(&block(1).block.hash).is_some());
        assert!(undecided.get(&block(2).block.hash).is_none(), "the height is over");
    }
}
