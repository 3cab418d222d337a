//! Bodies being put together from their parts, in bounded memory.
use super::{BlockPart, PartsHead};
use bytes::Bytes;
use std::collections::BTreeMap;

/// Bodies being put together of one round: a correct proposer has one, and one that has two is caught by its proposals.
pub(crate) const ASSEMBLIES_PER_ROUND_MAX: usize = 2;
/// Bodies being put together at a height. Each is at most as large as a body may be.
pub(crate) const ASSEMBLIES_MAX: usize = 6;

/// What became of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PartOutcome {
    /// Kept; more are missing.
    Kept,
    /// It is here already.
    Known,
    /// There is no room for another body of its round.
    NoRoom,
    /// It was the last one missing: here is the body.
    Complete(Bytes),
}

/// Unfinished bodies of a height. Only parts whose head is signed, and which lie under its root, may be added.
#[derive(Debug, Clone, Default)]
pub(crate) struct Assemblies {
    bodies: BTreeMap<PartsHead, Assembly>,
}

#[derive(Debug, Clone)]
struct Assembly {
    parts: Vec<Option<Bytes>>,
    missing: usize,
}

impl Assemblies {
    /// Adds a part. `round` is the current one: bodies of rounds farther away make room.
    pub(crate) fn add(&mut self, part: BlockPart, round: u32) -> PartOutcome {
        let head = part.head;
        if !self.bodies.contains_key(&head) && !self.make_room(&head, round) {
            return PartOutcome::NoRoom;
        }
        let count = head.parts();
        let assembly = self.bodies.entry(head).or_insert_with(|| Assembly { parts: vec![None; count], missing: count });
        match assembly.parts.get_mut(part.index as usize) {
            Some(place @ None) => *place = Some(part.data),
            _ => return PartOutcome::Known,
        }
        assembly.missing = assembly.missing.saturating_sub(1);
        if assembly.missing > 0 {
            return PartOutcome::Kept;
        }
        let parts = self.bodies.remove(&head).map(|assembly| assembly.parts).unwrap_or_default();
        let mut body = Vec::with_capacity(head.body_bytes as usize);
        for data in parts.into_iter().flatten() {
            body.extend_from_slice(&data);
        }
        PartOutcome::Complete(body.into())
    }

    /// Whether there is room for a new body, after another has gone if one may.
    fn make_room(&mut self, head: &PartsHead, round: u32) -> bool {
        let of_round = self.bodies.keys().filter(|other| other.round == head.round).count();
        if of_round >= ASSEMBLIES_PER_ROUND_MAX {
            return false;
        }
        if self.bodies.len() < ASSEMBLIES_MAX {
            return true;
        }
        let distance = |head: &PartsHead| head.round.abs_diff(round);
        let Some(farthest) = self.bodies.keys().max_by_key(|head| distance(head)).copied() else { return true };
        let goes = distance(&farthest) > distance(head);
        if goes {
            self.bodies.remove(&farthest);
        }
        goes
    }
}
