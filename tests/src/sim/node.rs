//! [`Node`]: one machine with its disks, and the process that comes and goes on it.
//!
//! ```text
//!   what outlives the process     consensus files, storage, journal, clock
//!   the process                   Machine ─actions─► files, ClusterLedger, TxPool, network
//!                                    ▲ events ◄──────────┘
//! ```
//! All of the process is production's. What is written here is what production's runtime does between its parts: see
//! [`super::actions`].
use super::{
    byzantine::{Adversary, Tools},
    clock::Clock,
    coverage::Path,
    disk::SharedFiles,
    keys::{VALIDATOR_KEYS, ValidatorKey},
    light,
    oracle::Invariant,
    plan::Mutant,
    schedule::{MILLISECOND, Micros, SECOND},
    world::{Happening, Packet, World},
};
use crate::trace;
use alloy_eips::eip2718::Encodable2718;
use pervade_consensus::{ConsensusFiles, Event, Machine, MissingRecord, Now, PeerId, Settings, Signer, StartHeight};
use pervade_evm_ext::TransactionSource;
use pervade_node::ledger::{ClusterLedger, Ledger};
use pervade_storage::{HistoryMode, MemoryDisk, Storage, StorageOptions};
use pervade_txpool::{MemoryJournal, PoolConfig, PoolError, TxPool};
use std::{
    collections::{BTreeMap, VecDeque},
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

/// Of a thousand times that heads are told, those at which waiting transactions are told again.
const TELLS_AGAIN_PER_MILLE: u64 = 250;
/// Heights that a wiped validator is told not to sign, above the cluster's.
const SILENT_HEIGHTS: u64 = 3;

/// One machine of the cluster.
pub struct Node {
    /// Its place in the cluster.
    pub place: usize,
    /// Its wall clock.
    pub clock: Clock,
    pub(super) key: &'static ValidatorKey,
    pub(super) signer: Box<dyn Signer>,
    pub(super) adversary: Option<Box<dyn Adversary>>,
    files: SharedFiles,
    disk: MemoryDisk,
    journal: MemoryJournal,
    history: HistoryMode,
    /// Counts starts.
    run: u32,
    pub(super) process: Option<Process>,
    missing_record: MissingRecord,
    /// Its disks are about to fail, at some operation.
    pub(super) is_doomed: bool,
    /// Somebody has set it up: from the beginning, or when it is to become a validator.
    pub is_set_up: bool,
}

/// What a crash ends.
pub(super) struct Process {
    pub(super) machine: Machine,
    pub(super) files: ConsensusFiles,
    pub(super) ledger: ClusterLedger,
    pub(super) pool: TxPool,
    /// Of gossip messages and requests that came in.
    pub(super) next_id: u64,
    /// Requests of others that wait for an answer: who, its run, its id.
    pub(super) requests: BTreeMap<u64, (usize, u32, u64)>,
    /// The alarm that counts.
    pub(super) alarm_at_ms: Option<u64>,
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// What it wrote is there, synced or not.
    Killed,
    /// What was not synced is there, lost or torn.
    PowerLost,
}

/// What a client hears of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It is accepted: it will be in a block.
    Acknowledged,
    /// The node has it, or a block has.
    Known,
    /// Nothing, or that it is not accepted.
    NotTaken,
}

/// The name that nodes have for each other.
pub fn peer_id(place: usize) -> PeerId {
    PeerId::new(vec![b'n', place as u8])
}

impl Node {
    /// A machine that was never started.
    pub fn new(place: usize, world: &World) -> Self {
        let key = &VALIDATOR_KEYS[place];
        let no_sync = world.plan.mutant == Some(Mutant::NoSync);
        let (disk, journal) = (world.genesis.disk(), MemoryJournal::default());
        if no_sync {
            disk.ignore_syncs();
            journal.ignore_syncs();
        }
        Self {
            place,
            clock: Clock::default(),
            key,
            signer: world.scheme().signer(key),
            adversary: world.plan.adversaries[place].map(|kind| kind.adversary()),
            files: SharedFiles::new(no_sync),
            disk,
            journal,
            history: HistoryMode::Window { blocks: world.plan.history_blocks },
            run: 0,
            process: None,
            missing_record: MissingRecord::Create { silent_through: 0 },
            is_doomed: false,
            is_set_up: place < world.plan.validators,
        }
    }

