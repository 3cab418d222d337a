//! Errors of reading a chain specification.

/// Why a genesis file is refused. Every variant names the file; field errors name the JSON path.
#[derive(Debug, thiserror::Error)]
pub enum ChainSpecError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    Read {
        /// The genesis file.
        file: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is not JSON, or a field is missing, malformed, out of range or at odds with another field.
    #[error("{file}: {field}: {reason}")]
    Field {
        /// The genesis file, or another name of the JSON's origin.
        file: String,
        /// JSON path of the field, e.g. `config.pervade.validators[2].publicKey`.
        field: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

/// A field that is refused, before the file's name is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) field: String,
    pub(crate) reason: String,
}

impl Refusal {
    pub(crate) fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn in_file(self, file: &str) -> ChainSpecError {
        ChainSpecError::Field { file: file.to_owned(), field: self.field, reason: self.reason }
    }
}
