//! [`EvidenceError`].
use crate::Exhausted;

/// Why evidence does not prove what it should, or cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// A limit of [`crate::limits`].
    #[error("{what}: {found}, at most {max}")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much.
        found: usize,
        /// The limit.
        max: usize,
    },
    /// Not CBOR, more than one item, or too deep.
    #[error("{what} is not one well-formed CBOR item of moderate depth")]
    Cbor {
        /// What should be.
        what: &'static str,
    },
    /// A public key that cannot be used.
    #[error("public key: {reason}")]
    Key {
        /// Why.
        reason: &'static str,
    },
    /// A message that is no COSE_Sign1 or COSE_Sign as expected.
    #[error("COSE message: {reason}")]
    Message {
        /// Why.
        reason: &'static str,
    },
    /// The algorithm is not in the protected header.
    #[error("COSE message: the algorithm must be in the protected header")]
    AlgorithmNotProtected,
    /// An algorithm other than ES256, ES256K and EdDSA over edwards25519.
    #[error("COSE message: algorithm {label:?} is not supported")]
    UnsupportedAlgorithm {
        /// Its number in IANA's registry; none if it is text.
        label: Option<i64>,
    },
    /// The payload is elsewhere.
    #[error("COSE message: detached payloads are not supported")]
    DetachedPayload,
    /// The signature does not belong to key and message.
    #[error("the signature does not fit key and message")]
    Signature,
    /// A claim of the wrong type or out of range.
    #[error("claim {label}: {reason}")]
    Claim {
        /// Its label in IANA's registry of CWT claims.
        label: i64,
        /// What is wrong.
        reason: &'static str,
    },
    /// The claims are no map of distinct labels.
    #[error("the claims are no map with distinct integer or text labels")]
    Claims,
    /// A policy that cannot be used.
    #[error("policy entry {entry}: {reason}")]
    Policy {
        /// Its key in the map.
        entry: i64,
        /// What is wrong.
        reason: &'static str,
    },
    /// None of the policy's issuers signed the token.
    #[error("no issuer of the policy signed the token")]
    Issuer,
    /// The token does not carry the nonce.
    #[error("the token does not carry the nonce")]
    Nonce,
    /// The token is too old, expired, from the future, or does not say.
    #[error("token time: {reason}")]
    Age {
        /// Which of them.
        reason: &'static str,
    },
    /// The debug status is missing or not accepted.
    #[error("the debug status is missing or not accepted")]
    DebugStatus,
    /// A measurement is missing or not accepted.
    #[error("a measurement is missing or not accepted")]
    Measurement,
    /// Not a content identifier.
    #[error("content identifier: {reason}")]
    ContentId {
        /// Why.
        reason: &'static str,
    },
    /// A hash function other than SHA2-256, BLAKE3, Keccak-256 and identity.
    #[error("hash function {code:#x} is not supported")]
    UnsupportedHash {
        /// Its code in the multicodec table.
        code: u64,
    },
    /// A codec other than raw and dag-pb where a file is read.
    #[error("codec {code:#x} is no file")]
    UnsupportedCodec {
        /// Its code in the multicodec table.
        code: u64,
    },
    /// A block does not hash to its identifier.
    #[error("a block does not hash to its identifier")]
    BlockMismatch,
    /// A block on the way is not there.
    #[error("a block on the way is missing")]
    BlockMissing,
    /// Blocks that are not on the way.
    #[error("there are blocks that are not on the way")]
    BlocksLeft,
    /// A node that is no dag-pb.
    #[error("dag-pb: {reason}")]
    DagPb {
        /// Why.
        reason: &'static str,
    },
    /// A node that is no file, or contradicts itself or its parent.
    #[error("UnixFS: {reason}")]
    UnixFs {
        /// Why.
        reason: &'static str,
    },
    /// Bytes beyond the file's end are asked for.
    #[error("the range ends beyond the file's {size_bytes} bytes")]
    Range {
        /// The file's size.
        size_bytes: u64,
    },
    /// Not a CAR.
    #[error("CAR: {reason}")]
    Car {
        /// Why.
        reason: &'static str,
    },
    /// The meter refused. Not a verdict about the evidence.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
}

/// An error if `found` is more than `max`.
pub(crate) fn limit(what: &'static str, found: usize, max: usize) -> Result<(), EvidenceError> {
    if found > max { Err(EvidenceError::Limit { what, found, max }) } else { Ok(()) }
}
