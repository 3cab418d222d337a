//! What a process does with the actions of its machine, and with what comes in.
use super::{
    byzantine::{Another, Sent, wire},
    coverage::Path,
    keys::VALIDATOR_KEYS,
    node::{Crash, Node, peer_id},
    oracle::Invariant,
    schedule::{MILLISECOND, Micros, SECOND},
    world::{Happening, Packet, World},
};
use crate::trace;
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use bytes::Bytes;
use pervade_consensus::{
    Action, BlockSource, BlockVerdict, CommitCertificate, DecidedBlock, Event, Notice, Offence, Step,
};
use pervade_evm_ext::{ProposalAttributes, ProposalTransaction, TransactionSource};
use pervade_node::ledger::Verdict;
use pervade_storage::{ExecutedBlock, StateView};
use std::{collections::VecDeque, time::Duration};

/// Time that building or executing a block takes, at most, mostly.
const EXECUTION_MAX: Micros = 3 * MILLISECOND;
/// A host that is busy with something else takes so much longer.
const STALL_MAX: Micros = 400 * MILLISECOND;
/// Decisions of a thousand after which the state is written at once, not with a later one.
const STATE_WRITTEN_PER_MILLE: u64 = 600;

/// Offers nothing.
struct NoTransactions;

impl TransactionSource for NoTransactions {
    fn next(&mut self) -> Option<ProposalTransaction> {
        None
    }

    fn refuse(&mut self) {}
}

impl Node {
    /// Does what the machine wants. Events that follow at once are put behind `events`.
    pub(super) fn act(&mut self, world: &mut World, action: Action, events: &mut VecDeque<Event>) {
        let Some(process) = &mut self.process else { return };
        match action {
            Action::Persist(persist) => {
                if let Err(error) = process.files.persist(&persist) {
                    self.disk_failed(world, Path::PowerLostInConsensusFiles, &error);
                }
            }
            Action::Verdict { .. } => {}
            Action::Publish { topic, bytes } => {
                if wire::proposal(&bytes).is_some_and(|proposal| proposal.polka_round.is_some()) {
                    world.coverage.hit(Path::ReproposedBlock);
                }
                if self.is_honest() {
                    world.oracle.published(&bytes);
                    world.broadcast(self.place, &Packet::Gossip(topic, bytes));
                } else {
                    let sent = self.with_adversary(world, |adversary, tools| adversary.publish(tools, topic, bytes));
                    self.send_all(world, sent.unwrap_or_default());
                }
            }
            Action::Build { height, round, .. } => self.build(world, height, round),
            Action::Validate { height, block_hash, body, source } => {
                self.validate(world, height, block_hash, &body, source);
            }
            Action::Decide { certificate, body } => self.decide(world, &certificate, &body, events),
            Action::SetAlarm { at_ms } => {
                process.alarm_at_ms = Some(at_ms);
                let delay = (at_ms * MILLISECOND).saturating_sub(world.schedule.now());
                self.later(world, delay, Event::Alarm);
            }
            Action::SendRequest { id, peer, bytes } => {
                if let Some(to) = place_of(&peer) {
                    world.send(self.place, to, Packet::Request(self.run(), id, bytes));
                }
            }
            Action::Respond { id, bytes } => self.respond(world, id, bytes),
            Action::LoadBlocks { id, from, count_max, bytes_max } => {
                let blocks = self.load_blocks(from, count_max, bytes_max);
                if !blocks.is_empty() {
                    world.coverage.hit(Path::SyncServed);
                }
                self.later(world, MILLISECOND, Event::BlocksLoaded { id, blocks });
            }
            Action::Report { peer, offence } => self.report(world, place_of(&peer), offence),
            Action::StoreEvidence(equivocation) => {
                let storage = process.ledger.ledger().storage();
                let stored = storage.add_evidence(equivocation.height(), &equivocation.encoded());
                world.coverage.hit(Path::EvidenceStored);
                world.oracle.accused(&equivocation.validator());
                if let Err(error) = stored {
                    self.disk_failed(world, Path::PowerLostInStorage, &error);
                }
            }
            Action::Notice(notice) => self.notice(world, &notice),
        }
    }

