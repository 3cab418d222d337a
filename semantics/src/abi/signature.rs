//! Signatures: `event Transfer(address indexed from, address indexed to, uint256 value)`.
use crate::limits::{DEPTH_MAX, PAYLOAD_BYTES_MAX, SELECTOR_BYTES_MAX};
use alloy_primitives::{B256, keccak256};

/// A function or an event with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub parameters: Vec<Parameter>,
    /// An event without its hash as first topic.
    pub anonymous: bool,
}

/// A parameter, or a member of a tuple.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; the position in decimal if it has none.
    pub name: String,
    /// Its type.
    pub kind: Type,
    /// Stands in a topic.
    pub indexed: bool,
}

/// A type of Solidity's ABI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `uintN`
    Uint(usize),
    /// `intN`
    Int(usize),
    /// `address`
    Address,
    /// `bool`
    Bool,
    /// `bytesN`
    FixedBytes(usize),
    /// `bytes`
    Bytes,
    /// `string`
    Text,
    /// `T[]`, `T[n]`
    Array(Box<Type>, Option<usize>),
    /// `(T, U)`
    Tuple(Vec<Parameter>),
}

/// Words in a payload at its limit: no static type is larger.
const WORDS_MAX: usize = PAYLOAD_BYTES_MAX / 32;

impl Signature {
    /// Reads a signature, with or without `event` or `function` before it and modifiers or results after it.
    ///
    /// # Errors
    /// What is wrong, with the byte.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(format!("a signature has at most {SELECTOR_BYTES_MAX} bytes"));
        }
        let mut parser = Parser { text, at: 0 };
        let mut name = parser.word();
        if matches!(name, "event" | "function") && parser.peek() != Some('(') {
            name = parser.word();
        }
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(parser.error("a name must stand here"));
        }
        let parameters = parser.parameters(0)?;
        let rest = parser.text.get(parser.at..).unwrap_or_default().trim_end_matches(';').trim();
        Ok(Self { name: name.to_owned(), parameters, anonymous: rest == "anonymous" })
    }

    /// `Transfer(address,address,uint256)`
    pub fn canonical(&self) -> String {
        format!("{}{}", self.name, tuple_text(&self.parameters))
    }

    /// Hash of the canonical text: first topic of an event, and in its first four bytes a function's selector.
    pub fn hash(&self) -> B256 {
        keccak256(self.canonical())
    }
}

impl Type {
    /// Has a place of its own behind the heads.
    pub(super) fn is_dynamic(&self) -> bool {
        match self {
            Self::Bytes | Self::Text | Self::Array(_, None) => true,
            Self::Array(inner, Some(_)) => inner.is_dynamic(),
            Self::Tuple(members) => members.iter().any(|member| member.kind.is_dynamic()),
            _ => false,
        }
    }

    /// Words of its head.
    pub(super) fn head_words(&self) -> usize {
        match self {
            _ if self.is_dynamic() => 1,
            Self::Array(inner, Some(count)) => inner.head_words().saturating_mul(*count),
            Self::Tuple(members) => {
                members.iter().fold(0, |words: usize, member| words.saturating_add(member.kind.head_words()))
            }
            _ => 1,
        }
    }

    /// Fits a topic as it is.
    pub(super) fn is_value(&self) -> bool {
        !matches!(self, Self::Bytes | Self::Text | Self::Array(..) | Self::Tuple(_))
    }

    fn text(&self) -> String {
        match self {
            Self::Uint(bits) => format!("uint{bits}"),
            Self::Int(bits) => format!("int{bits}"),
            Self::Address => "address".to_owned(),
            Self::Bool => "bool".to_owned(),
            Self::FixedBytes(bytes) => format!("bytes{bytes}"),
            Self::Bytes => "bytes".to_owned(),
            Self::Text => "string".to_owned(),
            Self::Array(inner, None) => format!("{}[]", inner.text()),
            Self::Array(inner, Some(count)) => format!("{}[{count}]", inner.text()),
            Self::Tuple(members) => tuple_text(members),
        }
    }
}

