//! What can go wrong.
use alloy_primitives::{Address, B256};

/// Errors of this crate. None of them can be met by what a peer sends being accepted: bytes of peers are refused with an
/// [`crate::Offence`], and only their decoders' reasons show up here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsensusError {
    /// A validator set nobody can decide with.
    #[error("validator set: {reason}")]
    ValidatorSet {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A public key that is no point of the curve.
    #[error("validator {account}: its public key is not a compressed point of secp256k1")]
    PublicKey {
        /// Account of the validator.
        account: Address,
    },
    /// A secret key out of range.
    #[error("secret key: not between 1 and the order of secp256k1; generate one with `pervade keys new`")]
    SecretKey,
    /// Bytes that are not what they should be.
    #[error("{what}: {reason}")]
    Malformed {
        /// Kind of object.
        what: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// A certificate for another block or height.
    #[error("certificate is for height {height}, block {block_hash}, not for the block at hand")]
    CertificateForOther {
        /// Height it names.
        height: u64,
        /// Block it names.
        block_hash: B256,
    },
    /// A certificate signed by somebody outside the set.
    #[error("certificate of height {height}: {address} is not in the validator set")]
    CertificateSigner {
        /// Height of the certificate.
        height: u64,
        /// Who signed.
        address: Address,
    },
    /// A certificate whose signers are not in strictly ascending order.
    #[error("certificate of height {height}: signers are not in strictly ascending order at {address}")]
    CertificateOrder {
        /// Height of the certificate.
        height: u64,
        /// Where order ends.
        address: Address,
    },
    /// A signature that does not verify.
    #[error("certificate of height {height}: the signature of {address} does not hold")]
    CertificateSignature {
        /// Height of the certificate.
        height: u64,
        /// Named signer.
        address: Address,
    },
    /// Not more than two thirds.
    #[error("certificate of height {height}: power {signed} of {total} is not more than two thirds")]
    CertificatePower {
        /// Height of the certificate.
        height: u64,
        /// Power that signed.
        signed: u64,
        /// Power of the set.
        total: u64,
    },
    /// A walk along headers that does not follow the chain.
    #[error("header {height}: {reason}")]
    LightStep {
        /// Height of the header.
        height: u64,
        /// What does not fit.
        reason: &'static str,
    },
    /// Evidence that proves nothing.
    #[error("evidence: {reason}")]
    Evidence {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A second signature was asked for where one was given.
    #[error(
        "refused a second signature at height {height}, round {round}: this key has signed height {signed_height}, round {signed_round}"
    )]
    SecondSignature {
        /// Height asked for.
        height: u64,
        /// Round asked for.
        round: u32,
        /// Height signed last.
        signed_height: u64,
        /// Round signed last.
        signed_round: u32,
    },
    /// No signing record where there must be one.
    #[error(
        "{file}: missing. Without it this validator may sign twice. Put back the file of this key, or run without the key; \
         if this key has never signed on this chain, say so explicitly"
    )]
    SigningRecordMissing {
        /// Name of the file.
        file: &'static str,
    },
    /// A signing record nobody can read.
    #[error("{file}: damaged in every copy. Put back a copy of this key's file, or run without the key")]
    SigningRecordDamaged {
        /// Name of the file.
        file: &'static str,
    },
    /// A signing record of another chain or another key.
    #[error("{file}: belongs to {found}, expected {expected}")]
    SigningRecordForeign {
        /// Name of the file.
        file: &'static str,
        /// Consensus address or genesis in the file.
        found: B256,
        /// What was expected.
        expected: B256,
    },
    /// The disk failed.
    #[error("{file}: {action}: {source}")]
    File {
        /// Name of the file.
        file: String,
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}
