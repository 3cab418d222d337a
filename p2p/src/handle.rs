//! What a consumer may ask of the network.
use crate::{
    Head, NetworkError, RequestError,
    event::{Direction, MessageToken},
    limits,
    metrics::count_dropped,
    reputation::Offence,
    request::Protocol,
    topic::{Topic, Verdict},
};
use bytes::Bytes;
use libp2p::{Multiaddr, PeerId, request_response::ResponseChannel};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{mpsc, oneshot, watch};

/// The network, seen by its users. Cheap to clone; the network stops when [`Self::shutdown`] is called or all are gone.
#[derive(Debug, Clone)]
pub struct NetworkHandle {
    pub(crate) peer_id: PeerId,
    pub(crate) urgent: mpsc::Sender<Command>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) head: Arc<watch::Sender<Head>>,
    pub(crate) protected: Arc<watch::Sender<BTreeSet<PeerId>>>,
    pub(crate) peer_count: Arc<AtomicUsize>,
    pub(crate) listening: watch::Receiver<Vec<Multiaddr>>,
}

impl NetworkHandle {
    /// This node's identity.
    pub fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Peers whose handshake is done.
    pub fn peer_count(&self) -> usize {
        self.peer_count.load(Ordering::Relaxed)
    }

    /// Addresses that this node listens on, each ending in its peer id.
    pub fn listen_addresses(&self) -> Vec<Multiaddr> {
        self.listening.borrow().clone()
    }

    /// Gossips `data` to the peers of this chain. Waits while the queue to the network is full. Gossiping the same bytes
    /// again sends them again, as a rebroadcast of a vote must.
    ///
    /// Success means that the network has it: a node without peers has nobody to send it to, and nothing is kept.
    ///
    /// # Errors
    /// [`NetworkError::TooLarge`] past [`Topic::bytes_max`]; [`NetworkError::Stopped`].
    pub async fn publish(&self, topic: Topic, data: Bytes) -> Result<(), NetworkError> {
        check_size(topic.name(), data.len(), topic.bytes_max())?;
        self.queue(topic).send(Command::Publish { topic, data }).await.map_err(|_| NetworkError::Stopped)
    }

    /// [`Self::publish`] that never waits.
    ///
    /// # Errors
    /// Also [`NetworkError::Busy`] when the queue to the network is full.
    pub fn try_publish(&self, topic: Topic, data: Bytes) -> Result<(), NetworkError> {
        check_size(topic.name(), data.len(), topic.bytes_max())?;
        let queue = self.queue(topic);
        queue.try_send(Command::Publish { topic, data }).map_err(|error| refused(error, queue))
    }

    /// The verdict over a gossiped message. Never waits; if the queue is full the message is ignored.
    pub fn validate(&self, token: MessageToken, verdict: Verdict) {
        self.send_urgent("verdicts", Command::Validate { token, verdict });
    }

    /// Asks a connected peer, and waits for its answer, at most the configured time.
    ///
    /// # Errors
    /// See [`RequestError`]. The peer's score falls by itself on a timeout or a broken answer; a wrong answer is for the
    /// caller to [report](Self::report).
    pub async fn request(&self, peer: PeerId, protocol: Protocol, data: Bytes) -> Result<Bytes, RequestError> {
        let (bytes, bytes_max) = (data.len(), protocol.request_bytes_max());
        if bytes > bytes_max {
            return Err(RequestError::TooLarge { bytes, bytes_max });
        }
        let (answer, receive) = oneshot::channel();
        let command = Command::Request { peer, protocol, data, answer };
        self.commands.send(command).await.map_err(|_| RequestError::Stopped)?;
        receive.await.unwrap_or(Err(RequestError::Stopped))
    }

    /// Lowers a peer's score by what it did; it may be banned for it. Never waits.
    pub fn report(&self, peer: PeerId, offence: Offence) {
        self.send_urgent("reports", Command::Report { peer, offence });
    }

