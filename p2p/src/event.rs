//! What the network tells its consumer, in queues by urgency.
//!
//! ```text
//!                 ┌─ peers ─────────── connected, status, disconnected: never lost, one pending a peer
//!  swarm task ────┼─ consensus ─────── votes, proposals, block parts: no peer has more than a quarter
//!                 ├─ requests ──────── of peers, each with its responder
//!                 ├─ gateway
//!                 └─ transactions ──── may fill without any effect on the others
//! ```
//!
//! A full queue never holds the swarm up: what does not fit is dropped, counted, and ignored as a gossiped message.
use crate::{
    Head, Status,
    backlog::Backlog,
    handle::Responder,
    limits,
    metrics::count_dropped,
    topic::{Topic, Verdict},
};
use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, gossipsub::MessageId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use tokio::sync::mpsc;

/// Who opened a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The peer.
    Inbound,
    /// This node.
    Outbound,
}

/// Something that the consumer must know or answer.
#[derive(Debug)]
pub enum NetworkEvent {
    /// A peer of this chain is connected: it may be asked, and its messages come.
    PeerConnected {
        /// The peer.
        peer: PeerId,
        /// Who opened the connection.
        direction: Direction,
        /// Its address.
        address: Multiaddr,
        /// What it said at the handshake.
        status: Status,
    },
    /// A connected peer's head moved.
    PeerStatus {
        /// The peer.
        peer: PeerId,
        /// Its head.
        head: Head,
    },
    /// A peer is gone. Its requests fail.
    PeerDisconnected {
        /// The peer.
        peer: PeerId,
    },
    /// A gossiped message. It goes no further until [`NetworkHandle::validate`](crate::NetworkHandle::validate).
    Message(GossipMessage),
    /// A peer asks for something.
    Request(InboundRequest),
}

/// A gossiped message, not yet judged.
#[derive(Debug, Clone)]
pub struct GossipMessage {
    /// What it is about.
    pub topic: Topic,
    /// Who sent it to this node, which need not be who made it.
    pub peer: PeerId,
    /// Its content, at most [`Topic::bytes_max`].
    pub data: Bytes,
    /// To be given back with the verdict.
    pub token: MessageToken,
}

/// Names a gossiped message in its verdict. Dropping it is a verdict of [`Verdict::Ignore`].
#[derive(Debug, Clone)]
pub struct MessageToken {
    pub(crate) id: MessageId,
    pub(crate) peer: PeerId,
    pub(crate) topic: Topic,
}

/// A request of a peer.
#[derive(Debug)]
pub struct InboundRequest {
    /// Who asks.
    pub peer: PeerId,
    /// What for.
    pub protocol: crate::Protocol,
    /// The question.
    pub data: Bytes,
    /// Takes the answer. Dropping it tells the peer that there is none.
    pub responder: Responder,
}

/// Events, the most urgent first. Held by one consumer.
#[derive(Debug)]
pub struct NetworkEvents {
    peers: mpsc::Receiver<NetworkEvent>,
    consensus: Lane,
    requests: Lane,
    gateway: Lane,
    transactions: Lane,
}

impl NetworkEvents {
    /// The next event, in the order of urgency that the module's drawing shows; `None` when the network has stopped.
    /// May be dropped while it waits without losing anything.
    pub async fn recv(&mut self) -> Option<NetworkEvent> {
        tokio::select! {
            biased;
            Some(event) = self.peers.recv() => Some(event),
            Some(event) = self.consensus.recv() => Some(event),
            Some(event) = self.requests.recv() => Some(event),
            Some(event) = self.gateway.recv() => Some(event),
            Some(event) = self.transactions.recv() => Some(event),
            else => None,
        }
    }

    /// Hands the messages of a topic to a task of their own: [`Self::recv`] gives them no more. [`Topic::Consensus`] and
    /// [`Topic::BlockParts`] are one queue. A second call for the same queue gives an ended one.
    pub fn take_topic(&mut self, topic: Topic) -> Lane {
        std::mem::replace(self.lane(topic), Lane::ended())
    }

