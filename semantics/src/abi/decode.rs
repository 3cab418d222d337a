//! Payloads to values.
use super::signature::{Parameter, Signature, Type};
use crate::{
    error::Error,
    json::Value,
    limits::DEPTH_MAX,
    meter::{Work, prices},
    number::Decimal,
};
use alloy_primitives::B256;
use num_bigint::{BigInt, Sign};
use num_traits::Zero;
use std::collections::BTreeMap;

const WORD: usize = 32;

/// Decodes calldata into an object of parameters.
///
/// # Errors
/// [`Error::MalformedPayload`] for another selector or an encoding that does not fit; [`Error::LimitExceeded`].
pub fn decode_call(signature: &Signature, payload: &[u8], meter: &mut dyn crate::Meter) -> Result<Value, Error> {
    call(signature, payload, &mut Work::new(meter))
}

/// Decodes `abi.encode(bytes32[] topics, bytes data)` into an object of parameters.
///
/// # Errors
/// [`Error::MalformedPayload`] for another event or an encoding that does not fit; [`Error::LimitExceeded`].
pub fn decode_event(signature: &Signature, payload: &[u8], meter: &mut dyn crate::Meter) -> Result<Value, Error> {
    event(signature, payload, &mut Work::new(meter))
}

/// The payload of a log.
pub fn event_payload(topics: &[B256], data: &[u8]) -> Vec<u8> {
    let word = |number: usize| {
        let mut word = [0u8; WORD];
        if let Some(tail) = word.last_chunk_mut() {
            *tail = u64::try_from(number).unwrap_or(u64::MAX).to_be_bytes();
        }
        word
    };
    let data_at = topics.len().saturating_add(3).saturating_mul(WORD);
    let mut payload = [word(2 * WORD), word(data_at), word(topics.len())].concat();
    topics.iter().for_each(|topic| payload.extend_from_slice(topic.as_slice()));
    payload.extend_from_slice(&word(data.len()));
    payload.extend_from_slice(data);
    payload.resize(payload.len().next_multiple_of(WORD), 0);
    payload
}

pub(crate) fn call(signature: &Signature, payload: &[u8], work: &mut Work<'_>) -> Result<Value, Error> {
    let selector = payload.get(..4).ok_or(Error::payload(0, "calldata begins with four bytes of selector"))?;
    if selector != signature.hash().get(..4).unwrap_or_default() {
        return Err(Error::payload(0, "a call of another function"));
    }
    let decoder = Decoder { payload, base: 4 };
    decoder.tuple(&signature.parameters, 4, 0, work)
}

pub(crate) fn event(signature: &Signature, payload: &[u8], work: &mut Work<'_>) -> Result<Value, Error> {
    let whole = Decoder { payload, base: 0 };
    let topics_at = whole.pointer(0, 0)?;
    let data_at = whole.pointer(WORD, 0)?;
    let count = whole.length(topics_at, WORD)?;
    let first = topics_at.saturating_add(WORD);
    let mut topics = (0..count).map(|position| first.saturating_add(position.saturating_mul(WORD)));
    if !signature.anonymous {
        let at = topics.next().ok_or(Error::payload(topics_at, "an event has its hash as first topic"))?;
        if whole.word(at)? != signature.hash().as_slice() {
            return Err(Error::payload(at, "another event"));
        }
    }
    let size = whole.length(data_at, 1)?;
    let base = data_at.saturating_add(WORD);
    let end = base.saturating_add(size);
    let data = Decoder { payload: payload.get(..end).ok_or(Error::payload(data_at, "the payload ends early"))?, base };
    let plain: Vec<_> = signature.parameters.iter().filter(|parameter| !parameter.indexed).cloned().collect();
    let Value::Object(mut values) = data.tuple(&plain, base, 0, work)? else { return Err(Error::NoValue) };
    for parameter in signature.parameters.iter().filter(|parameter| parameter.indexed) {
        work.step()?;
        let at = topics.next().ok_or(Error::payload(topics_at, "an indexed parameter has no topic"))?;
        let value = if parameter.kind.is_value() {
            whole.value(&parameter.kind, at, 0, 0, work)?
        } else {
            Value::Bytes(whole.word(at)?.to_vec())
        };
        values.insert(parameter.name.clone(), value);
    }
    match topics.next() {
        None => Ok(Value::Object(values)),
        Some(at) => Err(Error::payload(at, "more topics than indexed parameters")),
    }
}

struct Decoder<'a> {
    payload: &'a [u8],
    /// Where the outermost frame begins.
    base: usize,
}

impl<'a> Decoder<'a> {
    /// Parameters whose heads begin at `frame`, to which their offsets count.
    fn tuple(&self, parameters: &[Parameter], frame: usize, depth: usize, work: &mut Work<'_>) -> Result<Value, Error> {
        let mut values = BTreeMap::new();
        let mut at = frame;
        for parameter in parameters {
            values.insert(parameter.name.clone(), self.value(&parameter.kind, at, frame, depth, work)?);
            at = at.saturating_add(parameter.kind.head_words().saturating_mul(WORD));
        }
        Ok(Value::Object(values))
    }

