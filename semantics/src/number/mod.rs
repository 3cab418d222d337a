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

use num_bigint::BigInt;

/// 10 to the power of `exponent`.
pub(crate) fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}
