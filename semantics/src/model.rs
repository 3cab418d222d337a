//! Models: which properties there are, in which unit, at which scale, in which range.
use crate::{
    error::Error,
    json::{self, Value},
    limits::{DOCUMENT_DEPTH_MAX, IRI_BYTES_MAX, PROGRAM_BYTES_MAX, PROPERTIES_MAX},
    number::Decimal,
    ucum::Unit,
};
use alloy_primitives::{B256, I256, keccak256};
use num_bigint::{BigInt, Sign};

/// What kind of value a property has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueKind {
    /// A number at the property's scale.
    Number,
    /// Text.
    Text,
    /// Truth: 0 or 1.
    Bool,
    /// Bytes.
    Bytes,
    /// Latitude and longitude, WGS 84, in units of 1e-7 degree.
    Position,
}

impl ValueKind {
    /// All kinds, by their numbers in the interface.
    pub const ALL: [Self; 5] = [Self::Number, Self::Text, Self::Bool, Self::Bytes, Self::Position];

    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Number => "Number",
            Self::Text => "Text",
            Self::Bool => "Bool",
            Self::Bytes => "Bytes",
            Self::Position => "Position",
        }
    }
}

/// One property of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Property {
    /// Keccak-256 of the IRI.
    pub id: B256,
    /// A term of a public vocabulary.
    pub iri: String,
    /// What kind of value it has.
    pub kind: ValueKind,
    /// UCUM; empty for none.
    pub unit: String,
    /// Canonical numbers are multiples of `10^exponent`.
    pub exponent: i8,
    /// Least canonical number.
    pub minimum: I256,
    /// Largest canonical number.
    pub maximum: I256,
}

/// A vocabulary that devices' payloads are brought into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    iri: String,
    properties: Vec<Property>,
}

impl Model {
    /// A model with these properties.
    ///
    /// # Errors
    /// [`Error::InvalidModel`] for IRIs that are empty, too long or twice there, ids that are not their hashes, units that
    /// UCUM does not know, units of what is no number, and empty ranges; [`Error::LimitExceeded`].
    pub fn new(iri: String, properties: Vec<Property>) -> Result<Self, Error> {
        check_iri(&iri, "iri")?;
        if properties.is_empty() {
            return Err(invalid("properties", "a model has properties"));
        }
        if properties.len() > PROPERTIES_MAX {
            return Err(Error::limit("properties of a model", PROPERTIES_MAX));
        }
        for (position, property) in properties.iter().enumerate() {
            let at = format!("properties/{position}");
            check_iri(&property.iri, &format!("{at}/iri"))?;
            if property.id != keccak256(&property.iri) {
                return Err(invalid(format!("{at}/property"), "must be keccak256 of the IRI"));
            }
            if properties.iter().take(position).any(|known| known.id == property.id) {
                return Err(invalid(format!("{at}/iri"), "stands twice in the model"));
            }
            Unit::parse(&property.unit).map_err(|error| invalid(format!("{at}/unit"), error.to_string()))?;
            let measured = matches!(property.kind, ValueKind::Number | ValueKind::Position);
            if !measured && !property.unit.is_empty() {
                return Err(invalid(format!("{at}/unit"), "only numbers have units"));
            }
            if property.minimum > property.maximum {
                return Err(invalid(format!("{at}/minimum"), "is above the maximum"));
            }
        }
        Ok(Self { iri, properties })
    }

    /// A model that [`Self::new`] has accepted before, from where it was kept.
    pub fn checked_before(iri: String, properties: Vec<Property>) -> Self {
        Self { iri, properties }
    }

    /// Reads a model from a JSON document: `{"iri", "properties": [{"iri", "kind", "unit", "exponent", "minimum", "maximum"}]}`.
    /// `minimum` and `maximum` are in the property's unit; without them, every number is in range.
    ///
    /// # Errors
    /// As [`Self::new`], with the place in the document.
    pub fn parse(document: &[u8]) -> Result<Self, Error> {
        if document.len() > PROGRAM_BYTES_MAX {
            return Err(Error::limit("bytes of a model", PROGRAM_BYTES_MAX));
        }
        let document =
            json::parse(document, DOCUMENT_DEPTH_MAX).map_err(|error| invalid("document", error.to_string()))?;
        known(&document, "document", &["iri", "description", "properties"])?;
        let list = document.get("properties").and_then(Value::as_array);
        let list = list.ok_or_else(|| invalid("properties", "must be an array"))?;
        let properties =
            list.iter().enumerate().map(|(position, value)| property(value, &format!("properties/{position}")));
        Self::new(text(&document, "iri")?.to_owned(), properties.collect::<Result<_, _>>()?)
    }

    /// Its IRI.
    pub fn iri(&self) -> &str {
        &self.iri
    }

    /// Its properties, in order.
    pub fn properties(&self) -> &[Property] {
        &self.properties
    }

    /// Position of a property by its IRI.
    pub(crate) fn position(&self, iri: &str) -> Option<usize> {
        self.properties.iter().position(|property| property.iri == iri)
    }
}

