//! [`Oracle`]: what must hold whatever happens, said without the production code's help.
//!
//! | invariant | how it is seen |
//! |---|---|
//! | agreement | the first honest decision of a height is the decision; every other must be the same |
//! | validity | blocks follow each other, hold transactions that somebody signed, once each, in order, pay who proposed them, and name the next set; the certificate has good signatures of more than two thirds of the set that votes have led to |
//! | equal states | every honest node has the same root after a block, and the balances that a plain model computes |
//! | no double signing | an honest key signs one message for a height, round and step, over all its restarts |
//! | nothing lost | a node starts again with every block it has told others of; acknowledged transactions get into blocks |
//! | progress | see [`super::simulation`]: so long after the world is whole again, every honest node decides |
use super::{
    chain::SignedTransaction,
    coverage::Path,
    electorate::{self, Electorate},
    keys::{SUCCESSOR, VALIDATOR_KEYS, ValidatorKey},
    model::Model,
};
use alloy_consensus::Header;
use alloy_primitives::{Address, B256, keccak256};
use alloy_rlp::Decodable;
use pervade_consensus::{CommitCertificate, SignedProposal, SignedVote, Verifier};
use pervade_storage::{ExecutedBlock, StateView};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// What was seen.
    pub seen: String,
}

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// No two honest nodes decide different blocks of one height.
    Agreement,
    /// What is decided may be decided.
    Validity,
    /// Honest nodes have the same state after the same block, and it is the right one.
    EqualStates,
    /// An honest key signs once for each step.
    NoDoubleSigning,
    /// What was acknowledged stays.
    NothingLost,
    /// Honest nodes get on when the world is whole.
    Progress,
    /// An honest node is able to start again and to go on, and is accused of nothing.
    HonestNodesWork,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.invariant, self.seen)
    }
}

/// What an honest key has said in one step of a round: a proposal (step 0) or a vote (1, 2).
type Said = BTreeMap<(Address, u64, u32, u8), (B256, Option<u32>)>;

/// Watches the honest nodes of one run.
pub struct Oracle {
    /// Nodes at places from here on begin without power.
    validators: usize,
    honest: BTreeSet<Address>,
    chain_id: u64,
    genesis_hash: B256,
    verifier: Arc<dyn Verifier>,
    /// Hash and state root of each decided block, from block 1 on.
    decided: Vec<(B256, B256)>,
    timestamp_s: u64,
    model: Model,
    said: Said,
    /// Highest block that each node has told of.
    told: Vec<u64>,
    /// Nodes that begin without power and were seen at the head.
    joined: BTreeSet<usize>,
    /// With the node that did it.
    acknowledged: BTreeMap<B256, usize>,
    violation: Option<Violation>,
}

impl Oracle {
    /// For a cluster of so many nodes, of which the first are validators, and these (by place) are honest.
    pub fn new(
        nodes: usize,
        validators: usize,
        honest: impl Iterator<Item = usize>,
        chain_id: u64,
        genesis_hash: B256,
        genesis_timestamp_s: u64,
        verifier: Arc<dyn Verifier>,
    ) -> Self {
        Self {
            validators,
            honest: honest.map(|index| VALIDATOR_KEYS[index].address).collect(),
            chain_id,
            genesis_hash,
            verifier,
            decided: Vec::new(),
            timestamp_s: genesis_timestamp_s,
            model: Model::new(validators),
            said: Said::new(),
            told: vec![0; nodes],
            joined: BTreeSet::new(),
            acknowledged: BTreeMap::new(),
            violation: None,
        }
    }

    /// The first violation.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Notes a violation; the first one counts.
    pub fn violated(&mut self, invariant: Invariant, seen: String) {
        self.violation.get_or_insert(Violation { invariant, seen });
    }

    /// Height of the highest decided block.
    pub fn height(&self) -> u64 {
        self.decided.len() as u64
    }

    /// Who validates, as the decided blocks have it.
    pub fn electorate(&self) -> &Electorate {
        self.model.electorate()
    }

    /// A validator's account has signed this.
    pub fn announced(&mut self, signed: &SignedTransaction) {
        self.model.announced(signed);
    }

    /// Transactions in decided blocks.
    pub fn transactions(&self) -> usize {
        self.model.transactions()
    }

