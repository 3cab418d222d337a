//! The write-ahead log: what agreement at the current height was told, in order, so that a restarted node knows again what
//! it knew when it signed.
mod file;

pub use file::{LOG_FILE, LOG_RECORD_BYTES_MAX, LogFile, RecoveredLog};
