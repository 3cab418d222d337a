//! Random batches against alloy's hash builder and against a build from nothing.
use super::{Change, MemoryNodes, build, oracle_root};
use crate::trie::{
    EMPTY_ROOT_HASH, LeafChange, Nibbles, WalkedTrie, prove, update_leaves, update_trie, update_trie_by_path,
    visit_leaves,
};
use alloy_primitives::{B256, keccak256};
use alloy_trie::proof::verify_proof;
use proptest::{collection::vec, option, prelude::*, sample::select};
use std::collections::BTreeMap;

/// Keys that share long and short prefixes: forks at the top, in the middle and in the last nibbles, where leaves with
/// short values embed.
fn key() -> impl Strategy<Value = B256> {
    let positions = vec![0, 1, 2, 3, 31, 32, 60, 61, 62, 63];
    vec((select(positions), select(vec![0u8, 1, 2, 15])), 0..5).prop_map(|forks| {
        let mut nibbles = [7u8; 64];
        for (position, nibble) in forks {
            nibbles[position] = nibble;
        }
        B256::from_slice(&Nibbles::from_nibbles(nibbles).pack())
    })
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(1u8.., 1..2), vec(any::<u8>(), 1..6), vec(any::<u8>(), 28..40), vec(any::<u8>(), 60..120)]
}

/// Changes by key, and by position among the keys that are there.
type Batch = (BTreeMap<B256, Option<Vec<u8>>>, Vec<(usize, Option<Vec<u8>>)>);

/// A batch: some keys of its own, and some that are there already (chosen by index).
fn batch() -> impl Strategy<Value = Batch> {
    let fresh = proptest::collection::btree_map(key(), option::weighted(0.8, value()), 0..12);
    (fresh, vec((any::<usize>(), option::weighted(0.3, value())), 0..12))
}

