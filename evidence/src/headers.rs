//! [`Headers`]: what stands beside a payload or a signature (RFC 9052, 3).
use crate::{EvidenceError, cbor};
use coset::{
    AsCborValue, Header, ProtectedHeader, RegisteredLabelWithPrivate,
    cbor::Value,
    iana::{self, EnumI64},
};

/// Labels of header parameters that are understood here: algorithm, critical, content type, key id (RFC 9052, 3.1).
const UNDERSTOOD: [i64; 4] = [1, 2, 3, 4];
/// Labels of what a library reads, all others being passed over: those of RFC 9052, 3.1. Not among them are
/// countersignatures (RFC 8152, 4.5), which hold headers, encoded anew, which may hold countersignatures again: who reads
/// them goes as deep as the message is long.
const READ: std::ops::RangeInclusive<u64> = 1..=6;

/// Label of the key id.
const KEY_ID: u64 = 4;

/// Headers of one layer: no label twice, and no critical one that is not understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Headers {
    /// The protected ones as they are signed: nothing if there is none.
    encoded: Vec<u8>,
    algorithm: Option<RegisteredLabelWithPrivate<iana::Algorithm>>,
    key_id: Vec<u8>,
}

impl Headers {
    /// Reads the first two elements of a message or signature.
    ///
    /// # Errors
    /// [`EvidenceError::Cbor`], [`EvidenceError::Message`].
    pub(crate) fn read(protected: Value, unprotected: Value) -> Result<Self, EvidenceError> {
        let malformed = || EvidenceError::Message { reason: "headers are not bytes that hold a map, and a map" };
        let (Value::Bytes(encoded), Value::Map(unprotected)) = (protected, unprotected) else {
            return Err(malformed());
        };
        let inside =
            if encoded.is_empty() { Value::Map(Vec::new()) } else { cbor::decode("protected header", &encoded)? };
        let Value::Map(inside) = inside else { return Err(malformed()) };
        let (Some(labels), Some(others)) = (cbor::labels(&inside), cbor::labels(&unprotected)) else {
            return Err(EvidenceError::Message { reason: "a label that is there twice, or neither integer nor text" });
        };
        if !labels.is_disjoint(&others) {
            return Err(EvidenceError::Message { reason: "a label in both headers" });
        }
        // Without parameters nothing is signed, whether the map is left out or empty (RFC 9052, 4.4).
        let encoded = if inside.is_empty() { Vec::new() } else { encoded };
        let (inside, outside) = (header(inside)?, header(unprotected)?);
        check_critical(&inside, &outside)?;
        let key_id = if inside.key_id.is_empty() { outside.key_id } else { inside.key_id };
        Ok(Self { encoded, algorithm: inside.alg, key_id })
    }

    /// What is signed of them.
    pub(crate) fn protected(&self) -> ProtectedHeader {
        ProtectedHeader { original_data: Some(self.encoded.clone()), header: Header::default() }
    }

    /// The algorithm, if it is protected.
    pub(crate) fn algorithm(&self) -> Option<&RegisteredLabelWithPrivate<iana::Algorithm>> {
        self.algorithm.as_ref()
    }

    /// Which key may have signed: a hint, empty if there is none.
    pub(crate) fn key_id(&self) -> &[u8] {
        &self.key_id
    }
}

fn check_critical(inside: &Header, outside: &Header) -> Result<(), EvidenceError> {
    if !outside.crit.is_empty() {
        return Err(EvidenceError::Message { reason: "critical labels must be protected" });
    }
    let understood = |label: &RegisteredLabelWithPrivate<iana::HeaderParameter>| match label {
        RegisteredLabelWithPrivate::Assigned(label) => UNDERSTOOD.contains(&label.to_i64()),
        _ => false,
    };
    if inside.crit.iter().all(understood) {
        Ok(())
    } else {
        Err(EvidenceError::Message { reason: "a critical label that is not understood" })
    }
}

fn header(mut map: Vec<(Value, Value)>) -> Result<Header, EvidenceError> {
    map.retain(|(label, value)| match cbor::unsigned(label) {
        // A hint that proves nothing: one that some write as text is none.
        Some(KEY_ID) => value.as_bytes().is_some_and(|id| !id.is_empty()),
        label => label.is_some_and(|label| READ.contains(&label)),
    });
    Header::from_cbor_value(Value::Map(map)).map_err(|_| EvidenceError::Message { reason: "a malformed header" })
}