    /// An honest node hands these bytes to the network.
    pub fn published(&mut self, bytes: &[u8]) {
        let Some((&[_, kind, _, _], mut rest)) = bytes.split_first_chunk::<4>() else { return };
        match kind {
            1 => {
                if let Ok(vote) = SignedVote::decode(&mut rest) {
                    let place = (vote.validator, vote.height, vote.round, vote.kind as u8);
                    self.signed(place, (vote.block_hash, None));
                }
            }
            2 => {
                if let Ok(proposal) = SignedProposal::decode(&mut rest) {
                    let place = (proposal.proposer, proposal.height, proposal.round, 0);
                    self.signed(place, (proposal.block_hash, proposal.polka_round));
                }
            }
            _ => {}
        }
    }

    fn signed(&mut self, place: (Address, u64, u32, u8), what: (B256, Option<u32>)) {
        // What others have signed is passed on, too.
        if !self.honest.contains(&place.0) {
            return;
        }
        let before = *self.said.entry(place).or_insert(what);
        if before != what {
            let (validator, height, round, step) = place;
            let step = ["proposal", "prevote", "precommit"].get(usize::from(step)).copied().unwrap_or("vote");
            let seen = format!(
                "{validator} signed two {step}s at height {height}, round {round}: {} and {}",
                before.0, what.0
            );
            self.violated(Invariant::NoDoubleSigning, seen);
        }
    }

    /// A node decided a block, and has it on disk. Answers what was met with it.
    pub fn decided(
        &mut self,
        node: usize,
        executed: &ExecutedBlock,
        certificate: &CommitCertificate,
        state: &StateView,
    ) -> Vec<Path> {
        let block = &executed.block;
        let (height, hash, root) = (block.number(), block.hash, state.state_root());
        if let Err(reason) = self.check_certificate(height, hash, certificate) {
            self.violated(Invariant::Validity, format!("certificate of block {height} at node {node}: {reason}"));
        }
        if state.number() != height || root != block.header().state_root {
            let header_root = block.header().state_root;
            let seen = format!("node {node} has root {root} after block {height}, its header says {header_root}");
            self.violated(Invariant::EqualStates, seen);
        }
        self.told[node] = self.told[node].max(height);
        if let Some((decided, state_root)) = height.checked_sub(1).and_then(|index| self.decided.get(index as usize)) {
            let (decided, state_root) = (*decided, *state_root);
            if decided != hash {
                let seen = format!("node {node} decided {hash} at height {height}, others {decided}");
                self.violated(Invariant::Agreement, seen);
            } else if state_root != root {
                let seen = format!("node {node} has root {root} after block {height}, others {state_root}");
                self.violated(Invariant::EqualStates, seen);
            }
            return self.met_by(node, height);
        }
        self.first_decision(node, executed, certificate, state);
        let mut met = self.model.electorate_mut().take_met();
        met.push(Path::Height);
        let newcomers = &VALIDATOR_KEYS[self.validators..SUCCESSOR];
        if newcomers.iter().any(|key| has_signed(certificate, key)) {
            met.push(Path::NewcomerSigned);
        }
        if has_signed(certificate, &VALIDATOR_KEYS[SUCCESSOR]) {
            met.push(Path::NewKeySigned);
        }
        met.extend(self.met_by(node, height));
        met
    }

    /// What a node's decision shows that may have no power.
    fn met_by(&mut self, node: usize, height: u64) -> Vec<Path> {
        let electorate = self.model.electorate();
        let mut met = Vec::new();
        if !electorate.deciding(height).contains_key(&node) && electorate.was_member(node, height) {
            met.push(Path::RemovedFollowed);
        }
        if node >= self.validators && height == self.height() && self.joined.insert(node) {
            met.push(Path::NodeJoined);
        }
        met
    }

    fn first_decision(
        &mut self,
        node: usize,
        executed: &ExecutedBlock,
        certificate: &CommitCertificate,
        state: &StateView,
    ) {
        let (header, height, hash) = (executed.block.header(), executed.block.number(), executed.block.hash);
        let parent = self.decided.last().map_or(self.genesis_hash, |(hash, _)| *hash);
        if height != self.height() + 1 || header.parent_hash != parent {
            let seen = format!("node {node} decided block {height} on {}, after {parent}", header.parent_hash);
            self.violated(Invariant::Validity, seen);
        }
        if header.timestamp < self.timestamp_s {
            self.violated(Invariant::Validity, format!("block {height} is older than its parent"));
        }
        self.timestamp_s = header.timestamp;
        if let Err(reason) = self.check_set_and_proposer(header, certificate.round) {
            self.violated(Invariant::Validity, format!("block {height}: {reason}"));
        }
        if let Err(reason) = self.model.apply(&executed.block) {
            self.violated(Invariant::Validity, format!("block {height}: {reason}"));
        } else if let Err(reason) = self.model.check(state) {
            self.violated(Invariant::EqualStates, format!("after block {height}: {reason}"));
        }
        self.decided.push((hash, state.state_root()));
    }

