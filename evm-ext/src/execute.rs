//! Executes a block on its parent's state.
use crate::BlockError;
use alloy_primitives::B256;
use pervade_chainspec::ChainSpec;
use pervade_storage::{ExecutedBlock, Receipt, RecoveredBlock, StateView};
use std::sync::Arc;

/// What execution produces beside the state.
#[derive(Debug, Clone)]
pub struct BlockOutcome {
    /// One for each transaction.
    pub receipts: Vec<Receipt>,
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Blob gas used.
    pub blob_gas_used: u64,
    /// EIP-7685 hash of the requests; `None` before Prague.
    pub requests_hash: Option<B256>,
}

/// Executes and checks everything the header commits to: gas, receipts root, bloom, requests hash, state root.
/// `view` is the state after the parent. The header itself is checked by [`crate::validate_block`].
pub fn execute_block(
    _spec: &ChainSpec,
    _view: &StateView,
    _block: Arc<RecoveredBlock>,
    _merged: bool,
    _total_difficulty: alloy_primitives::U256,
) -> Result<ExecutedBlock, BlockError> {
    todo!()
}
