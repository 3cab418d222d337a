//! Blob transactions (EIP-4844): they come with their blobs, which are checked, and then let go.
//!
//! A client hands in the transaction inside a list with blobs, commitments and proofs: one proof a blob (EIP-4844), or
//! one a cell (EIP-7594, with a version byte). The pool keeps the transaction alone, since this node proposes no
//! blocks of the chains that have blobs.
use crate::{BLOB_TRANSACTION_BYTES_MAX, PoolError};
use alloy_consensus::{Signed, TxEip4844, TxEip4844WithSidecar, transaction::RlpEcdsaDecodableTx};
use alloy_eips::{
    eip2718::EIP4844_TX_TYPE_ID,
    eip4844::env_settings::EnvKzgSettings,
    eip7594::{BlobTransactionSidecarVariant, MAX_BLOBS_PER_TX_FUSAKA},
};
use alloy_primitives::B256;

/// What belongs to a blob transaction, and is not part of it.
pub(crate) struct Blobs {
    versioned_hashes: Vec<B256>,
    sidecar: BlobTransactionSidecarVariant,
}

/// Reads a blob transaction in its network form, all of `encoded`.
///
/// # Errors
/// Oversized, no blobs with it, trailing or non-canonical bytes.
pub(crate) fn decode(encoded: &[u8]) -> Result<(Signed<TxEip4844>, Blobs), PoolError> {
    if encoded.len() > BLOB_TRANSACTION_BYTES_MAX {
        return Err(PoolError::Oversized { bytes: encoded.len(), limit: BLOB_TRANSACTION_BYTES_MAX });
    }
    let malformed = |error: &dyn std::fmt::Display| PoolError::Encoding { reason: error.to_string() };
    let Some((&EIP4844_TX_TYPE_ID, mut rest)) = encoded.split_first() else { return Err(PoolError::TooShort) };
    if !is_network_form(rest) {
        return Err(PoolError::BlobsMissing);
    }
    type WithBlobs = TxEip4844WithSidecar<BlobTransactionSidecarVariant>;
    let signed = WithBlobs::rlp_decode_signed(&mut rest).map_err(|error| malformed(&error))?;
    if !rest.is_empty() {
        return Err(malformed(&"trailing bytes"));
    }
    let signature = *signed.signature();
    let (transaction, sidecar) = signed.strip_signature().into_parts();
    let blobs = Blobs { versioned_hashes: transaction.blob_versioned_hashes.clone(), sidecar };
    Ok((Signed::new_unhashed(transaction, signature), blobs))
}

/// The list begins with a list (the transaction), not with a number (its chain id).
fn is_network_form(list: &[u8]) -> bool {
    let mut fields = list;
    alloy_rlp::Header::decode_bytes(&mut fields, true)
        .is_ok_and(|fields| fields.first().is_some_and(|byte| *byte >= alloy_rlp::EMPTY_LIST_CODE))
}

impl Blobs {
    /// Checks number, hashes, commitments and proofs. Takes milliseconds a blob: do all that is cheaper first.
    ///
    /// # Errors
    /// [`PoolError::NoBlobs`], [`PoolError::TooManyBlobs`], [`PoolError::InvalidBlobs`].
    pub(crate) fn check(&self) -> Result<(), PoolError> {
        let (count, limit) = (self.versioned_hashes.len(), MAX_BLOBS_PER_TX_FUSAKA as usize);
        if count == 0 {
            return Err(PoolError::NoBlobs);
        }
        if count > limit {
            return Err(PoolError::TooManyBlobs { count, limit });
        }
        let parts = (self.sidecar.blobs().len(), self.sidecar.commitments().len());
        if parts != (count, count) {
            let reason = format!("{} blobs and {} commitments for {count} hashes", parts.0, parts.1);
            return Err(PoolError::InvalidBlobs { reason });
        }
        self.sidecar
            .validate(&self.versioned_hashes, EnvKzgSettings::Default.get())
            .map_err(|error| PoolError::InvalidBlobs { reason: error.to_string() })
    }
}
