//! Peers whose addresses are known, and when each is to be dialled next.
//!
//! Trusted peers are dialled for ever, boot nodes as long as the node runs; a learned peer is forgotten after
//! [`LEARNED_FAILURES_MAX`] failures in a row. Each failure doubles the pause before the next attempt.
use crate::{
    config::{is_dialable, without_peer},
    limits,
};
use libp2p::{Multiaddr, PeerId};
use rand::Rng;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// First pause after a failure or a lost connection.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// Longest pause before a trusted peer is dialled again: a cluster that was split heals within it.
const PAUSE_TRUSTED_MAX: Duration = Duration::from_secs(4);
/// Longest pause before another peer is dialled again.
const PAUSE_MAX: Duration = Duration::from_secs(600);
/// Failures in a row after which a learned peer is forgotten.
const LEARNED_FAILURES_MAX: u32 = 8;

/// How a peer's address became known. Later ones count more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    /// Told by a peer, or by itself.
    Learned,
    /// A boot node of the configuration.
    Boot,
    /// A trusted peer of the configuration, or added by the operator.
    Trusted,
}

/// What is known of one peer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Known {
    pub(crate) addresses: Vec<Multiaddr>,
    pub(crate) origin: Origin,
    /// Unix time of the last good connection, seconds; 0 for never.
    pub(crate) last_seen: u64,
    failures: u32,
    next_dial: Instant,
}

/// All known peers, at most [`limits::ADDRESS_BOOK_PEERS_MAX`].
#[derive(Debug, Default)]
pub(crate) struct AddressBook {
    peers: BTreeMap<PeerId, Known>,
    changed: bool,
}

impl AddressBook {
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&PeerId, &Known)> {
        self.peers.iter()
    }

    /// Whether anything worth writing changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Adds an address. Whether it is kept: not if it cannot be dialled, nor if there is no room.
    pub(crate) fn add(
        &mut self,
        peer: PeerId,
        address: &Multiaddr,
        origin: Origin,
        last_seen: u64,
        now: Instant,
    ) -> bool {
        if !is_dialable(address) || (!self.peers.contains_key(&peer) && !self.make_room(origin)) {
            return false;
        }
        let address = without_peer(address);
        let new = || Known { addresses: Vec::new(), origin, last_seen, failures: 0, next_dial: now };
        let known = self.peers.entry(peer).or_insert_with(new);
        known.origin = known.origin.max(origin);
        known.last_seen = known.last_seen.max(last_seen);
        if known.addresses.contains(&address) {
            return true;
        }
        if known.addresses.len() >= limits::ADDRESSES_PER_PEER_MAX {
            if origin == Origin::Learned {
                return false;
            }
            known.addresses.pop();
        }
        // What the operator says is tried first.
        let place = if origin == Origin::Learned { known.addresses.len() } else { 0 };
        known.addresses.insert(place, address);
        self.changed = true;
        true
    }

    pub(crate) fn remove(&mut self, peer: &PeerId) {
        self.changed |= self.peers.remove(peer).is_some();
    }

    /// A connection to the peer stands, over that address if this node dialled it.
    pub(crate) fn connected(&mut self, peer: &PeerId, address: Option<&Multiaddr>, unix_seconds: u64) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        known.failures = 0;
        known.last_seen = unix_seconds;
        self.changed = true;
        let address = address.map(without_peer);
        if let Some(good) = known.addresses.iter().position(|other| Some(other) == address.as_ref()) {
            known.addresses.swap(0, good);
        }
    }

    /// The last connection to the peer is gone, or a dial failed. It is tried again after a pause.
    pub(crate) fn failed(&mut self, peer: &PeerId, now: Instant) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        known.failures = known.failures.saturating_add(1);
        known.next_dial = now.checked_add(pause(known.origin, known.failures)).unwrap_or(now);
        if known.origin == Origin::Learned && known.failures >= LEARNED_FAILURES_MAX {
            self.remove(peer);
        }
    }

    /// The peer is of no use for now (another chain, banned): the longest pause, and none is wasted on a learned one.
    pub(crate) fn useless(&mut self, peer: &PeerId, now: Instant) {
        let Some(known) = self.peers.get_mut(peer) else { return };
        if known.origin == Origin::Learned {
            self.remove(peer);
        } else {
            known.failures = known.failures.saturating_add(LEARNED_FAILURES_MAX);
            known.next_dial = now.checked_add(pause(known.origin, known.failures)).unwrap_or(now);
        }
    }

    /// Peers to dial at `now`, with their addresses: all due trusted ones, and of the others up to `others_max`, those
    /// that were seen most recently first. Each is due again after a pause, whether the dial fails or is not heard of.
    pub(crate) fn due(
        &mut self,
        now: Instant,
        others_max: usize,
        skip: impl Fn(&PeerId) -> bool,
    ) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let waiting = self.peers.iter().filter(|(peer, known)| known.next_dial <= now && !skip(peer));
        let mut waiting: Vec<_> = waiting.map(|(peer, known)| (*peer, known.origin, known.last_seen)).collect();
        waiting.sort_by_key(|(_, origin, last_seen)| std::cmp::Reverse((*origin, *last_seen)));
        let trusted = waiting.iter().filter(|(_, origin, _)| *origin == Origin::Trusted).count();
        waiting.truncate(trusted.saturating_add(others_max));
        let mut due = Vec::with_capacity(waiting.len());
        for (peer, ..) in waiting {
            let Some(known) = self.peers.get_mut(&peer) else { continue };
            // Until the dial's outcome is known.
            known.next_dial = now.checked_add(limits::CONNECTION_UPGRADE_TIMEOUT).unwrap_or(now);
            due.push((peer, known.addresses.clone()));
        }
        due
    }

    /// Makes room for one more by forgetting the learned peer that was seen longest ago.
    fn make_room(&mut self, origin: Origin) -> bool {
        if self.peers.len() < limits::ADDRESS_BOOK_PEERS_MAX {
            return true;
        }
        let learned = self.peers.iter().filter(|(_, known)| known.origin == Origin::Learned);
        let worst = learned.min_by_key(|(_, known)| (known.last_seen, u32::MAX.saturating_sub(known.failures)));
        match worst.map(|(peer, known)| (*peer, known.last_seen)) {
            // A peer that was never seen does not displace one that was.
            Some((peer, last_seen)) if origin > Origin::Learned || last_seen == 0 => {
                self.remove(&peer);
                true
            }
            _ => false,
        }
    }
}

