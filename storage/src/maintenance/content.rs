//! Is all content there, and is it what it is named after? And putting back what is not.
//!
//! ```text
//! mark absent: nobody has looked yet, or some was missing ──► all ──► nothing bad: mark
//! mark: hash where the next look begins ──► a part of what the current state names ──► nothing bad: mark further
//!                                                                                 └──► something bad: all
//! ```
use super::check::{CheckReport, PROBLEMS_MAX};
use crate::{
    Storage, StorageError,
    codec::{
        account::decode_slot,
        key::{KIND_CONTENT_REF, decode_slot_key},
        meta::{self, decode_hash},
    },
    columns::Column,
    content::{self, hash_of},
    database::{Database, Purpose},
    store::Store,
};
use alloy_primitives::{B256, Bytes, U256, keccak256};

/// Bad content that a report names; who repairs it looks again.
const BAD_MAX: usize = 65_536;

/// What a value counts for at least while a part is looked at: a disk reads no less, so short values take no longer.
const READ_BYTES_MIN: u64 = 4 << 10;

/// What the states of the window name, and how much of it is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentReport {
    /// Values that are there, as they should be. One that is named both now and in the past counts twice.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Hashes of those that are missing, or other bytes than their hash says. The first 65,536.
    pub bad: Vec<B256>,
}

impl Storage {
    /// Looks at all content that a kept state names: whether it is there, and has its hash. No block is committed
    /// meanwhile.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn check_content(&self) -> Result<ContentReport, StorageError> {
        let store = &**self.store();
        let _committing = store.committing.lock();
        if !store.database.is_read_only() {
            store.queue.wait_until_empty(store)?;
        }
        all(&store.database)
    }

    /// Looks at content as a node does that starts, in bounded time: at so many bytes of what the current state names,
    /// from where the last look ended, and around. At all that a kept state names if nobody has looked yet, if some was
    /// missing since, or if a part is bad. No block is committed meanwhile.
    ///
    /// # Errors
    /// The database cannot be read, or the mark not be written, which is fatal.
    pub fn look_at_content(&self, bytes_max: u64) -> Result<ContentReport, StorageError> {
        let store = &**self.store();
        let _committing = store.committing.lock();
        store.database.check_writable("look at content")?;
        store.queue.wait_until_empty(store)?;
        let mark = store.database.get(Column::Meta, meta::CONTENT_MARK)?;
        if let Some(mark) = mark.map(|record| decode_hash(&record)).transpose()? {
            let (report, next) = part(&store.database, &mark, bytes_max)?;
            if report.bad.is_empty() {
                store.mark_content(Some(next))?;
                return Ok(report);
            }
        }
        let report = all(&store.database)?;
        store.mark_content(report.bad.is_empty().then_some(B256::ZERO))?;
        Ok(report)
    }

    /// Puts content back, durably. Answers how many values some kept state names; others are not written.
    ///
    /// # Errors
    /// [`StorageError::ReadOnly`]; a write failed, which is fatal.
    pub fn restore_content(&self, contents: &[Bytes]) -> Result<usize, StorageError> {
        let store = &**self.store();
        let _committing = store.committing.lock();
        store.database.check_writable("restore content")?;
        let mut batch = store.database.batch();
        let mut restored = 0usize;
        for content in contents {
            let hash = keccak256(content);
            if content::is_named(&store.database, &hash, |_| true, |_| true)? {
                batch.put(Column::Content, hash.as_slice(), content)?;
                restored = restored.saturating_add(1);
            }
        }
        store.database.write(batch, true)?;
        Ok(restored)
    }

    /// Loses the bytes of that hash, or changes them into others, as a bad disk does. For tests.
    ///
    /// # Errors
    /// The write failed.
    #[doc(hidden)]
    pub fn damage_content(&self, hash: &B256, instead: Option<&[u8]>) -> Result<(), StorageError> {
        let database = &self.store().database;
        let mut batch = database.batch();
        batch.set(Column::Content, hash.as_slice(), instead)?;
        database.write(batch, true)
    }

    /// Content or code of that hash, for other nodes: never other bytes than its hash says. `None`: not here.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn content(&self, hash: &B256) -> Result<Option<Bytes>, StorageError> {
        let found = self.latest_view().find_content(hash)?;
        Ok(found.filter(|content| keccak256(content) == *hash))
    }
}

impl Store {
    /// Execution found no bytes of that hash. If a kept state names it, the next look must look at everything, and only the
    /// first of many misses is a synced write. Else a call made the state up that it ran on (`eth_call` with overrides),
    /// which says nothing about this node's disk and changes nothing on it.
    pub(crate) fn note_missing_content(&self, hash: &B256) -> Result<(), StorageError> {
        let is_marked = self.database.get(Column::Meta, meta::CONTENT_MARK)?.is_some();
        if is_marked && !self.database.is_read_only() && self.lacks_content(hash)? {
            self.mark_content(None)
        } else {
            Ok(())
        }
    }

