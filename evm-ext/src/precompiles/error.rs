//! Why a precompile's function did not answer.
use crate::state::StateError;
use alloy_primitives::Bytes;
use alloy_sol_types::{Revert, SolError};

/// Why a precompile's function did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PrecompileError {
    /// Everything undone, unused gas kept; an ABI-encoded error.
    #[error("reverted")]
    Revert(Bytes),
    /// The call's gas does not suffice.
    #[error("out of gas")]
    OutOfGas,
    /// The state could not be read.
    #[error(transparent)]
    State(#[from] StateError),
}

impl PrecompileError {
    /// One of the interface's custom errors.
    pub fn custom<E: SolError>(error: &E) -> Self {
        Self::Revert(error.abi_encode().into())
    }

    /// `Error(string)`, as Solidity's `require` gives it: for what no custom error of the interface says.
    pub fn reason(text: impl Into<String>) -> Self {
        Self::custom(&Revert::from(text.into()))
    }
}
