//! Units by what they mean, and conversions between them.
use super::{
    parser::{self, Refused},
    table,
};
use crate::{
    error::Error,
    limits::{UNIT_BITS_MAX, UNIT_EXPONENT_MAX},
    number::{Decimal, Rational, Rounding},
};
use num_bigint::BigInt;
use std::collections::BTreeMap;

/// Base units of UCUM: m, s, g, rad, K, C, cd.
const BASES_COUNT: usize = 7;

/// A unit of UCUM.
#[derive(Debug, Clone)]
pub struct Unit {
    text: String,
    meaning: Meaning,
}

impl Unit {
    /// Reads a case-sensitive UCUM expression. The empty one is the unit of plain numbers.
    ///
    /// # Errors
    /// [`Error::InvalidUnit`] with the reason; [`Error::LimitExceeded`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let meaning = if text.is_empty() { Meaning::one() } else { parser::parse(text, &mut table::find)? };
        Ok(Self { text: text.to_owned(), meaning })
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Product of two units: for tests of quantities.
    ///
    /// # Errors
    /// [`Error::InvalidUnit`] for special units; [`Error::LimitExceeded`].
    pub fn multiply(&self, other: &Self) -> Result<Self, Error> {
        self.combine(other, 1, '.')
    }

    /// Quotient of two units: for tests of quantities.
    ///
    /// # Errors
    /// [`Error::InvalidUnit`] for special units; [`Error::LimitExceeded`].
    pub fn divide(&self, other: &Self) -> Result<Self, Error> {
        self.combine(other, -1, '/')
    }

    fn combine(&self, other: &Self, power: i32, operator: char) -> Result<Self, Error> {
        let text = format!("{}{operator}({})", self.text, other.text);
        let product = other.meaning.power(power).and_then(|factor| self.meaning.product(&factor));
        let meaning =
            product.map_err(|_| Error::InvalidUnit { unit: text.clone(), reason: "no such product".into() })?;
        Ok(Self { text, meaning })
    }
}

/// `y = x * factor + offset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    factor: Rational,
    offset: Rational,
}

impl Conversion {
    /// From one unit to another. The same text is the same unit, whatever it means.
    ///
    /// # Errors
    /// [`Error::Incommensurable`]; [`Error::InvalidUnit`] for logarithmic, other non-rational and arbitrary units.
    pub fn new(from: &Unit, to: &Unit) -> Result<Self, Error> {
        if from.text == to.text {
            return Ok(Self { factor: Rational::one(), offset: Rational::zero() });
        }
        for unit in [from, to] {
            if let Some(Special::NotRational { code, function }) = &unit.meaning.special {
                let reason = format!("{code} is defined by the function {function}, which has no exact values");
                return Err(Error::InvalidUnit { unit: unit.text.clone(), reason });
            }
        }
        if from.meaning.dimensions != to.meaning.dimensions {
            return Err(Error::Incommensurable { from: from.text.clone(), to: to.text.clone() });
        }
        if from.meaning.arbitrary != to.meaning.arbitrary {
            let unit = if from.meaning.arbitrary.is_empty() { to } else { from };
            let reason = "an arbitrary unit, which converts to nothing but itself".to_owned();
            return Err(Error::InvalidUnit { unit: unit.text.clone(), reason });
        }
        let inverse = to.meaning.factor.inverse().ok_or(Error::Inexact)?;
        Ok(Self {
            factor: from.meaning.factor.multiply(&inverse)?,
            offset: from.meaning.offset().subtract(&to.meaning.offset())?.multiply(&inverse)?,
        })
    }

    /// In lowest terms: costly once, cheaper ever after.
    #[must_use]
    pub fn reduced(&self) -> Self {
        Self { factor: self.factor.reduced(), offset: self.offset.reduced() }
    }

    /// Converts a number.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if numbers grow too large.
    pub fn apply(&self, number: &Rational) -> Result<Rational, Error> {
        let product = number.multiply(&self.factor)?;
        if self.offset.is_zero() { Ok(product) } else { product.add(&self.offset) }
    }

    /// The way back.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] if numbers grow too large.
    pub fn inverted(&self) -> Result<Self, Error> {
        let factor = self.factor.inverse().ok_or(Error::Inexact)?;
        Ok(Self { offset: self.offset.negated().multiply(&factor)?, factor })
    }

    /// Bits of the larger of its numbers.
    pub fn bits(&self) -> u64 {
        self.factor.bits().max(self.offset.bits())
    }
}

