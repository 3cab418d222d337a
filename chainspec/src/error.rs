//! Errors of reading a chain specification.

/// Why a genesis file is refused. Every variant names the file; field errors name the JSON path.
#[derive(Debug, thiserror::Error)]
pub enum ChainSpecError {
    /// The file cannot be read.
    #[error("cannot read {file}: {source}")]
    Read { file: String, source: std::io::Error },
    /// The file is not JSON, or a field has the wrong type.
    #[error("{file}: {field}: {reason}")]
    Field { file: String, field: String, reason: String },
}
