//! Decimals: `number * 10^exponent`.
use super::{Rational, Rounding, power_of_ten};
use crate::{
    error::Error,
    limits::{DIGITS_MAX, EXPONENT_MAX},
};
use num_bigint::{BigInt, Sign};
use num_traits::Zero;
use std::{cmp::Ordering, fmt};

/// An exact decimal number. Equal numbers compare equal however they are written.
#[derive(Debug, Clone)]
pub struct Decimal {
    number: BigInt,
    exponent: i32,
}

impl Decimal {
    /// `number * 10^exponent`.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] beyond [`DIGITS_MAX`] or [`EXPONENT_MAX`].
    pub fn new(number: impl Into<BigInt>, exponent: i32) -> Result<Self, Error> {
        let number = number.into();
        // A digit has less than 3.322 bits.
        if number.bits() > u64::try_from(DIGITS_MAX).unwrap_or(0).saturating_mul(3_322).div_ceil(1_000) {
            return Err(Error::limit("digits", DIGITS_MAX));
        }
        if exponent.unsigned_abs() > EXPONENT_MAX.unsigned_abs() {
            return Err(Error::limit("exponents", EXPONENT_MAX.unsigned_abs().try_into().unwrap_or(usize::MAX)));
        }
        Ok(Self { number, exponent })
    }

    /// Reads `-?digits[.digits][(e|E)[+-]digits]`, the whole text. Zeros around the significant digits cost nothing.
    ///
    /// # Errors
    /// The offset of the first byte that does not fit, as [`Error::MalformedPayload`]; [`Error::LimitExceeded`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (negative, mantissa) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let sign_bytes = usize::from(negative);
        let (mantissa, written) = match mantissa.find(['e', 'E']) {
            Some(at) => {
                let (mantissa, exponent) = mantissa.split_at(at);
                (mantissa, exponent.get(1..).unwrap_or_default())
            }
            None => (mantissa, "0"),
        };
        let exponent_at = sign_bytes.saturating_add(mantissa.len()).saturating_add(1);
        let exponent = parse_exponent(written).ok_or_else(|| Error::payload(exponent_at, "an exponent has digits"))?;
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(Error::payload(sign_bytes, "not a number"));
        }
        let fraction = fraction.trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        let (number, zeros) = significant(whole, fraction)?;
        if number.is_zero() {
            return Ok(Self::from(0));
        }
        let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX);
        let exponent = exponent.saturating_sub(scale).saturating_add(zeros);
        let exponent = i32::try_from(exponent).unwrap_or(if exponent < 0 { i32::MIN } else { i32::MAX });
        Self::new(if negative { -number } else { number }, exponent)
    }

    /// The integer before the power of ten.
    pub fn number(&self) -> &BigInt {
        &self.number
    }

    /// The power of ten.
    pub fn exponent(&self) -> i32 {
        self.exponent
    }

    /// As a fraction.
    pub fn to_rational(&self) -> Rational {
        let power = power_of_ten(self.exponent.unsigned_abs());
        if self.exponent < 0 {
            Rational::from_parts(self.number.clone(), power)
        } else {
            Rational::from(&self.number * power)
        }
    }

    /// The sum, without a detour over fractions.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if it has more than [`DIGITS_MAX`] digits.
    pub fn add(&self, other: &Self) -> Result<Self, Error> {
        let (high, low) = if self.exponent >= other.exponent { (self, other) } else { (other, self) };
        if high.is_zero() || low.is_zero() {
            return Ok(if high.is_zero() { low.clone() } else { high.clone() });
        }
        let gap = high.exponent.saturating_sub(low.exponent).unsigned_abs();
        if usize::try_from(gap).is_ok_and(|gap| gap > DIGITS_MAX) {
            return Err(Error::limit("digits", DIGITS_MAX));
        }
        Self::new(&high.number * power_of_ten(gap) + &low.number, low.exponent)
    }

    /// The integer that this is.
    pub fn to_integer(&self) -> Option<BigInt> {
        self.to_rational().to_scaled(0, Rounding::Exact).ok()
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.number.is_zero()
    }

    /// Bits of the fraction's larger part: what arithmetic on it costs.
    pub fn bits(&self) -> u64 {
        self.number.bits().saturating_add(u64::from(self.exponent.unsigned_abs()).saturating_mul(4))
    }
}

/// The digits before and after a point as one number without zeros at its end, and how many of these there were.
fn significant(whole: &str, fraction: &str) -> Result<(BigInt, i64), Error> {
    if whole.len().saturating_add(fraction.len()) <= SHORT_DIGITS_MAX {
        // As nearly all numbers of devices: without any text in between.
        let digits = whole.bytes().chain(fraction.bytes()).map(|byte| u64::from(byte.saturating_sub(b'0')));
        let mut number = digits.fold(0u64, |number, digit| number.saturating_mul(10).saturating_add(digit));
        let mut zeros = 0i64;
        while number != 0 && number.is_multiple_of(10) {
            number /= 10;
            zeros = zeros.saturating_add(1);
        }
        return Ok((number.into(), zeros));
    }
    let mut digits = String::with_capacity(whole.len().saturating_add(fraction.len()));
    digits.push_str(whole);
    digits.push_str(fraction);
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return Ok((BigInt::ZERO, 0));
    }
    if trimmed.len() > DIGITS_MAX {
        return Err(Error::limit("digits", DIGITS_MAX));
    }
    let number = BigInt::parse_bytes(trimmed.as_bytes(), 10).ok_or_else(|| Error::payload(0, "not a number"))?;
    let zeros = significant.len().saturating_sub(trimmed.len());
    Ok((number, i64::try_from(zeros).unwrap_or(i64::MAX)))
}

