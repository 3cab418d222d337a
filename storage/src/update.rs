//! [`StateUpdate`]: one block's effect on flat state and tries, ready to be written.
use crate::{
    Account, AccountChange, StateChanges, StateReader, StateView, StorageError,
    codec::{
        account::{account_leaf, slot_leaf},
        key::StateKey,
    },
    content::ContentDiff,
    trie::{LeafChange, NodeChange, NodeReader, update_leaves, update_trie},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, map::B256Map};
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use rayon::prelude::*;
use std::{collections::BTreeMap, mem::size_of_val};

/// Accounts that one task of the thread pool takes at least: below that, handing over costs more than the work.
const ACCOUNTS_PER_TASK_MIN: usize = 128;

/// One block's effect on flat state and tries, with what was there before.
///
/// Computed from [`StateChanges`] by [`StateView::update`]; a layer over the database until it is written.
#[derive(Debug, Default)]
pub struct StateUpdate {
    /// The block whose effect it is.
    pub number: u64,
    /// State root before the block.
    pub parent_root: B256,
    /// State root after the block.
    pub state_root: B256,
    /// Ascending by address.
    pub(crate) accounts: Vec<AccountDiff>,
    /// Ascending by address.
    pub(crate) storages: Vec<StorageDiff>,
    /// Ascending by path.
    pub(crate) account_nodes: Vec<NodeChange>,
    /// New code.
    pub(crate) code: BTreeMap<B256, Bytes>,
    /// What precompiles keep by hash, and which slots name it.
    pub(crate) content: ContentDiff,
    /// keccak(address) -> place in `storages`.
    owners: B256Map<usize>,
}

/// An account before and after.
#[derive(Debug)]
pub(crate) struct AccountDiff {
    pub(crate) address: Address,
    pub(crate) before: Option<Account>,
    pub(crate) after: Option<Account>,
}

/// An account's slots and storage trie before and after.
#[derive(Debug)]
pub(crate) struct StorageDiff {
    pub(crate) address: Address,
    /// keccak(address).
    pub(crate) owner: B256,
    /// Slot, value before, value after; ascending by slot. A wipe lists every slot that had a value.
    pub(crate) slots: Vec<(U256, U256, U256)>,
    /// Ascending by path. A wipe lists every node that was there.
    pub(crate) nodes: Vec<NodeChange>,
}

impl StateUpdate {
    /// Accounts that the block changed, as they are after it (`None`: gone), ascending by address.
    pub fn accounts(&self) -> impl ExactSizeIterator<Item = (&Address, Option<&Account>)> {
        self.accounts.iter().map(|diff| (&diff.address, diff.after.as_ref()))
    }

    /// The account after the block; `None`: the block did not change it.
    pub(crate) fn account(&self, address: &Address) -> Option<Option<Account>> {
        let index = self.accounts.binary_search_by(|diff| diff.address.cmp(address)).ok()?;
        self.accounts.get(index).map(|diff| diff.after)
    }

    /// The slot after the block; `None`: the block did not change it.
    pub(crate) fn slot(&self, address: &Address, slot: &U256) -> Option<U256> {
        let diff = self.storage(address)?;
        let index = diff.slots.binary_search_by(|(key, ..)| key.cmp(slot)).ok()?;
        diff.slots.get(index).map(|(_, _, after)| *after)
    }

    /// The node after the block; `None`: the block did not change it.
    pub(crate) fn node(&self, owner: Option<&B256>, path: &Nibbles) -> Option<Option<&Bytes>> {
        let nodes = match owner {
            None => &self.account_nodes,
            Some(owner) => &self.storages.get(*self.owners.get(owner)?)?.nodes,
        };
        let index = nodes.binary_search_by(|diff| diff.path.cmp(path)).ok()?;
        nodes.get(index).map(|diff| diff.after.as_ref())
    }

