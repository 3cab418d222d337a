//! Canonical values.
use crate::{
    error::Error,
    json::Value,
    limits::TEXT_BYTES_MAX,
    model::{Property, ValueKind, from_i256, to_i256},
    number::{Decimal, Rational, Rounding},
    reading::Reading,
};
use alloy_primitives::{B256, I256, U256, hex, keccak256};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// What somebody said about a subject, in the general form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// The thing, or the asset that an event is about.
    pub subject: B256,
    /// Keccak-256 of the property's IRI.
    pub property: B256,
    /// What kind of value it is.
    pub kind: ValueKind,
    /// The value of Number, Bool (0 or 1) and Position: latitude in the high, longitude in the low 128 bits, units of 1e-7
    /// degree.
    pub number: I256,
    /// The number is a multiple of `10^exponent`.
    pub exponent: i8,
    /// The value of Text and Bytes.
    pub data: Vec<u8>,
    /// UCUM.
    pub unit: String,
    /// Unix milliseconds.
    pub time_ms: u64,
}

/// Positions are in 1e-7 degree.
const POSITION_EXPONENT: i8 = -7;
/// A right angle, at that scale.
const RIGHT_ANGLE: i128 = 900_000_000;

impl Observation {
    /// As a value for people and tools to read.
    pub fn to_value(&self, iri: &str) -> Value {
        let text = |text: String| Value::Text(text);
        let number =
            || Decimal::new(from_i256(self.number), i32::from(self.exponent)).map_or(Value::Null, Value::Number);
        let value = match self.kind {
            ValueKind::Number => number(),
            ValueKind::Bool => Value::Bool(self.number != I256::ZERO),
            ValueKind::Text => text(String::from_utf8_lossy(&self.data).into_owned()),
            ValueKind::Bytes => text(format!("0x{}", hex::encode(&self.data))),
            ValueKind::Position => {
                let (latitude, longitude) = unpack(self.number);
                let degrees = |number: i128| {
                    Decimal::new(number, i32::from(POSITION_EXPONENT)).map_or(Value::Null, Value::Number)
                };
                let members = [("latitude", degrees(latitude)), ("longitude", degrees(longitude))];
                Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
            }
        };
        let members = [
            ("subject", text(self.subject.to_string())),
            ("property", text(iri.to_owned())),
            ("value", value),
            ("unit", text(self.unit.clone())),
            ("time", text(crate::calendar::write_rfc3339(self.time_ms))),
        ];
        Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>())
    }

    /// Whether it has the form in which readings of this property are kept; what [`crate::Mapping::normalize`] gives has it.
    pub fn is_canonical(&self, property: &Property) -> bool {
        let is_number = |exponent: i8| self.exponent == exponent && self.data.is_empty();
        let is_data = || self.number.is_zero() && self.exponent == 0 && self.data.len() <= TEXT_BYTES_MAX;
        let fits = match property.kind {
            ValueKind::Number => {
                is_number(property.exponent) && (property.minimum..=property.maximum).contains(&self.number)
            }
            ValueKind::Position => {
                let (latitude, longitude) = unpack(self.number);
                let limit = RIGHT_ANGLE.unsigned_abs();
                is_number(POSITION_EXPONENT)
                    && latitude.unsigned_abs() <= limit
                    && longitude.unsigned_abs() <= limit.saturating_mul(2)
            }
            ValueKind::Bool => is_number(0) && (self.number.is_zero() || self.number == I256::ONE),
            ValueKind::Text => is_data() && std::str::from_utf8(&self.data).is_ok(),
            ValueKind::Bytes => is_data(),
        };
        fits && self.property == property.id && self.kind == property.kind && self.unit == property.unit
    }

    /// The number in the property's unit.
    pub(crate) fn rational(&self) -> Result<Rational, Error> {
        Ok(Decimal::new(from_i256(self.number), i32::from(self.exponent))?.to_rational())
    }
}

