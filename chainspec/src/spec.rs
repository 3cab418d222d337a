//! [`ChainSpec`]: a parsed and checked genesis file.
use crate::{BlockForks, ChainSpecError, ForkSchedule, PervadeConfig};
use alloy_consensus::Header;
use alloy_genesis::Genesis;
use alloy_primitives::{Address, B256, U256};
use std::path::Path;

/// A chain: what its genesis file says, checked. Cheap to share in an `Arc`.
#[derive(Debug, Clone)]
pub struct ChainSpec {
    #[allow(dead_code)]
    forks: ForkSchedule,
}

impl ChainSpec {
    /// Reads and checks a genesis file.
    pub fn read(_file: &Path) -> Result<Self, ChainSpecError> {
        todo!()
    }
    /// Parses and checks genesis JSON; `file` names its origin in errors.
    pub fn from_json(_file: &str, _json: &[u8]) -> Result<Self, ChainSpecError> {
        todo!()
    }
    /// Checks a genesis that is already parsed (tests, `--dev`).
    pub fn from_genesis(_genesis: Genesis, _pervade: Option<PervadeConfig>) -> Result<Self, ChainSpecError> {
        todo!()
    }
    /// EIP-155 chain id.
    pub fn chain_id(&self) -> u64 {
        todo!()
    }
    /// The genesis file's contents.
    pub fn genesis(&self) -> &Genesis {
        todo!()
    }
    /// Header of block 0, with the state root of `alloc`.
    pub fn genesis_header(&self) -> &Header {
        todo!()
    }
    /// Hash of block 0.
    pub fn genesis_hash(&self) -> B256 {
        todo!()
    }
    /// Pervade's own section; `None` for a plain Ethereum genesis, which is imported and served read-only.
    pub fn pervade(&self) -> Option<&PervadeConfig> {
        todo!()
    }
    /// Fork rules of a block.
    pub fn forks_at(&self, _number: u64, _timestamp: u64, _merged: bool) -> BlockForks<'_> {
        todo!()
    }
    /// Total difficulty at which proof of work ends; `None` if it never does.
    pub fn terminal_total_difficulty(&self) -> Option<U256> {
        todo!()
    }
    /// Base fee of the block after `parent`: EIP-1559 (with the London transition) or the chain's own rule. `None` before London.
    pub fn next_base_fee(&self, _parent: &Header, _child: BlockForks<'_>) -> Option<u64> {
        todo!()
    }
    /// Excess blob gas of the block after `parent` (EIP-4844, EIP-7918, blob schedule). `None` before Cancun.
    pub fn next_excess_blob_gas(&self, _parent: &Header, _child: BlockForks<'_>) -> Option<u64> {
        todo!()
    }
    /// Who gets the fees of a block proposed by `proposer`.
    pub fn beneficiary(&self, _proposer: Address) -> Address {
        todo!()
    }
}
