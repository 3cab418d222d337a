//! Which fork rules hold for a block.
use alloy_eips::eip7840::BlobParams;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_primitives::Address;
use revm::primitives::hardfork::SpecId;

/// The forks of a chain by block number and by time, as its genesis file states them.
#[derive(Debug, Clone, Default)]
pub struct ForkSchedule {}

/// The schedule seen from one block: whether that block is past the merge is known from its header
/// (difficulty zero and the parent's total difficulty at the terminal one), not from its number.
#[derive(Debug, Clone, Copy)]
pub struct BlockForks<'a> {
    /// The chain's schedule.
    pub schedule: &'a ForkSchedule,
    /// Number of the block.
    pub number: u64,
    /// Unix seconds of the block.
    pub timestamp: u64,
    /// The block is a proof-of-stake block (Paris rules or later).
    pub merged: bool,
}

impl BlockForks<'_> {
    /// Rules of execution.
    pub fn spec_id(&self) -> SpecId {
        todo!()
    }
    /// Blob target, maximum and update fraction; `None` before Cancun. Follows the blob schedule, BPO forks included.
    pub fn blob_params(&self) -> Option<BlobParams> {
        todo!()
    }
    /// EIP-6110 deposit contract.
    pub fn deposit_contract(&self) -> Option<Address> {
        todo!()
    }
}

/// What alloy-evm's executor asks; Paris is answered from `merged`.
impl EthereumHardforks for BlockForks<'_> {
    fn ethereum_fork_activation(&self, _fork: EthereumHardfork) -> ForkCondition {
        todo!()
    }
}
