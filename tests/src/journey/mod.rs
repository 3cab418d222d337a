//! Scenarios of meaning: devices and contracts of several makers, read in one form and traced.
//!
//! ```text
//!   scenario ──transactions──► Chain: ledger, storage, observer in one thread ──► canonical index
//!                              devices that sign, contracts in a few dozen bytes
//! ```
//! No process and no network: what is tried here is execution, index and storage together. `worst` looks for what the
//! Semantics precompile sells too cheaply.
mod chain;
mod contracts;
mod device;
mod requests;
pub mod worst;

pub use chain::{Chain, Said, definition_id, events, model_call};
pub use contracts::{cleared, commander, deploy, loaded, received};
pub use device::{Device, answer};
pub use requests::{ACTION, above, request};

/// The precompiles' interfaces.
#[allow(missing_docs)]
pub mod abi {
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/ISemantics.sol"
    );
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/IThings.sol"
    );
}
