//! Settings of the network.
use crate::{NetworkError, limits};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
    time::Duration,
};

/// Port for TCP and, by QUIC, UDP: that of Ethereum's networks.
pub const PORT_DEFAULT: u16 = 30_303;
/// Peers of which none is trusted or a validator.
pub const PEERS_MAX_DEFAULT: usize = 50;
/// Connections of strangers from one IPv4 address or IPv6 /64.
pub const PEERS_PER_ADDRESS_MAX_DEFAULT: usize = 8;
/// How long a stranger is banned.
pub const BAN_DEFAULT: Duration = Duration::from_secs(3_600);
/// How long a trusted peer or validator is banned: a cluster must survive the misjudgement of one.
pub const PROTECTED_BAN_DEFAULT: Duration = Duration::from_secs(10);

/// Settings of the network. Each is named after the flag that geth and reth have for it, where they have one.
#[derive(Debug, Clone)]
pub struct NetworkConfig {
    /// `--addr`: address to listen on.
    pub addr: IpAddr,
    /// `--port`: TCP and UDP port to listen on; 0 for any.
    pub port: u16,
    /// `--nat extip:ADDR`: address under which others reach this node, told to peers.
    pub external: Option<IpAddr>,
    /// `--bootnodes`: peers to begin with, `/ip4/192.0.2.1/tcp/30303/p2p/12D3…`.
    pub bootnodes: Vec<Multiaddr>,
    /// `--trusted-peers`: peers that are always connected and protected.
    pub trusted_peers: Vec<Multiaddr>,
    /// `--max-peers`: connected strangers, in both directions. 0: none but trusted peers and validators.
    pub max_peers: usize,
    /// Connections of strangers from one IPv4 address or IPv6 /64.
    pub max_peers_per_address: usize,
    /// `--nodekey`: file of the node key; made if missing.
    pub nodekey: PathBuf,
    /// File of the address book; `None`: it is not kept.
    pub address_book: Option<PathBuf>,
    /// `--discovery`: whether peers are asked for other peers, and told of them.
    pub discovery: bool,
    /// Whether to listen and dial over QUIC besides TCP.
    pub quic: bool,
    /// Program and version, told to peers.
    pub agent: String,
    /// Time for a request, its answer included.
    pub request_timeout: Duration,
    /// How long a stranger is banned.
    pub ban: Duration,
    /// How long a trusted peer or validator is banned.
    pub protected_ban: Duration,
}

impl NetworkConfig {
    /// The defaults, with the node key in that file.
    pub fn new(nodekey: PathBuf) -> Self {
        Self {
            addr: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port: PORT_DEFAULT,
            external: None,
            bootnodes: Vec::new(),
            trusted_peers: Vec::new(),
            max_peers: PEERS_MAX_DEFAULT,
            max_peers_per_address: PEERS_PER_ADDRESS_MAX_DEFAULT,
            nodekey,
            address_book: None,
            discovery: true,
            quic: true,
            agent: concat!("pervade/", env!("CARGO_PKG_VERSION")).to_owned(),
            request_timeout: limits::REQUEST_TIMEOUT,
            ban: BAN_DEFAULT,
            protected_ban: PROTECTED_BAN_DEFAULT,
        }
    }

    /// Strangers that this node itself connects to: a third, so that nobody can surround it from outside.
    pub(crate) fn outbound_target(&self) -> usize {
        self.max_peers.div_ceil(3)
    }

    /// Strangers that may connect to this node.
    pub(crate) fn inbound_max(&self) -> usize {
        self.max_peers.saturating_sub(self.outbound_target())
    }

    pub(crate) fn listen_addresses(&self) -> Vec<Multiaddr> {
        let base = Multiaddr::from(self.addr);
        let mut addresses = vec![base.clone().with(Protocol::Tcp(self.port))];
        if self.quic {
            addresses.push(base.with(Protocol::Udp(self.port)).with(Protocol::QuicV1));
        }
        addresses
    }

    pub(crate) fn external_addresses(&self) -> Vec<Multiaddr> {
        let Some(external) = self.external.filter(|_| self.port != 0) else { return Vec::new() };
        Self { addr: external, ..self.clone() }.listen_addresses()
    }

