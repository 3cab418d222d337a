//! Filter expressions: their grammar, and the types of function extensions (RFC 9535, section 2.4.3).
use super::{cursor::Cursor, query::segments};
use crate::{error::Error, limits::QUERY_DEPTH_MAX};

/// What an operand is, as far as rules ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operand {
    Literal,
    SingularQuery,
    Query,
    /// A function with a value as result.
    Value,
    /// A function with a truth value as result.
    Truth,
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parameter {
    Value,
    Nodes,
}

/// Name, parameters, and whether the result is a truth value: RFC 9535, sections 2.4.4 to 2.4.8.
const FUNCTIONS: [(&str, &[Parameter], Operand); 5] = [
    ("length", &[Parameter::Value], Operand::Value),
    ("count", &[Parameter::Nodes], Operand::Value),
    ("value", &[Parameter::Nodes], Operand::Value),
    ("match", &[Parameter::Value, Parameter::Value], Operand::Truth),
    ("search", &[Parameter::Value, Parameter::Value], Operand::Truth),
];

/// `and {"||" and}`, `and` being `basic {"&&" basic}`.
pub(super) fn logical(cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Error> {
    if depth >= QUERY_DEPTH_MAX {
        return Err(Error::limit("nested filters of a query", QUERY_DEPTH_MAX));
    }
    let depth = depth.saturating_add(1);
    loop {
        basic(cursor, depth)?;
        let after = cursor.at;
        cursor.white_space();
        if !cursor.take("&&") && !cursor.take("||") {
            cursor.at = after;
            return Ok(());
        }
        cursor.white_space();
    }
}

fn basic(cursor: &mut Cursor<'_>, depth: usize) -> Result<(), Error> {
    let negated = cursor.take("!");
    if negated {
        cursor.white_space();
    }
    if cursor.take("(") {
        cursor.white_space();
        logical(cursor, depth)?;
        cursor.white_space();
        return cursor.expect(")", "a parenthesis is not closed");
    }
    let start = cursor.at;
    let left = operand(cursor, depth)?;
    let after = cursor.at;
    cursor.white_space();
    let compared = !negated && ["==", "!=", "<=", ">=", "<", ">"].iter().any(|operator| cursor.take(operator));
    if compared {
        comparable(left, start)?;
        cursor.white_space();
        let start = cursor.at;
        return comparable(operand(cursor, depth)?, start);
    }
    cursor.at = after;
    match left {
        Operand::Literal => Err(Error::InvalidQuery { offset: start, reason: "a literal must be compared" }),
        Operand::Value => Err(Error::InvalidQuery { offset: start, reason: "this function's result must be compared" }),
        Operand::SingularQuery | Operand::Query | Operand::Truth => Ok(()),
    }
}

fn comparable(operand: Operand, offset: usize) -> Result<(), Error> {
    match operand {
        Operand::Literal | Operand::SingularQuery | Operand::Value => Ok(()),
        Operand::Query => Err(Error::InvalidQuery { offset, reason: "only singular queries can be compared" }),
        Operand::Truth => Err(Error::InvalidQuery { offset, reason: "this function's result cannot be compared" }),
    }
}

fn operand(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, Error> {
    if cursor.at_string() {
        cursor.string()?;
        return Ok(Operand::Literal);
    }
    match cursor.peek() {
        Some('$' | '@') => {
            cursor.bump();
            let singular = segments(cursor, depth)?.is_some();
            Ok(if singular { Operand::SingularQuery } else { Operand::Query })
        }
        Some('-' | '0'..='9') => {
            cursor.number()?;
            Ok(Operand::Literal)
        }
        Some('a'..='z') => word(cursor, depth),
        _ => Err(cursor.error("a query, a literal or a function must stand here")),
    }
}

/// `true`, `false`, `null`, or a function.
fn word(cursor: &mut Cursor<'_>, depth: usize) -> Result<Operand, Error> {
    let start = cursor.at;
    let is_name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let rest = cursor.rest();
    let name = rest.get(..rest.find(|c| !is_name(c)).unwrap_or(rest.len())).unwrap_or_default();
    cursor.take(name);
    if !cursor.take("(") {
        return match name {
            "true" | "false" | "null" => Ok(Operand::Literal),
            _ => Err(Error::InvalidQuery { offset: start, reason: "an unknown word" }),
        };
    }
    let function = FUNCTIONS.iter().find(|(known, ..)| *known == name);
    let (_, parameters, result) =
        function.ok_or(Error::InvalidQuery { offset: start, reason: "an unknown function" })?;
    if depth >= QUERY_DEPTH_MAX {
        return Err(Error::limit("nested filters of a query", QUERY_DEPTH_MAX));
    }
    for (position, parameter) in parameters.iter().enumerate() {
        cursor.white_space();
        if position > 0 {
            cursor.expect(",", "an argument is missing")?;
            cursor.white_space();
        }
        argument(cursor, *parameter, depth.saturating_add(1))?;
    }
    cursor.white_space();
    cursor.expect(")", "too many arguments, or a parenthesis is not closed")?;
    Ok(*result)
}

fn argument(cursor: &mut Cursor<'_>, parameter: Parameter, depth: usize) -> Result<(), Error> {
    let offset = cursor.at;
    match (parameter, operand(cursor, depth)?) {
        (Parameter::Value, Operand::Literal | Operand::SingularQuery | Operand::Value)
        | (Parameter::Nodes, Operand::SingularQuery | Operand::Query) => Ok(()),
        (Parameter::Value, _) => Err(Error::InvalidQuery { offset, reason: "the argument must be one value" }),
        (Parameter::Nodes, _) => Err(Error::InvalidQuery { offset, reason: "the argument must be a query" }),
    }
}
