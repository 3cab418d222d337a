//! Bits of a payload.
use num_bigint::{BigInt, Sign};

/// Which bit of a byte comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BitOrder {
    /// The highest: as in protocols.
    HighestFirst,
    /// The lowest: as in bit fields of C on most devices.
    LowestFirst,
}

/// The unsigned number in `count` bits from bit `at`. None beyond the end.
pub(crate) fn get(bytes: &[u8], at: usize, count: usize, order: BitOrder, little: bool) -> Option<BigInt> {
    let end = at.checked_add(count)?;
    if end.div_ceil(8) > bytes.len() {
        return None;
    }
    let covered = bytes.get(at / 8..end.div_ceil(8))?;
    if at.is_multiple_of(8) && count.is_multiple_of(8) {
        return Some(if little {
            BigInt::from_bytes_le(Sign::Plus, covered)
        } else {
            BigInt::from_bytes_be(Sign::Plus, covered)
        });
    }
    let whole = match order {
        BitOrder::HighestFirst => {
            let behind = end.next_multiple_of(8).checked_sub(end)?;
            BigInt::from_bytes_be(Sign::Plus, covered) >> behind
        }
        BitOrder::LowestFirst => BigInt::from_bytes_le(Sign::Plus, covered) >> (at % 8),
    };
    Some(whole & ((BigInt::from(1) << count) - 1u32))
}

/// Writes an unsigned number of `count` bits at bit `at`, over zeros. The payload grows as needed.
pub(crate) fn put(bytes: &mut Vec<u8>, at: usize, count: usize, order: BitOrder, little: bool, number: &BigInt) {
    let end = at.saturating_add(count);
    if bytes.len() < end.div_ceil(8) {
        bytes.resize(end.div_ceil(8), 0);
    }
    let lowest_first = order == BitOrder::LowestFirst;
    let aligned = at.is_multiple_of(8) && count.is_multiple_of(8);
    let reversed = if aligned { little } else { lowest_first };
    let shift = match (aligned, lowest_first) {
        (true, _) => 0,
        (false, true) => at % 8,
        (false, false) => end.next_multiple_of(8).saturating_sub(end),
    };
    let mut raw = (number << shift).to_bytes_le().1;
    let covered = end.div_ceil(8).saturating_sub(at / 8);
    raw.resize(covered, 0);
    if !reversed {
        raw.reverse();
    }
    for (byte, more) in bytes.iter_mut().skip(at / 8).zip(raw) {
        *byte |= more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_found_in_either_order() {
        let bytes = [0b1010_0001, 0b1100_0011, 0x34];
        let high = |at, count| get(&bytes, at, count, BitOrder::HighestFirst, false).map(|n| u32::try_from(n).unwrap());
        let low = |at, count| get(&bytes, at, count, BitOrder::LowestFirst, true).map(|n| u32::try_from(n).unwrap());
        assert_eq!((high(0, 4), high(4, 8), high(7, 2)), (Some(0b1010), Some(0b0001_1100), Some(0b11)));
        assert_eq!((low(0, 4), low(4, 8), low(7, 2)), (Some(0b0001), Some(0b0011_1010), Some(0b11)));
        assert_eq!((high(8, 16), low(8, 16)), (Some(0xc334), Some(0x34c3)));
        assert_eq!((high(17, 8), high(24, 0), high(23, 1)), (None, Some(0), Some(0)));
    }

    #[test]
    fn what_is_put_is_got() {
        for order in [BitOrder::HighestFirst, BitOrder::LowestFirst] {
            for (at, count, number) in [(0, 8, 0x5a), (3, 5, 21), (5, 13, 4_321), (8, 16, 0xbeef), (4, 8, 0xc3)] {
                let mut bytes = Vec::new();
                let little = order == BitOrder::LowestFirst;
                put(&mut bytes, at, count, order, little, &BigInt::from(number));
                assert_eq!(get(&bytes, at, count, order, little), Some(BigInt::from(number)), "{at} {count}");
            }
        }
    }
}
