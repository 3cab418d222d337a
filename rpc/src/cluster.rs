//! What a node knows of the network it is part of, as the handlers ask for it.
use alloy_primitives::{Address, Bytes};
use serde::Serialize;
use std::sync::Arc;

/// A node's view of its cluster. Answers at once, from what is in memory.
pub trait ClusterView: Send + Sync {
    /// Consensus, peers and alarms.
    fn status(&self) -> ClusterStatus;
    /// How far the node is behind its peers, if it is catching up.
    fn syncing(&self) -> Option<SyncProgress>;
    /// Connected peers of this chain.
    fn peer_count(&self) -> usize;
    /// Tells the network of a transaction that the pool has accepted. Never waits; what does not fit the queue is told
    /// again later.
    fn publish(&self, encoded: Bytes);
}

/// Shared with the handlers; `None` on a node without a network.
pub type Cluster = Option<Arc<dyn ClusterView>>;

/// Blocks of a node that catches up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncProgress {
    /// Where it began.
    pub starting: u64,
    /// Its head.
    pub current: u64,
    /// The best head that a peer claims.
    pub highest: u64,
}

/// What a node does in its cluster, and how its cluster does.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// `validator` or `follower`.
    pub role: &'static str,
    /// This node's account, if it is a validator of the present set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validator: Option<Address>,
    /// Identity in the peer-to-peer network.
    pub peer_id: String,
    /// Addresses that it listens on.
    pub listening: Vec<String>,
    /// Height that is being decided.
    pub height: u64,
    /// Round of that height.
    pub round: u32,
    /// Step of that round.
    pub step: &'static str,
    /// Blocks that this validator did not sign, since it started, of those decided while it was in step.
    pub missed_blocks: u64,
    /// Difference to the clock of the other proposers, milliseconds, positive if this node's is behind; of the last
    /// proposals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock_skew_ms: Option<i64>,
    /// Connected peers.
    pub peers: Vec<PeerStatus>,
}

/// A connected peer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PeerStatus {
    /// Its identity.
    pub peer_id: String,
    /// Its address.
    pub address: String,
    /// Its program, as it says.
    pub agent: String,
    /// Number of its head, as it says.
    pub head: u64,
    /// 0 at best.
    pub score: i32,
    /// Round trip, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ping_ms: Option<u64>,
}
