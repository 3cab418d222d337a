//! Content: long values of precompiles, named by their keccak-256 in a slot of a precompile's account.
//!
//! ```text
//! content       hash                 -> bytes
//! content_refs  hash, address, slot  -> 1        the slot names the bytes
//! history       of content_refs, as of every other key of the state
//! ```
//! A block that keeps bytes names them in a slot, and gives both to storage; so a reference begins only together with its
//! bytes, and ends when its slot changes. References are keys of the state like any other: they have history, are taken
//! back with their block, and are pruned with it. Bytes stay as long as a state of the window names them, which is to say
//! while there is a reference or an entry of one in the history. When the last goes, they go in the same batch.
//!
//! What nobody names is never written. Nothing here is part of the state root: a node may keep its bytes as it likes.
use crate::{
    StateChanges, StateView, StorageError,
    codec::key::{KIND_CONTENT_REF, StateKey},
    codec::meta::decode_u64,
    columns::Column,
    database::{Batch, Database, Purpose},
    update::StorageDiff,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use pervade_chainspec::params::PRECOMPILE_ADDRESSES;
use std::collections::{BTreeMap, BTreeSet};

/// No bytes are known whose hash begins with so many zero bits: a slot with such a value names nothing.
const LEADING_ZEROS_MAX: usize = 128;
/// The record of a reference. Not empty, because history takes an empty record for none.
pub(crate) const REFERENCE: &[u8] = &[1];

/// A slot that names content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContentRef {
    /// Keccak-256 of the bytes, and value of the slot.
    pub(crate) hash: B256,
    /// Account of the slot.
    pub(crate) address: Address,
    /// The slot.
    pub(crate) slot: U256,
}

/// What a block does to content.
#[derive(Debug, Default)]
pub(crate) struct ContentDiff {
    /// References with whether they are there after the block; each one changes. Ascending.
    pub(crate) refs: Vec<(ContentRef, bool)>,
    /// The bytes that the new ones name.
    pub(crate) content: BTreeMap<B256, Bytes>,
}

impl ContentDiff {
    /// Compares the slots of precompiles before and after a block with what the block kept.
    pub(crate) fn new(
        view: &StateView,
        changes: &StateChanges,
        storages: &[StorageDiff],
    ) -> Result<Self, StorageError> {
        let mut diff = Self::default();
        for storage in storages.iter().filter(|storage| PRECOMPILE_ADDRESSES.contains(&storage.address)) {
            for (slot, before, after) in &storage.slots {
                let named = |value: &U256| ContentRef { hash: (*value).into(), address: storage.address, slot: *slot };
                let begins = named(after);
                if let Some(bytes) = changes.content.get(&begins.hash) {
                    diff.content.insert(begins.hash, bytes.clone());
                    diff.refs.push((begins, true));
                }
                let ends = named(before);
                if before.leading_zeros() < LEADING_ZEROS_MAX && view.names_content(&ends)? {
                    diff.refs.push((ends, false));
                }
            }
        }
        diff.refs.sort_unstable();
        Ok(diff)
    }

    /// Whether the reference is there after the block; `None`: the block did not change it.
    pub(crate) fn reference(&self, reference: &ContentRef) -> Option<bool> {
        let index = self.refs.binary_search_by(|(key, _)| key.cmp(reference)).ok()?;
        self.refs.get(index).map(|(_, after)| *after)
    }
}

/// What was freed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FreedContent {
    /// Values.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl FreedContent {
    pub(crate) fn add(&mut self, other: Self) {
        self.records = self.records.saturating_add(other.records);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// The hash in a history key without block number, kind in front; `None`: it is no reference.
pub(crate) fn hash_of(key: &[u8]) -> Option<B256> {
    let (kind, rest) = key.split_first()?;
    let hash = rest.first_chunk::<32>()?;
    (*kind == KIND_CONTENT_REF).then(|| B256::from(*hash))
}

/// Adds to `batch` the deletion of those `hashes` that nothing names any more once the history up to block `last` is gone.
pub(crate) fn free_after_pruning(
    database: &Database,
    batch: &mut Batch<'_>,
    hashes: &BTreeSet<B256>,
    last: u64,
) -> Result<FreedContent, StorageError> {
    free(database, batch, hashes, |_| true, |block| block > last)
}

/// Adds to `batch` the deletion of those `hashes` that nothing names any more once block `number` is taken back, with the
/// references (keys of their column) that it began.
pub(crate) fn free_after_revert(
    database: &Database,
    batch: &mut Batch<'_>,
    hashes: &BTreeSet<B256>,
    number: u64,
    begun: &BTreeSet<Vec<u8>>,
) -> Result<FreedContent, StorageError> {
    free(database, batch, hashes, |key| !begun.contains(key), |block| block != number)
}

fn free(
    database: &Database,
    batch: &mut Batch<'_>,
    hashes: &BTreeSet<B256>,
    stays: impl Fn(&[u8]) -> bool,
    entry_stays: impl Fn(u64) -> bool,
) -> Result<FreedContent, StorageError> {
    let mut freed = FreedContent::default();
    for hash in hashes {
        if is_named(database, hash, &stays, &entry_stays)? {
            continue;
        }
        if let Some(content) = database.get(Column::Content, hash.as_slice())? {
            freed.add(FreedContent { records: 1, bytes: content.len() as u64 });
            batch.delete(Column::Content, hash.as_slice())?;
        }
    }
    Ok(freed)
}

/// Whether a state names the bytes: by a reference, or by one in the history of a block.
pub(crate) fn is_named(
    database: &Database,
    hash: &B256,
    stays: impl Fn(&[u8]) -> bool,
    entry_stays: impl Fn(u64) -> bool,
) -> Result<bool, StorageError> {
    if any_key(database, Column::ContentRefs, hash.as_slice(), |key| Ok(stays(key)))? {
        return Ok(true);
    }
    let prefix = [&[KIND_CONTENT_REF], hash.as_slice()].concat();
    any_key(database, Column::History, &prefix, |key| {
        let (_, block) = key.split_at(key.len().saturating_sub(8));
        Ok(entry_stays(decode_u64(block)?))
    })
}

fn any_key(
    database: &Database,
    column: Column,
    prefix: &[u8],
    wanted: impl Fn(&[u8]) -> Result<bool, StorageError>,
) -> Result<bool, StorageError> {
    let mut records = database.records(column, prefix, Purpose::Lookup)?;
    records.seek(prefix);
    while let Some(key) = records.key() {
        if wanted(key)? {
            return Ok(true);
        }
        records.next();
    }
    records.status().map_err(StorageError::database("read references of content"))?;
    Ok(false)
}

/// The bytes of that hash. A directory of a format before 3 has them among the code.
pub(crate) fn find(database: &Database, hash: &B256) -> Result<Option<Bytes>, StorageError> {
    for column in [Column::Content, Column::Code] {
        if let Some(record) = database.get(column, hash.as_slice())? {
            return Ok(Some(Bytes::copy_from_slice(&record)));
        }
    }
    Ok(None)
}

impl ContentRef {
    /// As a key of the state.
    pub(crate) const fn state_key(&self) -> StateKey<'_> {
        StateKey::ContentRef(self)
    }
}
