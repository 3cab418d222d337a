//! The cluster: nodes, a network, and a clock that jumps to the next thing that happens.
use crate::node::{BEGIN_UNIX_MS, CHAIN, Node};
use alloy_primitives::{Address, B256, Bytes as AlloyBytes, keccak256};
use alloy_rlp::Decodable;
use bytes::Bytes;
use pervade_chainspec::ValidatorConfig;
use pervade_consensus::{
    Action, Equivocation, Event, MissingRecord, Notice, Now, Offence, PeerId, Secp256k1Signer, Settings, SignedVote,
    Signer, SplitMix64, Topic, VoteKind,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone)]
pub struct Options {
    pub validators: usize,
    pub followers: usize,
    pub seed: u64,
    pub loss_percent: u64,
    pub delay_ms: (u64, u64),
    pub block_period_ms: u64,
    pub empty_block_period_ms: u64,
    /// There is always work.
    pub is_loaded: bool,
    /// Bytes of padding in a block.
    pub block_bytes: usize,
    /// From a height on, only these validators are in the set; the last entry that has begun counts.
    pub changes: Vec<(u64, Vec<usize>)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            validators: 4,
            followers: 0,
            seed: 1,
            loss_percent: 0,
            delay_ms: (1, 10),
            block_period_ms: 200,
            empty_block_period_ms: 5_000,
            is_loaded: true,
            block_bytes: 100,
            changes: Vec::new(),
        }
    }
}

pub struct Cluster {
    pub options: Options,
    pub nodes: Vec<Node>,
    pub validators: Vec<ValidatorConfig>,
    pub now_ms: u64,
    pub random: SplitMix64,
    /// When each height was decided first, and as what.
    pub decided: BTreeMap<u64, (u64, B256)>,
    pub notices: Vec<(usize, Notice)>,
    pub evidence: Vec<Equivocation>,
    pub offences: Vec<(usize, Offence)>,
    /// Everything that happened, folded into a hash.
    pub trace: B256,
    queue: BTreeMap<(u64, u64), (usize, u64, Event)>,
    sequence: u64,
    signed: BTreeMap<(Address, VoteKind, u64, u32), B256>,
    /// Validators whose double signing is meant.
    pub byzantine: BTreeSet<Address>,
    /// Validators whose blocks pay another one.
    pub pays: BTreeMap<usize, usize>,
    cut_off: BTreeSet<usize>,
    asked: BTreeMap<u64, (usize, u64)>,
}

pub fn key(index: usize) -> B256 {
    keccak256(format!("validator {index}"))
}

impl Cluster {
    pub fn new(options: Options) -> Self {
        let validators = (0..options.validators).map(|index| ValidatorConfig {
            account: Address::repeat_byte(index as u8 + 1),
            public_key: AlloyBytes::copy_from_slice(Secp256k1Signer::new(&key(index)).unwrap().public_key().as_slice()),
            power: 1,
        });
        let validators: Vec<_> = validators.collect();
        let total = options.validators + options.followers;
        let nodes = (0..total).map(|index| Node::new((index < options.validators).then(|| key(index)))).collect();
        let mut cluster = Self {
            random: SplitMix64::new(options.seed),
            options,
            nodes,
            validators,
            now_ms: 0,
            decided: BTreeMap::new(),
            notices: Vec::new(),
            evidence: Vec::new(),
            offences: Vec::new(),
            trace: B256::ZERO,
            queue: BTreeMap::new(),
            sequence: 0,
            signed: BTreeMap::new(),
            byzantine: BTreeSet::new(),
            pays: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            asked: BTreeMap::new(),
        };
        for index in 0..total {
            cluster.start(index, MissingRecord::Create { silent_through: 0 });
        }
        cluster
    }

    pub fn start(&mut self, index: usize, missing: MissingRecord) {
        let settings = Settings {
            chain: CHAIN,
            block_period_ms: self.options.block_period_ms,
            empty_block_period_ms: self.options.empty_block_period_ms,
            seed: self.options.seed ^ index as u64,
        };
        self.nodes[index].start(settings, missing);
        let start = self.start_height(index);
        self.step(index, start);
        for other in 0..self.nodes.len() {
            if other != index {
                let head = self.nodes[other].chain.len() as u64;
                self.after(1, index, Event::PeerHead { peer: peer(other), head });
                let head = self.nodes[index].chain.len() as u64;
                self.after(1, other, Event::PeerHead { peer: peer(index), head });
            }
        }
        self.give_work(index);
    }

