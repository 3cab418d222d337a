//! [`Storage`]: one data directory.
use crate::{
    ExecutedBlock, HistoryMode, MemoryDisk, RecoveredBlock, StateView, StorageError, StorageOptions, store::Store,
    writer::Writer,
};
use alloy_primitives::B256;
use crossbeam_channel::{Receiver, bounded};
use pervade_chainspec::ChainSpec;
use std::{
    fmt,
    path::Path,
    sync::{Arc, atomic::Ordering},
};

/// Blocks that a subscriber may be behind. One that is further behind is dropped: its channel closes.
pub const SUBSCRIBER_BLOCKS_MAX: usize = 1024;

/// One data directory, opened by one process. Clones share it.
///
/// When the last clone goes, the state that is still unwritten is written; the directory is free when the last
/// [`StateView`] is gone as well.
#[derive(Clone)]
pub struct Storage {
    pub(crate) handle: Arc<Handle>,
}

/// What ends with the last clone.
pub(crate) struct Handle {
    pub(crate) store: Arc<Store>,
    /// `None` if opened for reading only, or in memory.
    writer: Option<Writer>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.writer.take().is_some() && self.store.database.failure().is_none() {
            let _ = self.store.database.sync(); // recorded as failure; the blocks are durable anyway
        }
    }
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Storage").field("dir", &self.store().dir).field("head", &self.head().number()).finish()
    }
}

impl Storage {
    /// Opens or creates the directory, writes the genesis state into a new one, checks that an old one is of this
    /// chain and of a format this version reads. The state may lag behind the head after a crash: see
    /// [`Self::blocks_to_replay`].
    ///
    /// # Errors
    /// [`StorageError::DataDirectoryInUse`], [`StorageError::WrongChain`], [`StorageError::NewerFormat`],
    /// [`StorageError::NoDatabase`] (reading only), [`StorageError::GenesisState`], [`StorageError::Directory`],
    /// [`StorageError::Damaged`] if what is there contradicts itself or has lost blocks, [`StorageError::Database`].
    pub fn open(dir: &Path, spec: &ChainSpec, options: StorageOptions) -> Result<Self, StorageError> {
        let store = Arc::new(crate::open::open(dir, spec, options)?);
        let writer = match store.options.read_only {
            true => None,
            false => Some(Writer::start(store.clone())?),
        };
        Ok(Self { handle: Arc::new(Handle { store, writer }) })
    }

    /// Opens a disk in memory, for simulations: all of this crate but RocksDB, and without a thread of its own. The
    /// state is written when [`Self::write_state`] is called, when too much is unwritten, and by [`Self::sync`]. A drop
    /// writes nothing: it is a crash.
    ///
    /// # Errors
    /// As [`Self::open`], but for those of directories.
    pub fn open_in_memory(disk: &MemoryDisk, spec: &ChainSpec, options: StorageOptions) -> Result<Self, StorageError> {
        let store = Arc::new(crate::open::open_in_memory(disk, spec, options)?);
        Ok(Self { handle: Arc::new(Handle { store, writer: None }) })
    }

    /// In memory only: one turn of what is the background writer's work elsewhere. False if there is nothing to write.
    ///
    /// # Errors
    /// A write failed, which is fatal.
    pub fn write_state(&self) -> Result<bool, StorageError> {
        crate::writer::write_oldest(self.store())
    }

    pub(crate) fn store(&self) -> &Arc<Store> {
        &self.handle.store
    }

    /// The newest block.
    pub fn head(&self) -> Arc<RecoveredBlock> {
        self.store().tip.read().head.clone()
    }

    /// State at the head; while blocks are to be replayed, the newest state there is.
    pub fn latest_view(&self) -> StateView {
        let tip = self.store().tip();
        let (number, root) = (tip.state_number, tip.state_root);
        StateView::new(self.store().clone(), tip, number, root)
    }

    /// State after block `number`.
    ///
    /// # Errors
    /// [`StorageError::UnknownBlock`] above the head, [`StorageError::Pruned`] below the history window,
    /// [`StorageError::ReplayPending`] if that state is not executed again yet; a record cannot be read.
    pub fn view_at(&self, number: u64) -> Result<StateView, StorageError> {
        let store = self.store();
        let tip = store.tip();
        if number > tip.head.number() {
            return Err(StorageError::UnknownBlock { number });
        }
        if number > tip.state_number {
            let (first, last) = (tip.state_number.saturating_add(1), tip.head.number());
            return Err(StorageError::ReplayPending { first, last });
        }
        store.check_kept(number)?;
        let root = if number == tip.state_number {
            tip.state_root
        } else if let Some(layer) = tip.layer(number) {
            layer.state_root
        } else {
            self.header(number)?.ok_or(StorageError::UnknownBlock { number })?.state_root
        };
        Ok(StateView::new(store.clone(), tip, number, root))
    }

