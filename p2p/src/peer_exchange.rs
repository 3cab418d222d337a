//! Addresses of other peers, told on request.
//!
//! ```text
//! offset  bytes  request            offset  bytes  answer, integers big-endian
//!      0      1  version, 1              0      1  version, 1
//!                                        1      1  number of addresses
//!                                        2      …  addresses, each: 2 length a, a multiaddr in binary, ending in /p2p/<peer id>
//! ```
//!
//! Told addresses are hearsay: they are dialled within the same limits as any, and a peer that is not there is forgotten.
use crate::{
    address_book::AddressBook,
    config::{ip_of, is_dialable, peer_of},
    limits,
};
use bytes::{Buf, BufMut, Bytes};
use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};
use rand::seq::IteratorRandom;
use std::net::IpAddr;

/// Version of request and answer.
pub const PEERS_VERSION: u8 = 1;

pub(crate) fn request() -> Bytes {
    Bytes::from_static(&[PEERS_VERSION])
}

pub(crate) fn is_request(bytes: &[u8]) -> bool {
    bytes.first() == Some(&PEERS_VERSION)
}

/// Some peers that were reached, chosen by chance, without the one that asks. Addresses inside this machine or site are
/// told only to those inside it.
pub(crate) fn choose(book: &AddressBook, asker: &PeerId, asker_address: &Multiaddr) -> Vec<Multiaddr> {
    let inside = ip_of(asker_address).map_or(Scope::World, scope);
    let told = |address: &&Multiaddr| ip_of(address).map_or(Scope::World, scope) >= inside;
    let reached = book.iter().filter(|(peer, known)| *peer != asker && known.last_seen > 0);
    let addresses = reached.filter_map(|(peer, known)| {
        let address = known.addresses.iter().find(told)?;
        Some(address.clone().with(Protocol::P2p(*peer)))
    });
    addresses.choose_multiple(&mut rand::rng(), limits::PEERS_TOLD_MAX)
}

/// From where an address can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Machine,
    Site,
    World,
}

fn scope(ip: IpAddr) -> Scope {
    match ip {
        ip if ip.is_loopback() => Scope::Machine,
        IpAddr::V4(ip) if ip.is_private() || ip.is_link_local() => Scope::Site,
        IpAddr::V6(ip) if ip.is_unique_local() || ip.is_unicast_link_local() => Scope::Site,
        _ => Scope::World,
    }
}

/// Whether an address that a peer at `from` tells may be dialled: a peer outside has nothing to say about the inside.
pub(crate) fn is_believable(address: &Multiaddr, from: &Multiaddr) -> bool {
    let of = |address| ip_of(address).map_or(Scope::World, scope);
    is_dialable(address) && of(address) >= of(from)
}

pub(crate) fn encode(addresses: &[Multiaddr]) -> Bytes {
    let told = addresses.iter().filter(|address| address.len() <= limits::ADDRESS_BYTES_MAX);
    let told: Vec<_> = told.take(limits::PEERS_TOLD_MAX).collect();
    let mut bytes = vec![PEERS_VERSION, u8::try_from(told.len()).unwrap_or(u8::MAX)];
    for address in told {
        bytes.put_u16(u16::try_from(address.len()).unwrap_or(u16::MAX));
        bytes.put_slice(address.as_ref());
    }
    bytes.into()
}

/// The peers of an answer; `None` if it is not one. Addresses of kinds that this node does not dial are left out.
pub(crate) fn decode(mut bytes: &[u8]) -> Option<Vec<(PeerId, Multiaddr)>> {
    if bytes.try_get_u8().ok()? != PEERS_VERSION {
        return None;
    }
    let count = bytes.try_get_u8().ok()?;
    if usize::from(count) > limits::PEERS_TOLD_MAX {
        return None;
    }
    let mut peers = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        let length = usize::from(bytes.try_get_u16().ok()?);
        if length > limits::ADDRESS_BYTES_MAX || bytes.remaining() < length {
            return None;
        }
        let address = Multiaddr::try_from(bytes.copy_to_bytes(length).to_vec()).ok()?;
        if let Ok(peer) = peer_of("peers", &address) {
            peers.push((peer, address));
        }
    }
    bytes.is_empty().then_some(peers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address_book::Origin;
    use alloy_primitives::hex;
    use std::time::Instant;

    fn address(text: &str) -> Multiaddr {
        text.parse().unwrap()
    }

    fn of(peer: PeerId, port: u16) -> Multiaddr {
        address(&format!("/ip4/192.0.2.1/tcp/{port}/p2p/{peer}"))
    }

    #[test]
    fn an_answer_has_its_golden_bytes() {
        let peer = "12D3KooWK99VoVxNE7XzyBwXEzW7xhK7Gpv85r9F3V3fyKSUKPH5".parse().unwrap();
        let golden = hex!(
            "01" "01" "0031" "04c0000201" "06765f" "a50326"
            "002408011220" "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"
        );
        assert_eq!(hex::encode(encode(&[of(peer, 30_303)])), hex::encode(golden));
        assert_eq!(decode(&golden), Some(vec![(peer, of(peer, 30_303))]));
        assert_eq!(request()[..], [1]);
    }

    #[test]
    fn answers_hold_the_limit_of_peers_and_not_one_more() {
        let many: Vec<_> = (1..40).map(|port| of(PeerId::random(), port)).collect();
        let encoded = encode(&many);
        assert_eq!(decode(&encoded).unwrap().len(), limits::PEERS_TOLD_MAX);
        let mut more = encoded.to_vec();
        more[1] += 1;
        more.extend(&encode(&many[..1])[2..]);
        assert_eq!(decode(&more), None);
    }

    #[test]
    fn cut_and_lengthened_answers_are_refused() {
        let encoded = encode(&[of(PeerId::random(), 1), of(PeerId::random(), 2)]);
        for length in 0..encoded.len() {
            assert_eq!(decode(&encoded[..length]), None);
        }
        assert_eq!(decode(&[&encoded[..], &[0]].concat()), None);
    }

    #[test]
    fn addresses_inside_are_told_and_believed_only_inside() {
        let mut book = AddressBook::default();
        for host in ["127.0.0.1", "10.0.0.1", "192.0.2.9"] {
            let known = address(&format!("/ip4/{host}/tcp/1"));
            book.add(PeerId::random(), &known, Origin::Learned, 1, Instant::now());
        }
        book.add(PeerId::random(), &address("/ip4/192.0.2.10/tcp/1"), Origin::Learned, 0, Instant::now());
        let told = |asker| choose(&book, &PeerId::random(), &address(asker)).len();
        assert_eq!(told("/ip4/127.0.0.1/tcp/9"), 3, "those never reached are not told");
        assert_eq!(told("/ip4/10.0.0.7/tcp/9"), 2);
        assert_eq!(told("/ip4/192.0.2.7/tcp/9"), 1);
        let believed = |told, from| is_believable(&address(told), &address(from));
        assert!(believed("/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.7/tcp/9"));
        assert!(believed("/ip4/192.0.2.1/tcp/1", "/ip4/10.0.0.7/tcp/9"));
        assert!(!believed("/ip4/10.0.0.1/tcp/1", "/ip4/192.0.2.7/tcp/9"));
        assert!(!believed("/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.7/tcp/9"));
    }
}
