//! Figures about the network. Listed with their meaning in `docs/metrics.md`.
use crate::{handle::NetworkCounts, reputation::Offence, topic::Topic};
use metrics::{counter, gauge};

/// Something had no room in a queue.
pub(crate) fn count_dropped(queue: &'static str) {
    counter!("pervade_p2p_dropped_total", "queue" => queue).increment(1);
}

pub(crate) fn count_gossip(topic: Topic, outcome: &'static str, bytes: usize) {
    counter!("pervade_p2p_gossip_messages_total", "topic" => topic.name(), "outcome" => outcome).increment(1);
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    counter!("pervade_p2p_gossip_bytes_total", "topic" => topic.name(), "outcome" => outcome).increment(bytes);
}

pub(crate) fn count_request(protocol: &'static str, outcome: &'static str) {
    counter!("pervade_p2p_requests_total", "protocol" => protocol, "outcome" => outcome).increment(1);
}

pub(crate) fn count_offence(offence: Offence) {
    counter!("pervade_p2p_offences_total", "kind" => offence.name()).increment(1);
}

pub(crate) fn count_ban() {
    counter!("pervade_p2p_bans_total").increment(1);
}

pub(crate) fn count_refused(reason: &'static str) {
    counter!("pervade_p2p_connections_refused_total", "reason" => reason).increment(1);
}

pub(crate) fn show(counts: &NetworkCounts) {
    let figure = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    gauge!("pervade_p2p_peers").set(figure(counts.peers));
    gauge!("pervade_p2p_connections").set(figure(counts.connections));
    gauge!("pervade_p2p_connections_unfinished").set(figure(counts.unfinished));
    gauge!("pervade_p2p_addresses").set(figure(counts.addresses));
    gauge!("pervade_p2p_bans").set(figure(counts.bans));
    gauge!("pervade_p2p_requests_in").set(figure(counts.requests_in));
    gauge!("pervade_p2p_requests_out").set(figure(counts.requests_out));
}