    /// Hands the requests of peers to a task of their own: [`Self::recv`] gives them no more.
    pub fn take_requests(&mut self) -> Lane {
        std::mem::replace(&mut self.requests, Lane::ended())
    }

    fn lane(&mut self, topic: Topic) -> &mut Lane {
        match topic {
            Topic::Consensus | Topic::BlockParts => &mut self.consensus,
            Topic::Gateway => &mut self.gateway,
            Topic::Transactions => &mut self.transactions,
        }
    }
}

/// One queue of events: [`NetworkEvent::Message`] or [`NetworkEvent::Request`].
#[derive(Debug)]
pub struct Lane {
    queue: mpsc::Receiver<NetworkEvent>,
    backlog: Backlog,
}

impl Lane {
    /// The next event; `None` when the network has stopped.
    pub async fn recv(&mut self) -> Option<NetworkEvent> {
        let event = self.queue.recv().await?;
        if let Some((peer, bytes)) = load(&event) {
            self.backlog.give_back(peer, bytes);
        }
        Some(event)
    }

    fn ended() -> Self {
        Self { queue: mpsc::channel(1).1, backlog: Backlog::shared() }
    }
}

/// Who sent what waits in a queue, and its bytes.
fn load(event: &NetworkEvent) -> Option<(PeerId, usize)> {
    match event {
        NetworkEvent::Message(message) => Some((message.peer, message.data.len())),
        NetworkEvent::Request(request) => Some((request.peer, request.data.len())),
        _ => None,
    }
}

/// The swarm task's end of the queues.
#[derive(Debug)]
pub(crate) struct EventSink {
    peers: mpsc::Sender<NetworkEvent>,
    consensus: LaneSink,
    requests: LaneSink,
    gateway: LaneSink,
    transactions: LaneSink,
    notices: PeerNotices,
}

#[derive(Debug)]
struct LaneSink {
    name: &'static str,
    queue: mpsc::Sender<NetworkEvent>,
    backlog: Backlog,
}

impl LaneSink {
    fn new(name: &'static str, capacity: usize, backlog: Backlog) -> (Self, Lane) {
        let (queue, receiver) = mpsc::channel(capacity);
        (Self { name, queue, backlog: backlog.clone() }, Lane { queue: receiver, backlog })
    }

    /// Whether the event had room.
    fn push(&self, event: NetworkEvent) -> bool {
        let Some((peer, bytes)) = load(&event) else { return false };
        let mut taken = self.backlog.take(peer, bytes);
        if taken && self.queue.try_send(event).is_err() {
            self.backlog.give_back(peer, bytes);
            taken = false;
        }
        if !taken {
            count_dropped(self.name);
        }
        taken
    }
}

/// Both ends of the queues.
pub(crate) fn queues() -> (EventSink, NetworkEvents) {
    let (peers, peers_out) = mpsc::channel(limits::PEER_QUEUE_MAX);
    let fair = Backlog::fair(limits::CONSENSUS_QUEUE_OF_PEER_MAX);
    let (consensus, consensus_out) = LaneSink::new("consensus", limits::CONSENSUS_QUEUE_MAX, fair);
    let lane = |name, capacity| LaneSink::new(name, capacity, Backlog::shared());
    let (requests, requests_out) = lane("requests", limits::REQUEST_QUEUE_MAX);
    let (gateway, gateway_out) = lane("gateway", limits::GATEWAY_QUEUE_MAX);
    let (transactions, transactions_out) = lane("transactions", limits::TRANSACTION_QUEUE_MAX);
    (
        EventSink { peers, consensus, requests, gateway, transactions, notices: PeerNotices::default() },
        NetworkEvents {
            peers: peers_out,
            consensus: consensus_out,
            requests: requests_out,
            gateway: gateway_out,
            transactions: transactions_out,
        },
    )
}

