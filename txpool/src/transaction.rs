//! A transaction as the pool keeps it, and how its bytes are read.
use crate::{
    PoolError, TRANSACTION_BYTES_MAX,
    blobs::{self, Blobs},
};
use alloy_consensus::{EthereumTxEnvelope, Signed, Transaction as _};
use alloy_eips::eip2718::{Decodable2718, EIP4844_TX_TYPE_ID, Encodable2718};
use alloy_primitives::{Address, B256, U256, keccak256};
use pervade_storage::Transaction;
use std::{sync::Arc, time::Instant};

/// A transaction in the pool.
#[derive(Debug, Clone)]
pub struct PooledTransaction {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// Its hash.
    pub hash: B256,
    /// Its sender, recovered once.
    pub sender: Address,
    /// Encoded size.
    pub bytes: usize,
    /// When it came.
    pub arrived: Instant,
    /// Number of its arrival: unique, the last word between equal prices.
    pub(crate) order: u64,
    pub(crate) nonce: u64,
    /// Fee cap, wei per gas.
    pub(crate) fee_cap: u128,
    /// Tip cap, wei per gas; the gas price of those without one.
    pub(crate) tip_cap: u128,
    /// The most it can take from its sender: gas limit times fee cap, the same for blobs, and value; saturating.
    pub(crate) cost: U256,
}

impl PooledTransaction {
    pub(crate) fn new(transaction: Transaction, hash: B256, sender: Address, bytes: usize, arrived: Instant) -> Self {
        let fee_cap = transaction.max_fee_per_gas();
        let blob_cost = U256::from(transaction.blob_gas_used().unwrap_or(0))
            .saturating_mul(U256::from(transaction.max_fee_per_blob_gas().unwrap_or(0)));
        Self {
            hash,
            sender,
            bytes,
            arrived,
            order: 0,
            nonce: transaction.nonce(),
            fee_cap,
            tip_cap: transaction.max_priority_fee_per_gas().unwrap_or(fee_cap),
            cost: U256::from(fee_cap)
                .saturating_mul(U256::from(transaction.gas_limit()))
                .saturating_add(blob_cost)
                .saturating_add(transaction.value()),
            transaction: Arc::new(transaction),
        }
    }

    /// What it pays the proposer per gas at `base_fee`, wei; `None` if its cap is below the base fee.
    pub fn effective_tip(&self, base_fee: Option<u64>) -> Option<u128> {
        let above_base = self.fee_cap.checked_sub(u128::from(base_fee.unwrap_or(0)))?;
        Some(above_base.min(self.tip_cap))
    }

    pub(crate) fn encode_into(&self, out: &mut Vec<u8>) {
        self.transaction.encode_2718(out);
    }
}

/// A transaction as a client hands it in.
pub(crate) struct Received {
    pub(crate) transaction: Transaction,
    pub(crate) hash: B256,
    /// What came with a blob transaction, still to be checked.
    pub(crate) blobs: Option<Blobs>,
}

/// Reads what a client hands in, all of `encoded`: an EIP-2718 encoded transaction, a blob transaction with its blobs.
///
/// # Errors
/// Oversized, a blob transaction where none are taken, unknown type, trailing or non-canonical bytes.
pub(crate) fn receive(encoded: &[u8], takes_blobs: bool) -> Result<Received, PoolError> {
    if !matches!(encoded, [EIP4844_TX_TYPE_ID, _, ..]) {
        let (transaction, hash) = decode(encoded)?;
        return Ok(Received { transaction, hash, blobs: None });
    }
    if !takes_blobs {
        return Err(PoolError::no_blob_transactions());
    }
    let (signed, blobs) = blobs::decode(encoded)?;
    let hash = *signed.hash();
    Ok(Received { transaction: EthereumTxEnvelope::Eip4844(signed), hash, blobs: Some(blobs) })
}

/// Reads an EIP-2718 encoded transaction, all of `encoded`, and its hash. A blob transaction comes without its blobs.
///
/// # Errors
/// Oversized, unknown type, trailing or non-canonical bytes.
pub(crate) fn decode(encoded: &[u8]) -> Result<(Transaction, B256), PoolError> {
    if encoded.len() > TRANSACTION_BYTES_MAX {
        return Err(PoolError::Oversized { bytes: encoded.len(), limit: TRANSACTION_BYTES_MAX });
    }
    match encoded {
        [] | [0..=0x7f] => return Err(PoolError::TooShort),
        [0 | 5..=0x7f, ..] => return Err(PoolError::TypeNotSupported { detail: String::new() }),
        _ => {}
    }
    let transaction =
        Transaction::decode_2718_exact(encoded).map_err(|error| PoolError::Encoding { reason: error.to_string() })?;
    if transaction.encode_2718_len() != encoded.len() {
        return Err(PoolError::Encoding { reason: "non-canonical size information".into() });
    }
    let hash = keccak256(encoded);
    Ok((with_hash(transaction, hash), hash))
}

/// Gives the transaction its hash, which it would encode itself again to compute.
fn with_hash(transaction: Transaction, hash: B256) -> Transaction {
    match transaction {
        EthereumTxEnvelope::Legacy(signed) => EthereumTxEnvelope::Legacy(rehashed(signed, hash)),
        EthereumTxEnvelope::Eip2930(signed) => EthereumTxEnvelope::Eip2930(rehashed(signed, hash)),
        EthereumTxEnvelope::Eip1559(signed) => EthereumTxEnvelope::Eip1559(rehashed(signed, hash)),
        EthereumTxEnvelope::Eip4844(signed) => EthereumTxEnvelope::Eip4844(rehashed(signed, hash)),
        EthereumTxEnvelope::Eip7702(signed) => EthereumTxEnvelope::Eip7702(rehashed(signed, hash)),
    }
}

fn rehashed<T>(signed: Signed<T>, hash: B256) -> Signed<T> {
    let signature = *signed.signature();
    Signed::new_unchecked(signed.strip_signature(), signature, hash)
}