/// Digits that fit a `u64` whatever they are.
const SHORT_DIGITS_MAX: usize = 19;

/// Saturates: what is too large is refused by its size, not by its writing.
fn parse_exponent(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Far beyond every limit, and far from overflow.
    let large = 1_000_000_000_000;
    let value = digits.bytes().fold(0i64, |value, byte| {
        value.saturating_mul(10).saturating_add(i64::from(byte.saturating_sub(b'0'))).min(large)
    });
    Some(if negative { value.saturating_neg() } else { value })
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self { number: number.into(), exponent: 0 }
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Self {
        Self { number: number.into(), exponent: 0 }
    }
}

impl From<i32> for Decimal {
    fn from(number: i32) -> Self {
        Self::from(i64::from(number))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let gap = self.exponent.saturating_sub(other.exponent);
        let power = power_of_ten(gap.unsigned_abs());
        if gap >= 0 { (&self.number * power).cmp(&other.number) } else { self.number.cmp(&(&other.number * power)) }
    }
}

/// Plain digits where that is short, else scientific.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.number.magnitude().to_string();
        let trimmed = digits.trim_end_matches('0');
        if trimmed.is_empty() {
            return f.write_str("0");
        }
        let zeros = i32::try_from(digits.len().saturating_sub(trimmed.len())).unwrap_or(0);
        let exponent = self.exponent.saturating_add(zeros);
        if self.number.sign() == Sign::Minus {
            f.write_str("-")?;
        }
        let length = i32::try_from(trimmed.len()).unwrap_or(i32::MAX);
        let point = length.saturating_add(exponent);
        let zeros = |f: &mut fmt::Formatter<'_>, count: i32| (0..count).try_for_each(|_| f.write_str("0"));
        if exponent >= 0 && point <= PLAIN_DIGITS_MAX {
            f.write_str(trimmed)?;
            zeros(f, exponent)
        } else if exponent < 0 && point > 0 {
            let (whole, fraction) = trimmed.split_at(usize::try_from(point).unwrap_or(0));
            write!(f, "{whole}.{fraction}")
        } else if (-PLAIN_DIGITS_MAX..0).contains(&exponent) {
            f.write_str("0.")?;
            zeros(f, point.saturating_neg())?;
            f.write_str(trimmed)
        } else {
            write!(f, "{trimmed}e{exponent}")
        }
    }
}

/// Digits up to which a number is written without exponent: those of an `int256`.
const PLAIN_DIGITS_MAX: i32 = 78;

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Decimal::parse(text).map_or_else(|error| error.to_string(), |number| number.to_string())
    }

    #[test]
    fn numbers_are_what_is_written() {
        for (text, expected) in [
            ("0", "0"),
            ("-0.000e5", "0"),
            ("23.10", "23.1"),
            ("0.14e1", "1.4"),
            ("1200", "1200"),
            ("-12.5E-3", "-0.0125"),
            ("1e80", "1e80"),
            ("1e-79", "1e-79"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
        assert_eq!(Decimal::parse("1.50"), Decimal::parse("15e-1"));
        let sum = Decimal::parse("1276020076.001").unwrap().add(&Decimal::parse("-5e1").unwrap()).unwrap();
        assert_eq!(sum.to_string(), "1276020026.001");
        assert!(Decimal::parse("1e4096").unwrap().add(&Decimal::parse("1").unwrap()).is_err());
        assert!(Decimal::parse("1.5").unwrap() < Decimal::parse("1.51").unwrap());
    }

    #[test]
    fn short_and_long_numbers_are_read_alike() {
        for digits in 1..=2 * SHORT_DIGITS_MAX {
            for text in
                ["9".repeat(digits), format!("1{}", "0".repeat(digits - 1)), format!("0.{}7", "0".repeat(digits - 1))]
            {
                let number = Decimal::parse(&text).unwrap();
                // Zeros before it make it long.
                let long = Decimal::parse(&format!(
                    "0.{}{}e{}",
                    "0".repeat(40),
                    text.replacen('.', "", 1),
                    40 + text.split('.').next().unwrap().len()
                ))
                .unwrap();
                assert_eq!((number.number(), number.exponent()), (long.number(), long.exponent()), "{text}");
                assert_eq!(number.to_string(), long.to_string(), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".5", "5.", "1e", "1e+", "+1", "0x1", "1_0", "1 ", "--1", "1e1.5"] {
            assert!(matches!(Decimal::parse(text), Err(Error::MalformedPayload { .. })), "{text}");
        }
    }

    #[test]
    fn sizes_are_bounded_at_their_limits() {
        let digits = |count: usize| "7".repeat(count);
        assert!(Decimal::parse(&digits(DIGITS_MAX)).is_ok());
        assert_eq!(Decimal::parse(&digits(DIGITS_MAX + 1)), Err(Error::limit("digits", DIGITS_MAX)));
        assert!(Decimal::parse(&format!("{}.{}", "0".repeat(10_000), "0".repeat(10_000))).is_ok_and(|n| n.is_zero()));
        assert!(Decimal::parse("1e4096").is_ok() && Decimal::parse("1e-4096").is_ok());
        for text in ["1e4097", "1e-4097", "1e999999999999999999999", "1e-999999999999999999999"] {
            assert!(matches!(Decimal::parse(text), Err(Error::LimitExceeded { what: "exponents", .. })), "{text}");
        }
    }
}
