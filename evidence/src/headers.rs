//! [`Headers`]: what stands beside a payload or a signature (RFC 9052, 3).
use crate::{EvidenceError, cbor};
use coset::{
    AsCborValue, Header, ProtectedHeader, RegisteredLabelWithPrivate,
    cbor::Value,
    iana::{self, EnumI64},
};

/// Labels of header parameters that are understood here: algorithm, critical, content type, key id (RFC 9052, 3.1).
const UNDERSTOOD: [i64; 4] = [1, 2, 3, 4];
/// Label of countersignatures of the first version (RFC 8152, 4.5). They hold headers, encoded anew, which may hold
/// countersignatures again: a library that reads them goes as deep as the message is long.
const COUNTERSIGNATURES: u64 = 7;

/// Headers of one layer: no label twice, and no critical one that is not understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Headers {
    protected: ProtectedHeader,
    unprotected: Header,
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
        let original_data = (!inside.is_empty()).then_some(encoded);
        let protected = ProtectedHeader { original_data, header: header(inside)? };
        let headers = Self { protected, unprotected: header(unprotected)? };
        headers.check_critical()?;
        Ok(headers)
    }

    /// What is signed of them.
    pub(crate) fn protected(&self) -> ProtectedHeader {
        self.protected.clone()
    }

    /// The algorithm, if it is protected.
    pub(crate) fn algorithm(&self) -> Option<&RegisteredLabelWithPrivate<iana::Algorithm>> {
        self.protected.header.alg.as_ref()
    }

    /// Which key may have signed: a hint, empty if there is none.
    pub(crate) fn key_id(&self) -> &[u8] {
        let protected = &self.protected.header.key_id;
        if protected.is_empty() { &self.unprotected.key_id } else { protected }
    }

    fn check_critical(&self) -> Result<(), EvidenceError> {
        if !self.unprotected.crit.is_empty() {
            return Err(EvidenceError::Message { reason: "critical labels must be protected" });
        }
        let understood = |label: &RegisteredLabelWithPrivate<iana::HeaderParameter>| match label {
            RegisteredLabelWithPrivate::Assigned(label) => UNDERSTOOD.contains(&label.to_i64()),
            _ => false,
        };
        if self.protected.header.crit.iter().all(understood) {
            Ok(())
        } else {
            Err(EvidenceError::Message { reason: "a critical label that is not understood" })
        }
    }
}

fn header(mut map: Vec<(Value, Value)>) -> Result<Header, EvidenceError> {
    map.retain(|(label, _)| cbor::unsigned(label) != Some(COUNTERSIGNATURES));
    Header::from_cbor_value(Value::Map(map)).map_err(|_| EvidenceError::Message { reason: "a malformed header" })
}
