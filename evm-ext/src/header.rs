//! Rules that a block keeps without being executed: header against parent, body against header.
use crate::BlockError;
use alloy_consensus::Header;
use alloy_primitives::U256;
use pervade_chainspec::ChainSpec;
use pervade_storage::{RecoveredBlock, Storage};

/// Checks header and body (Ethereum's rules without seals, and Pervade's where the chain is one).
/// `storage` is asked for ancestors of ommers only.
pub fn validate_block(
    _spec: &ChainSpec,
    _parent: &Header,
    _parent_total_difficulty: U256,
    _block: &RecoveredBlock,
    _storage: &Storage,
) -> Result<(), BlockError> {
    todo!()
}