    /// Whether the block changed it.
    pub(crate) fn changes(&self, key: StateKey<'_>) -> bool {
        match key {
            StateKey::Account(address) => self.account(address).is_some(),
            StateKey::Slot(address, slot) => self.slot(address, slot).is_some(),
            StateKey::Node(owner, path) => self.node(owner, path).is_some(),
            StateKey::ContentRef(reference) => self.content.reference(reference).is_some(),
        }
    }

    /// What the block did to an account's storage.
    pub(crate) fn storage(&self, address: &Address) -> Option<&StorageDiff> {
        let index = self.storages.binary_search_by(|diff| diff.address.cmp(address)).ok()?;
        self.storages.get(index)
    }

    /// What the block did to the storage trie of keccak(address).
    pub(crate) fn storage_of_owner(&self, owner: &B256) -> Option<&StorageDiff> {
        self.storages.get(*self.owners.get(owner)?)
    }

    /// Roughly what it takes in memory.
    pub(crate) fn bytes(&self) -> usize {
        fn nodes_bytes(nodes: &[NodeChange]) -> usize {
            let content = nodes.iter().flat_map(|node| [&node.before, &node.after]).flatten();
            size_of_val(nodes).saturating_add(content.map(|node| node.len()).sum())
        }
        let storages = self.storages.iter().map(|diff| {
            size_of_val(diff).saturating_add(size_of_val(&diff.slots[..])).saturating_add(nodes_bytes(&diff.nodes))
        });
        [
            size_of_val(self),
            size_of_val(&self.accounts[..]),
            storages.sum(),
            nodes_bytes(&self.account_nodes),
            self.code.values().map(|code| code.len()).sum(),
            size_of_val(&self.content.refs[..]),
            self.content.content.values().map(|content| content.len()).sum(),
        ]
        .iter()
        .sum()
    }
}

impl StateView {
    /// Applies a child block's changes: new roots, trie nodes and reverse diffs. Writes nothing.
    ///
    /// Reads only what the changes touch: the accounts and slots named, and the trie nodes on their paths. Storage
    /// tries are updated in parallel over accounts, then the account trie.
    ///
    /// # Errors
    /// A record cannot be read, or the trie lacks a node that another one names.
    pub fn update(&self, changes: &StateChanges) -> Result<StateUpdate, StorageError> {
        let changed: Vec<_> = changes.accounts.iter().collect();
        let diffs: Vec<_> = changed
            .into_par_iter()
            .with_min_len(ACCOUNTS_PER_TASK_MIN)
            .map(|(address, change)| diff_account(self, address, change))
            .collect::<Result<_, _>>()?;

        let mut accounts = Vec::with_capacity(diffs.len());
        let mut storages = Vec::new();
        let mut leaves = Vec::with_capacity(diffs.len());
        let mut owners = B256Map::default();
        for (owner, account, storage) in diffs {
            if account.before != account.after {
                let [before, after] = [&account.before, &account.after].map(|state| state.as_ref().map(account_leaf));
                leaves.push(LeafChange { key: owner, before, after });
                accounts.push(account);
            }
            if let Some(storage) = storage {
                owners.insert(owner, storages.len());
                storages.push(storage);
            }
        }
        leaves.sort_unstable_by_key(|leaf| leaf.key);

        let parent_root = self.state_root();
        let (state_root, account_nodes) = update_leaves(self, None, parent_root, &leaves)?;
        let account_nodes = account_nodes.into_changes();
        let number = self.number().saturating_add(1);
        let code = changes.code.clone();
        let content = ContentDiff::new(self, changes, &storages)?;
        Ok(StateUpdate { number, parent_root, state_root, accounts, storages, account_nodes, code, content, owners })
    }
}

type AccountAndStorage = (B256, AccountDiff, Option<StorageDiff>);

fn diff_account(
    view: &StateView,
    address: &Address,
    change: &AccountChange,
) -> Result<AccountAndStorage, StorageError> {
    let owner = keccak256(address);
    let before = view.account(address)?;
    let root_before = before.map_or(EMPTY_ROOT_HASH, |account| account.storage_root);
    let (root_after, storage) = diff_storage(view, address, &owner, root_before, change)?;
    let after = change.after.map(|state| Account {
        nonce: state.nonce,
        balance: state.balance,
        code_hash: state.code_hash,
        storage_root: root_after,
    });
    Ok((owner, AccountDiff { address: *address, before, after }, storage))
}