    /// First block whose state is kept.
    pub fn first_state(&self) -> u64 {
        self.store().first_state.load(Ordering::SeqCst)
    }

    /// How much historical state is kept.
    pub fn history(&self) -> HistoryMode {
        self.store().options.history
    }

    /// Hash of block 0.
    pub fn genesis_hash(&self) -> B256 {
        self.store().genesis_hash
    }

    /// Gets every block that `commit` makes visible from now on, in order. The channel closes if its reader is more than
    /// [`SUBSCRIBER_BLOCKS_MAX`] blocks behind: read on from the head, then subscribe again.
    pub fn subscribe(&self) -> Receiver<ExecutedBlock> {
        let (sender, receiver) = bounded(SUBSCRIBER_BLOCKS_MAX);
        self.store().committing.lock().subscribers.push(sender);
        receiver
    }

    /// Why storage has stopped, if it has: a write or a sync failed, and every later one is refused.
    pub fn failure(&self) -> Option<String> {
        self.store().database.failure()
    }

    /// Gets one message, the reason, when storage stops: the node must end then.
    pub fn watch_failure(&self) -> Receiver<String> {
        self.store().database.watch_failure()
    }

    /// Point reads and scans, and records written, since the directory was opened.
    pub fn io_counts(&self) -> (u64, u64) {
        self.store().database.io_counts()
    }

    /// Writes memtables to files, and waits until RocksDB has nothing left to compact: what is measured then is not what
    /// came before. For benchmarks.
    ///
    /// # Errors
    /// [`StorageError::Database`]
    #[doc(hidden)]
    pub fn settle(&self) -> Result<(), StorageError> {
        self.store().database.settle()
    }

    /// Holds the background writer back, or lets it go on. While it is held back, a drop leaves the state behind the head,
    /// as a crash would. For tests.
    #[doc(hidden)]
    pub fn pause_background_writer(&self, paused: bool) {
        self.store().queue.pause(paused);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Block, StateUpdate};

    fn storage() -> (tempfile::TempDir, Storage) {
        let genesis = br#"{"config":{"chainId":7},"difficulty":"0x1","gasLimit":"0x1c9c380","alloc":{}}"#;
        let spec = ChainSpec::from_json("test.json", genesis).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(dir.path(), &spec, StorageOptions::default()).unwrap();
        (dir, storage)
    }

    fn block() -> ExecutedBlock {
        ExecutedBlock {
            block: Arc::new(RecoveredBlock { hash: B256::ZERO, block: Block::default(), senders: Vec::new() }),
            receipts: Arc::default(),
            state: Arc::<StateUpdate>::default(),
            total_difficulty: Default::default(),
        }
    }

    #[test]
    fn after_a_failed_write_everything_is_refused_and_reading_goes_on() {
        let (_dir, storage) = storage();
        let before = storage.watch_failure();
        assert_eq!(storage.failure(), None);
        storage.store().database.fail("the disk is gone".into());
        storage.store().database.fail("and then something else".into());

        assert_eq!(storage.failure().as_deref(), Some("the disk is gone"));
        assert_eq!(before.try_recv().as_deref(), Ok("the disk is gone"));
        assert_eq!(storage.watch_failure().try_recv().as_deref(), Ok("the disk is gone"));
        let refused = [
            storage.commit(block()),
            storage.commit_unsynced(block()),
            storage.sync(),
            storage.unwind(0),
            storage.prune_history(1).map(|_| ()),
        ];
        for result in refused {
            assert!(matches!(result, Err(StorageError::Stopped { .. })), "{result:?}");
        }
        assert_eq!(storage.head().number(), 0);
        assert!(storage.header(0).unwrap().is_some());
    }

    #[test]
    fn who_waits_for_the_background_writer_is_told_that_it_has_stopped() {
        let (_dir, storage) = storage();
        storage.pause_background_writer(true);
        storage.store().queue.push(Arc::default());
        let waiting = storage.clone();
        let waiter = std::thread::spawn(move || waiting.sync());
        storage.store().database.fail("the disk is gone".into());
        storage.pause_background_writer(false);
        assert!(matches!(waiter.join().unwrap(), Err(StorageError::Stopped { .. })));
    }
}
