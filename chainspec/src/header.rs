//! Header of the genesis block, as geth makes it from the file.
use crate::{BaseFeeRule, ForkSchedule, error::Refusal, params};
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header, constants::EMPTY_WITHDRAWALS};
use alloy_eips::eip7685::EMPTY_REQUESTS_HASH;
use alloy_genesis::Genesis;
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::{B64, B256};
use alloy_trie::{EMPTY_ROOT_HASH, root::state_root_ref_unhashed};

/// Builds the header, state root included. Fields of a fork are there if the fork holds at genesis.
pub(crate) fn genesis_header(
    genesis: &Genesis,
    forks: &ForkSchedule,
    rule: Option<BaseFeeRule>,
) -> Result<Header, Refusal> {
    let active = |fork| forks.is_active(fork, 0, genesis.timestamp);
    let base_fee = match genesis.base_fee_per_gas {
        Some(base_fee) => u64::try_from(base_fee)
            .map_err(|_| Refusal::new("baseFeePerGas", format!("{base_fee} exceeds 64 bits; lower it")))?,
        None => rule.map_or(params::INITIAL_BASE_FEE, |rule| rule.initial()),
    };
    let cancun = active(EthereumHardfork::Cancun);
    Ok(Header {
        parent_hash: genesis.parent_hash.unwrap_or_default(),
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: genesis.coinbase,
        state_root: state_root_ref_unhashed(&genesis.alloc),
        transactions_root: EMPTY_ROOT_HASH,
        receipts_root: EMPTY_ROOT_HASH,
        difficulty: genesis.difficulty,
        gas_limit: genesis.gas_limit,
        timestamp: genesis.timestamp,
        extra_data: genesis.extra_data.clone(),
        mix_hash: genesis.mix_hash,
        nonce: B64::from(genesis.nonce),
        base_fee_per_gas: active(EthereumHardfork::London).then_some(base_fee),
        withdrawals_root: active(EthereumHardfork::Shanghai).then_some(EMPTY_WITHDRAWALS),
        blob_gas_used: cancun.then(|| genesis.blob_gas_used.unwrap_or_default()),
        excess_blob_gas: cancun.then(|| genesis.excess_blob_gas.unwrap_or_default()),
        parent_beacon_block_root: cancun.then_some(B256::ZERO),
        requests_hash: active(EthereumHardfork::Prague).then_some(EMPTY_REQUESTS_HASH),
        ..Default::default()
    })
}