fn property(value: &Value, at: &str) -> Result<Property, Error> {
    known(value, at, &["iri", "description", "kind", "unit", "exponent", "minimum", "maximum"])?;
    let iri = text(value, "iri").map_err(|_| invalid(format!("{at}/iri"), "must be text"))?;
    let kind = value.get("kind").and_then(Value::as_text).unwrap_or("Number");
    let kind = ValueKind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = kind.ok_or_else(|| invalid(format!("{at}/kind"), "must be Number, Text, Bool, Bytes or Position"))?;
    let exponent = match value.get("exponent") {
        None => Some(0),
        Some(value) => value.as_number().and_then(Decimal::to_integer).and_then(|number| i8::try_from(number).ok()),
    };
    let exponent =
        exponent.ok_or_else(|| invalid(format!("{at}/exponent"), "must be a whole number from -128 to 127"))?;
    let bound = |name: &str, default: I256| {
        let wrong = || invalid(format!("{at}/{name}"), "must be a number with no more digits than the exponent allows");
        match value.get(name) {
            None => Ok(default),
            Some(value) => {
                let number = value.as_number().ok_or_else(wrong)?.to_rational();
                let scaled =
                    number.to_scaled(i32::from(exponent), crate::number::Rounding::Exact).map_err(|_| wrong())?;
                to_i256(&scaled).ok_or_else(wrong)
            }
        }
    };
    Ok(Property {
        id: keccak256(iri),
        iri: iri.to_owned(),
        kind,
        unit: value.get("unit").map_or(Some(""), Value::as_text).unwrap_or("?").to_owned(),
        exponent,
        minimum: bound("minimum", I256::MIN)?,
        maximum: bound("maximum", I256::MAX)?,
    })
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, Error> {
    value.get(name).and_then(Value::as_text).ok_or_else(|| invalid(name, "must be text"))
}

fn known(value: &Value, at: &str, names: &[&str]) -> Result<(), Error> {
    let members = value.as_object().ok_or_else(|| invalid(at, "must be an object"))?;
    match members.keys().find(|name| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(invalid(format!("{at}/{name}"), format!("unknown; known are {}", names.join(", ")))),
    }
}

fn check_iri(iri: &str, at: &str) -> Result<(), Error> {
    let has_scheme = iri
        .split_once(':')
        .is_some_and(|(scheme, rest)| scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && !rest.is_empty());
    if !has_scheme || iri.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid(at, "must be an absolute IRI"));
    }
    if iri.len() > IRI_BYTES_MAX {
        return Err(Error::limit("bytes of an IRI", IRI_BYTES_MAX));
    }
    Ok(())
}

fn invalid(at: impl Into<String>, reason: impl Into<String>) -> Error {
    Error::InvalidModel { at: at.into(), reason: reason.into() }
}

/// An integer as the EVM has it, if it fits.
pub fn to_i256(number: &BigInt) -> Option<I256> {
    let bytes = number.to_signed_bytes_be();
    let fill = if number.sign() == Sign::Minus { 0xff } else { 0 };
    let mut word = [fill; 32];
    word.get_mut(32usize.checked_sub(bytes.len())?..)?.copy_from_slice(&bytes);
    Some(I256::from_be_bytes(word))
}

/// An integer of the EVM.
pub fn from_i256(number: I256) -> BigInt {
    BigInt::from_signed_bytes_be(&number.to_be_bytes::<32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_read_with_bounds_at_its_scale() {
        let text = br#"{"iri":"urn:m","properties":[{"iri":"urn:t","unit":"Cel","exponent":-2,"minimum":-40,"maximum":85.5}]}"#;
        let model = Model::parse(text).unwrap();
        let property = &model.properties()[0];
        assert_eq!(
            (property.minimum, property.maximum),
            (I256::try_from(-4_000).unwrap(), I256::try_from(8_550).unwrap())
        );
    }

    #[test]
    fn mistakes_in_models_are_pointed_at() {
        for (property, at) in [
            (r#"{"iri":"t"}"#, "properties/0/iri"),
            (r#"{"iri":"urn:t","unit":"Celsius"}"#, "properties/0/unit"),
            (r#"{"iri":"urn:t","kind":"Text","unit":"m"}"#, "properties/0/unit"),
            (r#"{"iri":"urn:t","kind":"Float"}"#, "properties/0/kind"),
            (r#"{"iri":"urn:t","exponent":200}"#, "properties/0/exponent"),
            (r#"{"iri":"urn:t","minimum":0.5}"#, "properties/0/minimum"),
            (r#"{"iri":"urn:t","minimum":5,"maximum":4}"#, "properties/0/minimum"),
            (r#"{"iri":"urn:t","scale":1}"#, "properties/0/scale"),
            (r#"{"iri":"urn:t"},{"iri":"urn:t"}"#, "properties/1/iri"),
        ] {
            let text = format!(r#"{{"iri":"urn:m","properties":[{property}]}}"#);
            match Model::parse(text.as_bytes()) {
                Err(Error::InvalidModel { at: place, .. }) => assert_eq!(place, at, "{property}"),
                other => panic!("{property}: {other:?}"),
            }
        }
    }

    #[test]
    fn properties_are_bounded_at_their_limit() {
        let model = |count: usize| {
            let list: Vec<_> = (0..count).map(|position| format!(r#"{{"iri":"urn:{position}"}}"#)).collect();
            Model::parse(format!(r#"{{"iri":"urn:m","properties":[{}]}}"#, list.join(",")).as_bytes())
        };
        assert!(model(PROPERTIES_MAX).is_ok());
        assert!(matches!(model(PROPERTIES_MAX + 1), Err(Error::LimitExceeded { .. })));
    }
}