    /// A kept state names the bytes, and they are not there. A block may have kept them since they were missed.
    fn lacks_content(&self, hash: &B256) -> Result<bool, StorageError> {
        let is_named = content::is_named(&self.database, hash, |_| true, |_| true)?;
        Ok(is_named && self.database.get(Column::Content, hash.as_slice())?.is_none())
    }

    /// Where the next look begins; `None`: it must look at everything.
    fn mark_content(&self, next: Option<B256>) -> Result<(), StorageError> {
        let mut batch = self.database.batch();
        batch.set(Column::Meta, meta::CONTENT_MARK, next.as_ref())?;
        self.database.write(batch, true)
    }
}

impl ContentReport {
    fn look(&mut self, database: &Database, hash: &B256) -> Result<(), StorageError> {
        match sound_bytes(database, hash)? {
            Some(bytes) => {
                self.records = self.records.saturating_add(1);
                self.bytes = self.bytes.saturating_add(bytes);
            }
            None if self.bad.last() != Some(hash) && self.bad.len() < BAD_MAX => self.bad.push(*hash),
            None => {}
        }
        Ok(())
    }
}

/// Everything that a kept state names.
fn all(database: &Database) -> Result<ContentReport, StorageError> {
    let mut report = ContentReport::default();
    for_each_named(database, |hash| report.look(database, &hash))?;
    report.bad.sort_unstable();
    report.bad.dedup();
    Ok(report)
}

/// What the current state names, from a hash on, until so many bytes were read. Answers the hash to go on with, zero
/// after the last.
fn part(database: &Database, from: &B256, bytes_max: u64) -> Result<(ContentReport, B256), StorageError> {
    let mut report = ContentReport::default();
    let mut left = bytes_max;
    let mut last = None;
    let mut references = database.records(Column::ContentRefs, &[], Purpose::Scan)?;
    references.seek(from.as_slice());
    while let Some(key) = references.key() {
        let hash = key.first_chunk::<32>().map(B256::from).unwrap_or_default();
        if last != Some(hash) {
            if left == 0 {
                return Ok((report, hash));
            }
            last = Some(hash);
            let before = report.bytes;
            report.look(database, &hash)?;
            left = left.saturating_sub(report.bytes.saturating_sub(before).max(READ_BYTES_MIN));
        }
        references.next();
    }
    references.status().map_err(StorageError::database("read references of content"))?;
    Ok((report, B256::ZERO))
}

/// Calls `each` with every hash that the current state names, then with every one that the history names.
fn for_each_named(
    database: &Database,
    mut each: impl FnMut(B256) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut last = None;
    database.for_each(Column::ContentRefs, &[], |key, _| {
        let hash = key.first_chunk::<32>().map(B256::from);
        if let Some(hash) = hash.filter(|_| hash != last) {
            last = Some(hash);
            each(hash)?;
        }
        Ok(true)
    })?;
    last = None;
    // An empty record: there was no reference before the block.
    database.for_each(Column::History, &[KIND_CONTENT_REF], |key, record| {
        let hash = hash_of(key).filter(|_| !record.is_empty());
        if let Some(hash) = hash.filter(|_| hash != last) {
            last = Some(hash);
            each(hash)?;
        }
        Ok(true)
    })
}

/// Bytes of the content of that hash, if it is there and is what its hash says.
fn sound_bytes(database: &Database, hash: &B256) -> Result<Option<u64>, StorageError> {
    let record = database.get(Column::Content, hash.as_slice())?;
    Ok(record.filter(|content| keccak256(&**content) == *hash).map(|content| content.len() as u64))
}

/// Content against references, and references against slots.
pub(super) fn check(database: &Database, report: &mut CheckReport) -> Result<(), StorageError> {
    let mut problem = |problem: String| {
        if report.problems.len() < PROBLEMS_MAX {
            report.problems.push(problem);
        }
    };
    let (mut records, mut bytes) = (0u64, 0u64);
    database.for_each(Column::Content, &[], |key, content| {
        let hash = B256::try_from(key).unwrap_or_default();
        records = records.saturating_add(1);
        bytes = bytes.saturating_add(content.len() as u64);
        if keccak256(content) != hash {
            problem(format!("content {hash}: its bytes have another hash"));
        }
        if !content::is_named(database, &hash, |_| true, |_| true)? {
            problem(format!("content {hash}: nothing names it"));
        }
        Ok(true)
    })?;
    for_each_named(database, |hash| {
        if database.get(Column::Content, hash.as_slice())?.is_none() {
            problem(format!("content {hash}: it is missing"));
        }
        Ok(())
    })?;
    database.for_each(Column::ContentRefs, &[], |key, _| {
        let (hash, slot_key) = key.split_at_checked(B256::len_bytes()).unwrap_or_default();
        let (address, slot) = decode_slot_key(slot_key)?;
        let value = database.get(Column::Slots, slot_key)?.map(|record| decode_slot(&record)).transpose()?;
        if value != Some(U256::from_be_slice(hash)) {
            let hash = B256::try_from(hash).unwrap_or_default();
            problem(format!("content {hash}: slot {slot} of {address} is said to name it, but has another value"));
        }
        Ok(true)
    })?;
    (report.content, report.content_bytes) = (records, bytes);
    Ok(())
}
