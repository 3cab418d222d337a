//! Members of a JSON document, with errors that say where.
use crate::{
    error::Error,
    json::Value,
    number::{Decimal, Rational},
};
use std::collections::BTreeMap;

/// An object of the document at a JSON pointer.
#[derive(Clone, Copy)]
pub(crate) struct Members<'a> {
    at: &'a str,
    members: &'a BTreeMap<String, Value>,
}

impl<'a> Members<'a> {
    /// # Errors
    /// [`Error::InvalidMapping`] if the value is no object, or has other members than `known`.
    pub(crate) fn new(value: &'a Value, at: &'a str, known: &[&str]) -> Result<Self, Error> {
        let members = value.as_object().ok_or_else(|| Error::mapping(at, "must be an object"))?;
        if let Some(name) = members.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Error::mapping(format!("{at}/{name}"), format!("unknown; known are {}", known.join(", "))));
        }
        Ok(Self { at, members })
    }

    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.at)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        self.members.get(name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, Error> {
        self.typed(name, "must be text", Value::as_text)
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, Error> {
        Ok(self.typed(name, "must be true or false", Value::as_bool)?.unwrap_or(false))
    }

    pub(crate) fn array(&self, name: &str) -> Result<Option<&'a [Value]>, Error> {
        self.typed(name, "must be an array", Value::as_array)
    }

    /// A whole number from 0 to `max`.
    pub(crate) fn count(&self, name: &str, max: usize) -> Result<Option<usize>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.as_number().and_then(Decimal::to_integer).and_then(|number| usize::try_from(number).ok());
        match number.filter(|number| *number <= max) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(name, format!("must be a whole number up to {max}"))),
        }
    }

    /// A number, or text of one, or of two with `/` between them.
    pub(crate) fn rational(&self, name: &str) -> Result<Option<Rational>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = match value {
            Value::Number(number) => Ok(number.to_rational()),
            Value::Text(text) => Rational::parse(text),
            _ => Err(Error::NoValue),
        };
        let number = number.map_err(|_| self.wrong(name, "must be a number, or text such as \"1/3\""))?;
        Ok(Some(number.reduced()))
    }

    pub(crate) fn wrong(&self, name: &str, reason: impl Into<String>) -> Error {
        Error::mapping(self.at(name), reason)
    }

    fn typed<T>(&self, name: &str, reason: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<Option<T>, Error> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.wrong(name, reason)),
        }
    }
}
