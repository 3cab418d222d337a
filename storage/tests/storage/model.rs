//! A state in plain maps, whose root is computed from nothing: what storage must agree with.
use alloy_consensus::{TrieAccount, constants::KECCAK_EMPTY};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{
    EMPTY_ROOT_HASH, Nibbles,
    proof::verify_proof,
    root::{state_root_unhashed, storage_root_unhashed},
};
use pervade_storage::{AccountChange, AccountState, StateChanges, StateReader, StateView};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Few accounts and slots, so that blocks meet each other's.
pub const ADDRESSES: u8 = 6;
pub const SLOTS: u64 = 8;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Model {
    pub accounts: BTreeMap<Address, ModelAccount>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ModelAccount {
    pub nonce: u64,
    pub balance: U256,
    pub code: Bytes,
    pub storage: BTreeMap<U256, U256>,
}

impl ModelAccount {
    fn state(&self) -> AccountState {
        let code_hash = if self.code.is_empty() { KECCAK_EMPTY } else { keccak256(&self.code) };
        AccountState { nonce: self.nonce, balance: self.balance, code_hash }
    }

    fn storage_root(&self) -> B256 {
        storage_root_unhashed(self.storage.iter().map(|(slot, value)| (B256::from(*slot), *value)))
    }

    fn trie_account(&self) -> TrieAccount {
        let AccountState { nonce, balance, code_hash } = self.state();
        TrieAccount { nonce, balance, storage_root: self.storage_root(), code_hash }
    }
}

/// Something that a block does to one account.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Sets nonce and balance; creates. Both zero: an empty account, as before EIP-161.
    Set(Address, u64, u64),
    /// Sets code; creates.
    Code(Address, u8),
    /// Writes a slot, zero deletes; creates.
    Slot(Address, U256, u64),
    /// Removes the account.
    Destroy(Address),
    /// Removes the account and creates it again, with one slot set.
    Recreate(Address, U256, u64),
}

pub fn address(index: u8) -> Address {
    Address::repeat_byte(index.wrapping_add(1))
}

/// Some operations of one block.
pub fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let account = || (0..ADDRESSES).prop_map(address);
    let slot = || (0..SLOTS).prop_map(U256::from);
    let operation = prop_oneof![
        3 => (account(), 0..3u64, 0..3u64).prop_map(|(a, nonce, balance)| Operation::Set(a, nonce, balance)),
        1 => (account(), 1..4u8).prop_map(|(a, code)| Operation::Code(a, code)),
        6 => (account(), slot(), 0..3u64).prop_map(|(a, slot, value)| Operation::Slot(a, slot, value)),
        1 => account().prop_map(Operation::Destroy),
        1 => (account(), slot(), 0..3u64).prop_map(|(a, slot, value)| Operation::Recreate(a, slot, value)),
    ];
    prop::collection::vec(operation, 0..12)
}

impl Model {
    pub fn root(&self) -> B256 {
        state_root_unhashed(self.accounts.iter().map(|(address, account)| (*address, account.trie_account())))
    }

    /// Does a block's operations; answers what execution would hand to storage.
    pub fn apply(&mut self, operations: &[Operation]) -> StateChanges {
        let mut changes = StateChanges::default();
        for operation in operations {
            let (Operation::Set(address, ..)
            | Operation::Code(address, _)
            | Operation::Slot(address, ..)
            | Operation::Destroy(address)
            | Operation::Recreate(address, ..)) = *operation;
            let change = changes.accounts.entry(address).or_default();
            self.apply_to(address, operation, change);
            change.after = self.accounts.get(&address).map(ModelAccount::state);
            if let Some(account) = self.accounts.get(&address).filter(|account| !account.code.is_empty()) {
                changes.code.insert(keccak256(&account.code), account.code.clone());
            }
        }
        changes
    }

    fn apply_to(&mut self, address: Address, operation: &Operation, change: &mut AccountChange) {
        match *operation {
            Operation::Set(_, nonce, balance) => {
                let account = self.accounts.entry(address).or_default();
                (account.nonce, account.balance) = (nonce, U256::from(balance));
            }
            Operation::Code(_, code) => {
                self.accounts.entry(address).or_default().code = vec![code; usize::from(code) * 10].into();
            }
            Operation::Slot(_, slot, value) => self.set_slot(address, slot, value, change),
            Operation::Destroy(_) => self.wipe(address, change),
            Operation::Recreate(_, slot, value) => {
                self.wipe(address, change);
                self.accounts.entry(address).or_default().nonce = 1;
                self.set_slot(address, slot, value, change);
            }
        }
    }

    fn wipe(&mut self, address: Address, change: &mut AccountChange) {
        self.accounts.remove(&address);
        change.wiped = true;
        change.storage.clear();
    }

    fn set_slot(&mut self, address: Address, slot: U256, value: u64, change: &mut AccountChange) {
        let storage = &mut self.accounts.entry(address).or_default().storage;
        let value = U256::from(value);
        if value.is_zero() {
            storage.remove(&slot);
        } else {
            storage.insert(slot, value);
        }
        change.storage.insert(slot, value);
    }

    /// The view reads as this state does, and proves it.
    pub fn assert_is(&self, view: &StateView) {
        assert_eq!(view.state_root(), self.root(), "root of block {}", view.number());
        for address in (0..=ADDRESSES).map(address) {
            let expected = self.accounts.get(&address);
            let found = view.account(&address).unwrap();
            assert_eq!(
                found.map(|account| (account.nonce, account.balance, account.code_hash, account.storage_root)),
                expected.map(|account| {
                    let trie = account.trie_account();
                    (trie.nonce, trie.balance, trie.code_hash, trie.storage_root)
                }),
                "{address} in block {}",
                view.number()
            );
            if let Some(expected) = expected {
                assert_eq!(view.code(&expected.state().code_hash).unwrap(), expected.code);
            }
            for slot in (0..SLOTS).map(U256::from) {
                let value = expected.and_then(|account| account.storage.get(&slot)).copied().unwrap_or_default();
                let found = view.storage(&address, &slot).unwrap();
                assert_eq!(found, value, "{address} slot {slot} in block {}", view.number());
            }
            self.assert_proves(view, address);
        }
    }

    fn assert_proves(&self, view: &StateView, address: Address) {
        let slots: Vec<_> = (0..SLOTS).map(U256::from).collect();
        let proof = view.proof(&address, &slots).unwrap();
        let account = self.accounts.get(&address);
        let leaf = account.map(|account| alloy_rlp::encode(account.trie_account()));
        verify_proof(view.state_root(), Nibbles::unpack(keccak256(address)), leaf, &proof.nodes).unwrap();
        let storage_root = account.map_or(EMPTY_ROOT_HASH, ModelAccount::storage_root);
        assert_eq!(proof.slots.len(), slots.len());
        for (slot, value, nodes) in &proof.slots {
            let expected = account.and_then(|account| account.storage.get(slot));
            assert_eq!(Some(*value).filter(|value| !value.is_zero()), expected.copied());
            let key = Nibbles::unpack(keccak256(B256::from(*slot)));
            verify_proof(storage_root, key, expected.map(alloy_rlp::encode), nodes).unwrap();
        }
    }
}
