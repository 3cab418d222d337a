//! From bytes to values, in one pass.
use super::Value;
use crate::{error::Error, number::Decimal};
use std::collections::BTreeMap;

/// Reads one JSON value. Arrays and objects nest at most `depth_max` times.
///
/// # Errors
/// [`Error::MalformedPayload`] with the byte where the text leaves RFC 8259 or a rule of [this module](super);
/// [`Error::LimitExceeded`] for nesting and for numbers.
pub fn parse(text: &[u8], depth_max: usize) -> Result<Value, Error> {
    read(text, depth_max, false)
}

/// As [`parse`], but of equal names in an object the last one counts, as in ECMAScript: for formats whose own publishers
/// write such objects.
///
/// # Errors
/// As [`parse`], equal names aside.
pub fn parse_last_name_counts(text: &[u8], depth_max: usize) -> Result<Value, Error> {
    read(text, depth_max, true)
}

fn read(text: &[u8], depth_max: usize, last_name_counts: bool) -> Result<Value, Error> {
    let text = std::str::from_utf8(text).map_err(|error| Error::payload(error.valid_up_to(), "not UTF-8"))?;
    let mut reader = Reader { text, at: 0, depth_max, last_name_counts };
    reader.white_space();
    let value = reader.value(0)?;
    reader.white_space();
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(reader.error("text after the value")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth_max: usize,
    last_name_counts: bool,
}

impl<'a> Reader<'a> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        match self.peek() {
            Some(b'{') => self.object(self.deeper(depth)?),
            Some(b'[') => self.array(self.deeper(depth)?),
            Some(b'"') => self.string().map(Value::Text),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error("no JSON value")),
            None => Err(self.error("the text ends early")),
        }
    }

    fn deeper(&self, depth: usize) -> Result<usize, Error> {
        if depth >= self.depth_max {
            return Err(Error::limit("nested values", self.depth_max));
        }
        Ok(depth.saturating_add(1))
    }

    fn object(&mut self, depth: usize) -> Result<Value, Error> {
        self.advance(1);
        let mut members = BTreeMap::new();
        self.white_space();
        if self.take(b'}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.white_space();
            let name_at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("a name must stand here"));
            }
            let name = self.string()?;
            self.white_space();
            if !self.take(b':') {
                return Err(self.error("a colon must stand here"));
            }
            self.white_space();
            let value = self.value(depth)?;
            if members.insert(name, value).is_some() && !self.last_name_counts {
                return Err(Error::payload(name_at, "a name stands twice in an object"));
            }
            self.white_space();
            if self.take(b'}') {
                return Ok(Value::Object(members));
            }
            if !self.take(b',') {
                return Err(self.error("a comma or a closing brace must stand here"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value, Error> {
        self.advance(1);
        let mut elements = Vec::new();
        self.white_space();
        if self.take(b']') {
            return Ok(Value::Array(elements));
        }
        loop {
            self.white_space();
            elements.push(self.value(depth)?);
            self.white_space();
            if self.take(b']') {
                return Ok(Value::Array(elements));
            }
            if !self.take(b',') {
                return Err(self.error("a comma or a closing bracket must stand here"));
            }
        }
    }

    fn literal(&mut self, word: &str, value: Value) -> Result<Value, Error> {
        if !self.rest().starts_with(word) {
            return Err(self.error("no JSON value"));
        }
        self.advance(word.len());
        Ok(value)
    }

    /// RFC 8259, section 6: the grammar here, the value by [`Decimal::parse`].
    fn number(&mut self) -> Result<Value, Error> {
        let start = self.at;
        self.take(b'-');
        let whole_at = self.at;
        let whole = self.digits()?;
        if whole > 1 && self.byte(whole_at) == Some(b'0') {
            return Err(Error::payload(whole_at, "a number has no leading zeros"));
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Decimal::parse(text).map(Value::Number)
    }

    fn digits(&mut self) -> Result<usize, Error> {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return Err(self.error("a digit must stand here"));
        }
        self.advance(count);
        Ok(count)
    }

    fn string(&mut self) -> Result<String, Error> {
        self.advance(1);
        let mut out = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.bytes().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
            out.push_str(rest.get(..plain).unwrap_or_default());
            self.advance(plain);
            match self.peek() {
                Some(b'"') => {
                    self.advance(1);
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                Some(_) => return Err(self.error("a control character is escaped in text")),
                None => return Err(self.error("text is not closed")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Error> {
        let start = self.at;
        self.advance(1);
        let letter = self.peek().ok_or_else(|| self.error("text is not closed"))?;
        self.advance(1);
        Ok(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unpaired = Error::payload(start, "a surrogate stands alone");
                let first = self.hex4()?;
                if !(0xd800..0xe000).contains(&first) {
                    return char::from_u32(first).ok_or(unpaired);
                }
                if !(self.take(b'\\') && self.take(b'u')) {
                    return Err(unpaired);
                }
                let second = self.hex4()?;
                if first >= 0xdc00 || !(0xdc00..0xe000).contains(&second) {
                    return Err(unpaired);
                }
                let code = ((first & 0x3ff) << 10 | (second & 0x3ff)).saturating_add(0x1_0000);
                return char::from_u32(code).ok_or(unpaired);
            }
            _ => return Err(Error::payload(start, "an unknown escape")),
        })
    }

    fn hex4(&mut self) -> Result<u32, Error> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let code = code.ok_or_else(|| self.error("four hexadecimal digits must stand here"))?;
        self.advance(4);
        Ok(code)
    }

    fn white_space(&mut self) {
        let count = self.rest().bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.advance(count);
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn peek(&self) -> Option<u8> {
        self.byte(self.at)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.advance(1);
        }
        found
    }

    fn advance(&mut self, count: usize) {
        self.at = self.at.saturating_add(count);
    }

    fn error(&self, reason: &'static str) -> Error {
        Error::payload(self.at, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json::write, limits::DEPTH_MAX};

    fn read(text: &str) -> Result<Value, Error> {
        parse(text.as_bytes(), DEPTH_MAX)
    }

    #[test]
    fn equal_names_are_refused_unless_the_last_one_counts() {
        let text = br#"{"a":1,"b":2,"a":3}"#;
        assert!(parse(text, DEPTH_MAX).is_err());
        assert_eq!(write(&parse_last_name_counts(text, DEPTH_MAX).unwrap()), r#"{"a":3,"b":2}"#);
    }

    fn offset(text: &[u8]) -> Option<usize> {
        match parse(text, DEPTH_MAX) {
            Err(Error::MalformedPayload { offset, .. }) => Some(offset),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn values_are_read_and_written_in_one_way() {
        let text = " {\"b\" : [1.50, -0, true, null, \"\\u00e9\\ud83d\\ude00\\n\\/\"], \"a\": {} } ";
        assert_eq!(write(&read(text).unwrap()), "{\"a\":{},\"b\":[1.5,0,true,null,\"é😀\\n/\"]}");
    }

    #[test]
    fn errors_point_at_the_byte() {
        let cases: [(&[u8], usize); 18] = [
            (b"", 0),
            (b"{\"a\":1,}", 7),
            (b"[1 2]", 3),
            (b"[01]", 1),
            (b"[1.]", 3),
            (b"[.5]", 1),
            (b"[1e]", 3),
            (b"tru", 0),
            (b"\"a\nb\"", 2),
            (b"\"abc", 4),
            (b"\"\\x\"", 1),
            (b"\"\\ud800\"", 1),
            (b"\"\\udc00\\ud800\"", 1),
            (b"\"\\u12g4\"", 3),
            (b"1 2", 2),
            (b"{\"a\":1,\"a\":2}", 7),
            (b"\"\xff\"", 1),
            (b"\xef\xbb\xbf1", 0),
        ];
        for (text, expected) in cases {
            assert_eq!(offset(text), Some(expected), "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn nesting_is_bounded_at_its_limit() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(DEPTH_MAX)).is_ok());
        assert_eq!(read(&nested(DEPTH_MAX + 1)), Err(Error::limit("nested values", DEPTH_MAX)));
    }

    #[test]
    fn long_numbers_cost_bounded_time() {
        for text in [format!("[{}]", "9".repeat(10_000)), format!("[1e{}]", "9".repeat(10_000))] {
            assert!(matches!(read(&text), Err(Error::LimitExceeded { .. })));
        }
        assert!(read(&format!("1{}e-10000", "0".repeat(10_000))).is_ok());
    }
}
