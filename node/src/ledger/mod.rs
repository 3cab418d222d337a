//! The ledger: proposes, validates and commits blocks.
//!
//! ```text
//!   propose(attributes, source) ─┐
//!                                ├─► ExecutedBlock ──► commit ──► the head, durable
//!   validate(block) ─────────────┘
//! ```
//! Plain functions of the chain's rules and the stored head: no threads, no clock, no network. Whoever decides blocks
//! (one validator's producer, an import, a consensus engine) drives it. What `propose` and `validate` return may be
//! dropped freely: until `commit` nothing is written.
mod cluster;
mod recovery;
mod undecided;

pub use cluster::{ClusterLedger, KnownSenders, ProposedBlock, Verdict, validators};
pub use recovery::replay_lost_state;

use crate::NodeError;
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::ChainSpec;
use pervade_evm_ext::{
    BlockError, Proposal, ProposalAttributes, TransactionSource, execute_block, is_merged_after, propose_block,
    recover_block, validate_block,
};
use pervade_storage::{Block, ExecutedBlock, RecoveredBlock, Storage, StorageError};
use std::sync::Arc;

/// Proposes, validates and commits blocks on the head of one data directory. Clones share it.
#[derive(Clone)]
pub struct Ledger {
    spec: Arc<ChainSpec>,
    storage: Storage,
}

impl Ledger {
    /// The ledger of an opened data directory. State that a crash lost is executed again first.
    ///
    /// # Errors
    /// The stored blocks cannot be executed again: the data is damaged.
    pub fn open(spec: Arc<ChainSpec>, storage: Storage) -> Result<Self, NodeError> {
        replay_lost_state(&spec, &storage)?;
        Ok(Self { spec, storage })
    }

    /// The chain's rules.
    pub fn spec(&self) -> &Arc<ChainSpec> {
        &self.spec
    }

    /// Where blocks are kept.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// The newest block.
    pub fn head(&self) -> Arc<RecoveredBlock> {
        self.storage.head()
    }

    /// Builds a block on the head from what `source` offers. Writes nothing.
    ///
    /// # Errors
    /// The state cannot be read.
    pub fn propose(
        &self,
        attributes: &ProposalAttributes,
        source: &mut dyn TransactionSource,
    ) -> Result<Proposal, NodeError> {
        let head = self.storage.head();
        let view = self.storage.latest_view();
        propose_block(&self.spec, head.header(), head.hash, &view, attributes, source)
            .map_err(|e| NodeError::Propose { number: head.number().saturating_add(1), source: Box::new(e) })
    }

    /// Recovers the senders of a block that came from elsewhere. `known` answers for transactions whose sender is
    /// known already.
    ///
    /// # Errors
    /// A signature is invalid.
    pub fn recover(
        block: Block,
        known: &(dyn Fn(&B256) -> Option<Address> + Sync),
    ) -> Result<RecoveredBlock, NodeError> {
        let number = block.header.number;
        // Recovery takes the block, so that what an error needs is taken first: the hash costs little beside it.
        let hash = block.header.hash_slow();
        recover_block(block, known).map_err(|e| NodeError::Block { number, hash, source: Box::new(e) })
    }

    /// Checks a block as the child of the head, and executes it. Writes nothing.
    ///
    /// # Errors
    /// The block is invalid ([`NodeError::Block`] with field and reason), or the state cannot be read.
    pub fn validate(&self, block: Arc<RecoveredBlock>) -> Result<ExecutedBlock, NodeError> {
        let (number, hash) = (block.number(), block.hash);
        self.validate_on_head(block).map_err(|e| NodeError::Block { number, hash, source: Box::new(e) })
    }

    fn validate_on_head(&self, block: Arc<RecoveredBlock>) -> Result<ExecutedBlock, BlockError> {
        let head = self.storage.head();
        if block.header().parent_hash != head.hash {
            let reason =
                format!("is {}, but the head is block {} ({})", block.header().parent_hash, head.number(), head.hash);
            return Err(BlockError::Invalid { field: "parentHash", reason });
        }
        let before = total_difficulty(&self.storage, head.number())?;
        validate_block(&self.spec, head.header(), before, &block, &self.storage)?;
        let merged = is_merged_after(&self.spec, before);
        let after = before.saturating_add(block.header().difficulty);
        execute_block(&self.spec, &self.storage.latest_view(), block, merged, after)
    }

    /// Makes a block the head: durable when this returns. Its parent must be the head.
    ///
    /// # Errors
    /// Fatal: the write failed, and the node must stop.
    pub fn commit(&self, executed: ExecutedBlock) -> Result<(), NodeError> {
        Ok(self.storage.commit(executed)?)
    }

    /// Like [`Self::commit`] for bulk import: durable at the next [`Self::sync`].
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_unsynced(&self, executed: ExecutedBlock) -> Result<(), NodeError> {
        Ok(self.storage.commit_unsynced(executed)?)
    }

    /// Waits until everything committed is durable and its state is written.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn sync(&self) -> Result<(), NodeError> {
        Ok(self.storage.sync()?)
    }
}

/// Sum of difficulties up to and with a stored block.
fn total_difficulty(storage: &Storage, number: u64) -> Result<U256, StorageError> {
    storage.total_difficulty(number)?.ok_or(StorageError::UnknownBlock { number })
}
