//! [`Database`]: RocksDB with named columns. After a write or sync has failed it refuses all others.
use crate::{StorageError, codec::key::after_prefix, columns::Column};
use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use rocksdb::{DB, DBPinnableSlice, DBRawIterator, ReadOptions, WriteBatch, WriteOptions};
use std::sync::atomic::{AtomicU64, Ordering};

/// One open RocksDB.
pub(crate) struct Database {
    rocks: DB,
    read_only: bool,
    failure: Mutex<FailureState>,
    reads: AtomicU64,
    puts: AtomicU64,
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
pub(crate) struct Batch<'a> {
    rocks: &'a DB,
    batch: WriteBatch,
}

impl Database {
    pub(crate) fn new(rocks: DB, read_only: bool) -> Self {
        Self { rocks, read_only, failure: Mutex::default(), reads: AtomicU64::new(0), puts: AtomicU64::new(0) }
    }

    pub(crate) const fn rocks(&self) -> &DB {
        &self.rocks
    }
    pub(crate) const fn is_read_only(&self) -> bool {
        self.read_only
    }

    /// One record.
    pub(crate) fn get(&self, column: Column, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let handle = handle(&self.rocks, column)?;
        self.rocks.get_pinned_cf(handle, key).map_err(StorageError::database("read"))
    }

    /// Records whose keys begin with `prefix`. The caller seeks, and asks for the status at the end.
    pub(crate) fn records(
        &self,
        column: Column,
        prefix: &[u8],
        purpose: Purpose,
    ) -> Result<DBRawIterator<'_>, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let mut options = ReadOptions::default();
        options.fill_cache(purpose == Purpose::Lookup);
        if let Some(end) = after_prefix(prefix) {
            options.set_iterate_upper_bound(end);
        }
        Ok(self.rocks.raw_iterator_cf_opt(handle(&self.rocks, column)?, options))
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
        Batch { rocks: &self.rocks, batch: WriteBatch::default() }
    }

    /// Writes. With `sync` this and everything written before is durable when it returns. A failure is final.
    pub(crate) fn write(&self, batch: Batch<'_>, sync: bool) -> Result<(), StorageError> {
        self.check_writable("write")?;
        self.puts.fetch_add(batch.batch.len() as u64, Ordering::Relaxed);
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        options.set_memtable_insert_hint_per_batch(true);
        let written = self.rocks.write_opt(batch.batch, &options);
        written.map_err(|source| self.failed("write", source))
    }

    /// Makes durable what was written without `sync`.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.check_writable("sync")?;
        self.rocks.flush_wal(true).map_err(|source| self.failed("sync", source))
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

    fn failed(&self, operation: &'static str, source: rocksdb::Error) -> StorageError {
        let error = StorageError::Database { operation, source };
        self.fail(error.to_string());
        error
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
        self.batch.put_cf(handle(self.rocks, column)?, key, value);
        Ok(())
    }
    pub(crate) fn delete(&mut self, column: Column, key: &[u8]) -> Result<(), StorageError> {
        self.batch.delete_cf(handle(self.rocks, column)?, key);
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
        self.batch.size_in_bytes()
    }
}

pub(crate) fn handle(rocks: &DB, column: Column) -> Result<&rocksdb::ColumnFamily, StorageError> {
    let missing = || StorageError::Damaged { column: column.name(), reason: "the column is missing".into() };
    rocks.cf_handle(column.name()).ok_or_else(missing)
}
