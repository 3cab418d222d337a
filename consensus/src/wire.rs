//! Decided blocks as they are asked for and answered.
use crate::certificate::CommitCertificate;
use bytes::Bytes;

/// A decided block with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedBlock {
    /// The proof; names height and hash.
    pub certificate: CommitCertificate,
    /// The block as its proposer built it.
    pub body: Bytes,
}
