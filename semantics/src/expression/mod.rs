//! Exact arithmetic that a mapping may ask for: `(raw - 16384) / 32768 * 2`, `bit(flags, 3) == 1`, `if(x > 127, x - 256, x)`.
//!
//! ```text
//!  ||  &&  == != < <= > >=  + -  * / %  unary - !  ^          weakest to strongest; ^ takes a whole number up to 8
//!  abs floor ceil round trunc min max if default              numbers
//!  and or xor shl shr bit bits signed                         whole numbers: bit(x, n), bits(x, lowest, count), signed(x, width)
//!  date(year, month, day, hour, minute, second)               unix seconds, UTC
//! ```
//!
//! Comparisons give 1 or 0; every other number than 0 is true. A name without value makes the result no value, unless
//! `default(name, other)` or the side of an `if` that is not taken hides it. Division by zero is [`Error::Inexact`](crate::Error::Inexact).
pub(crate) mod evaluate;
mod parse;

use crate::number::Rational;

/// An expression over named numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expression {
    root: Node,
    /// Each name once, in the order of first use.
    names: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Node {
    Number(Rational),
    /// Position among the names.
    Name(usize),
    Negate(Box<Node>),
    Not(Box<Node>),
    Power(Box<Node>, u32),
    Binary(Operator, Box<Node>, Box<Node>),
    Call(Function, Vec<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Abs,
    Floor,
    Ceil,
    Round,
    Trunc,
    Min,
    Max,
    If,
    Default,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
    Bit,
    Bits,
    Signed,
    Date,
}

/// Name, function, number of arguments.
const FUNCTIONS: [(&str, Function, usize); 18] = [
    ("abs", Function::Abs, 1),
    ("floor", Function::Floor, 1),
    ("ceil", Function::Ceil, 1),
    ("round", Function::Round, 1),
    ("trunc", Function::Trunc, 1),
    ("min", Function::Min, 2),
    ("max", Function::Max, 2),
    ("if", Function::If, 3),
    ("default", Function::Default, 2),
    ("and", Function::BitAnd, 2),
    ("or", Function::BitOr, 2),
    ("xor", Function::BitXor, 2),
    ("shl", Function::ShiftLeft, 2),
    ("shr", Function::ShiftRight, 2),
    ("bit", Function::Bit, 2),
    ("bits", Function::Bits, 3),
    ("signed", Function::Signed, 2),
    ("date", Function::Date, 6),
];

impl Expression {
    /// Names that it needs.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}
