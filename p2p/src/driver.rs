//! The task that owns the swarm.
//!
//! ```text
//!  commands: urgent ┐                                   ┌ events by urgency (never waited for)
//!            others ┼──► driver ──► swarm ──► peers     │
//!    head, validators┘      ▲          │                │
//!                           └──────────┴────────────────┘
//!  every 500 ms: dials that are due, news of the head, handshakes that take too long, scores, address book
//! ```
mod commands;
mod connections;
mod gossip;
mod peer;
mod requests;

use crate::{
    ChainIdentity, Head, NetworkConfig, NetworkError, NetworkEvents, NetworkHandle, Status,
    address_book::{AddressBook, Origin},
    address_file,
    behaviour::{Protocols, ProtocolsEvent},
    config::peer_of,
    event::{EventSink, queues},
    gossip::GRAYLIST_SCORE,
    handle::{Command, Commands, NetworkCounts, handle},
    limits,
    metrics::{count_ban, count_offence, show},
    node_key::load_or_create_node_key,
    reputation::{Offence, Reputation},
    request::Protocol,
    throttle::Throttle,
    topic::Topics,
    transport::transport,
};
use gossip::Repeats;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    futures::StreamExt,
    swarm::{self, SwarmEvent},
};
use peer::Peer;
use requests::{InFlight, PendingRequest};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::Ordering,
    time::{Duration, Instant, SystemTime},
};
use tokio::{sync::oneshot, time::MissedTickBehavior};
use tracing::{debug, info, warn};

/// Rhythm of everything that is not an answer to an event.
const TICK: Duration = Duration::from_millis(500);
/// Rhythm of writing the address book.
const SAVE_INTERVAL: Duration = Duration::from_secs(60);
/// Rhythm of asking for other peers.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(15);
/// Urgent commands handled before the swarm has its turn again.
const COMMANDS_PER_TURN: usize = 64;
/// Time for connections to close at the end.
const SHUTDOWN_TIME: Duration = Duration::from_millis(500);

/// Starts the network of one node: listens, dials, and runs until [`NetworkHandle::shutdown`] or until every handle is
/// dropped. Must be called within a tokio runtime.
///
/// # Errors
/// [`NetworkError`] if a setting, the node key, the address book's file or the port cannot be used.
pub fn start(
    config: NetworkConfig,
    mut chain: ChainIdentity,
    head: Head,
) -> Result<(NetworkHandle, NetworkEvents), NetworkError> {
    config.check()?;
    let now = Instant::now();
    let key = load_or_create_node_key(&config.nodekey)?;
    let peer_id = key.public().to_peer_id();
    let mut book = match &config.address_book {
        Some(file) => address_file::load(file, now)?,
        None => AddressBook::default(),
    };
    let mut trusted = BTreeSet::new();
    for (origin, addresses) in [(Origin::Boot, &config.bootnodes), (Origin::Trusted, &config.trusted_peers)] {
        for address in addresses {
            let peer = peer_of("trusted-peers", address)?;
            if peer != peer_id {
                book.add(peer, address, origin, 0, now);
                if origin == Origin::Trusted {
                    trusted.insert(peer);
                }
            }
        }
    }
    let topics = Topics::new(chain.genesis_hash());
    let throttle = Throttle::default();
    throttle.set_fast(trusted.clone());
    let transport = transport(&config, &key, throttle.clone())?;
    let protocols = Protocols::new(&config, key.public(), &topics, trusted)?;
    let settings = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(limits::CONNECTION_IDLE_TIMEOUT)
        .with_max_negotiating_inbound_streams(limits::STREAMS_PER_CONNECTION_MAX / 2);
    let mut swarm = Swarm::new(transport, protocols, peer_id, settings);
    for address in config.listen_addresses() {
        let failed = |error: libp2p::TransportError<_>| NetworkError::Transport {
            what: "listen",
            problem: format!("{address}: {error}"),
        };
        swarm.listen_on(address.clone()).map_err(failed)?;
    }
    for address in config.external_addresses() {
        swarm.add_external_address(address);
    }
    let status = chain.status(head);
    let (handle, commands) = handle(peer_id, head);
    let (events, receiver) = queues();
    let driver = Driver {
        swarm,
        status,
        commands,
        events,
        topics,
        throttle,
        book,
        config,
        chain,
        peers: BTreeMap::new(),
        reputation: Reputation::default(),
        repeats: Repeats::default(),
        pending: BTreeMap::new(),
        in_flight: InFlight::default(),
        last_save: now,
        last_discovery: None,
    };
    info!(peer = %peer_id, genesis_hash = %driver.chain.genesis_hash(), "network starts");
    tokio::spawn(driver.run());
    Ok((handle, receiver))
}

