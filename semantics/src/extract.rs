//! One value out of a document, without a mapping.
use crate::{
    cbor,
    error::Error,
    json::{self, Value},
    jsonpath::Path,
    limits::{DEPTH_MAX, PAYLOAD_BYTES_MAX},
    mapping::Format,
    meter::{Meter, prices},
    model::{ValueKind, to_i256},
};
use num_bigint::BigInt;

/// What [`extract`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Extracted {
    /// `number * 10^exponent`, with the fewest digits.
    Number {
        /// Fits an `int256`.
        number: alloy_primitives::I256,
        /// Fits an `int8`.
        exponent: i8,
    },
    /// Text.
    Text(String),
    /// Truth.
    Bool(bool),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Extracted {
    /// What kind of value it is.
    pub fn kind(&self) -> ValueKind {
        match self {
            Self::Number { .. } => ValueKind::Number,
            Self::Text(_) => ValueKind::Text,
            Self::Bool(_) => ValueKind::Bool,
            Self::Bytes(_) => ValueKind::Bytes,
        }
    }
}

/// The value at a singular query of RFC 9535. SenML packs, too, are read as they are written; base fields are not resolved.
///
/// # Errors
/// [`Error::InvalidQuery`]; [`Error::MalformedPayload`]; [`Error::NoValue`] if nothing is there, or `null`, or an array or an
/// object; [`Error::Inexact`] for a number that `int256` and `int8` do not hold; [`Error::InvalidMapping`] for formats that
/// are no trees.
pub fn extract(format: Format, document: &[u8], path: &str, meter: &mut dyn Meter) -> Result<Extracted, Error> {
    if document.len() > PAYLOAD_BYTES_MAX {
        return Err(Error::limit("bytes of a payload", PAYLOAD_BYTES_MAX));
    }
    let read = |price: u64, bytes: usize| price.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX));
    let document_work = read(format.byte_price(), document.len());
    meter.spend(document_work.saturating_add(read(prices::PARSE_BYTE, path.len())))?;
    let path = Path::parse(path)?;
    let root = match format {
        Format::Json | Format::SenmlJson | Format::Epcis => json::parse(document, DEPTH_MAX)?,
        Format::Cbor | Format::SenmlCbor => cbor::parse(document, DEPTH_MAX)?,
        Format::Binary | Format::AbiEvent | Format::AbiCall => {
            return Err(Error::mapping("/format", format!("{} has no values to query", format.name())));
        }
    };
    match path.find(&root, &root) {
        Some(Value::Number(number)) => {
            meter.spend(prices::NUMBER.saturating_mul(NUMBERS))?;
            let mut digits = number.number().clone();
            let mut exponent = number.exponent();
            // Trailing zeros of binary and bignum sources, at most those that int256 has digits.
            for _ in 0..DIGITS_STRIPPED_MAX {
                let (quotient, remainder) = num_integer::Integer::div_rem(&digits, &BigInt::from(10));
                if remainder != BigInt::ZERO || digits == BigInt::ZERO {
                    break;
                }
                digits = quotient;
                exponent = exponent.saturating_add(1);
            }
            if digits == BigInt::ZERO {
                exponent = 0;
            }
            let exponent = i8::try_from(exponent).map_err(|_| Error::Inexact)?;
            Ok(Extracted::Number { number: to_i256(&digits).ok_or(Error::Inexact)?, exponent })
        }
        Some(Value::Text(text)) => Ok(Extracted::Text(text.clone())),
        Some(Value::Bool(truth)) => Ok(Extracted::Bool(*truth)),
        Some(Value::Bytes(bytes)) => Ok(Extracted::Bytes(bytes.clone())),
        Some(Value::Null | Value::Array(_) | Value::Object(_)) | None => Err(Error::NoValue),
    }
}

/// Digits that stripping zeros looks at: binary64 reaches 309.
const DIGITS_STRIPPED_MAX: usize = 310;
/// What that costs, in numbers.
const NUMBERS: u64 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Counter;
    use alloy_primitives::I256;

    fn found(document: &str, path: &str) -> Result<Extracted, Error> {
        extract(Format::Json, document.as_bytes(), path, &mut Counter::default())
    }

    #[test]
    fn values_are_extracted_with_the_fewest_digits() {
        let document = r#"{"a":[23.50,1200,0.0,"x",true,null,{}]}"#;
        let number =
            |number: i32, exponent| Ok(Extracted::Number { number: I256::try_from(number).unwrap(), exponent });
        assert_eq!(found(document, "$.a[0]"), number(235, -1));
        assert_eq!(found(document, "$.a[1]"), number(12, 2));
        assert_eq!(found(document, "$.a[2]"), number(0, 0));
        assert_eq!(found(document, "$.a[3]"), Ok(Extracted::Text("x".into())));
        assert_eq!(found(document, "$.a[4]"), Ok(Extracted::Bool(true)));
        for path in ["$.a[5]", "$.a[6]", "$.a", "$.b"] {
            assert_eq!(found(document, path), Err(Error::NoValue), "{path}");
        }
        assert!(matches!(found(document, "$.a[*]"), Err(Error::InvalidQuery { .. })));
        assert_eq!(found("[1e200]", "$[0]"), Err(Error::Inexact));
    }
}