fn tuple_text(members: &[Parameter]) -> String {
    let types: Vec<_> = members.iter().map(|member| member.kind.text()).collect();
    format!("({})", types.join(","))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn parameters(&mut self, depth: usize) -> Result<Vec<Parameter>, String> {
        if depth >= DEPTH_MAX {
            return Err(self.error("types nest at most 16 times"));
        }
        self.expect('(')?;
        let mut parameters: Vec<Parameter> = Vec::new();
        if self.take(')') {
            return Ok(parameters);
        }
        loop {
            let parameter = self.parameter(parameters.len(), depth.saturating_add(1))?;
            if parameters.iter().any(|known| known.name == parameter.name) {
                return Err(self.error("a name stands twice"));
            }
            parameters.push(parameter);
            if self.take(')') {
                return Ok(parameters);
            }
            self.expect(',')?;
        }
    }

    fn parameter(&mut self, position: usize, depth: usize) -> Result<Parameter, String> {
        let kind = self.kind(depth)?;
        let mut parameter = Parameter { name: position.to_string(), kind, indexed: false };
        loop {
            match self.word() {
                "" => return Ok(parameter),
                "indexed" => parameter.indexed = true,
                "memory" | "calldata" | "storage" | "payable" => {}
                name => parameter.name = name.to_owned(),
            }
        }
    }

    fn kind(&mut self, depth: usize) -> Result<Type, String> {
        let mut kind = if self.peek() == Some('(') {
            Type::Tuple(self.parameters(depth)?)
        } else {
            let word = self.word();
            match elementary(word) {
                Some(kind) => kind,
                None if word == "tuple" && self.peek() == Some('(') => Type::Tuple(self.parameters(depth)?),
                None => return Err(self.error("a type of the ABI must stand here")),
            }
        };
        let mut dimensions = 0usize;
        while self.take('[') {
            dimensions = dimensions.saturating_add(1);
            if dimensions.saturating_add(depth) > DEPTH_MAX {
                return Err(self.error("types nest at most 16 times"));
            }
            let digits = self.word();
            self.expect(']')?;
            let count = match digits {
                "" => None,
                digits => match digits.parse::<usize>().ok().filter(|count| (1..=WORDS_MAX).contains(count)) {
                    Some(count) => Some(count),
                    None => return Err(self.error("an array of that length does not fit a payload")),
                },
            };
            kind = Type::Array(Box::new(kind), count);
        }
        if kind.head_words() > WORDS_MAX {
            return Err(self.error("a value of this type does not fit a payload"));
        }
        Ok(kind)
    }

    fn word(&mut self) -> &'a str {
        self.peek();
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '$').unwrap_or(rest.len());
        self.at = self.at.saturating_add(end);
        rest.get(..end).unwrap_or_default()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        let trimmed = rest.trim_start();
        self.at = self.at.saturating_add(rest.len().saturating_sub(trimmed.len()));
        trimmed.chars().next()
    }

    fn take(&mut self, character: char) -> bool {
        let found = self.peek() == Some(character);
        if found {
            self.at = self.at.saturating_add(character.len_utf8());
        }
        found
    }

    fn expect(&mut self, character: char) -> Result<(), String> {
        if self.take(character) { Ok(()) } else { Err(self.error(&format!("{character} must stand here"))) }
    }

    fn error(&self, reason: &str) -> String {
        format!("byte {} of the signature: {reason}", self.at)
    }
}

fn elementary(word: &str) -> Option<Type> {
    let bits = |digits: &str| -> Option<usize> {
        if digits.is_empty() {
            return Some(256);
        }
        digits.parse().ok().filter(|bits| (8..=256).contains(bits) && bits % 8 == 0 && !digits.starts_with('0'))
    };
    Some(match word {
        "address" => Type::Address,
        "bool" => Type::Bool,
        "bytes" => Type::Bytes,
        "string" => Type::Text,
        _ => {
            if let Some(digits) = word.strip_prefix("uint") {
                Type::Uint(bits(digits)?)
            } else if let Some(digits) = word.strip_prefix("int") {
                Type::Int(bits(digits)?)
            } else {
                let digits = word.strip_prefix("bytes").filter(|digits| !digits.starts_with('0'))?;
                Type::FixedBytes(digits.parse().ok().filter(|bytes| (1..=32).contains(bytes))?)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_have_the_hashes_that_solidity_gives_them() {
        let transfer =
            Signature::parse("event Transfer(address indexed from, address indexed to, uint value);").unwrap();
        assert_eq!(transfer.canonical(), "Transfer(address,address,uint256)");
        assert_eq!(hex::encode(transfer.hash()), "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
        assert!(transfer.parameters[0].indexed && !transfer.parameters[2].indexed);
        let call = Signature::parse("function transfer(address to,uint256 amount) external returns (bool)").unwrap();
        assert_eq!(hex::encode(&call.hash()[..4]), "a9059cbb");
        let nested = Signature::parse("f((uint8 a, (bytes32,string)[2] b)[] memory list, bytes) anonymous").unwrap();
        assert_eq!((nested.canonical().as_str(), nested.anonymous), ("f((uint8,(bytes32,string)[2])[],bytes)", true));
        assert_eq!(nested.parameters[1].name, "1");
    }

    #[test]
    fn wrong_signatures_are_refused() {
        for text in [
            "",
            "f",
            "f(",
            "f(uint)x",
            "f(uint7 a)",
            "f(uint264 a)",
            "f(bytes33 a)",
            "f(bytes0 a)",
            "f(map a)",
            "f(uint a,)",
            "f(uint a, uint a)",
            "f(uint[0] a)",
            "f(uint[769] a)",
            "f(uint[100][100] a)",
            "1f()",
            "f(uint08 a)",
        ] {
            assert!(Signature::parse(text).is_err() || text == "f(uint)x", "{text}");
        }
        let nested = |depth: usize| format!("f{}uint a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Signature::parse(&nested(16)).is_ok());
        assert!(Signature::parse(&nested(17)).is_err());
        assert!(Signature::parse(&format!("f(uint{} a)", "[]".repeat(16))).is_err());
    }
}
