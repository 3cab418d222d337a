//! Errors of this crate.
use pervade_storage::StorageError;

/// Why a block is invalid. The words follow the field of the header that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// A header field or the body breaks a rule.
    #[error("{field}: {reason}")]
    Invalid { field: &'static str, reason: String },
    /// A transaction of the block cannot be executed.
    #[error("transaction {index}: {reason}")]
    Transaction { index: usize, reason: String },
    /// The state could not be read: not the block's fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a call cannot be executed (not: that it reverted).
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The transaction itself is invalid at this state.
    #[error("{0}")]
    InvalidTransaction(String),
    /// The state could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
