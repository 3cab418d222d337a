//! The journal: what the pool acknowledged, on disk.
//!
//! ```text
//! header, 40 bytes
//! ┌──────────────┬────────────┬──────────────┬──────────┬──────────────┐
//! │ "PVTXPOOL" 8 │ format u32 │ reserved u32 │ salt 16  │ checksum 8   │   checksum of the 32 bytes before it
//! └──────────────┴────────────┴──────────────┴──────────┴──────────────┘
//! record, one a sync: 28 bytes and the body
//! ┌──────────┬──────────────┬────────────────┬───────────┬────────────┬──────┐
//! │ "PVTX" 4 │ sequence u64 │ body bytes u32 │ count u32 │ checksum 8 │ body │   checksum of salt, the 20 bytes before
//! └──────────┴──────────────┴────────────────┴───────────┴────────────┴──────┘   it, and the body
//! body: for each of `count` transactions
//! ┌───────────┬───────────┬──────────────────────────────┐
//! │ bytes u32 │ sender 20 │ EIP-2718 encoded transaction │
//! └───────────┴───────────┴──────────────────────────────┘
//! zeros to the end of the file: room for the next records
//! ```
//! Numbers are big-endian; a checksum is the first 8 bytes of a Keccak-256. Sequences count from 1 without gaps.
//!
//! A record is written only after the sync of the one before it. So a crash can tear the last record alone, and
//! nothing in it was acknowledged: what does not check, with no good record of a higher sequence after it, is cut off.
//! With a good one after it, it is damage that no crash does, and the file is refused. The salt is random for each
//! file, so no transaction can carry bytes that look like a record.
//!
//! Room is made with zeros in large steps, so that a sync of a record has no file size to sync: it is three times
//! as fast. Nothing is ever taken out of the file: when it holds mostly transactions that are gone, a new file with the
//! live ones replaces it (written, synced, renamed, directory synced), and a crash leaves either of the two, whole.
mod file;
mod format;
mod writer;

#[cfg(test)]
pub(crate) use file::RecordBuffer;
pub(crate) use file::{JournalEntry, JournalFile};
pub use writer::Ticket;
pub(crate) use writer::{JournalWriter, LiveTransactions};
