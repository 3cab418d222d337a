//! What execution reads from the state and what it hands back.
use crate::StorageError;
use alloy_primitives::{Address, B256, Bytes, U256};
use std::collections::BTreeMap;

/// An account as the state trie commits to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Keccak-256 of the code; `KECCAK_EMPTY` for none.
    pub code_hash: B256,
    /// Root of the storage trie; `EMPTY_ROOT_HASH` for none.
    pub storage_root: B256,
}

/// An account as execution knows it: all but the storage root, which storage computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountState {
    /// Transactions sent, or contracts created.
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// Keccak-256 of the code; `KECCAK_EMPTY` for none.
    pub code_hash: B256,
}

/// State at one block. Implemented by [`crate::StateView`]; simulators and tests may have others.
pub trait StateReader: Send + Sync {
    /// The account, `None` if it does not exist (an existing empty account is `Some`).
    fn account(&self, address: &Address) -> Result<Option<Account>, StorageError>;
    /// The slot's value, zero if it was never set.
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StorageError>;
    /// The code of that hash. A hash that some account names and that is absent is [`StorageError::Damaged`].
    fn code(&self, code_hash: &B256) -> Result<Bytes, StorageError>;
    /// Bytes that a precompile kept by this hash. A hash that a slot names and whose bytes are absent is
    /// [`StorageError::MissingContent`].
    fn content(&self, hash: &B256) -> Result<Bytes, StorageError>;
    /// Hash of the canonical block of that number.
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError>;
}

impl<T: StateReader + ?Sized> StateReader for &T {
    fn account(&self, address: &Address) -> Result<Option<Account>, StorageError> {
        T::account(self, address)
    }
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StorageError> {
        T::storage(self, address, slot)
    }
    fn code(&self, code_hash: &B256) -> Result<Bytes, StorageError> {
        T::code(self, code_hash)
    }
    fn content(&self, hash: &B256) -> Result<Bytes, StorageError> {
        T::content(self, hash)
    }
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        T::block_hash(self, number)
    }
}

/// A slot's value after a block. What it was before, storage reads itself.
pub type SlotChange = U256;

/// One account's change by a block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccountChange {
    /// The account after the block; `None`: it no longer exists.
    pub after: Option<AccountState>,
    /// All earlier storage is gone (self-destruct, re-creation): `storage` holds all that is there now.
    pub wiped: bool,
    /// Slots written, with their new values (zero deletes).
    pub storage: BTreeMap<U256, SlotChange>,
}

/// What a block changes in the state. Sorted, so that everything computed from it is deterministic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateChanges {
    /// Accounts that were touched and differ from the parent state.
    pub accounts: BTreeMap<Address, AccountChange>,
    /// New code by its hash.
    pub code: BTreeMap<B256, Bytes>,
    /// What precompiles kept by its keccak-256. Storage takes what a slot of a precompile's account that the block wrote
    /// names; every slot that is to name content must be written in the block that keeps it.
    pub content: BTreeMap<B256, Bytes>,
}
