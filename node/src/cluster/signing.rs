//! The signing record of a validator's key: when a new one may be made.
//!
//! A validator whose record is lost may have signed anything. A new record is made only where nothing it may have signed
//! can be signed again: in an empty data directory, silent up to the height that its peers are at, or where the operator
//! says that there is nothing. Only peers that the operator trusts are asked: what they claim silences this validator.
use crate::NodeError;
use pervade_consensus::{ConsensusFiles, FolderStore, MissingRecord, PublicKey, Recovered, record::RECORD_FILE};
use pervade_p2p::{NetworkEvent, NetworkEvents, PeerId};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, timeout_at};

/// Longest wait for the heads of trusted peers. If none of them is there, the network is about to begin, or cannot decide
/// anything.
const PEERS_WAIT: Duration = Duration::from_secs(5);
/// Heights above the best head in which the lost record may have signed: the one that is being decided, and one more, since
/// heads are told a moment after they are decided.
const UNDECIDED_HEIGHTS: u64 = 2;

/// Whether a validator's record is missing from its folder.
pub(super) fn is_missing(folder: &Path) -> bool {
    !folder.join(RECORD_FILE).exists()
}

/// What may be done about a missing record, and the events that came while peers were asked.
pub(super) async fn decide(
    head: u64,
    declared_unsigned: bool,
    trusted: &BTreeSet<PeerId>,
    events: &mut NetworkEvents,
) -> (MissingRecord, Vec<NetworkEvent>) {
    if declared_unsigned {
        return (MissingRecord::Create { silent_through: 0 }, Vec::new());
    }
    if head > 0 {
        return (MissingRecord::Refuse, Vec::new());
    }
    let deadline = Instant::now() + PEERS_WAIT;
    let mut heads = BTreeMap::new();
    let mut kept = Vec::new();
    while heads.len() < trusted.len() {
        let Ok(Some(event)) = timeout_at(deadline, events.recv()).await else { break };
        if let NetworkEvent::PeerConnected { peer, status, .. } = &event
            && trusted.contains(peer)
        {
            heads.insert(*peer, status.head.number);
        }
        // Messages of this moment are of no use to a node that has not begun; votes and parts come again.
        if matches!(event, NetworkEvent::PeerConnected { .. } | NetworkEvent::PeerStatus { .. }) {
            kept.push(event);
        }
    }
    let best = heads.into_values().max().unwrap_or_default();
    let silent_through = if best == 0 { 0 } else { best.saturating_add(UNDECIDED_HEIGHTS) };
    if silent_through > 0 {
        tracing::warn!(silent_through, "no signing record: this validator signs nothing up to this height");
    }
    (MissingRecord::Create { silent_through }, kept)
}

/// Opens log and record.
pub(super) fn open(
    folder: &Path,
    chain: &pervade_consensus::ChainIdentity,
    key: Option<&PublicKey>,
    missing: MissingRecord,
) -> Result<(ConsensusFiles, Recovered), NodeError> {
    let store = FolderStore::open(folder).map_err(NodeError::file("open", folder))?;
    Ok(ConsensusFiles::open(Box::new(store), chain, key, missing)?)
}
