//! Who may connect: limits in total, per peer and per address, places kept for validators, bans.
//!
//! ```text
//! pending ──► address: rate, pending connections, ban ──► key proved ──► ban, trusted or protected? ──► in
//!                                                                            │ no: a stranger
//!                                                                            └─► per address, in, out ──► in
//! ```
//!
//! A stranger never takes the place of a trusted peer or a validator: those are not counted among strangers.
use crate::{NetworkConfig, config::ip_of, limits, metrics::count_refused, rate::Rate};
use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent, THandlerOutEvent,
        ToSwarm, dummy,
    },
};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    net::{IpAddr, Ipv6Addr},
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// New connections from one address in a minute, on average, and at once.
const PER_ADDRESS_PER_MINUTE: u32 = 120;
const PER_ADDRESS_BURST: u32 = 60;
/// Connections from one address that have not proved a key.
const PENDING_PER_ADDRESS_MAX: usize = 32;
/// Banned peers of one address before the address itself is banned, for [`ADDRESS_BAN`].
const BANS_PER_ADDRESS_MAX: u32 = 4;
const ADDRESS_BAN: Duration = Duration::from_secs(60);

/// Why a connection is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("banned")]
    Banned,
    #[error("too many new connections from its address")]
    AddressRate,
    #[error("too many unfinished connections")]
    Pending,
    #[error("too many connections of this peer")]
    Peer,
    #[error("too many connections from its address")]
    Address,
    #[error("no room")]
    Full,
}

#[derive(Debug, Clone, Copy)]
struct Connection {
    peer: PeerId,
    address: Option<IpAddr>,
    inbound: bool,
}

/// The policy, and libp2p's behaviour around it.
#[derive(Debug)]
pub(crate) struct Gate {
    inbound_max: usize,
    outbound_max: usize,
    per_address_max: usize,
    trusted: BTreeSet<PeerId>,
    protected: BTreeSet<PeerId>,
    banned: BTreeMap<PeerId, Instant>,
    banned_addresses: BTreeMap<IpAddr, (u32, Instant)>,
    rates: BTreeMap<IpAddr, Rate>,
    pending_in: BTreeMap<ConnectionId, Option<IpAddr>>,
    pending_out: BTreeSet<ConnectionId>,
    connections: BTreeMap<ConnectionId, Connection>,
}

impl Gate {
    pub(crate) fn new(config: &NetworkConfig, trusted: BTreeSet<PeerId>) -> Self {
        Self {
            inbound_max: config.inbound_max(),
            outbound_max: config.outbound_target(),
            per_address_max: config.max_peers_per_address,
            trusted,
            protected: BTreeSet::new(),
            banned: BTreeMap::new(),
            banned_addresses: BTreeMap::new(),
            rates: BTreeMap::new(),
            pending_in: BTreeMap::new(),
            pending_out: BTreeSet::new(),
            connections: BTreeMap::new(),
        }
    }

    /// Replaces the set of validators' peers.
    pub(crate) fn protect(&mut self, peers: impl IntoIterator<Item = PeerId>) {
        self.protected = peers.into_iter().take(limits::PROTECTED_PEERS_MAX).collect();
    }

    pub(crate) fn trust(&mut self, peer: PeerId) {
        if self.trusted.len() < limits::PROTECTED_PEERS_MAX {
            self.trusted.insert(peer);
        }
        self.banned.remove(&peer);
    }

    pub(crate) fn distrust(&mut self, peer: &PeerId) {
        self.trusted.remove(peer);
    }

    pub(crate) fn is_protected(&self, peer: &PeerId) -> bool {
        self.trusted.contains(peer) || self.protected.contains(peer)
    }

