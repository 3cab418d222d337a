//! Messages of the next height: others may be there already.
use crate::{PeerId, event::Topic};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Messages that wait for the next height.
pub(crate) const EARLY_MESSAGES_MAX: usize = 4096;
/// Those of one peer among them: it cannot crowd out the others.
pub(crate) const EARLY_PEER_MESSAGES_MAX: usize = EARLY_MESSAGES_MAX / 4;
/// Their bytes: a largest body in parts, and votes.
pub(crate) const EARLY_BYTES_MAX: usize = 24 << 20;
/// Bytes of one peer among them, for the same reason.
pub(crate) const EARLY_PEER_BYTES_MAX: usize = EARLY_BYTES_MAX / 2;

/// A message that waits, without a verdict so far.
#[derive(Debug, Clone)]
pub(super) struct EarlyMessage {
    pub(super) id: u64,
    pub(super) peer: PeerId,
    pub(super) topic: Topic,
    pub(super) bytes: Bytes,
}

/// Messages of the height after the current one, unchecked, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct EarlyMessages {
    waiting: Vec<EarlyMessage>,
    bytes: usize,
    /// Messages and bytes of each peer that has some.
    of_peers: BTreeMap<PeerId, (usize, usize)>,
}

impl EarlyMessages {
    /// Keeps a message if there is room.
    pub(super) fn push(&mut self, message: EarlyMessage) -> bool {
        let (messages, bytes) = self.of_peers.get(&message.peer).copied().unwrap_or_default();
        let (messages, bytes) = (messages.saturating_add(1), bytes.saturating_add(message.bytes.len()));
        let all_bytes = self.bytes.saturating_add(message.bytes.len());
        let fits = self.waiting.len() < EARLY_MESSAGES_MAX
            && messages <= EARLY_PEER_MESSAGES_MAX
            && all_bytes <= EARLY_BYTES_MAX
            && bytes <= EARLY_PEER_BYTES_MAX;
        if fits {
            self.bytes = all_bytes;
            self.of_peers.insert(message.peer.clone(), (messages, bytes));
            self.waiting.push(message);
        }
        fits
    }

    /// Takes all.
    pub(super) fn take(&mut self) -> Vec<EarlyMessage> {
        std::mem::take(self).waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(peer: u8, bytes: usize) -> EarlyMessage {
        let peer = PeerId::new(vec![peer]);
        EarlyMessage { id: 0, peer, topic: Topic::Consensus, bytes: vec![0; bytes].into() }
    }

    #[test]
    fn one_peer_has_a_quarter_of_the_places_and_all_together_have_all() {
        let mut early = EarlyMessages::default();
        for peer in 0..4 {
            for _ in 0..EARLY_PEER_MESSAGES_MAX {
                assert!(early.push(message(peer, 1)));
            }
            assert!(!early.push(message(peer, 1)), "one more of peer {peer}");
        }
        assert!(!early.push(message(9, 1)), "there is no place left");
        assert_eq!(early.take().len(), EARLY_MESSAGES_MAX);
        assert!(early.push(message(0, 1)), "what was taken counts no more");
    }

    #[test]
    fn one_peer_has_half_of_the_bytes_and_all_together_have_all() {
        let mut early = EarlyMessages::default();
        assert!(early.push(message(0, EARLY_PEER_BYTES_MAX)));
        assert!(!early.push(message(0, 1)));
        assert!(early.push(message(1, EARLY_PEER_BYTES_MAX)));
        assert!(!early.push(message(2, 1)));
    }
}
