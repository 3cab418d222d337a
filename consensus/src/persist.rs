//! What must be on disk before something leaves.
use crate::record::SigningState;
use bytes::Bytes;

/// Records for the log and, if a signature is about to leave, the new state of the signing record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Persist {
    /// Height that the log is for. A log of another height is emptied first.
    pub height: u64,
    /// Records to append, in order; each is the payload of one record of [`crate::log`].
    pub records: Vec<Bytes>,
    /// The new signing state. With it, log and record are synced; without it, appending is enough.
    pub signed: Option<SigningState>,
}
