//! What the node knows of its cluster, for JSON-RPC, metrics and probes.
use alloy_primitives::{Address, Bytes};
use parking_lot::RwLock;
use pervade_consensus::SilenceReason;
use pervade_p2p::{NetworkHandle, PeerInfo};
use pervade_rpc::{ClusterStatus, ClusterView, PeerStatus, SyncProgress};
use pervade_storage::RecoveredBlock;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use tokio::sync::mpsc;

/// Blocks that a node may be behind the best head of its peers and still count as in step: heads travel, and a block is
/// decided here a moment later than there.
pub const BEHIND_BLOCKS: u64 = 3;
/// How often the peers are listed.
pub(super) const PEERS_PERIOD: Duration = Duration::from_secs(1);

/// The node's own view; shared by its parts.
pub struct LocalView {
    network: NetworkHandle,
    /// What the driver says.
    agreement: RwLock<Agreement>,
    peers: RwLock<Vec<PeerStatus>>,
    head: AtomicU64,
    highest: AtomicU64,
    starting: AtomicU64,
    behind: AtomicBool,
    earliest: u64,
    told: mpsc::Sender<Bytes>,
    validator: RwLock<Option<Address>>,
}

/// Height, round and step, and what went wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Agreement {
    pub(super) height: u64,
    pub(super) round: u32,
    pub(super) step: &'static str,
    pub(super) missed_blocks: u64,
    pub(super) clock_skew_ms: Option<i64>,
    pub(super) silence: Silence,
}

/// The last height at which this validator did not sign, and why, until one at which it does.
#[derive(Debug, Clone, Default)]
pub(super) struct Silence(Option<(u64, SilenceReason)>);

impl Silence {
    /// It does not sign at a height. True if it did before, or did not for another reason.
    pub(super) fn begins(&mut self, height: u64, reason: SilenceReason) -> bool {
        let before = self.0.replace((height, reason));
        before.is_none_or(|(_, earlier)| earlier != reason)
    }

    /// There is a round of a height. True if it was silent until that height.
    pub(super) fn ends(&mut self, height: u64) -> bool {
        self.0.take_if(|(last, _)| *last < height).is_some()
    }
}

impl LocalView {
    pub(super) fn new(network: NetworkHandle, head: u64, earliest: u64, told: mpsc::Sender<Bytes>) -> Self {
        Self {
            network,
            agreement: RwLock::new(Agreement { height: head.saturating_add(1), step: "waiting", ..Default::default() }),
            peers: RwLock::default(),
            head: AtomicU64::new(head),
            highest: AtomicU64::new(head),
            starting: AtomicU64::new(head),
            behind: AtomicBool::new(false),
            earliest,
            told,
            validator: RwLock::default(),
        }
    }

    /// The node answers for a head that is not the network's.
    pub fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// This node's account in the set of the present height.
    pub(super) fn set_validator(&self, account: Option<Address>) {
        if *self.validator.read() != account {
            *self.validator.write() = account;
        }
    }

    /// Oldest block that this node serves with its certificate.
    pub(super) fn earliest(&self) -> u64 {
        self.earliest
    }

    /// Changes what the driver says.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut Agreement) -> T) -> T {
        change(&mut self.agreement.write())
    }

    /// A block became the head.
    pub(super) fn committed(&self, block: &RecoveredBlock) {
        self.head.store(block.number(), Ordering::Relaxed);
        self.judge();
    }

    /// A peer claims this head; the best claim of the connected peers counts.
    pub(super) fn best_claim(&self, highest: u64) {
        self.highest.store(highest, Ordering::Relaxed);
        self.judge();
    }

    fn judge(&self) {
        let (head, highest) = (self.head.load(Ordering::Relaxed), self.highest.load(Ordering::Relaxed));
        let behind = highest.saturating_sub(head) > BEHIND_BLOCKS;
        if behind && !self.behind.swap(true, Ordering::Relaxed) {
            self.starting.store(head, Ordering::Relaxed);
            tracing::info!(height = head, target = highest, "catching up");
        } else if !behind && self.behind.swap(false, Ordering::Relaxed) {
            tracing::info!(height = head, "caught up");
        }
    }

    pub(super) fn set_peers(&self, peers: &[PeerInfo]) {
        *self.peers.write() = peers
            .iter()
            .map(|peer| PeerStatus {
                peer_id: peer.peer.to_string(),
                address: peer.address.to_string(),
                agent: peer.agent.clone(),
                head: peer.head.number,
                score: peer.score,
                ping_ms: peer.ping_ms,
            })
            .collect();
    }
}

impl ClusterView for LocalView {
    fn status(&self) -> ClusterStatus {
        let agreement = self.agreement.read().clone();
        let validator = *self.validator.read();
        ClusterStatus {
            role: if validator.is_some() { "validator" } else { "follower" },
            validator,
            peer_id: self.network.peer_id().to_string(),
            listening: self.network.listen_addresses().iter().map(ToString::to_string).collect(),
            height: agreement.height,
            round: agreement.round,
            step: agreement.step,
            missed_blocks: agreement.missed_blocks,
            clock_skew_ms: agreement.clock_skew_ms,
            peers: self.peers.read().clone(),
        }
    }

    fn syncing(&self) -> Option<SyncProgress> {
        self.is_behind().then(|| SyncProgress {
            starting: self.starting.load(Ordering::Relaxed),
            current: self.head.load(Ordering::Relaxed),
            highest: self.highest.load(Ordering::Relaxed),
        })
    }

    fn peer_count(&self) -> usize {
        self.network.peer_count()
    }

    fn publish(&self, encoded: Bytes) {
        // A full queue: the pool has it, and a validator proposes it itself when its turn comes.
        if self.told.try_send(encoded).is_err() {
            crate::metrics::transactions_untold(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SilenceReason::{HeightForbidden, LogDamaged};

    #[test]
    fn silence_is_told_once_for_each_reason_and_so_is_its_end() {
        let mut silence = Silence::default();
        assert!(!silence.ends(4));
        assert!(silence.begins(5, HeightForbidden));
        assert!(!silence.ends(5), "a round of the silent height");
        assert!(!silence.begins(6, HeightForbidden));
        assert!(silence.begins(6, LogDamaged));
        assert!(silence.ends(7) && !silence.ends(8));
        assert!(silence.begins(9, LogDamaged));
    }
}
