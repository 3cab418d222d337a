//! What a thing said, in canonical form: read here from its payload, or read by gateways and checked here.
//!
//! ```text
//! payload of the thing ──Reader::read──┐
//!                                      ├──► observations ──Reader::keep──► latest of the thing, Observed
//! gateways' encoding ──Reader::decode──┘
//! ```
use super::{
    ISemantics, MAPPINGS,
    errors::metered,
    mappings::{self, Loaded},
    observations::{answer, keep_all},
};
use crate::precompiles::{Frame, PrecompileError, prices};
use alloy_primitives::{B256, Bytes};
use alloy_sol_types::{SolType, SolValue, abi::AbiDecoderConfig, sol_data};
use pervade_chainspec::params::SEMANTICS_ADDRESS;
use pervade_semantics::{Observation, Property, ValueKind, limits::OBSERVATIONS_MAX, prices as work};

/// A mapping that is ready to read what a thing says.
pub(crate) struct Reader(Loaded);

impl Reader {
    /// The mapping with this identifier.
    ///
    /// # Errors
    /// `UnknownMapping`; out of gas.
    pub(crate) fn load(frame: &mut Frame<'_>, mapping: B256) -> Result<Self, PrecompileError> {
        mappings::load(frame, mapping).map(Self)
    }

    /// The mapping's model.
    pub(crate) fn model(&self) -> B256 {
        self.0.model
    }

    /// Reads a payload of a thing. What has no time of its own was said at `said_at_ms`.
    ///
    /// # Errors
    /// Those of the interface.
    pub(crate) fn read(
        &self,
        frame: &mut Frame<'_>,
        thing: B256,
        payload: &[u8],
        said_at_ms: u64,
    ) -> Result<Vec<Observation>, PrecompileError> {
        metered(frame, |meter| self.0.mapping.normalize(thing, payload, said_at_ms, meter))
    }

    /// Observations that gateways read from a payload which is not here: `abi.encode(ISemantics.Observation[])`. `None`:
    /// they are none, or not in canonical form.
    ///
    /// # Errors
    /// Out of gas.
    pub(crate) fn decode(
        &self,
        frame: &mut Frame<'_>,
        encoded: &[u8],
    ) -> Result<Option<Vec<Observation>>, PrecompileError> {
        frame.charge_words(encoded.len(), prices::ABI_WORD_GAS)?;
        let config = AbiDecoderConfig::new().strict(true);
        let decoded = <(sol_data::Array<ISemantics::Observation>,)>::abi_decode_params_with_config(encoded, config);
        let Ok((list,)) = decoded else { return Ok(None) };
        if list.len() > OBSERVATIONS_MAX {
            return Ok(None);
        }
        let properties = self.0.mapping.model().properties();
        let mut observations = Vec::with_capacity(list.len());
        for said in list {
            // Each is compared with the model's properties until one is its own.
            frame.charge(work::STEP)?;
            let Some(observation) = canonical(said, properties) else { return Ok(None) };
            observations.push(observation);
        }
        Ok(Some(observations))
    }

    /// Keeps what a thing said as its latest, and emits `Observed`.
    ///
    /// # Errors
    /// Out of gas.
    pub(crate) fn keep(
        &self,
        frame: &mut Frame<'_>,
        thing: B256,
        observations: &[Observation],
        payload_hash: B256,
    ) -> Result<(), PrecompileError> {
        keep_all(frame, thing, &self.0, observations, payload_hash)
    }
}

/// Whether a mapping with this identifier has been defined.
///
/// # Errors
/// Out of gas.
pub(crate) fn is_defined(frame: &mut Frame<'_>, mapping: B256) -> Result<bool, PrecompileError> {
    let slot = frame.mapping(MAPPINGS, mapping)?;
    Ok(!frame.load(SEMANTICS_ADDRESS, slot)?.is_zero())
}

/// `abi.encode(ISemantics.Observation[])`.
///
/// # Errors
/// Out of gas.
pub(crate) fn encode(frame: &mut Frame<'_>, observations: &[Observation]) -> Result<Bytes, PrecompileError> {
    let list: Vec<_> = observations.iter().cloned().map(answer).collect();
    let encoded = (list,).abi_encode_params();
    frame.charge_words(encoded.len(), prices::ABI_WORD_GAS)?;
    Ok(encoded.into())
}

fn canonical(said: ISemantics::Observation, properties: &[Property]) -> Option<Observation> {
    let property = properties.iter().find(|property| property.id == said.property)?;
    let observation = Observation {
        subject: said.subject,
        property: said.property,
        kind: *ValueKind::ALL.get(usize::from(said.kind as u8))?,
        number: said.number,
        exponent: said.exponent,
        data: said.data.to_vec(),
        unit: said.unit,
        time_ms: said.timeMs,
    };
    observation.is_canonical(property).then_some(observation)
}
