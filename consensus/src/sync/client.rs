//! Fetches decided blocks from peers that claim to have them.
//!
//! A peer's head is a claim and costs nothing: a peer that does not make it good is asked last, and is believed no further
//! than it got, until it says something new. Whether blocks are true is for the machine to check, one height at a time, when
//! it knows the set that decides that height.
use super::{SYNC_BATCH_MAX, SyncRequest, SyncResponse};
use crate::{
    PeerId,
    action::{Action, Offence},
    random::SplitMix64,
    timing::{HEAD_POLL_MS, HEAD_TIMEOUT_MS, SYNC_GRACE_MS, SYNC_TIMEOUT_MS},
    wire::DecidedBlock,
};
use std::collections::BTreeMap;

/// Peers that are remembered. More than a node has connections.
pub(crate) const PEERS_MAX: usize = 256;
/// Requests for blocks under way, one a peer.
pub(crate) const REQUESTS_MAX: usize = 4;
/// Heights ahead of the current one that are asked for.
pub(crate) const WINDOW: u64 = 512;
/// Bodies waiting for their turn, bytes. Beyond it only the next block is asked for.
pub(crate) const READY_BYTES_MAX: usize = 64 << 20;

/// A block that waits for its turn, and who sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) peer: PeerId,
    pub(crate) block: DecidedBlock,
}

#[derive(Debug, Default)]
pub(crate) struct SyncClient {
    peers: BTreeMap<PeerId, Peer>,
    requests: BTreeMap<u64, Pending>,
    ready: BTreeMap<u64, Fetched>,
    ready_bytes: usize,
    next_id: u64,
    next_poll_ms: u64,
    /// When a peer was first seen to have the current height.
    behind_since_ms: Option<u64>,
}

#[derive(Debug, Default)]
struct Peer {
    head: u64,
    failures: u32,
    is_busy: bool,
}

#[derive(Debug)]
struct Pending {
    peer: PeerId,
    request: SyncRequest,
    deadline_ms: u64,
}

impl SyncClient {
    /// A peer is there, or has a new head.
    pub(crate) fn on_head(&mut self, peer: PeerId, head: u64) {
        if !self.peers.contains_key(&peer) && self.peers.len() >= PEERS_MAX {
            return;
        }
        let known = self.peers.entry(peer).or_default();
        known.head = known.head.max(head);
    }

    /// A peer has gone.
    pub(crate) fn on_gone(&mut self, peer: &PeerId) {
        self.peers.remove(peer);
        self.requests.retain(|_, pending| pending.peer != *peer);
    }

    /// Somebody is ahead: ask for a head at the next opportunity.
    pub(crate) fn poll_soon(&mut self) {
        self.next_poll_ms = 0;
    }

    /// A new height is current: what is below is done.
    pub(crate) fn on_height(&mut self, height: u64) {
        self.behind_since_ms = None;
        while let Some(entry) = self.ready.first_entry().filter(|entry| *entry.key() < height) {
            self.ready_bytes = self.ready_bytes.saturating_sub(entry.get().block.body.len());
            entry.remove();
        }
    }

    /// Highest claim of a peer.
    pub(crate) fn target(&self) -> u64 {
        self.peers.values().map(|peer| peer.head).max().unwrap_or(0)
    }

    /// Whether blocks beyond `height` are being fetched: it is decided elsewhere, and no time to propose.
    pub(crate) fn is_catching_up(&self, height: u64) -> bool {
        let is_fetching = self.requests.values().any(|pending| matches!(pending.request, SyncRequest::Blocks { .. }));
        self.target() > height && (is_fetching || !self.ready.is_empty())
    }

    /// The block of this height, if it is here.
    pub(crate) fn ready(&self, height: u64) -> Option<&Fetched> {
        self.ready.get(&height)
    }