    /// This node's own head, told to new peers at the handshake and to others within a second. The last one counts.
    pub fn update_head(&self, head: Head) {
        self.head.send_replace(head);
    }

    /// The peers that are kept a place whatever strangers do: validators of the current sets, at most
    /// [`limits::PROTECTED_PEERS_MAX`]; those past it are not protected. Replaces the last such set. Trusted peers of the
    /// configuration are always protected.
    pub fn protect(&self, peers: BTreeSet<PeerId>) {
        self.protected.send_replace(peers);
    }

    /// Connected peers, for display.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`].
    pub async fn peers(&self) -> Result<Vec<PeerInfo>, NetworkError> {
        let (answer, receive) = oneshot::channel();
        self.commands.send(Command::Peers { answer }).await.map_err(|_| NetworkError::Stopped)?;
        receive.await.map_err(|_| NetworkError::Stopped)
    }

    /// Figures of the moment.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`].
    pub async fn counts(&self) -> Result<NetworkCounts, NetworkError> {
        let (answer, receive) = oneshot::channel();
        self.commands.send(Command::Counts { answer }).await.map_err(|_| NetworkError::Stopped)?;
        receive.await.map_err(|_| NetworkError::Stopped)
    }

    /// Connects to a peer and keeps the connection, as if it were in the configuration's trusted peers.
    ///
    /// # Errors
    /// [`NetworkError::Address`] unless the address ends in `/p2p/<peer id>` over TCP or QUIC; [`NetworkError::Stopped`].
    pub async fn add_peer(&self, address: Multiaddr) -> Result<PeerId, NetworkError> {
        let peer = crate::config::peer_of("add peer", &address)?;
        self.commands.send(Command::AddPeer { peer, address }).await.map_err(|_| NetworkError::Stopped)?;
        Ok(peer)
    }

    /// Forgets a peer and closes its connections. It may come back by itself.
    ///
    /// # Errors
    /// [`NetworkError::Stopped`].
    pub async fn remove_peer(&self, peer: PeerId) -> Result<(), NetworkError> {
        self.commands.send(Command::RemovePeer { peer }).await.map_err(|_| NetworkError::Stopped)
    }

    /// Stops the network: the address book is written, connections are closed. Returns when that is done.
    pub async fn shutdown(&self) {
        let (answer, receive) = oneshot::channel();
        if self.urgent.send(Command::Shutdown { answer }).await.is_ok() {
            // An error means that the task is gone already.
            let _ = receive.await;
        }
    }

    fn queue(&self, topic: Topic) -> &mpsc::Sender<Command> {
        if topic.is_urgent() { &self.urgent } else { &self.commands }
    }

    fn send_urgent(&self, kind: &'static str, command: Command) {
        if self.urgent.try_send(command).is_err() {
            count_dropped(kind);
        }
    }
}

fn check_size(kind: &'static str, bytes: usize, bytes_max: usize) -> Result<(), NetworkError> {
    if bytes > bytes_max { Err(NetworkError::TooLarge { kind, bytes, bytes_max }) } else { Ok(()) }
}

fn refused(error: mpsc::error::TrySendError<Command>, queue: &mpsc::Sender<Command>) -> NetworkError {
    match error {
        mpsc::error::TrySendError::Full(_) => NetworkError::Busy { queue: queue.max_capacity() },
        mpsc::error::TrySendError::Closed(_) => NetworkError::Stopped,
    }
}

/// A connected peer, for display (`admin_peers`, `pervade status`).
#[derive(Debug, Clone, PartialEq)]
pub struct PeerInfo {
    /// Its identity.
    pub peer: PeerId,
    /// Its address.
    pub address: Multiaddr,
    /// Who opened the connection.
    pub direction: Direction,
    /// Its program, as it says.
    pub agent: String,
    /// Its head, as it says.
    pub head: Head,
    /// 0 at best; at -100 it is banned.
    pub score: i32,
    /// Whether it is kept a place: trusted, or a validator.
    pub protected: bool,
    /// Round trip of the last ping, milliseconds.
    pub ping_ms: Option<u64>,
    /// Since when it is connected, seconds.
    pub connected_seconds: u64,
}

