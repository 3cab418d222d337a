//! The background writer: takes state updates in order and writes some of them as one batch, without a sync.
//!
//! The log of RocksDB keeps order, so what survives a crash is a prefix: never a state without its block.
//!
//! ```text
//! commit ──► queue (bounded by blocks and bytes) ──► raise writing_to ──► write a group ──► drop its layers
//! ```
//! Blocks that follow each other quickly change the same accounts and the same upper trie nodes. So the writer lets a few
//! come together: of a group only the last value of each key becomes the current one. Meanwhile the layers answer.
use crate::{StateUpdate, StorageError, codec::key::block_key, codec::meta, columns::Column, history, store::Store};
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::Duration,
};

/// Blocks whose state may be unwritten: what a start after a crash executes again at most, but one.
pub(crate) const UNWRITTEN_BLOCKS_MAX: usize = 16;
/// Memory of unwritten state. One block may exceed it alone.
pub(crate) const UNWRITTEN_BYTES_MAX: usize = 128 << 20;
/// Blocks that are written together, if they come quickly.
const GROUP_BLOCKS_MAX: usize = 8;
/// State that is written together; more is written at once.
const GROUP_BYTES_MAX: usize = 16 << 20;
/// A block that no other follows is written after this time. Also bounds what a start after a crash executes again.
const GROUP_WAIT_MS: u64 = 100;
/// Blocks whose history is deleted along with one written block: more than one, so that a shortened window is reached.
const PRUNED_BLOCKS_PER_BLOCK: usize = 4;

/// Updates on their way to the database.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    /// There is no thread: whoever waits writes.
    by_hand: bool,
}

#[derive(Default)]
struct QueueState {
    pending: VecDeque<Arc<StateUpdate>>,
    bytes: usize,
    /// Threads that wait for the writer: it must not wait for more blocks then.
    waiting: usize,
    closing: bool,
    paused: bool,
}

impl Queue {
    /// A queue that no thread empties; see [`write_oldest`].
    pub(crate) fn by_hand() -> Self {
        Self { by_hand: true, ..Self::default() }
    }

    pub(crate) fn push(&self, update: Arc<StateUpdate>) {
        let mut state = self.state.lock();
        state.bytes = state.bytes.saturating_add(update.bytes());
        state.pending.push_back(update);
        metrics::gauge!("pervade_storage_unwritten_blocks").set(state.pending.len() as f64);
        self.changed.notify_all();
    }

    /// Waits until there is room for one more block.
    pub(crate) fn wait_for_room(&self, store: &Store) -> Result<(), StorageError> {
        self.wait(store, |state| state.pending.len() < UNWRITTEN_BLOCKS_MAX && state.bytes < UNWRITTEN_BYTES_MAX)
    }

    /// Waits until everything is written.
    pub(crate) fn wait_until_empty(&self, store: &Store) -> Result<(), StorageError> {
        self.wait(store, |state| state.pending.is_empty())
    }

    fn wait(&self, store: &Store, done: impl Fn(&QueueState) -> bool) -> Result<(), StorageError> {
        while self.by_hand && !done(&self.state.lock()) {
            write_oldest(store)?;
        }
        let mut state = self.state.lock();
        if done(&state) {
            return Ok(());
        }
        state.waiting = state.waiting.saturating_add(1);
        self.changed.notify_all();
        let waited = self.wait_locked(&mut state, store, done);
        state.waiting = state.waiting.saturating_sub(1);
        waited
    }

    fn wait_locked(
        &self,
        state: &mut MutexGuard<'_, QueueState>,
        store: &Store,
        done: impl Fn(&QueueState) -> bool,
    ) -> Result<(), StorageError> {
        while !done(state) {
            store.database.check_writable("wait for the background writer")?;
            self.changed.wait(state);
        }
        Ok(())
    }

