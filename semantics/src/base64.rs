//! base64url, RFC 4648, section 5: how SenML carries bytes in JSON.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Without padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(4).div_ceil(3));
    for chunk in bytes.chunks(3) {
        let byte = |position: usize| u32::from(chunk.get(position).copied().unwrap_or(0));
        let group = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..=chunk.len() {
            let shift = [18u32, 12, 6, 0].get(position).copied().unwrap_or(0);
            let index = usize::try_from(group.wrapping_shr(shift) & 63).unwrap_or(0);
            text.push(char::from(ALPHABET.get(index).copied().unwrap_or(b'A')));
        }
    }
    text
}

/// With or without padding; both alphabets. `None` if it is not base64, or has bits set that mean nothing.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_suffix("==").or_else(|| text.strip_suffix('=')).unwrap_or(text);
    let mut bytes = Vec::with_capacity(digits.len());
    for chunk in digits.as_bytes().chunks(4) {
        let mut group = 0u32;
        for digit in chunk {
            let value = match digit {
                b'+' => 62,
                b'/' => 63,
                digit => ALPHABET.iter().position(|letter| letter == digit)?,
            };
            group = group << 6 | u32::try_from(value).ok()?;
        }
        let spare = match chunk.len() {
            4 => 0,
            3 => 2,
            2 => 4,
            _ => return None,
        };
        let missing = u32::try_from(4usize.saturating_sub(chunk.len())).ok()?;
        if group & (1u32.wrapping_shl(spare).saturating_sub(1)) != 0 {
            return None;
        }
        let group = group.wrapping_shl(missing.saturating_mul(6));
        let count = chunk.len().saturating_sub(1);
        bytes.extend(group.to_be_bytes().into_iter().skip(1).take(count));
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_of_the_rfc() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("fooba", "Zm9vYmE"),
            ("hi \n", "aGkgCg"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text).as_deref(), Some(bytes.as_bytes()));
        }
        assert_eq!(decode("Zg=="), Some(b"f".to_vec()));
        for wrong in ["Z", "Zh", "Z*", "Zm9"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}
