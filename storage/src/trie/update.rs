//! [`update_trie`]: one batch of changes against a stored trie.
use super::{
    EMPTY_ROOT_HASH, NodeChanges, NodeReader,
    build::build,
    node::{Branch, Node},
    source::NodeSource,
    subtrie::{Change, Nodes, Subtrie, by_child, child_path, lies_below},
};
use crate::StorageError;
use alloy_primitives::B256;
use alloy_trie::{Nibbles, nodes::RlpNode};
use std::borrow::Cow;

/// Applies `changes` (hashed keys, ascending and unique; the bytes to keep in the leaf, `None` deletes) to the trie
/// with that `root`, and returns the new root and what happens to the stored nodes. Deleting what is not there changes
/// nothing. From [`EMPTY_ROOT_HASH`] this builds a trie and reads no node; some 0.5 KiB of memory a leaf are in use
/// until its nodes are written, so build a large one in ascending batches, which share only the paths at their seams.
///
/// `owner`: keccak-256 of the address whose storage trie it is, `None` for the account trie.
///
/// # Errors
/// [`StorageError::Damaged`] if a node on a changed path is missing, malformed or not what its parent names; whatever
/// the reader says.
pub fn update_trie(
    reader: &dyn NodeReader,
    owner: Option<&B256>,
    root: B256,
    changes: &[(B256, Option<Vec<u8>>)],
) -> Result<(B256, NodeChanges), StorageError> {
    let changes: Vec<_> =
        changes.iter().map(|(key, value)| Change::new(Nibbles::unpack_array(key), None, value.as_deref())).collect();
    update(NodeSource::new(reader, owner), root, &changes)
}

/// One key of a batch, with what it has so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeafChange {
    /// Hashed key.
    pub key: B256,
    /// The bytes in its leaf before; `None`: it has no leaf, or they are not known.
    pub before: Option<Vec<u8>>,
    /// The bytes to keep in its leaf; `None` deletes.
    pub after: Option<Vec<u8>>,
}

/// As [`update_trie`], for a caller who knows what the keys had so far: that saves reading their leaves, the deepest
/// nodes and the least likely to be at hand. A wrong `before` does no harm: no parent names such a leaf, so it is read.
///
/// # Errors
/// As [`update_trie`].
pub fn update_leaves(
    reader: &dyn NodeReader,
    owner: Option<&B256>,
    root: B256,
    changes: &[LeafChange],
) -> Result<(B256, NodeChanges), StorageError> {
    let changes: Vec<_> = changes
        .iter()
        .map(|change| {
            Change::new(Nibbles::unpack_array(&change.key), change.before.as_deref(), change.after.as_deref())
        })
        .collect();
    update(NodeSource::new(reader, owner), root, &changes)
}

/// As [`update_trie`], for keys of any length up to 64 nibbles, where one may be the beginning of another. Ethereum's
/// state has no such trie; its trie tests do.
///
/// # Errors
/// As [`update_trie`].
pub fn update_trie_by_path(
    reader: &dyn NodeReader,
    owner: Option<&B256>,
    root: B256,
    changes: &[(Nibbles, Option<Vec<u8>>)],
) -> Result<(B256, NodeChanges), StorageError> {
    let changes: Vec<_> = changes.iter().map(|(path, value)| Change::new(*path, None, value.as_deref())).collect();
    update(NodeSource::new(reader, owner), root, &changes)
}

fn update(source: NodeSource<'_>, root: B256, changes: &[Change<'_>]) -> Result<(B256, NodeChanges), StorageError> {
    debug_assert!(changes.is_sorted_by(|a, b| a.path < b.path), "changes must be sorted and unique");
    let at = Nibbles::new();
    let before = if root == EMPTY_ROOT_HASH { RlpNode::default() } else { RlpNode::word_rlp(&root) };
    let mut nodes = Nodes::new(source, changes.len());
    let Some(subtrie) = nodes.update(&at, &before, changes)? else { return Ok((root, NodeChanges::default())) };
    let root = nodes.hang(&at, &before, &subtrie).as_hash().unwrap_or(EMPTY_ROOT_HASH);
    Ok((root, NodeChanges::from_events(nodes.into_events())))
}

/// What a change makes of a subtrie; `None` if it is as before.
type Updated<'a> = Result<Option<Subtrie<'a>>, StorageError>;

