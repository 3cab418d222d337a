//! Senders of transactions.
use crate::BlockError;
use alloy_primitives::{Address, B256};
use pervade_storage::{Block, RecoveredBlock, Transaction};

/// Recovers senders in parallel. `known(hash)` answers for transactions whose sender is known already (the pool's).
pub fn recover_senders(
    _transactions: &[Transaction],
    _known: &(dyn Fn(&B256) -> Option<Address> + Sync),
) -> Result<Vec<Address>, BlockError> {
    todo!()
}
/// Hash and senders of a block.
pub fn recover_block(
    _block: Block,
    _known: &(dyn Fn(&B256) -> Option<Address> + Sync),
) -> Result<RecoveredBlock, BlockError> {
    todo!()
}