    /// Trusted peers and validators' peers.
    pub(crate) fn protected(&self) -> impl Iterator<Item = PeerId> + '_ {
        self.trusted.union(&self.protected).copied()
    }

    pub(crate) fn is_banned(&self, peer: &PeerId, now: Instant) -> bool {
        self.banned.get(peer).is_some_and(|until| *until > now)
    }

    /// Bans a peer, and its address after too many bans. An address from which a protected peer is connected is spared.
    pub(crate) fn ban(&mut self, peer: PeerId, address: Option<IpAddr>, duration: Duration, now: Instant) {
        let until = now.checked_add(duration).unwrap_or(now);
        make_room(&mut self.banned, limits::BANS_MAX, |until| *until);
        self.banned.insert(peer, until);
        let Some(network) = address.map(network) else { return };
        let shared = |connection: &Connection| {
            connection.address.map(self::network) == Some(network) && self.is_protected(&connection.peer)
        };
        if self.is_protected(&peer) || self.connections.values().any(shared) {
            return;
        }
        make_room(&mut self.banned_addresses, limits::BANS_MAX, |(_, until)| *until);
        let (count, until) = self.banned_addresses.entry(network).or_insert((0, now));
        *count = count.saturating_add(1);
        if *count >= BANS_PER_ADDRESS_MAX {
            (*count, *until) = (0, now.checked_add(ADDRESS_BAN).unwrap_or(now));
        }
    }

    /// Bans in force.
    pub(crate) fn bans(&self, now: Instant) -> usize {
        self.banned.values().filter(|until| **until > now).count()
    }

    pub(crate) fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Connections whose other end has not proved its key.
    pub(crate) fn unfinished(&self) -> usize {
        self.pending_in.len().saturating_add(self.pending_out.len())
    }

    /// Strangers that this node has dialled.
    pub(crate) fn outbound_strangers(&self) -> usize {
        self.connections.values().filter(|one| !one.inbound && !self.is_protected(&one.peer)).count()
    }

    /// Room for more dials to strangers.
    pub(crate) fn outbound_room(&self) -> usize {
        self.outbound_max.saturating_sub(self.outbound_strangers()).saturating_sub(self.pending_out.len())
    }

    /// Forgets what has run out.
    pub(crate) fn tidy(&mut self, now: Instant) {
        self.banned.retain(|_, until| *until > now);
        self.banned_addresses.retain(|_, (count, until)| *count > 0 || *until > now);
    }

    fn admit_pending(&mut self, address: Option<IpAddr>, now: Instant) -> Result<(), Refused> {
        if self.pending_in.len() >= limits::CONNECTIONS_PENDING_IN_MAX {
            return Err(Refused::Pending);
        }
        let Some(network) = address.map(network) else { return Ok(()) };
        if self.banned_addresses.get(&network).is_some_and(|(_, until)| *until > now) {
            return Err(Refused::Banned);
        }
        if self.pending_in.values().filter(|other| **other == Some(network)).count() >= PENDING_PER_ADDRESS_MAX {
            return Err(Refused::Pending);
        }
        if self.rates.len() >= limits::BANS_MAX && !self.rates.contains_key(&network) {
            self.rates.clear();
        }
        let rate =
            self.rates.entry(network).or_insert_with(|| Rate::new(PER_ADDRESS_PER_MINUTE, PER_ADDRESS_BURST, now));
        if rate.admit(now) { Ok(()) } else { Err(Refused::AddressRate) }
    }

    fn admit(&self, peer: PeerId, address: Option<IpAddr>, inbound: bool, now: Instant) -> Result<(), Refused> {
        if self.is_banned(&peer, now) {
            return Err(Refused::Banned);
        }
        if self.connections.values().filter(|one| one.peer == peer).count() >= limits::CONNECTIONS_PER_PEER_MAX {
            return Err(Refused::Peer);
        }
        if self.is_protected(&peer) {
            return Ok(());
        }
        let strangers = || self.connections.values().filter(|one| !self.is_protected(&one.peer));
        let network = address.map(network);
        if inbound
            && strangers().filter(|one| one.address.map(self::network) == network).count() >= self.per_address_max
        {
            return Err(Refused::Address);
        }
        let places = if inbound { self.inbound_max } else { self.outbound_max };
        if strangers().filter(|one| one.inbound == inbound).count() >= places {
            return Err(Refused::Full);
        }
        Ok(())
    }
}

/// What counts as one address: an IPv4 address, or the /64 that one IPv6 host commonly has.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
    }
}

/// Removes what ends first, if the map is full.
fn make_room<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, entries_max: usize, end: impl Fn(&V) -> Instant) {
    if map.len() >= entries_max {
        let first = map.iter().min_by_key(|(_, value)| end(value)).map(|(key, _)| key.clone());
        first.and_then(|key| map.remove(&key));
    }
}

fn deny(refused: Refused) -> ConnectionDenied {
    count_refused(match refused {
        Refused::Banned => "banned",
        Refused::AddressRate => "address-rate",
        Refused::Pending => "pending",
        Refused::Peer => "peer",
        Refused::Address => "address",
        Refused::Full => "full",
    });
    ConnectionDenied::new(refused)
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let address = ip_of(remote);
        self.admit_pending(address, Instant::now()).map_err(deny)?;
        self.pending_in.insert(connection, address.map(network));
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending_in.remove(&connection);
        self.admit(peer, ip_of(remote), true, Instant::now()).map_err(deny)?;
        Ok(dummy::ConnectionHandler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        _addresses: &[Multiaddr],
        _role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        if self.pending_out.len() >= limits::CONNECTIONS_PENDING_OUT_MAX {
            return Err(deny(Refused::Pending));
        }
        if let Some(peer) = peer {
            self.admit(peer, None, false, Instant::now()).map_err(deny)?;
        }
        self.pending_out.insert(connection);
        Ok(Vec::new())
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        _role: Endpoint,
        _port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.pending_out.remove(&connection);
        self.admit(peer, ip_of(address), false, Instant::now()).map_err(deny)?;
        Ok(dummy::ConnectionHandler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                let address = ip_of(established.endpoint.get_remote_address());
                let inbound = established.endpoint.is_listener();
                let connection = Connection { peer: established.peer_id, address, inbound };
                self.connections.insert(established.connection_id, connection);
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.connections.remove(&closed.connection_id);
            }
            FromSwarm::DialFailure(failure) => {
                self.pending_out.remove(&failure.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                self.pending_in.remove(&failure.connection_id);
            }
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests;
