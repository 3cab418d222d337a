//! From bytes to values, in one pass.
use crate::{
    error::Error,
    json::Value,
    number::{Decimal, divided_by_power_of_two, float16, float32, float64},
};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// Reads one CBOR item. Arrays, maps and tags nest at most `depth_max` times.
///
/// # Errors
/// [`Error::MalformedPayload`] with the byte where it is not well-formed or breaks a rule of [this module](super);
/// [`Error::LimitExceeded`] for nesting and for numbers.
pub fn parse(bytes: &[u8], depth_max: usize) -> Result<Value, Error> {
    let mut reader = Reader { bytes, at: 0, depth_max };
    let value = reader.item(0)?;
    if reader.at < bytes.len() {
        return Err(Error::payload(reader.at, "bytes after the item"));
    }
    Ok(value)
}

/// The bytes that a break consists of.
const BREAK: u8 = 0xff;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth_max: usize,
}

/// The first byte of an item and its argument. `None`: indefinite length.
struct Head {
    at: usize,
    major: u8,
    info: u8,
    argument: Option<u64>,
}

impl<'a> Reader<'a> {
    fn item(&mut self, depth: usize) -> Result<Value, Error> {
        let head = self.head()?;
        match (head.major, head.argument) {
            (0, Some(value)) => Ok(Value::Number(Decimal::from(value))),
            (1, Some(value)) => Ok(Value::Number(Decimal::new(-BigInt::from(value) - 1u32, 0)?)),
            (2, length) => self.bytes_of(length).map(Value::Bytes),
            (3, length) => self.text_of(&head, length).map(Value::Text),
            (4, length) => self.array(length, self.deeper(depth)?),
            (5, length) => self.map(length, self.deeper(depth)?),
            (6, Some(tag)) => self.tagged(tag, head.at, self.deeper(depth)?),
            (7, Some(argument)) => simple(&head, argument),
            _ => Err(Error::payload(head.at, "an integer or a tag of indefinite length")),
        }
    }

