//! Rules of a header against its parent's.
use super::{difficulty::difficulty, invalid};
use crate::BlockError;
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_eips::eip4844::DATA_GAS_PER_BLOB;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks};
use alloy_primitives::{B64, B256, Bytes, keccak256};
use pervade_chainspec::{BlockForks, ChainSpec};

/// Bytes that a header may carry (Yellow Paper).
const EXTRA_DATA_BYTES_MAX: usize = 32;
/// Lowest gas limit (Yellow Paper).
const GAS_LIMIT_MIN: u64 = 5_000;
/// Highest gas limit (EIP-1985).
const GAS_LIMIT_MAX: u64 = i64::MAX as u64;
/// The gas limit moves by less than its parent's divided by this.
const GAS_LIMIT_BOUND_DIVISOR: u64 = 1024;
/// At London the gas limit doubles, so that the target stays what the limit was (EIP-1559).
const ELASTICITY: u64 = 2;
/// Extra data of the first blocks after the DAO fork (EIP-779).
const DAO_EXTRA_DATA: &[u8] = b"dao-hard-fork";
/// Number of these blocks.
const DAO_EXTRA_BLOCKS: u64 = 10;

/// Checks a header against its parent's. `merged`: it is a block of proof of stake, or of Pervade's consensus.
pub(super) fn check_child(spec: &ChainSpec, parent: &Header, header: &Header, merged: bool) -> Result<(), BlockError> {
    let forks = spec.forks_at(header.number, header.timestamp, merged);
    if parent.number.checked_add(1) != Some(header.number) {
        return invalid("number", format!("{}, its parent's is {}", header.number, parent.number));
    }
    if header.gas_used > header.gas_limit {
        return invalid("gasUsed", format!("{} exceeds the gas limit {}", header.gas_used, header.gas_limit));
    }
    if header.extra_data.len() > EXTRA_DATA_BYTES_MAX {
        let bytes = header.extra_data.len();
        return invalid("extraData", format!("{bytes} bytes, at most {EXTRA_DATA_BYTES_MAX}"));
    }
    if spec.pervade().is_some() {
        check_pervade(parent, header)?;
    } else {
        check_ethereum(parent, header, &forks)?;
    }
    if merged {
        check_proof_of_stake(header)?;
    }
    check_fees(spec, parent, header, &forks)?;
    check_presence(header, &forks)
}

fn check_ethereum(parent: &Header, header: &Header, forks: &BlockForks<'_>) -> Result<(), BlockError> {
    if header.timestamp <= parent.timestamp {
        return invalid("timestamp", format!("{} is not after the parent's {}", header.timestamp, parent.timestamp));
    }
    check_gas_limit(parent, header, forks)?;
    if let Some(dao) = forks.ethereum_fork_activation(EthereumHardfork::Dao).block_number() {
        let since = header.number.checked_sub(dao);
        if since.is_some_and(|blocks| blocks < DAO_EXTRA_BLOCKS)
            && header.extra_data != Bytes::from_static(DAO_EXTRA_DATA)
        {
            return invalid("extraData", "must be \"dao-hard-fork\" in the first ten blocks of the DAO fork".into());
        }
    }
    if !forks.merged {
        let expected = difficulty(parent, forks, header.timestamp);
        if header.difficulty != expected {
            return invalid("difficulty", format!("{}, must be {expected}", header.difficulty));
        }
    }
    Ok(())
}

fn check_gas_limit(parent: &Header, header: &Header, forks: &BlockForks<'_>) -> Result<(), BlockError> {
    let first_of_london = forks.ethereum_fork_activation(EthereumHardfork::London).transitions_at_block(header.number);
    let parent_limit = match first_of_london {
        true => parent.gas_limit.saturating_mul(ELASTICITY),
        false => parent.gas_limit,
    };
    let moved = header.gas_limit.abs_diff(parent_limit);
    if moved >= parent_limit / GAS_LIMIT_BOUND_DIVISOR {
        return invalid("gasLimit", format!("{} is too far from the parent's {parent_limit}", header.gas_limit));
    }
    if !(GAS_LIMIT_MIN..=GAS_LIMIT_MAX).contains(&header.gas_limit) {
        return invalid("gasLimit", format!("{}, must be {GAS_LIMIT_MIN} to {GAS_LIMIT_MAX}", header.gas_limit));
    }
    Ok(())
}

