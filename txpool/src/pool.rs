//! [`TxPool`]: the pool's public face.
use crate::{PoolConfig, PoolError};
use alloy_primitives::{Address, B256, Bytes};
use pervade_chainspec::ChainSpec;
use pervade_evm_ext::{ProposalTransaction, TransactionSource};
use pervade_storage::{ExecutedBlock, Storage, Transaction};
use std::{collections::BTreeMap, path::Path, sync::Arc, time::Instant};

/// A transaction in the pool.
#[derive(Debug, Clone)]
pub struct PooledTransaction {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// Its hash.
    pub hash: B256,
    /// Its sender, recovered once.
    pub sender: Address,
    /// Encoded size.
    pub bytes: usize,
    /// When it came.
    pub arrived: Instant,
}

/// Counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct PoolStatus {
    /// Executable now.
    pub pending: usize,
    /// Behind a nonce gap, or not payable yet.
    pub queued: usize,
}

/// All transactions by sender and nonce, for `txpool_content`.
#[derive(Debug, Clone, Default)]
pub struct PoolContent {
    /// Executable.
    pub pending: BTreeMap<Address, BTreeMap<u64, PooledTransaction>>,
    /// Not yet.
    pub queued: BTreeMap<Address, BTreeMap<u64, PooledTransaction>>,
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct TxPool {}

impl TxPool {
    /// Opens the journal in `dir` and takes its transactions back.
    pub fn open(_dir: &Path, _spec: Arc<ChainSpec>, _storage: Storage, _config: PoolConfig) -> Result<Self, PoolError> {
        todo!()
    }
    /// Decodes, validates against the head, and adds an EIP-2718 encoded transaction. When the future is done with
    /// `Ok`, the journal has it on disk: concurrent calls share one sync.
    pub async fn submit(&self, _encoded: Bytes) -> Result<B256, PoolError> {
        todo!()
    }
    /// The best transactions for a block on the head, from a snapshot.
    pub fn best(&self, _base_fee: Option<u64>) -> BestTransactions {
        todo!()
    }
    /// Removes what the new head included or made invalid, promotes what it made executable.
    pub fn on_block(&self, _block: &ExecutedBlock) {
        todo!()
    }
    /// Drops transactions that the proposer found invalid.
    pub fn remove(&self, _hashes: &[B256]) {
        todo!()
    }
    /// By hash.
    pub fn get(&self, _hash: &B256) -> Option<PooledTransaction> {
        todo!()
    }
    /// Sender of a pooled transaction.
    pub fn sender(&self, _hash: &B256) -> Option<Address> {
        todo!()
    }
    /// Nonce after this sender's executable transactions; `None` if it has none here.
    pub fn next_nonce(&self, _sender: &Address) -> Option<u64> {
        todo!()
    }
    /// Counts.
    pub fn status(&self) -> PoolStatus {
        todo!()
    }
    /// Everything.
    pub fn content(&self) -> PoolContent {
        todo!()
    }
    /// Everything of one sender.
    pub fn content_from(&self, _sender: &Address) -> PoolContent {
        todo!()
    }
    /// Every transaction that becomes executable (`newPendingTransactions`); bounded, slow readers lose the oldest.
    pub fn subscribe(&self) -> tokio::sync::broadcast::Receiver<PooledTransaction> {
        todo!()
    }
    /// Completes when there is something to propose.
    pub async fn wait_for_pending(&self) {
        todo!()
    }
}

/// See [`TxPool::best`].
pub struct BestTransactions {}

impl TransactionSource for BestTransactions {
    fn next(&mut self) -> Option<ProposalTransaction> {
        todo!()
    }
    fn refuse(&mut self) {
        todo!()
    }
}
