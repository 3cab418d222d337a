//! What the rest of the node asks about governance, on the state after a block.
use super::{actions, gateways_at, parameters, set_at};
use crate::{
    precompiles::{Frame, PrecompileError, protocol_step},
    state::{BlockState, StateError},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use pervade_chainspec::{
    Activation, ChainSpec, PervadeConfig, ValidatorConfig,
    params::{GOVERNANCE_ADDRESS, PERMISSION_DEPLOY, PERMISSION_SEND, PERMISSIONS_ALL},
};
use pervade_storage::{StateReader, StorageError, Transaction};

/// The set that decides block `number`, ascending by account; empty on a chain that is not ours. `state` is that after
/// block `number - 2` or any later one.
///
/// # Errors
/// The state cannot be read.
pub fn validator_set(
    spec: &ChainSpec,
    state: impl StateReader,
    number: u64,
) -> Result<Vec<ValidatorConfig>, StorageError> {
    Ok(ask(spec, &mut BlockState::new(state), number, set_at)?.unwrap_or_default())
}

/// The chain's settings as they are in block `number`: the genesis file's, with what was voted. `None` on a chain that
/// is not ours. `state` is as for [`validator_set`].
///
/// # Errors
/// The state cannot be read.
pub fn chain_settings(
    spec: &ChainSpec,
    state: impl StateReader,
    number: u64,
) -> Result<Option<PervadeConfig>, StorageError> {
    Ok(ask(spec, &mut BlockState::new(state), number, parameters::settings_at)?)
}

/// The chain's gateways in block `number`. `state` is as for [`validator_set`].
///
/// # Errors
/// The state cannot be read.
pub fn gateways(spec: &ChainSpec, state: impl StateReader, number: u64) -> Result<Vec<Address>, StorageError> {
    Ok(ask(spec, &mut BlockState::new(state), number, gateways_at)?.unwrap_or_default())
}

/// What an account may do in block `number`: bits `PERMISSION_…` of [`pervade_chainspec::params`]. `state` is as for
/// [`validator_set`].
///
/// # Errors
/// The state cannot be read.
pub fn permissions(
    spec: &ChainSpec,
    state: impl StateReader,
    account: Address,
    number: u64,
) -> Result<u8, StorageError> {
    Ok(permissions_in(spec, &mut BlockState::new(state), account, number)?)
}

/// What a transaction's sender would have to be allowed, and is not.
pub fn missing_permission(permissions: u8, transaction: &Transaction) -> Option<&'static str> {
    if permissions & PERMISSION_SEND == 0 {
        return Some("send transactions");
    }
    (transaction.is_create() && permissions & PERMISSION_DEPLOY == 0).then_some("create contracts")
}

/// As [`permissions`], in the middle of a block.
pub(crate) fn permissions_in<R: StateReader>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    account: Address,
    number: u64,
) -> Result<u8, StateError> {
    let permissions = ask(spec, state, number, |frame, number| actions::permissions_at(frame, account, number))?;
    Ok(permissions.unwrap_or(PERMISSIONS_ALL))
}

/// As [`validator_set`], in the middle of a block.
pub(crate) fn validator_set_in<R: StateReader>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    number: u64,
) -> Result<Vec<ValidatorConfig>, StateError> {
    Ok(ask(spec, state, number, set_at)?.unwrap_or_default())
}

/// As [`chain_settings`], in the middle of a block.
pub(crate) fn chain_settings_in<R: StateReader>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    number: u64,
) -> Result<Option<PervadeConfig>, StateError> {
    ask(spec, state, number, parameters::settings_at)
}

/// When a vote lets a precompile begin that the genesis left out, unix seconds.
pub(crate) fn fork_time_in<R: StateReader>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    address: Address,
    number: u64,
) -> Result<Option<u64>, StateError> {
    if spec.pervade().is_none_or(|chain| chain.precompiles.governance == Activation::Never) {
        return Ok(None);
    }
    Ok(ask(spec, state, number, |frame, number| actions::fork_time(frame, address, number))?.flatten())
}

fn ask<R: StateReader, T>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    number: u64,
    question: impl FnOnce(&mut Frame<'_>, u64) -> Result<T, PrecompileError>,
) -> Result<Option<T>, StateError> {
    if spec.pervade().is_none() {
        return Ok(None);
    }
    protocol_step(spec, state, GOVERNANCE_ADDRESS, (number, 0), 0, |frame| question(frame, number)).map(Some)
}
