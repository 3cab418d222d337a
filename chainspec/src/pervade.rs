//! The section `config.pervade` of a genesis file.
use crate::params;
use alloy_primitives::{Address, Bytes};
use serde::Serialize;

/// Pervade's own settings of a chain. Written as JSON in camel case; read and checked by [`crate::ChainSpec`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PervadeConfig {
    /// Validators that decide the first block; 1 to [`params::VALIDATORS_MAX`].
    pub validators: Vec<ValidatorConfig>,
    /// Shortest time between two blocks with transactions, milliseconds. 0: as soon as there is one.
    pub block_period_ms: u64,
    /// Longest time without a block, milliseconds. 0: no empty blocks.
    pub empty_block_period_ms: u64,
    /// Gas limit of every block. Equal to the genesis header's; a file that leaves it out takes it from there.
    pub gas_limit: u64,
    /// How the base fee moves.
    pub base_fee: BaseFeeRule,
    /// Part of the gas limit that due system transactions may use, percent.
    pub system_gas_share_percent: u64,
    /// Whether accounts need permissions to transact.
    pub permissions: PermissionRule,
    /// From when the precompiles answer. Until then their accounts revert.
    pub precompiles: PrecompileActivations,
    /// Who gets the fees of a block.
    pub beneficiary: BeneficiaryRule,
}

/// One validator of the genesis file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ValidatorConfig {
    /// The account that votes in governance.
    pub account: Address,
    /// Compressed secp256k1 consensus key, 33 bytes.
    pub public_key: Bytes,
    /// Voting power, at least 1.
    pub power: u64,
}

/// How the base fee moves, wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum BaseFeeRule {
    /// EIP-1559, never below `minimum`.
    Dynamic {
        /// Lowest base fee, wei per gas.
        minimum: u64,
    },
    /// Always `value`.
    Fixed {
        /// The base fee, wei per gas.
        value: u64,
    },
    /// Always zero: senders need no balance.
    Zero,
}

/// Whether accounts need permissions (Governance precompile) to transact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PermissionRule {
    /// Every account may transact.
    #[default]
    Off,
    /// Governance decides who may.
    On,
}

/// From when each precompile answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PrecompileActivations {
    /// Thing Communication, at [`params::THINGS_ADDRESS`].
    #[serde(skip_serializing_if = "Activation::is_never")]
    pub things: Activation,
    /// Contract Database, at [`params::CONTRACT_DATABASE_ADDRESS`].
    #[serde(skip_serializing_if = "Activation::is_never")]
    pub contract_database: Activation,
    /// Semantics, at [`params::SEMANTICS_ADDRESS`].
    #[serde(skip_serializing_if = "Activation::is_never")]
    pub semantics: Activation,
    /// Governance, at [`params::GOVERNANCE_ADDRESS`].
    #[serde(skip_serializing_if = "Activation::is_never")]
    pub governance: Activation,
}

impl PrecompileActivations {
    /// All of them answer from the first block on.
    pub const fn all_from_genesis() -> Self {
        let first = Activation::Block(0);
        Self { things: first, contract_database: first, semantics: first, governance: first }
    }
}

/// The first block in which something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Activation {
    /// From this block number.
    Block(u64),
    /// From the first block with this timestamp or a later one, Unix seconds.
    Time(u64),
    /// Not on this chain.
    #[default]
    Never,
}

/// Who gets the fees of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum BeneficiaryRule {
    /// The account of the validator that proposed it.
    #[default]
    Proposer,
    /// One account, whoever proposes.
    Fixed {
        /// That account.
        address: Address,
    },
}

impl PervadeConfig {
    /// The defaults of `config.pervade` with these validators and this gas limit.
    pub fn new(validators: Vec<ValidatorConfig>, gas_limit: u64) -> Self {
        Self {
            validators,
            block_period_ms: params::BLOCK_PERIOD_MS_DEFAULT,
            empty_block_period_ms: params::EMPTY_BLOCK_PERIOD_MS_DEFAULT,
            gas_limit,
            base_fee: BaseFeeRule::default(),
            system_gas_share_percent: params::SYSTEM_GAS_SHARE_PERCENT_DEFAULT,
            permissions: PermissionRule::default(),
            precompiles: PrecompileActivations::default(),
            beneficiary: BeneficiaryRule::default(),
        }
    }

    /// Gas that system transactions of a block may use while work is due.
    pub fn system_gas(&self) -> u64 {
        // Divided first: no overflow, and the rounding is the protocol's.
        (self.gas_limit / 100).saturating_mul(self.system_gas_share_percent)
    }

    /// The section as JSON.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        // Plain structs and strings always serialise; `Null` would read as a chain without the section and fail
        // the genesis checks.
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Whether a precompile account answers in a block. False for any other address.
    pub fn precompile_active(&self, address: Address, number: u64, timestamp: u64) -> bool {
        let activation = match address {
            params::THINGS_ADDRESS => self.precompiles.things,
            params::CONTRACT_DATABASE_ADDRESS => self.precompiles.contract_database,
            params::SEMANTICS_ADDRESS => self.precompiles.semantics,
            params::GOVERNANCE_ADDRESS => self.precompiles.governance,
            _ => return false,
        };
        activation.holds(number, timestamp)
    }
}

impl BaseFeeRule {
    /// Base fee of the genesis block, where the file names none.
    pub fn initial(&self) -> u64 {
        match *self {
            Self::Dynamic { minimum } => minimum.max(params::INITIAL_BASE_FEE),
            Self::Fixed { value } => value,
            Self::Zero => 0,
        }
    }
}

impl Default for BaseFeeRule {
    fn default() -> Self {
        Self::Dynamic { minimum: params::BASE_FEE_MINIMUM_DEFAULT }
    }
}

impl Activation {
    /// Whether it holds in a block.
    pub fn holds(&self, number: u64, timestamp: u64) -> bool {
        match *self {
            Self::Block(first) => number >= first,
            Self::Time(first) => timestamp >= first,
            Self::Never => false,
        }
    }

    fn is_never(&self) -> bool {
        *self == Self::Never
    }
}
