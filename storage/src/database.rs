//! [`Database`]: RocksDB with named columns. After a write or sync has failed it refuses all others.
//!
//! In a simulation a [`MemoryDisk`] takes RocksDB's place: the only point where the two differ is here.
use crate::{
    StorageError,
    codec::key::after_prefix,
    columns::Column,
    memory_disk::{MemoryDisk, RecordChange},
    records::{MemoryRecords, Record, Records},
};
use alloy_primitives::Bytes;
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use rocksdb::{DB, ReadOptions, WaitForCompactOptions, WriteBatch, WriteOptions};
use std::sync::atomic::{AtomicU64, Ordering};

/// One open database.
pub(crate) struct Database {
    engine: Engine,
    read_only: bool,
    failure: Mutex<FailureState>,
    reads: AtomicU64,
    puts: AtomicU64,
}

/// What keeps the records.
enum Engine {
    /// Production.
    Rocks(DB),
    /// Simulations.
    Memory(MemoryDisk),
}

/// Why records are read in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A few of them, perhaps again soon.
    Lookup,
    /// All of them, once: they do not deserve a place in the cache.
    Scan,
}

#[derive(Default)]
struct FailureState {
    reason: Option<String>,
    watchers: Vec<Sender<String>>,
}

/// Writes that happen together or not at all.
pub(crate) enum Batch<'a> {
    Rocks { rocks: &'a DB, batch: WriteBatch },
    Memory { changes: Vec<RecordChange> },
}

impl Database {
    pub(crate) fn new(rocks: DB, read_only: bool) -> Self {
        Self::on(Engine::Rocks(rocks), read_only)
    }

    pub(crate) fn in_memory(disk: MemoryDisk) -> Self {
        Self::on(Engine::Memory(disk), false)
    }

    fn on(engine: Engine, read_only: bool) -> Self {
        Self { engine, read_only, failure: Mutex::default(), reads: AtomicU64::new(0), puts: AtomicU64::new(0) }
    }

