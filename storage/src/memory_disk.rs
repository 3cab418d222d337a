//! [`MemoryDisk`]: a data directory in memory that loses power at a chosen operation, for simulations.
//!
//! ```text
//!   write ──► records, visible at once           sync ──► what is written is durable
//!             undo of each write since the last sync
//!   power loss at operation n ──► it and all later ones fail
//!   restart(kept) ──► the oldest `kept` of the unsynced writes are there, those after them never happened
//! ```
//! It stands for RocksDB, not for a file: RocksDB has one log for all columns, with a checksum a record, and reads it up
//! to the first that does not check. So what survives is a prefix of the writes, and a torn write is one that is not
//! there. The power-loss test tears RocksDB's own files. Everything above (records, tries, layers, markers, recovery) is
//! the code that runs on RocksDB.
use crate::{StorageError, columns::Column};
use alloy_primitives::{B256, Bytes};
use parking_lot::Mutex;
use std::{collections::BTreeMap, fmt, mem, ops::Bound, sync::Arc};

/// A change of one record; `None`: it is deleted.
pub(crate) type RecordChange = (Column, Vec<u8>, Option<Bytes>);

/// A data directory in memory. Clones are the same one: what is opened on it again finds what survived.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    content: Arc<Mutex<Content>>,
}

#[derive(Clone, Default)]
struct Content {
    columns: [BTreeMap<Vec<u8>, Bytes>; Column::ALL.len()],
    witness: Option<(u64, B256)>,
    /// For each write since the last sync, oldest first: what its records were before.
    unsynced: Vec<Vec<RecordChange>>,
    operations: u64,
    fails_from: Option<u64>,
    ignores_syncs: bool,
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.content.lock();
        let records: usize = content.columns.iter().map(BTreeMap::len).sum();
        f.debug_struct("MemoryDisk").field("records", &records).field("unsynced", &content.unsynced.len()).finish()
    }
}

impl MemoryDisk {
    /// Another disk with the same content.
    pub fn duplicate(&self) -> Self {
        Self { content: Arc::new(Mutex::new(self.content.lock().clone())) }
    }

    /// Writes and syncs so far, failed ones included.
    pub fn operations(&self) -> u64 {
        self.content.lock().operations
    }

    /// Operation `number` (see [`Self::operations`]) and all after it fail, until [`Self::restart`]. The write that
    /// fails counts as begun: `restart` may keep it.
    pub fn fail_from(&self, number: u64) {
        self.content.lock().fails_from = Some(number);
    }

    /// Writes that a power loss may take.
    pub fn unsynced_writes(&self) -> usize {
        self.content.lock().unsynced.len()
    }

    /// The machine is back after a power loss: of the unsynced writes the oldest `kept` are there.
    pub fn restart(&self, kept: usize) {
        let mut content = self.content.lock();
        let kept = kept.min(content.unsynced.len());
        let lost = content.unsynced.split_off(kept);
        for undo in lost.into_iter().rev() {
            content.apply(undo.into_iter().rev());
        }
        content.unsynced.clear();
        content.fails_from = None;
    }

    /// A disk that says it has synced and has not: what depends on syncs must be seen to break.
    pub fn ignore_syncs(&self) {
        self.content.lock().ignores_syncs = true;
    }

    pub(crate) fn get(&self, column: Column, key: &[u8]) -> Option<Bytes> {
        self.content.lock().columns.get(column as usize)?.get(key).cloned()
    }

    /// The first record from `from` on, below `end`.
    pub(crate) fn first_from(
        &self,
        column: Column,
        from: Bound<&[u8]>,
        end: Option<&[u8]>,
    ) -> Option<(Vec<u8>, Bytes)> {
        let content = self.content.lock();
        let (key, value) = content.columns.get(column as usize)?.range::<[u8], _>((from, Bound::Unbounded)).next()?;
        if end.is_some_and(|end| key.as_slice() >= end) {
            return None;
        }
        Some((key.clone(), value.clone()))
    }

    /// The last record whose key is not above `key`.
    pub(crate) fn last_to(&self, column: Column, key: &[u8]) -> Option<(Vec<u8>, Bytes)> {
        let content = self.content.lock();
        let to = (Bound::Unbounded, Bound::Included(key));
        let (key, value) = content.columns.get(column as usize)?.range::<[u8], _>(to).next_back()?;
        Some((key.clone(), value.clone()))
    }