    /// A write or a sync failed: the process ends. If nobody took the power, it was its own fault.
    fn disk_failed(&mut self, world: &mut World, path: Path, error: &dyn std::fmt::Display) {
        if self.is_doomed {
            world.coverage.hit(path);
            self.crash(world, Crash::PowerLost);
            let delay = world.random.between(50, 2_000) * MILLISECOND;
            world.schedule.after(delay, Happening::Start { node: self.place });
        } else {
            self.broken(world, format!("a working disk fails: {error}"));
        }
    }

    fn broken(&mut self, world: &mut World, reason: String) {
        if self.is_honest() {
            world.oracle.violated(Invariant::HonestNodesWork, format!("node {}: {reason}", self.place));
        }
        self.crash(world, Crash::Killed);
        world.schedule.after(SECOND, Happening::Start { node: self.place });
    }

    fn later(&self, world: &mut World, delay: Micros, event: Event) {
        world.schedule.after(delay, Happening::Own { node: self.place, run: self.run(), event });
    }

    fn working_time(&self, world: &mut World) -> Micros {
        if world.network.weather.stragglers > 0 && world.random.per_mille(30) {
            return world.random.below(STALL_MAX);
        }
        world.random.between(EXECUTION_MAX / 10, EXECUTION_MAX)
    }

    fn send_all(&self, world: &mut World, sent: Vec<Sent>) {
        for Sent { to, topic, bytes } in sent {
            let packet = Packet::Gossip(topic, bytes);
            match to {
                Some(to) => world.send(self.place, to, packet),
                None => world.broadcast(self.place, &packet),
            }
        }
    }

    fn build(&mut self, world: &mut World, height: u64, round: u32) {
        let unix_s = self.now(world.schedule.now()).unix_ms / 1_000;
        let another = self.adversary.as_ref().and_then(|adversary| adversary.another_block());
        let Some(process) = &mut self.process else { return };
        let parent_s = process.ledger.ledger().head().header().timestamp;
        let mut attributes =
            ProposalAttributes { timestamp: unix_s.max(parent_s), proposer: self.key.account, time_max: Duration::MAX };
        let proposal = match process.ledger.propose(&attributes, &mut process.pool.best(Some(0))) {
            Ok(proposal) => proposal,
            Err(error) => return self.broken(world, format!("cannot build block {height}: {error}")),
        };
        let refused: Vec<_> = proposal.refused.iter().map(|(hash, _)| *hash).collect();
        process.pool.remove(&refused);
        let mut built = (proposal.hash, proposal.bytes.0);
        trace!(world, "n{} builds {} at {height}/{round}, {} txs", self.place, short(&built.0), proposal.transactions);
        if self.adversary.is_some() {
            let other = match another {
                Some(Another::Later) => {
                    attributes.timestamp += 1;
                    process.ledger.propose(&attributes, &mut NoTransactions).ok()
                }
                Some(Another::PaysTheNext) => {
                    attributes.proposer = VALIDATOR_KEYS[(self.place + 1) % world.plan.validators].account;
                    process.ledger.propose(&attributes, &mut process.pool.best(Some(0))).ok()
                }
                None => None,
            };
            let other = other.map(|other| (other.hash, other.bytes.0));
            let honest = built.clone();
            let candidate = self.with_adversary(world, |adversary, tools| adversary.build(tools, built, other));
            built = candidate.unwrap_or(honest);
        }
        let delay = self.working_time(world);
        self.later(world, delay, Event::Built { height, round, block_hash: built.0, body: built.1 });
    }

    fn validate(&mut self, world: &mut World, height: u64, block_hash: B256, body: &Bytes, source: BlockSource) {
        let is_gullible = self.adversary.as_ref().is_some_and(|adversary| adversary.is_gullible());
        let Some(process) = &mut self.process else { return };
        let pool = process.pool.clone();
        let found = process.ledger.validate(block_hash, body, &|hash| pool.sender(hash));
        if source == BlockSource::Sync {
            world.coverage.hit(Path::CaughtUp);
        }
        let verdict = match found {
            Ok(Verdict::Valid { timestamp_s, paid }) => BlockVerdict::Valid { timestamp_s, paid },
            Ok(_) if is_gullible => BlockVerdict::Valid { timestamp_s: world.schedule.now() / 1_000_000, paid: None },
            Ok(Verdict::Mismatch { reason }) => {
                trace!(world, "n{} finds bytes that are not {}: {reason}", self.place, short(&block_hash));
                world.coverage.hit(Path::FalseBytesRefused);
                BlockVerdict::Mismatch
            }
            Ok(Verdict::Invalid { reason }) => {
                trace!(world, "n{} finds {} invalid: {reason}", self.place, short(&block_hash));
                world.coverage.hit(Path::InvalidProposalRefused);
                BlockVerdict::Invalid
            }
            Err(error) => return self.broken(world, format!("cannot validate at height {height}: {error}")),
        };
        let delay = self.working_time(world);
        self.later(world, delay, Event::Validated { height, block_hash, verdict });
    }

