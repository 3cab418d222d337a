//! Fractions. Not reduced after each operation: a greatest common divisor costs more than all that follows.
use super::{Decimal, power_of_ten};
use crate::{error::Error, limits::RATIONAL_BITS_MAX};
use num_bigint::BigInt;
use num_integer::Integer;
use num_traits::{One, Signed, Zero};
use std::cmp::Ordering;

/// What happens to digits that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// They are an error.
    Exact,
    /// To the nearest, and from the middle to the even neighbour.
    HalfEven,
}

/// An exact fraction with a positive denominator.
#[derive(Debug, Clone)]
pub struct Rational {
    numerator: BigInt,
    denominator: BigInt,
}

impl Rational {
    /// The caller gives a positive denominator.
    pub(crate) fn from_parts(numerator: BigInt, denominator: BigInt) -> Self {
        debug_assert!(denominator.is_positive());
        Self { numerator, denominator }
    }

    /// Numerator, of any sign.
    pub fn numerator(&self) -> &BigInt {
        &self.numerator
    }

    /// Denominator, positive.
    pub fn denominator(&self) -> &BigInt {
        &self.denominator
    }

    /// Zero.
    pub fn zero() -> Self {
        Self::from(BigInt::zero())
    }

    /// One.
    pub fn one() -> Self {
        Self::from(BigInt::one())
    }

    /// Reads a decimal, or two with `/` between them.
    ///
    /// # Errors
    /// As [`Decimal::parse`]; a denominator of zero.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text.split_once('/') {
            None => Ok(Decimal::parse(text)?.to_rational()),
            Some((numerator, denominator)) => {
                let denominator = Decimal::parse(denominator)?.to_rational();
                Decimal::parse(numerator)?.to_rational().divide(&denominator)
            }
        }
    }

    /// In lowest terms. Costly: for what is computed once.
    #[must_use]
    pub fn reduced(&self) -> Self {
        let divisor = self.numerator.gcd(&self.denominator);
        if divisor.is_zero() {
            return self.clone();
        }
        Self { numerator: &self.numerator / &divisor, denominator: &self.denominator / &divisor }
    }

    /// Sum.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] beyond [`RATIONAL_BITS_MAX`].
    pub fn add(&self, other: &Self) -> Result<Self, Error> {
        self.fits_with(other)?;
        if self.denominator == other.denominator {
            return Ok(Self::from_parts(&self.numerator + &other.numerator, self.denominator.clone()));
        }
        let numerator = &self.numerator * &other.denominator + &other.numerator * &self.denominator;
        Ok(Self::from_parts(numerator, &self.denominator * &other.denominator))
    }

    /// Difference.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] beyond [`RATIONAL_BITS_MAX`].
    pub fn subtract(&self, other: &Self) -> Result<Self, Error> {
        self.add(&other.negated())
    }

    /// The same with the other sign.
    #[must_use]
    pub fn negated(&self) -> Self {
        Self { numerator: -&self.numerator, denominator: self.denominator.clone() }
    }

    /// Product.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] beyond [`RATIONAL_BITS_MAX`].
    pub fn multiply(&self, other: &Self) -> Result<Self, Error> {
        self.fits_with(other)?;
        Ok(Self::from_parts(&self.numerator * &other.numerator, &self.denominator * &other.denominator))
    }

    /// Quotient.
    ///
    /// # Errors
    /// [`Error::Inexact`] for a divisor of zero; [`Error::LimitExceeded`] beyond [`RATIONAL_BITS_MAX`].
    pub fn divide(&self, other: &Self) -> Result<Self, Error> {
        self.multiply(&other.inverse().ok_or(Error::Inexact)?)
    }

    /// One divided by this.
    pub fn inverse(&self) -> Option<Self> {
        match self.numerator.cmp(&BigInt::zero()) {
            Ordering::Equal => None,
            Ordering::Greater => Some(Self::from_parts(self.denominator.clone(), self.numerator.clone())),
            Ordering::Less => Some(Self::from_parts(-&self.denominator, -&self.numerator)),
        }
    }

    /// The integer `n` with `n * 10^exponent` equal to this, or nearest to it.
    ///
    /// # Errors
    /// [`Error::Inexact`] if there is none and rounding is not allowed.
    pub fn to_scaled(&self, exponent: i32, rounding: Rounding) -> Result<BigInt, Error> {
        let power = power_of_ten(exponent.unsigned_abs().min(RATIONAL_BITS_MAX.try_into().unwrap_or(u32::MAX)));
        let (numerator, denominator) = if exponent < 0 {
            (&self.numerator * power, self.denominator.clone())
        } else {
            (self.numerator.clone(), &self.denominator * power)
        };
        let (quotient, remainder) = numerator.div_mod_floor(&denominator);
        if remainder.is_zero() {
            return Ok(quotient);
        }
        if rounding == Rounding::Exact {
            return Err(Error::Inexact);
        }
        let up = match (remainder * 2u32).cmp(&denominator) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => quotient.is_odd(),
        };
        Ok(if up { quotient + 1u32 } else { quotient })
    }

    /// The largest integer that is not larger.
    pub fn floor(&self) -> BigInt {
        self.numerator.div_floor(&self.denominator)
    }

    /// The decimal that this is, if it has finitely many digits.
    ///
    /// # Errors
    /// [`Error::Inexact`] if not; [`Error::LimitExceeded`] if it has too many.
    pub fn to_decimal(&self) -> Result<Decimal, Error> {
        let reduced = self.reduced();
        let mut rest = reduced.denominator.clone();
        let mut digits = 0i32;
        for prime in [2u32, 5] {
            let mut count = 0i32;
            while rest.is_multiple_of(&BigInt::from(prime)) {
                rest /= prime;
                count = count.saturating_add(1);
            }
            digits = digits.max(count);
        }
        if !rest.is_one() {
            return Err(Error::Inexact);
        }
        Decimal::new(reduced.to_scaled(digits.saturating_neg(), Rounding::Exact)?, digits.saturating_neg())
    }

    /// Whether this is zero.
    pub fn is_zero(&self) -> bool {
        self.numerator.is_zero()
    }

    /// Whether this is below zero.
    pub fn is_negative(&self) -> bool {
        self.numerator.is_negative()
    }

    /// Bits of the larger part.
    pub fn bits(&self) -> u64 {
        self.numerator.bits().max(self.denominator.bits())
    }

    fn fits_with(&self, other: &Self) -> Result<(), Error> {
        if self.bits().saturating_add(other.bits()) > RATIONAL_BITS_MAX {
            return Err(Error::LimitExceeded { what: "bits of a number", limit: RATIONAL_BITS_MAX });
        }
        Ok(())
    }
}

