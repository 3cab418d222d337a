//! Messages of the next height: others may be there already.
use crate::{PeerId, event::Topic};
use bytes::Bytes;

/// Messages that wait for the next height.
pub(crate) const EARLY_MESSAGES_MAX: usize = 4096;
/// Their bytes: a largest body in parts, and votes.
pub(crate) const EARLY_BYTES_MAX: usize = 24 << 20;
/// Bytes of one peer among them: it cannot crowd out the others.
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
pub(super) struct EarlyMessages(Vec<EarlyMessage>);

impl EarlyMessages {
    /// Keeps a message if there is room.
    pub(super) fn push(&mut self, message: EarlyMessage) -> bool {
        let bytes = |peer: Option<&PeerId>| {
            let of_peer = self.0.iter().filter(|kept| peer.is_none_or(|peer| kept.peer == *peer));
            of_peer.fold(message.bytes.len(), |sum, kept| sum.saturating_add(kept.bytes.len()))
        };
        let fits = self.0.len() < EARLY_MESSAGES_MAX
            && bytes(None) <= EARLY_BYTES_MAX
            && bytes(Some(&message.peer)) <= EARLY_PEER_BYTES_MAX;
        if fits {
            self.0.push(message);
        }
        fits
    }

    /// Takes all.
    pub(super) fn take(&mut self) -> Vec<EarlyMessage> {
        std::mem::take(&mut self.0)
    }
}
