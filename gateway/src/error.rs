//! What can go wrong between a request on the chain and a thing.
use std::path::PathBuf;

/// Why a thing gave no result: the codes of the protocol that the chain and contracts see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum FailureCode {
    /// No answer within the attempt's time.
    Timeout = 1,
    /// No connection, or no name.
    Unreachable = 2,
    /// The thing, or what stands before it, said no.
    RefusedByThing = 3,
    /// Description, input or answer is not what it should be.
    Malformed = 4,
    /// The answer is larger than allowed.
    TooLarge = 5,
    /// This gateway's operator does not allow it.
    NotAllowed = 7,
    /// No form that this gateway speaks.
    UnsupportedForm = 9,
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (code {})", *code as u16)]
pub struct Failure {
    /// What the chain is told.
    pub code: FailureCode,
    /// What the operator is told. Holds no secret.
    pub reason: String,
    /// Whether trying again may help.
    pub transient: bool,
}

impl Failure {
    pub(crate) fn new(code: FailureCode, reason: impl Into<String>) -> Self {
        let transient = matches!(code, FailureCode::Timeout | FailureCode::Unreachable);
        Self { code, reason: reason.into(), transient }
    }

    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::new(FailureCode::Malformed, reason)
    }

    pub(crate) fn not_allowed(reason: impl Into<String>) -> Self {
        Self::new(FailureCode::NotAllowed, reason)
    }

    pub(crate) fn unsupported(reason: impl Into<String>) -> Self {
        Self::new(FailureCode::UnsupportedForm, reason)
    }

    pub(crate) fn unreachable(reason: impl Into<String>) -> Self {
        Self::new(FailureCode::Unreachable, reason)
    }

    pub(crate) fn timeout() -> Self {
        Self::new(FailureCode::Timeout, "no answer in time")
    }

    pub(crate) fn refused(reason: impl Into<String>) -> Self {
        Self::new(FailureCode::RefusedByThing, reason)
    }

    pub(crate) fn too_large() -> Self {
        Self::too_large_for(crate::limits::ANSWER_BYTES_MAX)
    }

    pub(crate) fn too_large_for(bytes_max: usize) -> Self {
        Self::new(FailureCode::TooLarge, format!("what came has more than {bytes_max} bytes"))
    }
}

/// The gateway's configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GatewayError {
    /// A file cannot be read.
    #[error("{field}{}: {error}", file.display())]
    File {
        /// The field that names it, with a colon: `credential[0].secret: `; empty for the configuration itself.
        field: String,
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        error: std::io::Error,
    },
    /// The configuration is not TOML, or has a field that is wrong or unknown.
    #[error("{}: {problem}", file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// Line, column and field.
        problem: String,
    },
    /// A node does not answer as it should.
    #[error("{method}: {reason}")]
    Node {
        /// What was asked.
        method: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A node answers with an error.
    #[error("{method}: {message} ({code})")]
    Refused {
        /// What was asked.
        method: &'static str,
        /// The error's code.
        code: i64,
        /// Its message.
        message: String,
    },
    /// A field has a value that cannot be used.
    #[error("{field}: {value}: {problem}")]
    Field {
        /// The field, with its place: `allow[2].path`.
        field: String,
        /// Its value; never a secret.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// The innermost cause, which says most.
pub(crate) fn innermost(error: &dyn std::error::Error) -> &dyn std::error::Error {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}