    /// The value whose head is at `at`.
    fn value(&self, kind: &Type, at: usize, frame: usize, depth: usize, work: &mut Work<'_>) -> Result<Value, Error> {
        work.step()?;
        if depth > DEPTH_MAX {
            return Err(Error::limit("nested values", DEPTH_MAX));
        }
        let depth = depth.saturating_add(1);
        let place = if kind.is_dynamic() { self.pointer(at, frame)? } else { at };
        match kind {
            Type::Bytes | Type::Text => {
                let length = self.length(place, 1)?;
                let start = place.saturating_add(WORD);
                work.spend(prices::SCAN_BYTE, length)?;
                let bytes = self.payload.get(start..start.saturating_add(length)).unwrap_or_default();
                if *kind == Type::Bytes {
                    return Ok(Value::Bytes(bytes.to_vec()));
                }
                let text = std::str::from_utf8(bytes).map_err(|_| Error::payload(start, "text is not UTF-8"))?;
                Ok(Value::Text(text.to_owned()))
            }
            Type::Array(inner, count) => {
                let (count, start) = match count {
                    Some(count) => (*count, place),
                    None => (self.length(place, inner.head_words().saturating_mul(WORD))?, place.saturating_add(WORD)),
                };
                let stride = inner.head_words().saturating_mul(WORD);
                let elements = (0..count).map(|position| {
                    let at = start.saturating_add(position.saturating_mul(stride));
                    self.value(inner, at, start, depth, work)
                });
                Ok(Value::Array(elements.collect::<Result<_, _>>()?))
            }
            Type::Tuple(members) => self.tuple(members, place, depth, work),
            _ => self.elementary(kind, at),
        }
    }

    fn elementary(&self, kind: &Type, at: usize) -> Result<Value, Error> {
        let word = self.word(at)?;
        let padded = Error::payload(at, "padding that no encoder writes");
        let left = |bytes: usize| word.split_at_checked(WORD.saturating_sub(bytes)).unwrap_or((word, &[]));
        let zero = |bytes: &[u8]| bytes.iter().all(|byte| *byte == 0);
        Ok(match kind {
            Type::Uint(bits) => {
                let (padding, number) = left(bits / 8);
                if !zero(padding) {
                    return Err(padded);
                }
                Value::Number(Decimal::new(BigInt::from_bytes_be(Sign::Plus, number), 0)?)
            }
            Type::Int(bits) => {
                let (padding, number) = left(bits / 8);
                let sign = number.first().is_some_and(|byte| byte & 0x80 != 0);
                if padding.iter().any(|byte| *byte != if sign { 0xff } else { 0 }) {
                    return Err(padded);
                }
                Value::Number(Decimal::new(BigInt::from_signed_bytes_be(number), 0)?)
            }
            Type::Bool => match left(1) {
                (padding, [0]) if zero(padding) => Value::Bool(false),
                (padding, [1]) if zero(padding) => Value::Bool(true),
                _ => return Err(padded),
            },
            Type::Address => {
                let (padding, address) = left(20);
                if !zero(padding) {
                    return Err(padded);
                }
                Value::Bytes(address.to_vec())
            }
            Type::FixedBytes(count) => {
                let (bytes, padding) = word.split_at_checked(*count).unwrap_or((word, &[]));
                if !zero(padding) {
                    return Err(padded);
                }
                Value::Bytes(bytes.to_vec())
            }
            _ => return Err(padded),
        })
    }

    fn word(&self, at: usize) -> Result<&'a [u8], Error> {
        self.payload
            .get(at..at.saturating_add(WORD))
            .ok_or(Error::payload(at.min(self.payload.len()), "the payload ends early"))
    }

    /// A word that holds a number below the payload's size.
    fn small(&self, at: usize) -> Result<usize, Error> {
        let number = BigInt::from_bytes_be(Sign::Plus, self.word(at)?);
        usize::try_from(&number)
            .ok()
            .filter(|number| *number <= self.payload.len())
            .ok_or(Error::payload(at, "a length or an offset beyond the end"))
    }

    /// Where the offset at `at` leads, counted from `frame`.
    fn pointer(&self, at: usize, frame: usize) -> Result<usize, Error> {
        let place = frame.max(self.base).saturating_add(self.small(at)?);
        // Something is read there: at least one word, or nothing of a tuple without members.
        if place > self.payload.len() { Err(Error::payload(at, "an offset beyond the end")) } else { Ok(place) }
    }

    /// The length at `at`, of elements that have so many bytes at least.
    fn length(&self, at: usize, bytes_each: usize) -> Result<usize, Error> {
        let length = self.small(at)?;
        let end = at.saturating_add(WORD).saturating_add(length.saturating_mul(bytes_each));
        if end > self.payload.len() { Err(Error::payload(at, "a length beyond the end")) } else { Ok(length) }
    }
}

