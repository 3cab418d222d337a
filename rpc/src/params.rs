//! Arguments of a call: positional, some optional, read as strictly as geth reads them.
use crate::RpcError;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use jsonrpsee::types::Params;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The arguments of one call, not parsed yet.
pub(crate) struct Arguments<'a> {
    values: Vec<&'a RawValue>,
}

impl<'a> Arguments<'a> {
    /// Splits the parameters; a method takes at most `max`.
    pub(crate) fn new(params: &'a Params<'_>, max: usize) -> Result<Self, RpcError> {
        let values = match params.as_str() {
            None | Some("" | "null") => Vec::new(),
            Some(text) => serde_json::from_str::<Vec<&RawValue>>(text).map_err(|_| RpcError::ArgumentsNotArray)?,
        };
        if values.len() > max {
            return Err(RpcError::TooManyArguments { max });
        }
        Ok(Self { values })
    }

    /// The argument at `index`, if it is there and not null.
    pub(crate) fn optional<T: Deserialize<'a>>(&self, index: usize) -> Result<Option<T>, RpcError> {
        match self.values.get(index) {
            None => Ok(None),
            Some(value) if value.get() == "null" => Ok(None),
            Some(value) => serde_json::from_str(value.get()).map(Some).map_err(|e| argument_error(index, &e)),
        }
    }

    /// The argument at `index`.
    pub(crate) fn required<T: Deserialize<'a>>(&self, index: usize) -> Result<T, RpcError> {
        self.optional(index)?.ok_or(RpcError::MissingArgument { index })
    }
}

/// serde's position in the argument's text helps nobody who sent a whole request.
fn argument_error(index: usize, error: &serde_json::Error) -> RpcError {
    let text = error.to_string();
    RpcError::argument(index, text.split(" at line ").next().unwrap_or_default())
}

/// A quantity: `0x`, then hex digits without leading zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) U256);

impl Number {
    /// Parses a quantity.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let digits =
            text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or("hex string without 0x prefix")?;
        match digits.as_bytes() {
            [] => Err("hex string \"0x\""),
            [b'0', _, ..] => Err("hex number with leading zero digits"),
            all if all.len() > 64 => Err("hex number > 256 bits"),
            all if !all.iter().all(u8::is_ascii_hexdigit) => Err("invalid hex string"),
            _ => U256::from_str_radix(digits, 16).map(Self).map_err(|_| "invalid hex string"),
        }
    }

    /// The value, if it has at most 64 bits.
    pub(crate) fn to_u64(self) -> Result<u64, &'static str> {
        u64::try_from(self.0).map_err(|_| "hex number > 64 bits")
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Text::deserialize(deserializer)?.0).map_err(de::Error::custom)
    }
}

/// A quantity of at most 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number64(pub(crate) u64);

impl<'de> Deserialize<'de> for Number64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Number::deserialize(deserializer)?.to_u64().map(Self).map_err(de::Error::custom)
    }
}

/// A quantity of at most 128 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number128(pub(crate) u128);

impl<'de> Deserialize<'de> for Number128 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u128::try_from(Number::deserialize(deserializer)?.0)
            .map(Self)
            .map_err(|_| de::Error::custom("hex number > 128 bits"))
    }
}

/// Bytes: `0x`, then pairs of hex digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Data(pub(crate) Bytes);

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode_hex(&Text::deserialize(deserializer)?.0).map(|b| Self(b.into())).map_err(de::Error::custom)
    }
}

/// Bytes of a fixed length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fixed<const N: usize>(pub(crate) [u8; N]);

impl<const N: usize> Fixed<N> {
    fn parse(text: &str) -> Result<Self, String> {
        let bytes = decode_hex(text)?;
        let length = bytes.len();
        bytes.try_into().map(Self).map_err(|_| format!("hex string has {length} bytes, want {N}"))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Text::deserialize(deserializer)?.0).map_err(de::Error::custom)
    }
}

impl From<Fixed<20>> for Address {
    fn from(value: Fixed<20>) -> Self {
        Self(value.0.into())
    }
}

impl From<Fixed<32>> for B256 {
    fn from(value: Fixed<32>) -> Self {
        Self(value.0)
    }
}

