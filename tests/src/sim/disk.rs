//! [`SharedFiles`]: the files of agreement of one node, which outlive its process.
use parking_lot::Mutex;
use pervade_consensus::{FileStore, MemoryStore, SplitMix64};
use std::{io, sync::Arc};

/// A [`MemoryStore`] that the node writes to and the simulation takes the power from.
#[derive(Debug, Clone, Default)]
pub struct SharedFiles {
    store: Arc<Mutex<MemoryStore>>,
    /// A disk that says it has synced and has not.
    ignores_syncs: bool,
}

impl SharedFiles {
    /// No files. `ignores_syncs`: a disk that says it has synced and has not.
    pub fn new(ignores_syncs: bool) -> Self {
        Self { ignores_syncs, ..Self::default() }
    }

    /// The `count`th operation from now on, and all after it, fail.
    pub fn fail_after(&self, count: u64) {
        let mut store = self.store.lock();
        let from = store.operations().saturating_add(count);
        store.fail_from(from);
    }

    /// The machine is back after a power loss.
    pub fn lose_power(&self, seed: u64) {
        self.store.lock().lose_power(&mut SplitMix64::new(seed));
    }

    /// The process is back after a kill: what it wrote is there, synced or not.
    pub fn outlive_process(&self, seed: u64) {
        let mut store = self.store.lock();
        store.sync_all();
        store.lose_power(&mut SplitMix64::new(seed));
    }
}

impl FileStore for SharedFiles {
    fn read(&mut self, name: &str) -> io::Result<Option<Vec<u8>>> {
        self.store.lock().read(name)
    }

    fn write(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.store.lock().write(name, offset, bytes)
    }

    fn truncate(&mut self, name: &str, bytes: u64) -> io::Result<()> {
        self.store.lock().truncate(name, bytes)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        if self.ignores_syncs { Ok(()) } else { self.store.lock().sync(name) }
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.store.lock().rename(from, to)
    }
}
