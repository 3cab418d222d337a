//! CBOR in diagnostic notation (RFC 8949, 8), as far as test suites use it.
use std::{iter::Peekable, str::Chars};

/// A CBOR item.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Item {
    Integer(i128),
    Bytes(Vec<u8>),
    Text(String),
    Array(Vec<Item>),
    Map(Vec<(Item, Item)>),
    Tag(u64, Box<Item>),
    Simple(u8),
    Float(f64),
}

impl Item {
    /// In the shortest form.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(number) if *number >= 0 => head(0, *number as u64, out),
            Self::Integer(number) => head(1, (-1 - *number) as u64, out),
            Self::Bytes(bytes) => {
                head(2, bytes.len() as u64, out);
                out.extend(bytes);
            }
            Self::Text(text) => {
                head(3, text.len() as u64, out);
                out.extend(text.bytes());
            }
            Self::Array(items) => {
                head(4, items.len() as u64, out);
                items.iter().for_each(|item| item.write(out));
            }
            Self::Map(entries) => {
                head(5, entries.len() as u64, out);
                for (key, value) in entries {
                    key.write(out);
                    value.write(out);
                }
            }
            Self::Tag(tag, inner) => {
                head(6, *tag, out);
                inner.write(out);
            }
            Self::Simple(value) => head(7, u64::from(*value), out),
            Self::Float(number) => {
                out.push(0xfb);
                out.extend(number.to_be_bytes());
            }
        }
    }
}

fn head(major: u8, argument: u64, out: &mut Vec<u8>) {
    let major = major << 5;
    match argument {
        0..24 => out.push(major | argument as u8),
        24..0x100 => out.extend([major | 24, argument as u8]),
        0x100..0x1_0000 => {
            out.push(major | 25);
            out.extend((argument as u16).to_be_bytes());
        }
        0x1_0000..0x1_0000_0000 => {
            out.push(major | 26);
            out.extend((argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 27);
            out.extend(argument.to_be_bytes());
        }
    }
}

/// Parses one item.
pub(super) fn parse(text: &str) -> Result<Item, String> {
    let mut parser = Parser(text.chars().peekable());
    let item = parser.item()?;
    parser.space()?;
    match parser.0.next() {
        None => Ok(item),
        Some(more) => Err(format!("{more:?} after the item")),
    }
}

struct Parser<'a>(Peekable<Chars<'a>>);

impl Parser<'_> {
    /// Skips blanks, commas and comments, which stand between slashes or after `#`.
    fn space(&mut self) -> Result<(), String> {
        while let Some(next) = self.0.peek() {
            match next {
                '/' => {
                    self.0.next();
                    self.0.by_ref().find(|character| *character == '/').ok_or("a comment without end")?;
                }
                '#' => {
                    self.0.by_ref().find(|character| *character == '\n');
                }
                ',' => {
                    self.0.next();
                }
                blank if blank.is_whitespace() => {
                    self.0.next();
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn item(&mut self) -> Result<Item, String> {
        self.space()?;
        match self.0.peek().copied().ok_or("nothing where an item should be")? {
            '{' => self.map(),
            '[' => Ok(Item::Array(self.items('[', ']')?)),
            '<' => self.embedded(),
            '"' => Ok(Item::Text(self.quoted('"')?)),
            '\'' => Ok(Item::Bytes(self.quoted('\'')?.into_bytes())),
            _ => self.word(),
        }
    }

    fn map(&mut self) -> Result<Item, String> {
        self.0.next();
        let mut entries = Vec::new();
        loop {
            self.space()?;
            if self.0.next_if_eq(&'}').is_some() {
                return Ok(Item::Map(entries));
            }
            let key = self.item()?;
            self.space()?;
            self.0.next_if_eq(&':').ok_or("no colon after a key")?;
            entries.push((key, self.item()?));
        }
    }

    fn items(&mut self, open: char, close: char) -> Result<Vec<Item>, String> {
        self.0.next_if_eq(&open).ok_or("no opening bracket")?;
        let mut items = Vec::new();
        loop {
            self.space()?;
            if self.0.next_if_eq(&close).is_some() {
                return Ok(items);
            }
            items.push(self.item()?);
        }
    }

    /// `<< item, ... >>`: bytes that hold the items.
    fn embedded(&mut self) -> Result<Item, String> {
        self.0.next();
        let items = self.items('<', '>')?;
        self.0.next_if_eq(&'>').ok_or("<< without >>")?;
        Ok(Item::Bytes(items.iter().flat_map(Item::encode).collect()))
    }

    fn quoted(&mut self, quote: char) -> Result<String, String> {
        self.0.next();
        let mut text = String::new();
        loop {
            match self.0.next().ok_or("a quote without end")? {
                '\\' => match self.0.next().ok_or("a quote without end")? {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                end if end == quote => return Ok(text),
                character => text.push(character),
            }
        }
    }

    /// A number, a name, a tag, or bytes with their encoding in front.
    fn word(&mut self) -> Result<Item, String> {
        let mut word = String::new();
        while let Some(next) = self.0.next_if(|next| next.is_alphanumeric() || matches!(next, '-' | '+' | '.' | '_')) {
            word.push(next);
        }
        match (word.as_str(), self.0.peek()) {
            ("h", Some('\'')) => {
                let digits = self.quoted('\'')?;
                let bare: String = digits.chars().filter(|digit| !digit.is_whitespace()).collect();
                hex::decode(bare).map(Item::Bytes).map_err(|error| error.to_string())
            }
            ("b64", Some('\'')) => {
                let digits = self.quoted('\'')?;
                super::claims::base64url(&digits).map(Item::Bytes).ok_or("malformed base64".to_owned())
            }
            ("true", _) => Ok(Item::Simple(21)),
            ("false", _) => Ok(Item::Simple(20)),
            ("null", _) => Ok(Item::Simple(22)),
            ("undefined", _) => Ok(Item::Simple(23)),
            (tag, Some('(')) => {
                let tag = tag.parse().map_err(|_| format!("tag {tag:?}"))?;
                let mut inner = self.items('(', ')')?;
                match (inner.pop(), inner.is_empty()) {
                    (Some(item), true) => Ok(Item::Tag(tag, Box::new(item))),
                    _ => Err("a tag needs one item".into()),
                }
            }
            (number, _) => match (number.parse(), number.parse()) {
                (Ok(integer), _) => Ok(Item::Integer(integer)),
                (_, Ok(float)) => Ok(Item::Float(float)),
                _ => Err(format!("{number:?} is no item")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notation_becomes_bytes() {
        let encode = |text: &str| hex::encode(parse(text).unwrap().encode());
        assert_eq!(
            encode("{1: -7, / kid / 4: h'31 31', \"a\": [true, null]}"),
            "a301260442313161618 2f5f6".replace(' ', "")
        );
        assert_eq!(encode("18([<< {1: 2} >>, 'x', 1000000])"), "d28343a101024178 1a000f4240".replace(' ', ""));
        assert_eq!(encode("-256"), "38ff");
        assert!(parse("{1}").is_err() && parse("[1").is_err() && parse("1 2").is_err());
    }
}