/// Whether nothing is lost by calling a number of another width the same.
pub(super) fn fits(number: &BigInt, bits: usize, signed: bool) -> bool {
    let bits = u64::try_from(bits).unwrap_or(0);
    if !signed {
        return number.sign() != Sign::Minus && number.bits() <= bits;
    }
    let magnitude = if number.sign() == Sign::Minus { -number - 1u32 } else { number.clone() };
    magnitude.is_zero() || magnitude.bits() < bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json::write, meter::Counter};

    fn words(hex: &str) -> Vec<u8> {
        hex.split_whitespace()
            .flat_map(|word| {
                hex::decode(if word.len() == 8 || word.len() == 64 { word.to_owned() } else { format!("{word:0>64}") })
                    .unwrap()
            })
            .collect()
    }

    fn decoded(signature: &str, payload: &[u8]) -> String {
        let signature = Signature::parse(signature).unwrap();
        match decode_call(&signature, payload, &mut Counter::default()) {
            Ok(value) => write(&value),
            Err(error) => error.to_string(),
        }
    }

    /// Examples of the ABI specification.
    #[test]
    fn calls_of_the_specification_are_decoded() {
        let baz = words("cdcd77c0 45 1");
        assert_eq!(decoded("baz(uint32 x, bool y)", &baz), r#"{"x":69,"y":true}"#);
        let sam = words("a5643bf2 60 1 a0 4 6461766500000000000000000000000000000000000000000000000000000000 3 1 2 3");
        assert_eq!(decoded("sam(bytes a, bool b, uint[] c)", &sam), r#"{"a":"ZGF2ZQ","b":true,"c":[1,2,3]}"#);
        let g = words(
            "2289b18c 40 140 2 40 a0 2 1 2 1 3 3 60 a0 e0 \
             3 6f6e650000000000000000000000000000000000000000000000000000000000 \
             3 74776f0000000000000000000000000000000000000000000000000000000000 \
             5 7468726565000000000000000000000000000000000000000000000000000000",
        );
        assert_eq!(decoded("g(uint256[][] a, string[] b)", &g), r#"{"a":[[1,2],[3]],"b":["one","two","three"]}"#);
    }

    #[test]
    fn events_are_decoded_from_topics_and_data() {
        let signature =
            Signature::parse("event Moved(string indexed name, int16 indexed by, (uint8 x, bytes2 y) at)").unwrap();
        let by = B256::from_slice(&words(&"f".repeat(64)));
        let data = words("7 abcd000000000000000000000000000000000000000000000000000000000000");
        let payload = event_payload(&[signature.hash(), B256::repeat_byte(1), by], &data);
        let Value::Object(values) = decode_event(&signature, &payload, &mut Counter::default()).unwrap() else {
            panic!()
        };
        assert_eq!(values["by"], Value::Number(Decimal::from(-1)));
        assert_eq!(values["name"], Value::Bytes(vec![1; 32]));
        assert_eq!(values["at"].get("y"), Some(&Value::Bytes(vec![0xab, 0xcd])));
        for topics in [&[][..], &[signature.hash()], &[B256::ZERO, by, by], &[signature.hash(), by, by, by]] {
            let payload = event_payload(topics, &data);
            assert!(decode_event(&signature, &payload, &mut Counter::default()).is_err());
        }
    }

    #[test]
    fn encodings_that_no_encoder_writes_are_refused() {
        for (signature, payload) in [
            ("baz(uint32 x, bool y)", "cdcd77c0 45 2"),
            ("baz(uint32 x, bool y)", "cdcd77c0 100000000 1"),
            ("baz(uint32 x, bool y)", "cdcd77c1 45 1"),
            ("baz(uint32 x, bool y)", "cdcd77c0 45"),
            ("sam(bytes a, bool b, uint[] c)", "a5643bf2 60 1 a000"),
            ("sam(bytes a, bool b, uint[] c)", "a5643bf2 60 1 60 ffff"),
        ] {
            assert!(decoded(signature, &words(payload)).contains("malformed"), "{payload}");
        }
    }

    #[test]
    fn offsets_that_lead_to_the_same_place_are_bounded_by_steps() {
        // Every element of a level is the one array of the next level.
        let signature = Signature::parse("f(uint[][][][] a)").unwrap();
        let mut payload = signature.hash()[..4].to_vec();
        payload.extend(words("20"));
        for offset in ["280", "280", "280", "0"] {
            payload.extend(words("14"));
            (0..20).for_each(|_| payload.extend(words(offset)));
        }
        let error = decode_call(&signature, &payload, &mut Counter::default()).unwrap_err();
        assert!(matches!(error, Error::LimitExceeded { what: "steps", .. }), "{error}");
    }
}
