//! The driver's thread: gives the consensus machine its events, and carries its actions out in their order.
use super::{
    clock::Clock,
    elsewhere::OwnSignatures,
    notices,
    pace::Pace,
    view::LocalView,
    work::{Job, Jobs, NextHeight, Outcome, Outcomes},
};
use crate::{NodeError, content, metrics, shutdown::Shutdown};
use alloy_primitives::Address;
use alloy_rlp::Encodable;
use bytes::Bytes;
use pervade_consensus::{
    Action, CommitCertificate, ConsensusFiles, DecidedBlock, Equivocation, Event, Machine, Offence, PeerId as PeerName,
    Topic, Verdict,
};
use pervade_p2p::{
    MessageToken, NetworkEvent, NetworkEvents, NetworkHandle, Offence as NetworkOffence, PeerId, Protocol, Responder,
    Topic as NetworkTopic, Verdict as NetworkVerdict,
};
use pervade_storage::{Storage, StorageError};
use pervade_txpool::TxPool;
use std::{collections::BTreeMap, sync::Arc};
use tokio::{runtime::Handle, sync::mpsc, time::sleep_until};

/// Messages without a verdict. The machine holds back those of a height that it is about to reach; more are ignored.
const UNJUDGED_MAX: usize = 8_192;
/// Requests of peers without an answer.
const UNANSWERED_MAX: usize = 256;

/// Everything that the thread works with.
pub(super) struct Driver {
    pub(super) machine: Machine,
    pub(super) files: ConsensusFiles,
    pub(super) clock: Clock,
    pub(super) network: NetworkHandle,
    pub(super) events: NetworkEvents,
    pub(super) pool: TxPool,
    pub(super) storage: Storage,
    pub(super) jobs: Jobs,
    pub(super) outcomes: Outcomes,
    pub(super) results: mpsc::UnboundedReceiver<Outcome>,
    pub(super) view: Arc<LocalView>,
    pub(super) own: Option<Address>,
    pub(super) signatures: OwnSignatures,
    pub(super) shutdown: Shutdown,
    pub(super) runtime: Handle,
    pub(super) state: DriverState,
}

/// What the thread remembers from event to event.
#[derive(Default)]
pub(super) struct DriverState {
    next_id: u64,
    unjudged: BTreeMap<u64, MessageToken>,
    unanswered: BTreeMap<u64, Responder>,
    heads: BTreeMap<PeerId, u64>,
    alarm_ms: Option<u64>,
    pace: Pace,
}

/// What ended a wait.
enum Wake {
    Stop,
    Network(Option<NetworkEvent>),
    Outcome(Outcome),
    Alarm,
    Work,
}

impl Driver {
    /// Works until the shutdown begins or something fails for good. `early` came before the machine was there.
    pub(super) fn run(mut self, first: NextHeight, early: Vec<NetworkEvent>) -> Result<(), NodeError> {
        self.begin(first, false)?;
        for event in early {
            self.on_network(event)?;
        }
        loop {
            let runtime = self.runtime.clone();
            match runtime.block_on(self.wait()) {
                Wake::Stop => return Ok(()),
                Wake::Network(Some(event)) => self.on_network(event)?,
                Wake::Network(None) => {
                    let reason = "its task ended".to_owned();
                    return if self.shutdown.has_begun() {
                        Ok(())
                    } else {
                        Err(NodeError::Stopped { part: "the network", reason })
                    };
                }
                Wake::Outcome(outcome) => self.on_outcome(outcome)?,
                Wake::Alarm => {
                    self.state.alarm_ms = None;
                    self.step(Event::Alarm)?;
                }
                Wake::Work => {
                    self.state.pace.on_told();
                    self.step(Event::WorkPending)?;
                }
            }
        }
    }

