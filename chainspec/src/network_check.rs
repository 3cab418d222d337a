//! What a genesis with `config.pervade` must satisfy, beyond being a genesis.
use crate::{
    BaseFeeRule, BeneficiaryRule, ForkSchedule, PervadeConfig,
    error::Refusal,
    network::{SYSTEM_CONTRACTS, SystemContract},
    params, validator_set_hash, validators,
};
use alloy_genesis::{Genesis, GenesisAccount};
use alloy_hardforks::{EthereumHardfork, ForkCondition};
use alloy_primitives::{Address, B256, U256};

/// How to get a right genesis; ends the errors that hand-editing would answer badly.
const ADVICE: &str = "`pervade genesis new` writes it";

pub(crate) fn check(genesis: &Genesis, pervade: &PervadeConfig, forks: &ForkSchedule) -> Result<(), Refusal> {
    check_section(pervade, genesis)?;
    check_forks(genesis, forks)?;
    check_header(genesis, pervade)?;
    check_accounts(genesis)
}

fn check_section(pervade: &PervadeConfig, genesis: &Genesis) -> Result<(), Refusal> {
    validators::check(&pervade.validators, "config.pervade.validators")?;
    let refuse = |field: &str, reason: String| Err(Refusal::new(format!("config.pervade.{field}"), reason));
    let (period, empty) = (pervade.block_period_ms, pervade.empty_block_period_ms);
    if period > params::BLOCK_PERIOD_MS_MAX {
        return refuse("blockPeriodMs", format!("{period} ms; at most {} are allowed", params::BLOCK_PERIOD_MS_MAX));
    }
    if empty > params::EMPTY_BLOCK_PERIOD_MS_MAX {
        let max = params::EMPTY_BLOCK_PERIOD_MS_MAX;
        return refuse("emptyBlockPeriodMs", format!("{empty} ms; at most {max} are allowed"));
    }
    if empty != 0 && empty < period {
        let reason = format!("{empty} ms, below blockPeriodMs of {period}; raise it, or give 0 for no empty blocks");
        return refuse("emptyBlockPeriodMs", reason);
    }
    if !(params::GAS_LIMIT_MIN..=params::GAS_LIMIT_MAX).contains(&pervade.gas_limit) {
        let (min, max) = (params::GAS_LIMIT_MIN, params::GAS_LIMIT_MAX);
        return refuse("gasLimit", format!("{} gas; allowed are {min} to {max}", pervade.gas_limit));
    }
    if pervade.gas_limit != genesis.gas_limit {
        let reason = format!("{}, but the header's gasLimit is {}", pervade.gas_limit, genesis.gas_limit);
        return refuse("gasLimit", format!("{reason}; make them equal, or leave this one out"));
    }
    let share = pervade.system_gas_share_percent;
    let (min, max) = (params::SYSTEM_GAS_SHARE_PERCENT_MIN, params::SYSTEM_GAS_SHARE_PERCENT_MAX);
    if !(min..=max).contains(&share) {
        return refuse("systemGasSharePercent", format!("{share} %; allowed are {min} to {max}"));
    }
    let (field, fee) = match pervade.base_fee {
        BaseFeeRule::Dynamic { minimum } => ("baseFee.minimum", minimum),
        BaseFeeRule::Fixed { value } => ("baseFee.value", value),
        BaseFeeRule::Zero => ("baseFee", 0),
    };
    if fee > params::BASE_FEE_MAX {
        return refuse(field, format!("{fee} wei per gas; at most {} are allowed", params::BASE_FEE_MAX));
    }
    if pervade.base_fee == (BaseFeeRule::Fixed { value: 0 }) {
        return refuse("baseFee.value", "zero; write {\"kind\": \"zero\"} for a network without fees".to_owned());
    }
    if pervade.beneficiary == (BeneficiaryRule::Fixed { address: params::SYSTEM_ACCOUNT }) {
        // Its private key is public: the fees would be anybody's.
        return refuse("beneficiary.address", "the system account, whose key is public; name another".to_owned());
    }
    Ok(())
}

