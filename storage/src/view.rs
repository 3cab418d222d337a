//! [`StateView`]: the state at one block, over the layers not yet written and the database.
use crate::{
    Account, AccountProof, StateReader, StorageError,
    codec::{
        account::{decode_account, decode_slot},
        key::{KIND_SLOT, KIND_STORAGE_NODE, StateKey, decode_path, decode_slot_key},
    },
    columns::Column,
    content::{self, ContentRef},
    history::{self, Past},
    overlay::Tip,
    store::Store,
    trie::{NodeReader, prove},
};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, atomic::Ordering},
};

/// The state after block `number()`. Stays right while later blocks are committed, as long as the block stays inside the
/// history window; after that it answers [`StorageError::Pruned`]. Not after [`crate::Storage::unwind`] has removed its block.
#[derive(Clone)]
pub struct StateView {
    store: Arc<Store>,
    tip: Arc<Tip>,
    number: u64,
    state_root: B256,
}

impl fmt::Debug for StateView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateView").field("number", &self.number).field("state_root", &self.state_root).finish()
    }
}

impl StateView {
    pub(crate) const fn new(store: Arc<Store>, tip: Arc<Tip>, number: u64, state_root: B256) -> Self {
        Self { store, tip, number, state_root }
    }

    /// The block whose state this is.
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// Root of the state trie.
    pub const fn state_root(&self) -> B256 {
        self.state_root
    }

    /// Merkle proofs of an account and some of its slots (EIP-1186).
    ///
    /// # Errors
    /// [`StorageError::Pruned`] if the block left the history window; a record cannot be read or is damaged.
    pub fn proof(&self, address: &Address, slots: &[U256]) -> Result<AccountProof, StorageError> {
        let owner = keccak256(address);
        let account = self.account(address)?;
        let nodes = prove(self, None, self.state_root, owner)?;
        let storage_root = account.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
        let slots = slots
            .iter()
            .map(|slot| {
                let key = keccak256(B256::from(*slot));
                let value = self.storage(address, slot)?;
                let nodes = match storage_root {
                    EMPTY_ROOT_HASH => Vec::new(),
                    root => prove(self, Some(&owner), root, key)?,
                };
                Ok((*slot, value, nodes))
            })
            .collect::<Result<_, StorageError>>()?;
        Ok(AccountProof { address: *address, account, nodes, slots })
    }