    fn decide(
        &mut self,
        world: &mut World,
        certificate: &CommitCertificate,
        body: &Bytes,
        events: &mut VecDeque<Event>,
    ) {
        let Some(process) = &mut self.process else { return };
        let pool = process.pool.clone();
        let (height, hash) = (certificate.height, certificate.block_hash);
        let encoded = certificate.encoded().into();
        let executed = match process.ledger.decide(hash, body, encoded, &|hash| pool.sender(hash)) {
            Ok(executed) => executed,
            Err(error) if process.ledger.ledger().storage().failure().is_some() => {
                return self.disk_failed(world, Path::PowerLostInStorage, &error);
            }
            Err(error) => return self.broken(world, format!("cannot commit block {height}: {error}")),
        };
        trace!(
            world,
            "n{} decides {height} {} in round {}, {} txs",
            self.place,
            short(&hash),
            certificate.round,
            executed.block.senders.len()
        );
        pool.on_block(&executed);
        let storage = process.ledger.ledger().storage().clone();
        if self.is_honest() {
            self.tell_oracle(world, &executed, certificate, &storage.latest_view());
        }
        if world.random.per_mille(STATE_WRITTEN_PER_MILLE)
            && let Err(error) = storage.write_state()
        {
            return self.disk_failed(world, Path::PowerLostInStorage, &error);
        }
        if self.with_adversary(world, |adversary, tools| adversary.forgets(tools)) == Some(true) {
            return self.forget(world);
        }
        world.broadcast(self.place, &Packet::Head(height));
        events.push_back(self.start_height());
        if pool.status().pending > 0 {
            events.push_back(Event::WorkPending);
        }
    }

    fn tell_oracle(
        &self,
        world: &mut World,
        executed: &ExecutedBlock,
        certificate: &CommitCertificate,
        state: &StateView,
    ) {
        let sets = world.oracle.electorate().sets();
        for path in world.oracle.decided(self.place, executed, certificate, state) {
            world.coverage.hit(path);
        }
        let electorate = world.oracle.electorate();
        if electorate.sets() > sets {
            trace!(world, "block {} leads to the set {:?}", certificate.height, electorate.latest());
            if world.is_stormy {
                world.coverage.hit(Path::SetChangedInStorm);
            }
        }
    }

    fn load_blocks(&self, from: u64, count_max: u64, bytes_max: usize) -> Vec<DecidedBlock> {
        let Some(process) = &self.process else { return Vec::new() };
        let storage = process.ledger.ledger().storage();
        let (mut blocks, mut bytes) = (Vec::new(), 0);
        for number in from..from.saturating_add(count_max) {
            let (Ok(Some(block)), Ok(Some(certificate))) = (storage.block(number), storage.certificate(number)) else {
                break;
            };
            let Ok(certificate) = CommitCertificate::decode_exact(&certificate) else { break };
            let mut body = Vec::new();
            block.block.encode(&mut body);
            bytes += body.len();
            blocks.push(DecidedBlock { certificate, body: body.into() });
            if bytes >= bytes_max {
                break;
            }
        }
        blocks
    }

    fn respond(&mut self, world: &mut World, id: u64, bytes: Bytes) {
        let Some((to, run, remote)) = self.process.as_mut().and_then(|process| process.requests.remove(&id)) else {
            return;
        };
        let bytes = match self.with_adversary(world, |adversary, tools| adversary.respond(tools, bytes.clone())) {
            None => Some(bytes),
            Some(instead) => instead,
        };
        match bytes {
            Some(bytes) => world.send(self.place, to, Packet::Response(run, remote, bytes)),
            None => world.fail_request(to, run, remote, self.place),
        }
    }