/// Where Pervade's headers differ from Ethereum's: equal timestamps, no randomness and no beacon chain. Gas limit and
/// extra data follow from the state: [`super::check_governed`].
fn check_pervade(parent: &Header, header: &Header) -> Result<(), BlockError> {
    if header.timestamp < parent.timestamp {
        return invalid("timestamp", format!("{} is before the parent's {}", header.timestamp, parent.timestamp));
    }
    if header.mix_hash != keccak256(header.parent_hash) {
        return invalid("mixHash", "must be the hash of the parent's hash".into());
    }
    if header.parent_beacon_block_root.is_some_and(|root| root != B256::ZERO) {
        return invalid("parentBeaconBlockRoot", "must be zero: there is no beacon chain".into());
    }
    if header.blob_gas_used.is_some_and(|gas| gas != 0) || header.excess_blob_gas.is_some_and(|gas| gas != 0) {
        return invalid("blobGasUsed", "must be zero: the chain has no blobs".into());
    }
    Ok(())
}

/// Constants of a header without proof of work (EIP-3675).
fn check_proof_of_stake(header: &Header) -> Result<(), BlockError> {
    if !header.difficulty.is_zero() {
        return invalid("difficulty", format!("{}, must be zero after the merge", header.difficulty));
    }
    if header.nonce != B64::ZERO {
        return invalid("nonce", format!("{}, must be zero after the merge", header.nonce));
    }
    if header.ommers_hash != EMPTY_OMMER_ROOT_HASH {
        return invalid("sha3Uncles", "there are no ommers after the merge".into());
    }
    Ok(())
}

fn check_fees(spec: &ChainSpec, parent: &Header, header: &Header, forks: &BlockForks<'_>) -> Result<(), BlockError> {
    let base_fee = spec.next_base_fee(parent, *forks);
    if header.base_fee_per_gas != base_fee {
        return invalid("baseFeePerGas", format!("{:?}, must be {base_fee:?}", header.base_fee_per_gas));
    }
    let excess = spec.next_excess_blob_gas(parent, *forks);
    if header.excess_blob_gas != excess {
        return invalid("excessBlobGas", format!("{:?}, must be {excess:?}", header.excess_blob_gas));
    }
    if let (Some(used), Some(params)) = (header.blob_gas_used, forks.blob_params()) {
        let max = params.max_blob_gas_per_block();
        if used > max || !used.is_multiple_of(DATA_GAS_PER_BLOB) {
            return invalid("blobGasUsed", format!("{used}, must be whole blobs and at most {max}"));
        }
    }
    Ok(())
}

/// Each field stands in the header from its fork on, and not before.
fn check_presence(header: &Header, forks: &BlockForks<'_>) -> Result<(), BlockError> {
    let time = forks.timestamp;
    let shanghai = forks.merged && forks.is_shanghai_active_at_timestamp(time);
    let cancun = forks.merged && forks.is_cancun_active_at_timestamp(time);
    let prague = forks.merged && forks.is_prague_active_at_timestamp(time);
    let fields = [
        ("withdrawalsRoot", header.withdrawals_root.is_some(), shanghai),
        ("blobGasUsed", header.blob_gas_used.is_some(), cancun),
        ("parentBeaconBlockRoot", header.parent_beacon_block_root.is_some(), cancun),
        ("requestsHash", header.requests_hash.is_some(), prague),
        ("blockAccessListHash", header.block_access_list_hash.is_some(), false),
        ("slotNumber", header.slot_number.is_some(), false),
    ];
    for (field, present, expected) in fields {
        if present != expected {
            let reason = if expected { "is missing" } else { "belongs to a later fork" };
            return invalid(field, reason.into());
        }
    }
    Ok(())
}