/// Hex with its prefix to bytes.
pub(crate) fn decode_hex(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => digits,
        None if text.is_empty() => return Err("empty hex string"),
        None => return Err("hex string without 0x prefix"),
    };
    if digits.len() % 2 == 1 {
        return Err("hex string of odd length");
    }
    hex::decode(digits).map_err(|_| "invalid hex string")
}

/// A JSON string, borrowed where it has no escapes.
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(Visitor).map(Text)
    }
}

/// A storage slot as `eth_getStorageAt` takes it: up to 32 bytes of hex, in any length, with or without prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// The slot.
    pub(crate) value: U256,
    /// It was given with all its 32 bytes; proofs answer it in the same form.
    pub(crate) full: bool,
}

impl Slot {
    /// Parses a slot.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        if digits.len() > 64 {
            return Err("storage key too long (want at most 32 bytes)");
        }
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("unable to decode storage key: hex string invalid");
        }
        let value = if digits.is_empty() { Ok(U256::ZERO) } else { U256::from_str_radix(digits, 16) };
        let value = value.map_err(|_| "unable to decode storage key: hex string invalid")?;
        Ok(Self { value, full: digits.len() > 62 })
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Text::deserialize(deserializer)?.0).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse<'a, T: Deserialize<'a>>(json: &'a str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|e| e.to_string())
    }

    #[test]
    fn quantities_are_strict() {
        assert_eq!(parse::<Number64>("\"0x0\""), Ok(Number64(0)));
        assert_eq!(parse::<Number64>("\"0xffffffffffffffff\""), Ok(Number64(u64::MAX)));
        for wrong in ["\"0x\"", "\"0x01\"", "\"1\"", "\"\"", "1", "null", "\"0xg\"", "\"0x10000000000000000\"", "[]"] {
            assert!(parse::<Number64>(wrong).is_err(), "{wrong}");
        }
        assert!(parse::<Number>(&format!("\"0x1{}\"", "0".repeat(64))).is_err());
    }

    #[test]
    fn addresses_need_prefix_and_length() {
        assert!(parse::<Fixed<20>>("\"0x00000000000000000000000000000000000000ff\"").is_ok());
        for wrong in ["\"00000000000000000000000000000000000000ff\"", "\"0x00ff\"", "\"0xzz\"", "{}", "5"] {
            assert!(parse::<Fixed<20>>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn slots_have_any_length_up_to_32_bytes() {
        assert_eq!(Slot::parse("0x0"), Ok(Slot { value: U256::ZERO, full: false }));
        assert_eq!(Slot::parse(&format!("0x{:064x}", 7)), Ok(Slot { value: U256::from(7), full: true }));
        assert!(Slot::parse(&format!("0x{}", "0".repeat(65))).is_err());
        assert!(Slot::parse("0xasdf").is_err());
    }

    #[test]
    fn arguments_are_positional_with_optional_tail() {
        let params = Params::new(Some("[\"0x1\", null]"));
        let arguments = Arguments::new(&params, 3).unwrap();
        assert_eq!(arguments.required::<Number64>(0).unwrap(), Number64(1));
        assert_eq!(arguments.optional::<Number64>(1).unwrap(), None);
        assert_eq!(arguments.optional::<Number64>(2).unwrap(), None);
        let missing = arguments.required::<Number64>(2).unwrap_err();
        assert_eq!((missing.code(), missing.to_string()), (-32602, "missing value for required argument 2".into()));
        assert!(matches!(Arguments::new(&params, 1), Err(RpcError::TooManyArguments { max: 1 })));
        assert!(matches!(Arguments::new(&Params::new(Some("{}")), 1), Err(RpcError::ArgumentsNotArray)));
        assert!(Arguments::new(&Params::new(None), 0).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parsers_panic(text in ".*") {
            let _ = (Number::parse(&text).map(Number::to_u64), decode_hex(&text), Slot::parse(&text));
            let _ = Arguments::new(&Params::new(Some(&text)), 2);
        }

        #[test]
        fn quantities_survive_a_round_trip(value: u64) {
            prop_assert_eq!(Number::parse(&format!("{value:#x}")).unwrap().to_u64(), Ok(value));
        }
    }
}
