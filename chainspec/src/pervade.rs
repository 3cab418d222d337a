//! The section `config.pervade` of a genesis file.
use alloy_primitives::{Address, Bytes};
use serde::{Deserialize, Serialize};

/// Pervade's own settings of a chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PervadeConfig {
    /// Validators of the first block.
    pub validators: Vec<ValidatorConfig>,
    /// Shortest time between two blocks with transactions, milliseconds. 0: as soon as there is one.
    pub block_period_ms: u64,
    /// Longest time without a block, milliseconds. 0: no empty blocks.
    pub empty_block_period_ms: u64,
    /// How the base fee moves.
    pub base_fee: BaseFeeRule,
}

/// One validator of the genesis file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ValidatorConfig {
    /// The account that votes in governance.
    pub account: Address,
    /// Compressed secp256k1 consensus key, 33 bytes.
    pub public_key: Bytes,
    /// Voting power.
    pub power: u64,
}

/// How the base fee moves, wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum BaseFeeRule {
    /// EIP-1559, never below `minimum`.
    Dynamic { minimum: u64 },
    /// Always `value`.
    Fixed { value: u64 },
    /// Always zero: senders need no balance.
    Zero,
}