    pub(crate) fn write(&self, changes: Vec<RecordChange>, sync: bool) -> Result<(), StorageError> {
        let mut content = self.content.lock();
        let failed = content.begin();
        let undo = content.apply(changes);
        content.unsynced.push(undo);
        failed?;
        if sync { content.sync() } else { Ok(()) }
    }

    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.content.lock().sync()
    }

    pub(crate) fn witness(&self) -> Option<(u64, B256)> {
        self.content.lock().witness
    }

    pub(crate) fn note(&self, number: u64, hash: B256) {
        self.content.lock().witness = Some((number, hash));
    }
}

impl Content {
    fn begin(&mut self) -> Result<(), StorageError> {
        let number = self.operations;
        self.operations = number.saturating_add(1);
        match self.fails_from {
            Some(from) if number >= from => Err(StorageError::Stopped { reason: "the power is lost".into() }),
            _ => Ok(()),
        }
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.begin()?;
        if !self.ignores_syncs {
            self.unsynced.clear();
        }
        Ok(())
    }

    /// Answers what undoes it, to be applied in reverse order.
    fn apply(&mut self, changes: impl IntoIterator<Item = RecordChange>) -> Vec<RecordChange> {
        let mut undo = Vec::new();
        for (column, key, value) in changes {
            let Some(records) = self.columns.get_mut(column as usize) else { continue };
            let before = match value {
                Some(value) => match records.get_mut(&key) {
                    Some(record) => Some(mem::replace(record, value)),
                    None => records.insert(key.clone(), value),
                },
                None => records.remove(&key),
            };
            undo.push((column, key, before));
        }
        undo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(disk: &MemoryDisk, key: u8, value: u8, sync: bool) -> Result<(), StorageError> {
        disk.write(vec![(Column::Meta, vec![key], Some(Bytes::from(vec![value])))], sync)
    }

    fn value(disk: &MemoryDisk, key: u8) -> Option<u8> {
        disk.get(Column::Meta, &[key]).map(|value| value[0])
    }

    #[test]
    fn a_restart_keeps_what_was_synced_and_a_prefix_of_the_rest() {
        for (kept, first, second) in [(0, 1, None), (1, 2, None), (2, 2, Some(7)), (9, 2, Some(7))] {
            let disk = MemoryDisk::default();
            put(&disk, 1, 1, true).unwrap();
            put(&disk, 1, 2, false).unwrap();
            put(&disk, 2, 7, false).unwrap();
            assert_eq!(disk.unsynced_writes(), 2);
            disk.restart(kept);
            assert_eq!((value(&disk, 1), value(&disk, 2)), (Some(first), second), "kept {kept}");
            assert_eq!(disk.unsynced_writes(), 0);
        }
    }

    #[test]
    fn from_the_power_loss_on_everything_fails_and_the_write_it_struck_may_be_there() {
        let disk = MemoryDisk::default();
        put(&disk, 1, 1, true).unwrap();
        assert_eq!(disk.operations(), 2);
        disk.fail_from(2);
        assert!(put(&disk, 1, 2, true).is_err());
        assert!(disk.sync().is_err());
        let other = disk.duplicate();
        disk.restart(0);
        assert_eq!(value(&disk, 1), Some(1));
        put(&disk, 1, 3, true).unwrap();
        other.restart(1);
        assert_eq!(value(&other, 1), Some(2));
    }

    #[test]
    fn a_disk_that_ignores_syncs_loses_what_it_acknowledged() {
        let disk = MemoryDisk::default();
        disk.ignore_syncs();
        put(&disk, 1, 1, true).unwrap();
        disk.sync().unwrap();
        disk.restart(0);
        assert_eq!(value(&disk, 1), None);
    }

    #[test]
    fn a_seek_ends_below_its_bound() {
        let disk = MemoryDisk::default();
        for key in [1, 3, 5] {
            put(&disk, key, key, false).unwrap();
        }
        let seek = |from, end: &[u8]| disk.first_from(Column::Meta, from, Some(end)).map(|(key, _)| key[0]);
        assert_eq!(seek(Bound::Included(&[3][..]), &[5]), Some(3));
        assert_eq!(seek(Bound::Excluded(&[3][..]), &[5]), None);
        assert_eq!(seek(Bound::Excluded(&[3][..]), &[6]), Some(5));
        assert_eq!(disk.last_to(Column::Meta, &[4]).map(|(key, _)| key[0]), Some(3));
        assert_eq!(disk.last_to(Column::Meta, &[0]), None);
    }
}
