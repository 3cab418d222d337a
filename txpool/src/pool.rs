//! [`TxPool`]: the pool's public face. Locks, clock, disk and waiting are here; the rules are elsewhere.
use crate::{
    BestTransactions, PoolConfig, PoolError, PooledTransaction, QUEUED_LIFETIME_S_MAX,
    head::{Chain, StoredChain},
    journal::{Journal, JournalEntry, JournalFile, JournalWriter, LiveTransactions, MemoryJournal, Ticket},
    rules::NextBlockRules,
    state::{Insertion, Origin, PoolState},
    transaction::{Received, decode, receive},
};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256, Bytes};
use parking_lot::Mutex;
use pervade_chainspec::{ChainSpec, params::SYSTEM_ACCOUNT};
use pervade_evm_ext::governance::missing_permission;
use pervade_storage::{Account, ExecutedBlock, Storage};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, OnceLock, Weak},
    time::{Duration, Instant},
};
use tokio::sync::{Notify, broadcast};
use tracing::{debug, info};

/// The journal's name in its directory.
const JOURNAL_FILE: &str = "transactions.journal";
/// Events that a slow subscriber may be behind.
const PENDING_EVENTS_MAX: usize = 4_096;
/// Expired transactions are looked for no more often than this.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(30);

/// Counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStatus {
    /// Executable now.
    pub pending: usize,
    /// Behind a nonce gap, or not payable yet.
    pub queued: usize,
}

/// All transactions by sender and nonce, for `txpool_content`.
#[derive(Debug, Clone, Default)]
pub struct PoolContent {
    /// Executable.
    pub pending: BTreeMap<Address, BTreeMap<u64, PooledTransaction>>,
    /// Not yet.
    pub queued: BTreeMap<Address, BTreeMap<u64, PooledTransaction>>,
}

/// The pool. Clones share it.
#[derive(Clone)]
pub struct TxPool {
    inner: Arc<PoolInner>,
}

pub(crate) struct PoolInner {
    state: Arc<Mutex<PoolState>>,
    chain: Box<dyn Chain>,
    /// A matter of the chain, not of the block.
    takes_blobs: bool,
    events: broadcast::Sender<PooledTransaction>,
    offers: Notify,
    expired_at: Mutex<Instant>,
    /// Set once, right after the pool itself is made: the journal's thread refers to the pool.
    journal: OnceLock<Journal>,
}

impl TxPool {
    /// Opens the journal in `dir` (created if missing) and takes its transactions back: those that are in a block or
    /// that the next block would refuse are dropped.
    ///
    /// # Errors
    /// [`PoolError::Journal`], [`PoolError::JournalDamaged`], [`PoolError::JournalVersion`], [`PoolError::Storage`].
    pub fn open(dir: &Path, spec: Arc<ChainSpec>, storage: Storage, config: PoolConfig) -> Result<Self, PoolError> {
        let head = storage.head();
        let total_difficulty = storage.total_difficulty(head.number())?.unwrap_or_default();
        let chain = StoredChain { spec, storage, min_tip: config.min_tip };
        let rules = chain.rules_after(head.header(), total_difficulty);
        Self::restore(dir, Box::new(chain), rules, head.number(), config)
    }

    /// A pool on block `head`, with what the journal in `dir` has.
    pub(crate) fn restore(
        dir: &Path,
        chain: Box<dyn Chain>,
        rules: NextBlockRules,
        head: u64,
        mut config: PoolConfig,
    ) -> Result<Self, PoolError> {
        config.queued_lifetime_s = config.queued_lifetime_s.min(QUEUED_LIFETIME_S_MAX);
        let mut state = PoolState::new(config, Arc::new(rules), head);
        let path = dir.join(JOURNAL_FILE);
        std::fs::create_dir_all(dir).map_err(|error| PoolError::journal(&path, "create its directory", error))?;
        let file = read_journal(&path, &mut state, &*chain)?;
        Self::start(chain, state, file)
    }

