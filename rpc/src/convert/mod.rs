//! Chain data as JSON, exactly as the OpenRPC document of Ethereum names it. The types here borrow what they write: a
//! block or a receipt is served without being copied first.
mod block;
mod call;
mod log;
mod proof;
mod quantity;
mod receipt;
mod transaction;

pub(crate) use block::{BlockJson, HeaderJson, OmmerJson, Transactions};
pub(crate) use call::{BlockArguments, CallArguments, StateArguments, block_overrides, call_request, state_overrides};
pub(crate) use log::LogJson;
pub(crate) use proof::ProofJson;
pub(crate) use quantity::{Hex256, Quantity};
pub(crate) use receipt::ReceiptJson;
pub(crate) use transaction::TransactionJson;

use alloy_primitives::B256;
use pervade_storage::RecoveredBlock;

/// Where a transaction stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Hash of its block.
    pub(crate) block_hash: B256,
    /// Number of its block.
    pub(crate) block_number: u64,
    /// Unix seconds of its block.
    pub(crate) timestamp: u64,
    /// Base fee of its block.
    pub(crate) base_fee: Option<u64>,
    /// Position in its block.
    pub(crate) index: u64,
}

impl Place {
    /// The place of the transaction at `index` of `block`.
    pub(crate) fn of(block: &RecoveredBlock, index: u64) -> Self {
        let header = block.header();
        Self {
            block_hash: block.hash,
            block_number: header.number,
            timestamp: header.timestamp,
            base_fee: header.base_fee_per_gas,
            index,
        }
    }
}
