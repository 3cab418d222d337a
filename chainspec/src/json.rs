//! JSON values that know their path, and the ways geth writes numbers, hashes and bytes.
//!
//! Values stay raw text until a field asks for its type. So a number keeps all its digits (mainnet's
//! terminal total difficulty does not fit a float), every error can name the path, and a field that
//! appears twice is found.
use crate::error::Refusal;
use alloy_primitives::{Address, B256, Bytes, U256};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt};

/// A JSON value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Value<'a> {
    path: String,
    raw: &'a RawValue,
}

impl<'a> Value<'a> {
    /// The document itself, checked to be well-formed JSON.
    pub(crate) fn document(json: &'a [u8]) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(json).map_err(|error| {
            Refusal::new("JSON", format!("not UTF-8 text after byte {}; save it as UTF-8", error.valid_up_to()))
        })?;
        let raw = serde_json::from_str(text)
            .map_err(|error| Refusal::new("JSON", format!("{error}; the file must be one JSON object")))?;
        Ok(Self { path: String::new(), raw })
    }

    /// A value that stands elsewhere, at a path of its own.
    pub(crate) fn at(path: String, raw: &'a RawValue) -> Self {
        Self { path, raw }
    }

    /// JSON path, e.g. `config.pervade.validators[2].publicKey`; the document is `JSON`.
    pub(crate) fn path(&self) -> &str {
        if self.path.is_empty() { "JSON" } else { &self.path }
    }

    /// The value's text as it stands in the file.
    pub(crate) fn text(&self) -> &'a str {
        self.raw.get()
    }

    pub(crate) fn is_null(&self) -> bool {
        self.text() == "null"
    }

    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal::new(self.path(), reason)
    }

    fn expected(&self, what: &str) -> Refusal {
        let text = self.text();
        let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        let more = if shown.len() < text.len() { "..." } else { "" };
        self.refuse(format!("expected {what}, found {shown}{more}"))
    }

    pub(crate) fn object(&self) -> Result<Object<'a>, Refusal> {
        if !self.text().starts_with('{') {
            return Err(self.expected("an object"));
        }
        let entries = read(self.raw, Entries).map_err(|error| self.refuse(error.to_string()))?;
        let mut fields = BTreeMap::new();
        for (key, raw) in entries {
            let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
            let value = Self { path, raw };
            if let Some(first) = fields.insert(key, value) {
                return Err(first.refuse("the field appears twice; keep one"));
            }
        }
        Ok(Object { path: self.path.clone(), fields })
    }

    pub(crate) fn array(&self) -> Result<Vec<Self>, Refusal> {
        if !self.text().starts_with('[') {
            return Err(self.expected("an array"));
        }
        let items = read(self.raw, Items).map_err(|error| self.refuse(error.to_string()))?;
        Ok(items
            .into_iter()
            .enumerate()
            .map(|(index, raw)| Self { path: format!("{}[{index}]", self.path), raw })
            .collect())
    }

    pub(crate) fn bool(&self) -> Result<bool, Refusal> {
        match self.text() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    pub(crate) fn string(&self) -> Result<String, Refusal> {
        serde_json::from_str(self.text()).map_err(|_| self.expected("a string"))
    }

    /// A whole number: JSON digits, or a string of decimal or `0x` hexadecimal digits.
    pub(crate) fn u256(&self) -> Result<U256, Refusal> {
        const WHAT: &str = "a whole number (digits, or a string in decimal or 0x hexadecimal)";
        let string;
        let text = if self.text().starts_with('"') {
            string = self.string()?;
            string.as_str()
        } else {
            self.text()
        };
        let (digits, radix) = match strip_prefix(text) {
            Some(hex) => (hex, 16),
            None => (text, 10),
        };
        if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
            return Err(self.expected(WHAT));
        }
        U256::from_str_radix(digits, u64::from(radix)).map_err(|_| self.refuse("the number exceeds 256 bits"))
    }

    pub(crate) fn u64(&self) -> Result<u64, Refusal> {
        u64::try_from(self.u256()?)
            .map_err(|_| self.refuse(format!("the number exceeds {} (64 bits): {}", u64::MAX, self.text())))
    }

    /// Hexadecimal bytes, with or without `0x`.
    pub(crate) fn bytes(&self) -> Result<Bytes, Refusal> {
        let string = self.hex_string()?;
        let digits = strip_prefix(&string).unwrap_or(&string);
        if digits.len() % 2 == 1 {
            return Err(self.refuse(format!("an odd number of hex digits ({}); two make a byte", digits.len())));
        }
        alloy_primitives::hex::decode(digits).map(Bytes::from).map_err(|_| self.expected("hexadecimal bytes"))
    }

    /// A 32-byte hash: 64 hex digits, with or without `0x`.
    pub(crate) fn b256(&self) -> Result<B256, Refusal> {
        let bytes = self.bytes()?;
        B256::try_from(bytes.as_ref())
            .map_err(|_| self.refuse(format!("{} bytes; 32 are needed (64 hex digits)", bytes.len())))
    }

    /// A 20-byte address: 40 hex digits, with or without `0x`.
    pub(crate) fn address(&self) -> Result<Address, Refusal> {
        let string = self.hex_string()?;
        address(&string).map_err(|reason| self.refuse(reason))
    }

    /// A storage slot's value: up to 64 hex digits, padded on the left.
    pub(crate) fn word(&self) -> Result<B256, Refusal> {
        let string = self.hex_string()?;
        word(&string).map_err(|reason| self.refuse(reason))
    }

    fn hex_string(&self) -> Result<String, Refusal> {
        if !self.text().starts_with('"') {
            return Err(self.expected("a string of hexadecimal digits"));
        }
        self.string()
    }
}

