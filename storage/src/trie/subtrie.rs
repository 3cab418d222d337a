//! [`Subtrie`]: everything below one position, before it is known how it hangs there, and [`Nodes`], which hangs it.
use super::{
    changes::{NodeEvent, sort},
    encode,
    node::hash_of,
    source::{NodeRlp, NodeSource},
};
use crate::StorageError;
use alloy_primitives::{Bytes, keccak256};
use alloy_trie::{Nibbles, nodes::RlpNode};
use rayon::prelude::*;
use std::borrow::Cow;

/// From this many changes on, the children of a branch are worked on in parallel: some 50 us of work a child,
/// far more than handing it to another thread costs.
const PARALLEL_CHANGES_MIN: usize = 256;

/// Usual for a large batch: a leaf and a part of a branch, read and written.
const EVENTS_PER_CHANGE: usize = 3;

/// One key's new value; an empty one deletes, since tries cannot hold it.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) path: Nibbles,
    pub(super) value: &'a [u8],
    /// What it has so far; empty if it has none or the caller does not know.
    pub(super) before: &'a [u8],
}

impl<'a> Change<'a> {
    pub(super) fn new(path: Nibbles, before: Option<&'a [u8]>, after: Option<&'a [u8]>) -> Self {
        Self { path, value: after.unwrap_or_default(), before: before.unwrap_or_default() }
    }
}

/// All keys below a position. Paths are absolute: the same subtrie fits wherever a split or a collapse moves it to, and
/// only when it is hung up is it decided what is written there. (A branch's own path never changes; if it is longer
/// than the position, an extension leads to it.)
pub(super) enum Subtrie<'a> {
    Empty,
    Leaf { path: Nibbles, value: Cow<'a, [u8]> },
    Branch { path: Nibbles, node: RlpNode },
}

impl Subtrie<'_> {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether this leaves a record at `at` before it is hung up: only a branch there does.
    fn has_record_at(&self, at: &Nibbles) -> bool {
        matches!(self, Self::Branch { path, node } if path == at && node.is_hash())
    }
}

/// Reads and writes nodes: encodes and hashes them and keeps account of their records.
pub(super) struct Nodes<'s> {
    pub(super) source: NodeSource<'s>,
    /// In no order; a path may be read, vacated and filled again.
    events: Vec<(Nibbles, NodeEvent)>,
    rlp: Vec<u8>,
}

impl<'s> Nodes<'s> {
    /// For a batch of about so many changes.
    pub(super) fn new(source: NodeSource<'s>, changes: usize) -> Self {
        Self { source, events: Vec::with_capacity(changes.saturating_mul(EVENTS_PER_CHANGE)), rlp: Vec::new() }
    }

    pub(super) fn into_events(self) -> Vec<(Nibbles, NodeEvent)> {
        self.events
    }