impl From<BigInt> for Rational {
    fn from(number: BigInt) -> Self {
        Self { numerator: number, denominator: BigInt::one() }
    }
}

impl From<i64> for Rational {
    fn from(number: i64) -> Self {
        Self::from(BigInt::from(number))
    }
}

impl PartialEq for Rational {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rational {}

impl PartialOrd for Rational {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Rational {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.numerator * &other.denominator).cmp(&(&other.numerator * &self.denominator))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(text: &str, exponent: i32, rounding: Rounding) -> Option<i64> {
        let number = Rational::parse(text).unwrap();
        number.to_scaled(exponent, rounding).ok().map(|n| n.try_into().unwrap())
    }

    #[test]
    fn rounding_is_half_to_even_and_only_on_request() {
        let cases =
            [("2.5", 2), ("3.5", 4), ("-2.5", -2), ("-3.5", -4), ("2.51", 3), ("-2.51", -3), ("1/3", 0), ("-2/3", -1)];
        for (text, expected) in cases {
            assert_eq!(scaled(text, 0, Rounding::HalfEven), Some(expected), "{text}");
            assert_eq!(scaled(text, 0, Rounding::Exact), None, "{text}");
        }
        assert_eq!(scaled("2.5", -1, Rounding::Exact), Some(25));
        assert_eq!(scaled("1500", 2, Rounding::Exact), Some(15));
    }

    #[test]
    fn finite_fractions_are_decimals_and_others_are_not() {
        assert_eq!(Rational::parse("7/80").unwrap().to_decimal().unwrap().to_string(), "0.0875");
        assert_eq!(Rational::parse("7/3").unwrap().to_decimal(), Err(Error::Inexact));
    }

    #[test]
    fn products_are_bounded() {
        let large = Rational::parse("1e4096").unwrap();
        let product = large.multiply(&large).unwrap();
        assert!(product.multiply(&large).is_err() || product.multiply(&product).is_err());
        assert_eq!(large.divide(&Rational::zero()), Err(Error::Inexact));
    }
}
