//! Trie tests: keys and values, the root of the trie that holds them, and the order of keys.
use super::{
    Verdict,
    json::{self, failed},
};
use alloy_primitives::{B256, Bytes, keccak256};
use pervade_storage::{
    StorageError,
    trie::{EMPTY_ROOT_HASH, Nibbles, NodeReader, update_trie, update_trie_by_path, visit_leaves},
};
use serde_json::Value;
use std::collections::BTreeMap;

/// Runs one test: entries are applied one by one, and all at once. `secure`: keys are hashed.
pub(super) fn run(test: &Value, secure: bool) -> Result<(), Verdict> {
    let entries = entries(&test["in"])?;
    let expected = json::hash_field(test, "root")?.unwrap_or_default();
    let mut single = MemoryTrie::default();
    for entry in &entries {
        single.update(std::slice::from_ref(entry), secure)?;
    }
    // Of the entries of a key only the last counts.
    let last: BTreeMap<_, _> = entries.into_iter().collect();
    let mut batch = MemoryTrie::default();
    batch.update(&last.into_iter().collect::<Vec<_>>(), secure)?;
    for (how, trie) in [("one by one", &single), ("in one batch", &batch)] {
        if trie.root != expected {
            return failed(format!("root {} after entries {how}, must be {expected}", trie.root));
        }
        let walked = visit_leaves(trie, None, trie.root, &mut |_, _| Ok(()))?;
        if walked.stored_nodes != trie.nodes.len() as u64 {
            return failed(format!("{} nodes are kept, {} belong to the trie", trie.nodes.len(), walked.stored_nodes));
        }
    }
    Ok(())
}

/// Runs a test of neighbours: for each text the greatest key below it and the least one above.
pub(super) fn run_order(test: &Value) -> Result<(), Verdict> {
    let text = |value: &Value| value.as_str().unwrap_or_default().as_bytes().to_vec();
    let entries: Vec<Entry> =
        test["in"].as_array().into_iter().flatten().map(|key| (text(key), Some(text(key)))).collect();
    let mut trie = MemoryTrie::default();
    trie.update(&entries, false)?;
    let mut keys: Vec<Vec<u8>> = Vec::new();
    visit_leaves(&trie, None, trie.root, &mut |_, value| {
        keys.push(value.to_vec());
        Ok(())
    })?;
    for case in test["tests"].as_array().into_iter().flatten() {
        let at = text(&case[0]);
        let before = keys.iter().rev().find(|key| **key < at).cloned().unwrap_or_default();
        let after = keys.iter().find(|key| **key > at).cloned().unwrap_or_default();
        if (before, after) != (text(&case[1]), text(&case[2])) {
            return failed(format!("wrong neighbours of {}", case[0]));
        }
    }
    Ok(())
}

type Entry = (Vec<u8>, Option<Vec<u8>>);

/// A list of pairs, or an object. Texts that begin with `0x` are bytes; `null` deletes.
fn entries(value: &Value) -> Result<Vec<Entry>, Verdict> {
    let bytes = |text: &str| match text.starts_with("0x") {
        true => json::bytes(text).map(|bytes| bytes.to_vec()),
        false => Ok(text.as_bytes().to_vec()),
    };
    let value_bytes = |value: &Value| value.as_str().map(bytes).transpose();
    match value {
        Value::Array(pairs) => pairs
            .iter()
            .map(|pair| Ok((bytes(pair[0].as_str().unwrap_or_default())?, value_bytes(&pair[1])?)))
            .collect(),
        Value::Object(pairs) => pairs.iter().map(|(key, value)| Ok((bytes(key)?, value_bytes(value)?))).collect(),
        other => failed(format!("{other} holds no entries")),
    }
}

/// The storage's trie over nodes in memory.
struct MemoryTrie {
    root: B256,
    nodes: BTreeMap<Nibbles, Bytes>,
}

impl Default for MemoryTrie {
    fn default() -> Self {
        Self { root: EMPTY_ROOT_HASH, nodes: BTreeMap::new() }
    }
}

impl MemoryTrie {
    fn update(&mut self, entries: &[Entry], secure: bool) -> Result<(), StorageError> {
        let (root, changes) = if secure {
            let mut changes: Vec<_> = entries.iter().map(|(key, value)| (keccak256(key), value.clone())).collect();
            changes.sort();
            update_trie(self, None, self.root, &changes)?
        } else {
            let mut changes: Vec<_> =
                entries.iter().map(|(key, value)| (Nibbles::unpack(key), value.clone())).collect();
            changes.sort();
            update_trie_by_path(self, None, self.root, &changes)?
        };
        self.root = root;
        for (path, node) in changes {
            match node {
                Some(node) => self.nodes.insert(path, node),
                None => self.nodes.remove(&path),
            };
        }
        Ok(())
    }
}

impl NodeReader for MemoryTrie {
    fn node(&self, _: Option<&B256>, path: &Nibbles) -> Result<Option<Bytes>, StorageError> {
        Ok(self.nodes.get(path).cloned())
    }
}