/// Brings a reading, already in the property's unit, into canonical form.
///
/// # Errors
/// [`Error::OutOfRange`]; [`Error::Inexact`] if `exact` and digits would be lost; [`Error::MalformedPayload`] for a reading of
/// another kind.
pub(crate) fn observe(
    property: &Property,
    reading: &Reading,
    exact: bool,
    subject: B256,
    time_ms: u64,
) -> Result<Observation, Error> {
    let kind = |reason| Error::payload(0, reason);
    let mut observation = Observation {
        subject,
        property: property.id,
        kind: property.kind,
        number: I256::ZERO,
        exponent: 0,
        data: Vec::new(),
        unit: property.unit.clone(),
        time_ms,
    };
    match property.kind {
        ValueKind::Number => {
            let number = reading.number().ok_or(kind("a number is needed"))?;
            let rounding = if exact { Rounding::Exact } else { Rounding::HalfEven };
            let scaled = number.to_scaled(i32::from(property.exponent), rounding)?;
            let in_range = |number: &I256| (property.minimum..=property.maximum).contains(number);
            let out_of_range = Error::OutOfRange { property: property.id };
            observation.number = to_i256(&scaled).filter(in_range).ok_or(out_of_range)?;
            observation.exponent = property.exponent;
        }
        ValueKind::Bool => {
            let truth = match reading {
                Reading::Bool(truth) => Some(*truth),
                Reading::Text(text) => match text.as_str() {
                    "true" => Some(true),
                    "false" => Some(false),
                    _ => None,
                },
                other => other.number().and_then(|number| {
                    if number == Rational::one() { Some(true) } else { number.is_zero().then_some(false) }
                }),
            };
            let truth = truth.ok_or(kind("a truth value, 0 or 1 is needed"))?;
            observation.number = if truth { I256::ONE } else { I256::ZERO };
        }
        ValueKind::Text => observation.data = bounded(reading.text()?.into_bytes())?,
        ValueKind::Bytes => {
            observation.data = bounded(match reading {
                Reading::Bytes(bytes) => bytes.clone(),
                Reading::Text(text) => match text.strip_prefix("0x") {
                    Some(digits) => hex::decode(digits).map_err(|_| kind("0x is followed by hexadecimal digits"))?,
                    None => text.clone().into_bytes(),
                },
                _ => return Err(kind("bytes are needed")),
            })?;
        }
        ValueKind::Position => return Err(kind("a position has latitude and longitude")),
    }
    Ok(observation)
}

/// A position from degrees.
///
/// # Errors
/// [`Error::OutOfRange`] outside the globe.
pub(crate) fn observe_position(
    property: &Property,
    degrees: [&Rational; 2],
    subject: B256,
    time_ms: u64,
) -> Result<Observation, Error> {
    let out_of_range = Error::OutOfRange { property: property.id };
    let mut scaled = [0i128; 2];
    for ((slot, degrees), limit) in scaled.iter_mut().zip(degrees).zip([RIGHT_ANGLE, RIGHT_ANGLE.saturating_mul(2)]) {
        let number = degrees.to_scaled(i32::from(POSITION_EXPONENT), Rounding::HalfEven)?;
        let number = i128::try_from(number).ok().filter(|number| number.unsigned_abs() <= limit.unsigned_abs());
        *slot = number.ok_or(out_of_range.clone())?;
    }
    let [latitude, longitude] = scaled;
    Ok(Observation {
        subject,
        property: property.id,
        kind: ValueKind::Position,
        number: pack(latitude, longitude),
        exponent: POSITION_EXPONENT,
        data: Vec::new(),
        unit: property.unit.clone(),
        time_ms,
    })
}

/// Latitude in the high, longitude in the low 128 bits.
fn pack(latitude: i128, longitude: i128) -> I256 {
    let high = U256::from_be_slice(&latitude.to_be_bytes()).wrapping_shl(128);
    I256::from_raw(high | U256::from_be_slice(&longitude.to_be_bytes()))
}

