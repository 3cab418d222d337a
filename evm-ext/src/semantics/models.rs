//! Models.
use super::{
    ISemantics, MODELS,
    errors::{invalid_model, revert, unknown_model},
    load_document, store_document,
};
use crate::precompiles::{Frame, PrecompileError, prices};
use alloy_primitives::B256;
use alloy_sol_types::{SolCall, SolValue};
use pervade_chainspec::params::SEMANTICS_ADDRESS;
use pervade_semantics::{Model, Property, ValueKind, prices as work};

/// What a model's identifier is the hash of.
type Document = (String, Vec<ISemantics::Property>);

pub(super) fn define(frame: &mut Frame<'_>, call: ISemantics::defineModelCall) -> Result<B256, PrecompileError> {
    let document = call.abi_encode().split_off(4);
    let id = frame.keccak(&document)?;
    let slot = frame.mapping(MODELS, id)?;
    if !frame.load(SEMANTICS_ADDRESS, slot)?.is_zero() {
        return Ok(id);
    }
    for property in &call.properties {
        frame.charge(work::STEP)?;
        frame.charge_words(property.iri.len(), prices::KECCAK_WORD_GAS)?;
        frame.charge(work::UNIT_BYTE.saturating_mul(u64::try_from(property.unit.len()).unwrap_or(u64::MAX)))?;
    }
    // Each property is compared with those before it.
    let pairs = call.properties.len().saturating_mul(call.properties.len());
    frame.charge(u64::try_from(pairs).unwrap_or(u64::MAX))?;
    let properties = call.properties.iter().map(property).collect::<Result<_, _>>()?;
    Model::new(call.iri.clone(), properties).map_err(revert)?;
    store_document(frame, slot, &document)?;
    frame.emit(SEMANTICS_ADDRESS, &ISemantics::ModelDefined { model: id, iri: call.iri })?;
    Ok(id)
}

pub(super) fn model_of(
    frame: &mut Frame<'_>,
    call: ISemantics::modelOfCall,
) -> Result<ISemantics::modelOfReturn, PrecompileError> {
    let (iri, properties) = document(frame, call.model)?;
    Ok(ISemantics::modelOfReturn { iri, properties })
}

/// The model with this identifier.
pub(super) fn load(frame: &mut Frame<'_>, id: B256) -> Result<Model, PrecompileError> {
    let (iri, properties) = document(frame, id)?;
    let properties = properties.iter().map(property).collect::<Result<_, _>>()?;
    Ok(Model::checked_before(iri, properties))
}

fn document(frame: &mut Frame<'_>, id: B256) -> Result<Document, PrecompileError> {
    let document = load_document(frame, MODELS, id)?.ok_or_else(|| unknown_model(id))?;
    frame.charge_words(document.len(), prices::ABI_WORD_GAS)?;
    Document::abi_decode_params(&document).map_err(|_| unknown_model(id))
}

fn property(property: &ISemantics::Property) -> Result<Property, PrecompileError> {
    Ok(Property {
        id: property.property,
        iri: property.iri.clone(),
        kind: kind(property.kind)?,
        unit: property.unit.clone(),
        exponent: property.exponent,
        minimum: property.minimum,
        maximum: property.maximum,
    })
}

fn kind(kind: ISemantics::ValueKind) -> Result<ValueKind, PrecompileError> {
    let found = ValueKind::ALL.get(usize::from(kind as u8)).copied();
    found.ok_or_else(|| invalid_model("unknown kind of value".to_owned()))
}
