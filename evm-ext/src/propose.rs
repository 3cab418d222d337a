//! Builds a block from pool transactions.
use crate::BlockError;
use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use pervade_chainspec::ChainSpec;
use pervade_storage::{ExecutedBlock, StateView, Transaction};
use std::{sync::Arc, time::Duration};

/// What the proposer chooses. Everything else of the header follows from chain and parent.
#[derive(Debug, Clone)]
pub struct ProposalAttributes {
    /// Unix seconds; at least the parent's.
    pub timestamp: u64,
    /// Account of the proposer.
    pub proposer: Address,
    /// Stop taking transactions after this time.
    pub time_max: Duration,
}

/// A candidate with its recovered sender and known hash.
#[derive(Debug, Clone)]
pub struct ProposalTransaction {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// Its hash.
    pub hash: B256,
    /// Its sender.
    pub sender: Address,
}

/// A built block, and the candidates that turned out invalid (to be dropped from the pool).
#[derive(Debug)]
pub struct Proposal {
    /// Ready to be decided.
    pub executed: ExecutedBlock,
    /// Hash and reason.
    pub refused: Vec<(B256, String)>,
}

/// The pool's best transactions, one by one. `refuse` tells that this one was not taken, so that its sender's later ones are left out.
pub trait TransactionSource {
    /// The next candidate: best price first, each sender's in nonce order.
    fn next(&mut self) -> Option<ProposalTransaction>;
    /// The last one given was not taken.
    fn refuse(&mut self);
}

/// Executes candidates until the block is full, and computes the header.
pub fn propose_block(
    _spec: &ChainSpec,
    _parent: &Header,
    _parent_hash: B256,
    _view: &StateView,
    _attributes: &ProposalAttributes,
    _source: &mut dyn TransactionSource,
) -> Result<Proposal, BlockError> {
    todo!()
}
