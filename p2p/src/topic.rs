//! What is gossiped: topics, their sizes, and the frame around a message.
//!
//! ```text
//! offset  bytes  gossip frame
//!      0      1  version, 1
//!      1      1  repeat: 0 at first; one more each time its sender gossips the same content again
//!      2      n  content
//! ```
//!
//! A message's id is the first 20 bytes of `blake3(topic name || 0x00 || frame)`: equal contents are one message, whoever
//! sends them, and travel once. The repeat byte is how a vote can be said again on purpose.
use crate::limits;
use alloy_primitives::B256;
use bytes::{BufMut, Bytes, BytesMut};
use libp2p::gossipsub::{IdentTopic, MessageId, TopicHash};

/// Version of the gossip frame.
pub const GOSSIP_VERSION: u8 = 1;
/// Version and repeat.
const FRAME_HEADER_BYTES: usize = 2;
/// Bytes of a message id.
const MESSAGE_ID_BYTES: usize = 20;

/// What a gossiped message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Proposals and votes.
    Consensus,
    /// Parts of proposed blocks.
    BlockParts,
    /// Batches of transactions.
    Transactions,
    /// Gateways' signatures under observations.
    Gateway,
}

impl Topic {
    /// All topics, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Consensus, Self::BlockParts, Self::Gateway, Self::Transactions];

    /// Its name in logs, metrics and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consensus => "consensus",
            Self::BlockParts => "block-parts",
            Self::Transactions => "transactions",
            Self::Gateway => "gateway",
        }
    }

    /// Largest content of a message, bytes.
    pub const fn bytes_max(self) -> usize {
        match self {
            Self::Consensus => limits::CONSENSUS_MESSAGE_BYTES_MAX,
            Self::BlockParts => limits::BLOCK_PART_BYTES_MAX,
            Self::Transactions => limits::TRANSACTIONS_MESSAGE_BYTES_MAX,
            Self::Gateway => limits::GATEWAY_MESSAGE_BYTES_MAX,
        }
    }

    /// Whether it goes before transactions in every queue.
    pub(crate) const fn is_urgent(self) -> bool {
        !matches!(self, Self::Transactions)
    }
}

/// The consumer's judgement of a gossiped message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Valid and new: it is forwarded.
    Accept,
    /// Not forwarded, nobody's fault: old, known, or not to be judged now.
    Ignore,
    /// Invalid, and its sender could have known: not forwarded, and its sender's score falls.
    Reject,
}

/// The topics of one chain: `/pervade/<genesis hash>/<topic>/1`. Peers of other chains share none of them.
#[derive(Debug, Clone)]
pub(crate) struct Topics([(Topic, IdentTopic, TopicHash); 4]);

impl Topics {
    pub(crate) fn new(genesis_hash: B256) -> Self {
        Self(Topic::ALL.map(|topic| {
            let ident = IdentTopic::new(format!("/pervade/{genesis_hash:x}/{}/{GOSSIP_VERSION}", topic.name()));
            let hash = ident.hash();
            (topic, ident, hash)
        }))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Topic, &IdentTopic, &TopicHash)> {
        self.0.iter().map(|(topic, ident, hash)| (*topic, ident, hash))
    }

    pub(crate) fn topic(&self, hash: &TopicHash) -> Option<Topic> {
        self.0.iter().find(|(_, _, own)| own == hash).map(|(topic, ..)| *topic)
    }

    pub(crate) fn hash(&self, topic: Topic) -> Option<&TopicHash> {
        self.0.iter().find(|(own, ..)| *own == topic).map(|(_, _, hash)| hash)
    }
}

/// The frame around `content`.
pub(crate) fn frame(repeat: u8, content: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(FRAME_HEADER_BYTES.saturating_add(content.len()));
    frame.put_u8(GOSSIP_VERSION);
    frame.put_u8(repeat);
    frame.put_slice(content);
    frame.freeze()
}

/// The content of a frame, without copying; `None` if the version is not known or the size not allowed.
pub(crate) fn content(topic: Topic, frame: Bytes) -> Option<Bytes> {
    let version = *frame.first()?;
    if version != GOSSIP_VERSION || frame.len() < FRAME_HEADER_BYTES {
        return None;
    }
    let content = frame.slice(FRAME_HEADER_BYTES..);
    (content.len() <= topic.bytes_max()).then_some(content)
}

/// The id of a message: see the drawing above.
pub(crate) fn message_id(topic: &TopicHash, frame: &[u8]) -> MessageId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(topic.as_str().as_bytes()).update(&[0]).update(frame);
    let mut id = [0; MESSAGE_ID_BYTES];
    hasher.finalize_xof().fill(&mut id);
    MessageId::new(&id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;

    const GENESIS: B256 = b256!("d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3");

    #[test]
    fn the_frame_has_its_golden_bytes() {
        assert_eq!(frame(7, b"vote")[..], [1, 7, b'v', b'o', b't', b'e']);
        assert_eq!(content(Topic::Consensus, frame(7, b"vote")).unwrap()[..], *b"vote");
        assert_eq!(content(Topic::Consensus, frame(0, b"")).unwrap()[..], *b"");
    }

    #[test]
    fn a_frame_that_is_short_or_of_another_version_has_no_content() {
        for bytes in [&[][..], &[1], &[0, 0, 1], &[2, 0, 1]] {
            assert_eq!(content(Topic::Consensus, Bytes::copy_from_slice(bytes)), None);
        }
    }

    #[test]
    fn content_is_taken_at_the_limit_and_refused_one_past_it() {
        for topic in Topic::ALL {
            assert!(content(topic, frame(0, &vec![0; topic.bytes_max()])).is_some());
            assert!(content(topic, frame(0, &vec![0; topic.bytes_max() + 1])).is_none());
        }
    }

    #[test]
    fn topics_name_the_chain() {
        let topics = Topics::new(GENESIS);
        let consensus = topics.hash(Topic::Consensus).unwrap();
        assert_eq!(
            consensus.as_str(),
            "/pervade/d4e56740f876aef8c010b86a40d5f56745a118d0906a34e69aec8c0db1cb8fa3/consensus/1"
        );
        assert_eq!(topics.topic(consensus), Some(Topic::Consensus));
        assert_eq!(Topics::new(B256::ZERO).topic(consensus), None);
        for (_, ident, _) in topics.iter() {
            assert!(ident.to_string().len() + 64 < limits::GOSSIP_OVERHEAD_BYTES);
        }
    }

    #[test]
    fn the_id_depends_on_topic_repeat_and_content_alone() {
        let topics = Topics::new(GENESIS);
        let (a, b) = (topics.hash(Topic::Consensus).unwrap(), topics.hash(Topic::Gateway).unwrap());
        let id = message_id(a, &frame(0, b"vote"));
        assert_eq!(id, message_id(a, &frame(0, b"vote")));
        assert_ne!(id, message_id(a, &frame(1, b"vote")));
        assert_ne!(id, message_id(a, &frame(0, b"votes")));
        assert_ne!(id, message_id(b, &frame(0, b"vote")));
        assert_eq!(id.0.len(), MESSAGE_ID_BYTES);
    }
}
