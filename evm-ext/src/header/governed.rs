//! What votes decide of a Pervade header: it follows from the state after the parent.
use super::invalid;
use crate::{
    BlockError,
    governance::{chain_settings_in, validator_set_in},
    state::{BlockState, StateError},
};
use alloy_consensus::Header;
use alloy_primitives::Bytes;
use pervade_chainspec::{ChainSpec, validator_set_hash};
use pervade_storage::StateReader;

/// These fields of a header.
pub(crate) struct Governed {
    pub(crate) gas_limit: u64,
    /// Hash of the set that decides the next block.
    pub(crate) extra_data: Bytes,
}

/// Those of block `number`, from the state after its parent; `None` on a chain that is not ours.
pub(crate) fn governed<R: StateReader>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    number: u64,
) -> Result<Option<Governed>, StateError> {
    let Some(settings) = chain_settings_in(spec, state, number)? else { return Ok(None) };
    let set = validator_set_in(spec, state, number.saturating_add(1))?;
    Ok(Some(Governed { gas_limit: settings.gas_limit, extra_data: validator_set_hash(&set).into() }))
}

/// Checks them.
pub(crate) fn check_governed<R: StateReader>(
    spec: &ChainSpec,
    state: &mut BlockState<R>,
    header: &Header,
) -> Result<(), BlockError> {
    let Some(expected) = governed(spec, state, header.number)? else { return Ok(()) };
    if header.gas_limit != expected.gas_limit {
        return invalid("gasLimit", format!("{}, the chain's is {}", header.gas_limit, expected.gas_limit));
    }
    if header.extra_data != expected.extra_data {
        let reason = format!("must be {}, the hash of the set that decides the next block", expected.extra_data);
        return invalid("extraData", reason);
    }
    Ok(())
}
