//! Reverse diffs: what a key of the state was before each block that changed it.
//!
//! ```text
//! history        key ++ be8 block -> the record before that block; empty: there was none
//! history_index  be8 block        -> the keys that the block changed, one after the other
//! ```
//! A key is a [`StateKey`] with its kind; kind and path length tell where it ends.
//!
//! The value as of block N is the record at the first (key, block > N), and the current one if there is none. Whoever
//! reads the current record *first* needs no snapshot: if a block after N was written in between, its entry is there.
use crate::{
    StateUpdate, StorageError,
    codec::{
        account::{encode_account, encode_slot},
        key::{KIND_ACCOUNT, KIND_ACCOUNT_NODE, KIND_CONTENT_REF, KIND_SLOT, KIND_STORAGE_NODE, StateKey, block_key},
        meta,
    },
    columns::Column,
    content::{self, FreedContent, REFERENCE},
    database::{Batch, Database, Purpose},
};
use alloy_primitives::U256;
use std::{collections::BTreeSet, sync::Arc};

/// What history says about a key as of some block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Past {
    /// No later block changed it: the current record holds.
    Current,
    /// This was the record.
    Record(Vec<u8>),
    /// There was no record.
    Absent,
}

/// The record of `key` (with its kind) as of block `number`.
pub(crate) fn past(database: &Database, key: &[u8], number: u64) -> Result<Past, StorageError> {
    let Some(next) = number.checked_add(1) else { return Ok(Past::Current) };
    let mut records = database.records(Column::History, key, Purpose::Lookup)?;
    records.seek(history_key(key, next));
    let past = match records.item() {
        None => Past::Current,
        Some((found, _)) if !found.starts_with(key) => Past::Current,
        Some((_, [])) => Past::Absent,
        Some((_, record)) => Past::Record(record.to_vec()),
    };
    records.status().map_err(StorageError::database("read history"))?;
    Ok(past)
}

/// Adds the state updates of successive blocks to `batch`: the history of each, the records as the last one leaves them,
/// the marker.
pub(crate) fn write_updates(batch: &mut Batch<'_>, group: &[Arc<StateUpdate>]) -> Result<(), StorageError> {
    let mut rest = group;
    while let Some((update, later)) = rest.split_first() {
        let index = UpdateWriter { batch, number: update.number, later, index: Vec::new() }.write(update)?;
        if !index.is_empty() {
            batch.put(Column::HistoryIndex, &block_key(update.number), &index)?;
        }
        for (hash, code) in &update.code {
            batch.put(Column::Code, hash.as_slice(), code)?;
        }
        for (hash, content) in &update.content.content {
            batch.put(Column::Content, hash.as_slice(), content)?;
        }
        batch.put(Column::Meta, meta::STATE, &block_key(update.number))?;
        rest = later;
    }
    Ok(())
}

struct UpdateWriter<'a, 'b> {
    batch: &'a mut Batch<'b>,
    number: u64,
    /// Updates in the same batch that come after this one.
    later: &'a [Arc<StateUpdate>],
    index: Vec<u8>,
}

impl UpdateWriter<'_, '_> {
    /// Answers the record of `history_index`.
    fn write(mut self, update: &StateUpdate) -> Result<Vec<u8>, StorageError> {
        for diff in &update.accounts {
            let [before, after] = [&diff.before, &diff.after].map(|account| account.as_ref().map(encode_account));
            self.change(StateKey::Account(&diff.address), before.as_ref(), after.as_ref())?;
        }
        let encode = |value: &U256| if value.is_zero() { None } else { Some(encode_slot(value)) };
        for diff in &update.storages {
            for (slot, before, after) in &diff.slots {
                let [before, after] = [before, after].map(encode);
                self.change(StateKey::Slot(&diff.address, slot), before.as_ref(), after.as_ref())?;
            }
        }
        for node in &update.account_nodes {
            self.change(StateKey::Node(None, &node.path), node.before.as_ref(), node.after.as_ref())?;
        }
        for diff in &update.storages {
            for node in &diff.nodes {
                let key = StateKey::Node(Some(&diff.owner), &node.path);
                self.change(key, node.before.as_ref(), node.after.as_ref())?;
            }
        }
        for (reference, after) in &update.content.refs {
            let [before, after] = [!after, *after].map(|is_there| is_there.then_some(REFERENCE));
            self.change(reference.state_key(), before.as_ref(), after.as_ref())?;
        }
        Ok(self.index)
    }