    /// RFC 8949, section 3.
    fn head(&mut self) -> Result<Head, Error> {
        let at = self.at;
        let first = self.take(1)?.first().copied().unwrap_or_default();
        let (major, info) = (first >> 5, first & 0x1f);
        let argument = match info {
            0..=23 => Some(u64::from(info)),
            24..=27 => {
                let width = 1usize.wrapping_shl(u32::from(info).saturating_sub(24));
                Some(self.take(width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
            }
            31 if matches!(major, 2..=5) => None,
            31 if major == 7 => return Err(Error::payload(at, "a break without a beginning")),
            _ => return Err(Error::payload(at, "a reserved length")),
        };
        Ok(Head { at, major, info, argument })
    }

    fn array(&mut self, length: Option<u64>, depth: usize) -> Result<Value, Error> {
        self.plausible(length, 1)?;
        let mut elements = Vec::new();
        let mut left = length;
        while self.more(&mut left)? {
            elements.push(self.item(depth)?);
        }
        Ok(Value::Array(elements))
    }

    fn map(&mut self, length: Option<u64>, depth: usize) -> Result<Value, Error> {
        self.plausible(length, 2)?;
        let mut members = BTreeMap::new();
        let mut left = length;
        while self.more(&mut left)? {
            let key_at = self.at;
            let name = match self.item(depth)? {
                Value::Text(name) => name,
                // Integers only: another number would have other spellings.
                Value::Number(number) if matches!(self.bytes.get(key_at), Some(0..=0x3f)) => {
                    number.number().to_string()
                }
                _ => return Err(Error::payload(key_at, "a key is text or an integer")),
            };
            let value = self.item(depth)?;
            if members.insert(name, value).is_some() {
                return Err(Error::payload(key_at, "a key stands twice in a map"));
            }
        }
        Ok(Value::Object(members))
    }

    /// Whether another element follows.
    fn more(&mut self, left: &mut Option<u64>) -> Result<bool, Error> {
        match left {
            Some(0) => Ok(false),
            Some(count) => {
                *count = count.saturating_sub(1);
                Ok(true)
            }
            None => {
                let next = self.bytes.get(self.at).ok_or(Error::payload(self.at, "the payload ends early"))?;
                if *next == BREAK {
                    self.at = self.at.saturating_add(1);
                }
                Ok(*next != BREAK)
            }
        }
    }

    /// Each item has a byte at least: more of them than bytes cannot be.
    fn plausible(&self, length: Option<u64>, bytes_each: u64) -> Result<(), Error> {
        let left = u64::try_from(self.bytes.len().saturating_sub(self.at)).unwrap_or(u64::MAX);
        if length.is_some_and(|length| length.saturating_mul(bytes_each) > left) {
            return Err(Error::payload(self.at, "a length beyond the end of the payload"));
        }
        Ok(())
    }

    fn bytes_of(&mut self, length: Option<u64>) -> Result<Vec<u8>, Error> {
        match length {
            Some(length) => self.run(length).map(<[u8]>::to_vec),
            None => self.chunks(2, |chunk, _| Ok(chunk.to_vec())).map(|chunks| chunks.concat()),
        }
    }

    fn text_of(&mut self, head: &Head, length: Option<u64>) -> Result<String, Error> {
        let text = |bytes: &[u8], at: usize| {
            std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Error::payload(at, "text is not UTF-8"))
        };
        match length {
            Some(length) => text(self.run(length)?, head.at),
            None => self.chunks(3, text).map(|chunks| chunks.concat()),
        }
    }

    /// Definite chunks of the same kind, up to a break.
    fn chunks<T>(&mut self, major: u8, read: impl Fn(&[u8], usize) -> Result<T, Error>) -> Result<Vec<T>, Error> {
        let mut chunks = Vec::new();
        while self.more(&mut None)? {
            let head = self.head()?;
            match head.argument {
                Some(length) if head.major == major => chunks.push(read(self.run(length)?, head.at)?),
                _ => return Err(Error::payload(head.at, "a chunk of another kind")),
            }
        }
        Ok(chunks)
    }

    fn tagged(&mut self, tag: u64, at: usize, depth: usize) -> Result<Value, Error> {
        let content = self.item(depth)?;
        let wrong = Error::payload(at, "a tag's content is of the wrong kind");
        match (tag, content) {
            (2 | 3, Value::Bytes(bytes)) => {
                let magnitude = BigInt::from_bytes_be(num_bigint::Sign::Plus, &bytes);
                Ok(Value::Number(Decimal::new(if tag == 2 { magnitude } else { -magnitude - 1u32 }, 0)?))
            }
            (4 | 5, Value::Array(parts)) => match parts.as_slice() {
                [Value::Number(exponent), Value::Number(mantissa)] => {
                    let exponent = exponent.to_integer().and_then(|exponent| i32::try_from(exponent).ok());
                    let mantissa = mantissa.to_integer().ok_or(wrong.clone())?;
                    fraction(tag, exponent.ok_or(wrong)?, mantissa).map(Value::Number)
                }
                _ => Err(wrong),
            },
            (2..=5, _) => Err(wrong),
            (_, content) => Ok(content),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Error> {
        if depth >= self.depth_max {
            return Err(Error::limit("nested values", self.depth_max));
        }
        Ok(depth.saturating_add(1))
    }

    fn run(&mut self, length: u64) -> Result<&'a [u8], Error> {
        self.plausible(Some(length), 1)?;
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let end = self.at.saturating_add(count);
        let bytes = self.bytes.get(self.at..end).ok_or(Error::payload(self.at, "the payload ends early"))?;
        self.at = end;
        Ok(bytes)
    }
}

/// RFC 8949, section 3.4.4.
fn fraction(tag: u64, exponent: i32, mantissa: BigInt) -> Result<Decimal, Error> {
    if tag == 4 {
        return Decimal::new(mantissa, exponent);
    }
    // As far as binary64 reaches, and somewhat further.
    let too_far = Error::LimitExceeded { what: "binary exponents", limit: 1_100 };
    if exponent < 0 {
        return divided_by_power_of_two(mantissa, exponent.unsigned_abs()).unwrap_or(Err(too_far));
    }
    if exponent > 1_100 {
        return Err(too_far);
    }
    Decimal::new(mantissa << exponent.unsigned_abs(), 0)
}

fn simple(head: &Head, argument: u64) -> Result<Value, Error> {
    let number = |number: Option<Decimal>| number.map_or(Value::Null, Value::Number);
    match (head.info, argument) {
        (24, 0..=31) => Err(Error::payload(head.at, "a simple value in more bytes than it needs")),
        (_, 20) if head.info == 20 => Ok(Value::Bool(false)),
        (_, 21) if head.info == 21 => Ok(Value::Bool(true)),
        (22 | 23, _) => Ok(Value::Null),
        (25, bits) => Ok(number(float16(u16::try_from(bits).unwrap_or_default())?)),
        (26, bits) => Ok(number(float32(u32::try_from(bits).unwrap_or_default())?)),
        (27, bits) => Ok(number(float64(bits)?)),
        _ => Err(Error::payload(head.at, "a simple value without meaning")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json::write, limits::DEPTH_MAX};

    fn shown(hex: &str) -> String {
        match parse(&hex::decode(hex).unwrap(), DEPTH_MAX) {
            Ok(value) => write(&value),
            Err(Error::MalformedPayload { offset, .. }) => format!("malformed at {offset}"),
            Err(error) => error.to_string(),
        }
    }

    /// RFC 8949, appendix A.
    #[test]
    fn examples_of_the_rfc_are_read() {
        for (hex, expected) in [
            ("1bffffffffffffffff", "18446744073709551615"),
            ("c249010000000000000000", "18446744073709551616"),
            ("3bffffffffffffffff", "-18446744073709551616"),
            ("f93e00", "1.5"),
            ("fb3ff199999999999a", "1.100000000000000088817841970012523233890533447265625"),
            ("f97c00", "null"),
            ("f7", "null"),
            ("c48221196ab3", "273.15"),
            ("c5822003", "1.5"),
            ("d74401020304", "\"AQIDBA\""),
            ("62c3bc", "\"ü\""),
            ("83010203", "[1,2,3]"),
            ("a201020304", "{\"1\":2,\"3\":4}"),
            ("bf61610161629f0203ffff", "{\"a\":1,\"b\":[2,3]}"),
            ("5f42010243030405ff", "\"AQIDBAU\""),
            ("7f657374726561646d696e67ff", "\"streaming\""),
            ("a120f5", "{\"-1\":true}"),
        ] {
            assert_eq!(shown(hex), expected, "{hex}");
        }
    }

    /// RFC 8949, appendix F, and rules of this reader.
    #[test]
    fn what_is_not_well_formed_is_refused() {
        for (hex, at) in [
            ("", 0),
            ("18", 1),
            ("1c", 0),
            ("ff", 0),
            ("1f", 0),
            ("df00", 0),
            ("f800", 0),
            ("f81f", 0),
            ("f0", 0),
            ("9f01", 2),
            ("8201", 1),
            ("5f01ff", 1),
            ("7f4100ff", 1),
            ("61ff", 0),
            ("a1f500", 1),
            ("a201000100", 3),
            ("a2010061316100", 3),
            ("c2f5", 0),
            ("c48101", 0),
            ("0000", 1),
            ("bf01ff", 2),
        ] {
            assert_eq!(shown(hex), format!("malformed at {at}"), "{hex}");
        }
    }

    #[test]
    fn lengths_that_promise_more_than_there_is_cost_nothing() {
        for hex in
            ["9bffffffffffffffff", "bbffffffffffffffff", "5bffffffffffffffff", "7b7fffffffffffffff", "9a7fffffff00"]
        {
            assert!(shown(hex).starts_with("malformed"), "{hex}");
        }
    }

    #[test]
    fn nesting_is_bounded_at_its_limit() {
        let nested = |head: &str, depth: usize| format!("{}00", head.repeat(depth));
        for head in ["81", "c6", "a100"] {
            assert!(!shown(&nested(head, DEPTH_MAX)).contains("nested"), "{head}");
            assert!(shown(&nested(head, DEPTH_MAX + 1)).contains("nested"), "{head}");
        }
    }
}
