//! [`Storage`]: one data directory.
use crate::{
    ExecutedBlock, LogFilter, Receipt, RecoveredBlock, StateView, StorageError, StorageOptions, Transaction,
    TransactionLocation,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::ChainSpec;
use std::{path::Path, sync::Arc};

/// One data directory, opened by one process. Clones share it.
#[derive(Clone)]
pub struct Storage {}

impl Storage {
    /// Opens or creates the directory, writes the genesis state into a new one, checks that an old one is of this
    /// chain and of a format this version reads. The state may lag behind the head after a crash: see [`Self::blocks_to_replay`].
    pub fn open(_dir: &Path, _spec: &ChainSpec, _options: StorageOptions) -> Result<Self, StorageError> {
        todo!()
    }
    /// After a crash the written state may be older than the head block. While this is `Some((first, last))`, the caller
    /// executes these blocks in order on `view_at(first - 1)` ... and hands each update to [`Self::replay`].
    pub fn blocks_to_replay(&self) -> Option<(u64, u64)> {
        todo!()
    }
    /// Takes the re-executed state of the next block to replay; its root must be the stored header's.
    pub fn replay(&self, _executed: ExecutedBlock) -> Result<(), StorageError> {
        todo!()
    }
    /// Makes a decided block durable (one sync) and then visible as the head. Its state is written in the background;
    /// waits while too many blocks are unwritten. The parent must be the head.
    pub fn commit(&self, _executed: ExecutedBlock) -> Result<(), StorageError> {
        todo!()
    }
    /// Like `commit` for bulk import: durable at the latest at the next [`Self::sync`].
    pub fn commit_unsynced(&self, _executed: ExecutedBlock) -> Result<(), StorageError> {
        todo!()
    }
    /// Waits until everything committed is durable and its state is written.
    pub fn sync(&self) -> Result<(), StorageError> {
        todo!()
    }
    /// Takes blocks above `number` back, state included (imports of chains with forks; conformance). Inside the history window.
    pub fn unwind(&self, _number: u64) -> Result<(), StorageError> {
        todo!()
    }

    /// The newest block.
    pub fn head(&self) -> Arc<RecoveredBlock> {
        todo!()
    }
    /// State at the head.
    pub fn latest_view(&self) -> StateView {
        todo!()
    }
    /// State after block `number`.
    pub fn view_at(&self, _number: u64) -> Result<StateView, StorageError> {
        todo!()
    }
    /// First block whose state is kept.
    pub fn first_state(&self) -> u64 {
        todo!()
    }

    /// Number of a canonical block.
    pub fn block_number(&self, _hash: &B256) -> Result<Option<u64>, StorageError> {
        todo!()
    }
    /// Hash of a canonical block.
    pub fn block_hash(&self, _number: u64) -> Result<Option<B256>, StorageError> {
        todo!()
    }
    /// Header without its body.
    pub fn header(&self, _number: u64) -> Result<Option<Header>, StorageError> {
        todo!()
    }
    /// Sum of difficulties up to and with this block.
    pub fn total_difficulty(&self, _number: u64) -> Result<Option<U256>, StorageError> {
        todo!()
    }
    /// Whole block with senders; recent ones come from memory.
    pub fn block(&self, _number: u64) -> Result<Option<Arc<RecoveredBlock>>, StorageError> {
        todo!()
    }
    /// All receipts of a block; recent ones come from memory.
    pub fn receipts(&self, _number: u64) -> Result<Option<Arc<Vec<Receipt>>>, StorageError> {
        todo!()
    }
    /// Number of transactions in a block.
    pub fn transaction_count(&self, _number: u64) -> Result<Option<u32>, StorageError> {
        todo!()
    }
    /// Where a transaction is.
    pub fn transaction_location(&self, _hash: &B256) -> Result<Option<TransactionLocation>, StorageError> {
        todo!()
    }
    /// One transaction and its sender; reads the record around it, not the block.
    pub fn transaction(&self, _at: TransactionLocation) -> Result<Option<(Transaction, Address)>, StorageError> {
        todo!()
    }
    /// One receipt, the gas used in the block before it, and the number of logs in the block before it.
    pub fn receipt(&self, _at: TransactionLocation) -> Result<Option<(Receipt, u64, u64)>, StorageError> {
        todo!()
    }
    /// Blocks in `first..=last` that can hold a matching log, ascending, at most `limit`; from the index alone.
    pub fn blocks_with_logs(
        &self,
        _filter: &LogFilter,
        _first: u64,
        _last: u64,
        _limit: usize,
    ) -> Result<Vec<u64>, StorageError> {
        todo!()
    }
    /// Called (in order, on the committing thread) with every block that `commit` made visible.
    pub fn subscribe(&self) -> crossbeam_channel::Receiver<ExecutedBlock> {
        todo!()
    }
}