    /// What is kept by its keccak-256: a long value of a precompile, or code. `None` if this node has nothing of that
    /// hash.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn find_content(&self, hash: &B256) -> Result<Option<Bytes>, StorageError> {
        match self.tip.content(hash).or_else(|| self.tip.code(hash)) {
            Some(content) => Ok(Some(content.clone())),
            None => content::find(&self.store.database, hash),
        }
    }

    /// Whether a slot names content after this block.
    pub(crate) fn names_content(&self, reference: &ContentRef) -> Result<bool, StorageError> {
        match self.tip.names_content(self.number, reference) {
            Some(named) => Ok(named),
            None => Ok(self.read(reference.state_key(), |_| Ok(()))?.is_some()),
        }
    }

    /// Every slot of an account that has a value, with it.
    pub(crate) fn slots_of(&self, address: &Address) -> Result<Vec<(U256, U256)>, StorageError> {
        let mut candidates = BTreeSet::new();
        self.store.database.for_each(Column::Slots, address.as_slice(), |key, _| {
            candidates.insert(decode_slot_key(key)?.1);
            Ok(true)
        })?;
        if self.may_be_past() {
            let prefix = [&[KIND_SLOT], address.as_slice()].concat();
            history::keys_changed_since(&self.store.database, &prefix, self.number, |key| {
                candidates.insert(decode_slot_key(&key[1..])?.1);
                Ok(())
            })?;
        }
        for diff in self.tip.layers_to(self.number).filter_map(|layer| layer.storage(address)) {
            candidates.extend(diff.slots.iter().map(|(slot, ..)| *slot));
        }
        let mut slots = Vec::with_capacity(candidates.len());
        for slot in candidates {
            let value = self.storage(address, &slot)?;
            if !value.is_zero() {
                slots.push((slot, value));
            }
        }
        Ok(slots)
    }

    /// Every node of the storage trie of keccak(address).
    pub(crate) fn nodes_of(&self, owner: &B256) -> Result<Vec<(Nibbles, Bytes)>, StorageError> {
        let mut candidates = BTreeSet::new();
        let mut add = |path: &[u8]| -> Result<(), StorageError> {
            candidates.insert(decode_path("storage_trie", path)?);
            Ok(())
        };
        self.store.database.for_each(Column::StorageTrie, owner.as_slice(), |key, _| {
            add(&key[B256::len_bytes()..])?;
            Ok(true)
        })?;
        if self.may_be_past() {
            let prefix = [&[KIND_STORAGE_NODE], owner.as_slice()].concat();
            history::keys_changed_since(&self.store.database, &prefix, self.number, |key| {
                key.get(prefix.len()..).map_or(Ok(()), &mut add)
            })?;
        }
        for diff in self.tip.layers_to(self.number).filter_map(|layer| layer.storage_of_owner(owner)) {
            candidates.extend(diff.nodes.iter().map(|node| node.path));
        }
        let mut nodes = Vec::with_capacity(candidates.len());
        for path in candidates {
            if let Some(node) = self.node(Some(owner), &path)? {
                nodes.push((path, node));
            }
        }
        Ok(nodes)
    }

    /// The record of `key` in the database as of this block.
    fn read<T>(
        &self,
        key: StateKey<'_>,
        decode: impl Fn(&[u8]) -> Result<T, StorageError>,
    ) -> Result<Option<T>, StorageError> {
        let key_bytes = key.with_kind();
        let database = &self.store.database;
        loop {
            let unwinds = self.store.unwinds.load(Ordering::SeqCst);
            // The order matters: see `history`.
            let current = database.get(key.column(), &key_bytes[1..])?;
            let past =
                if self.may_be_past() { history::past(database, &key_bytes, self.number)? } else { Past::Current };
            if unwinds % 2 == 1 || unwinds != self.store.unwinds.load(Ordering::SeqCst) {
                std::thread::yield_now();
                continue;
            }
            self.store.check_kept(self.number)?;
            return match past {
                Past::Current => current.as_deref().map(&decode).transpose(),
                Past::Record(record) => decode(&record).map(Some),
                Past::Absent => Ok(None),
            };
        }
    }

    /// The database may hold, or be about to hold, the state of a later block.
    fn may_be_past(&self) -> bool {
        self.store.writing_to.load(Ordering::SeqCst) > self.number
    }
}

impl StateReader for StateView {
    fn account(&self, address: &Address) -> Result<Option<Account>, StorageError> {
        match self.tip.account(self.number, address) {
            Some(account) => Ok(account),
            None => self.read(StateKey::Account(address), decode_account),
        }
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StorageError> {
        match self.tip.slot(self.number, address, slot) {
            Some(value) => Ok(value),
            None => Ok(self.read(StateKey::Slot(address, slot), decode_slot)?.unwrap_or_default()),
        }
    }

    fn code(&self, code_hash: &B256) -> Result<Bytes, StorageError> {
        if *code_hash == KECCAK_EMPTY {
            return Ok(Bytes::new());
        }
        match self.tip.code(code_hash) {
            Some(code) => Ok(code.clone()),
            None => self.store.code(code_hash),
        }
    }

    fn content(&self, hash: &B256) -> Result<Bytes, StorageError> {
        if let Some(content) = self.find_content(hash)? {
            return Ok(content);
        }
        // Perhaps the block has left the window meanwhile, and its content with it.
        self.store.check_kept(self.number)?;
        // What was looked at is not what is there: the next start looks at everything.
        self.store.note_missing_content(hash)?;
        Err(StorageError::MissingContent { hash: *hash, number: self.number })
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        if number > self.number { Ok(None) } else { self.store.block_hash(number) }
    }
}

impl NodeReader for StateView {
    fn node(&self, owner: Option<&B256>, path: &Nibbles) -> Result<Option<Bytes>, StorageError> {
        match self.tip.node(self.number, owner, path) {
            Some(node) => Ok(node.cloned()),
            None => self.read(StateKey::Node(owner, path), |bytes| Ok(Bytes::copy_from_slice(bytes))),
        }
    }

    fn cached(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256) -> Option<Bytes> {
        self.store.nodes.get(owner, path, hash)
    }

    fn keep(&self, owner: Option<&B256>, path: &Nibbles, hash: &B256, rlp: &Bytes) {
        // Nodes of the past must not take the place of those that the next block needs.
        if self.number >= self.store.tip.read().state_number {
            self.store.nodes.insert(owner, path, *hash, rlp.clone());
        }
    }
}