    /// Whether its process is there.
    pub fn is_up(&self) -> bool {
        self.process.is_some()
    }

    /// Whether it keeps to the protocol.
    pub fn is_honest(&self) -> bool {
        self.adversary.is_none()
    }

    /// Its run, for what may not outlive it.
    pub(super) fn run(&self) -> u32 {
        self.run
    }

    /// Height of its head; 0 while it is down.
    pub fn height(&self) -> u64 {
        self.process.as_ref().map_or(0, |process| process.ledger.ledger().head().number())
    }

    /// A client that trusts nobody follows the chain from its storage.
    pub fn show_light_client(&self, world: &mut World) {
        let Some(process) = &self.process else { return };
        match light::walk(world, process.ledger.ledger().storage()) {
            Ok(0) => {}
            Ok(_) => world.coverage.hit(Path::LightClientFollowed),
            Err(reason) => {
                world.oracle.violated(Invariant::Validity, format!("a light client at node {}: {reason}", self.place))
            }
        }
    }

    /// Where its machine is, for a failure's report.
    pub fn status(&self) -> String {
        match &self.process {
            None => "down".into(),
            Some(process) => {
                let status = process.machine.status();
                let (pending, head) = (process.pool.status(), self.height());
                format!(
                    "head {head}, at {}/{} {}, votes: {}, target {}, pool {}+{}, clock {:+} ms{}",
                    status.height,
                    status.round,
                    status.step,
                    status.is_voting,
                    status.target,
                    pending.pending,
                    pending.queued,
                    self.clock.offset() / 1_000,
                    if self.is_honest() { "" } else { ", Byzantine" },
                )
            }
        }
    }

    pub(super) fn now(&self, at: Micros) -> Now {
        Now { monotonic_ms: at / MILLISECOND, unix_ms: self.clock.unix_ms(at) }
    }

    /// Starts the process on what the disks have.
    pub fn start(&mut self, world: &mut World) {
        if self.process.is_some() {
            return;
        }
        match self.open(world) {
            Ok(process) => {
                let head = process.ledger.ledger().head();
                trace!(world, "n{} starts at height {}", self.place, head.number());
                if self.is_honest() {
                    world.oracle.restarted(self.place, head.number(), head.hash);
                }
                self.missing_record = MissingRecord::Refuse;
                self.process = Some(process);
                world.broadcast(self.place, &Packet::Head(head.number()));
                let start = self.start_height();
                self.handle(world, start);
                self.tell_of_work(world);
            }
            Err(reason) if self.is_doomed => {
                trace!(world, "n{} loses power while it starts: {reason}", self.place);
                world.coverage.hit(Path::PowerLostInRecovery);
                self.lose_power(world);
                world.schedule.after(SECOND, Happening::Start { node: self.place });
            }
            Err(reason) => {
                trace!(world, "n{} does not start: {reason}", self.place);
                if self.is_honest() {
                    world.oracle.violated(Invariant::HonestNodesWork, format!("node {}: {reason}", self.place));
                }
            }
        }
    }