    /// # Errors
    /// [`NetworkError::Address`] or [`NetworkError::Setting`], naming the setting.
    pub(crate) fn check(&self) -> Result<(), NetworkError> {
        for (setting, addresses) in [("bootnodes", &self.bootnodes), ("trusted-peers", &self.trusted_peers)] {
            for address in addresses {
                peer_of(setting, address)?;
            }
        }
        let value = self.trusted_peers.len();
        if value > limits::PROTECTED_PEERS_MAX {
            return Err(NetworkError::Setting { setting: "trusted-peers", value, rule: "at most 512" });
        }
        let value = self.max_peers;
        if value > limits::ADDRESS_BOOK_PEERS_MAX {
            return Err(NetworkError::Setting { setting: "max-peers", value, rule: "at most 1,024" });
        }
        Ok(())
    }
}

/// The peer that an address names at its end, if it is one that this node can dial.
///
/// # Errors
/// [`NetworkError::Address`], naming the setting.
pub(crate) fn peer_of(setting: &'static str, address: &Multiaddr) -> Result<PeerId, NetworkError> {
    let wrong = |problem| NetworkError::Address { setting, address: address.to_string(), problem };
    let Some(Protocol::P2p(peer)) = address.iter().last() else {
        return Err(wrong("it must end in /p2p/<peer id>"));
    };
    if !is_dialable(address) {
        return Err(wrong("it must be /ip4, /ip6 or /dns with /tcp/<port>, or /udp/<port>/quic-v1"));
    }
    Ok(peer)
}

/// Whether an address is host, TCP or QUIC, and perhaps a peer: nothing else is dialled, relays least of all.
pub(crate) fn is_dialable(address: &Multiaddr) -> bool {
    if address.len() > limits::ADDRESS_BYTES_MAX {
        return false;
    }
    let mut parts = address.iter();
    let host = match parts.next() {
        Some(Protocol::Ip4(ip)) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        Some(Protocol::Ip6(ip)) => !ip.is_unspecified() && !ip.is_multicast(),
        Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => true,
        _ => false,
    };
    let transport = match parts.next() {
        Some(Protocol::Tcp(port)) => port != 0,
        Some(Protocol::Udp(port)) => port != 0 && matches!(parts.next(), Some(Protocol::QuicV1)),
        _ => false,
    };
    host && transport && matches!(parts.next(), None | Some(Protocol::P2p(_))) && parts.next().is_none()
}

/// The address without the peer at its end.
pub(crate) fn without_peer(address: &Multiaddr) -> Multiaddr {
    address.iter().filter(|part| !matches!(part, Protocol::P2p(_))).collect()
}

/// The IP address that a connection comes from or goes to.
pub(crate) fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next()? {
        Protocol::Ip4(ip) => Some(IpAddr::V4(ip)),
        Protocol::Ip6(ip) => Some(ip.to_canonical()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: &str = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5";

    #[test]
    fn addresses_of_tcp_and_quic_with_a_peer_are_taken() {
        for host in ["ip4/192.0.2.1", "ip6/2001:db8::1", "dns/node.example", "dns4/node.example", "dns6/node.example"] {
            for transport in ["tcp/30303", "udp/30303/quic-v1"] {
                let address = format!("/{host}/{transport}/p2p/{PEER}").parse().unwrap();
                assert_eq!(peer_of("bootnodes", &address).unwrap().to_base58(), PEER);
            }
        }
    }

    #[test]
    fn other_addresses_are_refused_with_the_setting_that_names_them() {
        let wrong = [
            "/ip4/192.0.2.1/tcp/30303".to_owned(),
            format!("/p2p/{PEER}"),
            format!("/ip4/192.0.2.1/p2p/{PEER}"),
            format!("/ip4/0.0.0.0/tcp/30303/p2p/{PEER}"),
            format!("/ip4/192.0.2.1/tcp/0/p2p/{PEER}"),
            format!("/ip4/192.0.2.1/udp/30303/p2p/{PEER}"),
            format!("/ip4/192.0.2.1/tcp/30303/ws/p2p/{PEER}"),
            format!("/ip4/192.0.2.1/tcp/1/p2p/{PEER}/p2p-circuit/p2p/{PEER}"),
            format!("/dnsaddr/node.example/p2p/{PEER}"),
        ];
        for address in wrong {
            let error = peer_of("bootnodes", &address.parse().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("bootnodes: /"), "{error}");
        }
    }

    #[test]
    fn strangers_in_and_out_add_up_to_the_peers_allowed() {
        for max_peers in [0, 1, 2, 3, 50, 1_024] {
            let config = NetworkConfig { max_peers, ..NetworkConfig::new(PathBuf::new()) };
            assert_eq!(config.inbound_max() + config.outbound_target(), max_peers);
            config.check().unwrap();
        }
        let config = NetworkConfig { max_peers: 1_025, ..NetworkConfig::new(PathBuf::new()) };
        assert!(config.check().unwrap_err().to_string().starts_with("max-peers is 1025"));
    }
}
