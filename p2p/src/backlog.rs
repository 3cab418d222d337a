//! What waits in a queue, by peer: nobody can crowd out the others.
use crate::limits;
use libp2p::PeerId;
use parking_lot::Mutex;
use std::{collections::BTreeMap, sync::Arc};

/// Messages and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amount {
    messages: usize,
    bytes: usize,
}

/// Counts what waits, at both ends of a queue. The queue itself bounds the messages of all peers together.
#[derive(Debug, Clone)]
pub(crate) struct Backlog {
    of_peer_max: Amount,
    waiting: Arc<Mutex<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: usize,
    /// Of each peer of which something waits.
    of_peers: BTreeMap<PeerId, Amount>,
}

impl Backlog {
    /// One peer may have all.
    pub(crate) fn shared() -> Self {
        Self::new(Amount { messages: usize::MAX, bytes: limits::QUEUE_BYTES_MAX })
    }

    /// One peer may have so many messages, and half of the bytes.
    pub(crate) fn fair(messages_of_peer_max: usize) -> Self {
        Self::new(Amount { messages: messages_of_peer_max, bytes: limits::QUEUE_BYTES_MAX / 2 })
    }

    fn new(of_peer_max: Amount) -> Self {
        Self { of_peer_max, waiting: Arc::default() }
    }

    /// Whether there is room for a message of a peer, which then takes it.
    pub(crate) fn take(&self, peer: PeerId, bytes: usize) -> bool {
        let mut waiting = self.waiting.lock();
        let of_peer = waiting.of_peers.get(&peer).copied().unwrap_or_default();
        let after = Amount { messages: of_peer.messages.saturating_add(1), bytes: of_peer.bytes.saturating_add(bytes) };
        let all_bytes = waiting.bytes.saturating_add(bytes);
        let fits = all_bytes <= limits::QUEUE_BYTES_MAX
            && after.messages <= self.of_peer_max.messages
            && after.bytes <= self.of_peer_max.bytes;
        if fits {
            waiting.bytes = all_bytes;
            waiting.of_peers.insert(peer, after);
        }
        fits
    }

    /// A message of a peer waits no longer.
    pub(crate) fn give_back(&self, peer: PeerId, bytes: usize) {
        let mut waiting = self.waiting.lock();
        waiting.bytes = waiting.bytes.saturating_sub(bytes);
        let Some(of_peer) = waiting.of_peers.get_mut(&peer) else { return };
        of_peer.messages = of_peer.messages.saturating_sub(1);
        of_peer.bytes = of_peer.bytes.saturating_sub(bytes);
        if of_peer.messages == 0 {
            waiting.of_peers.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_has_its_messages_and_not_one_more_until_one_is_taken_out() {
        let (backlog, flooder, other) = (Backlog::fair(3), PeerId::random(), PeerId::random());
        for _ in 0..3 {
            assert!(backlog.take(flooder, 10));
        }
        assert!(!backlog.take(flooder, 10));
        assert!(backlog.take(other, 10), "the others have theirs");
        backlog.give_back(flooder, 10);
        assert!(backlog.take(flooder, 10));
        assert!(!backlog.take(flooder, 10));
    }

    #[test]
    fn a_peer_has_half_of_the_bytes_and_all_together_have_all() {
        let (backlog, half) = (Backlog::fair(usize::MAX), limits::QUEUE_BYTES_MAX / 2);
        let [first, second, third] = [(); 3].map(|()| PeerId::random());
        assert!(backlog.take(first, half) && !backlog.take(first, 1));
        assert!(backlog.take(second, half) && !backlog.take(third, 1));
        backlog.give_back(first, half);
        assert!(backlog.take(third, half) && !backlog.take(first, 1));
        let shared = Backlog::shared();
        assert!(shared.take(first, limits::QUEUE_BYTES_MAX) && !shared.take(second, 1));
    }

    #[test]
    fn of_a_peer_without_messages_nothing_is_remembered() {
        let (backlog, peer) = (Backlog::shared(), PeerId::random());
        assert!(backlog.take(peer, 5));
        backlog.give_back(peer, 5);
        backlog.give_back(peer, 5);
        assert!(backlog.waiting.lock().of_peers.is_empty());
        assert_eq!(backlog.waiting.lock().bytes, 0);
    }
}
