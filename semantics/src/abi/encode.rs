//! Values to calldata.
use super::{
    decode::fits,
    signature::{Parameter, Signature, Type},
};
use crate::{error::Error, json::Value};
use num_bigint::{BigInt, Sign};

const WORD: usize = 32;

/// Encodes a call whose parameters are the members of an object.
///
/// # Errors
/// [`Error::NoValue`] for a parameter that is missing or of another kind; [`Error::Inexact`] for a number that is not an
/// integer or too wide.
pub(crate) fn encode_call(signature: &Signature, values: &Value) -> Result<Vec<u8>, Error> {
    let mut out = signature.hash().get(..4).unwrap_or_default().to_vec();
    out.extend(tuple(&signature.parameters, values)?);
    Ok(out)
}

fn tuple(parameters: &[Parameter], values: &Value) -> Result<Vec<u8>, Error> {
    let members = parameters.iter().map(|parameter| {
        let value = values.get(&parameter.name).ok_or(Error::NoValue)?;
        Ok((&parameter.kind, value))
    });
    sequence(&members.collect::<Result<Vec<_>, Error>>()?)
}

/// Heads, then what they point to.
fn sequence(members: &[(&Type, &Value)]) -> Result<Vec<u8>, Error> {
    let words = members.iter().fold(0usize, |words, (kind, _)| words.saturating_add(kind.head_words()));
    let head_bytes = words.saturating_mul(WORD);
    let (mut head, mut tail) = (Vec::new(), Vec::new());
    for (kind, value) in members {
        let encoded = encode(kind, value)?;
        if kind.is_dynamic() {
            head.extend(word(&BigInt::from(head_bytes.saturating_add(tail.len()))));
            tail.extend(encoded);
        } else {
            head.extend(encoded);
        }
    }
    head.extend(tail);
    Ok(head)
}

fn encode(kind: &Type, value: &Value) -> Result<Vec<u8>, Error> {
    match (kind, value) {
        (Type::Uint(bits), Value::Number(number)) => integer(number.to_integer(), *bits, false),
        (Type::Int(bits), Value::Number(number)) => integer(number.to_integer(), *bits, true),
        (Type::Bool, Value::Bool(value)) => Ok(word(&BigInt::from(u8::from(*value)))),
        (Type::Address, Value::Bytes(bytes)) if bytes.len() == 20 => {
            Ok(word(&BigInt::from_bytes_be(Sign::Plus, bytes)))
        }
        (Type::FixedBytes(count), Value::Bytes(bytes)) if bytes.len() == *count => Ok(padded(bytes)),
        (Type::Bytes, Value::Bytes(bytes)) => Ok(prefixed(bytes)),
        (Type::Text, Value::Text(text)) => Ok(prefixed(text.as_bytes())),
        (Type::Array(inner, count), Value::Array(elements)) if count.is_none_or(|count| count == elements.len()) => {
            let members: Vec<_> = elements.iter().map(|element| (&**inner, element)).collect();
            let mut out = if count.is_none() { word(&BigInt::from(elements.len())) } else { Vec::new() };
            out.extend(sequence(&members)?);
            Ok(out)
        }
        (Type::Tuple(members), Value::Object(_)) => tuple(members, value),
        _ => Err(Error::NoValue),
    }
}

fn integer(number: Option<BigInt>, bits: usize, signed: bool) -> Result<Vec<u8>, Error> {
    let number = number.filter(|number| fits(number, bits, signed)).ok_or(Error::Inexact)?;
    Ok(word(&number))
}

/// Two's complement in 32 bytes.
fn word(number: &BigInt) -> Vec<u8> {
    let bytes = number.to_signed_bytes_be();
    let bytes = bytes.get(bytes.len().saturating_sub(WORD)..).unwrap_or_default();
    let fill = if number.sign() == Sign::Minus { 0xff } else { 0 };
    let mut out = vec![fill; WORD.saturating_sub(bytes.len())];
    out.extend_from_slice(bytes);
    out
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    out.resize(bytes.len().next_multiple_of(WORD), 0);
    out
}

fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let mut out = word(&BigInt::from(bytes.len()));
    out.extend(padded(bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{abi::decode_call, meter::Counter, number::Decimal};
    use std::collections::BTreeMap;

    #[test]
    fn calls_that_are_encoded_are_decoded_to_the_same() {
        let signature = Signature::parse("f(int8 a, bytes b, (address to, string[2] names)[] c, uint256 d)").unwrap();
        let object = |members: Vec<(&str, Value)>| {
            Value::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect::<BTreeMap<_, _>>())
        };
        let names = Value::Array(vec![
            Value::Text("one".into()),
            Value::Text("a text that is longer than a word of it".into()),
        ]);
        let value = object(vec![
            ("a", Value::Number(Decimal::from(-128))),
            ("b", Value::Bytes(vec![1; 33])),
            ("c", Value::Array(vec![object(vec![("to", Value::Bytes(vec![9; 20])), ("names", names)])])),
            ("d", Value::Number(Decimal::new(BigInt::from(2).pow(256) - 1u32, 0).unwrap())),
        ]);
        let payload = encode_call(&signature, &value).unwrap();
        assert_eq!(decode_call(&signature, &payload, &mut Counter::default()).unwrap(), value);
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let encode = |kind: &str, number: i64| {
            let signature = Signature::parse(&format!("f({kind} a)")).unwrap();
            let value = Value::Object(BTreeMap::from([("a".to_owned(), Value::Number(Decimal::from(number)))]));
            encode_call(&signature, &value).is_ok()
        };
        assert!(encode("uint8", 255) && !encode("uint8", 256) && !encode("uint8", -1));
        assert!(encode("int8", 127) && !encode("int8", 128) && encode("int8", -128) && !encode("int8", -129));
    }
}