/// The pause after so many failures in a row, with up to a quarter of chance, so that peers do not dial in step.
fn pause(origin: Origin, failures: u32) -> Duration {
    let longest = if origin == Origin::Trusted { PAUSE_TRUSTED_MAX } else { PAUSE_MAX };
    let doubled = PAUSE_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let pause = doubled.min(longest);
    let chance = rand::rng().random_range(0..=pause.as_millis() / 4);
    pause.saturating_add(Duration::from_millis(u64::try_from(chance).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/192.0.2.1/tcp/{port}").parse().unwrap()
    }

    #[test]
    fn a_trusted_peer_is_dialled_for_ever_with_growing_but_capped_pauses() {
        let (mut book, peer, start) = (AddressBook::default(), PeerId::random(), Instant::now());
        book.add(peer, &address(1), Origin::Trusted, 0, start);
        let mut now = start;
        let mut pauses = Vec::new();
        for _ in 0..20 {
            assert_eq!(book.due(now, 0, |_| false), [(peer, vec![address(1)])]);
            assert_eq!(book.due(now, 0, |_| false), [], "one dial at a time");
            book.failed(&peer, now);
            let known = &book.peers[&peer];
            pauses.push(known.next_dial - now);
            now = known.next_dial;
        }
        assert!(pauses[0] >= PAUSE_FIRST && pauses[0] <= PAUSE_FIRST * 5 / 4, "{pauses:?}");
        assert!(pauses[2] >= PAUSE_FIRST * 4, "{pauses:?}");
        assert!(pauses.iter().all(|pause| *pause <= PAUSE_TRUSTED_MAX * 5 / 4), "{pauses:?}");
        book.connected(&peer, None, 7);
        book.failed(&peer, now);
        assert!(book.peers[&peer].next_dial - now <= PAUSE_FIRST * 5 / 4, "success starts anew");
    }

    #[test]
    fn a_learned_peer_is_forgotten_after_too_many_failures_and_not_before() {
        let (mut book, peer, now) = (AddressBook::default(), PeerId::random(), Instant::now());
        book.add(peer, &address(1), Origin::Learned, 0, now);
        for _ in 1..LEARNED_FAILURES_MAX {
            book.failed(&peer, now);
            assert_eq!(book.len(), 1);
        }
        book.failed(&peer, now);
        assert_eq!(book.len(), 0);
    }

    #[test]
    fn no_more_peers_and_addresses_than_allowed_are_kept() {
        let (mut book, now) = (AddressBook::default(), Instant::now());
        let seen = PeerId::random();
        assert!(book.add(seen, &address(1), Origin::Learned, 5, now));
        for _ in 1..limits::ADDRESS_BOOK_PEERS_MAX {
            assert!(book.add(PeerId::random(), &address(1), Origin::Learned, 0, now));
        }
        assert!(book.add(PeerId::random(), &address(1), Origin::Learned, 0, now), "one never seen makes room");
        assert_eq!(book.len(), limits::ADDRESS_BOOK_PEERS_MAX);
        assert!(book.peers.contains_key(&seen));
        for port in 2..=8 {
            assert!(book.add(seen, &address(port), Origin::Learned, 5, now));
        }
        assert!(!book.add(seen, &address(9), Origin::Learned, 5, now));
        assert!(book.add(seen, &address(10), Origin::Trusted, 5, now));
        assert_eq!(book.peers[&seen].addresses.len(), limits::ADDRESSES_PER_PEER_MAX);
        assert_eq!(book.peers[&seen].addresses[0], address(10), "the operator's address is tried first");
    }

    #[test]
    fn seen_peers_are_not_displaced_by_claims() {
        let (mut book, now) = (AddressBook::default(), Instant::now());
        for _ in 0..limits::ADDRESS_BOOK_PEERS_MAX {
            assert!(book.add(PeerId::random(), &address(1), Origin::Learned, 5, now));
        }
        assert!(!book.add(PeerId::random(), &address(1), Origin::Learned, 0, now));
        assert!(book.add(PeerId::random(), &address(1), Origin::Boot, 0, now));
    }

    #[test]
    fn others_are_dialled_only_as_far_as_there_is_room_boot_nodes_first() {
        let (mut book, now) = (AddressBook::default(), Instant::now());
        let [learned, seen, boot, trusted] = [(); 4].map(|()| PeerId::random());
        book.add(learned, &address(1), Origin::Learned, 0, now);
        book.add(seen, &address(2), Origin::Learned, 9, now);
        book.add(boot, &address(3), Origin::Boot, 0, now);
        book.add(trusted, &address(4), Origin::Trusted, 0, now);
        let peers = |due: Vec<(PeerId, Vec<Multiaddr>)>| due.into_iter().map(|(peer, _)| peer).collect::<Vec<_>>();
        assert_eq!(peers(book.due(now, 2, |_| false)), [trusted, boot, seen]);
        assert_eq!(peers(book.due(now, 2, |peer| *peer == learned)), []);
        assert_eq!(peers(book.due(now, 2, |_| false)), [learned]);
    }
}
