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
mod memory;
mod writer;

#[cfg(test)]
pub(crate) use file::RecordBuffer;
pub(crate) use file::{JournalEntry, JournalFile};
pub use memory::MemoryJournal;
pub use writer::Ticket;
pub(crate) use writer::{JournalWriter, LiveTransactions};

use crate::PoolError;
use alloy_primitives::Address;

/// Where accepted transactions are made durable.
pub(crate) enum Journal {
    /// In a file, by a thread.
    File(JournalWriter),
    /// In memory, by whoever waits for it.
    Memory(MemoryJournal),
}

impl Journal {
    /// Queues a transaction. Durable when [`Self::durable`] says so.
    pub(crate) fn push(&self, sender: &Address, encoded: &[u8]) -> Ticket {
        match self {
            Self::File(writer) => writer.push(sender, encoded),
            Self::Memory(journal) => journal.push(sender, encoded),
        }
    }

    /// Waits until a transaction is on disk.
    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<(), PoolError> {
        match self {
            Self::File(writer) => writer.durable(ticket).await,
            Self::Memory(journal) => {
                journal.sync();
                Ok(())
            }
        }
    }

    /// The failure that ended it, if one did.
    pub(crate) fn failed(&self) -> Result<(), PoolError> {
        match self {
            Self::File(writer) => writer.failed(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Waits for the failure that ends it.
    pub(crate) async fn failure(&self) -> PoolError {
        match self {
            Self::File(writer) => writer.failure().await,
            Self::Memory(_) => std::future::pending().await,
        }
    }
}
