//! RLP tests: values and their only encoding, and bytes that encode nothing.
use super::{
    Verdict,
    json::{self, failed},
};
use alloy_primitives::Uint;
use alloy_rlp::{Encodable, Header, PayloadView};
use serde_json::Value;

/// Runs one test.
pub(super) fn run(test: &Value) -> Result<(), Verdict> {
    let bytes = json::bytes(json::text(test, "out")?)?;
    let decoded = decode(&bytes);
    match test["in"].as_str() {
        Some("INVALID") => match decoded {
            Ok(_) => failed("the bytes decode, must be invalid"),
            Err(_) => Ok(()),
        },
        Some("VALID") => Ok(decoded.map(|_| ())?),
        _ => {
            let item = Item::from_json(&test["in"])?;
            if alloy_rlp::encode(&item) != bytes {
                return failed("the encoding differs");
            }
            if decoded? != item {
                return failed("the decoded value differs");
            }
            Ok(())
        }
    }
}

/// Any RLP value.
#[derive(Debug, PartialEq, Eq)]
enum Item {
    String(Vec<u8>),
    List(Vec<Item>),
}

impl Item {
    /// Strings, numbers (`#` begins one in decimal) and lists of them.
    fn from_json(value: &Value) -> Result<Self, Verdict> {
        match value {
            Value::Array(items) => Ok(Self::List(items.iter().map(Self::from_json).collect::<Result<_, _>>()?)),
            Value::String(text) => match text.strip_prefix('#') {
                Some(digits) => Self::number(digits),
                None => Ok(Self::String(text.as_bytes().to_vec())),
            },
            Value::Number(number) => Self::number(&number.to_string()),
            other => failed(format!("{other} is no RLP value")),
        }
    }

    /// RLP knows no limit of numbers; the tests stay far below this one.
    fn number(digits: &str) -> Result<Self, Verdict> {
        Ok(Self::String(Uint::<1024, 16>::from_str_radix(digits, 10)?.to_be_bytes_trimmed_vec()))
    }
}

impl Encodable for Item {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        match self {
            Self::String(bytes) => bytes.as_slice().encode(out),
            Self::List(items) => {
                Header { list: true, payload_length: items.iter().map(Encodable::length).sum() }.encode(out);
                items.iter().for_each(|item| item.encode(out));
            }
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::String(bytes) => bytes.as_slice().length(),
            Self::List(items) => {
                let payload_length = items.iter().map(Encodable::length).sum();
                Header { list: true, payload_length }.length_with_payload()
            }
        }
    }
}

/// One value and nothing after it.
fn decode(mut bytes: &[u8]) -> alloy_rlp::Result<Item> {
    let item = decode_item(&mut bytes)?;
    if bytes.is_empty() { Ok(item) } else { Err(alloy_rlp::Error::UnexpectedLength) }
}

fn decode_item(bytes: &mut &[u8]) -> alloy_rlp::Result<Item> {
    Ok(match Header::decode_raw(bytes)? {
        PayloadView::String(payload) => Item::String(payload.to_vec()),
        PayloadView::List(items) => Item::List(items.into_iter().map(decode).collect::<Result<_, _>>()?),
    })
}
