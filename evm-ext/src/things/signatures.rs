//! What things and gateways sign: EIP-712 structs in the domain of this precompile on this chain.
use super::{Result, abi::IThings, custom};
use crate::precompiles::{
    Frame,
    work::{GasMeter, holds},
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain};
use pervade_chainspec::params::{SIGNATURE_BYTES_MAX, THINGS_ADDRESS};
use pervade_evidence::{KeyType, PublicKey, Sign1};

/// Hashing a struct of at most eight words and the domain.
const DIGEST_GAS: u64 = 600;

#[allow(missing_docs)]
mod structs {
    alloy_sol_types::sol! {
        /// Signed by a thing's key when the thing is registered: its maker lets this owner have it.
        struct Register { string id; address owner; }
        /// A thing's own message.
        struct DeviceMessage {
            bytes32 thing;
            uint64 generation;
            uint64 sequence;
            uint64 observedAtMs;
            bytes32 mappingId;
            bytes32 payloadHash;
        }
        /// What a gateway, or the thing itself, says about a request.
        struct Answer { uint256 requestId; uint32 attempt; uint16 code; bytes32 resultHash; uint64 observedAtMs; }
        /// A gateway takes a request for a thing that is offline.
        struct Custody { uint256 requestId; }
        /// Its digest is the nonce of the attestation token that answers a request of the Contract Database.
        struct Fetch { uint256 requestId; }
    }
}
pub use structs::{Answer, Custody, DeviceMessage, Fetch, Register};

/// The domain on a chain.
pub fn domain(chain_id: u64) -> Eip712Domain {
    eip712_domain! {
        name: "Pervade",
        version: "1",
        chain_id: chain_id,
        verifying_contract: THINGS_ADDRESS,
    }
}

/// What is signed, on a chain.
pub fn digest<S: SolStruct>(signed: &S, chain_id: u64) -> B256 {
    signed.eip712_signing_hash(&domain(chain_id))
}

/// As [`digest`], charged.
pub(super) fn digest_in<S: SolStruct>(frame: &mut Frame<'_>, signed: &S) -> Result<B256> {
    frame.charge(DIGEST_GAS)?;
    Ok(digest(signed, frame.call().chain_id))
}

pub(super) fn key_type(stated: IThings::KeyType) -> Result<KeyType> {
    KeyType::from_index(stated as u8).ok_or_else(|| custom(&IThings::InvalidProof {}))
}

/// A key as it was registered.
pub(super) fn parse_key(frame: &mut Frame<'_>, key_type: KeyType, bytes: &[u8]) -> Result<Option<PublicKey>> {
    frame.charge(crate::precompiles::prices::SECP256K1_GAS)?;
    holds(PublicKey::from_raw(key_type, bytes))
}

/// Whether a key signed a digest: a bare signature, or a COSE_Sign1 whose payload is the digest.
pub(super) fn signed_by(frame: &mut Frame<'_>, key: &PublicKey, digest: B256, signature: &[u8]) -> Result<bool> {
    if signature.len() > SIGNATURE_BYTES_MAX {
        return Ok(false);
    }
    let bare = matches!(signature.len(), 64 | 65);
    let mut meter = GasMeter(frame);
    if bare {
        return Ok(holds(key.verify_digest(&digest.0, signature, &mut meter))?.is_some());
    }
    let Some(message) = holds(Sign1::parse(signature, &mut meter))? else { return Ok(false) };
    if message.payload() != digest.as_slice() {
        return Ok(false);
    }
    Ok(holds(message.verify(key, &[], &mut meter))?.is_some())
}

/// The account that signed a digest (65 bytes: r, s, v; EIP-2's lower s).
pub(super) fn signer(frame: &mut Frame<'_>, digest: B256, signature: &[u8]) -> Result<Option<Address>> {
    frame.charge(crate::precompiles::prices::SECP256K1_GAS)?;
    let Ok(signature) = alloy_primitives::Signature::from_raw(signature) else { return Ok(None) };
    if signature.normalize_s().is_some() {
        return Ok(None);
    }
    Ok(signature.recover_address_from_prehash(&digest).ok())
}