    /// Starts the journal's thread.
    pub(crate) fn start(chain: Box<dyn Chain>, state: PoolState, file: JournalFile) -> Result<Self, PoolError> {
        let inner = PoolInner::new(chain, state);
        let live: Weak<PoolInner> = Arc::downgrade(&inner);
        let _ = inner.journal.set(Journal::File(JournalWriter::start(file, live)?));
        Ok(Self { inner })
    }

    /// Like [`Self::open`] on a journal in memory, for simulations: without file and thread. [`Self::durable`] syncs it.
    ///
    /// # Errors
    /// [`PoolError::Storage`].
    pub fn open_in_memory(
        journal: &MemoryJournal,
        spec: Arc<ChainSpec>,
        storage: Storage,
        config: PoolConfig,
    ) -> Result<Self, PoolError> {
        let head = storage.head();
        let total_difficulty = storage.total_difficulty(head.number())?.unwrap_or_default();
        let chain = StoredChain { spec, storage, min_tip: config.min_tip };
        let rules = chain.rules_after(head.header(), total_difficulty);
        let mut state = PoolState::new(config, Arc::new(rules), head.number());
        for (sender, encoded) in journal.entries() {
            match restore_entry(&JournalEntry { sender, encoded: &encoded }, &mut state, &chain) {
                Err(error) if error.is_fatal() => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        let inner = PoolInner::new(Box::new(chain), state);
        let _ = inner.journal.set(Journal::Memory(journal.clone()));
        Ok(Self { inner })
    }

    /// Decodes, validates against the head, and adds an EIP-2718 encoded transaction (one with blobs in its network
    /// form, EIP-4844). When the future is done with
    /// `Ok`, the journal has it on disk. Concurrent calls share one sync: whoever has many transactions must not
    /// wait for one before handing in the next (see [`Self::submit_all`]).
    ///
    /// # Errors
    /// Why it is refused, in geth's words; [`PoolError::is_fatal`] ones stop the pool.
    pub async fn submit(&self, encoded: Bytes) -> Result<B256, PoolError> {
        let (hash, ticket) = self.admit(&encoded)?;
        self.durable(ticket).await?;
        Ok(hash)
    }

    /// [`Self::submit`] for many: in order, each with its own answer, and one wait for all.
    pub async fn submit_all(&self, encoded: Vec<Bytes>) -> Vec<Result<B256, PoolError>> {
        let admitted: Vec<_> = encoded.iter().map(|encoded| self.admit(encoded)).collect();
        let mut answers = Vec::with_capacity(admitted.len());
        for result in admitted {
            answers.push(match result {
                Ok((hash, ticket)) => self.durable(ticket).await.map(|()| hash),
                Err(error) => Err(error),
            });
        }
        answers
    }

    /// First half of [`Self::submit`], without waiting: the transaction is in the pool, but must not be acknowledged
    /// before [`Self::durable`] is done.
    ///
    /// # Errors
    /// Like [`Self::submit`].
    pub fn admit(&self, encoded: &[u8]) -> Result<(B256, Ticket), PoolError> {
        let inner = &*self.inner;
        let journal = inner.journal()?;
        journal.failed()?;
        let Received { transaction, hash, blobs } = receive(encoded, inner.takes_blobs)?;
        let rules = {
            let state = inner.state.lock();
            if state.get(&hash).is_some() {
                return Err(PoolError::AlreadyKnown);
            }
            state.rules().clone()
        };
        rules.check(&transaction)?;
        let sender = transaction.recover_signer().map_err(|_| PoolError::Signature)?;
        if sender == SYSTEM_ACCOUNT {
            return Err(PoolError::SystemAccount { sender });
        }
        if let Some(missing) = missing_permission(inner.chain.permissions(&sender)?, &transaction) {
            return Err(PoolError::NotPermitted { sender, missing });
        }
        // The pool keeps and journals a blob transaction without its blobs.
        let without_blobs = match blobs {
            Some(blobs) => {
                blobs.check()?;
                Some(transaction.encoded_2718())
            }
            None => None,
        };
        let encoded = without_blobs.as_deref().unwrap_or(encoded);
        let transaction = PooledTransaction::new(transaction, hash, sender, encoded.len(), Instant::now());
        let promoted = inner.insert(&transaction)?;
        let ticket = journal.push(&sender, encoded);
        inner.announce(promoted);
        Ok((hash, ticket))
    }

    /// Second half of [`Self::submit`]: waits until the journal has the transaction on disk.
    ///
    /// # Errors
    /// [`PoolError::Journal`].
    pub async fn durable(&self, ticket: Ticket) -> Result<(), PoolError> {
        self.inner.journal()?.durable(ticket).await
    }

    /// Completes when a write or sync of the journal failed. The pool refuses everything from then on: the node must stop.
    pub async fn failure(&self) -> PoolError {
        match self.inner.journal() {
            Ok(journal) => journal.failure().await,
            Err(error) => error,
        }
    }

    /// The best transactions for a block on the head.
    pub fn best(&self, base_fee: Option<u64>) -> BestTransactions {
        BestTransactions::new(self.inner.state.clone(), base_fee)
    }

    /// Removes what the new head included or made invalid, promotes what it made executable. The block must be durable:
    /// its transactions leave the journal.
    pub fn on_block(&self, block: &ExecutedBlock) {
        self.inner.on_block(block);
    }

    /// Drops transactions that the proposer found invalid.
    pub fn remove(&self, hashes: &[B256]) {
        self.inner.state.lock().remove(hashes);
    }

    /// By hash.
    pub fn get(&self, hash: &B256) -> Option<PooledTransaction> {
        self.inner.state.lock().get(hash).map(|transaction| PooledTransaction::clone(transaction))
    }

    /// Sender of a pooled transaction.
    pub fn sender(&self, hash: &B256) -> Option<Address> {
        self.inner.state.lock().get(hash).map(|transaction| transaction.sender)
    }

    /// Nonce after this sender's executable transactions; `None` if it has none here.
    pub fn next_nonce(&self, sender: &Address) -> Option<u64> {
        let state = self.inner.state.lock();
        state.senders.get(sender).filter(|queue| queue.executable > 0).map(|queue| queue.next_nonce())
    }

    /// Counts.
    pub fn status(&self) -> PoolStatus {
        self.inner.state.lock().status()
    }

    /// Everything.
    pub fn content(&self) -> PoolContent {
        let state = self.inner.state.lock();
        let mut content = PoolContent::default();
        for sender in state.senders.keys() {
            state.add_content(sender, &mut content);
        }
        content
    }

    /// Everything of one sender.
    pub fn content_from(&self, sender: &Address) -> PoolContent {
        let mut content = PoolContent::default();
        self.inner.state.lock().add_content(sender, &mut content);
        content
    }

    /// Every transaction that becomes executable (`newPendingTransactions`); bounded, slow readers lose the oldest.
    pub fn subscribe(&self) -> broadcast::Receiver<PooledTransaction> {
        self.inner.events.subscribe()
    }

    /// Completes when there is something to propose: executable, and paying the next block's base fee.
    pub async fn wait_for_pending(&self) {
        loop {
            let notified = self.inner.offers.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.inner.state.lock().has_offers() {
                return;
            }
            notified.await;
        }
    }
}

impl PoolInner {
    fn new(chain: Box<dyn Chain>, state: PoolState) -> Arc<Self> {
        Arc::new(Self {
            takes_blobs: state.rules().takes_blobs,
            state: Arc::new(Mutex::new(state)),
            chain,
            events: broadcast::channel(PENDING_EVENTS_MAX).0,
            offers: Notify::new(),
            expired_at: Mutex::new(Instant::now()),
            journal: OnceLock::new(),
        })
    }

    fn journal(&self) -> Result<&Journal, PoolError> {
        self.journal.get().ok_or_else(|| {
            PoolError::journal(Path::new(JOURNAL_FILE), "use it", std::io::Error::other("it is not open yet"))
        })
    }

    fn insert(&self, transaction: &PooledTransaction) -> Result<Vec<Arc<PooledTransaction>>, PoolError> {
        let now = transaction.arrived;
        let mut read = None;
        loop {
            if let Insertion::Added(promoted) = self.state.lock().insert(transaction, read, Origin::Client, now)? {
                return Ok(promoted);
            }
            // Unknown here, or known as of a block that is not the head any more.
            read = Some(self.chain.sender(&transaction.sender)?);
        }
    }

    /// Tells subscribers and the proposer what became executable.
    fn announce(&self, promoted: Vec<Arc<PooledTransaction>>) {
        if promoted.is_empty() {
            return;
        }
        self.offers.notify_waiters();
        if self.events.receiver_count() > 0 {
            for transaction in promoted {
                let _ = self.events.send(PooledTransaction::clone(&transaction));
            }
        }
    }

    fn on_block(&self, executed: &ExecutedBlock) {
        let block = &executed.block;
        let rules = self.chain.rules_after(block.header(), executed.total_difficulty);
        let now = Instant::now();
        let promoted = {
            let mut state = self.state.lock();
            let changed = executed.state.accounts();
            let as_sender = |address: &Address, account: Option<&Account>| self.chain.as_sender(address, account);
            let promoted = state.advance(block.number(), rules, &block.senders, changed, as_sender, now);
            let mut expired_at = self.expired_at.lock();
            if now.saturating_duration_since(*expired_at) >= EXPIRY_INTERVAL {
                *expired_at = now;
                state.expire(now);
            }
            record_status(&state);
            promoted
        };
        self.announce(promoted);
        // A lower base fee makes offers of what was pending before.
        self.offers.notify_waiters();
    }
}

impl LiveTransactions for PoolInner {
    fn size(&self) -> (usize, usize) {
        let state = self.state.lock();
        (state.bytes(), state.len())
    }

    fn all(&self) -> Vec<Arc<PooledTransaction>> {
        self.state.lock().by_arrival()
    }
}

/// Reads the journal into the pool.
fn read_journal(path: &Path, state: &mut PoolState, chain: &dyn Chain) -> Result<JournalFile, PoolError> {
    let (mut restored, mut dropped) = (0_usize, 0_usize);
    let mut fatal = None;
    let file = JournalFile::open(path, &mut |entry| match restore_entry(&entry, state, chain) {
        Ok(()) => restored = restored.saturating_add(1),
        Err(error) if error.is_fatal() => fatal = Some(error),
        Err(error) => {
            debug!(%error, "dropped a transaction of the journal");
            dropped = dropped.saturating_add(1);
        }
    })?;
    if let Some(error) = fatal {
        return Err(error);
    }
    if restored > 0 || dropped > 0 {
        info!(restored, dropped, "took the journal's transactions back");
    }
    Ok(file)
}

fn restore_entry(entry: &JournalEntry<'_>, state: &mut PoolState, chain: &dyn Chain) -> Result<(), PoolError> {
    let (transaction, hash) = decode(entry.encoded)?;
    state.rules().check(&transaction)?;
    let now = Instant::now();
    let transaction = PooledTransaction::new(transaction, hash, entry.sender, entry.encoded.len(), now);
    if let Insertion::AccountNeeded = state.insert(&transaction, None, Origin::Journal, now)? {
        let read = chain.sender(&entry.sender)?;
        state.insert(&transaction, Some(read), Origin::Journal, now)?;
    }
    Ok(())
}

fn record_status(state: &PoolState) {
    let status = state.status();
    metrics::gauge!("pervade_txpool_pending").set(status.pending as f64);
    metrics::gauge!("pervade_txpool_queued").set(status.queued as f64);
    metrics::gauge!("pervade_txpool_bytes").set(state.bytes() as f64);
}