impl EventSink {
    /// A message for the consumer. If its queue is full, the verdict is [`Verdict::Ignore`].
    pub(crate) fn message(&self, message: GossipMessage) -> Option<Verdict> {
        let lane = match message.topic {
            Topic::Consensus | Topic::BlockParts => &self.consensus,
            Topic::Gateway => &self.gateway,
            Topic::Transactions => &self.transactions,
        };
        (!lane.push(NetworkEvent::Message(message))).then_some(Verdict::Ignore)
    }

    /// A request for the consumer. If the queue is full it is dropped, and with it its responder.
    pub(crate) fn request(&self, request: InboundRequest) {
        self.requests.push(NetworkEvent::Request(request));
    }

    pub(crate) fn connected(&mut self, peer: PeerId, direction: Direction, address: Multiaddr, status: Status) {
        self.notices.connected(peer, Connected { direction, address, status });
        self.flush();
    }

    pub(crate) fn status(&mut self, peer: PeerId, status: Status) {
        self.notices.status(peer, status);
        self.flush();
    }

    pub(crate) fn disconnected(&mut self, peer: PeerId) {
        self.notices.disconnected(peer);
        self.flush();
    }

    /// Hands over what had no room before.
    pub(crate) fn flush(&mut self) {
        while !self.notices.is_empty() {
            let Ok(place) = self.peers.try_reserve() else { return };
            let Some(event) = self.notices.pop() else { return };
            place.send(event);
        }
    }
}

#[derive(Debug, Clone)]
struct Connected {
    direction: Direction,
    address: Multiaddr,
    status: Status,
}

/// Changes that the consumer does not know yet. A peer that came and went in between is not told of at all, so they
/// are never more than the peers that the consumer thinks connected and those that are.
#[derive(Debug, Default)]
struct PeerNotices {
    order: VecDeque<PeerId>,
    pending: BTreeMap<PeerId, Option<Connected>>,
    told: BTreeSet<PeerId>,
    gone: BTreeSet<PeerId>,
}

impl PeerNotices {
    fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    fn connected(&mut self, peer: PeerId, connected: Connected) {
        self.enqueue(peer, Some(connected));
    }

    fn status(&mut self, peer: PeerId, status: Status) {
        match self.pending.get_mut(&peer) {
            Some(Some(connected)) => connected.status = status,
            Some(None) => {}
            None => {
                // Told before: only the head is news, and the newest is enough.
                let address = Multiaddr::empty();
                self.enqueue(peer, Some(Connected { direction: Direction::Inbound, address, status }));
            }
        }
    }

    fn disconnected(&mut self, peer: PeerId) {
        if self.told.contains(&peer) {
            self.gone.insert(peer);
            self.enqueue(peer, None);
        } else {
            self.pending.remove(&peer);
            self.order.retain(|waiting| *waiting != peer);
        }
    }

    fn enqueue(&mut self, peer: PeerId, change: Option<Connected>) {
        if self.pending.insert(peer, change).is_none() {
            self.order.push_back(peer);
        }
    }

    fn pop(&mut self) -> Option<NetworkEvent> {
        let peer = *self.order.front()?;
        if self.gone.remove(&peer) {
            // A peer that is back already stays in the queue for its second event.
            self.told.remove(&peer);
            if matches!(self.pending.get(&peer), Some(None)) {
                self.pending.remove(&peer);
                self.order.pop_front();
            }
            return Some(NetworkEvent::PeerDisconnected { peer });
        }
        self.order.pop_front();
        let Connected { direction, address, status } = self.pending.remove(&peer)??;
        Some(if self.told.insert(peer) {
            NetworkEvent::PeerConnected { peer, direction, address, status }
        } else {
            NetworkEvent::PeerStatus { peer, head: status.head }
        })
    }
}
