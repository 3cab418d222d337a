//! [`Sign1`]: a signed message (COSE_Sign1, RFC 9052, 4.2).
use crate::{EvidenceError, KeyType, Meter, PublicKey, Work, cbor, error::limit, limits::TOKEN_BYTES_MAX};
use coset::{
    AsCborValue, CoseSign1, RegisteredLabelWithPrivate,
    cbor::Value,
    iana::{self, EnumI64},
};

/// Tag of a CBOR Web Token, which may stand before that of its COSE message (RFC 8392, 6).
const TAG_CWT: u64 = 61;
/// Tag of COSE_Sign1 (RFC 9052, 2).
const TAG_SIGN1: u64 = 18;
/// Labels of header parameters that are understood here: algorithm, critical, content type, key id (RFC 9052, 3.1).
const UNDERSTOOD: [i64; 4] = [1, 2, 3, 4];

/// Label of the algorithm.
const ALGORITHM: cbor::Label<'static> = cbor::Label::Integer(1);

/// Signature algorithms that are supported (RFC 9053, 2; RFC 8812; RFC 9864).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// ES256 (-7) and ESP256 (-9): ECDSA over P-256 with SHA-256.
    Es256,
    /// ES256K (-47): ECDSA over secp256k1 with SHA-256.
    Es256k,
    /// EdDSA (-8) and Ed25519 (-19): EdDSA over edwards25519.
    EdDsa,
}

impl Algorithm {
    /// The kind of key that it is used with.
    pub fn key_type(self) -> KeyType {
        match self {
            Self::Es256 => KeyType::P256,
            Self::Es256k => KeyType::Secp256k1,
            Self::EdDsa => KeyType::Ed25519,
        }
    }

    fn from_label(label: &RegisteredLabelWithPrivate<iana::Algorithm>) -> Result<Self, EvidenceError> {
        match label {
            RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256 | iana::Algorithm::ESP256) => Ok(Self::Es256),
            RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256K) => Ok(Self::Es256k),
            RegisteredLabelWithPrivate::Assigned(iana::Algorithm::EdDSA | iana::Algorithm::Ed25519) => Ok(Self::EdDsa),
            RegisteredLabelWithPrivate::Assigned(other) => {
                Err(EvidenceError::UnsupportedAlgorithm { label: Some(other.to_i64()) })
            }
            RegisteredLabelWithPrivate::PrivateUse(label) => {
                Err(EvidenceError::UnsupportedAlgorithm { label: Some(*label) })
            }
            RegisteredLabelWithPrivate::Text(_) => Err(EvidenceError::UnsupportedAlgorithm { label: None }),
        }
    }
}

/// The kind of key that an algorithm of a COSE_Key restricts it to; none if it is not supported.
pub(crate) fn key_type_of(label: &RegisteredLabelWithPrivate<iana::Algorithm>) -> Option<KeyType> {
    Algorithm::from_label(label).ok().map(Algorithm::key_type)
}

/// A signed message whose signature is still to be checked.
///
/// The form is strict: payload inside, algorithm in the protected header, no label in both headers, no critical header
/// that is not understood. What else headers hold (certificates, countersignatures) proves nothing here.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign1 {
    message: CoseSign1,
    payload: Vec<u8>,
    algorithm: Algorithm,
}

