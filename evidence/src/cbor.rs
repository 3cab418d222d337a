//! One CBOR item, of bounded depth, with nothing after it.
use crate::{EvidenceError, limits::CBOR_DEPTH_MAX};
use coset::cbor::{Value, de::from_reader_with_recursion_limit};
use std::collections::BTreeSet;

/// Decodes `bytes`.
///
/// # Errors
/// [`EvidenceError::Cbor`] if it is malformed, deeper than [`CBOR_DEPTH_MAX`], or not all of `bytes`.
pub(crate) fn decode(what: &'static str, mut bytes: &[u8]) -> Result<Value, EvidenceError> {
    match from_reader_with_recursion_limit(&mut bytes, CBOR_DEPTH_MAX) {
        Ok(value) if bytes.is_empty() => Ok(value),
        _ => Err(EvidenceError::Cbor { what }),
    }
}

/// Label of an entry in maps of COSE and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Label<'a> {
    Integer(i128),
    Text(&'a str),
}

/// The labels of a map; none if one is neither integer nor text, or there twice.
pub(crate) fn labels(map: &[(Value, Value)]) -> Option<BTreeSet<Label<'_>>> {
    let mut labels = BTreeSet::new();
    for (key, _) in map {
        let label = match key {
            Value::Integer(number) => Label::Integer(i128::from(*number)),
            Value::Text(text) => Label::Text(text),
            _ => return None,
        };
        if !labels.insert(label) {
            return None;
        }
    }
    Some(labels)
}

/// The unsigned integer that an item is.
pub(crate) fn unsigned(value: &Value) -> Option<u64> {
    value.as_integer().and_then(|integer| u64::try_from(integer).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_is_limited_to_the_level() {
        let nested = |depth: usize| [vec![0x81u8; depth], vec![0x00]].concat();
        assert!(decode("test", &nested(CBOR_DEPTH_MAX)).is_ok());
        assert!(decode("test", &nested(CBOR_DEPTH_MAX + 1)).is_err());
        assert!(decode("test", &vec![0x81; 20_000]).is_err());
    }

    #[test]
    fn labels_are_integers_or_text_and_there_once() {
        let map = |bytes: &[u8]| decode("test", bytes).unwrap().into_map().unwrap();
        assert_eq!(labels(&map(&[0xa2, 0x01, 0x00, 0x61, 0x61, 0x00])).unwrap().len(), 2);
        assert_eq!(labels(&map(&[0xa2, 0x01, 0x00, 0x18, 0x01, 0x00])), None, "the same number, longer");
        assert_eq!(labels(&map(&[0xa1, 0x41, 0x61, 0x00])), None, "bytes");
    }

    #[test]
    fn one_item_and_nothing_after_it() {
        assert!(decode("test", &[0x01]).is_ok());
        assert!(decode("test", &[]).is_err());
        assert!(decode("test", &[0x01, 0x01]).is_err());
    }
}
