//! Gossipsub, set up for a consortium: few peers, small delays, messages judged by their consumer.
//!
//! Messages are anonymous: what matters is signed inside by validators, senders or gateways. A message is forwarded only
//! after its verdict, so an honest node never forwards what it rejects, and whoever sends such a message made it.
use crate::{
    NetworkError, limits,
    topic::{Topics, message_id},
};
use libp2p::gossipsub::{
    Behaviour, ConfigBuilder, IdentityTransform, MaxCountSubscriptionFilter, MessageAuthenticity, PeerScoreParams,
    PeerScoreThresholds, TopicScoreParams, ValidationMode, WhitelistSubscriptionFilter,
};
use std::time::Duration;

/// Peers of a topic that messages are forwarded to; publishers send to all.
const MESH_PEERS: usize = 8;
const MESH_PEERS_MIN: usize = 6;
const MESH_PEERS_MAX: usize = 16;
const MESH_OUTBOUND_MIN: usize = 3;
/// Rhythm of mesh maintenance.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// Heartbeats for which messages are kept to be served again, or wait for their verdict: 5 s.
const HISTORY_HEARTBEATS: usize = 10;
const GOSSIPED_HEARTBEATS: usize = 4;
/// How long a message is recognised as a duplicate.
const DUPLICATES_TIME: Duration = Duration::from_secs(60);
/// How long a message may wait in the queue of a slow peer: a later vote is worth more.
const PUBLISH_WAIT: Duration = Duration::from_secs(3);
const FORWARD_WAIT: Duration = Duration::from_secs(1);
/// How long a peer that was taken out of a mesh must not ask to join it again. A peer that was killed and started again does
/// not know that it was taken out, and asks at once: it must not be punished for that, least of all a validator whose votes
/// the others wait for.
const PRUNE_BACKOFF: Duration = Duration::from_secs(1);
/// Breaches of gossip's rules that are forgiven: a peer that comes back asks to join every topic.
const BREACHES_FORGIVEN: f64 = 40.0;
/// How long scores of peers that left are kept.
const SCORES_TIME: Duration = Duration::from_secs(600);
/// Announcements of one peer between two heartbeats, and ids in each.
const IHAVE_MESSAGES_MAX: usize = 10;
const IHAVE_IDS_MAX: usize = 2_000;

/// Below this score a peer's gossip is not listened to at all.
pub(crate) const GRAYLIST_SCORE: f64 = -100.0;

/// Gossipsub for the topics of one chain only.
pub(crate) type Gossip = Behaviour<IdentityTransform, MaxCountSubscriptionFilter<WhitelistSubscriptionFilter>>;

/// # Errors
/// [`NetworkError::Transport`] if gossipsub refuses its settings.
pub(crate) fn behaviour(topics: &Topics) -> Result<Gossip, NetworkError> {
    let refused = |problem: String| NetworkError::Transport { what: "gossipsub", problem };
    let mut builder = ConfigBuilder::default();
    builder
        .validate_messages()
        .validation_mode(ValidationMode::Anonymous)
        .message_id_fn(|message| message_id(&message.topic, &message.data))
        .max_transmit_size(limits::GOSSIP_FRAME_BYTES_MAX)
        .max_messages_per_rpc(Some(limits::GOSSIP_FRAME_MESSAGES_MAX))
        .connection_handler_queue_len(limits::GOSSIP_QUEUE_FRAMES_MAX)
        .publish_queue_duration(PUBLISH_WAIT)
        .forward_queue_duration(FORWARD_WAIT)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(Duration::from_millis(50))
        .history_length(HISTORY_HEARTBEATS)
        .history_gossip(GOSSIPED_HEARTBEATS)
        .duplicate_cache_time(DUPLICATES_TIME)
        .prune_backoff(PRUNE_BACKOFF)
        .unsubscribe_backoff(PRUNE_BACKOFF.as_secs())
        .graft_flood_threshold(Duration::ZERO)
        .mesh_n(MESH_PEERS)
        .mesh_n_low(MESH_PEERS_MIN)
        .mesh_n_high(MESH_PEERS_MAX)
        .mesh_outbound_min(MESH_OUTBOUND_MIN)
        .max_ihave_messages(IHAVE_MESSAGES_MAX)
        .max_ihave_length(IHAVE_IDS_MAX)
        .flood_publish(true);
    for (topic, _, hash) in topics.iter() {
        builder
            .set_topic_max_transmit_size(hash.clone(), topic.bytes_max().saturating_add(limits::GOSSIP_OVERHEAD_BYTES));
    }
    let config = builder.build().map_err(|error| refused(error.to_string()))?;
    let filter = MaxCountSubscriptionFilter {
        filter: WhitelistSubscriptionFilter(topics.iter().map(|(_, _, hash)| hash.clone()).collect()),
        max_subscribed_topics: limits::SUBSCRIPTIONS_PER_FRAME_MAX,
        max_subscriptions_per_request: limits::SUBSCRIPTIONS_PER_FRAME_MAX,
    };
    let mut gossip = Behaviour::new_with_subscription_filter(MessageAuthenticity::Anonymous, config, filter)
        .map_err(|problem| refused(problem.to_owned()))?;
    gossip.with_peer_score(scores(topics), thresholds()).map_err(refused)?;
    for (_, ident, _) in topics.iter() {
        gossip.subscribe(ident).map_err(|error| refused(error.to_string()))?;
    }
    Ok(gossip)
}

/// Scores: invalid messages and broken promises cost, our own reputation counts one to one, and leads: it bans before the
/// two together make a peer unheard. Nobody is punished for
/// silence: a chain without transactions is quiet. Nor for a slow way: queues are bounded, and a validator that was cut off
/// must be heard as soon as the way is whole. Addresses are counted elsewhere.
fn scores(topics: &Topics) -> PeerScoreParams {
    let topic = TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.01,
        time_in_mesh_quantum: Duration::from_secs(1),
        time_in_mesh_cap: 100.0,
        first_message_deliveries_weight: 0.1,
        first_message_deliveries_decay: 0.9,
        first_message_deliveries_cap: 20.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: -1.0,
        invalid_message_deliveries_decay: 0.95,
        ..TopicScoreParams::default()
    };
    PeerScoreParams {
        topics: topics.iter().map(|(_, _, hash)| (hash.clone(), topic.clone())).collect(),
        topic_score_cap: 10.0,
        app_specific_weight: 1.0,
        ip_colocation_factor_weight: 0.0,
        behaviour_penalty_weight: -5.0,
        behaviour_penalty_threshold: BREACHES_FORGIVEN,
        behaviour_penalty_decay: 0.9,
        slow_peer_weight: 0.0,
        retain_score: SCORES_TIME,
        ..PeerScoreParams::default()
    }
}

fn thresholds() -> PeerScoreThresholds {
    PeerScoreThresholds {
        gossip_threshold: -40.0,
        publish_threshold: -60.0,
        graylist_threshold: GRAYLIST_SCORE,
        accept_px_threshold: 10.0,
        opportunistic_graft_threshold: 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn gossipsub_takes_the_settings() {
        let topics = Topics::new(B256::ZERO);
        let gossip = behaviour(&topics).unwrap();
        assert_eq!(gossip.topics().count(), 4);
        scores(&topics).validate().unwrap();
        thresholds().validate().unwrap();
    }
}
