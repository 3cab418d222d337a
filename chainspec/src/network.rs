//! Builds the genesis of a new Pervade network.
use crate::{
    BaseFeeRule, BeneficiaryRule, ChainSpec, PermissionRule, PervadeConfig, PrecompileActivations, ValidatorConfig,
    fork_table::FORKS, genesis_json::PERVADE_FIELD, params, validator_set_hash,
};
use alloy_eips::{eip2935, eip4788, eip7002, eip7251, eip7840::BlobParams};
use alloy_genesis::{ChainConfig, Genesis, GenesisAccount};
use alloy_primitives::{Address, Bytes, U256};
use std::collections::BTreeMap;

/// What a new network is to be.
#[derive(Debug, Clone)]
pub struct NetworkParams {
    /// EIP-155 chain id, 1 to [`params::CHAIN_ID_MAX`].
    pub chain_id: u64,
    /// Time of block 0, Unix seconds. Not later than the first block's.
    pub timestamp: u64,
    /// Validators that decide the first block.
    pub validators: Vec<ValidatorConfig>,
    /// Accounts with money: address and wei.
    pub funded: Vec<(Address, U256)>,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Shortest time between blocks with transactions, milliseconds.
    pub block_period_ms: u64,
    /// Longest time without a block, milliseconds; 0: no empty blocks.
    pub empty_block_period_ms: u64,
    /// How the base fee moves.
    pub base_fee: BaseFeeRule,
    /// Share of the gas limit for system transactions, percent.
    pub system_gas_share_percent: u64,
    /// Whether accounts need permissions.
    pub permissions: PermissionRule,
    /// From when the precompiles answer.
    pub precompiles: PrecompileActivations,
    /// Who gets the fees.
    pub beneficiary: BeneficiaryRule,
}

impl NetworkParams {
    /// A network of these validators with the defaults of [`params`], nobody funded.
    pub fn new(chain_id: u64, validators: Vec<ValidatorConfig>) -> Self {
        let defaults = PervadeConfig::new(validators, params::GAS_LIMIT_DEFAULT);
        Self {
            chain_id,
            timestamp: 0,
            validators: defaults.validators,
            funded: Vec::new(),
            gas_limit: defaults.gas_limit,
            block_period_ms: defaults.block_period_ms,
            empty_block_period_ms: defaults.empty_block_period_ms,
            base_fee: defaults.base_fee,
            system_gas_share_percent: defaults.system_gas_share_percent,
            permissions: defaults.permissions,
            precompiles: defaults.precompiles,
            beneficiary: defaults.beneficiary,
        }
    }
}

impl ChainSpec {
    /// Builds the genesis of a new network: Osaka's rules from block 0, the contracts that those rules call, the
    /// precompile accounts, `config.pervade` (in `config.extra_fields`) and the validator set's hash.
    ///
    /// Nothing is checked here: [`ChainSpec::from_genesis`] does it.
    pub fn new_network(network: NetworkParams) -> Genesis {
        let pervade = PervadeConfig {
            validators: network.validators,
            block_period_ms: network.block_period_ms,
            empty_block_period_ms: network.empty_block_period_ms,
            gas_limit: network.gas_limit,
            base_fee: network.base_fee,
            system_gas_share_percent: network.system_gas_share_percent,
            permissions: network.permissions,
            precompiles: network.precompiles,
            beneficiary: network.beneficiary,
        };
        let mut config = config_with_all_forks(network.chain_id);
        config.extra_fields.insert(PERVADE_FIELD.to_owned(), pervade.to_json());
        Genesis {
            config,
            timestamp: network.timestamp,
            extra_data: Bytes::from(validator_set_hash(&pervade.validators)),
            gas_limit: network.gas_limit,
            base_fee_per_gas: Some(u128::from(pervade.base_fee.initial())),
            alloc: alloc(&network.funded),
            ..Default::default()
        }
    }
}

/// A contract that a fork's block processing calls.
pub(crate) struct SystemContract {
    pub(crate) address: Address,
    pub(crate) eip: u32,
    code: &'static Bytes,
}

/// Beacon roots, block hashes, withdrawal requests and consolidation requests.
pub(crate) static SYSTEM_CONTRACTS: [SystemContract; 4] = [
    SystemContract { address: eip4788::BEACON_ROOTS_ADDRESS, eip: 4788, code: &eip4788::BEACON_ROOTS_CODE },
    SystemContract { address: eip2935::HISTORY_STORAGE_ADDRESS, eip: 2935, code: &eip2935::HISTORY_STORAGE_CODE },
    SystemContract {
        address: eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
        eip: 7002,
        code: &eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE,
    },
    SystemContract {
        address: eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        eip: 7251,
        code: &params::CONSOLIDATION_REQUESTS_CODE,
    },
];

fn config_with_all_forks(chain_id: u64) -> ChainConfig {
    let mut config = ChainConfig { chain_id, terminal_total_difficulty: Some(U256::ZERO), ..Default::default() };
    for fork in FORKS.iter().filter(|fork| !fork.optional) {
        *(fork.activation_mut)(&mut config) = Some(0);
    }
    config.blob_schedule = BTreeMap::from([
        ("cancun".to_owned(), BlobParams::cancun()),
        ("prague".to_owned(), BlobParams::prague()),
        ("osaka".to_owned(), BlobParams::osaka()),
    ]);
    config
}

fn alloc(funded: &[(Address, U256)]) -> BTreeMap<Address, GenesisAccount> {
    let mut alloc = BTreeMap::<_, GenesisAccount>::new();
    for (address, balance) in funded {
        let account = alloc.entry(*address).or_default();
        account.balance = account.balance.saturating_add(*balance);
    }
    for contract in &SYSTEM_CONTRACTS {
        let account = alloc.entry(contract.address).or_default();
        account.nonce = Some(1);
        account.code = Some(contract.code.clone());
    }
    for address in params::PRECOMPILE_ADDRESSES {
        let account = alloc.entry(address).or_default();
        account.nonce = Some(params::PRECOMPILE_NONCE);
        account.code = Some(params::PRECOMPILE_CODE.clone());
    }
    alloc
}
