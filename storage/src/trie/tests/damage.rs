//! Damaged records are named, never followed and never a panic.
use super::{MemoryNodes, build};
use crate::{
    StorageError,
    trie::{Nibbles, prove, update_trie, visit_leaves},
};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_rlp::Header;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn leaves() -> BTreeMap<B256, Vec<u8>> {
    (0u64..200).map(|index| (keccak256(index.to_be_bytes()), vec![1; 60])).collect()
}

fn reason(error: StorageError) -> (&'static str, String) {
    match error {
        StorageError::Damaged { column, reason } => (column, reason),
        other => panic!("not damage: {other}"),
    }
}

#[test]
fn a_missing_node_is_named_by_column_path_and_hash() {
    let leaves = leaves();
    let (root, mut nodes) = build(&leaves);
    let key = *leaves.keys().next().unwrap();
    let path = Nibbles::unpack(key).slice(..1);
    let rlp = nodes.records.remove(&path).unwrap();
    let expected =
        format!("the node at path 0x{:x} is missing: its parent names {}", path.get(0).unwrap(), keccak256(rlp));

    let error = update_trie(&nodes, None, root, &[(key, None)]).unwrap_err();
    assert_eq!(reason(error), ("account_trie", expected.clone()));
    let error = prove(&nodes, None, root, key).unwrap_err();
    assert_eq!(reason(error), ("account_trie", expected.clone()));
    let error = visit_leaves(&nodes, None, root, &mut |_, _| Ok(())).unwrap_err();
    assert_eq!(reason(error), ("account_trie", expected));
}

#[test]
fn a_missing_root_of_a_storage_trie_names_the_account() {
    let owner = keccak256(b"owner");
    let error = prove(&MemoryNodes::default(), Some(&owner), B256::repeat_byte(3), B256::ZERO).unwrap_err();
    let (column, reason) = reason(error);
    assert_eq!(column, "storage_trie");
    assert!(reason.starts_with(&format!("the node at path 0x of account hash {owner} is missing")), "{reason}");
}

#[test]
fn a_node_of_another_version_is_refused_by_its_hash() {
    let leaves = leaves();
    let (root, mut nodes) = build(&leaves);
    let key = *leaves.keys().next().unwrap();
    let (_, newer) = update_trie(&nodes, None, root, &[(key, Some(vec![2; 60]))]).unwrap();
    let path = Nibbles::unpack(key).slice(..1);
    nodes.records.insert(path, newer.get(&path).unwrap().unwrap().clone());
    let (_, reason) = reason(update_trie(&nodes, None, root, &[(key, None)]).unwrap_err());
    assert!(reason.contains("has hash") && reason.contains("its parent names"), "{reason}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// A node that has the right hash but is no node: what only a bug of ours could have written.
    #[test]
    fn any_bytes_in_place_of_the_root_are_an_error_or_a_trie(bytes in malformed()) {
        let mut nodes = MemoryNodes::default();
        let root = keccak256(&bytes);
        nodes.records.insert(Nibbles::new(), Bytes::from(bytes));
        for key in [B256::ZERO, B256::repeat_byte(0x11), B256::repeat_byte(0xff)] {
            let _ = prove(&nodes, None, root, key);
            let _ = update_trie(&nodes, None, root, &[(key, None)]);
            let _ = update_trie(&nodes, None, root, &[(key, Some(vec![1]))]);
        }
        let _ = visit_leaves(&nodes, None, root, &mut |_, _| Ok(()));
    }
}

/// Random bytes, and lists of two or seventeen items with random, mostly short contents.
fn malformed() -> impl Strategy<Value = Vec<u8>> {
    let item = prop_oneof![
        Just(vec![0x80]),
        Just(vec![0xc0]),
        proptest::collection::vec(any::<u8>(), 0..3),
        proptest::collection::vec(any::<u8>(), 1..40).prop_map(|bytes| {
            let mut item = vec![0x80 + bytes.len() as u8];
            item.extend(bytes);
            item
        }),
        Just([&[0xa0][..], &[7; 32]].concat()),
        Just([&[0xa1, 0x00][..], &[0; 32]].concat()),
        Just(vec![0xc2, 0x20, 0x01]),
        Just(vec![0xc2, 0x11, 0xc0]),
    ];
    let list = |count| {
        proptest::collection::vec(item.clone(), count).prop_map(|items| {
            let payload = items.concat();
            let mut rlp = Vec::new();
            Header { list: true, payload_length: payload.len() }.encode(&mut rlp);
            rlp.extend(payload);
            rlp
        })
    };
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..60), list(2), list(17), list(3)]
}