/// Everything that the task owns.
struct Driver {
    config: NetworkConfig,
    chain: ChainIdentity,
    status: Status,
    swarm: Swarm<Protocols>,
    commands: Commands,
    events: EventSink,
    topics: Topics,
    throttle: Throttle,
    book: AddressBook,
    peers: BTreeMap<PeerId, Peer>,
    reputation: Reputation,
    repeats: Repeats,
    /// Requests of this node, by protocol and libp2p's id.
    pending: BTreeMap<(Protocol, libp2p::request_response::OutboundRequestId), PendingRequest>,
    /// Requests of peers.
    in_flight: InFlight,
    last_save: Instant,
    last_discovery: Option<Instant>,
}

impl Driver {
    async fn run(mut self) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let stopped = loop {
            tokio::select! {
                command = self.commands.urgent.recv() => {
                    let Some(command) = command else { break None };
                    if let Some(stop) = self.take_urgent(command) {
                        break Some(stop);
                    }
                }
                event = self.swarm.select_next_some() => self.on_swarm_event(event),
                Some(command) = self.commands.others.recv() => { self.on_command(command); }
                Ok(()) = self.commands.head.changed() => {
                    let head = *self.commands.head.borrow_and_update();
                    self.status = self.chain.status(head);
                }
                Ok(()) = self.commands.protected.changed() => self.update_protected(),
                _ = tick.tick() => self.tick(Instant::now()),
            }
            self.events.flush();
        };
        self.stop(stopped).await;
    }

    /// Handles urgent commands up to a limit; the answer to a request to stop, if there is one among them.
    fn take_urgent(&mut self, first: Command) -> Option<oneshot::Sender<()>> {
        let mut next = Some(first);
        for _ in 0..COMMANDS_PER_TURN {
            let Some(command) = next else { break };
            if let Some(stop) = self.on_command(command) {
                return Some(stop);
            }
            next = self.commands.urgent.try_recv().ok();
        }
        // The last one taken is never left over: it is handled even if the limit is reached.
        next.and_then(|command| self.on_command(command))
    }

    async fn stop(mut self, answer: Option<oneshot::Sender<()>>) {
        self.save_book(Instant::now(), true);
        let connected: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            // An error means that it is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let close = async {
            while self.swarm.network_info().num_peers() > 0 {
                self.swarm.select_next_some().await;
            }
        };
        if tokio::time::timeout(SHUTDOWN_TIME, close).await.is_err() {
            debug!("connections were closed without goodbye");
        }
        info!("network stopped");
        drop(self);
        if let Some(answer) = answer {
            // Whoever asked may be gone.
            let _ = answer.send(());
        }
    }

    fn on_swarm_event(&mut self, event: SwarmEvent<ProtocolsEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.on_protocol_event(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                self.on_connection(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed { peer_id, connection_id, num_established, cause, .. } => {
                debug!(peer = %peer_id, cause = ?cause, "connection closed");
                self.on_connection_closed(peer_id, connection_id, num_established);
            }
            SwarmEvent::OutgoingConnectionError { peer_id: Some(peer), error, .. } => self.on_dial_error(peer, &error),
            SwarmEvent::NewListenAddr { address, .. } => {
                info!(%address, "listening");
                self.show_listeners();
            }
            SwarmEvent::ExpiredListenAddr { .. } | SwarmEvent::ListenerClosed { .. } => self.show_listeners(),
            SwarmEvent::ListenerError { error, .. } => warn!(%error, "a listener failed"),
            _ => {}
        }
    }

    fn on_protocol_event(&mut self, event: ProtocolsEvent) {
        match event {
            ProtocolsEvent::Gossip(event) => self.on_gossip_event(event),
            ProtocolsEvent::Status(event) => self.on_status_event(event),
            ProtocolsEvent::Peers(event) => self.on_peers_event(event),
            ProtocolsEvent::Sync(event) => self.on_request_event(Protocol::Sync, event),
            ProtocolsEvent::Content(event) => self.on_request_event(Protocol::Content, event),
            ProtocolsEvent::Identify(event) => self.on_identify_event(event),
            ProtocolsEvent::Ping(event) => self.on_ping_event(event),
            ProtocolsEvent::Gate(event) => match event {},
        }
    }

    fn tick(&mut self, now: Instant) {
        self.end_slow_handshakes(now);
        self.check_gossip_scores(now);
        self.tell_head(now);
        self.dial(now);
        self.discover(now);
        self.swarm.behaviour_mut().gate.tidy(now);
        self.save_book(now, false);
        show(&self.counts(now));
    }

    fn counts(&self, now: Instant) -> NetworkCounts {
        let gate = &self.swarm.behaviour().gate;
        NetworkCounts {
            peers: self.handshaken().count(),
            connections: gate.connections(),
            unfinished: gate.unfinished(),
            addresses: self.book.len(),
            bans: gate.bans(now),
            requests_in: self.in_flight.len(),
            requests_out: self.pending.len(),
        }
    }

    /// Peers whose handshake is done.
    fn handshaken(&self) -> impl Iterator<Item = (&PeerId, &Peer)> {
        self.peers.iter().filter(|(_, peer)| peer.status.is_some())
    }

    fn show_peer_count(&self) {
        self.commands.peer_count.store(self.handshaken().count(), Ordering::Relaxed);
    }

    fn show_listeners(&self) {
        let peer = *self.swarm.local_peer_id();
        let with_peer = |address: &Multiaddr| address.clone().with(libp2p::multiaddr::Protocol::P2p(peer));
        self.commands.listening.send_replace(self.swarm.listeners().map(with_peer).collect());
    }

    fn update_protected(&mut self) {
        let protected = self.commands.protected.borrow_and_update().clone();
        self.swarm.behaviour_mut().gate.protect(protected);
        self.update_fast();
    }

    /// Protected peers may send more.
    fn update_fast(&mut self) {
        self.throttle.set_fast(self.swarm.behaviour().gate.protected().collect());
    }

    /// Lowers a peer's score; bans and disconnects it when that is too much.
    fn punish(&mut self, peer: PeerId, offence: Offence) {
        let now = Instant::now();
        count_offence(offence);
        let banned = self.reputation.punish(peer, offence, now);
        let score = self.reputation.score(&peer, now);
        self.swarm.behaviour_mut().gossip.set_application_score(&peer, f64::from(score));
        debug!(%peer, offence = offence.name(), score, "offence");
        if banned {
            self.ban(peer, offence, now);
        }
    }

    fn ban(&mut self, peer: PeerId, offence: Offence, now: Instant) {
        let protected = self.swarm.behaviour().gate.is_protected(&peer);
        let duration = if protected { self.config.protected_ban } else { self.config.ban };
        if protected {
            warn!(%peer, offence = offence.name(), seconds = duration.as_secs(), "a trusted peer or validator is banned");
        } else {
            info!(%peer, offence = offence.name(), seconds = duration.as_secs(), "a peer is banned");
        }
        count_ban();
        let address = self.peers.get(&peer).and_then(Peer::ip);
        self.swarm.behaviour_mut().gate.ban(peer, address, duration, now);
        self.book.useless(&peer, now);
        self.disconnect(peer);
    }

    fn disconnect(&mut self, peer: PeerId) {
        // An error means that it is gone already.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// Gossipsub sees what nothing else does: promises not kept, joining against the rules.
    fn check_gossip_scores(&mut self, _now: Instant) {
        let gossip = &self.swarm.behaviour().gossip;
        let low = |peer: &&PeerId| gossip.peer_score(peer).is_some_and(|score| score < GRAYLIST_SCORE);
        let low: Vec<_> = self.peers.keys().filter(low).copied().collect();
        for peer in low {
            self.punish(peer, Offence::GossipRules);
        }
    }

    fn save_book(&mut self, now: Instant, at_once: bool) {
        let Some(file) = &self.config.address_book else { return };
        if !at_once && now.saturating_duration_since(self.last_save) < SAVE_INTERVAL {
            return;
        }
        self.last_save = now;
        if !self.book.take_changed() {
            return;
        }
        let (file, encoded) = (file.clone(), address_file::encode(&self.book));
        let save = move || {
            if let Err(error) = address_file::save(&file, &encoded) {
                warn!(%error, "the address book is not written");
            }
        };
        // A slow disk must not hold up votes; at the end it may.
        if at_once {
            save();
        } else {
            tokio::task::spawn_blocking(save);
        }
    }
}

/// The clock of the address book, Unix seconds.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs())
}