fn diff_storage(
    view: &StateView,
    address: &Address,
    owner: &B256,
    root_before: B256,
    change: &AccountChange,
) -> Result<(B256, Option<StorageDiff>), StorageError> {
    let wiped = change.wiped || change.after.is_none();
    let (root_after, slots, nodes) = if wiped && root_before != EMPTY_ROOT_HASH {
        wipe_storage(view, address, owner, change)?
    } else if change.storage.is_empty() || change.after.is_none() {
        return Ok((root_before, None));
    } else {
        let mut slots = Vec::with_capacity(change.storage.len());
        for (slot, after) in &change.storage {
            let before = view.storage(address, slot)?;
            if before != *after {
                slots.push((*slot, before, *after));
            }
        }
        let leaf = |(slot, before, after): &(U256, U256, U256)| {
            let [before, after] = [before, after].map(|value| (!value.is_zero()).then(|| slot_leaf(value)));
            LeafChange { key: keccak256(B256::from(*slot)), before, after }
        };
        let mut leaves: Vec<_> = slots.iter().map(leaf).collect();
        leaves.sort_unstable_by_key(|leaf| leaf.key);
        let (root_after, nodes) = update_leaves(view, Some(owner), root_before, &leaves)?;
        (root_after, slots, nodes.into_changes())
    };
    let unchanged = slots.is_empty() && nodes.is_empty();
    let diff = StorageDiff { address: *address, owner: *owner, slots, nodes };
    Ok((root_after, if unchanged { None } else { Some(diff) }))
}

type StorageParts = (B256, Vec<(U256, U256, U256)>, Vec<NodeChange>);

/// All slots and nodes go; what the account has afterwards is built from nothing.
fn wipe_storage(
    view: &StateView,
    address: &Address,
    owner: &B256,
    change: &AccountChange,
) -> Result<StorageParts, StorageError> {
    let mut slots: BTreeMap<U256, (U256, U256)> = BTreeMap::new();
    for (slot, before) in view.slots_of(address)? {
        slots.insert(slot, (before, U256::ZERO));
    }
    let written = change.after.iter().flat_map(|_| &change.storage).filter(|(_, after)| !after.is_zero());
    for (slot, after) in written.clone() {
        slots.entry(*slot).or_default().1 = *after;
    }

    let (root_after, new_nodes) = update_trie(&NoNodes, Some(owner), EMPTY_ROOT_HASH, &storage_leaves(written))?;
    let mut nodes: BTreeMap<Nibbles, NodeChange> =
        new_nodes.into_changes().into_iter().map(|change| (change.path, change)).collect();
    for (path, before) in view.nodes_of(owner)? {
        let gone = || NodeChange { path, before: None, after: None, inner_hash: None };
        nodes.entry(path).or_insert_with(gone).before = Some(before);
    }

    let slots = slots.into_iter().filter(|(_, (before, after))| before != after);
    let slots = slots.map(|(slot, (before, after))| (slot, before, after)).collect();
    let nodes = nodes.into_values().filter(|change| change.before != change.after).collect();
    Ok((root_after, slots, nodes))
}

/// Hashed and sorted, as a trie that is built from nothing wants them; none of them is zero.
fn storage_leaves<'a>(slots: impl Iterator<Item = (&'a U256, &'a U256)>) -> Vec<(B256, Option<Vec<u8>>)> {
    let mut leaves: Vec<_> =
        slots.map(|(slot, value)| (keccak256(B256::from(*slot)), Some(slot_leaf(value)))).collect();
    leaves.sort_unstable_by_key(|(key, _)| *key);
    leaves
}

/// The nodes of an empty trie.
struct NoNodes;

impl NodeReader for NoNodes {
    fn node(&self, _owner: Option<&B256>, _path: &Nibbles) -> Result<Option<Bytes>, StorageError> {
        Ok(None)
    }
}
