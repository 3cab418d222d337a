//! [`visit_leaves`]: every leaf of a trie, with every hash checked.
use super::{EMPTY_ROOT_HASH, NodeReader, node::Node, source::NodeSource, subtrie::child_path};
use crate::StorageError;
use alloy_primitives::B256;
use alloy_trie::{Nibbles, nodes::RlpNode};

/// What a walk met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WalkedTrie {
    /// Keys with a value.
    pub leaves: u64,
    /// Nodes with a record of their own. More records than this in the store means that some are left over.
    pub stored_nodes: u64,
}

/// Called with a leaf's path and value.
type Visit<'v> = dyn FnMut(&Nibbles, &[u8]) -> Result<(), StorageError> + 'v;

/// Calls `visit` with each key's path and value, in ascending order, and checks that every node is what its parent
/// names, up to `root`.
///
/// # Errors
/// [`StorageError::Damaged`] if a node is missing, malformed or not what its parent names; whatever the reader and
/// `visit` say.
pub fn visit_leaves(
    reader: &dyn NodeReader,
    owner: Option<&B256>,
    root: B256,
    visit: &mut Visit<'_>,
) -> Result<WalkedTrie, StorageError> {
    let mut walk = Walk { source: NodeSource::new(reader, owner), visit, walked: WalkedTrie::default() };
    if root != EMPTY_ROOT_HASH {
        walk.node(&Nibbles::new(), &RlpNode::word_rlp(&root))?;
    }
    Ok(walk.walked)
}

struct Walk<'w> {
    source: NodeSource<'w>,
    visit: &'w mut Visit<'w>,
    walked: WalkedTrie,
}

impl Walk<'_> {
    fn node(&mut self, at: &Nibbles, reference: &[u8]) -> Result<(), StorageError> {
        let rlp = self.source.resolve(at, reference)?;
        self.walked.stored_nodes = self.walked.stored_nodes.saturating_add(u64::from(rlp.is_stored()));
        match self.source.decode(at, rlp.as_ref())? {
            Node::Leaf { suffix, value } => self.leaf(&at.join(&suffix), value),
            Node::Extension { prefix, child } => self.node(&at.join(&prefix), child),
            Node::Branch(branch) => {
                if !branch.value.is_empty() {
                    self.leaf(at, branch.value)?;
                }
                for (nibble, child) in (0u8..).zip(branch.children).filter(|(_, child)| !child.is_empty()) {
                    self.node(&child_path(at, nibble), child)?;
                }
                Ok(())
            }
        }
    }

    fn leaf(&mut self, path: &Nibbles, value: &[u8]) -> Result<(), StorageError> {
        self.walked.leaves = self.walked.leaves.saturating_add(1);
        (self.visit)(path, value)
    }
}
