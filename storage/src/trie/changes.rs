//! [`NodeChanges`]: what a batch does to the stored nodes of one trie.
use alloy_primitives::{B256, Bytes};
use alloy_trie::Nibbles;

/// One stored node before and after a batch, as RLP; `None`: there is none. The two differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeChange {
    /// Where it is stored.
    pub path: Nibbles,
    /// What the batch replaces or deletes. It was read, so this costs nothing more.
    pub before: Option<Bytes>,
    /// What to store; `None` deletes.
    pub after: Option<Bytes>,
    /// Hash of `after`, if it is a branch or an extension, and as such worth to be kept at hand.
    pub inner_hash: Option<B256>,
}

/// Nodes to put and to delete, ascending by path, each path once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeChanges {
    changes: Vec<NodeChange>,
}

impl NodeChanges {
    /// Brings together what a batch read, wrote and removed at each path.
    pub(super) fn from_events(mut events: Vec<(Nibbles, NodeEvent)>) -> Self {
        sort(&mut events);
        let mut changes = Vec::with_capacity(events.len());
        let mut events = events.into_iter().peekable();
        while let Some((path, first)) = events.next() {
            let mut outcome = Outcome::default();
            outcome.add(first);
            while let Some((_, event)) = events.next_if(|(next, _)| *next == path) {
                outcome.add(event);
            }
            if outcome.changed {
                changes.push(outcome.change(path));
            }
        }
        Self { changes }
    }

    /// What happens to the node at `path`: `None` if it is untouched, `Some(None)` if it is deleted.
    #[must_use]
    pub fn get(&self, path: &Nibbles) -> Option<Option<&Bytes>> {
        let index = self.changes.binary_search_by(|change| change.path.cmp(path)).ok()?;
        self.changes.get(index).map(|change| change.after.as_ref())
    }

    /// What to store (or `None`: to delete) by path, ascending.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Nibbles, Option<&Bytes>)> {
        self.changes.iter().map(|change| (&change.path, change.after.as_ref()))
    }

    /// All changes with what was there before, ascending by path.
    #[must_use]
    pub fn into_changes(self) -> Vec<NodeChange> {
        self.changes
    }

    /// How many nodes change.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether nothing changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

impl IntoIterator for NodeChanges {
    type Item = (Nibbles, Option<Bytes>);
    type IntoIter = std::iter::Map<std::vec::IntoIter<NodeChange>, fn(NodeChange) -> Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.changes.into_iter().map(|change| (change.path, change.after))
    }
}

/// What happened at a path in the course of a batch.
pub(super) enum NodeEvent {
    /// This was stored there.
    Read(Bytes),
    /// This shall be stored there, whether or not the path was vacated as well; with the hash, if it is no leaf.
    Write(Bytes, Option<B256>),
    /// Nothing hangs there any more, or nothing that has a record.
    Vacate,
}

#[derive(Default)]
struct Outcome {
    before: Option<Bytes>,
    after: Option<Bytes>,
    inner_hash: Option<B256>,
    changed: bool,
}

impl Outcome {
    fn add(&mut self, event: NodeEvent) {
        match event {
            NodeEvent::Read(rlp) => self.before = Some(rlp),
            NodeEvent::Write(rlp, inner_hash) => {
                (self.after, self.inner_hash, self.changed) = (Some(rlp), inner_hash, true);
            }
            NodeEvent::Vacate => self.changed = true,
        }
    }

    fn change(self, path: Nibbles) -> NodeChange {
        NodeChange { path, before: self.before, after: self.after, inner_hash: self.inner_hash }
    }
}

/// By path; stable, because it then only merges runs where subtries were sorted before.
pub(super) fn sort(events: &mut [(Nibbles, NodeEvent)]) {
    events.sort_by_key(|event| event.0);
}
