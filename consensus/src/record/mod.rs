//! What this validator signed last: the one thing that must never be forgotten.
//!
//! The record is a file of its own, apart from the log. It only moves forward; the same request again gives the same
//! bytes; any other second signature at the same height, round and step is refused, whatever became of the log.
mod file;
mod guard;
mod state;

pub use file::{RECORD_FILE, RecordFile, SLOT_BYTES, SLOT_SPACING};
pub use guard::SigningGuard;
pub use state::{BlockAtRound, SignedStep, SigningState};
