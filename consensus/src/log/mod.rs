//! The write-ahead log: what agreement at the current height was told, in order, so that a restarted node knows again what
//! it knew when it signed.
mod entry;
mod file;

pub(crate) use entry::{JudgedBlock, LogEntry, wait_step};
pub use file::{LOG_FILE, LOG_RECORD_BYTES_MAX, LogFile, RecoveredLog};