    fn report(&self, world: &mut World, peer: Option<usize>, offence: Offence) {
        world.coverage.hit(Path::PeerReported);
        let Some(peer) = peer else { return };
        trace!(world, "n{} reports n{peer}: {offence:?}", self.place);
        // What is late, or too much at once, may be the network's fault.
        let is_lie = !matches!(offence, Offence::SlowAnswer | Offence::TooManyRequests);
        if is_lie && self.is_honest() && world.plan.adversaries[peer].is_none() {
            let seen = format!("node {} reports the honest node {peer}: {offence:?}", self.place);
            world.oracle.violated(Invariant::HonestNodesWork, seen);
        }
    }

    fn notice(&mut self, world: &mut World, notice: &Notice) {
        let path = match notice {
            Notice::Timeout { step: Step::Propose, .. } => Some(Path::TimeoutPropose),
            Notice::Timeout { step: Step::Prevote, .. } => Some(Path::TimeoutPrevote),
            Notice::Timeout { step: Step::Precommit, .. } => Some(Path::TimeoutPrecommit),
            Notice::MissedTurn { .. } => Some(Path::MissedTurn),
            Notice::Decided { round, .. } if *round > 0 => Some(Path::RoundAfterFirst),
            Notice::ClockSkew { .. } => Some(Path::ClockSkewRefused),
            Notice::WrongBeneficiary { .. } => Some(Path::WrongBeneficiaryRefused),
            Notice::Silent { .. } => Some(Path::SilentAtHeight),
            Notice::Syncing { .. } => Some(Path::Syncing),
            _ => None,
        };
        if let Some(path) = path {
            world.coverage.hit(path);
        }
        if !matches!(notice, Notice::Round { .. } | Notice::Timeout { .. } | Notice::Decided { .. }) {
            trace!(world, "n{} {notice:?}", self.place);
        }
        let wrong = match notice {
            Notice::DecidedBlockInvalid { .. } | Notice::KeyInUseElsewhere { .. } => true,
            Notice::CoreRefused { .. } | Notice::SecondSignatureRefused { .. } => false,
            _ => return,
        };
        if self.is_honest() && wrong {
            world.oracle.violated(Invariant::HonestNodesWork, format!("node {}: {notice:?}", self.place));
        } else if !self.is_honest() && matches!(notice, Notice::KeyInUseElsewhere { .. }) {
            // It heard its own second signatures. It does not stop at that.
            self.forget(world);
        }
    }

    /// A packet came in.
    pub fn receive(&mut self, world: &mut World, from: usize, packet: Packet) {
        let run = self.run();
        let Some(process) = &mut self.process else {
            if let Packet::Request(run, id, _) = packet {
                world.fail_request(from, run, id, self.place);
            }
            return;
        };
        process.next_id += 1;
        let (id, peer) = (process.next_id, peer_id(from));
        match packet {
            Packet::Gossip(topic, bytes) => {
                let said = self.with_adversary(world, |adversary, tools| adversary.hear(tools, topic, &bytes));
                self.send_all(world, said.unwrap_or_default());
                self.handle(world, Event::Message { id, peer, topic, bytes });
            }
            Packet::Transaction(encoded) => self.receive_transaction(world, &encoded),
            Packet::Head(head) => self.handle(world, Event::PeerHead { peer, head }),
            Packet::Request(remote_run, remote, bytes) => {
                process.requests.insert(id, (from, remote_run, remote));
                self.handle(world, Event::Request { id, peer, bytes });
            }
            Packet::Response(of_run, id, bytes) if of_run == run => {
                self.handle(world, Event::Response { id, peer, bytes });
            }
            Packet::Response(..) => {}
        }
    }

    /// Something of its own is due.
    pub fn own(&mut self, world: &mut World, run: u32, event: Event) {
        if run != self.run() {
            return;
        }
        let now_ms = world.schedule.now() / MILLISECOND;
        let Some(process) = &mut self.process else { return };
        if event == Event::Alarm {
            // Of several alarms the last one set counts.
            if process.alarm_at_ms.is_none_or(|at_ms| at_ms > now_ms) {
                return;
            }
            process.alarm_at_ms = None;
        }
        self.handle(world, event);
    }
}

fn place_of(peer: &pervade_consensus::PeerId) -> Option<usize> {
    peer.as_bytes().get(1).map(|place| usize::from(*place))
}

/// The first bytes of a hash, for the trace.
pub(super) fn short(hash: &B256) -> String {
    alloy_primitives::hex::encode(&hash[..4])
}
