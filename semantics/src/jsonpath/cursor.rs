//! Characters, white space, strings and numbers of queries.
use crate::error::Error;

/// Integers that every JSON implementation holds exactly: RFC 9535, section 2.1; RFC 7493, section 2.2.
const INTEGER_MAX: i64 = (1 << 53) - 1;

pub(super) struct Cursor<'a> {
    text: &'a str,
    pub(super) at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.at = self.at.saturating_add(character.len_utf8());
        Some(character)
    }

    pub(super) fn take(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at = self.at.saturating_add(word.len());
        }
        found
    }

    pub(super) fn expect(&mut self, word: &str, reason: &'static str) -> Result<(), Error> {
        if self.take(word) { Ok(()) } else { Err(self.error(reason)) }
    }

    pub(super) fn white_space(&mut self) {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.at = self.at.saturating_add(rest.len().saturating_sub(trimmed.len()));
    }

    pub(super) fn error(&self, reason: &'static str) -> Error {
        Error::InvalidQuery { offset: self.at, reason }
    }

    fn error_at(offset: usize, reason: &'static str) -> Error {
        Error::InvalidQuery { offset, reason }
    }

    /// `int`: no leading zeros, no `-0`, inside I-JSON's range.
    pub(super) fn integer(&mut self) -> Result<i64, Error> {
        let start = self.at;
        let negative = self.take("-");
        let digits = self.digits()?;
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(Self::error_at(start, "an integer has no leading zeros"));
        }
        if negative && digits == "0" {
            return Err(Self::error_at(start, "-0 is no integer"));
        }
        let value = digits.parse::<i64>().ok().filter(|value| *value <= INTEGER_MAX);
        let value = value.ok_or(Self::error_at(start, "an integer is beyond 2^53 - 1"))?;
        Ok(if negative { value.saturating_neg() } else { value })
    }

    /// `number`: as in JSON.
    pub(super) fn number(&mut self) -> Result<(), Error> {
        let start = self.at;
        self.take("-");
        let digits = self.digits()?;
        if digits.len() > 1 && digits.starts_with('0') {
            return Err(Self::error_at(start, "a number has no leading zeros"));
        }
        if self.take(".") {
            self.digits()?;
        }
        if self.take("e") || self.take("E") {
            if !self.take("+") {
                self.take("-");
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<&'a str, Error> {
        let rest = self.rest();
        let count = rest.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return Err(self.error("a digit must stand here"));
        }
        self.at = self.at.saturating_add(count);
        Ok(rest.get(..count).unwrap_or_default())
    }

    /// A name without quotes, if one stands here.
    pub(super) fn shorthand(&mut self) -> Option<&'a str> {
        let is_first = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
        let rest = self.rest();
        rest.starts_with(is_first).then_some(())?;
        let end = rest.find(|c: char| !is_first(c) && !c.is_ascii_digit()).unwrap_or(rest.len());
        self.at = self.at.saturating_add(end);
        rest.get(..end)
    }

    pub(super) fn at_string(&self) -> bool {
        self.rest().starts_with(['\'', '"'])
    }

    /// A string in either kind of quotes.
    pub(super) fn string(&mut self) -> Result<String, Error> {
        let quote = self.bump().ok_or_else(|| self.error("a string must stand here"))?;
        let mut out = String::new();
        loop {
            let at = self.at;
            match self.bump().ok_or(Self::error_at(at, "a string is not closed"))? {
                end if end == quote => return Ok(out),
                '\\' => out.push(self.escape(at, quote)?),
                control if control < ' ' => return Err(Self::error_at(at, "a control character is escaped")),
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self, at: usize, quote: char) -> Result<char, Error> {
        Ok(match self.bump() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some(plain @ ('/' | '\\')) => plain,
            Some(escaped) if escaped == quote => escaped,
            Some('u') => {
                let unpaired = Self::error_at(at, "a surrogate stands alone");
                let first = self.hex4()?;
                if !(0xd800..0xe000).contains(&first) {
                    return char::from_u32(first).ok_or(unpaired);
                }
                if first >= 0xdc00 || !self.take("\\u") {
                    return Err(unpaired);
                }
                let second = self.hex4()?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(unpaired);
                }
                let code = ((first & 0x3ff) << 10 | (second & 0x3ff)).saturating_add(0x1_0000);
                return char::from_u32(code).ok_or(unpaired);
            }
            _ => return Err(Self::error_at(at, "an unknown escape")),
        })
    }

    fn hex4(&mut self) -> Result<u32, Error> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("four hexadecimal digits must stand here"))?;
        self.at = self.at.saturating_add(4);
        Ok(code)
    }
}