    /// The RLP behind a reference that is not empty, on the way to `changes`. Their leaves are not read where it is known
    /// what they hold.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] if the record is missing or has another hash; whatever the reader says.
    pub(super) fn resolve<'r>(
        &mut self,
        at: &Nibbles,
        reference: &'r [u8],
        changes: &[Change<'_>],
    ) -> Result<NodeRlp<'r>, StorageError> {
        let Some(hash) = hash_of(reference) else { return Ok(NodeRlp::Embedded(reference)) };
        if let Some(rlp) = self.source.cached(at, hash) {
            return Ok(NodeRlp::Stored(rlp));
        }
        if let Some(known) = only_known(changes) {
            encode::leaf(&mut self.rlp, &known.path, at.len(), known.before);
            if keccak256(&self.rlp) == *hash {
                return Ok(NodeRlp::Stored(Bytes::copy_from_slice(&self.rlp)));
            }
        }
        self.source.read(at, hash).map(NodeRlp::Stored)
    }

    /// Notes what was stored at a path that changes.
    pub(super) fn replaced(&mut self, at: &Nibbles, rlp: NodeRlp<'_>) {
        if let NodeRlp::Stored(rlp) = rlp {
            self.events.push((*at, NodeEvent::Read(rlp)));
        }
    }

    /// Hangs `subtrie` at `at`, where `before` hung, and says how the parent names it (nothing if it is empty).
    pub(super) fn hang(&mut self, at: &Nibbles, before: &[u8], subtrie: &Subtrie<'_>) -> RlpNode {
        let node = match subtrie {
            Subtrie::Empty => RlpNode::default(),
            Subtrie::Leaf { path, value } => {
                encode::leaf(&mut self.rlp, path, at.len(), value);
                self.store(at, Kind::Leaf)
            }
            Subtrie::Branch { path, node } if path == at => node.clone(),
            Subtrie::Branch { path, node } => {
                encode::extension(&mut self.rlp, path, at.len(), node);
                self.store(at, Kind::Inner)
            }
        };
        if hash_of(before).is_some() && !node.is_hash() {
            self.events.push((*at, NodeEvent::Vacate));
        }
        node
    }

    /// Takes away what hung at `at`; `subtrie`, what has become of it, will hang elsewhere.
    pub(super) fn vacate(&mut self, at: &Nibbles, before: &[u8], subtrie: &Subtrie<'_>) {
        if hash_of(before).is_some() && !subtrie.has_record_at(at) {
            self.events.push((*at, NodeEvent::Vacate));
        }
    }

    /// Writes a branch. Whoever owns its position removes an older record there if this one needs none.
    pub(super) fn branch(&mut self, path: &Nibbles, children: &[&[u8]; 16], value: &[u8]) -> RlpNode {
        encode::branch(&mut self.rlp, children, value);
        self.store(path, Kind::Inner)
    }

    fn store(&mut self, at: &Nibbles, kind: Kind) -> RlpNode {
        let node = encode::reference(&self.rlp, at.is_empty());
        if let Some(hash) = node.as_hash() {
            let inner_hash = (kind == Kind::Inner).then_some(hash);
            self.events.push((*at, NodeEvent::Write(Bytes::copy_from_slice(&self.rlp), inner_hash)));
        }
        node
    }

    /// Runs `work` for each group, in parallel if there is much to do; results are in the order of the groups.
    pub(super) fn for_each_child<'c, 'a, R: Send>(
        &mut self,
        groups: &[ChildChanges<'c, 'a>],
        work: impl Fn(&mut Self, &ChildChanges<'c, 'a>) -> R + Sync,
    ) -> Vec<R> {
        let total: usize = groups.iter().map(|group| group.changes.len()).sum();
        if total < PARALLEL_CHANGES_MIN || groups.len() < 2 {
            return groups.iter().map(|group| work(self, group)).collect();
        }
        let source = self.source;
        let forks: Vec<_> = groups
            .par_iter()
            .map(|group| {
                let mut fork = Nodes::new(source, group.changes.len());
                let result = work(&mut fork, group);
                sort(&mut fork.events);
                (result, fork.events)
            })
            .collect();
        let mut results = Vec::with_capacity(forks.len());
        self.events.reserve(forks.iter().map(|(_, events)| events.len()).sum());
        for (result, events) in forks {
            self.events.extend(events);
            results.push(result);
        }
        results
    }
}

/// What a node is, for those who keep some at hand.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Leaf,
    Inner,
}

/// The one change whose key is known to have a value. If there are two, what they hang from is no leaf.
fn only_known<'c, 'a>(changes: &'c [Change<'a>]) -> Option<&'c Change<'a>> {
    let mut known = changes.iter().filter(|change| !change.before.is_empty());
    let first = known.next()?;
    known.next().is_none().then_some(first)
}

/// The changes below one child of a branch.
pub(super) struct ChildChanges<'c, 'a> {
    pub(super) nibble: u8,
    /// Path of the child.
    pub(super) at: Nibbles,
    pub(super) changes: &'c [Change<'a>],
}

/// Splits sorted changes below the branch at `path` by the nibble that follows; all their paths are longer.
pub(super) fn by_child<'c, 'a>(path: &Nibbles, mut changes: &'c [Change<'a>]) -> Vec<ChildChanges<'c, 'a>> {
    let mut groups = Vec::with_capacity(changes.len().min(16));
    while let Some(nibble) = changes.first().and_then(|change| change.path.get(path.len())) {
        let count = changes.partition_point(|change| change.path.get(path.len()) == Some(nibble));
        // At least one, so that this ends even if a caller breaks the promise of order.
        let (group, rest) = changes.split_at(count.max(1));
        groups.push(ChildChanges { nibble, at: child_path(path, nibble), changes: group });
        changes = rest;
    }
    groups
}

/// Path of a branch's child.
pub(super) fn child_path(path: &Nibbles, nibble: u8) -> Nibbles {
    let mut child = *path;
    child.push_unchecked(nibble);
    child
}

/// Whether `path` begins with `prefix`, and so lies below it or is it.
pub(super) fn lies_below(path: &Nibbles, prefix: &Nibbles) -> bool {
    path.len() >= prefix.len() && path.common_prefix_length(prefix) == prefix.len()
}