    fn open(&mut self, world: &mut World) -> Result<Process, String> {
        let spec = &world.genesis.spec;
        let options = StorageOptions { history: self.history, ..StorageOptions::default() };
        let storage = Storage::open_in_memory(&self.disk, spec, options).map_err(|error| error.to_string())?;
        if storage.blocks_to_replay().is_some() {
            world.coverage.hit(Path::StateExecutedAgain);
        }
        let ledger = Ledger::open(spec.clone(), storage.clone()).map_err(|error| error.to_string())?;
        let pool = TxPool::open_in_memory(&self.journal, spec.clone(), storage, PoolConfig::default())
            .map_err(|error| error.to_string())?;
        let status = pool.status();
        if status.pending + status.queued > 0 {
            world.coverage.hit(Path::JournalTakenBack);
        }
        let store = Box::new(self.files.clone());
        let key = Some(&self.key.public_key);
        let (files, recovered) =
            ConsensusFiles::open(store, &world.chain, key, self.missing_record).map_err(|error| error.to_string())?;
        if !recovered.log.records.is_empty() && recovered.log.height > ledger.head().number() {
            world.coverage.hit(Path::LogTakenBack);
        }
        if recovered.log.torn_bytes > 0 {
            world.coverage.hit(Path::LogTorn);
        }
        let pervade = spec.pervade().ok_or("the chain has no validators")?;
        let settings = Settings {
            chain: world.chain,
            block_period_ms: pervade.block_period_ms,
            empty_block_period_ms: pervade.empty_block_period_ms,
            seed: world.random.number(),
        };
        let signer = world.scheme().signer(self.key);
        Ok(Process {
            machine: Machine::new(settings, Some(signer), world.verifier(), recovered),
            files,
            ledger: ClusterLedger::new(ledger),
            pool,
            next_id: 0,
            requests: BTreeMap::new(),
            alarm_at_ms: None,
        })
    }

    /// The event that begins the height after the head.
    pub(super) fn start_height(&self) -> Event {
        let (height, parent_timestamp_s, validators) = match &self.process {
            None => (0, 0, Vec::new()),
            Some(process) => {
                let head = process.ledger.ledger().head();
                let height = head.number() + 1;
                (height, head.header().timestamp, process.ledger.validators(height).unwrap_or_default())
            }
        };
        Event::StartHeight(StartHeight { height, parent_timestamp_s, validators })
    }

    /// Ends the process.
    pub fn crash(&mut self, world: &mut World, crash: Crash) {
        if self.process.take().is_none() {
            return;
        }
        self.run += 1;
        trace!(world, "n{} crashes: {crash:?}", self.place);
        match crash {
            Crash::Killed => {
                self.is_doomed = false;
                self.files.outlive_process(world.random.number());
                self.disk.restart(usize::MAX);
                self.journal.restart(usize::MAX);
            }
            Crash::PowerLost => self.lose_power(world),
        }
    }

    fn lose_power(&mut self, world: &mut World) {
        self.is_doomed = false;
        let (writes, transactions) = (self.disk.unsynced_writes(), self.journal.unsynced());
        let kept = world.random.index(writes + 1);
        if kept < writes {
            world.coverage.hit(Path::StorageWriteLost);
        }
        self.disk.restart(kept);
        self.journal.restart(world.random.index(transactions + 1));
        self.files.lose_power(world.random.number());
    }

    /// At a coming operation of one of its disks the power is lost.
    pub fn doom(&mut self, world: &mut World, in_storage: bool, operation: u64) {
        self.is_doomed = true;
        trace!(world, "n{} will lose power at operation {operation}, storage: {in_storage}", self.place);
        if in_storage {
            self.disk.fail_from(self.disk.operations() + operation);
        } else {
            self.files.fail_after(operation);
        }
    }

    /// A new machine takes its place: the same key, empty disks. Who set it up knows how far the key may have signed.
    /// Answers that height.
    pub fn wipe(&mut self, world: &mut World) -> u64 {
        self.crash(world, Crash::PowerLost);
        self.files = SharedFiles::new(false);
        self.disk = world.genesis.disk();
        self.journal = MemoryJournal::default();
        let silent_through = world.oracle.height() + SILENT_HEIGHTS;
        self.missing_record = MissingRecord::Create { silent_through };
        world.oracle.wiped(self.place);
        world.coverage.hit(Path::NodeWiped);
        trace!(world, "n{} begins with empty disks, silent through {silent_through}", self.place);
        silent_through
    }

