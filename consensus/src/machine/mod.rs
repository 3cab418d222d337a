//! The machine: one step an event.
mod blocks;
mod core_io;
mod decide;
mod early;
mod gossip;
mod heard;
mod height;
mod patience;
mod replay;
#[cfg(test)]
mod tests;
mod timers;

use crate::{
    action::Action,
    core::CoreSet,
    event::{Event, Now, Topic},
    files::Recovered,
    gossip::GossipMessage,
    log::LogEntry,
    notice::{Notice, SilenceReason},
    persist::Persist,
    random::SplitMix64,
    record::{SignedStep, SigningGuard},
    signing::{ChainIdentity, Signer, Verifier, consensus_address},
    sync::{SyncClient, SyncServer},
    validators::ValidatorSet,
};
use alloy_primitives::{Address, B256, keccak256};
use bytes::Bytes;
use early::EarlyMessages;
use height::{Height, Phase};
use patience::Patience;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use timers::{Timer, Timers};

/// What does not change while a node runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The chain that is agreed on.
    pub chain: ChainIdentity,
    /// Shortest time from the beginning of one height to the next, milliseconds.
    pub block_period_ms: u64,
    /// Longest time without a block, milliseconds; 0: no empty blocks.
    pub empty_block_period_ms: u64,
    /// Decides jitter and choices among equals. Best different on each node.
    pub seed: u64,
}

/// Where a node is, for `pervade status` and RPC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineStatus {
    /// Height being worked on; 0 before the first.
    pub height: u64,
    /// Its round.
    pub round: u32,
    /// Its step: `waiting`, `propose`, `prevote`, `precommit` or `decided`.
    pub step: &'static str,
    /// Consensus address of the validator whose turn it is.
    pub proposer: Option<Address>,
    /// Consensus address of this node's key, if it has one.
    pub address: Option<Address>,
    /// Whether this node votes at this height.
    pub is_voting: bool,
    /// Highest head that a peer claims.
    pub target: u64,
}

/// Agreement of one node. See the crate's documentation.
pub struct Machine {
    settings: Settings,
    verifier: Arc<dyn Verifier>,
    guard: Option<SigningGuard>,
    /// Consensus address of our key; zero without one, which is no validator's.
    address: Address,
    random: SplitMix64,
    now: Now,
    height: Option<Height>,
    recovered: Recovered,
    /// The log of this height lost what signatures stand on.
    damaged_height: Option<u64>,
    key_is_elsewhere: bool,
    timers: Timers,
    alarm_ms: Option<u64>,
    /// Turns that validators missed in a row.
    missed: BTreeMap<Address, u32>,
    /// Members of the set that proved to be faulty, and have shown no good block since.
    faulty: BTreeSet<Address>,
    early: EarlyMessages,
    patience: Patience,
    sync: SyncClient,
    server: SyncServer,
    work_is_pending: bool,
    last_begun_ms: Option<u64>,
    /// Makes repeated messages differ.
    repeat: u16,
    /// Of this step: done before, written down, sent after, done after.
    verdicts: Vec<Action>,
    records: Vec<Bytes>,
    messages: Vec<Action>,
    actions: Vec<Action>,
    /// Place and digest that the signing record on disk has.
    recorded: ((u64, u32, SignedStep), B256),
}

impl Machine {
    /// A machine that goes on where the files of the node ended. With a `signer`, `recovered` is of that key.
    pub fn new(
        settings: Settings,
        signer: Option<Box<dyn Signer>>,
        verifier: Arc<dyn Verifier>,
        recovered: Recovered,
    ) -> Self {
        let state = recovered.signing.unwrap_or_default();
        let guard = signer.map(|signer| SigningGuard::new(signer, state));
        let address = guard.as_ref().and_then(|guard| consensus_address(&guard.public_key())).unwrap_or_default();
        let damaged_height = recovered.log.damaged.then_some(state.height);
        Self {
            random: SplitMix64::new(settings.seed),
            settings,
            verifier,
            guard,
            address,
            now: Now::default(),
            height: None,
            recovered,
            damaged_height,
            key_is_elsewhere: false,
            timers: Timers::default(),
            alarm_ms: None,
            missed: BTreeMap::new(),
            faulty: BTreeSet::new(),
            early: EarlyMessages::default(),
            patience: Patience::default(),
            sync: SyncClient::default(),
            server: SyncServer::default(),
            work_is_pending: false,
            last_begun_ms: None,
            repeat: 0,
            verdicts: Vec::new(),
            records: Vec::new(),
            messages: Vec::new(),
            actions: Vec::new(),
            recorded: (state.place(), state.digest),
        }
    }

