//! Errors of this crate.

/// Why a transaction is refused. Display strings are geth's where geth has one (`nonce too low`, `already known`, ...).
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The pool already has it.
    #[error("already known")]
    AlreadyKnown,
}