    /// The event that starts the node's next height, with the set that decides it.
    fn start_height(&self, index: usize) -> Event {
        let height = self.nodes[index].chain.len() as u64 + 1;
        let change = self.options.changes.iter().rev().find(|(from, _)| *from <= height);
        let set = match change {
            Some((_, members)) => members.iter().map(|member| self.validators[*member].clone()).collect(),
            None => self.validators.clone(),
        };
        self.nodes[index].start_height(&set)
    }

    pub fn restart(&mut self, index: usize) {
        self.start(index, MissingRecord::Refuse);
    }

    /// The node's power goes: what was not synced is kept, lost or torn.
    pub fn crash(&mut self, index: usize) {
        self.nodes[index].stop();
        self.nodes[index].store.lock().unwrap().lose_power(&mut self.random);
    }

    pub fn is_up(&self, index: usize) -> bool {
        self.nodes[index].machine.is_some()
    }

    /// Messages from and to these nodes are lost until it is called again.
    pub fn cut_off(&mut self, nodes: &[usize]) {
        self.cut_off = nodes.iter().copied().collect();
    }

    pub fn heads(&self) -> Vec<u64> {
        self.nodes.iter().map(|node| node.chain.len() as u64).collect()
    }

    /// Lets everybody know that there is work, once.
    pub fn work(&mut self) {
        for index in 0..self.nodes.len() {
            self.after(1, index, Event::WorkPending);
        }
    }

    pub fn run_for(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while let Some(at_ms) = self.next_ms().filter(|at_ms| *at_ms <= end_ms) {
            self.now_ms = self.now_ms.max(at_ms);
            self.run_due();
        }
        self.now_ms = end_ms;
    }

    /// Runs until all nodes that are up have this head; panics after a limit.
    pub fn run_to(&mut self, head: u64, limit_ms: u64) -> u64 {
        let begin_ms = self.now_ms;
        while self.now_ms < begin_ms + limit_ms {
            let behind = self.nodes.iter().any(|node| node.machine.is_some() && (node.chain.len() as u64) < head);
            if !behind {
                return self.now_ms - begin_ms;
            }
            self.run_for(20);
        }
        panic!("seed {}: heads {:?} after {limit_ms} ms, expected {head}", self.options.seed, self.heads());
    }

    fn next_ms(&self) -> Option<u64> {
        let alarms = self.nodes.iter().filter_map(|node| node.alarm_ms);
        let queued = self.queue.keys().next().map(|(at_ms, _)| *at_ms);
        alarms.chain(queued).min()
    }

    fn run_due(&mut self) {
        for index in 0..self.nodes.len() {
            if self.nodes[index].alarm_ms.is_some_and(|at_ms| at_ms <= self.now_ms) {
                self.nodes[index].alarm_ms = None;
                self.step(index, Event::Alarm);
            }
        }
        while let Some(entry) = self.queue.first_entry().filter(|entry| entry.key().0 <= self.now_ms) {
            let (index, life, event) = entry.remove();
            if self.nodes[index].life == life {
                self.step(index, event);
            }
        }
    }

    /// Something happens to a node later, if it lives on until then.
    pub fn after(&mut self, ms: u64, index: usize, event: Event) {
        self.sequence += 1;
        let life = self.nodes[index].life;
        self.queue.insert((self.now_ms + ms, self.sequence), (index, life, event));
    }

    /// Sends something over the network.
    fn send(&mut self, from: usize, to: usize, event: Event) {
        let is_cut = self.cut_off.contains(&from) != self.cut_off.contains(&to);
        if is_cut || self.random.below(100) < self.options.loss_percent || !self.is_up(to) {
            return;
        }
        let (least, most) = self.options.delay_ms;
        let delay_ms = least + self.random.below(most - least + 1);
        self.after(delay_ms, to, event);
    }

    pub fn gossip(&mut self, from: usize, topic: Topic, bytes: &Bytes) {
        self.check_vote(bytes);
        for to in 0..self.nodes.len() {
            if to != from {
                self.sequence += 1;
                let event = Event::Message { id: self.sequence, peer: peer(from), topic, bytes: bytes.clone() };
                self.send(from, to, event);
            }
        }
    }

