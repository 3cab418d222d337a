use super::*;
use std::path::PathBuf;

fn gate(max_peers: usize, max_peers_per_address: usize) -> Gate {
    let config = NetworkConfig { max_peers, max_peers_per_address, ..NetworkConfig::new(PathBuf::new()) };
    Gate::new(&config, BTreeSet::new())
}

fn ip(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

fn connect(gate: &mut Gate, peer: PeerId, address: Option<IpAddr>, inbound: bool) -> Result<(), Refused> {
    gate.admit(peer, address, inbound, Instant::now())?;
    let id = ConnectionId::new_unchecked(gate.connections.len());
    gate.connections.insert(id, Connection { peer, address, inbound });
    Ok(())
}

#[test]
fn strangers_come_in_up_to_the_limit_and_not_one_more() {
    let mut gate = gate(6, 8);
    for last in 0..4 {
        assert_eq!(connect(&mut gate, PeerId::random(), ip(last), true), Ok(()));
    }
    assert_eq!(connect(&mut gate, PeerId::random(), ip(9), true), Err(Refused::Full));
    assert_eq!(connect(&mut gate, PeerId::random(), ip(9), false), Ok(()), "places to dial are apart");
    assert_eq!(connect(&mut gate, PeerId::random(), ip(10), false), Ok(()));
    assert_eq!(connect(&mut gate, PeerId::random(), ip(11), false), Err(Refused::Full));
    assert_eq!((gate.outbound_strangers(), gate.outbound_room()), (2, 0));
}

#[test]
fn a_validator_comes_in_when_strangers_have_taken_every_place() {
    let mut gate = gate(3, 8);
    while connect(&mut gate, PeerId::random(), ip(1), true).is_ok() {}
    let (validator, trusted) = (PeerId::random(), PeerId::random());
    gate.protect([validator]);
    gate.trust(trusted);
    for peer in [validator, trusted] {
        assert_eq!(connect(&mut gate, peer, ip(1), true), Ok(()));
    }
    gate.protect([]);
    gate.distrust(&trusted);
    assert!(!gate.is_protected(&validator) && !gate.is_protected(&trusted));
}

#[test]
fn one_address_has_its_share_of_places_and_no_more() {
    let mut gate = gate(100, 2);
    assert_eq!(connect(&mut gate, PeerId::random(), ip(1), true), Ok(()));
    assert_eq!(connect(&mut gate, PeerId::random(), ip(1), true), Ok(()));
    assert_eq!(connect(&mut gate, PeerId::random(), ip(1), true), Err(Refused::Address));
    assert_eq!(connect(&mut gate, PeerId::random(), ip(2), true), Ok(()));
    let host = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 1, 0, 0, 0, last]));
    assert_eq!(connect(&mut gate, PeerId::random(), host(1), true), Ok(()));
    assert_eq!(connect(&mut gate, PeerId::random(), host(2), true), Ok(()));
    assert_eq!(connect(&mut gate, PeerId::random(), host(3), true), Err(Refused::Address), "a /64 is one address");
}

#[test]
fn one_peer_has_its_connections_and_no_more() {
    let mut gate = gate(100, 100);
    let peer = PeerId::random();
    for _ in 0..limits::CONNECTIONS_PER_PEER_MAX {
        assert_eq!(connect(&mut gate, peer, ip(1), true), Ok(()));
    }
    assert_eq!(connect(&mut gate, peer, ip(1), false), Err(Refused::Peer));
}

#[test]
fn unfinished_connections_are_limited_by_address_rate_and_in_total() {
    let (mut gate, now) = (gate(100, 100), Instant::now());
    let mut next = 0;
    let mut pend = |gate: &mut Gate, address: Option<IpAddr>| {
        gate.admit_pending(address, now)?;
        next += 1;
        gate.pending_in.insert(ConnectionId::new_unchecked(next), address.map(network));
        Ok(())
    };
    for _ in 0..PENDING_PER_ADDRESS_MAX {
        assert_eq!(pend(&mut gate, ip(1)), Ok(()));
    }
    assert_eq!(pend(&mut gate, ip(1)), Err(Refused::Pending));
    for last in 2.. {
        if gate.pending_in.len() == limits::CONNECTIONS_PENDING_IN_MAX {
            break;
        }
        assert_eq!(pend(&mut gate, ip(last)), Ok(()));
    }
    assert_eq!(pend(&mut gate, ip(200)), Err(Refused::Pending));
    gate.pending_in.clear();
    for _ in 0..PER_ADDRESS_BURST {
        assert_eq!(gate.admit_pending(ip(250), now), Ok(()));
    }
    assert_eq!(gate.admit_pending(ip(250), now), Err(Refused::AddressRate));
}

#[test]
fn a_ban_ends_by_itself() {
    let (mut gate, peer, now) = (gate(10, 10), PeerId::random(), Instant::now());
    gate.ban(peer, ip(1), Duration::from_secs(5), now);
    assert_eq!(gate.admit(peer, ip(1), true, now), Err(Refused::Banned));
    assert_eq!(gate.bans(now), 1);
    let later = now + Duration::from_secs(6);
    assert_eq!(gate.admit(peer, ip(1), true, later), Ok(()));
    gate.tidy(later);
    assert!(gate.banned.is_empty());
}

#[test]
fn an_address_with_many_banned_peers_is_banned_unless_a_validator_shares_it() {
    let (mut gate, now) = (gate(10, 10), Instant::now());
    let validator = PeerId::random();
    gate.protect([validator]);
    connect(&mut gate, validator, ip(2), true).unwrap();
    for address in [ip(1), ip(2)] {
        for _ in 0..BANS_PER_ADDRESS_MAX {
            assert_eq!(gate.admit_pending(address, now), Ok(()));
            gate.ban(PeerId::random(), address, Duration::from_secs(5), now);
        }
    }
    assert_eq!(gate.admit_pending(ip(1), now), Err(Refused::Banned));
    assert_eq!(gate.admit_pending(ip(2), now), Ok(()));
    assert_eq!(gate.admit_pending(ip(1), now + ADDRESS_BAN), Ok(()));
}

#[test]
fn no_more_than_the_limit_of_bans_is_kept() {
    let (mut gate, now) = (gate(10, 10), Instant::now());
    let last = PeerId::random();
    gate.ban(last, None, Duration::from_secs(9), now);
    for _ in 0..limits::BANS_MAX {
        gate.ban(PeerId::random(), None, Duration::from_secs(5), now);
    }
    assert_eq!(gate.banned.len(), limits::BANS_MAX);
    assert!(gate.is_banned(&last, now), "the ban that ends first makes room");
}
