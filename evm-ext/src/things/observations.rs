//! What a thing said, as triggers see it.
use super::Result;
use crate::{
    precompiles::{Frame, PrecompileError},
    semantics::Reader,
};
use alloy_primitives::{B256, I256};
use pervade_chainspec::params::OBSERVED_AHEAD_MS_MAX;
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

/// Canonical observations and how they were come by.
pub(super) struct Said {
    pub(super) reader: Reader,
    pub(super) observations: Vec<pervade_semantics::Observation>,
    pub(super) payload_hash: B256,
}

impl Said {
    /// What a thing's payload says. `None`: the mapping does not exist or refuses it, or it speaks of the future.
    pub(super) fn read(
        frame: &mut Frame<'_>,
        thing: B256,
        mapping: B256,
        payload: &[u8],
        said_at_ms: u64,
    ) -> Result<Option<Self>> {
        let Some(reader) = unless_reverted(Reader::load(frame, mapping))? else { return Ok(None) };
        let read = reader.read(frame, thing, payload, said_at_ms);
        let Some(observations) = unless_reverted(read)? else { return Ok(None) };
        let payload_hash = frame.keccak(payload)?;
        let said = Self { reader, observations, payload_hash };
        Ok((!said.is_ahead(frame)).then_some(said))
    }

    /// Whether any of it is further in the future than a clock may be wrong.
    pub(super) fn is_ahead(&self, frame: &Frame<'_>) -> bool {
        let latest_ms = latest_ms(frame);
        self.observations.iter().any(|said| said.time_ms > latest_ms)
    }

    /// Keeps it as the latest that a thing said; answers it as triggers see it.
    pub(super) fn keep(&self, frame: &mut Frame<'_>, thing: B256) -> Result<Vec<Observation>> {
        self.reader.keep(frame, thing, &self.observations, self.payload_hash)?;
        let model = self.reader.model();
        let of_thing = |said: &pervade_semantics::Observation| Observation {
            subject: said.subject,
            model,
            property: said.property,
            is_position: said.kind == ValueKind::Position,
            number: said.number,
            exponent: said.exponent,
            time_ms: said.time_ms,
        };
        Ok(self.observations.iter().map(of_thing).collect())
    }
}

/// The latest time that something may have been observed at, unix milliseconds.
pub(super) fn latest_ms(frame: &Frame<'_>) -> u64 {
    frame.call().block_timestamp.saturating_mul(1_000).saturating_add(OBSERVED_AHEAD_MS_MAX)
}

fn unless_reverted<T>(done: Result<T>) -> Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(PrecompileError::Revert(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
