//! This project's precompiles: contracts that are code of the node.
//!
//! ```text
//! revm --> provider --> Precompile::call(Frame) --> Frame::answer (ABI, guards) --> the function
//!                                                        |
//!                      slots, balances, logs, content <--'  PrecompileHost: JournalHost (metered, in a transaction)
//!                                                                           StateHost (protocol's own steps, questions)
//! ```
//!
//! A precompile is a [`Precompile`] at one of the protocol's addresses. Its state is the ordinary storage of the account
//! at that address, in Solidity's layout ([`slots`]), priced as the EVM's instructions are and written to the journal, so
//! that a revert undoes everything and `eth_getProof` proves everything. Precompiles call each other's Rust functions
//! and name the account whose storage they mean; they never call contracts.
pub mod content;
mod error;
mod frame;
#[cfg(test)]
pub(crate) mod harness;
mod host;
mod journal_host;
pub mod prices;
mod provider;
pub mod slots;
mod state_host;
#[cfg(test)]
mod tests;
pub mod work;

pub use error::PrecompileError;
pub use frame::{Access, Frame, PrecompileCall};
pub use host::PrecompileHost;
pub use provider::PrecompileSet;
pub(crate) use provider::{Precompiles, run_as_protocol};
#[cfg(test)]
pub(crate) use state_host::StateHost;
pub(crate) use state_host::protocol_step;

use crate::{database::ContractDatabase, governance::Governance, semantics::Semantics, things::Things};
use alloy_primitives::{Address, Bytes};
use pervade_chainspec::params::{CONTRACT_DATABASE_ADDRESS, GOVERNANCE_ADDRESS, SEMANTICS_ADDRESS, THINGS_ADDRESS};

/// A contract implemented by the node. A pure function of the call and of what the host answers.
pub trait Precompile: Send + Sync {
    /// Runs one call; the answer is ABI-encoded. Usually a `match` on [`Frame::selector`] with a [`Frame::answer`] for
    /// each function.
    ///
    /// # Errors
    /// [`PrecompileError::Revert`] undoes everything and keeps unused gas, [`PrecompileError::OutOfGas`] burns the
    /// call's gas, [`PrecompileError::State`] ends the block's execution.
    fn call(&self, frame: &mut Frame<'_>) -> Result<Bytes, PrecompileError>;
}

/// This project's precompiles, by address. The account of one that is not here reverts by its code.
pub(crate) fn implemented() -> &'static [(Address, &'static dyn Precompile)] {
    &[
        (THINGS_ADDRESS, &Things),
        (CONTRACT_DATABASE_ADDRESS, &ContractDatabase),
        (SEMANTICS_ADDRESS, &Semantics),
        (GOVERNANCE_ADDRESS, &Governance),
    ]
}
