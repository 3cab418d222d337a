//! The signing record of a validator's key: when a new one may be made.
//!
//! A validator whose record is lost may have signed anything. A new record is made only where nothing it may have signed
//! can be signed again: in an empty data directory, silent up to the height that its peers are at, or where the operator
//! says that there is nothing. Only peers that the operator trusts are asked: what they claim silences this validator.
use crate::{NodeError, shutdown::Shutdown};
use pervade_consensus::{ConsensusFiles, FolderStore, MissingRecord, PublicKey, Recovered, record::RECORD_FILE};
use pervade_p2p::{NetworkEvent, NetworkEvents, PeerId};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};
use tokio::time::{Instant, interval_at};

/// Time between two log lines of the wait for trusted peers.
const REMINDER: Duration = Duration::from_secs(5);
/// Heights above the best head in which the lost record may have signed: the one that is being decided, and one more, since
/// heads are told a moment after they are decided.
const UNDECIDED_HEIGHTS: u64 = 2;

/// Whether a validator's record is missing from its folder.
pub(super) fn is_missing(folder: &Path) -> bool {
    !folder.join(RECORD_FILE).exists()
}

/// What is known of a validator whose record is missing.
pub(super) struct Circumstances {
    /// Its head.
    pub(super) head: u64,
    /// The operator says that the key has signed nothing.
    pub(super) declared_unsigned: bool,
    /// It decides alone: where nobody is trusted, there is nobody to ask either.
    pub(super) alone: bool,
    /// Peers that the operator trusts.
    pub(super) trusted: BTreeSet<PeerId>,
}

/// What may be done about a missing record, and the events that came while peers were asked. Waits as long as it takes:
/// without most of its peers a validator decides nothing anyway, and with none to ask it must not guess.
///
/// # Errors
/// [`NodeError::Interrupted`].
pub(super) async fn decide(
    circumstances: &Circumstances,
    events: &mut NetworkEvents,
    shutdown: &Shutdown,
) -> Result<(MissingRecord, Vec<NetworkEvent>), NodeError> {
    let Circumstances { head, declared_unsigned, alone, trusted } = circumstances;
    if *declared_unsigned || (*head == 0 && *alone && trusted.is_empty()) {
        return Ok((MissingRecord::Create { silent_through: 0 }, Vec::new()));
    }
    if *head > 0 || trusted.is_empty() {
        return Ok((MissingRecord::Refuse, Vec::new()));
    }
    let interrupted = NodeError::Interrupted { waiting_for: "the heads of trusted peers" };
    let mut reminder = interval_at(Instant::now() + REMINDER, REMINDER);
    let mut heads = BTreeMap::new();
    let mut kept = Vec::new();
    let silent_through = loop {
        if let Some(height) = silent_through(&heads, trusted.len()) {
            break height;
        }
        let event = tokio::select! {
            () = shutdown.begun() => return Err(interrupted),
            _ = reminder.tick() => {
                let (answered, asked) = (heads.len(), trusted.len());
                tracing::warn!(answered, asked, "no signing record: waits until most trusted peers have told their heads");
                continue;
            }
            event = events.recv() => event,
        };
        let Some(event) = event else { return Err(interrupted) };
        if let NetworkEvent::PeerConnected { peer, status, .. } = &event
            && trusted.contains(peer)
        {
            heads.insert(*peer, status.head.number);
        }
        // Messages of this moment are of no use to a node that has not begun; votes and parts come again.
        if matches!(event, NetworkEvent::PeerConnected { .. } | NetworkEvent::PeerStatus { .. }) {
            kept.push(event);
        }
    };
    if silent_through > 0 {
        tracing::warn!(silent_through, "no signing record: this validator signs nothing up to this height");
    }
    Ok((MissingRecord::Create { silent_through }, kept))
}

/// The height up to which a new record is silent, once more than half of the trusted peers have told their heads: of the
/// validators that decided the block before the one that the lost record signed last, one at least is among them.
fn silent_through(heads: &BTreeMap<PeerId, u64>, trusted: usize) -> Option<u64> {
    if heads.len() <= trusted / 2 {
        return None;
    }
    let best = heads.values().copied().max().unwrap_or_default();
    Some(if best == 0 { 0 } else { best.saturating_add(UNDECIDED_HEIGHTS) })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn most_trusted_peers_must_have_told_their_heads() {
        let heads = |of: &[u64]| of.iter().map(|head| (PeerId::random(), *head)).collect::<BTreeMap<_, _>>();
        for (told, trusted, expected) in [
            (&[][..], 1, None),
            (&[7], 1, Some(9)),
            (&[7], 3, None),
            (&[7, 0], 3, Some(9)),
            (&[7, 9], 4, None),
            (&[7, 9, 8], 4, Some(11)),
            (&[0, 0], 3, Some(0)),
        ] {
            assert_eq!(silent_through(&heads(told), trusted), expected, "{told:?} of {trusted}");
        }
    }
}