    fn change<T: AsRef<[u8]>>(
        &mut self,
        key: StateKey<'_>,
        before: Option<&T>,
        after: Option<&T>,
    ) -> Result<(), StorageError> {
        let mut bytes = key.with_kind();
        if !self.later.iter().any(|update| update.changes(key)) {
            self.batch.set(key.column(), &bytes[1..], after)?;
        }
        self.index.extend_from_slice(&bytes);
        bytes.extend_from_slice(&self.number.to_be_bytes());
        self.batch.put(Column::History, &bytes, before.map_or(&[], |before| before.as_ref()))
    }
}

/// Adds to `batch` what takes the state back from block `number` to its parent.
pub(crate) fn revert_block(database: &Database, batch: &mut Batch<'_>, number: u64) -> Result<(), StorageError> {
    if let Some(index) = database.get(Column::HistoryIndex, &block_key(number))? {
        let (mut hashes, mut begun, mut named_again) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for_each_key(&index, |key| {
            let history_key = history_key(key, number);
            let Some(before) = database.get(Column::History, &history_key)? else {
                let reason = format!("block {number} lacks an entry that its index names");
                return Err(StorageError::Damaged { column: Column::History.name(), reason });
            };
            let record = if before.is_empty() { None } else { Some(&*before) };
            match content::hash_of(key) {
                Some(hash) if record.is_none() => {
                    hashes.insert(hash);
                    begun.insert(key[1..].to_vec());
                }
                Some(hash) => {
                    named_again.insert(hash);
                }
                None => {}
            }
            batch.set(column_of(key)?, &key[1..], record)?;
            batch.delete(Column::History, &history_key)
        })?;
        batch.delete(Column::HistoryIndex, &block_key(number))?;
        // A reference that the block ended is back with this batch, which the database does not show yet.
        hashes.retain(|hash| !named_again.contains(hash));
        content::free_after_revert(database, batch, &hashes, number, &begun)?;
    }
    batch.put(Column::Meta, meta::STATE, &block_key(number.saturating_sub(1)))
}

/// What a turn of [`prune`] did.
pub(crate) struct Pruned {
    /// Block to go on with.
    pub(crate) next: u64,
    /// Content that no state names any more.
    pub(crate) freed: FreedContent,
}

/// Adds to `batch` the deletion of the history of blocks in `from..=last`, of `blocks_max` of them at most, and of the
/// content that only states before named. What the batch keeps anew must be added after this.
pub(crate) fn prune(
    database: &Database,
    batch: &mut Batch<'_>,
    from: u64,
    last: u64,
    blocks_max: usize,
) -> Result<Pruned, StorageError> {
    let mut pruned = 0usize;
    let mut freed = FreedContent::default();
    let mut records = database.records(Column::HistoryIndex, &[], Purpose::Scan)?;
    records.seek(block_key(from));
    while let Some((key, index)) = records.item() {
        let number = meta::decode_u64(key)?;
        if number > last {
            break;
        }
        if pruned == blocks_max {
            return Ok(Pruned { next: number, freed });
        }
        let mut hashes = BTreeSet::new();
        for_each_key(index, |key| {
            hashes.extend(content::hash_of(key));
            batch.delete(Column::History, &history_key(key, number))
        })?;
        freed.add(content::free_after_pruning(database, batch, &hashes, number)?);
        batch.delete(Column::HistoryIndex, key)?;
        pruned = pruned.saturating_add(1);
        records.next();
    }
    records.status().map_err(StorageError::database("read history index"))?;
    Ok(Pruned { next: last.saturating_add(1).max(from), freed })
}

