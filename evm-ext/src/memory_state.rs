//! A state in memory, for this crate's tests.
use alloy_consensus::EMPTY_ROOT_HASH;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use pervade_storage::{Account, StateReader, StorageError};
use std::collections::BTreeMap;

/// Accounts with their slots, and code.
#[derive(Default)]
pub(crate) struct MemoryState {
    accounts: BTreeMap<Address, Account>,
    slots: BTreeMap<(Address, U256), U256>,
    code: BTreeMap<B256, Bytes>,
}

impl MemoryState {
    pub(crate) fn with(mut self, address: Address, nonce: u64, balance: u64, code: &[u8]) -> Self {
        let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(code) };
        let balance = U256::from(balance);
        self.accounts.insert(address, Account { nonce, balance, code_hash, storage_root: EMPTY_ROOT_HASH });
        self.code.insert(code_hash, Bytes::copy_from_slice(code));
        self
    }

    pub(crate) fn with_slot(mut self, address: Address, slot: u64, value: u64) -> Self {
        self.slots.insert((address, U256::from(slot)), U256::from(value));
        // Any root but the empty one says that there are slots.
        self.accounts.get_mut(&address).unwrap().storage_root = B256::repeat_byte(1);
        self
    }
}

impl StateReader for MemoryState {
    fn account(&self, address: &Address) -> Result<Option<Account>, StorageError> {
        Ok(self.accounts.get(address).copied())
    }
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StorageError> {
        Ok(self.slots.get(&(*address, *slot)).copied().unwrap_or_default())
    }
    fn code(&self, code_hash: &B256) -> Result<Bytes, StorageError> {
        Ok(self.code[code_hash].clone())
    }
    fn content(&self, hash: &B256) -> Result<Bytes, StorageError> {
        Err(StorageError::MissingContent { hash: *hash, number: 0 })
    }
    fn block_hash(&self, _: u64) -> Result<Option<B256>, StorageError> {
        Ok(None)
    }
}