/// Pervade's headers have the fields of Osaka from the first block.
fn check_forks(genesis: &Genesis, forks: &ForkSchedule) -> Result<(), Refusal> {
    if !(1..=params::CHAIN_ID_MAX).contains(&genesis.config.chain_id) {
        let reason = format!("{}; allowed are 1 to {}", genesis.config.chain_id, params::CHAIN_ID_MAX);
        return Err(Refusal::new("config.chainId", reason));
    }
    if forks.terminal_total_difficulty() != Some(U256::ZERO) {
        let reason = "must be 0: a Pervade network has no proof of work";
        return Err(Refusal::new("config.terminalTotalDifficulty", reason));
    }
    if genesis.config.dao_fork_block.is_some() {
        return Err(Refusal::new("config.daoForkBlock", "belongs to Ethereum's mainnet alone; remove it"));
    }
    for fork in crate::fork_table::FORKS.iter().filter(|fork| !fork.optional) {
        let at = (fork.activation)(&genesis.config);
        let limit = if fork.timed { genesis.timestamp } else { 0 };
        if at.is_none_or(|at| at > limit) {
            let reason = if fork.timed {
                format!("a Pervade network starts with Osaka's rules; set it to 0 (at most the timestamp {limit})")
            } else {
                "a Pervade network starts with Osaka's rules; set it to 0".to_owned()
            };
            return Err(Refusal::new(format!("config.{}", fork.field), reason));
        }
    }
    debug_assert!(forks.activation(EthereumHardfork::Osaka) != ForkCondition::Never);
    match genesis.config.deposit_contract_address {
        Some(_) => Err(Refusal::new(
            "config.depositContractAddress",
            "a Pervade network has no beacon chain that takes deposits; remove it",
        )),
        None => Ok(()),
    }
}

fn check_header(genesis: &Genesis, pervade: &PervadeConfig) -> Result<(), Refusal> {
    if !genesis.difficulty.is_zero() {
        return Err(Refusal::new("difficulty", "must be 0: a Pervade network has no proof of work"));
    }
    if genesis.nonce != 0 {
        return Err(Refusal::new("nonce", "must be 0: a Pervade network has no proof of work"));
    }
    if genesis.parent_hash.is_some_and(|hash| hash != B256::ZERO) {
        return Err(Refusal::new("parentHash", "the first block has no parent; remove it"));
    }
    for (field, value) in [("blobGasUsed", genesis.blob_gas_used), ("excessBlobGas", genesis.excess_blob_gas)] {
        if value.is_some_and(|value| value != 0) {
            return Err(Refusal::new(field, "must be 0: a Pervade network has no blobs"));
        }
    }
    let expected = validator_set_hash(&pervade.validators);
    if genesis.extra_data.as_ref() != expected.as_slice() {
        let reason = format!("must be the hash of config.pervade.validators; set it to {expected}");
        return Err(Refusal::new("extraData", reason));
    }
    let Some(base_fee) = genesis.base_fee_per_gas else { return Ok(()) };
    let allowed = match pervade.base_fee {
        BaseFeeRule::Dynamic { minimum } => base_fee >= u128::from(minimum),
        BaseFeeRule::Fixed { value } => base_fee == u128::from(value),
        BaseFeeRule::Zero => base_fee == 0,
    };
    if !allowed {
        let reason = format!("{base_fee} is at odds with config.pervade.baseFee");
        return Err(Refusal::new(
            "baseFeePerGas",
            format!("{reason}; remove it, or set {}", pervade.base_fee.initial()),
        ));
    }
    Ok(())
}

fn check_accounts(genesis: &Genesis) -> Result<(), Refusal> {
    for SystemContract { address, eip, .. } in &SYSTEM_CONTRACTS {
        let code = genesis.alloc.get(address).and_then(GenesisAccount::non_empty_code);
        if code.is_none() {
            let reason = format!("the chain's forks call a contract there (EIP-{eip}); give the account that code");
            return Err(Refusal::new(path(address), format!("{reason}, {ADVICE}")));
        }
    }
    for address in params::PRECOMPILE_ADDRESSES {
        let account = genesis.alloc.get(&address);
        if account.and_then(GenesisAccount::non_empty_code) != Some(&params::PRECOMPILE_CODE) {
            let reason = format!("a precompile's account must have the code {}", params::PRECOMPILE_CODE);
            return Err(Refusal::new(path(&address), format!("{reason}; {ADVICE}")));
        }
        if account.and_then(|account| account.nonce) != Some(params::PRECOMPILE_NONCE) {
            let reason = format!("a precompile's account must have the nonce {}", params::PRECOMPILE_NONCE);
            return Err(Refusal::new(format!("{}.nonce", path(&address)), format!("{reason}; {ADVICE}")));
        }
    }
    let system = genesis.alloc.get(&params::SYSTEM_ACCOUNT);
    if system.is_some_and(|account| account.non_empty_code().is_some() || account.nonce.unwrap_or_default() != 0) {
        let reason = "the system account starts with nonce 0 and without code; remove both";
        return Err(Refusal::new(path(&params::SYSTEM_ACCOUNT), reason));
    }
    Ok(())
}

fn path(address: &Address) -> String {
    format!("alloc.{address:#x}")
}