    async fn wait(&mut self) -> Wake {
        let alarm = self.state.alarm_ms.map(|at| self.clock.instant(at));
        let ring = async {
            match alarm {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.shutdown.begun() => Wake::Stop,
            Some(outcome) = self.results.recv() => Wake::Outcome(outcome),
            () = ring => Wake::Alarm,
            // Once a height: before messages, or a flood of them would keep every block from being begun.
            () = self.state.pace.work(self.pool.wait_for_pending()) => Wake::Work,
            event = self.events.recv() => Wake::Network(event),
        }
    }

    fn on_outcome(&mut self, outcome: Outcome) -> Result<(), NodeError> {
        match outcome {
            Outcome::Event(event) => self.step(event),
            Outcome::Committed { transactions, next } => {
                let stuck = transactions == 0 && self.pool.status().pending > 0;
                self.begin(next, stuck)
            }
            Outcome::Failed(error) => Err(error),
        }
    }

    fn begin(&mut self, next: NextHeight, stuck: bool) -> Result<(), NodeError> {
        self.state.pace.on_height(&next, stuck);
        self.step(Event::StartHeight(next.start))
    }

    fn on_network(&mut self, event: NetworkEvent) -> Result<(), NodeError> {
        match event {
            NetworkEvent::PeerConnected { peer, status, .. } => self.on_head(peer, status.head.number),
            NetworkEvent::PeerStatus { peer, head } => self.on_head(peer, head.number),
            NetworkEvent::PeerDisconnected { peer } => {
                self.state.heads.remove(&peer);
                self.claim();
                self.step(Event::PeerGone { peer: name(&peer) })
            }
            NetworkEvent::Message(message) => {
                let topic = match message.topic {
                    NetworkTopic::Consensus => Topic::Consensus,
                    NetworkTopic::BlockParts => Topic::BlockParts,
                    // Nobody here has a use for it.
                    _ => {
                        self.network.validate(message.token, NetworkVerdict::Ignore);
                        return Ok(());
                    }
                };
                let id = self.next_id();
                bounded_insert(&mut self.state.unjudged, UNJUDGED_MAX, id, message.token);
                self.step(Event::Message { id, peer: name(&message.peer), topic, bytes: message.data })
            }
            NetworkEvent::Request(request) if request.protocol == Protocol::Sync => {
                let id = self.next_id();
                bounded_insert(&mut self.state.unanswered, UNANSWERED_MAX, id, request.responder);
                self.step(Event::Request { id, peer: name(&request.peer), bytes: request.data })
            }
            NetworkEvent::Request(request) if request.protocol == Protocol::Content => {
                self.give_content(request.data, request.responder);
                Ok(())
            }
            // A dropped request tells its sender that there is no answer.
            NetworkEvent::Request(_) => Ok(()),
        }
    }

    /// The network bounds how many requests a peer has in progress.
    fn give_content(&self, request: Bytes, responder: Responder) {
        let (storage, outcomes) = (self.storage.clone(), self.outcomes.clone());
        self.runtime.spawn_blocking(move || match content::answer(&storage, &request) {
            Ok(Some(answer)) => {
                if let Err(error) = responder.respond(answer.into()) {
                    tracing::debug!(%error, "no answer to a peer");
                }
            }
            Ok(None) => {}
            Err(error) => {
                // The driver may have ended.
                let _ = outcomes.send(Outcome::Failed(error.into()));
            }
        });
    }

    fn on_head(&mut self, peer: PeerId, head: u64) -> Result<(), NodeError> {
        self.state.heads.insert(peer, head);
        self.claim();
        self.step(Event::PeerHead { peer: name(&peer), head })
    }

    fn claim(&self) {
        self.view.best_claim(self.state.heads.values().copied().max().unwrap_or_default());
    }

    fn next_id(&mut self) -> u64 {
        self.state.next_id = self.state.next_id.wrapping_add(1);
        self.state.next_id
    }

    fn step(&mut self, event: Event) -> Result<(), NodeError> {
        for action in self.machine.step(self.clock.now(), event) {
            self.act(action)?;
        }
        let status = self.machine.status();
        if status.step != "waiting" {
            self.state.pace.on_begun(status.height);
        }
        self.view.update(|agreement| {
            (agreement.height, agreement.round, agreement.step) = (status.height, status.round, status.step);
        });
        Ok(())
    }

    fn act(&mut self, action: Action) -> Result<(), NodeError> {
        match action {
            Action::Persist(persist) => {
                self.files.persist(&persist)?;
                self.signatures.note(persist.signed.as_ref());
                Ok(())
            }
            Action::Verdict { id, verdict } => {
                if let Some(token) = self.state.unjudged.remove(&id) {
                    self.network.validate(token, judge(verdict));
                }
                Ok(())
            }
            Action::Publish { topic, bytes } => {
                self.publish(topic, bytes);
                Ok(())
            }
            Action::Build { height, round, budget_ms } => self.job(Job::Build { height, round, budget_ms }),
            Action::Validate { height, block_hash, body, .. } => self.job(Job::Validate { height, block_hash, body }),
            Action::Decide { certificate, body } => {
                self.signatures.check(&certificate)?;
                self.job(Job::Decide { certificate, body })
            }
            Action::SetAlarm { at_ms } => {
                self.state.alarm_ms = Some(at_ms);
                Ok(())
            }
            Action::SendRequest { id, peer, bytes } => {
                self.ask(id, peer, bytes);
                Ok(())
            }
            Action::Respond { id, bytes } => {
                if let Some(responder) = self.state.unanswered.remove(&id)
                    && let Err(error) = responder.respond(bytes)
                {
                    tracing::debug!(%error, "no answer to a peer");
                }
                Ok(())
            }
            Action::LoadBlocks { id, from, count_max, bytes_max } => {
                self.load(id, from, count_max, bytes_max);
                Ok(())
            }
            Action::Report { peer, offence } => {
                if let Some(peer) = peer_of(&peer) {
                    tracing::debug!(%peer, ?offence, "a peer misbehaved");
                    self.network.report(peer, network_offence(offence));
                }
                Ok(())
            }
            Action::StoreEvidence(equivocation) => {
                self.keep(equivocation);
                Ok(())
            }
            Action::Notice(notice) => {
                notices::notice(&notice, self.own, &self.view);
                Ok(())
            }
        }
    }

    /// Stores evidence beside the way of blocks: whoever signs twice must not make the others wait for their disks. The machine
    /// bounds how much there is of a height.
    fn keep(&self, equivocation: Equivocation) {
        let (storage, outcomes) = (self.storage.clone(), self.outcomes.clone());
        self.runtime.spawn_blocking(move || {
            let (height, validator) = (equivocation.height(), equivocation.validator());
            match storage.add_evidence(height, &equivocation.encoded()) {
                Ok(true) => {
                    metrics::evidence();
                    tracing::error!(height, %validator, "a validator signed twice: the evidence is stored");
                }
                Ok(false) => {}
                Err(error) => {
                    // The driver may have ended.
                    let _ = outcomes.send(Outcome::Failed(error.into()));
                }
            }
        });
    }

    fn publish(&self, topic: Topic, bytes: Bytes) {
        let topic = match topic {
            Topic::Consensus => NetworkTopic::Consensus,
            Topic::BlockParts => NetworkTopic::BlockParts,
        };
        // The machine repeats what matters.
        if let Err(error) = self.network.try_publish(topic, bytes) {
            tracing::warn!(%error, topic = topic.name(), "a message is not sent");
        }
    }

    /// The executor ends only with an error that is on its way here, or with the node.
    fn job(&self, job: Job) -> Result<(), NodeError> {
        // Should the queue ever be full, waiting is right: the executor works, and nothing here is more urgent.
        let _ = self.jobs.send(job);
        Ok(())
    }

    fn ask(&self, id: u64, peer: PeerName, bytes: Bytes) {
        let (network, outcomes) = (self.network.clone(), self.outcomes.clone());
        self.runtime.spawn(async move {
            let answer = match peer_of(&peer) {
                Some(to) => network.request(to, Protocol::Sync, bytes).await.ok(),
                None => None,
            };
            let event = match answer {
                Some(bytes) => Event::Response { id, peer, bytes },
                None => Event::RequestFailed { id, peer },
            };
            // The driver may have ended.
            let _ = outcomes.send(Outcome::Event(event));
        });
    }

    fn load(&self, id: u64, from: u64, count_max: u64, bytes_max: usize) {
        let (storage, outcomes) = (self.storage.clone(), self.outcomes.clone());
        self.runtime.spawn_blocking(move || {
            let outcome = match load_blocks(&storage, from, count_max, bytes_max) {
                Ok(blocks) => Outcome::Event(Event::BlocksLoaded { id, blocks }),
                Err(error) => Outcome::Failed(error.into()),
            };
            let _ = outcomes.send(outcome);
        });
    }
}

/// Decided blocks from a height on, without gaps. Ends at the head, at a block that is stored without certificate, or at a
/// limit.
fn load_blocks(
    storage: &Storage,
    from: u64,
    count_max: u64,
    bytes_max: usize,
) -> Result<Vec<DecidedBlock>, StorageError> {
    let mut blocks = Vec::new();
    let mut bytes = 0usize;
    for number in from..from.saturating_add(count_max) {
        let Some(certificate) = storage.certificate(number)? else { break };
        let Some(block) = storage.block(number)? else { break };
        let certificate = CommitCertificate::decode_exact(&certificate)
            .map_err(|e| StorageError::Damaged { column: "certificates", reason: format!("block {number}: {e}") })?;
        let mut body = Vec::with_capacity(block.block.length());
        block.block.encode(&mut body);
        bytes = bytes.saturating_add(body.len());
        blocks.push(DecidedBlock { certificate, body: body.into() });
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(blocks)
}

/// Adds an entry; the oldest goes if there are too many.
fn bounded_insert<T>(map: &mut BTreeMap<u64, T>, max: usize, id: u64, entry: T) {
    map.insert(id, entry);
    if map.len() > max {
        map.pop_first();
    }
}

fn name(peer: &PeerId) -> PeerName {
    PeerName::new(peer.to_bytes())
}

fn peer_of(name: &PeerName) -> Option<PeerId> {
    PeerId::from_bytes(name.as_bytes()).ok()
}

fn judge(verdict: Verdict) -> NetworkVerdict {
    match verdict {
        Verdict::Accept => NetworkVerdict::Accept,
        Verdict::Ignore => NetworkVerdict::Ignore,
        Verdict::Reject => NetworkVerdict::Reject,
    }
}

fn network_offence(offence: Offence) -> NetworkOffence {
    match offence {
        Offence::MalformedMessage | Offence::BadSignature => NetworkOffence::Invalid,
        Offence::FalseBlock => NetworkOffence::Forgery,
        Offence::WrongAnswer => NetworkOffence::UselessAnswer,
        Offence::SlowAnswer => NetworkOffence::NoAnswer,
        Offence::TooManyRequests | Offence::Useless => NetworkOffence::Flood,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_entry_too_many_drops_the_oldest() {
        let mut map = BTreeMap::new();
        for id in 0..4 {
            bounded_insert(&mut map, 4, id, ());
        }
        assert_eq!(map.len(), 4);
        bounded_insert(&mut map, 4, 4, ());
        assert_eq!(map.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_peers_name_leads_back_to_the_peer() {
        let peer: PeerId = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5".parse().unwrap();
        assert_eq!(peer_of(&name(&peer)), Some(peer));
        assert_eq!(peer_of(&PeerName::new("nobody")), None);
    }
}
