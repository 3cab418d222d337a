//! IEEE 754 numbers as the exact fractions that they are, read from their bits.
use super::{Decimal, divided_by_power_of_two};
use crate::error::Error;
use num_bigint::BigInt;

/// binary16 by its bits. `None` for infinities and what is not a number.
///
/// # Errors
/// None in practice: every such number is inside the limits.
pub fn float16(bits: u16) -> Result<Option<Decimal>, Error> {
    decode(u64::from(bits), 5, 10)
}

/// binary32 by its bits. `None` for infinities and what is not a number.
///
/// # Errors
/// None in practice: every such number is inside the limits.
pub fn float32(bits: u32) -> Result<Option<Decimal>, Error> {
    decode(u64::from(bits), 8, 23)
}

/// binary64 by its bits. `None` for infinities and what is not a number.
///
/// # Errors
/// None in practice: every such number is inside the limits.
pub fn float64(bits: u64) -> Result<Option<Decimal>, Error> {
    decode(bits, 11, 52)
}

/// IEEE 754-2008, 3.4: sign, biased exponent, trailing significand.
fn decode(bits: u64, exponent_bits: u32, fraction_bits: u32) -> Result<Option<Decimal>, Error> {
    let mask = |count: u32| 1u64.checked_shl(count).unwrap_or(0).wrapping_sub(1);
    let fraction = bits & mask(fraction_bits);
    let biased = bits.checked_shr(fraction_bits).unwrap_or(0) & mask(exponent_bits);
    let negative = bits.checked_shr(exponent_bits.saturating_add(fraction_bits)).unwrap_or(0) & 1 == 1;
    if biased == mask(exponent_bits) {
        return Ok(None);
    }
    let hidden = if biased == 0 { 0 } else { 1u64.checked_shl(fraction_bits).unwrap_or(0) };
    let mut significand = fraction | hidden;
    let bias = i64::try_from(mask(exponent_bits.saturating_sub(1))).unwrap_or(0);
    let biased = i64::try_from(biased.max(1)).unwrap_or(0);
    let mut exponent = biased.saturating_sub(bias).saturating_sub(i64::from(fraction_bits));
    if significand == 0 {
        return Ok(Some(Decimal::from(0)));
    }
    // The fewest digits: no factors of two that cancel.
    while significand.is_multiple_of(2) && exponent < 0 {
        significand = significand.wrapping_shr(1);
        exponent = exponent.saturating_add(1);
    }
    let power = u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX);
    let number = BigInt::from(significand);
    let number = if negative { -number } else { number };
    let decimal = if exponent < 0 {
        divided_by_power_of_two(number, power).ok_or(Error::Inexact)??
    } else {
        Decimal::new(number * BigInt::from(2).pow(power), 0)?
    };
    Ok(Some(decimal))
}

/// The binary64 number nearest to a decimal, if it is exactly that: for writing CBOR. Searches no digits: the number must
/// be a fraction with a power of two as denominator.
pub(crate) fn to_float64(number: &Decimal) -> Option<u64> {
    // Beyond every number of 53 bits times a power of two that binary64 has.
    if number.bits() > 8_192 {
        return None;
    }
    let rational = number.to_rational().reduced();
    let magnitude = rational.numerator().magnitude();
    let shift = rational.denominator().bits().checked_sub(1)?;
    if rational.denominator() != &(BigInt::from(1) << shift) || magnitude.bits() > 53 || shift > 1_022 {
        return None;
    }
    let significand = u64::try_from(magnitude).ok()?;
    let sign = u64::from(rational.is_negative()) << 63;
    if significand == 0 {
        return Some(sign);
    }
    let bits = u64::from(64u32.checked_sub(significand.leading_zeros())?);
    let exponent = 1_023u64.checked_add(bits)?.checked_sub(1)?.checked_sub(shift)?;
    let fraction = significand.checked_shl(u32::try_from(53u64.checked_sub(bits)?).ok()?)? & ((1 << 52) - 1);
    (exponent > 0).then_some(sign | (exponent << 52) | fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: Result<Option<Decimal>, Error>) -> String {
        value.unwrap().map_or("none".into(), |number| number.to_string())
    }

    #[test]
    fn binary_numbers_are_read_exactly() {
        assert_eq!(shown(float16(0x3e00)), "1.5");
        assert_eq!(shown(float16(0x0001)), "0.000000059604644775390625");
        assert_eq!(shown(float16(0xfbff)), "-65504");
        assert_eq!(shown(float32(0x41b8_cccd)), "23.1000003814697265625");
        assert_eq!(shown(float64(0x3ff3_3333_3333_3333)), "1.1999999999999999555910790149937383830547332763671875");
        assert_eq!(shown(float64(0x8000_0000_0000_0000)), "0");
    }

    #[test]
    fn infinities_and_not_numbers_are_no_value() {
        for bits in [0x7c00, 0xfc00, 0x7e01] {
            assert_eq!(float16(bits), Ok(None));
        }
        assert_eq!(float64(0x7ff0_0000_0000_0000), Ok(None));
    }

    #[test]
    fn extremes_of_binary64_fit_the_limits() {
        for bits in [1, 0x000f_ffff_ffff_ffff, 0x7fef_ffff_ffff_ffff, 0xffef_ffff_ffff_ffff] {
            assert!(float64(bits).unwrap().is_some());
        }
    }

    #[test]
    fn writing_binary64_inverts_reading() {
        for text in ["0", "1.5", "-0.375", "1320067464", "24.5", "-4503599627370495.5"] {
            let number = Decimal::parse(text).unwrap();
            assert_eq!(float64(to_float64(&number).unwrap()).unwrap().unwrap(), number, "{text}");
        }
        assert_eq!(to_float64(&Decimal::parse("0.1").unwrap()), None);
    }
}