    /// A peer sent what is not true: nothing of it is kept.
    pub(crate) fn on_false(&mut self, peer: &PeerId, height: u64) {
        let bytes = &mut self.ready_bytes;
        self.ready.retain(|_, fetched| {
            let stays = fetched.peer != *peer;
            if !stays {
                *bytes = bytes.saturating_sub(fetched.block.body.len());
            }
            stays
        });
        self.disappoint(peer, height);
    }

    /// An answer came in.
    pub(crate) fn on_response(&mut self, id: u64, peer: PeerId, bytes: &[u8], height: u64) -> Vec<Action> {
        let report = |offence| vec![Action::Report { peer: peer.clone(), offence }];
        let Some(pending) = self.requests.get(&id).filter(|pending| pending.peer == peer) else {
            return Vec::new(); // Given up already.
        };
        let request = pending.request;
        self.finish(id);
        match (request, SyncResponse::decode(bytes)) {
            (SyncRequest::Head, Ok(SyncResponse::Head(head))) => self.on_head(peer, head),
            (SyncRequest::Blocks { from, count }, Ok(SyncResponse::Blocks(blocks))) => {
                if blocks.is_empty() {
                    self.disappoint(&peer, from);
                    return Vec::new();
                }
                let heights = (from..).zip(&blocks);
                let fits = blocks.len() as u64 <= count
                    && heights.into_iter().all(|(height, block)| block.certificate.height == height);
                if !fits {
                    self.disappoint(&peer, height);
                    return report(Offence::WrongAnswer);
                }
                if let Some(known) = self.peers.get_mut(&peer) {
                    known.failures = 0;
                }
                for block in blocks {
                    self.keep(Fetched { peer: peer.clone(), block }, height);
                }
            }
            (_, Ok(_)) => {
                self.disappoint(&peer, height);
                return report(Offence::WrongAnswer);
            }
            (_, Err(_)) => {
                self.disappoint(&peer, height);
                return report(Offence::MalformedMessage);
            }
        }
        Vec::new()
    }

    /// No answer will come.
    pub(crate) fn on_failed(&mut self, id: u64, height: u64) {
        if let Some(peer) = self.finish(id) {
            self.disappoint(&peer, height);
        }
    }

