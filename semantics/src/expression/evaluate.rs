//! Nodes to numbers.
use super::{Expression, Function, Node, Operator};
use crate::{
    calendar,
    error::Error,
    limits::FIELD_BITS_MAX,
    meter::Work,
    number::{Rational, Rounding},
};
use num_bigint::BigInt;
use num_traits::{Signed, Zero};
use std::cmp::Ordering;

/// Values of names, by their positions in [`Expression::names`].
type Values<'a> = &'a [Option<Rational>];

impl Expression {
    /// The result, or none if a value that it needs is missing. `values` are in the order of [`Self::names`].
    ///
    /// # Errors
    /// [`Error::Inexact`] for a division by zero and for bit functions of what is not a whole number;
    /// [`Error::LimitExceeded`]; [`Error::OutOfWork`].
    pub(crate) fn evaluate(&self, values: Values<'_>, work: &mut Work<'_>) -> Result<Option<Rational>, Error> {
        node(&self.root, values, work)
    }
}

fn node(of: &Node, values: Values<'_>, work: &mut Work<'_>) -> Result<Option<Rational>, Error> {
    work.step()?;
    Ok(match of {
        Node::Number(number) => Some(number.clone()),
        Node::Name(position) => values.get(*position).cloned().flatten(),
        Node::Negate(inner) => node(inner, values, work)?.map(|number| number.negated()),
        Node::Not(inner) => node(inner, values, work)?.map(|number| truth(number.is_zero())),
        Node::Power(inner, power) => match node(inner, values, work)? {
            Some(base) => Some(raised(&base, *power, work)?),
            None => None,
        },
        Node::Binary(operator, left, right) => match node(left, values, work)? {
            Some(left) => binary(*operator, left, right, values, work)?,
            None => None,
        },
        Node::Call(function, arguments) => call(*function, arguments, values, work)?,
    })
}

fn raised(base: &Rational, power: u32, work: &mut Work<'_>) -> Result<Rational, Error> {
    let mut product = Rational::one();
    for _ in 0..power {
        work.number(product.bits().saturating_add(base.bits()))?;
        product = product.multiply(base)?;
    }
    Ok(product)
}

fn truth(value: bool) -> Rational {
    if value { Rational::one() } else { Rational::zero() }
}

fn binary(
    operator: Operator,
    left: Rational,
    right: &Node,
    values: Values<'_>,
    work: &mut Work<'_>,
) -> Result<Option<Rational>, Error> {
    // The right side of these is not looked at if the left one decides.
    match operator {
        Operator::And if left.is_zero() => return Ok(Some(truth(false))),
        Operator::Or if !left.is_zero() => return Ok(Some(truth(true))),
        _ => {}
    }
    let Some(right) = node(right, values, work)? else { return Ok(None) };
    work.number(left.bits().saturating_add(right.bits()))?;
    Ok(Some(match operator {
        Operator::And | Operator::Or => truth(!right.is_zero()),
        Operator::Equal => truth(left == right),
        Operator::NotEqual => truth(left != right),
        Operator::Less => truth(left < right),
        Operator::LessOrEqual => truth(left <= right),
        Operator::Greater => truth(left > right),
        Operator::GreaterOrEqual => truth(left >= right),
        Operator::Add => left.add(&right)?,
        Operator::Subtract => left.subtract(&right)?,
        Operator::Multiply => left.multiply(&right)?,
        Operator::Divide => left.divide(&right)?,
        Operator::Modulo => {
            let whole = Rational::from(left.divide(&right)?.floor());
            left.subtract(&whole.multiply(&right)?)?
        }
    }))
}

fn call(
    function: Function,
    arguments: &[Node],
    values: Values<'_>,
    work: &mut Work<'_>,
) -> Result<Option<Rational>, Error> {
    match (function, arguments) {
        (Function::If, [condition, yes, no]) => {
            return match node(condition, values, work)? {
                Some(condition) => node(if condition.is_zero() { no } else { yes }, values, work),
                None => Ok(None),
            };
        }
        (Function::Default, [first, second]) => {
            return match node(first, values, work)? {
                Some(value) => Ok(Some(value)),
                None => node(second, values, work),
            };
        }
        _ => {}
    }
    let mut numbers = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let Some(number) = node(argument, values, work)? else { return Ok(None) };
        work.number(number.bits())?;
        numbers.push(number);
    }
    apply(function, &numbers).map(Some)
}

fn apply(function: Function, numbers: &[Rational]) -> Result<Rational, Error> {
    Ok(match (function, numbers) {
        (Function::Abs, [x]) => {
            if x.is_negative() {
                x.negated()
            } else {
                x.clone()
            }
        }
        (Function::Floor, [x]) => Rational::from(x.floor()),
        (Function::Ceil, [x]) => Rational::from(-x.negated().floor()),
        (Function::Round, [x]) => Rational::from(x.to_scaled(0, Rounding::HalfEven)?),
        (Function::Trunc, [x]) if x.is_negative() => Rational::from(-x.negated().floor()),
        (Function::Trunc, [x]) => Rational::from(x.floor()),
        (Function::Min, [x, y]) => {
            if x <= y {
                x.clone()
            } else {
                y.clone()
            }
        }
        (Function::Max, [x, y]) => {
            if x >= y {
                x.clone()
            } else {
                y.clone()
            }
        }
        (Function::BitAnd, [x, y]) => Rational::from(word(x)? & word(y)?),
        (Function::BitOr, [x, y]) => Rational::from(word(x)? | word(y)?),
        (Function::BitXor, [x, y]) => Rational::from(word(x)? ^ word(y)?),
        (Function::ShiftLeft, [x, count]) => Rational::from(checked(word(x)? << width(count)?)?),
        (Function::ShiftRight, [x, count]) => Rational::from(word(x)? >> width(count)?),
        (Function::Bit, [x, position]) => Rational::from((word(x)? >> width(position)?) & BigInt::from(1)),
        (Function::Bits, [x, lowest, count]) => {
            let mask = (BigInt::from(1) << width(count)?) - 1u32;
            Rational::from((word(x)? >> width(lowest)?) & mask)
        }
        (Function::Signed, [x, bits]) => Rational::from(signed(word(x)?, width(bits)?)),
        (Function::Date, [year, month, day, hour, minute, second]) => {
            let whole = |x: &Rational| integer(x).and_then(|x| i64::try_from(x).map_err(|_| Error::Inexact));
            let days = calendar::days_from_civil(whole(year)?, whole(month)?, whole(day)?).ok_or(Error::Inexact)?;
            let minutes = days.saturating_mul(24).saturating_add(whole(hour)?).saturating_mul(60);
            let minutes = minutes.saturating_add(whole(minute)?);
            Rational::from(minutes.saturating_mul(60)).add(second)?
        }
        _ => return Err(Error::Inexact),
    })
}