impl Sign1 {
    /// Decodes a message: untagged, with tag 18, or with tags 61 and 18.
    ///
    /// # Errors
    /// [`EvidenceError::Cbor`], [`EvidenceError::Message`], [`EvidenceError::AlgorithmNotProtected`],
    /// [`EvidenceError::UnsupportedAlgorithm`], [`EvidenceError::DetachedPayload`], [`EvidenceError::Limit`],
    /// [`EvidenceError::Exhausted`].
    pub fn parse(bytes: &[u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        limit("bytes of a COSE_Sign1", bytes.len(), TOKEN_BYTES_MAX)?;
        meter.spend(Work::Decode { bytes: bytes.len() })?;
        Self::from_value(cbor::decode("COSE_Sign1", bytes)?)
    }

    /// As [`Self::parse`], of what was decoded already.
    pub(crate) fn from_value(value: Value) -> Result<Self, EvidenceError> {
        let untagged = match value {
            Value::Tag(TAG_CWT, inner) => match *inner {
                Value::Tag(TAG_SIGN1, inner) => *inner,
                _ => return Err(EvidenceError::Message { reason: "tag 61 must be followed by tag 18" }),
            },
            Value::Tag(TAG_SIGN1, inner) => *inner,
            Value::Tag(..) => return Err(EvidenceError::Message { reason: "a tag other than 18" }),
            value => value,
        };
        check_headers(&untagged)?;
        let mut message = CoseSign1::from_cbor_value(untagged).map_err(|_| EvidenceError::Message {
            reason: "not four elements as they should be, or a malformed header",
        })?;
        check_critical(&message)?;
        let Some(label) = &message.protected.header.alg else { return Err(EvidenceError::AlgorithmNotProtected) };
        let algorithm = Algorithm::from_label(label)?;
        let payload = message.payload.take().ok_or(EvidenceError::DetachedPayload)?;
        Ok(Self { message, payload, algorithm })
    }

    /// What is signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// What is signed.
    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    /// How it is signed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Which key may have signed it: a hint, empty if there is none.
    pub fn key_id(&self) -> &[u8] {
        let protected = &self.message.protected.header.key_id;
        if protected.is_empty() { &self.message.unprotected.key_id } else { protected }
    }

    /// Checks the signature. `external_aad` is what both sides know and the message does not carry.
    ///
    /// # Errors
    /// [`EvidenceError::Signature`], also if the key is of another kind than the algorithm; [`EvidenceError::Exhausted`].
    pub fn verify(&self, key: &PublicKey, external_aad: &[u8], meter: &mut dyn Meter) -> Result<(), EvidenceError> {
        if key.key_type() != self.algorithm.key_type() {
            return Err(EvidenceError::Signature);
        }
        let signed = coset::sig_structure_data(
            coset::SignatureContext::CoseSign1,
            self.message.protected.clone(),
            None,
            external_aad,
            &self.payload,
        );
        key.verify_message(&signed, &self.message.signature, meter)
    }
}

/// Headers as they are, before a library reads them: depth, and labels that stand in both (RFC 9052, 3).
fn check_headers(message: &Value) -> Result<(), EvidenceError> {
    let malformed = EvidenceError::Message { reason: "not an array of headers, payload and signature" };
    let Some([Value::Bytes(protected), Value::Map(unprotected), ..]) = message.as_array().map(Vec::as_slice) else {
        return Err(malformed);
    };
    if protected.is_empty() {
        return Err(EvidenceError::AlgorithmNotProtected);
    }
    let Value::Map(protected) = cbor::decode("protected header", protected)? else { return Err(malformed) };
    let (Some(protected), Some(unprotected)) = (cbor::labels(&protected), cbor::labels(unprotected)) else {
        return Err(EvidenceError::Message { reason: "a label that is there twice, or neither integer nor text" });
    };
    if !protected.contains(&ALGORITHM) {
        return Err(EvidenceError::AlgorithmNotProtected);
    }
    if protected.is_disjoint(&unprotected) {
        Ok(())
    } else {
        Err(EvidenceError::Message { reason: "a label in both headers" })
    }
}

fn check_critical(message: &CoseSign1) -> Result<(), EvidenceError> {
    if !message.unprotected.crit.is_empty() {
        return Err(EvidenceError::Message { reason: "critical labels must be protected" });
    }
    let understood = |label: &RegisteredLabelWithPrivate<iana::HeaderParameter>| match label {
        RegisteredLabelWithPrivate::Assigned(label) => UNDERSTOOD.contains(&label.to_i64()),
        _ => false,
    };
    if message.protected.header.crit.iter().all(understood) {
        Ok(())
    } else {
        Err(EvidenceError::Message { reason: "a critical label that is not understood" })
    }
}
