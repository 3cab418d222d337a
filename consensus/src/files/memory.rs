//! Files in memory that lose power on demand: for simulations and tests.
use super::FileStore;
use crate::random::SplitMix64;
use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

/// What a disk writes whole or not at all, bytes.
pub const SECTOR_BYTES: usize = 512;

/// A store that remembers what is synced and what is not. [`Self::lose_power`] keeps, drops or tears each write since the
/// last sync of its file.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    files: BTreeMap<String, MemoryFile>,
    operations: u64,
    fail_from: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct MemoryFile {
    /// What reads see.
    seen: Vec<u8>,
    /// What survives; `None` until the first sync.
    synced: Option<Vec<u8>>,
    /// What came since, in order.
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Truncate { bytes: usize },
}

impl MemoryStore {
    /// An empty folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes, truncations and syncs so far.
    pub fn operations(&self) -> u64 {
        self.operations
    }

    /// Makes every operation from this one on fail, counted as [`Self::operations`] does. A write that fails first has been
    /// begun: it is among what a power loss may keep.
    pub fn fail_from(&mut self, operation: u64) {
        self.fail_from = Some(operation);
    }

    /// The power goes and comes back: of what was not synced, `random` decides what is left. Operations work again.
    pub fn lose_power(&mut self, random: &mut SplitMix64) {
        self.fail_from = None;
        let mut files = BTreeMap::new();
        for (name, file) in std::mem::take(&mut self.files) {
            let was_synced = file.synced.is_some();
            let mut left = file.synced.unwrap_or_default();
            for change in file.pending {
                keep_some(&mut left, change, random);
            }
            // A file whose name was never synced may be gone as a whole.
            if was_synced || random.below(2) == 0 {
                files.insert(name, MemoryFile { seen: left.clone(), synced: Some(left), pending: Vec::new() });
            }
        }
        self.files = files;
    }

    /// Everything that was written is synced: an orderly stop.
    pub fn sync_all(&mut self) {
        for file in self.files.values_mut() {
            file.synced = Some(file.seen.clone());
            file.pending.clear();
        }
    }

    /// Turns one bit of a file, synced or not. `false` if there is no such bit.
    pub fn flip_bit(&mut self, name: &str, bit: usize) -> bool {
        let Some(file) = self.files.get_mut(name) else { return false };
        let Some(byte) = file.seen.get_mut(bit >> 3) else { return false };
        let mask = [1, 2, 4, 8, 16, 32, 64, 128].get(bit & 7).copied().unwrap_or(1);
        *byte ^= mask;
        file.synced = Some(file.seen.clone());
        file.pending.clear();
        true
    }

    /// Removes a file for good.
    pub fn remove(&mut self, name: &str) {
        self.files.remove(name);
    }

    fn begin(&mut self) -> io::Result<()> {
        let fails = self.fail_from.is_some_and(|from| self.operations >= from);
        self.operations = self.operations.saturating_add(1);
        if fails { Err(io::Error::other("injected")) } else { Ok(()) }
    }
}

impl FileStore for MemoryStore {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.get(name).map(|file| file.seen.clone()))
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let already_failed = self.fail_from.is_some_and(|from| self.operations > from);
        let outcome = self.begin();
        if already_failed {
            return outcome;
        }
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let file = self.files.entry(name.to_owned()).or_default();
        put(&mut file.seen, offset, bytes);
        file.pending.push(Change::Write { offset, bytes: bytes.to_vec() });
        outcome
    }

    fn truncate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        self.begin()?;
        let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
        if let Some(file) = self.files.get_mut(name) {
            file.seen.truncate(bytes);
            file.pending.push(Change::Truncate { bytes });
        }
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.begin()?;
        if let Some(file) = self.files.get_mut(name) {
            file.synced = Some(file.seen.clone());
            file.pending.clear();
        }
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.begin()?;
        let file = self.files.remove(from).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.files.insert(to.to_owned(), file);
        Ok(())
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset.saturating_add(bytes.len());
    if content.len() < end {
        content.resize(end, 0);
    }
    if let Some(place) = content.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

/// Applies all, none or some sectors of a change.
fn keep_some(content: &mut Vec<u8>, change: Change, random: &mut SplitMix64) {
    match change {
        Change::Truncate { bytes } => {
            if random.below(2) == 0 {
                content.truncate(bytes);
            }
        }
        Change::Write { offset, bytes } => match random.below(3) {
            0 => {}
            1 => put(content, offset, &bytes),
            _ => {
                let mut at = offset;
                let mut rest = bytes.as_slice();
                while !rest.is_empty() {
                    // Up to the next border of a sector.
                    let used = at.checked_rem(SECTOR_BYTES).unwrap_or(0);
                    let room = SECTOR_BYTES.saturating_sub(used).min(rest.len());
                    let (sector, after) = rest.split_at(room);
                    if random.below(2) == 0 {
                        put(content, at, sector);
                    }
                    at = at.saturating_add(room);
                    rest = after;
                }
            }
        },
    }
}

/// A store that the test or simulation keeps a hand on while a node writes to it.
impl FileStore for Arc<Mutex<MemoryStore>> {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        held(self)?.read(name)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        held(self)?.write(name, offset, bytes)
    }

    fn truncate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        held(self)?.truncate(name, bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        held(self)?.sync(name)
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        held(self)?.rename(from, to)
    }
}

fn held(store: &Mutex<MemoryStore>) -> io::Result<MutexGuard<'_, MemoryStore>> {
    store.lock().map_err(|_| io::Error::other("a thread panicked while it held the store"))
}
