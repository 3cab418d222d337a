//! Messages from things: signed, numbered, accepted once each in any order.
//!
//! The sequences that were seen are bits: sequence s of generation g is bit `s & 255` of the word at
//! `keccak256((s >> 8) . keccak256(g . thing + 6))`. So that nobody fills the state with words of one bit, the
//! relayer pays for the slot.
use super::{
    Result,
    abi::IThings,
    custom,
    observations::{Said, latest_ms},
    registry::{SEQUENCES, Thing},
    signatures::{DeviceMessage, digest_in, signed_by},
    triggers,
};
use crate::precompiles::{Frame, PrecompileError, slots::offset};
use alloy_primitives::{B256, U256};
use pervade_chainspec::params::{
    BATCH_MESSAGES_MAX, OBSERVED_AHEAD_MS_MAX, PAYLOAD_BYTES_MAX, SIGNATURE_BYTES_MAX, THINGS_ADDRESS,
};

/// Why a message was not accepted; the numbers of `publishBatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownThing = 1,
    Replayed = 2,
    Future = 3,
    Signature = 4,
    Payload = 5,
    TooLong = 6,
}

impl Refusal {
    fn error(self, message: &IThings::Message) -> PrecompileError {
        let exceeded = |what: &str, limit: usize| {
            custom(&IThings::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) })
        };
        match self {
            Self::UnknownThing => custom(&IThings::UnknownThing { thing: message.thing }),
            Self::Replayed => custom(&IThings::Replayed { sequence: message.sequence }),
            Self::Future => {
                PrecompileError::reason(format!("observed more than {OBSERVED_AHEAD_MS_MAX} ms after the block"))
            }
            Self::Signature => custom(&IThings::InvalidProof {}),
            Self::Payload => {
                PrecompileError::reason("the mapping does not read the payload, or reads a time in the future from it")
            }
            Self::TooLong if message.payload.len() > PAYLOAD_BYTES_MAX => exceeded("payload", PAYLOAD_BYTES_MAX),
            Self::TooLong => exceeded("signature", SIGNATURE_BYTES_MAX),
        }
    }
}

pub(super) fn publish(frame: &mut Frame<'_>, call: IThings::publishCall) -> Result<IThings::publishReturn> {
    match accept(frame, &call.message)? {
        None => Ok(IThings::publishReturn {}),
        Some(refusal) => Err(refusal.error(&call.message)),
    }
}

pub(super) fn publish_batch(frame: &mut Frame<'_>, call: IThings::publishBatchCall) -> Result<Vec<u16>> {
    if call.messages.len() > BATCH_MESSAGES_MAX {
        let limit = U256::from(BATCH_MESSAGES_MAX);
        return Err(custom(&IThings::LimitExceeded { what: "messages".to_owned(), limit }));
    }
    let mut codes = Vec::with_capacity(call.messages.len());
    for message in &call.messages {
        let code = accept(frame, message)?.map_or(0, |refusal| refusal as u16);
        if code != 0 {
            let (thing, sequence) = (message.thing, message.sequence);
            frame.emit(THINGS_ADDRESS, &IThings::Skipped { thing, sequence, code })?;
        }
        codes.push(code);
    }
    Ok(codes)
}

pub(super) fn is_published(frame: &mut Frame<'_>, call: IThings::isPublishedCall) -> Result<bool> {
    let thing = Thing::load(frame, call.thing)?;
    let (slot, bit) = sequence_bit(frame, &thing, call.sequence)?;
    Ok(!(frame.load(THINGS_ADDRESS, slot)? & bit).is_zero())
}

/// Nothing is written for a message that is refused.
fn accept(frame: &mut Frame<'_>, message: &IThings::Message) -> Result<Option<Refusal>> {
    if message.payload.len() > PAYLOAD_BYTES_MAX || message.signature.len() > SIGNATURE_BYTES_MAX {
        return Ok(Some(Refusal::TooLong));
    }
    let Some(thing) = Thing::find(frame, message.thing)? else { return Ok(Some(Refusal::UnknownThing)) };
    if message.observedAtMs > latest_ms(frame) {
        return Ok(Some(Refusal::Future));
    }
    let (slot, bit) = sequence_bit(frame, &thing, message.sequence)?;
    let seen = frame.load(THINGS_ADDRESS, slot)?;
    if !(seen & bit).is_zero() {
        return Ok(Some(Refusal::Replayed));
    }
    let payload_hash = frame.keccak(&message.payload)?;
    if !is_signed(frame, &thing, message, payload_hash)? {
        return Ok(Some(Refusal::Signature));
    }
    let (thing, sequence) = (message.thing, message.sequence);
    // Without a mapping the payload is bytes, which say nothing but that they were published.
    let said = match message.mappingId {
        mapping if mapping.is_zero() => None,
        mapping => match Said::read(frame, thing, mapping, &message.payload, message.observedAtMs)? {
            Some(said) => Some(said),
            None => return Ok(Some(Refusal::Payload)),
        },
    };
    frame.store(THINGS_ADDRESS, slot, seen | bit)?;
    frame.emit(THINGS_ADDRESS, &IThings::Published { thing, sequence, payloadHash: payload_hash })?;
    triggers::published(frame, thing, message.observedAtMs)?;
    if let Some(said) = said {
        let observations = said.keep(frame, thing)?;
        triggers::observe(frame, thing, &observations)?;
    }
    Ok(None)
}

fn is_signed(frame: &mut Frame<'_>, thing: &Thing, message: &IThings::Message, payload_hash: B256) -> Result<bool> {
    let key = thing.key(frame)?;
    let signed = DeviceMessage {
        thing: message.thing,
        generation: thing.generation(),
        sequence: message.sequence,
        observedAtMs: message.observedAtMs,
        mappingId: message.mappingId,
        payloadHash: payload_hash,
    };
    let digest = digest_in(frame, &signed)?;
    signed_by(frame, &key, digest, &message.signature)
}

fn sequence_bit(frame: &mut Frame<'_>, thing: &Thing, sequence: u64) -> Result<(U256, U256)> {
    let words = frame.mapping_of(offset(thing.slot, SEQUENCES), U256::from(thing.generation()))?;
    let slot = frame.mapping_of(words, U256::from(sequence >> 8))?;
    let place = usize::try_from(sequence & 0xff).unwrap_or_default();
    Ok((slot, U256::ONE.wrapping_shl(place)))
}
