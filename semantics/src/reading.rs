//! A raw value as a device wrote it, before it means anything.
use crate::{
    error::Error,
    json::Value,
    number::{Decimal, Rational},
};

/// What a selector found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reading {
    Number(Rational),
    Text(String),
    Bool(bool),
    Bytes(Vec<u8>),
}

impl Reading {
    /// A value of a tree. `null` is no value.
    pub(crate) fn from_value(value: &Value) -> Result<Option<Self>, Error> {
        Ok(Some(match value {
            Value::Null => return Ok(None),
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.to_rational()),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Bytes(bytes) => Self::Bytes(bytes.clone()),
            Value::Array(_) | Value::Object(_) => {
                return Err(Error::payload(0, "a selector leads to an array or an object, where one value is needed"));
            }
        }))
    }

    /// As a value of a tree.
    ///
    /// # Errors
    /// [`Error::Inexact`] for a fraction without end.
    pub(crate) fn to_value(&self) -> Result<Value, Error> {
        Ok(match self {
            Self::Number(number) => Value::Number(number.to_decimal()?),
            Self::Text(text) => Value::Text(text.clone()),
            Self::Bool(value) => Value::Bool(*value),
            Self::Bytes(bytes) => Value::Bytes(bytes.clone()),
        })
    }

    /// A number; also one that is written as text, and truth as 1 and 0.
    pub(crate) fn number(&self) -> Option<Rational> {
        match self {
            Self::Number(number) => Some(number.clone()),
            Self::Bool(value) => Some(Rational::from(i64::from(*value))),
            Self::Text(text) => Decimal::parse(text.trim()).ok().map(|number| number.to_rational()),
            Self::Bytes(_) => None,
        }
    }

    /// Text; of numbers their digits, of bytes `0x` and hexadecimal digits.
    ///
    /// # Errors
    /// [`Error::Inexact`] for a fraction without end.
    pub(crate) fn text(&self) -> Result<String, Error> {
        Ok(match self {
            Self::Number(number) => number.to_decimal()?.to_string(),
            Self::Text(text) => text.clone(),
            Self::Bool(value) => value.to_string(),
            Self::Bytes(bytes) => format!("0x{}", alloy_primitives::hex::encode(bytes)),
        })
    }

    /// Bits of its number.
    pub(crate) fn bits(&self) -> u64 {
        match self {
            Self::Number(number) => number.bits(),
            _ => 64,
        }
    }

    /// The same in the sense of a mapping's `equals`, `absent` and `enum`.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Number(left), Self::Number(right)) => left == right,
            (Self::Number(number), Self::Bool(truth)) | (Self::Bool(truth), Self::Number(number)) => {
                *number == Rational::from(i64::from(*truth))
            }
            _ => self == other,
        }
    }
}
