//! What the database answers: one [`Record`], or [`Records`] in order.
use crate::{columns::Column, memory_disk::MemoryDisk};
use alloy_primitives::Bytes;
use rocksdb::{DBPinnableSlice, DBRawIterator};
use std::ops::{Bound, Deref};

/// The bytes of one record.
pub(crate) enum Record<'a> {
    /// In RocksDB's cache.
    Rocks(DBPinnableSlice<'a>),
    /// In memory.
    Memory(Bytes),
}

/// A place among the records of one column, below a bound.
pub(crate) enum Records<'a> {
    /// RocksDB's iterator: sees the database as it was when it was made.
    Rocks(DBRawIterator<'a>),
    /// Sees what is there when it moves; nothing else writes meanwhile.
    Memory(MemoryRecords),
}

/// A place among records in memory.
pub(crate) struct MemoryRecords {
    pub(crate) disk: MemoryDisk,
    pub(crate) column: Column,
    pub(crate) end: Option<Vec<u8>>,
    pub(crate) at: Option<(Vec<u8>, Bytes)>,
}

impl Deref for Record<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Rocks(record) => record,
            Self::Memory(record) => record,
        }
    }
}

impl AsRef<[u8]> for Record<'_> {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Records<'_> {
    /// To the first record whose key is not below `key`.
    pub(crate) fn seek(&mut self, key: impl AsRef<[u8]>) {
        match self {
            Self::Rocks(records) => records.seek(key),
            Self::Memory(records) => records.seek(Bound::Included(key.as_ref())),
        }
    }

    /// To the last record whose key is not above `key`.
    pub(crate) fn seek_for_prev(&mut self, key: impl AsRef<[u8]>) {
        match self {
            Self::Rocks(records) => records.seek_for_prev(key),
            Self::Memory(records) => records.at = records.disk.last_to(records.column, key.as_ref()),
        }
    }

    /// To the next record.
    pub(crate) fn next(&mut self) {
        match self {
            Self::Rocks(records) => records.next(),
            Self::Memory(records) => {
                if let Some((key, _)) = records.at.take() {
                    records.seek(Bound::Excluded(&key));
                }
            }
        }
    }

    /// Whether there is a record here.
    pub(crate) fn valid(&self) -> bool {
        match self {
            Self::Rocks(records) => records.valid(),
            Self::Memory(records) => records.at.is_some(),
        }
    }

    /// Key of the record here.
    pub(crate) fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Rocks(records) => records.key(),
            Self::Memory(records) => records.at.as_ref().map(|(key, _)| key.as_slice()),
        }
    }

    /// Key and value of the record here.
    pub(crate) fn item(&self) -> Option<(&[u8], &[u8])> {
        match self {
            Self::Rocks(records) => records.item(),
            Self::Memory(records) => records.at.as_ref().map(|(key, value)| (key.as_slice(), &value[..])),
        }
    }

    /// An end may be an error: to be asked when there is no further record.
    pub(crate) fn status(&self) -> Result<(), rocksdb::Error> {
        match self {
            Self::Rocks(records) => records.status(),
            Self::Memory(_) => Ok(()),
        }
    }
}

impl MemoryRecords {
    fn seek(&mut self, from: Bound<&[u8]>) {
        self.at = self.disk.first_from(self.column, from, self.end.as_deref());
    }
}
