//! Selectors: where in a payload a value is.
use super::document::Members;
use crate::{
    binary::{Field, Layout, Scopes, compile_field},
    error::Error,
    json::Value,
    jsonpath::Path,
    limits::RULES_MAX,
    mapping::Format,
    reading::Reading,
    senml::{Measurement, Record},
};

/// The place of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// In a tree: JSON, CBOR, EPCIS, ABI.
    Tree(Path),
    /// A field of a binary layout.
    Field(String),
    /// Records of SenML.
    Record(RecordSelector),
}

/// SenML records by name, or by its end, or by unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RecordSelector {
    pub(crate) name: Option<String>,
    pub(crate) suffix: Option<String>,
    pub(crate) unit: Option<String>,
}

impl RecordSelector {
    pub(crate) fn fits(&self, record: &Record) -> bool {
        self.name.as_ref().is_none_or(|name| *name == record.name)
            && self.suffix.as_ref().is_none_or(|suffix| record.name.ends_with(suffix))
            && (self.unit.is_none() || self.unit == record.unit)
    }
}

/// What rules are compiled against.
pub(crate) struct Context<'a> {
    pub(crate) format: Format,
    pub(crate) layout: Option<&'a Layout>,
    /// Names of parameters of an event or call; other formats do not know theirs.
    pub(crate) parameters: Option<Vec<String>>,
    /// Names of fields that a binary layout can read.
    pub(crate) fields: Vec<String>,
    /// Byte order of fields in rules.
    pub(crate) little: bool,
    /// Fields found in rules so far.
    pub(crate) inline: Vec<Field>,
    /// Selectors may begin with `@`.
    pub(crate) in_each: bool,
}

impl Context<'_> {
    /// Compiles the selector at `at`.
    pub(crate) fn selector(&mut self, value: &Value, at: &str) -> Result<Selector, Error> {
        match (self.format, value) {
            (Format::Binary, Value::Text(name)) => self.field_named(name, at),
            (Format::Binary, Value::Object(_)) => self.inline_field(value, at),
            (Format::Binary, _) => Err(Error::mapping(at, "must be the name of a field, or a field")),
            (Format::SenmlJson | Format::SenmlCbor, _) => record(value, at).map(Selector::Record),
            (_, Value::Text(text)) => self.path(text, at).map(Selector::Tree),
            _ => Err(Error::mapping(at, "must be a query of RFC 9535, such as \"$.data.temperature\"")),
        }
    }

    /// A name in an expression, without a selector of its own.
    pub(crate) fn named(&mut self, name: &str, at: &str) -> Result<Selector, Error> {
        match self.format {
            Format::SenmlJson | Format::SenmlCbor => {
                Err(Error::mapping(at, format!("\"with\" must say which record {name} is")))
            }
            Format::Binary => self.selector(&Value::Text(name.to_owned()), at),
            _ if self.in_each => self.path(&format!("@.{name}"), at).map(Selector::Tree),
            _ => self.path(&format!("$.{name}"), at).map(Selector::Tree),
        }
    }

    /// A singular query; of events and calls also the name of a parameter.
    pub(crate) fn path(&self, text: &str, at: &str) -> Result<Path, Error> {
        let rooted = text.starts_with(['$', '@']);
        let abi = matches!(self.format, Format::AbiCall | Format::AbiEvent);
        let path = if rooted || !abi { Path::parse(text) } else { Path::parse(&format!("$.{text}")) };
        let path = path.map_err(|error| Error::mapping(at, error.to_string()))?;
        if path.relative && !self.in_each {
            return Err(Error::mapping(at, "@ stands for an element of \"each\", which the rule does not have"));
        }
        if let (Some(parameters), false, Some(crate::jsonpath::Step::Name(first))) =
            (&self.parameters, path.relative, path.steps.first())
            && !parameters.contains(first)
        {
            return Err(Error::mapping(
                at,
                format!("no parameter is named {first}; there are {}", parameters.join(", ")),
            ));
        }
        Ok(path)
    }

    fn field_named(&self, name: &str, at: &str) -> Result<Selector, Error> {
        if self.fields.iter().any(|known| known == name) {
            return Ok(Selector::Field(name.to_owned()));
        }
        Err(Error::mapping(at, format!("no field is named {name}; there are {}", self.fields.join(", "))))
    }

    fn inline_field(&mut self, value: &Value, at: &str) -> Result<Selector, Error> {
        let layout = self.layout.ok_or_else(|| Error::mapping(at, "a field without a layout"))?;
        let mut field = compile_field(value, at, layout, self.little)?;
        if self.inline.len() >= RULES_MAX {
            return Err(Error::limit("fields in rules", RULES_MAX));
        }
        let name = format!("@{}", self.inline.len());
        // Rules, not payloads, say which values must be there.
        field.optional = true;
        field.name = Some(name.clone());
        self.inline.push(field);
        Ok(Selector::Field(name))
    }
}

fn record(value: &Value, at: &str) -> Result<RecordSelector, Error> {
    if let Value::Text(text) = value {
        return Ok(match text.strip_prefix('*') {
            Some(suffix) => RecordSelector { suffix: Some(suffix.to_owned()), ..Default::default() },
            None => RecordSelector { name: Some(text.clone()), ..Default::default() },
        });
    }
    let members = Members::new(value, at, &["name", "suffix", "unit"])?;
    let text = |name: &str| members.text(name).map(|text| text.map(str::to_owned));
    Ok(RecordSelector { name: text("name")?, suffix: text("suffix")?, unit: text("unit")? })
}

/// What a payload holds, and where in it a rule is.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'a> {
    Tree { root: &'a Value, current: &'a Value },
    Binary(&'a Scopes),
    Senml { pack: &'a [Record], current: &'a Record },
}

impl<'a> Scope<'a> {
    /// The value at a selector. None if nothing, or nothing that is a value, is there.
    pub(crate) fn select(&self, selector: &Selector) -> Result<Option<Reading>, Error> {
        match (self, selector) {
            (Self::Tree { root, current }, Selector::Tree(path)) => match path.find(root, current) {
                Some(value) => Reading::from_value(value),
                None => Ok(None),
            },
            (Self::Binary(scopes), Selector::Field(name)) => Ok(scopes.get(name).cloned()),
            (Self::Senml { pack, current }, Selector::Record(selector)) => {
                let record = Some(*current).filter(|record| selector.fits(record));
                // Records of one time belong together: the longitude of a latitude.
                let together = |record: &&Record| selector.fits(record) && record.time_ms == current.time_ms;
                let record = record.or_else(|| pack.iter().find(together));
                let record = record.or_else(|| pack.iter().find(|record| selector.fits(record)));
                Ok(record.and_then(reading_of))
            }
            _ => Ok(None),
        }
    }

    /// The value in the tree at a path.
    pub(crate) fn tree(&self, path: &Path) -> Option<&'a Value> {
        if let Self::Tree { root, current } = self { path.find(root, current) } else { None }
    }
}

/// The value of a record, or else its sum.
pub(crate) fn reading_of(record: &Record) -> Option<Reading> {
    Some(match (&record.value, &record.sum) {
        (Some(Measurement::Number(number)), _) | (None, Some(number)) => Reading::Number(number.to_rational()),
        (Some(Measurement::Text(text)), _) => Reading::Text(text.clone()),
        (Some(Measurement::Bool(truth)), _) => Reading::Bool(*truth),
        (Some(Measurement::Data(bytes)), _) => Reading::Bytes(bytes.clone()),
        (None, None) => return None,
    })
}
