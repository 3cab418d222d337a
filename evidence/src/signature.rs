//! [`Signature`]: a signature of a message, with its own headers.
use crate::{EvidenceError, KeyType, Meter, PublicKey, headers::Headers};
use coset::{
    RegisteredLabelWithPrivate, SignatureContext,
    iana::{self, EnumI64},
};

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

    pub(crate) fn from_label(label: &RegisteredLabelWithPrivate<iana::Algorithm>) -> Result<Self, EvidenceError> {
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

/// One signature, its algorithm protected and supported.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signature {
    headers: Headers,
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Signature {
    /// # Errors
    /// [`EvidenceError::AlgorithmNotProtected`], [`EvidenceError::UnsupportedAlgorithm`].
    pub(crate) fn new(headers: Headers, bytes: Vec<u8>) -> Result<Self, EvidenceError> {
        let label = headers.algorithm().ok_or(EvidenceError::AlgorithmNotProtected)?;
        let algorithm = Algorithm::from_label(label)?;
        Ok(Self { headers, algorithm, bytes })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn key_id(&self) -> &[u8] {
        self.headers.key_id()
    }

    /// Whether its kind, and the key ids as far as there are any, leave it open that the key made it.
    pub(crate) fn may_be_of(&self, key: &PublicKey, key_id: &[u8]) -> bool {
        let id = self.key_id();
        key.key_type() == self.algorithm.key_type() && (id.is_empty() || key_id.is_empty() || id == key_id)
    }

    /// Checks it over a payload with the headers of its message; without `body` the signature's are the message's.
    ///
    /// # Errors
    /// [`EvidenceError::Signature`], also if the key is of another kind than the algorithm; [`EvidenceError::Exhausted`].
    pub(crate) fn verify(
        &self,
        body: Option<&Headers>,
        payload: &[u8],
        key: &PublicKey,
        external_aad: &[u8],
        meter: &mut dyn Meter,
    ) -> Result<(), EvidenceError> {
        if key.key_type() != self.algorithm.key_type() {
            return Err(EvidenceError::Signature);
        }
        let own = self.headers.protected();
        let (context, body, signer) = match body {
            None => (SignatureContext::CoseSign1, own, None),
            Some(body) => (SignatureContext::CoseSignature, body.protected(), Some(own)),
        };
        let signed = coset::sig_structure_data(context, body, signer, external_aad, payload);
        key.verify_message(&signed, &self.bytes, meter)
    }
}
