//! Data that carries the signatures of those who vouch for it.
use crate::{EvidenceError, Meter, PublicKey, Sign1, Work, cbor, error::limit, limits::TOKEN_BYTES_MAX};
use coset::cbor::Value;

/// The payload of a COSE_Sign1 message that one of the keys signed.
///
/// # Errors
/// Everything that [`Sign1::parse`] refuses; [`EvidenceError::Signature`] if none of the keys signed it;
/// [`EvidenceError::Exhausted`].
pub fn verify_signed(keys: &[PublicKey], message: &[u8], meter: &mut dyn Meter) -> Result<Vec<u8>, EvidenceError> {
    let message = Sign1::parse(message, meter)?;
    signer(keys, &message, meter)?;
    Ok(message.into_payload())
}

/// The payload of the messages of a CBOR array, each a COSE_Sign1 (tagged or not, or a byte string that holds one). All
/// have the same payload, and more than two thirds of the keys signed it, each once.
///
/// # Errors
/// As [`verify_signed`]; [`EvidenceError::Message`] if it is no array, the payloads differ or a key signed twice.
pub fn verify_quorum(keys: &[PublicKey], messages: &[u8], meter: &mut dyn Meter) -> Result<Vec<u8>, EvidenceError> {
    limit("bytes of a quorum's messages", messages.len(), TOKEN_BYTES_MAX)?;
    meter.spend(Work::Decode { bytes: messages.len() })?;
    let Value::Array(messages) = cbor::decode("quorum's messages", messages)? else {
        return Err(EvidenceError::Message { reason: "not an array of messages" });
    };
    limit("messages of a quorum", messages.len(), keys.len())?;
    let mut signed = vec![false; keys.len()];
    let mut payload: Option<Vec<u8>> = None;
    for message in messages {
        let message = match message {
            Value::Bytes(bytes) => Sign1::parse(&bytes, meter)?,
            value => Sign1::from_value(value)?,
        };
        let place = signer(keys, &message, meter)?;
        match signed.get_mut(place) {
            Some(already) if !*already => *already = true,
            _ => return Err(EvidenceError::Message { reason: "a key signed twice" }),
        }
        match &payload {
            None => payload = Some(message.into_payload()),
            Some(first) if first.as_slice() == message.payload() => {}
            Some(_) => return Err(EvidenceError::Message { reason: "payloads differ" }),
        }
    }
    let count = signed.iter().filter(|signed| **signed).count();
    match payload {
        Some(payload) if count.saturating_mul(3) > keys.len().saturating_mul(2) => Ok(payload),
        _ => Err(EvidenceError::Signature),
    }
}

/// Which of the keys signed a message.
fn signer(keys: &[PublicKey], message: &Sign1, meter: &mut dyn Meter) -> Result<usize, EvidenceError> {
    for (place, key) in keys.iter().enumerate() {
        match message.verify(key, &[], meter) {
            Err(EvidenceError::Signature) => {}
            Err(other) => return Err(other),
            Ok(()) => return Ok(place),
        }
    }
    Err(EvidenceError::Signature)
}