fn integer(number: &Rational) -> Result<BigInt, Error> {
    number.to_scaled(0, Rounding::Exact)
}

/// A whole number of at most [`FIELD_BITS_MAX`] bits, not negative.
fn word(number: &Rational) -> Result<BigInt, Error> {
    let integer = integer(number)?;
    if integer.is_negative() { Err(Error::Inexact) } else { checked(integer) }
}

fn checked(integer: BigInt) -> Result<BigInt, Error> {
    match integer.bits().cmp(&FIELD_BITS_MAX) {
        Ordering::Greater => Err(Error::LimitExceeded { what: "bits of a whole number", limit: FIELD_BITS_MAX }),
        _ => Ok(integer),
    }
}

fn width(number: &Rational) -> Result<u64, Error> {
    let too_wide = Error::LimitExceeded { what: "bits of a whole number", limit: FIELD_BITS_MAX };
    u64::try_from(word(number)?).ok().filter(|bits| *bits <= FIELD_BITS_MAX).ok_or(too_wide)
}

/// Two's complement.
pub(crate) fn signed(value: BigInt, bits: u64) -> BigInt {
    let modulus = BigInt::from(1) << bits;
    let value = value & (&modulus - 1u32);
    let half = &modulus >> 1u32;
    if !half.is_zero() && value >= half { value - modulus } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Counter;

    fn result(text: &str) -> String {
        let expression = match Expression::parse(text) {
            Ok(expression) => expression,
            Err(reason) => return reason,
        };
        let value = |name: &String| match name.as_str() {
            "x" => Some(Rational::from(10)),
            "half" => Some(Rational::parse("1/2").unwrap()),
            _ => None,
        };
        let values: Vec<_> = expression.names().iter().map(value).collect();
        match expression.evaluate(&values, &mut Work::new(&mut Counter::default())) {
            Ok(Some(number)) => number.to_decimal().map_or_else(|error| error.to_string(), |number| number.to_string()),
            Ok(None) => "none".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn arithmetic_is_exact_and_binds_as_usual() {
        for (text, expected) in [
            ("1 + 2 * 3 ^ 2", "19"),
            ("-x ^ 2", "-100"),
            ("(x - 4) / 8", "0.75"),
            ("1/3*3", "1"),
            ("0.1 + 0.2 == 0.3", "1"),
            ("x % 3 - -7 % 3", "-1"),
            ("175.72 * 26000 / 65536 - 46.85 > 22.8 && x < 11", "1"),
            ("1e-2 + 0x1f", "31.01"),
            ("!(x == 10) || half == 0.5", "1"),
        ] {
            assert_eq!(result(text), expected, "{text}");
        }
    }

    #[test]
    fn functions_do_what_they_say() {
        for (text, expected) in [
            ("abs(-2) + floor(-half) + ceil(-half) + trunc(-1.5)", "0"),
            ("round(half) + round(1.5)", "2"),
            ("min(x, 3) + max(x, 3)", "13"),
            ("if(x > 5, 1, missing)", "1"),
            ("default(missing, 7)", "7"),
            ("and(0xff, 0x0f) + or(1, 2) + xor(3, 1)", "20"),
            ("shl(1, 8) + shr(x, 1)", "261"),
            ("bit(x, 1) + bits(0xabcd, 4, 8)", "189"),
            ("signed(0xfff, 12)", "-1"),
            ("date(2000, 1, 1, 0, 0, 0.5)", "946684800.5"),
            ("0 && missing", "0"),
        ] {
            assert_eq!(result(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_value_says_so() {
        assert_eq!(result("missing + 1"), "none");
        assert!(result("1 / (x - 10)").contains("more digits"));
        assert!(result("and(half, 1)").contains("more digits"));
        assert!(result("shl(1, 300)").contains("limit"));
        assert!(result("(9e4000^8)^8").contains("limit"));
    }

    #[test]
    fn mistakes_are_refused_with_their_place() {
        for (text, at) in
            [("1 +", 3), ("(1", 2), ("nope(1)", 5), ("min(1)", 5), ("x ^ 9", 5), ("1 2", 2), ("", 0), ("0x", 0)]
        {
            assert!(result(text).starts_with(&format!("byte {at} ")), "{text}: {}", result(text));
        }
        assert!(result(&"-".repeat(17)).contains("16 times"));
        assert!(result(&vec!["1"; 65].join("+")).contains("nodes"));
    }
}
