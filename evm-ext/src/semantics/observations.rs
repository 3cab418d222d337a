//! Observations: what a payload says, what was said last, and conversions.
use super::{
    ISemantics, LATEST,
    errors::{invalid_mapping, metered},
    mappings::{self, Loaded, format},
    models,
};
use crate::precompiles::{
    Frame, PrecompileError, prices,
    slots::{Field, offset},
};
use alloy_primitives::{B256, Bytes, I256, U256};
use alloy_sol_types::SolValue;
use pervade_chainspec::params::SEMANTICS_ADDRESS;
use pervade_semantics::{
    Extracted, Observation, ValueKind, from_i256,
    number::{Decimal, Rounding},
    prices as work, to_i256, ucum,
};

const TIME: Field = Field::new(0, 64);
const KIND: Field = Field::new(64, 8);
const EXPONENT: Field = Field::new(72, 8);
const LENGTH: Field = Field::new(80, 32);

/// What a payload says. Its time, unless it has one, is the block's.
pub(super) fn normalize(
    frame: &mut Frame<'_>,
    loaded: &Loaded,
    subject: B256,
    payload: &[u8],
) -> Result<Vec<Observation>, PrecompileError> {
    let now_ms = frame.call().block_timestamp.saturating_mul(1_000);
    metered(frame, |meter| loaded.mapping.normalize(subject, payload, now_ms, meter))
}

pub(super) fn translate(frame: &mut Frame<'_>, call: ISemantics::translateCall) -> Result<Bytes, PrecompileError> {
    let from = mappings::load(frame, call.from)?;
    let to = mappings::load(frame, call.to)?;
    if from.model != to.model {
        return Err(invalid_mapping("the mappings are of different models"));
    }
    let observations = normalize(frame, &from, call.subject, &call.payload)?;
    metered(frame, |meter| to.mapping.write(&observations, meter)).map(Bytes::from)
}

/// Reads a payload that `source` said, keeps the latest values and emits `Observed`. What has no time of its own was said
/// at `said_at_ms`. The caller answers for source and time. Answers with the mapping's model too.
///
/// # Errors
/// Those of the interface; then nothing is written.
pub(crate) fn observe(
    frame: &mut Frame<'_>,
    source: B256,
    mapping: B256,
    subject: B256,
    payload: &[u8],
    said_at_ms: u64,
) -> Result<(B256, Vec<Observation>), PrecompileError> {
    let loaded = mappings::load(frame, mapping)?;
    let observations = metered(frame, |meter| loaded.mapping.normalize(subject, payload, said_at_ms, meter))?;
    let payload_hash = frame.keccak(payload)?;
    keep_all(frame, source, &loaded, &observations, payload_hash)?;
    Ok((loaded.model, observations))
}

/// Keeps what `source` said, and emits `Observed`.
pub(super) fn keep_all(
    frame: &mut Frame<'_>,
    source: B256,
    loaded: &Loaded,
    observations: &[Observation],
    payload_hash: B256,
) -> Result<(), PrecompileError> {
    for observation in observations {
        keep(frame, source, loaded.model, observation)?;
        let event = ISemantics::Observed {
            source,
            subject: observation.subject,
            property: observation.property,
            mappingId: loaded.id,
            observation: answer(observation.clone()),
            payloadHash: payload_hash,
        };
        frame.emit(SEMANTICS_ADDRESS, &event)?;
    }
    Ok(())
}

/// The latest never goes back in time.
fn keep(frame: &mut Frame<'_>, source: B256, model: B256, observation: &Observation) -> Result<(), PrecompileError> {
    let slot = latest_slot(frame, source, observation.subject, model, observation.property)?;
    let known = frame.load(SEMANTICS_ADDRESS, slot)?;
    if !known.is_zero() && TIME.get_u64(known) > observation.time_ms {
        return Ok(());
    }
    let exponent = u64::from(u8::from_be_bytes(observation.exponent.to_be_bytes()));
    let kind = ValueKind::ALL.iter().zip(1u64..).find(|(kind, _)| **kind == observation.kind);
    let head = TIME.set_u64(U256::ZERO, observation.time_ms);
    let head = KIND.set_u64(head, kind.map_or(0, |(_, number)| number));
    let head = EXPONENT.set_u64(head, exponent);
    let head = LENGTH.set_u64(head, u64::try_from(observation.data.len()).unwrap_or(u64::MAX));
    frame.store(SEMANTICS_ADDRESS, slot, head)?;
    frame.store(SEMANTICS_ADDRESS, offset(slot, 1), observation.number.into_raw())?;
    if !observation.data.is_empty() || LENGTH.get_u64(known) > 0 {
        frame.store_value(SEMANTICS_ADDRESS, offset(slot, 2), &observation.data)?;
    }
    Ok(())
}

