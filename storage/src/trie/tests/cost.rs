//! A batch reads what lies on its paths, whatever the size of the trie.
use super::{MemoryNodes, build};
use crate::trie::{LeafChange, Nibbles, update_leaves, update_trie};
use alloy_primitives::{B256, keccak256};
use std::collections::BTreeMap;

const TOUCHED: u64 = 100;

fn trie_of(count: u64) -> (B256, MemoryNodes) {
    build(&(0..count).map(|index| (keccak256(index.to_be_bytes()), vec![9; 70])).collect())
}

/// Reads for updating `TOUCHED` keys, one in a batch or all at once.
fn reads(root: B256, nodes: &MemoryNodes, at_once: usize) -> usize {
    let changes: BTreeMap<B256, _> =
        (0..TOUCHED).map(|index| (keccak256(index.to_be_bytes()), Some(vec![8; 70]))).collect();
    let changes: Vec<_> = changes.into_iter().collect();
    nodes.take_reads();
    for batch in changes.chunks(at_once) {
        update_trie(nodes, None, root, batch).unwrap();
    }
    nodes.take_reads()
}

#[test]
fn reads_grow_with_the_depth_of_the_trie_and_not_with_its_size() {
    let (small_root, small) = trie_of(10_000);
    let (large_root, large) = trie_of(200_000);
    // 16^3 < 10,000 < 16^4 and 16^4 < 200,000 < 16^5: one or two more nodes on a path.
    let [in_small, in_large] = [reads(small_root, &small, 1), reads(large_root, &large, 1)];
    assert!(in_small <= 6 * TOUCHED as usize, "{in_small} reads");
    assert!(in_large <= in_small + 2 * TOUCHED as usize, "{in_large} reads, {in_small} in the small trie");
    // In one batch, what paths share is read once.
    let [in_small, in_large] = [reads(small_root, &small, 100), reads(large_root, &large, 100)];
    assert!(in_small <= 4 * TOUCHED as usize, "{in_small} reads");
    assert!(in_large <= in_small + 2 * TOUCHED as usize, "{in_large} reads, {in_small} in the small trie");
}

#[test]
fn leaves_whose_values_are_known_are_not_read() {
    let (root, nodes) = trie_of(10_000);
    let keys: BTreeMap<B256, u64> = (0..TOUCHED).map(|index| (keccak256(index.to_be_bytes()), index)).collect();
    let change = |key: &B256| LeafChange { key: *key, before: Some(vec![9; 70]), after: Some(vec![8; 70]) };
    let changes: Vec<_> = keys.keys().map(change).collect();
    nodes.take_reads();
    let (_, records) = update_leaves(&nodes, None, root, &changes).unwrap();
    assert_eq!(nodes.take_reads(), records.len() - TOUCHED as usize);
    assert!(
        records.into_changes().iter().all(|change| change.before.is_some()),
        "what they replace is known all the same"
    );
}

#[test]
fn a_batch_reads_each_node_once_and_writes_only_changed_paths() {
    let (root, nodes) = trie_of(10_000);
    let keys: BTreeMap<B256, _> =
        (0..TOUCHED).map(|index| (keccak256(index.to_be_bytes()), Some(vec![8; 70]))).collect();
    let changes: Vec<_> = keys.into_iter().collect();
    let (_, records) = update_trie(&nodes, None, root, &changes).unwrap();
    assert_eq!(nodes.take_reads(), records.len(), "replacing values rewrites exactly what was read");
    for (path, _) in records.iter() {
        assert!(changes.iter().any(|(key, _)| Nibbles::unpack(key).starts_with(path)), "{path:?}");
    }
}