    /// No honest key signs twice, whatever became of its node.
    fn check_vote(&mut self, bytes: &Bytes) {
        if bytes[1] != 1 {
            return;
        }
        let vote = SignedVote::decode(&mut &bytes[4..]).unwrap();
        let place = (vote.validator, vote.kind, vote.height, vote.round);
        let before = *self.signed.entry(place).or_insert(vote.block_hash);
        if !self.byzantine.contains(&vote.validator) {
            assert_eq!(before, vote.block_hash, "seed {}: signed twice at {place:?}", self.options.seed);
        }
    }

    fn give_work(&mut self, index: usize) {
        if self.options.is_loaded {
            self.after(2, index, Event::WorkPending);
        }
    }

    pub fn step(&mut self, index: usize, event: Event) {
        self.trace =
            keccak256([self.trace.as_slice(), format!("{index} {} {event:?}", self.now_ms).as_bytes()].concat());
        let unix_ms = (BEGIN_UNIX_MS + self.now_ms).checked_add_signed(self.nodes[index].skew_ms).unwrap();
        let now = Now { monotonic_ms: self.now_ms, unix_ms };
        let Some(machine) = &mut self.nodes[index].machine else { return };
        for action in machine.step(now, event) {
            if !self.carry_out(index, action, unix_ms) {
                return;
            }
        }
    }

    /// `false` if the node died of it.
    fn carry_out(&mut self, index: usize, action: Action, unix_ms: u64) -> bool {
        match action {
            Action::Persist(persist) => {
                let files = self.nodes[index].files.as_mut().unwrap();
                if files.persist(&persist).is_err() {
                    self.crash(index);
                    return false;
                }
            }
            Action::Verdict { .. } => {}
            Action::Publish { topic, bytes } => self.gossip(index, topic, &bytes),
            Action::Build { height, round, .. } => {
                let salt = self.random.next_u64();
                let beneficiary = self.pays.get(&index).unwrap_or(&index);
                let beneficiary = self.validators[*beneficiary].account;
                let (block_hash, body) = self.nodes[index].build(unix_ms, salt, beneficiary, self.options.block_bytes);
                self.after(5, index, Event::Built { height, round, block_hash, body });
            }
            Action::Validate { height, block_hash, body, .. } => {
                let verdict = self.nodes[index].validate(height, block_hash, &body);
                self.after(5, index, Event::Validated { height, block_hash, verdict });
            }
            Action::Decide { certificate, body } => {
                let height = certificate.height;
                let (_, agreed) = *self.decided.entry(height).or_insert((self.now_ms, certificate.block_hash));
                assert_eq!(agreed, certificate.block_hash, "seed {}: a fork at {height}", self.options.seed);
                self.nodes[index].chain.push(pervade_consensus::DecidedBlock { certificate, body });
                for other in 0..self.nodes.len() {
                    self.send(index, other, Event::PeerHead { peer: peer(index), head: height });
                }
                let start = self.start_height(index);
                self.after(3, index, start);
                self.after(3, index, Event::Alarm);
                if self.options.is_loaded {
                    self.after(4, index, Event::WorkPending);
                }
            }
            Action::SetAlarm { at_ms } => self.nodes[index].alarm_ms = Some(at_ms),
            Action::SendRequest { id, peer: to, bytes } => {
                self.sequence += 1;
                self.asked.insert(self.sequence, (index, id));
                let request = Event::Request { id: self.sequence, peer: peer(index), bytes };
                self.send(index, usize::from(to.as_bytes()[0]), request);
            }
            Action::Respond { id, bytes } => {
                let Some((asker, request)) = self.asked.get(&id).copied() else { return true };
                self.send(index, asker, Event::Response { id: request, peer: peer(index), bytes });
            }
            Action::LoadBlocks { id, from, count_max, .. } => {
                let blocks = self.nodes[index].chain.iter().skip(from as usize - 1).take(count_max as usize);
                let blocks = blocks.cloned().collect();
                self.after(1, index, Event::BlocksLoaded { id, blocks });
            }
            Action::Report { offence, .. } => self.offences.push((index, offence)),
            Action::StoreEvidence(evidence) => self.evidence.push(evidence),
            Action::Notice(notice) => self.notices.push((index, notice)),
        }
        true
    }
}

pub fn peer(index: usize) -> PeerId {
    PeerId::new(vec![index as u8])
}
