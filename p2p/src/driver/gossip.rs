//! Gossip: publishing, receiving, verdicts.
use super::Driver;
use crate::{
    event::{GossipMessage, MessageToken},
    limits,
    metrics::count_gossip,
    reputation::Offence,
    topic::{self, Topic, Verdict},
};
use bytes::Bytes;
use libp2p::{
    PeerId,
    gossipsub::{Event, Message, MessageAcceptance, MessageId, PublishError},
};
use std::{
    collections::{BTreeMap, VecDeque},
    time::Instant,
};
use tracing::{debug, trace};

/// How many repeat bytes that others have used are skipped when this node says a content again.
const REPEATS_SKIPPED_MAX: usize = 32;

/// How often contents were published by this node: a repeated one gets another id. Oldest first out.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    counts: BTreeMap<[u8; 32], u8>,
    order: VecDeque<[u8; 32]>,
}

impl Repeats {
    /// The repeat byte for one more publication of `data`.
    fn next(&mut self, topic: Topic, data: &[u8]) -> u8 {
        let mut hasher = blake3::Hasher::new();
        let hash = *hasher.update(topic.name().as_bytes()).update(data).finalize().as_bytes();
        if let Some(count) = self.counts.get_mut(&hash) {
            *count = count.wrapping_add(1);
            return *count;
        }
        if self.order.len() >= limits::REPEATED_CONTENTS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.counts.remove(&oldest);
        }
        self.order.push_back(hash);
        self.counts.insert(hash, 0);
        0
    }
}

impl Driver {
    pub(super) fn publish(&mut self, topic: Topic, data: &Bytes) {
        let Some(hash) = self.topics.hash(topic).cloned() else { return };
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        let mut publish = |repeat| gossip.publish(hash.clone(), topic::frame(repeat, data));
        // Only what consensus and gateways say is worth saying again. Others may have said the same, as often.
        let mut outcome = Err(PublishError::Duplicate);
        let attempts = if topic == Topic::Transactions { 1 } else { REPEATS_SKIPPED_MAX };
        for _ in 0..attempts {
            let repeat = if topic == Topic::Transactions { 0 } else { self.repeats.next(topic, data) };
            outcome = publish(repeat);
            if !matches!(outcome, Err(PublishError::Duplicate)) {
                break;
            }
        }
        let outcome = match outcome {
            Ok(_) => "sent",
            Err(PublishError::Duplicate) => "duplicate",
            Err(PublishError::NoPeersSubscribedToTopic) => "alone",
            Err(error) => {
                debug!(topic = topic.name(), %error, "not published");
                "failed"
            }
        };
        count_gossip(topic, outcome, data.len());
    }

    pub(super) fn on_gossip_event(&mut self, event: Event) {
        match event {
            Event::Message { propagation_source, message_id, message } => {
                self.on_gossip_message(propagation_source, message_id, message);
            }
            Event::GossipsubNotSupported { peer_id } => debug!(peer = %peer_id, "a peer without gossip"),
            Event::SlowPeer { peer_id, failed_messages } => {
                trace!(peer = %peer_id, ?failed_messages, "a peer does not keep up");
                crate::metrics::count_dropped("gossip-out");
            }
            Event::Subscribed { .. } | Event::Unsubscribed { .. } => {}
        }
    }

    fn on_gossip_message(&mut self, peer: PeerId, id: MessageId, message: Message) {
        let Some(topic) = self.topics.topic(&message.topic) else { return };
        let bytes = message.data.len();
        let token = MessageToken { id, peer, topic };
        let Some(data) = topic::content(topic, message.data.into()) else {
            count_gossip(topic, "malformed", bytes);
            self.validate(&token, Verdict::Reject);
            return;
        };
        let admitted = self.peers.get_mut(&peer).is_some_and(|peer| peer.admit_gossip(topic, Instant::now()));
        if !admitted {
            count_gossip(topic, "flood", bytes);
            self.validate(&token, Verdict::Ignore);
            self.punish(peer, Offence::Flood);
            return;
        }
        count_gossip(topic, "received", bytes);
        if let Some(verdict) = self.events.message(GossipMessage { topic, peer, data, token: token.clone() }) {
            self.validate(&token, verdict);
        }
    }

    pub(super) fn validate(&mut self, token: &MessageToken, verdict: Verdict) {
        let (acceptance, outcome) = match verdict {
            Verdict::Accept => (MessageAcceptance::Accept, "accepted"),
            Verdict::Ignore => (MessageAcceptance::Ignore, "ignored"),
            Verdict::Reject => (MessageAcceptance::Reject, "rejected"),
        };
        count_gossip(token.topic, outcome, 0);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if !gossip.report_message_validation_result(&token.id, &token.peer, acceptance) {
            trace!(topic = token.topic.name(), "the verdict came too late to forward the message");
        }
        if verdict == Verdict::Reject {
            self.punish(token.peer, Offence::Invalid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_is_numbered_by_topic_each_time_it_is_published() {
        let mut repeats = Repeats::default();
        assert_eq!([(); 3].map(|()| repeats.next(Topic::Consensus, b"vote")), [0, 1, 2]);
        assert_eq!(repeats.next(Topic::Gateway, b"vote"), 0);
    }

    #[test]
    fn no_more_than_the_limit_of_contents_is_counted() {
        let mut repeats = Repeats::default();
        repeats.next(Topic::Consensus, b"first");
        for index in 0..limits::REPEATED_CONTENTS_MAX - 1 {
            repeats.next(Topic::Consensus, &index.to_be_bytes());
        }
        assert_eq!(repeats.next(Topic::Consensus, b"first"), 1, "at the limit it is remembered");
        repeats.next(Topic::Consensus, b"one more");
        assert_eq!(repeats.counts.len(), limits::REPEATED_CONTENTS_MAX);
        assert_eq!(repeats.next(Topic::Consensus, b"first"), 0);
    }
}