fn check_against_build(root: B256, nodes: &MemoryNodes, leaves: &BTreeMap<B256, Vec<u8>>) {
    assert_eq!(root, oracle_root(leaves));
    let (built_root, built) = build(leaves);
    assert_eq!(built_root, root);
    assert_eq!(nodes.records, built.records);

    let mut seen = BTreeMap::new();
    let walked = visit_leaves(nodes, None, root, &mut |path, value| {
        seen.insert(B256::from_slice(&path.pack()), value.to_vec());
        Ok(())
    });
    assert_eq!(&seen, leaves);
    let expected = WalkedTrie { leaves: leaves.len() as u64, stored_nodes: nodes.records.len() as u64 };
    assert_eq!(walked.unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn batches_leave_exactly_the_nodes_of_a_build_from_nothing(batches in vec(batch(), 1..6)) {
        let mut leaves = BTreeMap::new();
        let (mut root, mut nodes) = (EMPTY_ROOT_HASH, MemoryNodes::default());
        for (mut changes, existing) in batches {
            let keys: Vec<B256> = leaves.keys().copied().collect();
            if !keys.is_empty() {
                changes.extend(existing.into_iter().map(|(index, value)| (keys[index % keys.len()], value)));
            }
            for (key, value) in &changes {
                match value {
                    Some(value) => leaves.insert(*key, value.clone()),
                    None => leaves.remove(key),
                };
            }
            let changes: Vec<Change> = changes.into_iter().collect();
            let (new_root, records) = update_trie(&nodes, None, root, &changes).unwrap();
            nodes.apply(records);
            root = new_root;
            check_against_build(root, &nodes, &leaves);
            let (again, records) = update_trie(&nodes, None, root, &changes).unwrap();
            prop_assert!(again == root && records.is_empty(), "the same batch again changes nothing");
        }
    }

    #[test]
    fn a_batch_does_the_same_whether_what_was_before_is_known_or_not_or_wrong(
        leaves in proptest::collection::btree_map(key(), value(), 0..30),
        batch in batch(),
        wrong in value(),
    ) {
        let (root, nodes) = build(&leaves);
        let (mut changes, existing) = batch;
        let keys: Vec<B256> = leaves.keys().copied().collect();
        if !keys.is_empty() {
            changes.extend(existing.into_iter().map(|(index, value)| (keys[index % keys.len()], value)));
        }
        let known = |before: &dyn Fn(&B256) -> Option<Vec<u8>>| -> Vec<_> {
            let change = |(key, after): (&B256, &Option<Vec<u8>>)| LeafChange { key: *key, before: before(key), after: after.clone() };
            changes.iter().map(change).collect()
        };
        let unknown: Vec<Change> = changes.clone().into_iter().collect();
        let expected = update_trie(&nodes, None, root, &unknown).unwrap();
        let reads = nodes.take_reads();

        let found = update_leaves(&nodes, None, root, &known(&|key| leaves.get(key).cloned())).unwrap();
        prop_assert_eq!(&found, &expected);
        prop_assert!(nodes.take_reads() <= reads);
        let found = update_leaves(&nodes, None, root, &known(&|_| Some(wrong.clone()))).unwrap();
        prop_assert_eq!(&found, &expected);
    }

    #[test]
    fn proofs_verify_for_present_and_absent_keys(
        leaves in proptest::collection::btree_map(key(), value(), 0..30),
        others in vec(key(), 1..10),
    ) {
        let (root, nodes) = build(&leaves);
        for key in leaves.keys().chain(&others) {
            let proof = prove(&nodes, None, root, *key).unwrap();
            let expected = leaves.get(key).cloned();
            if let Err(error) = verify_proof(root, Nibbles::unpack(key), expected, &proof) {
                return Err(TestCaseError::fail(format!("{key}: {error}")));
            }
        }
    }

    #[test]
    fn keys_of_any_length_update_like_a_build_from_nothing(batches in vec(
        proptest::collection::btree_map(vec(select(vec![0u8, 1, 15]), 0..6), option::weighted(0.6, value()), 0..12),
        1..5,
    )) {
        let mut leaves = BTreeMap::new();
        let (mut root, mut nodes) = (EMPTY_ROOT_HASH, MemoryNodes::default());
        for changes in batches {
            let changes: BTreeMap<Nibbles, _> =
                changes.into_iter().map(|(key, value)| (Nibbles::from_nibbles(key), value)).collect();
            for (path, value) in &changes {
                match value {
                    Some(value) => leaves.insert(*path, value.clone()),
                    None => leaves.remove(path),
                };
            }
            let changes: Vec<_> = changes.into_iter().collect();
            let (new_root, records) = update_trie_by_path(&nodes, None, root, &changes).unwrap();
            nodes.apply(records);
            root = new_root;

            let all: Vec<_> = leaves.iter().map(|(path, value)| (*path, Some(value.clone()))).collect();
            let mut built = MemoryNodes::default();
            let (built_root, records) = update_trie_by_path(&built, None, EMPTY_ROOT_HASH, &all).unwrap();
            built.apply(records);
            prop_assert_eq!(root, built_root);
            prop_assert_eq!(&nodes.records, &built.records);
        }
    }
}

#[test]
fn a_batch_large_enough_for_threads_equals_the_same_changes_one_by_one() {
    let key = |index: u32| keccak256(index.to_be_bytes());
    let mut leaves: BTreeMap<_, _> = (0..3_000).map(|index| (key(index), vec![index as u8 | 1; 40])).collect();
    let (mut root, mut nodes) = build(&leaves);
    check_against_build(root, &nodes, &leaves);

    let mut changes = BTreeMap::new();
    for index in 0..3_000 {
        match index % 4 {
            0 => changes.insert(key(index), None),
            1 => changes.insert(key(index), Some(vec![index as u8; 33])),
            2 => changes.insert(key(index + 3_000), Some(vec![1; 50])),
            _ => None,
        };
    }
    for (key, value) in &changes {
        match value {
            Some(value) => leaves.insert(*key, value.clone()),
            None => leaves.remove(key),
        };
    }
    let changes: Vec<Change> = changes.into_iter().collect();
    let (batch_root, batch) = update_trie(&nodes, None, root, &changes).unwrap();
    for change in &changes {
        let (next, records) = update_trie(&nodes, None, root, std::slice::from_ref(change)).unwrap();
        nodes.apply(records);
        root = next;
    }
    check_against_build(root, &nodes, &leaves);
    assert_eq!(batch_root, root);
    for (path, node) in batch.iter() {
        assert_eq!(nodes.records.get(path), node, "{path:?}");
    }
}