    /// The header names the set of the next block, and pays one whose turn it was.
    fn check_set_and_proposer(&self, header: &Header, decided_round: u32) -> Result<(), String> {
        let (electorate, height) = (self.model.electorate(), header.number);
        let next = electorate::set_hash(electorate.deciding(height + 1));
        if header.extra_data[..] != next[..] {
            return Err(format!("it names the set {}, votes have led to {next}", header.extra_data));
        }
        let members = electorate.deciding(height);
        let mut proposers = (0..=decided_round).map(|round| electorate::proposer(members, height, round));
        if !proposers.any(|account| account == header.beneficiary) {
            return Err(format!("it pays {}, whose turn it was in no round up to {decided_round}", header.beneficiary));
        }
        Ok(())
    }

    /// More than two thirds of the power of the height's set, each with a signature of
    /// `"pervade:vote:v1" 0 | chain id | genesis | height | round | 2 | hash`.
    fn check_certificate(&self, height: u64, hash: B256, certificate: &CommitCertificate) -> Result<(), String> {
        if (certificate.height, certificate.block_hash) != (height, hash) {
            return Err(format!("it is for height {}, block {}", certificate.height, certificate.block_hash));
        }
        let mut message = b"pervade:vote:v1\0".to_vec();
        message.extend(self.chain_id.to_be_bytes());
        message.extend(self.genesis_hash);
        message.extend(height.to_be_bytes());
        message.extend(certificate.round.to_be_bytes());
        message.push(2);
        message.extend(hash);
        let digest = keccak256(&message);
        let members = self.model.electorate().deciding(height);
        let mut signers = electorate::Members::new();
        for signed in &certificate.signatures {
            let member = members.iter().find(|(place, _)| VALIDATOR_KEYS[**place].address == signed.address);
            let (place, power) = member.ok_or_else(|| format!("{} is no validator", signed.address))?;
            if !self.verifier.verify(digest, &signed.signature, &VALIDATOR_KEYS[*place].public_key) {
                return Err(format!("{} did not sign it", signed.address));
            }
            signers.insert(*place, *power);
        }
        let (signed, total) = (electorate::total(&signers), electorate::total(members));
        if signed * 3 <= total * 2 {
            return Err(format!("{signed} of {total} signed it"));
        }
        Ok(())
    }

    /// A node is up again, with this head.
    pub fn restarted(&mut self, node: usize, height: u64, hash: B256) {
        if height < self.told[node] {
            let seen = format!("node {node} had told of block {}, and starts again at {height}", self.told[node]);
            self.violated(Invariant::NothingLost, seen);
        }
        if let Some((decided, _)) = height.checked_sub(1).and_then(|index| self.decided.get(index as usize))
            && *decided != hash
        {
            let seen = format!("node {node} starts again with block {height} {hash}, decided was {decided}");
            self.violated(Invariant::NothingLost, seen);
        }
    }

    /// A node's disks were replaced by empty ones: nobody expects it to remember.
    pub fn wiped(&mut self, node: usize) {
        self.told[node] = 0;
        self.acknowledged.retain(|_, by| *by != node);
    }

    /// Evidence against a validator was stored.
    pub fn accused(&mut self, validator: &Address) {
        if self.honest.contains(validator) {
            self.violated(Invariant::HonestNodesWork, format!("there is evidence against the honest {validator}"));
        }
    }

    /// A client was told by a node that its transaction is accepted.
    pub fn acknowledged(&mut self, node: usize, hash: B256) {
        self.acknowledged.insert(hash, node);
    }

    /// Whether a block has it.
    pub fn includes(&self, hash: &B256) -> bool {
        self.model.includes(hash)
    }

    /// Whether it is acknowledged and in no block yet.
    pub fn is_outstanding(&self, hash: &B256) -> bool {
        self.acknowledged.contains_key(hash) && !self.model.includes(hash)
    }

    /// Acknowledged transactions that no block has yet.
    pub fn outstanding(&self) -> usize {
        self.acknowledged.keys().filter(|hash| !self.model.includes(hash)).count()
    }
}

fn has_signed(certificate: &CommitCertificate, key: &ValidatorKey) -> bool {
    certificate.signatures.iter().any(|signed| signed.address == key.address)
}
