//! [`StateView`]: the state at one block, over the layers not yet written and the database.
use crate::{Account, AccountProof, StateChanges, StateReader, StateUpdate, StorageError};
use alloy_primitives::{Address, B256, Bytes, U256};

/// The state after block `number()`. Stays right while later blocks are committed, as long as the block stays inside the history window.
#[derive(Clone)]
pub struct StateView {}

impl StateView {
    /// The block whose state this is.
    pub fn number(&self) -> u64 {
        todo!()
    }
    /// Root of the state trie.
    pub fn state_root(&self) -> B256 {
        todo!()
    }
    /// Applies a child block's changes: new roots, trie nodes and reverse diffs. Writes nothing.
    pub fn update(&self, _changes: &StateChanges) -> Result<StateUpdate, StorageError> {
        todo!()
    }
    /// Merkle proofs of an account and some of its slots (EIP-1186).
    pub fn proof(&self, _address: &Address, _slots: &[U256]) -> Result<AccountProof, StorageError> {
        todo!()
    }
}

impl StateReader for StateView {
    fn account(&self, _address: &Address) -> Result<Option<Account>, StorageError> {
        todo!()
    }
    fn storage(&self, _address: &Address, _slot: &U256) -> Result<U256, StorageError> {
        todo!()
    }
    fn code(&self, _code_hash: &B256) -> Result<Bytes, StorageError> {
        todo!()
    }
    fn block_hash(&self, _number: u64) -> Result<Option<B256>, StorageError> {
        todo!()
    }
}
