//! What a thing said, as triggers see it.
use super::Result;
use crate::{
    precompiles::{Frame, PrecompileError},
    semantics,
};
use alloy_primitives::{B256, I256};
use pervade_semantics::ValueKind;

/// One observation whose source is a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observation {
    /// What it is about: the thing itself, or another one that it met.
    pub(crate) subject: B256,
    /// The model that names the property.
    pub(crate) model: B256,
    /// keccak256 of the property's IRI.
    pub(crate) property: B256,
    /// Whether `number` packs a position.
    pub(crate) is_position: bool,
    /// Its value, in units of 10^exponent.
    pub(crate) number: I256,
    /// See `number`.
    pub(crate) exponent: i8,
    /// Unix milliseconds.
    pub(crate) time_ms: u64,
}

/// Reads a payload by its mapping, and keeps what it says as the thing's latest. `None`: the mapping does not exist, or
/// refuses it. Without a mapping the payload is bytes, which say nothing to triggers but that they were published.
pub(super) fn read(
    frame: &mut Frame<'_>,
    thing: B256,
    mapping_id: B256,
    payload: &[u8],
    observed_at_ms: u64,
) -> Result<Option<Vec<Observation>>> {
    if mapping_id.is_zero() {
        return Ok(Some(Vec::new()));
    }
    let (model, said) = match semantics::observe(frame, thing, mapping_id, thing, payload, observed_at_ms) {
        Ok(read) => read,
        Err(PrecompileError::Revert(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let of_thing = |said: pervade_semantics::Observation| Observation {
        subject: said.subject,
        model,
        property: said.property,
        is_position: said.kind == ValueKind::Position,
        number: said.number,
        exponent: said.exponent,
        time_ms: said.time_ms,
    };
    Ok(Some(said.into_iter().map(of_thing).collect()))
}