    /// Takes one event and returns what is to be done, in order.
    pub fn step(&mut self, now: Now, event: Event) -> Vec<Action> {
        self.now.monotonic_ms = self.now.monotonic_ms.max(now.monotonic_ms);
        self.now.unix_ms = now.unix_ms;
        match event {
            Event::StartHeight(start) => self.on_start_height(start),
            Event::WorkPending => self.on_work_pending(),
            Event::Alarm => self.alarm_ms = None,
            Event::Message { id, peer, topic, bytes } => self.on_message(id, peer, topic, bytes),
            Event::Built { height, round, block_hash, body } => self.on_built(height, round, block_hash, body),
            Event::Validated { height, block_hash, verdict } => self.on_validated(height, block_hash, verdict),
            Event::PeerHead { peer, head } => self.sync.on_head(peer, head),
            Event::PeerGone { peer } => self.sync.on_gone(&peer),
            Event::Request { id, peer, bytes } => {
                let answers = self.server.on_request(id, peer, &bytes, self.head());
                self.actions.extend(answers);
            }
            Event::BlocksLoaded { id, blocks } => self.actions.extend(self.server.on_loaded(id, blocks)),
            Event::Response { id, peer, bytes } => {
                let current = self.current();
                let actions = self.sync.on_response(id, peer, &bytes, current);
                self.actions.extend(actions);
            }
            Event::RequestFailed { id, .. } => self.sync.on_failed(id, self.current()),
        }
        self.fire_timers();
        self.drive_sync();
        self.finish()
    }

    /// Where this node is.
    pub fn status(&self) -> MachineStatus {
        let height = self.height.as_ref();
        let running = height.filter(|height| height.phase == Phase::Running);
        MachineStatus {
            height: height.map_or(0, |height| height.number),
            round: running.and_then(|height| height.core.round()).unwrap_or(0),
            step: match height.map(|height| &height.phase) {
                Some(Phase::Running) => running.map_or("waiting", |height| height.core.step()),
                Some(Phase::Decided) => "decided",
                _ => "waiting",
            },
            proposer: height.map(|height| height.core.proposer(height.core.round().unwrap_or(0))),
            address: self.guard.as_ref().map(|_| self.address),
            is_voting: height.is_some_and(|height| height.may_sign),
            target: self.sync.target(),
        }
    }

    /// Height being worked on, or the next one.
    fn current(&self) -> u64 {
        self.head().saturating_add(1)
    }

    /// Last decided height.
    fn head(&self) -> u64 {
        match &self.height {
            None => 0,
            Some(height) if height.phase == Phase::Decided => height.number,
            Some(height) => height.number.saturating_sub(1),
        }
    }

    fn notice(&mut self, notice: Notice) {
        self.actions.push(Action::Notice(notice));
    }

    /// Sends a message after what it stands on is written down.
    fn publish(&mut self, message: &GossipMessage) {
        let topic = if matches!(message, GossipMessage::Part(_)) { Topic::BlockParts } else { Topic::Consensus };
        self.repeat = self.repeat.wrapping_add(1);
        self.messages.push(Action::Publish { topic, bytes: message.encoded(self.repeat) });
    }

    /// Writes an entry to the log. Only who may sign has something to remember.
    fn record(&mut self, entry: &LogEntry) {
        let Some(height) = self.height.as_mut().filter(|height| height.may_sign) else { return };
        let payload = entry.encoded();
        // What is replayed is in the log already.
        if height.is_replay && height.logged.contains(&keccak256(&payload)) {
            return;
        }
        height.records = height.records.saturating_add(1);
        self.records.push(payload);
    }

    /// Ends signing at this height.
    fn silence(&mut self, reason: SilenceReason) {
        let Some(height) = self.height.as_mut().filter(|height| height.may_sign) else { return };
        height.may_sign = false;
        height.core.silence();
        let number = height.number;
        self.notice(Notice::Silent { height: number, reason });
    }

    fn fire_timers(&mut self) {
        while let Some(timer) = self.timers.take_due(self.now.monotonic_ms) {
            match timer {
                Timer::Begin => self.on_begin_due(),
                Timer::Wait { step, round } => self.on_wait_ended(step, round),
                Timer::Repeat { round } => self.on_repeat(round),
                Timer::Sync => {}
            }
        }
    }

    /// Puts the actions of a step in order, and sets the alarm.
    fn finish(&mut self) -> Vec<Action> {
        let mut actions = std::mem::take(&mut self.verdicts);
        let signed = self.signed_state();
        let records = std::mem::take(&mut self.records);
        if let Some(height) = &self.height
            && (signed.is_some() || !records.is_empty())
        {
            actions.push(Action::Persist(Persist { height: height.number, records, signed }));
        }
        actions.append(&mut self.messages);
        actions.append(&mut self.actions);
        self.timers.set(Timer::Sync, self.sync.next_ms(self.current()).max(self.now.monotonic_ms.saturating_add(1)));
        if let Some(next_ms) = self.timers.next_ms()
            && self.alarm_ms != Some(next_ms)
        {
            self.alarm_ms = Some(next_ms);
            actions.push(Action::SetAlarm { at_ms: next_ms });
        }
        actions
    }

    /// The new state of the signing record, if there is a new signature.
    fn signed_state(&mut self) -> Option<crate::SigningState> {
        let (height, guard) = (self.height.as_ref()?, self.guard.as_mut()?);
        let recorded = (guard.state().place(), guard.state().digest);
        if recorded == self.recorded || guard.state().height != height.number {
            return None;
        }
        self.recorded = recorded;
        let block = |(round, block_hash)| crate::record::BlockAtRound { round, block_hash };
        let (locked, valid) = (height.core.locked().map(block), height.core.valid().map(block));
        let state = guard.state_mut();
        state.locked = locked;
        state.valid = valid;
        state.log_records = height.records;
        Some(*state)
    }
}

/// A set in both shapes.
fn sets(set: ValidatorSet) -> (Arc<ValidatorSet>, CoreSet) {
    let set = Arc::new(set);
    (Arc::clone(&set), CoreSet::new(set))
}