    /// The oldest updates, when there are any; `None`: the writer shall end.
    fn next(&self) -> Option<Vec<Arc<StateUpdate>>> {
        let mut state = self.state.lock();
        loop {
            if state.pending.is_empty() || state.paused {
                if state.closing {
                    return None;
                }
                self.changed.wait(&mut state);
                continue;
            }
            let urgent = state.closing || state.waiting > 0;
            let full = state.pending.len() >= GROUP_BLOCKS_MAX || state.bytes >= GROUP_BYTES_MAX;
            if !urgent && !full {
                let more = self.changed.wait_for(&mut state, Duration::from_millis(GROUP_WAIT_MS));
                if !more.timed_out() || state.paused {
                    continue;
                }
            }
            return Some(state.pending.iter().take(GROUP_BLOCKS_MAX).cloned().collect());
        }
    }

    fn written(&self, group: &[Arc<StateUpdate>]) {
        let mut state = self.state.lock();
        for update in group {
            state.pending.pop_front();
            state.bytes = state.bytes.saturating_sub(update.bytes());
        }
        metrics::gauge!("pervade_storage_unwritten_blocks").set(state.pending.len() as f64);
        self.changed.notify_all();
    }

    /// The writer ends when nothing is left to write; at once, if it is paused.
    fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
    }

    /// Wakes who waits, to see that storage has stopped.
    fn wake(&self) {
        let _state = self.state.lock();
        self.changed.notify_all();
    }

    pub(crate) fn pause(&self, paused: bool) {
        self.state.lock().paused = paused;
        self.changed.notify_all();
    }
}

/// The thread. Dropped: writes what is pending, and ends.
pub(crate) struct Writer {
    store: Arc<Store>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(store: Arc<Store>) -> Result<Self, StorageError> {
        let work = store.clone();
        let spawned = thread::Builder::new().name("storage-writer".into()).spawn(move || run(&work));
        let thread = spawned.map_err(|source| StorageError::Directory { path: store.dir.clone(), source })?;
        Ok(Self { store, thread: Some(thread) })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.store.queue.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join(); // it has told why, if it failed
        }
    }
}

/// What the thread does in one turn, where there is none. False if there was nothing to write,
/// or if there is a thread.
pub(crate) fn write_oldest(store: &Store) -> Result<bool, StorageError> {
    if !store.queue.by_hand {
        return Ok(false);
    }
    let group: Vec<_> = store.queue.state.lock().pending.iter().take(GROUP_BLOCKS_MAX).cloned().collect();
    if group.is_empty() {
        return Ok(false);
    }
    // What a thread remembers is found again: chains of simulations are short.
    let mut prune_from = 0;
    write(store, &group, &mut prune_from)?;
    store.queue.written(&group);
    Ok(true)
}

fn run(store: &Store) {
    let mut prune_from = 0;
    while let Some(group) = store.queue.next() {
        if let Err(error) = write(store, &group, &mut prune_from) {
            store.database.fail(error.to_string());
            store.queue.wake();
            return;
        }
        store.queue.written(&group);
    }
}

fn write(store: &Store, group: &[Arc<StateUpdate>], prune_from: &mut u64) -> Result<(), StorageError> {
    let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(()) };
    let number = last.number;
    let mut batch = store.database.batch();
    let first_kept = store.options.history.first_kept(number);
    if first_kept > store.first_state.load(Ordering::SeqCst) {
        batch.put(Column::Meta, meta::FIRST_STATE, &block_key(first_kept))?;
        store.first_state.store(first_kept, Ordering::SeqCst);
    }
    // What this batch adds is not there yet to be deleted.
    let prunable = store.first_state.load(Ordering::SeqCst).min(first.number.saturating_sub(1));
    if *prune_from <= prunable {
        let blocks_max = PRUNED_BLOCKS_PER_BLOCK.saturating_mul(group.len());
        let pruned = history::prune(&store.database, &mut batch, *prune_from, prunable, blocks_max)?;
        *prune_from = pruned.next;
        metrics::counter!("pervade_storage_content_freed_bytes").increment(pruned.freed.bytes);
    }
    // After the pruning: content that is freed and kept again at once stays.
    history::write_updates(&mut batch, group)?;

    store.writing_to.store(number, Ordering::SeqCst);
    metrics::counter!("pervade_storage_state_written_bytes").increment(batch.size_bytes() as u64);
    store.database.write(batch, false)?;
    let mut tip = store.tip.write();
    *tip = Arc::new(tip.without_written(number));
    Ok(())
}