/// Keys (with kind) that blocks after `number` changed and that begin with `prefix`.
pub(crate) fn keys_changed_since(
    database: &Database,
    prefix: &[u8],
    number: u64,
    mut each: impl FnMut(&[u8]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    database.for_each(Column::History, prefix, |key, _| {
        let (key, block) = key.split_at(key.len().saturating_sub(8));
        if meta::decode_u64(block)? > number {
            each(key)?;
        }
        Ok(true)
    })
}

fn history_key(key: &[u8], number: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(key.len().saturating_add(8));
    bytes.extend_from_slice(key);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes
}

fn column_of(key: &[u8]) -> Result<Column, StorageError> {
    match key.first() {
        Some(&KIND_ACCOUNT) => Ok(Column::Accounts),
        Some(&KIND_SLOT) => Ok(Column::Slots),
        Some(&KIND_ACCOUNT_NODE) => Ok(Column::AccountTrie),
        Some(&KIND_STORAGE_NODE) => Ok(Column::StorageTrie),
        Some(&KIND_CONTENT_REF) => Ok(Column::ContentRefs),
        _ => Err(damaged_index()),
    }
}

/// Takes a record of `history_index` apart.
fn for_each_key(mut index: &[u8], mut each: impl FnMut(&[u8]) -> Result<(), StorageError>) -> Result<(), StorageError> {
    while let Some(kind) = index.first() {
        let path_length = |at: usize| {
            let nibbles = index.get(at)?;
            at.checked_add(1)?.checked_add(usize::from(nibbles.div_ceil(2)))
        };
        let length = match *kind {
            KIND_ACCOUNT => Some(1 + 20),
            KIND_SLOT => Some(1 + 20 + 32),
            KIND_ACCOUNT_NODE => path_length(1),
            KIND_STORAGE_NODE => path_length(1 + 32),
            KIND_CONTENT_REF => Some(1 + 32 + 20 + 32),
            _ => None,
        };
        let (key, rest) = length.and_then(|length| index.split_at_checked(length)).ok_or_else(damaged_index)?;
        each(key)?;
        index = rest;
    }
    Ok(())
}

fn damaged_index() -> StorageError {
    StorageError::Damaged { column: Column::HistoryIndex.name(), reason: "a key of unknown kind, or cut".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256};
    use alloy_trie::Nibbles;

    #[test]
    fn an_index_gives_back_its_keys_and_refuses_cut_ones() {
        let address = Address::repeat_byte(1);
        let owner = B256::repeat_byte(2);
        let path = Nibbles::from_nibbles([1, 2, 3]);
        let slot = U256::from(4);
        let keys = [
            StateKey::Account(&address),
            StateKey::Slot(&address, &slot),
            StateKey::Node(None, &path),
            StateKey::Node(Some(&owner), &path),
            StateKey::Node(None, &Nibbles::new()),
            StateKey::ContentRef(&crate::content::ContentRef { hash: owner, address, slot }),
        ];
        let index: Vec<u8> = keys.iter().flat_map(|key| key.with_kind()).collect();
        let mut found = Vec::new();
        for_each_key(&index, |key| {
            found.push(key.to_vec());
            Ok(())
        })
        .unwrap();
        assert_eq!(found, keys.map(StateKey::with_kind));
        for (key, bytes) in keys.iter().zip(&found) {
            assert_eq!(column_of(bytes).unwrap(), key.column());
        }
        assert!(for_each_key(&index[..index.len() - 1], |_| Ok(())).is_err());
        assert!(for_each_key(&[9], |_| Ok(())).is_err());
    }
}
