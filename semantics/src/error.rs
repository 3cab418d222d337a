//! What can be wrong: with a model, a mapping, a payload, or a number.
use alloy_primitives::B256;

/// Why something has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A model that breaks a rule.
    #[error("invalid model: {at}: {reason}")]
    InvalidModel {
        /// Where, as a JSON pointer or a field's name.
        at: String,
        /// What to change.
        reason: String,
    },
    /// A mapping document that breaks a rule.
    #[error("invalid mapping: {at}: {reason}")]
    InvalidMapping {
        /// Where: a JSON pointer into the document, or `byte N` if it is not JSON.
        at: String,
        /// What to change.
        reason: String,
    },
    /// A query outside RFC 9535, or one that is not allowed here.
    #[error("invalid query at byte {offset}: {reason}")]
    InvalidQuery {
        /// Byte of the query.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A payload that is not of its format.
    #[error("malformed payload at byte {offset}: {reason}")]
    MalformedPayload {
        /// Byte of the payload.
        offset: usize,
        /// What is wrong.
        reason: &'static str,
    },
    /// A unit that UCUM does not know, or that has no exact conversion.
    #[error("unit {unit:?}: {reason}")]
    InvalidUnit {
        /// The unit.
        unit: String,
        /// What is wrong.
        reason: String,
    },
    /// Units of different dimensions.
    #[error("{from:?} does not convert to {to:?}")]
    Incommensurable {
        /// Unit to convert from.
        from: String,
        /// Unit to convert to.
        to: String,
    },
    /// The result needs more digits than it may have.
    #[error("the result needs more digits than asked for")]
    Inexact,
    /// The value of a property is outside its range.
    #[error("value of property {property} is out of range")]
    OutOfRange {
        /// Keccak-256 of the property's IRI.
        property: B256,
    },
    /// A value that must be there is not.
    #[error("no value")]
    NoValue,
    /// One of [`limits`](crate::limits).
    #[error("{what} exceed the limit of {limit}")]
    LimitExceeded {
        /// What there is too much of.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// The [`Meter`](crate::Meter) refused to go on.
    #[error("out of work")]
    OutOfWork,
}

impl Error {
    pub(crate) fn payload(offset: usize, reason: &'static str) -> Self {
        Self::MalformedPayload { offset, reason }
    }

    pub(crate) fn mapping(at: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::InvalidMapping { at: at.into(), reason: reason.into() }
    }

    pub(crate) fn limit(what: &'static str, limit: usize) -> Self {
        Self::LimitExceeded { what, limit: u64::try_from(limit).unwrap_or(u64::MAX) }
    }
}