    /// For upkeep and statistics; `None` in a simulation.
    pub(crate) const fn rocks(&self) -> Option<&DB> {
        match &self.engine {
            Engine::Rocks(rocks) => Some(rocks),
            Engine::Memory(_) => None,
        }
    }
    pub(crate) const fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// One record.
    pub(crate) fn get(&self, column: Column, key: &[u8]) -> Result<Option<Record<'_>>, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        match &self.engine {
            Engine::Rocks(rocks) => {
                let record = rocks.get_pinned_cf(handle(rocks, column)?, key);
                Ok(record.map_err(StorageError::database("read"))?.map(Record::Rocks))
            }
            Engine::Memory(disk) => Ok(disk.get(column, key).map(Record::Memory)),
        }
    }

    /// Records whose keys begin with `prefix`. The caller seeks, and asks for the status at the end.
    pub(crate) fn records(&self, column: Column, prefix: &[u8], purpose: Purpose) -> Result<Records<'_>, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let end = after_prefix(prefix);
        match &self.engine {
            Engine::Rocks(rocks) => {
                let mut options = ReadOptions::default();
                options.fill_cache(purpose == Purpose::Lookup);
                if let Some(end) = end {
                    options.set_iterate_upper_bound(end);
                }
                Ok(Records::Rocks(rocks.raw_iterator_cf_opt(handle(rocks, column)?, options)))
            }
            Engine::Memory(disk) => Ok(Records::Memory(MemoryRecords { disk: disk.clone(), column, end, at: None })),
        }
    }

    /// Calls `each` with every record whose key begins with `prefix`, in order, until it answers `false`.
    pub(crate) fn for_each(
        &self,
        column: Column,
        prefix: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<bool, StorageError>,
    ) -> Result<(), StorageError> {
        let mut records = self.records(column, prefix, Purpose::Scan)?;
        records.seek(prefix);
        while let Some((key, value)) = records.item() {
            if !each(key, value)? {
                return Ok(());
            }
            records.next();
        }
        records.status().map_err(StorageError::database("scan"))
    }

    pub(crate) fn batch(&self) -> Batch<'_> {
        match &self.engine {
            Engine::Rocks(rocks) => Batch::Rocks { rocks, batch: WriteBatch::default() },
            Engine::Memory(_) => Batch::Memory { changes: Vec::new() },
        }
    }

    /// Writes. With `sync` this and everything written before is durable when it returns. A failure is final.
    pub(crate) fn write(&self, batch: Batch<'_>, sync: bool) -> Result<(), StorageError> {
        self.check_writable("write")?;
        self.puts.fetch_add(batch.len() as u64, Ordering::Relaxed);
        let written = match (&self.engine, batch) {
            (Engine::Rocks(rocks), Batch::Rocks { batch, .. }) => {
                let mut options = WriteOptions::default();
                options.set_sync(sync);
                options.set_memtable_insert_hint_per_batch(true);
                rocks.write_opt(batch, &options).map_err(StorageError::database("write"))
            }
            (Engine::Memory(disk), Batch::Memory { changes }) => disk.write(changes, sync),
            (Engine::Rocks(_), Batch::Memory { .. }) | (Engine::Memory(_), Batch::Rocks { .. }) => {
                Err(StorageError::Stopped { reason: "a batch of another database".into() })
            }
        };
        written.inspect_err(|error| self.fail(error.to_string()))
    }

    /// Makes durable what was written without `sync`.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.check_writable("sync")?;
        let synced = match &self.engine {
            Engine::Rocks(rocks) => rocks.flush_wal(true).map_err(StorageError::database("sync")),
            Engine::Memory(disk) => disk.sync(),
        };
        synced.inspect_err(|error| self.fail(error.to_string()))
    }

    /// Writes memtables to files, and waits for compactions.
    pub(crate) fn settle(&self) -> Result<(), StorageError> {
        let Engine::Rocks(rocks) = &self.engine else { return Ok(()) };
        let mut options = WaitForCompactOptions::default();
        options.set_flush(true);
        rocks.wait_for_compact(&options).map_err(StorageError::database("compact"))
    }

    pub(crate) fn check_writable(&self, operation: &'static str) -> Result<(), StorageError> {
        if self.read_only {
            return Err(StorageError::ReadOnly { operation });
        }
        match &self.failure.lock().reason {
            None => Ok(()),
            Some(reason) => Err(StorageError::Stopped { reason: reason.clone() }),
        }
    }

    /// Refuses everything from now on, and tells those who watch.
    pub(crate) fn fail(&self, reason: String) {
        tracing::error!(error = %reason, "storage stops");
        let mut failure = self.failure.lock();
        if failure.reason.is_none() {
            for watcher in failure.watchers.drain(..) {
                let _ = watcher.send(reason.clone()); // its receiver may be gone
            }
            failure.reason = Some(reason);
        }
    }

    pub(crate) fn failure(&self) -> Option<String> {
        self.failure.lock().reason.clone()
    }

    /// Gets one message when storage stops; at once, if it has.
    pub(crate) fn watch_failure(&self) -> Receiver<String> {
        let (sender, receiver) = bounded(1);
        let mut failure = self.failure.lock();
        match &failure.reason {
            Some(reason) => {
                let _ = sender.send(reason.clone()); // has room, and the receiver is here
            }
            None => failure.watchers.push(sender),
        }
        receiver
    }

    /// Point reads and seeks, and records written, since the database was opened.
    pub(crate) fn io_counts(&self) -> (u64, u64) {
        (self.reads.load(Ordering::Relaxed), self.puts.load(Ordering::Relaxed))
    }
}

impl Batch<'_> {
    pub(crate) fn put(&mut self, column: Column, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        match self {
            Self::Rocks { rocks, batch } => batch.put_cf(handle(rocks, column)?, key, value),
            Self::Memory { changes } => changes.push((column, key.to_vec(), Some(Bytes::copy_from_slice(value)))),
        }
        Ok(())
    }
    pub(crate) fn delete(&mut self, column: Column, key: &[u8]) -> Result<(), StorageError> {
        match self {
            Self::Rocks { rocks, batch } => batch.delete_cf(handle(rocks, column)?, key),
            Self::Memory { changes } => changes.push((column, key.to_vec(), None)),
        }
        Ok(())
    }
    /// `None` deletes.
    pub(crate) fn set<T: AsRef<[u8]> + ?Sized>(
        &mut self,
        column: Column,
        key: &[u8],
        value: Option<&T>,
    ) -> Result<(), StorageError> {
        match value {
            Some(value) => self.put(column, key, value.as_ref()),
            None => self.delete(column, key),
        }
    }
    pub(crate) fn size_bytes(&self) -> usize {
        match self {
            Self::Rocks { batch, .. } => batch.size_in_bytes(),
            Self::Memory { changes } => changes
                .iter()
                .map(|(_, key, value)| key.len().saturating_add(value.as_ref().map_or(0, |value| value.len())))
                .sum(),
        }
    }
    fn len(&self) -> usize {
        match self {
            Self::Rocks { batch, .. } => batch.len(),
            Self::Memory { changes } => changes.len(),
        }
    }
}

pub(crate) fn handle(rocks: &DB, column: Column) -> Result<&rocksdb::ColumnFamily, StorageError> {
    let missing = || StorageError::Damaged { column: column.name(), reason: "the column is missing".into() };
    rocks.cf_handle(column.name()).ok_or_else(missing)
}
