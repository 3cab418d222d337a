//! What a thing said, as triggers see it.
use super::Result;
use crate::precompiles::Frame;
use alloy_primitives::{B256, I256};

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

/// Reads a payload by its mapping. `None`: the mapping does not exist, or refuses it. Without a mapping the payload is
/// bytes, which say nothing to triggers but that they were published.
pub(super) fn read(
    _frame: &mut Frame<'_>,
    _thing: B256,
    mapping_id: B256,
    _payload: &[u8],
    _observed_at_ms: u64,
) -> Result<Option<Vec<Observation>>> {
    Ok(mapping_id.is_zero().then(Vec::new))
}