/// Converts `number * 10^exponent` from one unit to another, as a multiple of `10^to_exponent`.
///
/// # Errors
/// Those of [`Unit::parse`] and [`Conversion::new`]; [`Error::Inexact`] if digits are lost and rounding is not allowed.
pub fn convert(number: &Decimal, from: &str, to: &str, to_exponent: i32, rounding: Rounding) -> Result<BigInt, Error> {
    let conversion = Conversion::new(&Unit::parse(from)?, &Unit::parse(to)?)?;
    conversion.apply(&number.to_rational())?.to_scaled(to_exponent, rounding)
}

/// What a unit is: `factor` times the product of base units by their exponents, on a scale of its own or not.
#[derive(Debug, Clone)]
pub(super) struct Meaning {
    pub(super) factor: Rational,
    pub(super) dimensions: [i32; BASES_COUNT],
    /// Exponents of arbitrary units.
    pub(super) arbitrary: BTreeMap<&'static str, i32>,
    pub(super) special: Option<Special>,
}

/// A scale with a zero, or a curve, of its own.
#[derive(Debug, Clone)]
pub(super) enum Special {
    /// The value of zero, in base units.
    Offset(Rational),
    /// A logarithm, a tangent, a root.
    NotRational {
        /// The unit.
        code: &'static str,
        /// UCUM's name of the function.
        function: &'static str,
    },
}

impl Meaning {
    pub(super) fn one() -> Self {
        Self::number(Rational::one())
    }

    pub(super) fn number(factor: Rational) -> Self {
        Self { factor, dimensions: [0; BASES_COUNT], arbitrary: BTreeMap::new(), special: None }
    }

    pub(super) fn base(position: usize) -> Self {
        let mut meaning = Self::one();
        if let Some(dimension) = meaning.dimensions.get_mut(position) {
            *dimension = 1;
        }
        meaning
    }

    fn is_number(&self) -> bool {
        self.special.is_none() && self.arbitrary.is_empty() && self.dimensions == [0; BASES_COUNT]
    }

    fn offset(&self) -> Rational {
        match &self.special {
            Some(Special::Offset(offset)) => offset.clone(),
            _ => Rational::zero(),
        }
    }

    /// The same on a scale whose steps are `factor` times as large.
    pub(super) fn scaled(&self, factor: &Rational) -> Result<Self, Error> {
        Ok(Self { factor: self.factor.multiply(factor)?, ..self.clone() })
    }

    pub(super) fn power(&self, exponent: i32) -> Result<Self, Refused> {
        if exponent == 1 {
            return Ok(self.clone());
        }
        if self.special.is_some() {
            return Err(Refused::Special);
        }
        let count = exponent.unsigned_abs();
        if self.factor.bits().saturating_mul(u64::from(count)) > UNIT_BITS_MAX {
            return Err(Refused::TooLarge);
        }
        let (numerator, denominator) = (self.factor.numerator().pow(count), self.factor.denominator().pow(count));
        let factor = if exponent < 0 {
            Rational::from_parts(denominator, numerator)
        } else {
            Rational::from_parts(numerator, denominator)
        };
        let mut meaning = Self { factor, ..self.clone() };
        let all = meaning.dimensions.iter_mut().chain(meaning.arbitrary.values_mut());
        for dimension in all {
            *dimension = in_range(dimension.saturating_mul(exponent))?;
        }
        meaning.arbitrary.retain(|_, exponent| *exponent != 0);
        Ok(meaning)
    }

    pub(super) fn product(&self, other: &Self) -> Result<Self, Refused> {
        // A number only scales a special unit.
        let special = match (&self.special, &other.special) {
            (None, None) => None,
            (Some(special), None) if other.is_number() => Some(special.clone()),
            (None, Some(special)) if self.is_number() => Some(special.clone()),
            _ => return Err(Refused::Special),
        };
        if self.factor.bits().saturating_add(other.factor.bits()) > UNIT_BITS_MAX {
            return Err(Refused::TooLarge);
        }
        let factor = self.factor.multiply(&other.factor).map_err(|_| Refused::TooLarge)?;
        let mut meaning = Self { factor, special, ..self.clone() };
        for (dimension, more) in meaning.dimensions.iter_mut().zip(other.dimensions) {
            *dimension = in_range(dimension.saturating_add(more))?;
        }
        for (code, more) in &other.arbitrary {
            let exponent = meaning.arbitrary.entry(code).or_default();
            *exponent = in_range(exponent.saturating_add(*more))?;
        }
        meaning.arbitrary.retain(|_, exponent| *exponent != 0);
        Ok(meaning)
    }
}

fn in_range(exponent: i32) -> Result<i32, Refused> {
    if exponent.abs() > UNIT_EXPONENT_MAX { Err(Refused::TooLarge) } else { Ok(exponent) }
}