impl Nodes<'_> {
    /// Applies changes, all at or below `at`, to the node that hangs there.
    fn update<'a>(&mut self, at: &Nibbles, reference: &[u8], changes: &[Change<'a>]) -> Updated<'a> {
        if changes.is_empty() {
            return Ok(None);
        }
        if reference.is_empty() {
            let leaves = without_deletions(changes);
            return Ok((!leaves.is_empty()).then(|| build(self, &leaves, Subtrie::Empty)));
        }
        let rlp = self.resolve(at, reference, changes)?;
        let updated = match self.source.decode(at, rlp.as_ref())? {
            Node::Leaf { suffix, value } => self.update_leaf(at.join(&suffix), value, changes),
            Node::Extension { prefix, child } => self.update_extension(at.join(&prefix), child, changes)?,
            Node::Branch(branch) => self.update_branch(at, &branch, changes)?,
        };
        if updated.is_some() {
            self.replaced(at, rlp);
        }
        Ok(updated)
    }

    fn update_leaf<'a>(&mut self, path: Nibbles, value: &[u8], changes: &[Change<'a>]) -> Option<Subtrie<'a>> {
        let replaced = changes.iter().find(|change| change.path == path);
        let leaves = without_deletions(changes);
        match (&*leaves, replaced) {
            ([], None) => None,
            ([leaf], Some(_)) if leaf.path == path && leaf.value == value => None,
            (_, Some(_)) => Some(build(self, &leaves, Subtrie::Empty)),
            (_, None) => Some(build(self, &leaves, Subtrie::Leaf { path, value: Cow::Owned(value.to_vec()) })),
        }
    }

    /// `path`: of the branch that the extension leads to.
    fn update_extension<'a>(&mut self, path: Nibbles, child: &[u8], changes: &[Change<'a>]) -> Updated<'a> {
        let (before, rest) = changes.split_at(changes.partition_point(|change| change.path < path));
        let (below, after) = rest.split_at(rest.partition_point(|change| lies_below(&change.path, &path)));
        let updated = self.update(&path, child, below)?;
        if let Some(subtrie) = &updated {
            self.vacate(&path, child, subtrie);
        }
        let beside: Vec<_> = before.iter().chain(after).filter(|change| !change.value.is_empty()).copied().collect();
        if beside.is_empty() {
            return Ok(updated);
        }
        let subtrie = match updated {
            Some(subtrie) => subtrie,
            None => Subtrie::Branch { path, node: self.source.reference(&path, child)? },
        };
        Ok(Some(build(self, &beside, subtrie)))
    }

    fn update_branch<'a>(&mut self, at: &Nibbles, branch: &Branch<'_>, changes: &[Change<'a>]) -> Updated<'a> {
        let (value, below) = match changes {
            [here, below @ ..] if here.path.len() == at.len() => (Some(here.value), below),
            _ => (None, changes),
        };
        let value = value.filter(|new| *new != branch.value);
        let groups = by_child(at, below);
        let results = self
            .for_each_child(&groups, |nodes, group| nodes.update(&group.at, branch.child(group.nibble), group.changes));
        let mut updated = Vec::with_capacity(results.len());
        for (group, result) in groups.iter().zip(results) {
            if let Some(subtrie) = result? {
                updated.push((group.nibble, subtrie));
            }
        }
        if updated.is_empty() && value.is_none() {
            return Ok(None);
        }
        self.finish_branch(at, branch, updated, value)
    }

    /// Encodes the branch anew if at least two things are left in it, else lets the one thing take its place.
    fn finish_branch<'a>(
        &mut self,
        at: &Nibbles,
        branch: &Branch<'_>,
        mut updated: Vec<(u8, Subtrie<'a>)>,
        value: Option<&'a [u8]>,
    ) -> Updated<'a> {
        let mut present = branch.children.map(|child| !child.is_empty());
        for (nibble, subtrie) in &updated {
            if let Some(flag) = present.get_mut(usize::from(*nibble)) {
                *flag = !subtrie.is_empty();
            }
        }
        let left = present.iter().filter(|flag| **flag).count();
        let has_value = !value.unwrap_or(branch.value).is_empty();
        if left.saturating_add(usize::from(has_value)) >= 2 {
            let hung: Vec<_> = updated
                .iter()
                .map(|(nibble, subtrie)| (*nibble, self.hang(&child_path(at, *nibble), branch.child(*nibble), subtrie)))
                .collect();
            let mut children = branch.children;
            for (nibble, node) in &hung {
                if let Some(child) = children.get_mut(usize::from(*nibble)) {
                    *child = node.as_slice();
                }
            }
            let node = self.branch(at, &children, value.unwrap_or(branch.value));
            return Ok(Some(Subtrie::Branch { path: *at, node }));
        }

        for (nibble, subtrie) in &updated {
            self.vacate(&child_path(at, *nibble), branch.child(*nibble), subtrie);
        }
        if has_value {
            let value = value.map_or_else(|| Cow::Owned(branch.value.to_vec()), Cow::Borrowed);
            return Ok(Some(Subtrie::Leaf { path: *at, value }));
        }
        let Some(nibble) = present.iter().position(|flag| *flag).and_then(|index| u8::try_from(index).ok()) else {
            return Ok(Some(Subtrie::Empty));
        };
        if let Some(index) = updated.iter().position(|(survivor, _)| *survivor == nibble) {
            return Ok(Some(updated.swap_remove(index).1));
        }
        self.detach(&child_path(at, nibble), branch.child(nibble)).map(Some)
    }

    /// Takes down an unchanged node, so that it can hang elsewhere.
    fn detach<'a>(&mut self, at: &Nibbles, reference: &[u8]) -> Result<Subtrie<'a>, StorageError> {
        let rlp = self.source.resolve(at, reference)?;
        let subtrie = match self.source.decode(at, rlp.as_ref())? {
            Node::Leaf { suffix, value } => Subtrie::Leaf { path: at.join(&suffix), value: Cow::Owned(value.to_vec()) },
            Node::Extension { prefix, child } => {
                let path = at.join(&prefix);
                Subtrie::Branch { path, node: self.source.reference(&path, child)? }
            }
            Node::Branch(_) => Subtrie::Branch { path: *at, node: self.source.reference(at, reference)? },
        };
        self.vacate(at, reference, &subtrie);
        self.replaced(at, rlp);
        Ok(subtrie)
    }
}

fn without_deletions<'c, 'a>(changes: &'c [Change<'a>]) -> Cow<'c, [Change<'a>]> {
    if changes.iter().any(|change| change.value.is_empty()) {
        return Cow::Owned(changes.iter().filter(|change| !change.value.is_empty()).copied().collect());
    }
    Cow::Borrowed(changes)
}
