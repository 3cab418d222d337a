//! Rules that a block keeps without being executed: header against parent, body against header.
mod difficulty;
mod governed;
mod ommers;
mod rules;

pub(crate) use governed::{Governed, check_governed, governed};

use crate::{BlockError, roots};
use alloy_consensus::{Header, Transaction as _, proofs::calculate_ommers_root};
use alloy_hardforks::EthereumHardforks;
use alloy_primitives::U256;
use alloy_rlp::Encodable;
use pervade_chainspec::{BlockForks, ChainSpec};
use pervade_storage::{RecoveredBlock, Storage, Transaction};

/// Bytes of a block in RLP (EIP-7934: 10 MiB less 2 MiB for the consensus layer).
pub(crate) const BLOCK_RLP_BYTES_MAX: usize = 8 << 20;

/// Checks header and body (Ethereum's rules without seals, and Pervade's where the chain is one).
/// `storage` is asked for ancestors of ommers only.
///
/// # Errors
/// [`BlockError::Invalid`] names the field that breaks a rule, [`BlockError::Transaction`] the transaction whose form
/// is not allowed yet.
pub fn validate_block(
    spec: &ChainSpec,
    parent: &Header,
    parent_total_difficulty: U256,
    block: &RecoveredBlock,
    storage: &Storage,
) -> Result<(), BlockError> {
    let header = block.header();
    let merged = is_merged_after(spec, parent_total_difficulty);
    rules::check_child(spec, parent, header, merged)?;
    let forks = spec.forks_at(header.number, header.timestamp, merged);
    check_body(spec, block, &forks)?;
    if merged && !block.block.body.ommers.is_empty() {
        return invalid("ommers", "there are none after the merge".into());
    }
    ommers::check_ommers(spec, block, storage)
}

/// Whether a block whose parent has this total difficulty is one of proof of stake (EIP-3675), or of Pervade's
/// consensus.
pub fn is_merged_after(spec: &ChainSpec, parent_total_difficulty: U256) -> bool {
    spec.pervade().is_some() || spec.terminal_total_difficulty().is_some_and(|ttd| parent_total_difficulty >= ttd)
}

fn check_body(spec: &ChainSpec, block: &RecoveredBlock, forks: &BlockForks<'_>) -> Result<(), BlockError> {
    let header = block.header();
    let body = &block.block.body;
    for (index, transaction) in body.transactions.iter().enumerate() {
        check_transaction_form(spec, transaction, forks)
            .map_err(|reason| BlockError::Transaction { index, reason: reason.into() })?;
    }
    if calculate_ommers_root(&body.ommers) != header.ommers_hash {
        return invalid("sha3Uncles", "is not the hash of the block's ommers".into());
    }
    if roots::transactions_root(&body.transactions) != header.transactions_root {
        return invalid("transactionsRoot", "is not the root of the block's transactions".into());
    }
    let withdrawals_root = body.withdrawals.as_ref().map(|withdrawals| roots::withdrawals_root(withdrawals));
    if withdrawals_root != header.withdrawals_root {
        return invalid("withdrawalsRoot", "is not the root of the block's withdrawals".into());
    }
    if let Some(stated) = header.blob_gas_used {
        let blob_gas = body.transactions.iter().filter_map(|transaction| transaction.blob_gas_used());
        let used = blob_gas.fold(0u64, u64::saturating_add);
        if used != stated {
            return invalid("blobGasUsed", format!("{stated}, the transactions use {used}"));
        }
    }
    if forks.merged && forks.is_osaka_active_at_timestamp(forks.timestamp) {
        let bytes = block.block.length();
        if bytes > BLOCK_RLP_BYTES_MAX {
            return invalid("size", format!("{bytes} bytes in RLP, at most {BLOCK_RLP_BYTES_MAX}"));
        }
    }
    Ok(())
}

/// What a transaction must keep before the state is asked: its type, replay protection (EIP-155) and signature (EIP-2)
/// are those of the fork. Everything else is checked at execution.
///
/// # Errors
/// The rule that it breaks.
pub fn check_transaction_form(
    spec: &ChainSpec,
    transaction: &Transaction,
    forks: &BlockForks<'_>,
) -> Result<(), &'static str> {
    let (number, time) = (forks.number, forks.timestamp);
    let allowed = match transaction {
        Transaction::Legacy(signed) => match signed.tx().chain_id {
            Some(_) => forks.is_spurious_dragon_active_at_block(number),
            None => true,
        },
        Transaction::Eip2930(_) => forks.is_berlin_active_at_block(number),
        Transaction::Eip1559(_) => forks.is_london_active_at_block(number),
        Transaction::Eip4844(_) => {
            forks.merged && forks.is_cancun_active_at_timestamp(time) && spec.pervade().is_none()
        }
        Transaction::Eip7702(_) => forks.merged && forks.is_prague_active_at_timestamp(time),
    };
    if !allowed {
        return Err("transaction type not supported");
    }
    if transaction.chain_id().is_some_and(|chain_id| chain_id != spec.chain_id()) {
        return Err("invalid chain id for signer");
    }
    if forks.is_homestead_active_at_block(number) && transaction.signature().normalize_s().is_some() {
        return Err("invalid transaction v, r, s values");
    }
    Ok(())
}

fn invalid<T>(field: &'static str, reason: String) -> Result<T, BlockError> {
    Err(BlockError::Invalid { field, reason })
}
