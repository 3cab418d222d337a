//! Binary payloads, described by a layout: a list of items that are read one after another.
//!
//! ```text
//!  {"name": "temperature", "bits": 16, "signed": true, "endian": "little"}    a field
//!  {"name": "dew", "compute": "temperature / 10 - 4"}                         a number from others
//!  {"when": "bit(flags, 2)", "then": [...], "else": [...]}                    items on a condition
//!  {"switch": ["channel", "type"], "cases": {"1,0x67": [...]}, "otherwise": "stop"}
//!  {"repeat": "rest", "layout": [...]}                                        tag-length-value, groups, history
//!  {"window": "size", "layout": [...]}                                        so many bytes, whatever is in them
//! ```
//!
//! A cursor of bits moves over the payload. Each repetition has a scope of its own: its fields are seen by what is inside
//! it, and rules about them apply when it ends. The whole layout is the outermost scope.
mod bits;
mod compile;
mod read;

pub(crate) use bits::{BitOrder, put};
pub(crate) use compile::{absent, compile_field, compile_layout};
pub(crate) use read::{Scopes, run};

use crate::{expression::Expression, number::Rational, reading::Reading};
use num_bigint::BigInt;

/// A compiled layout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) order: BitOrder,
    /// The first byte is the port (LoRaWAN's FPort), not the payload's.
    pub(crate) port: bool,
    pub(crate) items: Vec<Item>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Field(Field),
    Compute { name: String, expression: Expression },
    When { condition: Expression, then: Vec<Item>, otherwise: Vec<Item> },
    Switch { on: Vec<Expression>, cases: Vec<Case>, otherwise: Otherwise },
    Repeat { count: Option<Expression>, items: Vec<Item>, shared: bool },
    Window { bytes: Expression, items: Vec<Item> },
}

/// Ranges, one for each number that the switch looks at, and what they lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Case {
    keys: Vec<(BigInt, BigInt)>,
    items: Vec<Item>,
}

impl Case {
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }
}

/// No case fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Otherwise {
    Refuse,
    /// The innermost repetition, or the layout, ends.
    Stop,
    Items(Vec<Item>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Without one, it is skipped.
    pub(crate) name: Option<String>,
    pub(crate) size: Size,
    pub(crate) kind: Kind,
    pub(crate) little: bool,
    /// Bytes from the beginning of the window, or from its end if negative; else the cursor.
    pub(crate) offset: Option<Expression>,
    /// Bits after `offset`.
    pub(crate) bit: usize,
    pub(crate) shift: u64,
    pub(crate) mask: Option<BigInt>,
    pub(crate) scale: Option<Rational>,
    pub(crate) add: Option<Rational>,
    /// Raw values that mean no value.
    pub(crate) absent: Vec<Reading>,
    /// No value, rather than an error, where the payload is too short.
    pub(crate) optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Size {
    Bits(usize),
    Bytes(Expression),
    /// Up to the end of the window.
    Rest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unsigned,
    /// Two's complement.
    Signed,
    /// The highest bit is the sign.
    SignMagnitude,
    /// Four bits a decimal digit.
    Decimal,
    /// IEEE 754.
    Float,
    Bool,
    /// UTF-8 up to the first zero byte.
    Text,
    /// Bytes as text of hexadecimal digits.
    Hex,
    Bytes,
}
