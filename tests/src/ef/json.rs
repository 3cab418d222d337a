//! Fields of a test's JSON.
use super::Verdict;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use serde_json::Value;

/// A failed test with this cause.
pub(super) fn failed<T>(cause: impl Into<String>) -> Result<T, Verdict> {
    Err(Verdict::Failed(cause.into()))
}

/// A string field.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> Result<&'a str, Verdict> {
    object[field].as_str().ok_or_else(|| Verdict::Failed(format!("the test has no string {field}")))
}

/// Bytes in hexadecimal.
pub(super) fn bytes(value: &str) -> Result<Bytes, Verdict> {
    Ok(hex::decode(value)?.into())
}

/// A number in hexadecimal with `0x`, or in decimal.
pub(super) fn number(value: &str) -> Result<U256, Verdict> {
    let (digits, radix) = match value.strip_prefix("0x") {
        Some("") => ("0", 16),
        Some(digits) => (digits, 16),
        None => (value, 10),
    };
    Ok(U256::from_str_radix(digits, radix)?)
}

/// A number field, if it is there.
pub(super) fn number_field(object: &Value, field: &str) -> Result<Option<U256>, Verdict> {
    object[field].as_str().map(number).transpose()
}

/// A number field of 64 bits, if it is there.
pub(super) fn u64_field(object: &Value, field: &str) -> Result<Option<u64>, Verdict> {
    Ok(number_field(object, field)?.map(u64::try_from).transpose()?)
}

/// A hash field, if it is there; shorter values are padded.
pub(super) fn hash_field(object: &Value, field: &str) -> Result<Option<B256>, Verdict> {
    Ok(number_field(object, field)?.map(B256::from))
}

/// An address field, if it is there.
pub(super) fn address_field(object: &Value, field: &str) -> Result<Option<Address>, Verdict> {
    object[field].as_str().map(|text| Ok(text.parse()?)).transpose()
}
