//! One thread that makes transactions durable, many at a time.
use super::file::{JournalFile, RecordBuffer};
use crate::{PoolError, PooledTransaction};
use alloy_primitives::Address;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::{
    io, mem,
    path::PathBuf,
    sync::{Arc, Weak},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tracing::{error, info};

/// After a record of so many transactions, the next one gathers: a burst then shares one sync, not a few.
const BUSY_TRANSACTIONS: u32 = 8;
/// A record gathers as long as something came within this time.
const GATHER_STEP: Duration = Duration::from_micros(400);
/// But no longer than this: about what a sync takes.
const GATHER_MAX: Duration = Duration::from_millis(3);

/// What a rewrite of the journal asks the pool.
pub(crate) trait LiveTransactions: Send + Sync {
    /// Encoded bytes and number of all pooled transactions.
    fn size(&self) -> (usize, usize);
    /// All of them, in order of arrival.
    fn all(&self) -> Vec<Arc<PooledTransaction>>;
}

/// The record that a transaction went into. Its number grows from record to record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// The thread, and the way to it.
pub(crate) struct JournalWriter {
    path: PathBuf,
    shared: Arc<Shared>,
    progress: watch::Receiver<Progress>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
}

struct Queue {
    buffer: RecordBuffer,
    /// Number of the record that `buffer` becomes.
    ticket: u64,
    closed: bool,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    /// Records up to this one are durable.
    synced: u64,
    failure: Option<Failure>,
}

#[derive(Debug, Clone)]
struct Failure {
    action: &'static str,
    source: Arc<io::Error>,
}

impl JournalWriter {
    /// Starts the thread. `live` is asked when the journal may need a rewrite.
    ///
    /// # Errors
    /// [`PoolError::Journal`] if there is no thread to be had.
    pub(crate) fn start(file: JournalFile, live: Weak<dyn LiveTransactions>) -> Result<Self, PoolError> {
        let path = file.path().to_owned();
        let queue = Queue { buffer: RecordBuffer::default(), ticket: 1, closed: false };
        let shared = Arc::new(Shared { queue: Mutex::new(queue), wake: Condvar::new() });
        let (sender, progress) = watch::channel(Progress::default());
        let worker = Worker { file, shared: shared.clone(), live, progress: sender, last_transactions: 0 };
        let thread = thread::Builder::new()
            .name("pool-journal".into())
            .spawn(move || worker.run())
            .map_err(|error| PoolError::journal(&path, "start its thread", error))?;
        Ok(Self { path, shared, progress, thread: Some(thread) })
    }

    /// Queues a transaction for the next record. Durable when [`Self::durable`] says so.
    pub(crate) fn push(&self, sender: &Address, encoded: &[u8]) -> Ticket {
        let mut queue = self.shared.queue.lock();
        let was_empty = queue.buffer.is_empty();
        queue.buffer.push(sender, encoded.len(), |out| out.extend_from_slice(encoded));
        let ticket = Ticket(queue.ticket);
        drop(queue);
        if was_empty {
            self.shared.wake.notify_one();
        }
        ticket
    }

    /// Waits until the record is on disk.
    pub(crate) async fn durable(&self, ticket: Ticket) -> Result<(), PoolError> {
        let mut progress = self.progress.clone();
        let done = progress.wait_for(|progress| progress.synced >= ticket.0 || progress.failure.is_some()).await;
        match done {
            Ok(progress) if progress.synced >= ticket.0 => Ok(()),
            Ok(progress) => Err(self.error(progress.failure.as_ref())),
            Err(_) => Err(self.error(None)),
        }
    }

    /// The failure that ended it, if one did.
    pub(crate) fn failed(&self) -> Result<(), PoolError> {
        match &self.progress.borrow().failure {
            Some(failure) => Err(self.error(Some(failure))),
            None => Ok(()),
        }
    }

    /// Waits for the failure that ends it.
    pub(crate) async fn failure(&self) -> PoolError {
        let mut progress = self.progress.clone();
        match progress.wait_for(|progress| progress.failure.is_some()).await {
            Ok(progress) => self.error(progress.failure.as_ref()),
            Err(_) => self.error(None),
        }
    }

    fn error(&self, failure: Option<&Failure>) -> PoolError {
        let (action, source) = match failure {
            Some(failure) => (failure.action, failure.source.clone()),
            None => ("reach its thread", Arc::new(io::Error::other("the thread is gone"))),
        };
        PoolError::Journal { path: self.path.clone(), action, source }
    }
}

impl Drop for JournalWriter {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.wake.notify_one();
        // The thread holds the pool while it rewrites, so it may be the one that drops it.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

struct Worker {
    file: JournalFile,
    shared: Arc<Shared>,
    live: Weak<dyn LiveTransactions>,
    progress: watch::Sender<Progress>,
    /// In the last record.
    last_transactions: u32,
}

impl Worker {
    fn run(mut self) {
        let mut buffer = RecordBuffer::default();
        while let Some(ticket) = self.next_record(&mut buffer) {
            let result = self.file.append(&mut buffer);
            if result.is_ok() {
                self.progress.send_modify(|progress| progress.synced = ticket);
            }
            if let Err(error) = result.and_then(|()| self.rewrite_if_mostly_gone()) {
                return self.fail(error);
            }
        }
    }

    /// Waits for transactions and takes them; `None` when the pool is gone.
    fn next_record(&mut self, buffer: &mut RecordBuffer) -> Option<u64> {
        let mut queue = self.shared.queue.lock();
        while queue.buffer.is_empty() {
            if queue.closed {
                return None;
            }
            self.shared.wake.wait(&mut queue);
        }
        if self.last_transactions >= BUSY_TRANSACTIONS {
            let start = Instant::now();
            let mut gathered = 0;
            while queue.buffer.count() > gathered && !queue.closed && start.elapsed() < GATHER_MAX {
                gathered = queue.buffer.count();
                MutexGuard::unlocked(&mut queue, || thread::sleep(GATHER_STEP));
            }
        }
        self.last_transactions = queue.buffer.count();
        mem::swap(&mut queue.buffer, buffer);
        let ticket = queue.ticket;
        queue.ticket = ticket.saturating_add(1);
        Some(ticket)
    }

    /// Everything that was acknowledged is in the pool or was taken out of it for a reason (it is in a durable block,
    /// was replaced, evicted or refused), so a file of the pool's transactions loses nothing. What is queued for
    /// the next record may come twice.
    fn rewrite_if_mostly_gone(&mut self) -> Result<(), PoolError> {
        let Some(live) = self.live.upgrade() else { return Ok(()) };
        let (bytes, count) = live.size();
        if !self.file.is_mostly_gone(bytes, count) {
            return Ok(());
        }
        let all = live.all();
        drop(live);
        self.file = JournalFile::create(self.file.path(), &all)?;
        info!(transactions = all.len(), "rewrote the transaction journal");
        Ok(())
    }

    fn fail(self, error: PoolError) {
        error!(%error, "the transaction journal failed: the pool takes nothing any more");
        let failure = match error {
            PoolError::Journal { action, source, .. } => Failure { action, source },
            other => Failure { action: "write it", source: Arc::new(io::Error::other(other.to_string())) },
        };
        self.progress.send_modify(|progress| progress.failure = Some(failure));
    }
}
