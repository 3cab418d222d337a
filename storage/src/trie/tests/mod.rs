//! What all tests of the trie share: nodes in memory, and the oracle.
mod cost;
mod damage;
mod random;
mod speed;
mod vectors;

use super::{EMPTY_ROOT_HASH, Nibbles, NodeChange, NodeChanges, NodeReader, node::Node, update_trie};
use crate::StorageError;
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::HashBuilder;
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

/// One trie's records in memory, counting reads.
#[derive(Default)]
struct MemoryNodes {
    records: BTreeMap<Nibbles, Bytes>,
    reads: AtomicUsize,
}

impl NodeReader for MemoryNodes {
    fn node(&self, _owner: Option<&B256>, path: &Nibbles) -> Result<Option<Bytes>, StorageError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        Ok(self.records.get(path).cloned())
    }
}

impl MemoryNodes {
    /// Checks on the way that the changes are in order, do change something, and know what they replace.
    fn apply(&mut self, changes: NodeChanges) {
        let mut last = None;
        for NodeChange { path, before, after, inner_hash } in changes.into_changes() {
            assert!(last < Some(path), "changes are not ascending at {path:?}");
            last = Some(path);
            assert_ne!(before, after, "{path:?} does not change");
            let is_inner = after.as_ref().is_some_and(|rlp| is_inner(&path, rlp));
            assert_eq!(inner_hash, after.as_ref().filter(|_| is_inner).map(keccak256), "{path:?}");
            let replaced = match after {
                Some(rlp) => self.records.insert(path, rlp),
                None => self.records.remove(&path),
            };
            assert_eq!(replaced, before, "{path:?} was something else");
        }
    }

    fn take_reads(&self) -> usize {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

/// Whether it is a branch or an extension.
fn is_inner(path: &Nibbles, rlp: &[u8]) -> bool {
    !matches!(Node::decode(rlp, path.len()), Ok(Node::Leaf { .. }))
}

/// A change as [`update_trie`] takes it.
type Change = (B256, Option<Vec<u8>>);

/// A trie from nothing.
fn build(leaves: &BTreeMap<B256, Vec<u8>>) -> (B256, MemoryNodes) {
    let changes: Vec<Change> = leaves.iter().map(|(key, value)| (*key, Some(value.clone()))).collect();
    let mut nodes = MemoryNodes::default();
    let (root, records) = update_trie(&nodes, None, EMPTY_ROOT_HASH, &changes).unwrap();
    assert_eq!(nodes.take_reads(), 0, "building from nothing reads nothing");
    nodes.apply(records);
    (root, nodes)
}

/// The root as alloy computes it from all leaves.
fn oracle_root(leaves: &BTreeMap<B256, Vec<u8>>) -> B256 {
    let mut builder = HashBuilder::default();
    for (key, value) in leaves {
        builder.add_leaf(Nibbles::unpack(key), value);
    }
    builder.root()
}
