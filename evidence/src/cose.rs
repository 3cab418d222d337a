//! [`Sign1`] and [`Sign`]: messages with one signature and with several (COSE_Sign1 and COSE_Sign, RFC 9052, 4).
use crate::{
    Algorithm, EvidenceError, Meter, PublicKey, Work, cbor,
    error::limit,
    headers::Headers,
    limits::{SIGNATURES_MAX, TOKEN_BYTES_MAX},
    signature::Signature,
};
use coset::cbor::Value;

/// Tag of a CBOR Web Token, which may stand before that of its COSE message (RFC 8392, 6).
const TAG_CWT: u64 = 61;
/// Tag of COSE_Sign1 (RFC 9052, 2).
const TAG_SIGN1: u64 = 18;
/// Tag of COSE_Sign (RFC 9052, 2).
const TAG_SIGN: u64 = 98;

/// A message with one signature, which is still to be checked.
///
/// The form is strict: payload inside, algorithm in the protected header, no label in both headers, no critical header
/// that is not understood. What else headers hold (certificates, countersignatures) proves nothing here.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign1 {
    signature: Signature,
    payload: Vec<u8>,
}

impl Sign1 {
    /// Decodes a message: untagged, with tag 18, or with tags 61 and 18.
    ///
    /// # Errors
    /// [`EvidenceError::Cbor`], [`EvidenceError::Message`], [`EvidenceError::AlgorithmNotProtected`],
    /// [`EvidenceError::UnsupportedAlgorithm`], [`EvidenceError::DetachedPayload`], [`EvidenceError::Limit`],
    /// [`EvidenceError::Exhausted`].
    pub fn parse(bytes: &[u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        Self::from_value(decode(bytes, meter)?)
    }

    /// As [`Self::parse`], of what was decoded already.
    pub(crate) fn from_value(value: Value) -> Result<Self, EvidenceError> {
        let (tag, value) = untagged(value)?;
        if tag == Some(TAG_SIGN) {
            return Err(EvidenceError::Message { reason: "several signatures where one is expected" });
        }
        let [protected, unprotected, payload, signature] = elements(value)?;
        let headers = Headers::read(protected, unprotected)?;
        let Value::Bytes(signature) = signature else {
            return Err(EvidenceError::Message { reason: "the signature is not bytes" });
        };
        Ok(Self { signature: Signature::new(headers, signature)?, payload: attached(payload)? })
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
        self.signature.algorithm()
    }

    /// Which key may have signed it: a hint, empty if there is none.
    pub fn key_id(&self) -> &[u8] {
        self.signature.key_id()
    }

    /// Checks the signature. `external_aad` is what both sides know and the message does not carry.
    ///
    /// # Errors
    /// [`EvidenceError::Signature`], also if the key is of another kind than the algorithm; [`EvidenceError::Exhausted`].
    pub fn verify(&self, key: &PublicKey, external_aad: &[u8], meter: &mut dyn Meter) -> Result<(), EvidenceError> {
        self.signature.verify(None, &self.payload, key, external_aad, meter)
    }
}

/// A message with at least one signature, each with its own headers, which are still to be checked.
///
/// Rules of [`Sign1`] hold for the message's headers and for those of each signature, but that the algorithm is a
/// matter of signatures only. Signatures with algorithms that are not supported are passed over, if there are others.
#[derive(Debug, Clone, PartialEq)]
pub struct Sign {
    headers: Headers,
    signatures: Vec<Signature>,
    payload: Vec<u8>,
}

impl Sign {
    /// Decodes a message: untagged, with tag 98, or with tags 61 and 98.
    ///
    /// # Errors
    /// As [`Sign1::parse`]; [`EvidenceError::UnsupportedAlgorithm`] only if no signature's is supported.
    pub fn parse(bytes: &[u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        let (tag, value) = untagged(decode(bytes, meter)?)?;
        if tag == Some(TAG_SIGN1) {
            return Err(EvidenceError::Message { reason: "one signature where a list is expected" });
        }
        Self::from_untagged(value)
    }

    fn from_untagged(value: Value) -> Result<Self, EvidenceError> {
        let [protected, unprotected, payload, signatures] = elements(value)?;
        let headers = Headers::read(protected, unprotected)?;
        let Value::Array(encoded) = signatures else {
            return Err(EvidenceError::Message { reason: "the signatures are not a list" });
        };
        limit("signatures of a message", encoded.len(), SIGNATURES_MAX)?;
        let mut signatures = Vec::with_capacity(encoded.len());
        let mut unsupported = None;
        for signature in encoded {
            match signature_of(signature) {
                Ok(signature) => signatures.push(signature),
                Err(error @ EvidenceError::UnsupportedAlgorithm { .. }) => unsupported = Some(error),
                Err(other) => return Err(other),
            }
        }
        match unsupported {
            _ if !signatures.is_empty() => Ok(Self { headers, signatures, payload: attached(payload)? }),
            Some(error) => Err(error),
            None => Err(EvidenceError::Message { reason: "no signature" }),
        }
    }

    /// What is signed.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Checks whether one of the signatures is this key's. `external_aad` is what both sides know and the message does
    /// not carry.
    ///
    /// # Errors
    /// [`EvidenceError::Signature`], [`EvidenceError::Exhausted`].
    pub fn verify(&self, key: &PublicKey, external_aad: &[u8], meter: &mut dyn Meter) -> Result<(), EvidenceError> {
        first_of(self.signatures.iter(), |signature| {
            signature.verify(Some(&self.headers), &self.payload, key, external_aad, meter)
        })
    }
}

/// A message of either form.
pub(crate) enum Message {
    One(Sign1),
    Several(Sign),
}

impl Message {
    /// Decodes a message, whose tag says which form it has; without one its fourth element does.
    ///
    /// # Errors
    /// As [`Sign1::parse`] and [`Sign::parse`].
    pub(crate) fn parse(bytes: &[u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        let (tag, value) = untagged(decode(bytes, meter)?)?;
        let listed = || matches!(value.as_array().map(Vec::as_slice), Some([_, _, _, Value::Array(_)]));
        if tag == Some(TAG_SIGN) || (tag.is_none() && listed()) {
            Sign::from_untagged(value).map(Self::Several)
        } else {
            Sign1::from_value(value).map(Self::One)
        }
    }

    pub(crate) fn payload(&self) -> &[u8] {
        match self {
            Self::One(message) => message.payload(),
            Self::Several(message) => message.payload(),
        }
    }

    /// Checks whether one of the signatures is of one of the keys, each with its key id (empty for none). Only keys that
    /// a signature's kind and key id leave open are tried.
    ///
    /// # Errors
    /// [`EvidenceError::Signature`], [`EvidenceError::Exhausted`].
    pub(crate) fn verify_any(&self, keys: &[(PublicKey, Vec<u8>)], meter: &mut dyn Meter) -> Result<(), EvidenceError> {
        let (body, signatures) = match self {
            Self::One(message) => (None, std::slice::from_ref(&message.signature)),
            Self::Several(message) => (Some(&message.headers), message.signatures.as_slice()),
        };
        let pairs = signatures.iter().flat_map(|signature| keys.iter().map(move |(key, id)| (signature, key, id)));
        let open = pairs.filter(|(signature, key, id)| signature.may_be_of(key, id));
        first_of(open, |(signature, key, _)| signature.verify(body, self.payload(), key, &[], meter))
    }
}

/// Succeeds with the first check that does; only signatures that do not fit lead to the next.
fn first_of<T>(
    candidates: impl Iterator<Item = T>,
    mut check: impl FnMut(T) -> Result<(), EvidenceError>,
) -> Result<(), EvidenceError> {
    for candidate in candidates {
        match check(candidate) {
            Err(EvidenceError::Signature) => {}
            decided => return decided,
        }
    }
    Err(EvidenceError::Signature)
}

fn decode(bytes: &[u8], meter: &mut dyn Meter) -> Result<Value, EvidenceError> {
    limit("bytes of a COSE message", bytes.len(), TOKEN_BYTES_MAX)?;
    meter.spend(Work::Decode { bytes: bytes.len() })?;
    cbor::decode("COSE message", bytes)
}

/// The tag of its form, if there is one, and what it is put on.
fn untagged(value: Value) -> Result<(Option<u64>, Value), EvidenceError> {
    let form = |value: Value| match value {
        Value::Tag(tag @ (TAG_SIGN1 | TAG_SIGN), inner) => Ok((Some(tag), *inner)),
        _ => Err(EvidenceError::Message { reason: "a tag other than 18 and 98, or none after tag 61" }),
    };
    match value {
        Value::Tag(TAG_CWT, inner) => form(*inner),
        value @ Value::Tag(..) => form(value),
        value => Ok((None, value)),
    }
}

fn elements(value: Value) -> Result<[Value; 4], EvidenceError> {
    let malformed = EvidenceError::Message { reason: "not an array of two headers, payload and signature" };
    value.into_array().ok().and_then(|elements| elements.try_into().ok()).ok_or(malformed)
}

fn attached(payload: Value) -> Result<Vec<u8>, EvidenceError> {
    match payload {
        Value::Bytes(payload) => Ok(payload),
        Value::Null => Err(EvidenceError::DetachedPayload),
        _ => Err(EvidenceError::Message { reason: "the payload is not bytes" }),
    }
}

fn signature_of(value: Value) -> Result<Signature, EvidenceError> {
    let malformed = EvidenceError::Message { reason: "a signature is not an array of two headers and bytes" };
    let parts: Option<[Value; 3]> = value.into_array().ok().and_then(|parts| parts.try_into().ok());
    match parts {
        Some([protected, unprotected, Value::Bytes(bytes)]) => {
            Signature::new(Headers::read(protected, unprotected)?, bytes)
        }
        _ => Err(malformed),
    }
}
