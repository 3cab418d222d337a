//! Values as CBOR: RFC 8949, section 4.2.1, with one choice for numbers that are not integers.
use crate::{
    json::Value,
    number::{Decimal, to_float64},
};
use num_bigint::{BigInt, Sign};

/// Writes a value: shortest heads, definite lengths, keys in the order of their bytes. Names that are integers become
/// integer keys, as [`parse`](super::parse) gives integer keys such names. Numbers are integers where they are, binary64
/// where that is exact, else decimal fractions (tag 4).
pub fn write(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    append(value, &mut out);
    out
}

fn append(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0xf6),
        Value::Bool(value) => out.push(if *value { 0xf5 } else { 0xf4 }),
        Value::Number(number) => append_number(number, out),
        Value::Text(text) => {
            head(3, text.len(), out);
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            head(2, bytes.len(), out);
            out.extend_from_slice(bytes);
        }
        Value::Array(elements) => {
            head(4, elements.len(), out);
            elements.iter().for_each(|element| append(element, out));
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().map(|(name, value)| (key(name), value)).collect();
            sorted.sort_by(|(left, _), (right, _)| left.cmp(right));
            head(5, sorted.len(), out);
            for (key, value) in sorted {
                out.extend_from_slice(&key);
                append(value, out);
            }
        }
    }
}

fn key(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    match name.parse::<i64>() {
        Ok(number) if number.to_string() == name => append_integer(&BigInt::from(number), &mut out),
        _ => append(&Value::Text(name.to_owned()), &mut out),
    }
    out
}

fn append_number(number: &Decimal, out: &mut Vec<u8>) {
    if let Some(integer) = number.to_integer().filter(|integer| integer.bits() <= 256) {
        append_integer(&integer, out);
    } else if let Some(bits) = to_float64(number) {
        out.push(0xfb);
        out.extend_from_slice(&bits.to_be_bytes());
    } else {
        out.extend_from_slice(&[0xc4, 0x82]);
        append_integer(&BigInt::from(number.exponent()), out);
        append_integer(number.number(), out);
    }
}

fn append_integer(number: &BigInt, out: &mut Vec<u8>) {
    let negative = number.sign() == Sign::Minus;
    let magnitude = if negative { -number - 1u32 } else { number.clone() };
    match u64::try_from(&magnitude) {
        Ok(argument) => head_of(u8::from(negative), argument, out),
        Err(_) => {
            out.push(if negative { 0xc3 } else { 0xc2 });
            append(&Value::Bytes(magnitude.to_bytes_be().1), out);
        }
    }
}

fn head(major: u8, length: usize, out: &mut Vec<u8>) {
    head_of(major, u64::try_from(length).unwrap_or(u64::MAX), out);
}

fn head_of(major: u8, argument: u64, out: &mut Vec<u8>) {
    let bytes = argument.to_be_bytes();
    let (info, width) = match argument {
        0..=23 => (bytes.last().copied().unwrap_or_default(), 0),
        24..=0xff => (24, 1),
        0x100..=0xffff => (25, 2),
        0x1_0000..=0xffff_ffff => (26, 4),
        _ => (27, 8),
    };
    out.push(major << 5 | info);
    out.extend(bytes.iter().skip(bytes.len().saturating_sub(width)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cbor, json};

    #[test]
    fn written_values_are_read_back() {
        let text = r#"{"10":[1.5,0.1,-7,18446744073709551616,-18446744073709551617],"-1":"x","a":{"b":true,"c":null},"01":1e30}"#;
        let value = json::parse(text.as_bytes(), 16).unwrap();
        assert_eq!(cbor::parse(&write(&value), 16).unwrap(), value);
    }

    #[test]
    fn one_value_has_one_form() {
        let value = json::parse(br#"{"b":1,"1":24,"a":0.1}"#, 16).unwrap();
        assert_eq!(hex::encode(write(&value)), "a30118186161c48220016162 01".replace(' ', ""));
    }
}
