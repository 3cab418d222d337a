//! The file of the log.
//!
//! One file, emptied when a height starts. Eight bytes, then records until the end; integers big-endian:
//!
//! ```text
//! offset  bytes  content
//! 0       8      "PVCLOG01"
//! 8       ...    records, each:
//!                  +0       4   n, bytes of the payload
//!                  +4       8   height
//!                  +12      4   number of the record at this height, from 0
//!                  +16      n   payload: see the entries of the log
//!                  +16+n    16  first half of keccak256 of the checksum before (of the first record: the file's
//!                              first 8 bytes) and the record so far
//! ```
//!
//! Checksums are chained, so that what a lost truncation left behind is never taken for a continuation. Reading ends at the
//! first record that is not intact, not of the first one's height, or out of number: the rest was not synced, so nobody was told anything that stands on it. That is a torn tail, and the next append cuts it off. How many
//! records signatures do stand on is in the signing record; if fewer are intact, the log is *damaged*, and the node signs
//! nothing at that height. So a torn write is never taken for damage, nor damage for a torn write.
use crate::{
    error::ConsensusError,
    files::{FileStore, file_error},
};
use alloy_primitives::Keccak256;
use bytes::Bytes;
use pervade_chainspec::params;

/// Name of the file.
pub const LOG_FILE: &str = "log";
/// Largest payload of a record, bytes: a block with its hash, and a little.
pub const LOG_RECORD_BYTES_MAX: usize = params::BLOCK_BODY_BYTES_MAX + 1024;

const MAGIC: &[u8; 8] = b"PVCLOG01";
const HEAD_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 16;

/// What a log held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecoveredLog {
    /// Height of the records; 0 if there are none.
    pub height: u64,
    /// Payloads of the intact records.
    pub records: Vec<Bytes>,
    /// Bytes after them that are not intact records.
    pub torn_bytes: u64,
    /// Records are missing that signatures stand on.
    pub damaged: bool,
}

impl RecoveredLog {
    /// Marks the log as damaged unless it has this many records of this height.
    pub(crate) fn require(&mut self, height: u64, records: u32) {
        let intact = if self.height == height { self.records.len() } else { 0 };
        self.damaged = (records as usize) > intact;
    }
}

/// The open log.
#[derive(Debug, Clone)]
pub struct LogFile {
    height: u64,
    records: u32,
    bytes: u64,
    /// Checksum of the last record, or the magic.
    chain: Vec<u8>,
    /// There are bytes after `bytes`, or records of another height.
    is_dirty: bool,
}

impl LogFile {
    /// Reads the log, whatever state it is in.
    ///
    /// # Errors
    /// [`ConsensusError::File`].
    pub fn open(store: &mut dyn FileStore) -> Result<(Self, RecoveredLog), ConsensusError> {
        let content = Bytes::from(store.read(LOG_FILE).map_err(file_error(LOG_FILE, "read"))?.unwrap_or_default());
        let mut recovered = RecoveredLog::default();
        let mut at = 0_usize;
        let mut chain = MAGIC.to_vec();
        if content.starts_with(MAGIC) {
            at = MAGIC.len();
            while let Some((height, payload, end)) = intact_record(&content, at, recovered.records.len(), &chain) {
                if !recovered.records.is_empty() && height != recovered.height {
                    break;
                }
                recovered.height = height;
                recovered.records.push(payload);
                chain = content.get(end.saturating_sub(CHECKSUM_BYTES)..end).unwrap_or_default().to_vec();
                at = end;
            }
        }
        recovered.torn_bytes = content.len().saturating_sub(at) as u64;
        let records = u32::try_from(recovered.records.len()).unwrap_or(u32::MAX);
        let is_dirty = recovered.torn_bytes > 0;
        let file = Self { height: recovered.height, records, bytes: at as u64, chain, is_dirty };
        Ok((file, recovered))
    }

    /// Appends records of a height. The first of a new height empties the file.
    ///
    /// # Errors
    /// [`ConsensusError::File`].
    pub fn append(&mut self, store: &mut dyn FileStore, height: u64, payloads: &[Bytes]) -> Result<(), ConsensusError> {
        if payloads.is_empty() {
            return Ok(());
        }
        if height != self.height {
            *self = Self { height, records: 0, bytes: 0, chain: MAGIC.to_vec(), is_dirty: true };
        }
        if self.is_dirty {
            store.truncate(LOG_FILE, self.bytes).map_err(file_error(LOG_FILE, "truncate"))?;
            self.is_dirty = false;
        }
        let mut batch = if self.bytes == 0 { MAGIC.to_vec() } else { Vec::new() };
        for payload in payloads {
            append_record(&mut batch, height, self.records, payload, &mut self.chain);
            self.records = self.records.saturating_add(1);
        }
        store.write(LOG_FILE, self.bytes, &batch).map_err(file_error(LOG_FILE, "write"))?;
        self.bytes = self.bytes.saturating_add(batch.len() as u64);
        Ok(())
    }

    /// Returns when everything appended survives a power loss.
    ///
    /// # Errors
    /// [`ConsensusError::File`].
    pub fn sync(&mut self, store: &mut dyn FileStore) -> Result<(), ConsensusError> {
        store.sync(LOG_FILE).map_err(file_error(LOG_FILE, "sync"))
    }
}

fn append_record(batch: &mut Vec<u8>, height: u64, number: u32, payload: &[u8], chain: &mut Vec<u8>) {
    let begin = batch.len();
    batch.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    batch.extend(height.to_be_bytes());
    batch.extend(number.to_be_bytes());
    batch.extend(payload);
    *chain = checksum(chain, batch.get(begin..).unwrap_or_default());
    batch.extend(chain.iter());
}

fn checksum(chain: &[u8], record: &[u8]) -> Vec<u8> {
    let mut hasher = Keccak256::new();
    hasher.update(chain);
    hasher.update(record);
    hasher.finalize().iter().take(CHECKSUM_BYTES).copied().collect()
}

/// Height, payload and end of the record at an offset, if it is intact and has this number.
fn intact_record(content: &Bytes, at: usize, number: usize, chain: &[u8]) -> Option<(u64, Bytes, usize)> {
    let head = content.get(at..)?;
    let length = u32::from_be_bytes(*head.first_chunk()?) as usize;
    if length > LOG_RECORD_BYTES_MAX {
        return None;
    }
    let height = u64::from_be_bytes(*head.get(4..)?.first_chunk()?);
    let found = u32::from_be_bytes(*head.get(12..)?.first_chunk()?);
    let checked = HEAD_BYTES.saturating_add(length);
    let end = checked.saturating_add(CHECKSUM_BYTES);
    let holds = checksum(chain, head.get(..checked)?) == head.get(checked..end)?;
    if !holds || found as usize != number {
        return None;
    }
    let begin = at.saturating_add(HEAD_BYTES);
    Some((height, content.slice(begin..begin.saturating_add(length)), at.saturating_add(end)))
}