/// Figures of the moment, also shown as metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetworkCounts {
    /// Peers whose handshake is done.
    pub peers: usize,
    /// Connections that stand, those before their handshake included.
    pub connections: usize,
    /// Connections whose other end has not proved its key.
    pub unfinished: usize,
    /// Peers in the address book.
    pub addresses: usize,
    /// Bans in force.
    pub bans: usize,
    /// Requests of peers in progress.
    pub requests_in: usize,
    /// Requests of this node in progress.
    pub requests_out: usize,
}

/// Takes the answer to a peer's request.
#[derive(Debug)]
pub struct Responder {
    pub(crate) protocol: Protocol,
    pub(crate) channel: ResponseChannel<Bytes>,
    pub(crate) commands: mpsc::Sender<Command>,
}

impl Responder {
    /// Largest answer, bytes.
    pub fn bytes_max(&self) -> usize {
        self.protocol.response_bytes_max()
    }

    /// Sends the answer. Never waits; the peer may be gone already.
    ///
    /// # Errors
    /// [`NetworkError::TooLarge`] past [`Self::bytes_max`]; [`NetworkError::Busy`], [`NetworkError::Stopped`]. The peer
    /// then learns that there is no answer.
    pub fn respond(self, data: Bytes) -> Result<(), NetworkError> {
        check_size(self.protocol.name(), data.len(), self.bytes_max())?;
        let command = Command::Respond { protocol: self.protocol, channel: self.channel, data };
        self.commands.try_send(command).map_err(|error| refused(error, &self.commands))
    }
}

/// From a handle to the swarm task.
#[derive(Debug)]
pub(crate) enum Command {
    Publish { topic: Topic, data: Bytes },
    Validate { token: MessageToken, verdict: Verdict },
    Request { peer: PeerId, protocol: Protocol, data: Bytes, answer: oneshot::Sender<Result<Bytes, RequestError>> },
    Respond { protocol: Protocol, channel: ResponseChannel<Bytes>, data: Bytes },
    Report { peer: PeerId, offence: Offence },
    Peers { answer: oneshot::Sender<Vec<PeerInfo>> },
    Counts { answer: oneshot::Sender<NetworkCounts> },
    AddPeer { peer: PeerId, address: Multiaddr },
    RemovePeer { peer: PeerId },
    Shutdown { answer: oneshot::Sender<()> },
}

/// The swarm task's end of a handle.
#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) urgent: mpsc::Receiver<Command>,
    pub(crate) others: mpsc::Receiver<Command>,
    pub(crate) head: watch::Receiver<Head>,
    pub(crate) protected: watch::Receiver<BTreeSet<PeerId>>,
    pub(crate) peer_count: Arc<AtomicUsize>,
    pub(crate) listening: watch::Sender<Vec<Multiaddr>>,
    /// For responders; weak, so that the task does not keep itself alive.
    pub(crate) responses: mpsc::WeakSender<Command>,
}

/// A handle and the task's end of it.
pub(crate) fn handle(peer_id: PeerId, head: Head) -> (NetworkHandle, Commands) {
    let (urgent, urgent_in) = mpsc::channel(limits::URGENT_COMMANDS_MAX);
    let (commands, commands_in) = mpsc::channel(limits::COMMANDS_MAX);
    let (head, head_in) = watch::channel(head);
    let (protected, protected_in) = watch::channel(BTreeSet::new());
    let (listening_out, listening) = watch::channel(Vec::new());
    let peer_count = Arc::<AtomicUsize>::default();
    let task = Commands {
        responses: urgent.downgrade(),
        urgent: urgent_in,
        others: commands_in,
        head: head_in,
        protected: protected_in,
        peer_count: peer_count.clone(),
        listening: listening_out,
    };
    let (head, protected) = (Arc::new(head), Arc::new(protected));
    (NetworkHandle { peer_id, urgent, commands, head, protected, peer_count, listening }, task)
}
