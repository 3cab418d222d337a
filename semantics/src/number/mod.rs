//! Numbers without error: decimals as they are written, rationals as they are computed with.
//!
//! Nothing rounds unless it is asked to, and then half to even. Every number has a bounded size.
mod binary;
mod decimal;
mod rational;

pub(crate) use binary::to_float64;
pub use binary::{float16, float32, float64};
pub use decimal::Decimal;
pub use rational::{Rational, Rounding};

use crate::error::Error;
use num_bigint::BigInt;
use std::sync::LazyLock;

/// Powers of five up to what the smallest binary64 number, 2^-1074, needs.
static POWERS_OF_FIVE: LazyLock<Vec<BigInt>> = LazyLock::new(|| {
    let mut power = BigInt::from(1);
    let mut powers = Vec::with_capacity(1_101);
    for _ in 0..=1_100 {
        powers.push(power.clone());
        power *= 5u32;
    }
    powers
});

/// `number / 2^power`, which is `number * 5^power * 10^-power`. None beyond a power of 1,100.
pub(crate) fn divided_by_power_of_two(number: BigInt, power: u32) -> Option<Result<Decimal, Error>> {
    let five = POWERS_OF_FIVE.get(usize::try_from(power).ok()?)?;
    let exponent = i32::try_from(power).ok()?.saturating_neg();
    Some(Decimal::new(number * five, exponent))
}

/// 10 to the power of `exponent`.
pub(crate) fn power_of_ten(exponent: u32) -> BigInt {
    match usize::try_from(exponent).ok().and_then(|exponent| POWERS_OF_FIVE.get(exponent)) {
        Some(five) => five << exponent,
        None => BigInt::from(10).pow(exponent),
    }
}
