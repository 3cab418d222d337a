//! Single calls on a state, for `eth_call`, `eth_estimateGas` and `eth_createAccessList`.
//!
//! A call never changes anything: it runs on a throw-away block state over a [`StateView`], in the environment of one
//! block, with overrides, a gas cap and a deadline. Its rules are a transaction's, but for the nonce, the sender's
//! code (EIP-3607) and the block's gas limit, which a question need not respect.
mod access_list;
mod estimate;
mod fees;
mod handler;
mod machine;
mod overrides;
mod request;
mod result;

pub(crate) use handler::CallHandler;
pub(crate) use overrides::apply_overrides;
pub use request::{AccountOverride, BlockOverrides, CallRequest, StateOverrides};
pub(crate) use result::invalid_message;
pub use result::{AccessListResult, CallOutcome, CallResult, halt_message, revert_reason};

use crate::ExecutionError;
use alloy_consensus::Header;
use machine::Machine;
use pervade_chainspec::ChainSpec;
use pervade_storage::StateView;
use std::time::Duration;

/// Where and within which limits a call runs.
#[derive(Clone)]
pub struct CallEnvironment<'a> {
    /// The chain.
    pub spec: &'a ChainSpec,
    /// The state that the call starts from.
    pub view: &'a StateView,
    /// The block that the call sees as its own.
    pub header: &'a Header,
    /// What differs from that block.
    pub block_overrides: BlockOverrides,
    /// What differs from that state.
    pub state_overrides: StateOverrides,
    /// Gas that a call may ask for; also what it gets if it asks for none.
    pub gas_max: u64,
    /// The call is stopped after this time.
    pub time_max: Duration,
}

/// Runs a call (`eth_call`). A call that reverts or halts is a result, not an error.
///
/// # Errors
/// [`ExecutionError::InvalidTransaction`] with geth's words (insufficient funds, fee cap below the base fee, intrinsic
/// gas too low ...), [`ExecutionError::Timeout`], or a failed read.
pub fn call(environment: &CallEnvironment<'_>, request: &CallRequest) -> Result<CallResult, ExecutionError> {
    let mut machine = Machine::new(environment, ())?;
    let gas_limit = request.gas.unwrap_or(environment.gas_max).min(environment.gas_max);
    let transaction = machine.transaction(environment.spec.chain_id(), request, gas_limit)?;
    Ok(machine.run(transaction)?.into())
}

/// The least gas limit with which the call succeeds, within 1.5 % (`eth_estimateGas`).
///
/// # Errors
/// As [`call`], and [`ExecutionError::Reverted`], [`ExecutionError::Halted`] or [`ExecutionError::GasAllowance`] when
/// no gas limit makes it succeed.
pub fn estimate_gas(environment: &CallEnvironment<'_>, request: &CallRequest) -> Result<u64, ExecutionError> {
    estimate::estimate(environment, request)
}

/// The accounts and slots that the call touches, as an access list with which it touches no others
/// (`eth_createAccessList`).
///
/// # Errors
/// As [`call`]; a reverting or halting call is told in [`AccessListResult::error`].
pub fn create_access_list(
    environment: &CallEnvironment<'_>,
    request: &CallRequest,
) -> Result<AccessListResult, ExecutionError> {
    access_list::create(environment, request)
}