    /// Gives up what takes too long, and asks for what is missing. `height` is the current one.
    pub(crate) fn drive(&mut self, now_ms: u64, height: u64, random: &mut SplitMix64) -> Vec<Action> {
        let mut actions = Vec::new();
        let late: Vec<u64> =
            self.requests.iter().filter(|(_, pending)| pending.deadline_ms <= now_ms).map(|(id, _)| *id).collect();
        for id in late {
            let is_poll = self.requests.get(&id).is_some_and(|pending| pending.request == SyncRequest::Head);
            if let Some(peer) = self.finish(id).filter(|_| !is_poll) {
                self.disappoint(&peer, height);
                actions.push(Action::Report { peer, offence: Offence::SlowAnswer });
            }
        }
        if now_ms >= self.next_poll_ms {
            self.next_poll_ms = now_ms.saturating_add(HEAD_POLL_MS);
            let idle: Vec<_> = self.peers.iter().filter(|(_, peer)| !peer.is_busy).map(|(id, _)| id.clone()).collect();
            let chosen = usize::try_from(random.below(idle.len() as u64)).unwrap_or(0);
            if let Some(peer) = idle.get(chosen) {
                actions.push(self.ask(peer.clone(), SyncRequest::Head, now_ms));
            }
        }
        let target = self.target();
        if target >= height && self.behind_since_ms.is_none() {
            self.behind_since_ms = Some(now_ms);
        }
        // One block behind is where everybody is between the first decision and the last.
        let waited = self.behind_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= SYNC_GRACE_MS);
        if target < height || (target == height && !waited) {
            return actions;
        }
        while let Some((from, count)) = self.gap(height, target) {
            let Some(peer) = self.choose(from, random) else { break };
            let head = self.peers.get(&peer).map_or(from, |known| known.head);
            let count = count.min(head.saturating_sub(from).saturating_add(1));
            actions.push(self.ask(peer, SyncRequest::Blocks { from, count }, now_ms));
        }
        actions
    }

    /// When [`Self::drive`] is to be called again at the latest.
    pub(crate) fn next_ms(&self, height: u64) -> u64 {
        let late = self.requests.values().map(|pending| pending.deadline_ms).min();
        let grace = self.behind_since_ms.filter(|_| self.target() >= height && self.requests.is_empty());
        let grace = grace.map(|since| since.saturating_add(SYNC_GRACE_MS));
        [late, grace].into_iter().flatten().fold(self.next_poll_ms, u64::min)
    }

    fn ask(&mut self, peer: PeerId, request: SyncRequest, now_ms: u64) -> Action {
        self.next_id = self.next_id.saturating_add(1);
        let id = self.next_id;
        if let Some(known) = self.peers.get_mut(&peer) {
            known.is_busy = true;
        }
        let timeout_ms = if request == SyncRequest::Head { HEAD_TIMEOUT_MS } else { SYNC_TIMEOUT_MS };
        let deadline_ms = now_ms.saturating_add(timeout_ms);
        self.requests.insert(id, Pending { peer: peer.clone(), request, deadline_ms });
        Action::SendRequest { id, peer, bytes: request.encoded() }
    }

    fn finish(&mut self, id: u64) -> Option<PeerId> {
        let peer = self.requests.remove(&id)?.peer;
        if let Some(known) = self.peers.get_mut(&peer) {
            known.is_busy = false;
        }
        Some(peer)
    }

    /// The peer did not give `height`.
    fn disappoint(&mut self, peer: &PeerId, height: u64) {
        if let Some(known) = self.peers.get_mut(peer) {
            known.failures = known.failures.saturating_add(1);
            known.head = known.head.min(height.saturating_sub(1));
        }
    }

    fn keep(&mut self, fetched: Fetched, height: u64) {
        let at = fetched.block.certificate.height;
        let bytes = self.ready_bytes.saturating_add(fetched.block.body.len());
        let is_wanted = at == height || (at > height && bytes <= READY_BYTES_MAX);
        if is_wanted && !self.ready.contains_key(&at) {
            self.ready_bytes = bytes;
            self.ready.insert(at, fetched);
        }
    }

    /// First heights that are neither here nor asked for.
    fn gap(&self, height: u64, target: u64) -> Option<(u64, u64)> {
        let is_full = self.ready_bytes >= READY_BYTES_MAX;
        let end = if is_full { height } else { target.min(height.saturating_add(WINDOW)) };
        let mut asked: Vec<(u64, u64)> = Vec::new();
        for pending in self.requests.values() {
            if let SyncRequest::Blocks { from, count } = pending.request {
                asked.push((from, from.saturating_add(count)));
            }
        }
        let is_missing =
            |at: u64| !self.ready.contains_key(&at) && !asked.iter().any(|(from, end)| (*from..*end).contains(&at));
        if asked.len() >= REQUESTS_MAX {
            return None;
        }
        let from = (height..=end).find(|at| is_missing(*at))?;
        let count = (from..=end).take_while(|at| is_missing(*at)).take(SYNC_BATCH_MAX as usize).count() as u64;
        Some((from, count))
    }

    /// An idle peer that claims to have `from`: one of those with the fewest failures.
    fn choose(&self, from: u64, random: &mut SplitMix64) -> Option<PeerId> {
        let able = || self.peers.iter().filter(|(_, peer)| !peer.is_busy && peer.head >= from);
        let fewest = able().map(|(_, peer)| peer.failures).min()?;
        let best: Vec<_> = able().filter(|(_, peer)| peer.failures == fewest).map(|(id, _)| id).collect();
        let chosen = usize::try_from(random.below(best.len() as u64)).unwrap_or(0);
        best.get(chosen).map(|id| (*id).clone())
    }
}
