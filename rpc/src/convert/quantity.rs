//! Numbers as JSON strings.
use alloy_primitives::U256;
use serde::{Serialize, Serializer};

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// A quantity: `0x`, then hex digits without leading zeros. Written from a buffer on the stack.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quantity<T>(pub(crate) T);

/// A 256-bit word with all its digits, as storage values are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hex256(pub(crate) U256);

fn write<S: Serializer, const N: usize>(bytes: [u8; N], trim: bool, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = [0u8; 66];
    let mut length = 2;
    text[..2].copy_from_slice(b"0x");
    let digits = bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)], DIGITS[usize::from(b & 15)]]);
    let mut leading = trim;
    for digit in digits {
        leading &= digit == b'0';
        if !leading {
            text[length] = digit;
            length += 1;
        }
    }
    if length == 2 {
        text[2] = b'0';
        length = 3;
    }
    // Only ASCII was written.
    serializer.serialize_str(std::str::from_utf8(&text[..length]).unwrap_or("0x0"))
}

impl Serialize for Quantity<u64> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0.to_be_bytes(), true, serializer)
    }
}

impl Serialize for Quantity<u128> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0.to_be_bytes(), true, serializer)
    }
}

impl Serialize for Quantity<U256> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0.to_be_bytes::<32>(), true, serializer)
    }
}

impl Serialize for Hex256 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        write(self.0.to_be_bytes::<32>(), false, serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn zero_has_one_digit_and_words_have_all() {
        assert_eq!(serde_json::to_string(&Quantity(0u64)).unwrap(), "\"0x0\"");
        assert_eq!(serde_json::to_string(&Quantity(U256::MAX)).unwrap(), format!("\"0x{}\"", "f".repeat(64)));
        assert_eq!(serde_json::to_string(&Hex256(U256::from(1))).unwrap(), format!("\"0x{:064x}\"", 1));
    }

    proptest! {
        #[test]
        fn quantities_are_what_the_formatter_writes(value: u128) {
            prop_assert_eq!(serde_json::to_string(&Quantity(value)).unwrap(), format!("\"{value:#x}\""));
        }
    }
}
