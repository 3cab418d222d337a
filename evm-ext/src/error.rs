//! Errors of this crate.
use crate::state::StateError;
use alloy_primitives::Bytes;
use pervade_storage::StorageError;

/// Why a block is invalid. The words follow the field of the header that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// A header field or the body breaks a rule.
    #[error("{field}: {reason}")]
    Invalid {
        /// The header's field, or the part of the body.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A transaction of the block cannot be executed.
    #[error("transaction {index}: {reason}")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// The rule that it breaks.
        reason: String,
    },
    /// The state could not be read: not the block's fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<StateError> for BlockError {
    fn from(error: StateError) -> Self {
        Self::Storage(error.0)
    }
}

/// Why a call has no result. Words are geth's, since clients look for them.
#[derive(Debug, thiserror::Error)]
pub enum ExecutionError {
    /// The transaction itself is invalid at this state.
    #[error("{0}")]
    InvalidTransaction(String),
    /// It reverts whatever its gas limit is (only where success is asked for: gas estimation).
    #[error("execution reverted")]
    Reverted {
        /// Output of REVERT.
        output: Bytes,
    },
    /// It halts whatever its gas limit is (gas estimation).
    #[error("{message}")]
    Halted {
        /// In geth's words.
        message: String,
    },
    /// It runs out of gas even with the most that the sender's balance or the node's cap allows (gas estimation).
    #[error("gas required exceeds allowance ({allowance})")]
    GasAllowance {
        /// That most.
        allowance: u64,
    },
    /// Stopped at the time limit.
    #[error("execution aborted (timeout = {limit_ms}ms)")]
    Timeout {
        /// The limit, milliseconds.
        limit_ms: u64,
    },
    /// The state could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl From<StateError> for ExecutionError {
    fn from(error: StateError) -> Self {
        Self::Storage(error.0)
    }
}