/// Characters of a refused value that an error repeats.
const SHOWN_CHARS_MAX: usize = 80;

/// An object's fields. Fields that nobody took are found by [`Object::refuse_rest`].
#[derive(Debug)]
pub(crate) struct Object<'a> {
    path: String,
    fields: BTreeMap<String, Value<'a>>,
}

impl<'a> Object<'a> {
    /// Takes a field; `null` counts as absent, as geth writes it.
    pub(crate) fn take(&mut self, key: &str) -> Option<Value<'a>> {
        self.fields.remove(key).filter(|value| !value.is_null())
    }

    pub(crate) fn required(&mut self, key: &str) -> Result<Value<'a>, Refusal> {
        self.take(key).ok_or_else(|| Refusal::new(self.path_of(key), "required, but missing"))
    }

    /// Takes a field and reads it.
    pub(crate) fn read<T>(
        &mut self,
        key: &str,
        reader: impl FnOnce(&Value<'a>) -> Result<T, Refusal>,
    ) -> Result<Option<T>, Refusal> {
        self.take(key).map(|value| reader(&value)).transpose()
    }

    pub(crate) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Fields not yet taken, by name.
    pub(crate) fn rest(&self) -> impl Iterator<Item = (&str, &Value<'a>)> {
        self.fields.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Refuses fields that nobody took; `known` is listed in the error.
    pub(crate) fn refuse_rest(&self, known: &[&str]) -> Result<(), Refusal> {
        match self.fields.values().next() {
            Some(value) => Err(value.refuse(format!("unknown field; known are {}", known.join(", ")))),
            None => Ok(()),
        }
    }
}

/// Reads an address of 40 hex digits, with or without `0x`.
pub(crate) fn address(text: &str) -> Result<Address, String> {
    let digits = strip_prefix(text).unwrap_or(text);
    let bytes = alloy_primitives::hex::decode(digits).map_err(|_| "not an address: 40 hex digits are needed")?;
    Address::try_from(bytes.as_slice())
        .map_err(|_| format!("not an address: {} hex digits instead of 40", digits.len()))
}

/// Reads a storage key or value: up to 64 hex digits, with or without `0x`, padded on the left.
pub(crate) fn word(text: &str) -> Result<B256, String> {
    let digits = strip_prefix(text).unwrap_or(text);
    if digits.len() > 64 {
        return Err(format!("{} hex digits; a storage key or value has at most 64", digits.len()));
    }
    let bytes = alloy_primitives::hex::decode(format!("{digits:0>64}"))
        .map_err(|_| "not a storage key or value: hexadecimal digits are needed")?;
    B256::try_from(bytes.as_slice()).map_err(|error| error.to_string())
}

fn strip_prefix(text: &str) -> Option<&str> {
    text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))
}

fn read<'a, S: DeserializeSeed<'a>>(raw: &'a RawValue, seed: S) -> Result<S::Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    seed.deserialize(&mut deserializer)
}

/// Reads an object's entries in order, duplicates included.
struct Entries;

impl<'a> DeserializeSeed<'a> for Entries {
    type Value = Vec<(String, &'a RawValue)>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'a> Visitor<'a> for Entries {
    type Value = Vec<(String, &'a RawValue)>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }
    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(entries)
    }
}

/// Reads an array's items.
struct Items;

impl<'a> DeserializeSeed<'a> for Items {
    type Value = Vec<&'a RawValue>;
    fn deserialize<D: Deserializer<'a>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'a> Visitor<'a> for Items {
    type Value = Vec<&'a RawValue>;
    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an array")
    }
    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(items)
    }
}
