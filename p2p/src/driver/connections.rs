//! Connections: handshake, status, addresses, dials.
use super::{
    DISCOVERY_INTERVAL, Driver, Peer,
    requests::{is_broken, on_inbound_failure},
    unix_seconds,
};
use crate::{
    Status,
    address_book::Origin,
    config::{ip_of, is_dialable},
    limits,
    metrics::count_request,
    peer_exchange,
    reputation::Offence,
    request::{PEERS, STATUS},
    status::{Answer, Welcome},
};
use bytes::Bytes;
use libp2p::{
    PeerId,
    core::ConnectedPoint,
    identify, ping,
    request_response::{Event, Message, OutboundFailure},
    swarm::{
        ConnectionId, DialError,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use std::time::{Duration, Instant};
use tracing::{debug, info, warn};

/// Least time between two tellings of the head to one peer.
const TELL_INTERVAL: Duration = Duration::from_secs(1);
/// Longest text of a peer's program that is kept.
const AGENT_BYTES_MAX: usize = 64;

impl Driver {
    pub(super) fn on_connection(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let now = Instant::now();
        let known = self.peers.entry(peer).or_insert_with(|| Peer::new(now));
        let first = known.connections.is_empty();
        known.add(connection, endpoint, now);
        for lost in known.replaced(connection) {
            debug!(%peer, "it has come anew: its old connection is closed");
            self.swarm.close_connection(lost);
        }
        if endpoint.is_dialer() {
            self.book.connected(&peer, Some(endpoint.get_remote_address()), unix_seconds());
        }
        if first {
            let score = f64::from(self.reputation.score(&peer, now));
            self.swarm.behaviour_mut().gossip.set_application_score(&peer, score);
            // Both sides begin: the answer to either completes the handshake.
            self.tell_status(peer, now);
        }
    }

    pub(super) fn on_connection_closed(&mut self, peer: PeerId, connection: ConnectionId, remaining: u32) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.connections.remove(&connection);
        }
        if remaining > 0 {
            return;
        }
        let was_known = self.peers.remove(&peer).is_some_and(|known| known.status.is_some());
        // Before it is told: who hears of it and asks must not find the peer counted.
        self.show_peer_count();
        if was_known {
            info!(%peer, "peer disconnected");
            self.events.disconnected(peer);
        }
        self.book.failed(&peer, Instant::now());
    }

    pub(super) fn on_dial_error(&mut self, peer: PeerId, error: &DialError) {
        debug!(%peer, %error, "dial failed");
        match error {
            DialError::WrongPeerId { .. } => {
                warn!(%peer, %error, "another peer answers at its address");
                self.book.failed(&peer, Instant::now());
            }
            DialError::DialPeerConditionFalse(_) => {}
            _ => self.book.failed(&peer, Instant::now()),
        }
    }

    fn tell_status(&mut self, peer: PeerId, now: Instant) {
        if let Some(known) = self.peers.get_mut(&peer) {
            known.told = Some((self.status.head, now));
            self.swarm.behaviour_mut().status.send_request(&peer, Some(self.status.encode()));
        }
    }

    /// Tells peers that do not know it of the newest head, once a second at most.
    pub(super) fn tell_head(&mut self, now: Instant) {
        let head = self.status.head;
        let stale = |peer: &Peer| {
            peer.told.is_none_or(|(told, at)| told != head && now.saturating_duration_since(at) >= TELL_INTERVAL)
        };
        let stale: Vec<_> = self.handshaken().filter(|(_, peer)| stale(peer)).map(|(peer, _)| *peer).collect();
        for peer in stale {
            self.tell_status(peer, now);
        }
    }

    pub(super) fn on_status_event(&mut self, event: Event<Option<Bytes>, Bytes>) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let admitted = self.peers.get_mut(&peer).is_some_and(|peer| peer.admit_request(STATUS, Instant::now()));
                if !admitted {
                    self.punish(peer, Offence::Flood);
                    return;
                }
                let Some(status) = request.as_deref().and_then(Status::decode) else {
                    self.punish(peer, Offence::Invalid);
                    return;
                };
                let welcome = self.chain.judge(&status);
                let answer = Answer { welcome, status: self.status };
                // An error means that the peer is gone already.
                let _ = self.swarm.behaviour_mut().status.send_response(channel, answer.encode());
                self.on_status(peer, status, welcome, true);
            }
            Event::Message { peer, message: Message::Response { response, .. }, .. } => {
                let Some(answer) = Answer::decode(&response) else {
                    self.punish(peer, Offence::Invalid);
                    return;
                };
                let welcome = match self.chain.judge(&answer.status) {
                    Welcome::Welcome => answer.welcome,
                    other => other,
                };
                self.on_status(peer, answer.status, welcome, false);
            }
            Event::OutboundFailure { peer, error, .. } => {
                debug!(%peer, %error, "status not answered");
                match error {
                    OutboundFailure::UnsupportedProtocols => {
                        info!(%peer, "not a peer of this kind of network");
                        self.book.useless(&peer, Instant::now());
                        self.disconnect(peer);
                    }
                    OutboundFailure::Io(error) if is_broken(Some(&error)) => {
                        self.punish(peer, Offence::Invalid);
                    }
                    OutboundFailure::Timeout => self.punish(peer, Offence::NoAnswer),
                    _ => {}
                }
            }
            Event::InboundFailure { peer, error, .. } => on_inbound_failure(STATUS.name, peer, &error),
            Event::ResponseSent { peer, .. } => {
                // It has been told why; there is nothing more to say to it.
                if self.peers.get(&peer).is_some_and(|peer| peer.unwelcome) {
                    self.disconnect(peer);
                }
            }
        }
    }

    /// Judges a peer by its status: in, or out. One that is about to be told why is disconnected after that.
    fn on_status(&mut self, peer: PeerId, status: Status, welcome: Welcome, answering: bool) {
        let Some(known) = self.peers.get_mut(&peer) else { return };
        if welcome != Welcome::Welcome {
            let (direction, address) = known.endpoint();
            known.unwelcome = true;
            warn!(
                %peer, %address, ?direction, reason = welcome.reason(),
                own_chain_id = self.status.chain_id, its_chain_id = status.chain_id,
                own_genesis_hash = %self.status.genesis_hash, its_genesis_hash = %status.genesis_hash,
                own_fork = ?self.status.fork_id, its_fork = ?status.fork_id,
                "a peer of another chain is refused"
            );
            self.book.useless(&peer, Instant::now());
            if !answering {
                self.disconnect(peer);
            }
            return;
        }
        match known.status.replace(status) {
            Some(old) if old.head == status.head => {}
            Some(_) => self.events.status(peer, status),
            None => {
                let (direction, address) = known.endpoint();
                info!(%peer, %address, ?direction, height = status.head.number, "peer connected");
                self.show_peer_count();
                self.events.connected(peer, direction, address, status);
            }
        }
    }

    pub(super) fn end_slow_handshakes(&mut self, now: Instant) {
        let slow = |peer: &Peer| {
            let limit = limits::HANDSHAKE_TIMEOUT;
            (peer.status.is_none() || peer.unwelcome) && now.saturating_duration_since(peer.since) >= limit
        };
        let slow: Vec<_> = self.peers.iter().filter(|(_, peer)| slow(peer)).map(|(peer, _)| *peer).collect();
        for peer in slow {
            debug!(%peer, "no handshake in time");
            self.disconnect(peer);
        }
    }

    pub(super) fn on_identify_event(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        let Some(peer) = self.peers.get_mut(&peer_id) else { return };
        peer.agent = info.agent_version.chars().filter(|one| !one.is_control()).take(AGENT_BYTES_MAX).collect();
        // It may say where it listens, but only at the address that it comes from: nobody is sent to others' doors.
        let from = peer.ip();
        let own = info.listen_addrs.iter().filter(|address| is_dialable(address) && ip_of(address) == from);
        let own: Vec<_> = own.take(limits::ADDRESSES_PER_PEER_MAX).cloned().collect();
        for address in own {
            self.book.add(peer_id, &address, Origin::Learned, unix_seconds(), Instant::now());
        }
    }

    pub(super) fn on_ping_event(&mut self, event: ping::Event) {
        match event.result {
            Ok(time) => {
                if let Some(peer) = self.peers.get_mut(&event.peer) {
                    peer.ping = Some(time);
                }
            }
            Err(ping::Failure::Timeout) => {
                debug!(peer = %event.peer, "no answer to a ping");
                self.swarm.close_connection(event.connection);
            }
            Err(error) => debug!(peer = %event.peer, %error, "ping failed"),
        }
    }

    /// Dials who is due: trusted peers always, others while there is room.
    pub(super) fn dial(&mut self, now: Instant) {
        let room = self.swarm.behaviour().gate.outbound_room();
        let (peers, gate) = (&self.peers, &self.swarm.behaviour().gate);
        let due = self.book.due(now, room, |peer| peers.contains_key(peer) || gate.is_banned(peer, now));
        for (peer, addresses) in due.into_iter().take(limits::CONNECTIONS_PENDING_OUT_MAX) {
            let dial = DialOpts::peer_id(peer).condition(PeerCondition::DisconnectedAndNotDialing).addresses(addresses);
            if let Err(error) = self.swarm.dial(dial.build()) {
                self.on_dial_error(peer, &error);
            }
        }
    }

    /// Asks a peer for others while there is room to dial them.
    pub(super) fn discover(&mut self, now: Instant) {
        let recent = self.last_discovery.is_some_and(|last| now.saturating_duration_since(last) < DISCOVERY_INTERVAL);
        if !self.config.discovery || recent || self.swarm.behaviour().gate.outbound_room() == 0 {
            return;
        }
        let candidates: Vec<_> = self.handshaken().map(|(peer, _)| *peer).collect();
        if let Some(peer) = rand::seq::IndexedRandom::choose(&candidates[..], &mut rand::rng()) {
            self.last_discovery = Some(now);
            self.swarm.behaviour_mut().peers.send_request(peer, Some(peer_exchange::request()));
        }
    }

    pub(super) fn on_peers_event(&mut self, event: Event<Option<Bytes>, Bytes>) {
        match event {
            Event::Message { peer, message: Message::Request { request, channel, .. }, .. } => {
                let Some(known) = self.peers.get_mut(&peer).filter(|known| known.status.is_some()) else { return };
                let valid = request.as_deref().is_some_and(peer_exchange::is_request);
                if !known.admit_request(PEERS, Instant::now()) || !valid {
                    self.punish(peer, if valid { Offence::Flood } else { Offence::Invalid });
                    return;
                }
                let (_, address) = known.endpoint();
                let told =
                    if self.config.discovery { peer_exchange::choose(&self.book, &peer, &address) } else { Vec::new() };
                count_request(PEERS.name, "served");
                // An error means that the peer is gone already.
                let _ = self.swarm.behaviour_mut().peers.send_response(channel, peer_exchange::encode(&told));
            }
            Event::Message { peer, message: Message::Response { response, .. }, .. } => {
                let Some(known) = self.peers.get(&peer) else { return };
                let (_, from) = known.endpoint();
                let Some(told) = peer_exchange::decode(&response) else {
                    self.punish(peer, Offence::Invalid);
                    return;
                };
                let own = *self.swarm.local_peer_id();
                for (other, address) in told {
                    if other != own && peer_exchange::is_believable(&address, &from) {
                        self.book.add(other, &address, Origin::Learned, 0, Instant::now());
                    }
                }
            }
            Event::InboundFailure { peer, error, .. } => on_inbound_failure(PEERS.name, peer, &error),
            Event::OutboundFailure { .. } | Event::ResponseSent { .. } => {}
        }
    }
}
