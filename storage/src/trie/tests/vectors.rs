//! Known roots, from Ethereum's trie tests and from chains.
use super::MemoryNodes;
use crate::trie::{EMPTY_ROOT_HASH, Nibbles, prove, update_trie, update_trie_by_path};
use alloy_primitives::{Address, B256, U256, address, b256, keccak256};
use alloy_trie::{KECCAK_EMPTY, TrieAccount};

/// Applies entries one after the other, as the tests of Ethereum list them.
fn root_of(entries: &[(&[u8], Option<&[u8]>)]) -> B256 {
    let (mut root, mut nodes) = (EMPTY_ROOT_HASH, MemoryNodes::default());
    for (key, value) in entries {
        let change = (Nibbles::unpack(key), value.map(<[u8]>::to_vec));
        let (next, records) = update_trie_by_path(&nodes, None, root, &[change]).unwrap();
        nodes.apply(records);
        root = next;
    }
    root
}

#[test]
fn keys_that_begin_other_keys() {
    let puppy = b256!("5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84");
    let entries: [(&[u8], Option<&[u8]>); 4] =
        [(b"do", Some(b"verb")), (b"horse", Some(b"stallion")), (b"doge", Some(b"coin")), (b"dog", Some(b"puppy"))];
    assert_eq!(root_of(&entries), puppy);
    let entries: [(&[u8], Option<&[u8]>); 8] = [
        (b"do", Some(b"verb")),
        (b"ether", Some(b"wookiedoo")),
        (b"horse", Some(b"stallion")),
        (b"shaman", Some(b"horse")),
        (b"doge", Some(b"coin")),
        (b"ether", None),
        (b"dog", Some(b"puppy")),
        (b"shaman", None),
    ];
    assert_eq!(root_of(&entries), puppy);
    let entries: [(&[u8], Option<&[u8]>); 3] = [(b"be", Some(b"e")), (b"dog", Some(b"puppy")), (b"bed", Some(b"d"))];
    assert_eq!(root_of(&entries), b256!("3f67c7a47520f79faa29255d2d3c084a7a6df0453116ed7232ff10277a8be68b"));
    let entries: [(&[u8], Option<&[u8]>); 2] = [(b"test", Some(b"test")), (b"te", Some(b"testy"))];
    assert_eq!(root_of(&entries), b256!("8452568af70d8d140f58d941338542f645fcca50094b20f3c3d8c3df49337928"));
}

#[test]
fn a_single_short_key() {
    let entries: [(&[u8], Option<&[u8]>); 1] = [(b"A", Some(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))];
    assert_eq!(root_of(&entries), b256!("d23786fb4a010da3ce639d66d5e904a11dbc02746d1ce25029e53290cabf28ab"));
}

#[test]
fn hashed_keys_with_deletions() {
    let [ether, shaman] = [keccak256("ether"), keccak256("shaman")];
    let entries: [(B256, Option<&[u8]>); 8] = [
        (keccak256("do"), Some(b"verb")),
        (ether, Some(b"wookiedoo")),
        (keccak256("horse"), Some(b"stallion")),
        (shaman, Some(b"horse")),
        (keccak256("doge"), Some(b"coin")),
        (ether, None),
        (keccak256("dog"), Some(b"puppy")),
        (shaman, None),
    ];
    let entries: Vec<(&[u8], _)> = entries.iter().map(|(key, value)| (key.as_slice(), *value)).collect();
    assert_eq!(root_of(&entries), b256!("29b235a58c3c25ab83010c327d5932bcf05324b7d6b1185e650798034783ca9d"));
}

#[test]
fn five_accounts_of_a_state() {
    let account = |address, nonce, balance, storage_root, code_hash| {
        let account = TrieAccount { nonce, balance: U256::from(balance), storage_root, code_hash };
        (keccak256::<Address>(address), Some(alloy_rlp::encode(account)))
    };
    let code = b256!("04bccc5d94f4d1f99aab44369a910179931772f2a5c001c3229f57831c102769");
    let storage = b256!("ba4b47865c55a341a4a78759bb913cd15c3ee8eaf30a62fa8d1c8863113d84e8");
    let mut changes = [
        account(address!("a94f5374fce5edbc8e2a8697c15331677e6ebf0b"), 1, 0x05f4_46a7, EMPTY_ROOT_HASH, KECCAK_EMPTY),
        account(address!("095e7baea6a6c7c4c2dfeb977efac326af552d87"), 1, 1, EMPTY_ROOT_HASH, code),
        account(address!("d2571607e241ecf590ed94b12d87c94babe36db6"), 1, 0, storage, KECCAK_EMPTY),
        account(address!("62c01474f089b07dae603491675dc5b5748f7049"), 0, 0, EMPTY_ROOT_HASH, KECCAK_EMPTY),
        account(address!("2adc25665018aa1fe0e6bc666dac8fc2697ff9ba"), 0, 0x01_9a59, EMPTY_ROOT_HASH, KECCAK_EMPTY),
    ];
    changes.sort();
    let (root, _) = update_trie(&MemoryNodes::default(), None, EMPTY_ROOT_HASH, &changes).unwrap();
    assert_eq!(root, b256!("730a444e08ab4b8dee147c9b232fc52d34a223d600031c1e9d25bfc985cbd797"));
}

#[test]
fn an_empty_trie_has_the_empty_root_and_an_empty_proof() {
    let nodes = MemoryNodes::default();
    let (root, records) = update_trie(&nodes, None, EMPTY_ROOT_HASH, &[(B256::ZERO, None)]).unwrap();
    assert_eq!((root, records.len()), (EMPTY_ROOT_HASH, 0));
    assert!(prove(&nodes, None, root, B256::ZERO).unwrap().is_empty());
}
