//! What the driver knows of one connected peer.
use crate::{
    Head, Status,
    config::ip_of,
    event::Direction,
    limits,
    rate::Rate,
    request::{CONTENT, PEERS, STATUS, SYNC, WireProtocol},
    topic::Topic,
};
use libp2p::{Multiaddr, core::ConnectedPoint, swarm::ConnectionId};
use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

/// One connection to a peer.
pub(super) struct Connection {
    pub(super) direction: Direction,
    pub(super) address: Multiaddr,
    pub(super) since: Instant,
}

/// A connected peer, from its first connection to its last.
pub(super) struct Peer {
    pub(super) connections: BTreeMap<ConnectionId, Connection>,
    /// What it said at the handshake and since; `None` until then.
    pub(super) status: Option<Status>,
    /// It is on another chain, and is being told.
    pub(super) unwelcome: bool,
    pub(super) since: Instant,
    pub(super) agent: String,
    pub(super) ping: Option<Duration>,
    /// The head that this node told it last, and when.
    pub(super) told: Option<(Head, Instant)>,
    /// Requests of this node in progress with it.
    pub(super) requests_out: usize,
    gossip: [Rate; Topic::ALL.len()],
    requests: [(WireProtocol, Rate); 4],
}

impl Peer {
    pub(super) fn new(now: Instant) -> Self {
        let gossip = limits::GOSSIP_MESSAGES_PER_SECOND_MAX;
        let rate = |protocol: WireProtocol| (protocol, Rate::new(protocol.per_minute_max, protocol.burst_max, now));
        Self {
            connections: BTreeMap::new(),
            status: None,
            unwelcome: false,
            since: now,
            agent: String::new(),
            ping: None,
            told: None,
            requests_out: 0,
            gossip: Topic::ALL.map(|_| Rate::new(gossip.saturating_mul(60), gossip.saturating_mul(2), now)),
            requests: [STATUS, PEERS, SYNC, CONTENT].map(rate),
        }
    }

    pub(super) fn add(&mut self, connection: ConnectionId, endpoint: &ConnectedPoint, now: Instant) {
        let direction = if endpoint.is_dialer() { Direction::Outbound } else { Direction::Inbound };
        let address = endpoint.get_remote_address().clone();
        self.connections.insert(connection, Connection { direction, address, since: now });
    }

    /// Connections that the peer has lost: it has come anew, and nobody dials where a connection stands. What is sent
    /// on them would wait, after a cut, for as long as the cut was.
    pub(super) fn replaced(&self, newest: ConnectionId) -> Vec<ConnectionId> {
        let Some(new) = self.connections.get(&newest).filter(|new| new.direction == Direction::Inbound) else {
            return Vec::new();
        };
        let is_old =
            |old: &Connection| new.since.saturating_duration_since(old.since) >= limits::CONNECTION_REPLACED_AFTER;
        self.connections.iter().filter(|(_, old)| is_old(old)).map(|(id, _)| *id).collect()
    }

    /// Direction and address of its oldest connection.
    pub(super) fn endpoint(&self) -> (Direction, Multiaddr) {
        let first = self.connections.values().next();
        first.map_or((Direction::Inbound, Multiaddr::empty()), |first| (first.direction, first.address.clone()))
    }

    pub(super) fn ip(&self) -> Option<IpAddr> {
        ip_of(&self.endpoint().1)
    }

    /// Whether one more message of that topic is within its rate.
    pub(super) fn admit_gossip(&mut self, topic: Topic, now: Instant) -> bool {
        let rate = Topic::ALL.iter().position(|other| *other == topic).and_then(|index| self.gossip.get_mut(index));
        rate.is_some_and(|rate| rate.admit(now))
    }

    /// Whether one more request of that protocol is within its rate.
    pub(super) fn admit_request(&mut self, protocol: WireProtocol, now: Instant) -> bool {
        let rate = self.requests.iter_mut().find(|(other, _)| *other == protocol);
        rate.is_some_and(|(_, rate)| rate.admit(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_from_the_peer_replaces_those_that_are_old() {
        let (now, limit) = (Instant::now(), limits::CONNECTION_REPLACED_AFTER);
        let [old, young, newest] = [1, 2, 3].map(ConnectionId::new_unchecked);
        let mut peer = Peer::new(now);
        let address = Multiaddr::empty();
        let dialled = ConnectedPoint::Dialer {
            address: address.clone(),
            role_override: libp2p::core::Endpoint::Dialer,
            port_use: libp2p::core::transport::PortUse::Reuse,
        };
        let listened = ConnectedPoint::Listener { local_addr: address.clone(), send_back_addr: address };
        peer.add(old, &dialled, now);
        peer.add(young, &listened, now + Duration::from_millis(1));
        assert_eq!(peer.replaced(young), [], "both dialled at once");
        peer.add(newest, &listened, now + limit);
        assert_eq!(peer.replaced(newest), [old]);
        peer.add(newest, &dialled, now + limit);
        assert_eq!(peer.replaced(newest), [], "it is this node that has come anew");
    }

    #[test]
    fn requests_and_messages_pass_up_to_their_burst_and_not_one_more() {
        let now = Instant::now();
        let mut peer = Peer::new(now);
        for protocol in [STATUS, PEERS, SYNC, CONTENT] {
            for _ in 0..protocol.burst_max {
                assert!(peer.admit_request(protocol, now));
            }
            assert!(!peer.admit_request(protocol, now), "{}", protocol.name);
        }
        for topic in Topic::ALL {
            for _ in 0..limits::GOSSIP_MESSAGES_PER_SECOND_MAX * 2 {
                assert!(peer.admit_gossip(topic, now));
            }
            assert!(!peer.admit_gossip(topic, now), "{}", topic.name());
        }
    }
}