    /// An adversary's process starts again and remembers no signature.
    pub(super) fn forget(&mut self, world: &mut World) {
        self.crash(world, Crash::Killed);
        self.files = SharedFiles::new(false);
        self.missing_record = MissingRecord::Create { silent_through: 0 };
        world.schedule.after(MILLISECOND, Happening::Start { node: self.place });
    }

    /// A client hands in a transaction.
    pub fn submit(&mut self, world: &mut World, encoded: &[u8], power_goes: bool) -> Submitted {
        let Some(process) = &self.process else { return Submitted::NotTaken };
        let ticket = match process.pool.admit(encoded) {
            Ok((_, ticket)) => ticket,
            Err(PoolError::AlreadyKnown | PoolError::NonceTooLow { .. }) => return Submitted::Known,
            Err(_) => return Submitted::NotTaken,
        };
        if power_goes {
            world.coverage.hit(Path::PowerLostInPool);
            self.crash(world, Crash::PowerLost);
            return Submitted::NotTaken;
        }
        let durable = finished(process.pool.durable(ticket)).is_some_and(|result| result.is_ok());
        world.broadcast(self.place, &Packet::Transaction(encoded.to_vec().into()));
        self.tell_of_work(world);
        if durable { Submitted::Acknowledged } else { Submitted::NotTaken }
    }

    /// Its disks do not fail after all.
    pub fn spare(&mut self) {
        if self.is_doomed {
            self.is_doomed = false;
            self.disk.fail_from(u64::MAX);
            self.files.fail_after(u64::MAX);
        }
    }

    /// A transaction came over the network.
    pub fn receive_transaction(&mut self, world: &mut World, encoded: &[u8]) {
        if let Some(process) = &self.process
            && process.pool.admit(encoded).is_ok()
        {
            self.tell_of_work(world);
        }
    }

    /// Tells the others its head, and now and then what waits in its pool: whoever proposes may have missed it.
    pub fn tell(&mut self, world: &mut World) {
        let Some(process) = &self.process else { return };
        world.broadcast(self.place, &Packet::Head(self.height()));
        if self.adversary.is_some() || !world.random.per_mille(TELLS_AGAIN_PER_MILLE) {
            return;
        }
        let mut waiting = process.pool.best(Some(0));
        while let Some(candidate) = waiting.next() {
            world.broadcast(self.place, &Packet::Transaction(candidate.transaction.encoded_2718().into()));
        }
    }

    /// Tells the machine that a block would not be empty, if it would not.
    pub(super) fn tell_of_work(&mut self, world: &mut World) {
        if self.process.as_ref().is_some_and(|process| process.pool.status().pending > 0) {
            self.handle(world, Event::WorkPending);
        }
    }

    /// Gives the machine an event, and does what it wants.
    pub fn handle(&mut self, world: &mut World, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now(world.schedule.now());
            let Some(process) = &mut self.process else { return };
            for action in process.machine.step(now, event) {
                self.act(world, action, &mut events);
                if self.process.is_none() {
                    return;
                }
            }
        }
    }

    /// What the adversary of this node has at hand.
    pub(super) fn with_adversary<T>(
        &mut self,
        world: &mut World,
        ask: impl FnOnce(&mut dyn Adversary, &mut Tools<'_>) -> T,
    ) -> Option<T> {
        let World { random, coverage, plan, chain, .. } = world;
        let adversary = self.adversary.as_deref_mut()?;
        let (key, signer, accomplices) = (self.key, &*self.signer, plan.accomplices());
        let mut tools = Tools {
            random,
            coverage,
            key,
            signer,
            chain: *chain,
            nodes: plan.nodes,
            own: self.place,
            accomplices: &accomplices,
        };
        Some(ask(adversary, &mut tools))
    }
}

/// The result of a future that has nothing to wait for.
fn finished<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}