fn latest_slot(
    frame: &mut Frame<'_>,
    source: B256,
    subject: B256,
    model: B256,
    property: B256,
) -> Result<U256, PrecompileError> {
    let key = frame.keccak(&(source, subject, model, property).abi_encode())?;
    frame.mapping(LATEST, key)
}

pub(super) fn latest(
    frame: &mut Frame<'_>,
    call: ISemantics::latestCall,
) -> Result<ISemantics::Observation, PrecompileError> {
    let slot = latest_slot(frame, call.source, call.subject, call.model, call.property)?;
    let head = frame.load(SEMANTICS_ADDRESS, slot)?;
    let kind = usize::try_from(KIND.get_u64(head)).ok().and_then(|number| ValueKind::ALL.get(number.checked_sub(1)?));
    let kind = *kind.ok_or_else(|| PrecompileError::custom(&ISemantics::NoValue {}))?;
    let number = frame.load(SEMANTICS_ADDRESS, offset(slot, 1))?;
    let length = usize::try_from(LENGTH.get_u64(head)).unwrap_or(usize::MAX);
    let data = frame.load_value(SEMANTICS_ADDRESS, offset(slot, 2), length)?;
    let model = models::load(frame, call.model)?;
    let property = model.properties().iter().find(|property| property.id == call.property);
    let exponent = u8::try_from(EXPONENT.get_u64(head)).unwrap_or_default();
    Ok(answer(Observation {
        subject: call.subject,
        property: call.property,
        kind,
        number: I256::from_raw(number),
        exponent: i8::from_be_bytes([exponent]),
        data: data.to_vec(),
        unit: property.map(|property| property.unit.clone()).unwrap_or_default(),
        time_ms: TIME.get_u64(head),
    }))
}

/// An observation of the interface.
pub(super) fn answer(observation: Observation) -> ISemantics::Observation {
    let kind = match observation.kind {
        ValueKind::Number => ISemantics::ValueKind::Number,
        ValueKind::Text => ISemantics::ValueKind::Text,
        ValueKind::Bool => ISemantics::ValueKind::Bool,
        ValueKind::Bytes => ISemantics::ValueKind::Bytes,
        ValueKind::Position => ISemantics::ValueKind::Position,
    };
    ISemantics::Observation {
        subject: observation.subject,
        property: observation.property,
        kind,
        number: observation.number,
        exponent: observation.exponent,
        data: observation.data.into(),
        unit: observation.unit,
        timeMs: observation.time_ms,
    }
}

pub(super) fn convert(frame: &mut Frame<'_>, call: ISemantics::convertCall) -> Result<I256, PrecompileError> {
    converted(frame, call.number, call.exponent, [&call.from, &call.to], call.toExponent, Rounding::Exact)
}

pub(super) fn convert_rounded(
    frame: &mut Frame<'_>,
    call: ISemantics::convertRoundedCall,
) -> Result<I256, PrecompileError> {
    converted(frame, call.number, call.exponent, [&call.from, &call.to], call.toExponent, Rounding::HalfEven)
}

/// Units are read at their price, a byte; the rest is arithmetic on numbers that they bound.
fn converted(
    frame: &mut Frame<'_>,
    number: I256,
    exponent: i8,
    [from, to]: [&str; 2],
    to_exponent: i8,
    rounding: Rounding,
) -> Result<I256, PrecompileError> {
    let bytes = u64::try_from(from.len().saturating_add(to.len())).unwrap_or(u64::MAX);
    frame.charge(work::UNIT_BYTE.saturating_mul(bytes).saturating_add(work::NUMBER))?;
    metered(frame, |_| {
        let number = Decimal::new(from_i256(number), exponent.into())?;
        ucum::convert(&number, from, to, to_exponent.into(), rounding)
    })
    .and_then(|integer| {
        to_i256(&integer).ok_or_else(|| PrecompileError::custom(&ISemantics::OutOfRange { property: B256::ZERO }))
    })
}

/// `value` is `abi.encode(int256, int8)` of a number, `abi.encode(bool)` of a truth value, the bytes themselves of text and
/// bytes.
pub(super) fn extract(
    frame: &mut Frame<'_>,
    call: ISemantics::extractCall,
) -> Result<ISemantics::extractReturn, PrecompileError> {
    let format = format(call.format)?;
    let found = metered(frame, |meter| pervade_semantics::extract(format, &call.document, &call.path, meter))?;
    let (kind, value) = match found {
        Extracted::Number { number, exponent } => (ISemantics::ValueKind::Number, (number, exponent).abi_encode()),
        Extracted::Text(text) => (ISemantics::ValueKind::Text, text.into_bytes()),
        Extracted::Bool(truth) => (ISemantics::ValueKind::Bool, truth.abi_encode()),
        Extracted::Bytes(bytes) => (ISemantics::ValueKind::Bytes, bytes),
    };
    frame.charge_words(value.len(), prices::ABI_WORD_GAS)?;
    Ok(ISemantics::extractReturn { kind, value: value.into() })
}