/// Latitude and longitude of a position, in units of 1e-7 degree.
pub(crate) fn unpack(number: I256) -> (i128, i128) {
    let bytes = number.to_be_bytes::<32>();
    let half = |from: usize| {
        let bytes = bytes.get(from..).and_then(|bytes| bytes.first_chunk::<16>()).copied().unwrap_or_default();
        i128::from_be_bytes(bytes)
    };
    (half(0), half(16))
}

fn bounded(bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    if bytes.len() > TEXT_BYTES_MAX { Err(Error::limit("bytes of a value", TEXT_BYTES_MAX)) } else { Ok(bytes) }
}

/// The subject that a reading names: 32 bytes as they are, text by its keccak-256, numbers as a word.
pub(crate) fn subject_of(reading: &Reading) -> Result<B256, Error> {
    let word = |number: BigInt| to_i256(&number).map(|number| B256::from(number.into_raw()));
    match reading {
        Reading::Text(text) => match text.strip_prefix("0x").filter(|digits| digits.len() == 64) {
            Some(digits) => digits.parse().map_err(|_| Error::payload(0, "0x is followed by hexadecimal digits")),
            None => Ok(keccak256(text)),
        },
        Reading::Bytes(bytes) if bytes.len() <= 32 => Ok(B256::left_padding_from(bytes)),
        Reading::Bytes(bytes) => Ok(keccak256(bytes)),
        Reading::Bool(truth) => Ok(B256::from(U256::from(u8::from(*truth)))),
        Reading::Number(number) => {
            let integer = number.to_scaled(0, Rounding::Exact)?;
            // Above the range of int256, an identifier is a uint256.
            let wrapped = if integer.bits() == 256 { integer - (BigInt::from(1) << 256u32) } else { integer };
            word(wrapped).ok_or(Error::payload(0, "a subject has at most 256 bits"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Counter, Format, Mapping, Model};

    #[test]
    fn what_a_mapping_gives_is_canonical_and_anything_beside_it_is_not() {
        let model = br#"{"iri":"urn:m","properties":[
            {"iri":"urn:t","unit":"Cel","exponent":-1,"minimum":-40,"maximum":85},
            {"iri":"urn:p","kind":"Position","unit":"deg"}, {"iri":"urn:b","kind":"Bool"}, {"iri":"urn:s","kind":"Text"}]}"#;
        let model = Model::parse(model).unwrap();
        let program = br#"{"observations":[{"property":"urn:t","value":"$.t"},{"property":"urn:b","value":"$.b"},
            {"property":"urn:p","position":{"latitude":"$.y","longitude":"$.x"}},{"property":"urn:s","value":"$.s"}]}"#;
        let mapping = Mapping::compile(&model, Format::Json, program).unwrap();
        let payload = br#"{"t":21.5,"b":true,"x":-180,"y":90,"s":"on"}"#;
        let found = mapping.normalize(B256::ZERO, payload, 7, &mut Counter::default()).unwrap();
        assert_eq!(found.len(), 4);
        let property_of =
            |seen: &Observation| model.properties().iter().find(|known| known.id == seen.property).unwrap();
        let changes: [fn(&mut Observation); 6] = [
            |seen| seen.exponent = 1,
            |seen| seen.number = I256::MAX,
            |seen| seen.unit.push('x'),
            |seen| seen.data = vec![0xff],
            |seen| seen.property = B256::ZERO,
            |seen| seen.kind = ValueKind::Bytes,
        ];
        for seen in found {
            assert!(seen.is_canonical(property_of(&seen)), "{seen:?}");
            for (place, change) in changes.iter().enumerate() {
                let mut other = seen.clone();
                change(&mut other);
                assert!(!other.is_canonical(property_of(&seen)), "{place}: {other:?}");
            }
        }
    }
}
