//! Answers peers that catch up.
use super::{SYNC_BATCH_BYTES, SyncRequest, SyncResponse};
use crate::{
    PeerId,
    action::{Action, Offence},
    wire::DecidedBlock,
};
use std::collections::BTreeMap;

/// Requests being answered.
pub(crate) const SERVED_MAX: usize = 32;
/// Requests of one peer being answered. A correct peer has one for blocks and one for the head.
pub(crate) const SERVED_PER_PEER_MAX: usize = 2;

/// Requests of peers that wait for blocks from storage.
#[derive(Debug, Default)]
pub(crate) struct SyncServer {
    waiting: BTreeMap<u64, PeerId>,
}

impl SyncServer {
    /// A request came in. `head` is the last decided height.
    pub(crate) fn on_request(&mut self, id: u64, peer: PeerId, bytes: &[u8], head: u64) -> Vec<Action> {
        let nothing = || Action::Respond { id, bytes: SyncResponse::Blocks(Vec::new()).encoded() };
        match SyncRequest::decode(bytes) {
            Err(_) => vec![nothing(), Action::Report { peer, offence: Offence::MalformedMessage }],
            Ok(SyncRequest::Head) => vec![Action::Respond { id, bytes: SyncResponse::Head(head).encoded() }],
            Ok(SyncRequest::Blocks { from, .. }) if from > head => vec![nothing()],
            Ok(SyncRequest::Blocks { from, count }) => {
                if self.waiting.values().filter(|other| **other == peer).count() >= SERVED_PER_PEER_MAX {
                    return vec![nothing(), Action::Report { peer, offence: Offence::TooManyRequests }];
                }
                if self.waiting.len() >= SERVED_MAX {
                    return vec![nothing()];
                }
                self.waiting.insert(id, peer);
                vec![Action::LoadBlocks { id, from, count_max: count, bytes_max: SYNC_BATCH_BYTES }]
            }
        }
    }

    /// Storage has answered.
    pub(crate) fn on_loaded(&mut self, id: u64, blocks: Vec<DecidedBlock>) -> Option<Action> {
        self.waiting.remove(&id)?;
        Some(Action::Respond { id, bytes: SyncResponse::Blocks(blocks).encoded() })
    }
}
