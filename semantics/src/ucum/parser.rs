//! The grammar of units: UCUM, sections 3 to 13.
use super::unit::Meaning;
use crate::{
    error::Error,
    limits::{UNIT_BITS_MAX, UNIT_BYTES_MAX, UNIT_DEPTH_MAX, UNIT_EXPONENT_MAX},
    number::Rational,
};

type Lookup<'a> = &'a mut dyn FnMut(&str) -> Option<Meaning>;

/// Reads a whole unit; `lookup` knows symbols with their prefixes.
pub(super) fn parse(text: &str, lookup: Lookup<'_>) -> Result<Meaning, Error> {
    if text.len() > UNIT_BYTES_MAX {
        return Err(Error::limit("bytes of a unit", UNIT_BYTES_MAX));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(text, "only visible ASCII characters may stand in a unit"));
    }
    let mut parser = Parser { text, at: 0 };
    let meaning = parser.term(lookup, 0)?;
    match parser.peek() {
        None => Ok(meaning),
        Some(_) => Err(parser.error("a component ends with `.` or `/`")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    /// `["/"] component {("." | "/") component}`
    fn term(&mut self, lookup: Lookup<'_>, depth: usize) -> Result<Meaning, Error> {
        let mut product = if self.take(b'/') {
            self.component(lookup, depth)?.power(-1).map_err(|reason| self.refuse(reason))?
        } else {
            self.component(lookup, depth)?
        };
        loop {
            let sign = match self.peek() {
                Some(b'.') => 1,
                Some(b'/') => -1,
                _ => return Ok(product),
            };
            self.at = self.at.saturating_add(1);
            let component = self.component(lookup, depth)?;
            let component = component.power(sign).map_err(|reason| self.refuse(reason))?;
            product = product.product(&component).map_err(|reason| self.refuse(reason))?;
        }
    }

    fn component(&mut self, lookup: Lookup<'_>, depth: usize) -> Result<Meaning, Error> {
        if self.take(b'(') {
            if depth >= UNIT_DEPTH_MAX {
                return Err(Error::limit("nested parentheses of a unit", UNIT_DEPTH_MAX));
            }
            let inner = self.term(lookup, depth.saturating_add(1))?;
            if !self.take(b')') {
                return Err(self.error("a parenthesis is not closed"));
            }
            return Ok(inner);
        }
        if self.peek() == Some(b'{') {
            self.annotation()?;
            return Ok(Meaning::one());
        }
        let run = self.symbol()?;
        if run.is_empty() {
            return Err(self.error("a unit must stand here"));
        }
        let meaning = self.annotatable(run, lookup)?;
        if self.peek() == Some(b'{') {
            self.annotation()?;
        }
        Ok(meaning)
    }

    /// A number, or a symbol with an exponent.
    fn annotatable(&self, run: &str, lookup: Lookup<'_>) -> Result<Meaning, Error> {
        if run.bytes().all(|byte| byte.is_ascii_digit()) {
            let number = Rational::parse(run)?;
            if number.is_zero() {
                return Err(self.error("a factor is above zero"));
            }
            return Ok(Meaning::number(number));
        }
        let symbol = run.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = run.get(symbol.len()..).unwrap_or_default();
        if digits.is_empty() {
            return lookup(run).ok_or_else(|| self.unknown(run));
        }
        let (symbol, sign) = match symbol.as_bytes().last() {
            Some(b'-') => (symbol.get(..symbol.len().saturating_sub(1)).unwrap_or_default(), -1),
            Some(b'+') => (symbol.get(..symbol.len().saturating_sub(1)).unwrap_or_default(), 1),
            _ => (symbol, 1),
        };
        let meaning = lookup(symbol).ok_or_else(|| self.unknown(run))?;
        let exponent = digits.parse::<i32>().ok().filter(|exponent| *exponent <= UNIT_EXPONENT_MAX);
        let exponent = exponent.ok_or(Error::limit("exponents of a unit", 99))?.saturating_mul(sign);
        meaning.power(exponent).map_err(|reason| self.refuse(reason))
    }

    /// `{` any text `}`, which means nothing.
    fn annotation(&mut self) -> Result<(), Error> {
        let rest = self.text.get(self.at.saturating_add(1)..).unwrap_or_default();
        match rest.find(['{', '}']) {
            Some(end) if end > 0 && rest.as_bytes().get(end) == Some(&b'}') => {
                self.at = self.at.saturating_add(end).saturating_add(2);
                Ok(())
            }
            _ => Err(self.error("an annotation is closed, and has text")),
        }
    }

    /// Up to the next operator outside square brackets.
    fn symbol(&mut self) -> Result<&'a str, Error> {
        let start = self.at;
        let mut bracket = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' if bracket => return Err(self.error("brackets do not nest")),
                b'[' => bracket = true,
                b']' if !bracket => return Err(self.error("a bracket closes that was not opened")),
                b']' => bracket = false,
                b'.' | b'/' | b'(' | b')' | b'{' | b'}' if !bracket => break,
                _ => {}
            }
            self.at = self.at.saturating_add(1);
        }
        if bracket {
            return Err(self.error("a bracket is not closed"));
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at = self.at.saturating_add(1);
        }
        found
    }

    fn unknown(&self, symbol: &str) -> Error {
        invalid(self.text, format!("{symbol:?} is not a unit of UCUM"))
    }

    fn error(&self, reason: &str) -> Error {
        invalid(self.text, format!("byte {}: {reason}", self.at))
    }

    fn refuse(&self, reason: Refused) -> Error {
        match reason {
            Refused::Special => self.error("a special unit stands alone: no product, quotient or power of it"),
            Refused::TooLarge => Error::LimitExceeded { what: "bits of a unit's factor", limit: UNIT_BITS_MAX },
        }
    }
}

/// Why units cannot be combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Special units have no products.
    Special,
    /// Factor or exponent beyond its limit.
    TooLarge,
}

fn invalid(unit: &str, reason: impl Into<String>) -> Error {
    Error::InvalidUnit { unit: unit.to_owned(), reason: reason.into() }
}
