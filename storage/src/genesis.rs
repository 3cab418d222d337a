//! Writing the genesis state into a new directory.
//!
//! Accounts are taken in the order of their hashes, some tens of thousands at a time, so that memory stays small however
//! many there are. The marker `genesis` is written last, with a sync: a directory without it is not finished.
use crate::{
    Account, Block, ExecutedBlock, RecoveredBlock, StateUpdate, StorageError,
    codec::{
        FORMAT_VERSION,
        account::{account_leaf, encode_account, encode_slot, slot_leaf},
        key::{StateKey, block_key, slot_key},
        meta,
    },
    columns::Column,
    commit::put_block,
    database::{Batch, Database},
    trie::{NodeReader, update_trie},
};
use alloy_consensus::{BlockBody, constants::KECCAK_EMPTY};
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use pervade_chainspec::ChainSpec;
use std::sync::Arc;

/// Accounts of one batch.
const ACCOUNTS_PER_BATCH: usize = 32_768;
/// Slots of one batch.
const SLOTS_PER_BATCH: usize = 65_536;

pub(crate) fn write(database: &Database, spec: &ChainSpec) -> Result<(), StorageError> {
    let mut batch = database.batch();
    batch.put(Column::Meta, meta::FORMAT, &FORMAT_VERSION.to_be_bytes())?;
    database.write(batch, true)?;

    let computed = write_accounts(database, spec)?;
    let header = spec.genesis_header();
    if computed != header.state_root {
        return Err(StorageError::GenesisState { expected: header.state_root, computed });
    }
    let hash = spec.genesis_hash();
    let withdrawals = header.withdrawals_root.map(|_| Withdrawals::default());
    let block = Block { header: header.clone(), body: BlockBody { withdrawals, ..Default::default() } };
    let executed = ExecutedBlock {
        block: Arc::new(RecoveredBlock { hash, block, senders: Vec::new() }),
        receipts: Arc::default(),
        state: Arc::<StateUpdate>::default(),
        total_difficulty: header.difficulty,
    };
    let number = block_key(header.number);
    let mut batch = database.batch();
    put_block(&mut batch, &executed)?;
    batch.put(Column::Meta, meta::HEAD, &meta::encode_head(header.number, &hash))?;
    batch.put(Column::Meta, meta::STATE, &number)?;
    batch.put(Column::Meta, meta::FIRST_STATE, &number)?;
    batch.put(Column::Meta, meta::GENESIS, hash.as_slice())?;
    database.write(batch, true)
}

/// Writes all accounts with their storage and code; answers the state root.
fn write_accounts(database: &Database, spec: &ChainSpec) -> Result<B256, StorageError> {
    let alloc = &spec.genesis().alloc;
    let mut by_hash: Vec<_> = alloc.iter().map(|(address, account)| (keccak256(address), address, account)).collect();
    by_hash.sort_unstable_by_key(|(owner, ..)| *owner);

    let mut root = EMPTY_ROOT_HASH;
    for accounts in by_hash.chunks(ACCOUNTS_PER_BATCH) {
        let mut batch = database.batch();
        let mut leaves = Vec::with_capacity(accounts.len());
        for (owner, address, genesis) in accounts {
            let code = genesis.code.as_ref().filter(|code| !code.is_empty());
            let code_hash = code.map_or(KECCAK_EMPTY, keccak256);
            if let Some(code) = code {
                batch.put(Column::Code, code_hash.as_slice(), code)?;
            }
            let slots = genesis.storage.iter().flatten();
            let slots = slots.map(|(slot, value)| (U256::from_be_bytes(slot.0), U256::from_be_bytes(value.0)));
            let storage_root = write_slots(database, address, owner, slots.filter(|(_, value)| !value.is_zero()))?;
            let nonce = genesis.nonce.unwrap_or_default();
            let account = Account { nonce, balance: genesis.balance, code_hash, storage_root };
            batch.put(Column::Accounts, address.as_slice(), &encode_account(&account))?;
            leaves.push((*owner, Some(account_leaf(&account))));
        }
        root = write_nodes(database, batch, None, root, &leaves)?;
    }
    Ok(root)
}

fn write_slots(
    database: &Database,
    address: &Address,
    owner: &B256,
    slots: impl Iterator<Item = (U256, U256)>,
) -> Result<B256, StorageError> {
    let mut by_hash: Vec<_> = slots.map(|(slot, value)| (keccak256(B256::from(slot)), slot, value)).collect();
    by_hash.sort_unstable_by_key(|(key, ..)| *key);
    let mut root = EMPTY_ROOT_HASH;
    for slots in by_hash.chunks(SLOTS_PER_BATCH) {
        let mut batch = database.batch();
        let mut leaves = Vec::with_capacity(slots.len());
        for (key, slot, value) in slots {
            batch.put(Column::Slots, &slot_key(address, slot), &encode_slot(value))?;
            leaves.push((*key, Some(slot_leaf(value))));
        }
        root = write_nodes(database, batch, Some(owner), root, &leaves)?;
    }
    Ok(root)
}

/// Adds leaves to a trie, and writes its nodes with `batch`.
fn write_nodes(
    database: &Database,
    mut batch: Batch<'_>,
    owner: Option<&B256>,
    root: B256,
    leaves: &[(B256, Option<Vec<u8>>)],
) -> Result<B256, StorageError> {
    let (root, nodes) = update_trie(&StoredNodes(database), owner, root, leaves)?;
    for (path, node) in nodes {
        let key = StateKey::Node(owner, &path);
        batch.set(key.column(), &key.with_kind()[1..], node.as_ref())?;
    }
    database.write(batch, false)?;
    Ok(root)
}

/// The nodes in the database, as they are.
pub(crate) struct StoredNodes<'a>(pub(crate) &'a Database);

impl NodeReader for StoredNodes<'_> {
    fn node(&self, owner: Option<&B256>, path: &Nibbles) -> Result<Option<Bytes>, StorageError> {
        let key = StateKey::Node(owner, path);
        let record = self.0.get(key.column(), &key.with_kind()[1..])?;
        Ok(record.map(|record| Bytes::copy_from_slice(&record)))
    }
}
