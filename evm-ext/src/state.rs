//! [`BlockState`]: the state while a block is executed.
//!
//! ```text
//! StateReader (parent state) --> BlockState --> revm journal (one transaction)
//!                                    ^------------- commit after each transaction
//!                                    '--> StateChanges (sorted, only what differs from the parent)
//! ```
use crate::code_cache::CodeCache;
use alloy_consensus::EMPTY_ROOT_HASH;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressMap, B256Map, Entry},
};
use pervade_chainspec::params::PRECOMPILE_ADDRESSES;
use pervade_storage::{Account as StoredAccount, AccountChange, AccountState, StateChanges, StateReader, StorageError};
use revm::{
    Database, DatabaseCommit,
    bytecode::Bytecode,
    database_interface::DBErrorMarker,
    primitives::StorageKeyMap,
    state::{Account, AccountInfo},
};
use std::collections::BTreeMap;

/// A failed read in the middle of an execution.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StateError(#[from] pub StorageError);

impl DBErrorMarker for StateError {}

impl From<StateError> for StorageError {
    fn from(error: StateError) -> Self {
        error.0
    }
}

/// Accounts, slots and code that a block has read and written so far.
pub struct BlockState<R> {
    reader: R,
    accounts: AddressMap<CachedAccount>,
    /// Code created in this block.
    code: B256Map<Bytecode>,
    /// What precompiles kept by hash since the last transaction, also in calls that were reverted.
    kept: B256Map<Bytes>,
    /// What of it a slot of a precompile's account named at the end of a transaction of this block.
    content: BTreeMap<B256, Bytes>,
    /// Blocks that only this state knows (simulations).
    block_hashes: BTreeMap<u64, B256>,
}

struct CachedAccount {
    /// In the parent state.
    parent: Option<StoredAccount>,
    /// Now.
    info: Option<AccountInfo>,
    /// No slot of the parent state holds any more.
    storage_gone: bool,
    slots: StorageKeyMap<CachedSlot>,
}

#[derive(Clone, Copy)]
struct CachedSlot {
    parent: U256,
    value: U256,
}

impl<R: StateReader> BlockState<R> {
    /// Starts from the parent state.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            accounts: AddressMap::default(),
            code: B256Map::default(),
            kept: B256Map::default(),
            content: BTreeMap::new(),
            block_hashes: BTreeMap::new(),
        }
    }

    /// Lets BLOCKHASH know a block that was only simulated.
    pub fn set_block_hash(&mut self, number: u64, hash: B256) {
        self.block_hashes.insert(number, hash);
    }

    /// The parent state.
    pub const fn reader(&self) -> &R {
        &self.reader
    }

    /// The account now; `None` if it does not exist.
    pub fn account(&mut self, address: Address) -> Result<Option<&AccountInfo>, StateError> {
        Ok(self.cached(address)?.info.as_ref())
    }

    /// Adds to a balance outside of transactions (rewards, withdrawals). `clear_empty`: EIP-161 holds, so that an
    /// account which is empty afterwards does not exist; before, even nothing creates it.
    pub fn add_balance(&mut self, address: Address, wei: U256, clear_empty: bool) -> Result<(), StateError> {
        let account = self.cached(address)?;
        let mut info = account.info.clone().unwrap_or_default();
        info.balance = info.balance.saturating_add(wei);
        if clear_empty && info.is_empty() {
            account.remove();
        } else {
            account.info = Some(info);
        }
        Ok(())
    }

    /// Takes the whole balance of an account (DAO fork).
    pub fn drain_balance(&mut self, address: Address) -> Result<U256, StateError> {
        Ok(match &mut self.cached(address)?.info {
            Some(info) => std::mem::take(&mut info.balance),
            None => U256::ZERO,
        })
    }

    /// Replaces an account's fields (state overrides of calls).
    pub fn set_account(&mut self, address: Address, info: AccountInfo) -> Result<(), StateError> {
        self.cached(address)?.info = Some(info);
        Ok(())
    }

    /// Replaces an account's storage, all of it or single slots (state overrides of calls).
    pub fn set_slots(
        &mut self,
        address: Address,
        slots: &BTreeMap<U256, U256>,
        whole_storage: bool,
    ) -> Result<(), StateError> {
        if whole_storage {
            let account = self.cached(address)?;
            account.storage_gone = true;
            account.slots.clear();
        }
        for (slot, value) in slots {
            self.storage(address, *slot)?;
            let account = self.cached(address)?;
            account.slots.entry(*slot).or_insert(CachedSlot { parent: U256::ZERO, value: *value }).value = *value;
        }
        Ok(())
    }

    /// Writes a slot outside of transactions (steps of the protocol itself). The account must exist.
    pub fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), StateError> {
        let parent = self.storage(address, slot)?;
        self.commit_content(address, value);
        let account = self.cached(address)?;
        account.slots.entry(slot).or_insert(CachedSlot { parent, value }).value = value;
        Ok(())
    }

    /// Bytes that a precompile kept by hash, in this block or before. A slot of the state names them, so a node that
    /// lacks them is damaged.
    pub fn content(&self, hash: B256) -> Result<Bytes, StateError> {
        match self.kept.get(&hash).or_else(|| self.content.get(&hash)) {
            Some(content) => Ok(content.clone()),
            None => Ok(self.reader.content(&hash)?),
        }
    }

    /// Keeps bytes by hash. They are handed out with the changes if, at the end of a transaction, a slot of a
    /// precompile's account has the hash as its value.
    pub fn keep_content(&mut self, content: Bytes) -> B256 {
        let hash = keccak256(&content);
        self.kept.entry(hash).or_insert(content);
        hash
    }

    /// What differs from the parent state. Can be asked for between transactions.
    pub fn changes(&self) -> StateChanges {
        let mut accounts: Vec<(Address, AccountChange)> =
            self.accounts.iter().filter_map(|(address, account)| Some((*address, account.change()?))).collect();
        accounts.sort_unstable_by_key(|(address, _)| *address);
        let code = self.code.iter().map(|(hash, code)| (*hash, code.original_bytes())).collect();
        StateChanges { accounts: accounts.into_iter().collect(), code, content: self.content.clone() }
    }

    fn commit_content(&mut self, address: Address, value: U256) {
        let named = B256::from(value);
        if PRECOMPILE_ADDRESSES.contains(&address)
            && let Some(content) = self.kept.get(&named)
        {
            self.content.insert(named, content.clone());
        }
    }

    fn cached(&mut self, address: Address) -> Result<&mut CachedAccount, StateError> {
        cached(&mut self.accounts, &self.reader, address)
    }
}

fn cached<'a, R: StateReader>(
    accounts: &'a mut AddressMap<CachedAccount>,
    reader: &R,
    address: Address,
) -> Result<&'a mut CachedAccount, StateError> {
    match accounts.entry(address) {
        Entry::Occupied(entry) => Ok(entry.into_mut()),
        Entry::Vacant(entry) => Ok(entry.insert(CachedAccount::new(reader.account(&address)?))),
    }
}

impl CachedAccount {
    fn new(parent: Option<StoredAccount>) -> Self {
        let info = parent.map(|account| AccountInfo {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
            code: (account.code_hash == KECCAK256_EMPTY).then(Bytecode::default),
            account_id: None,
        });
        Self { parent, info, storage_gone: parent.is_none(), slots: StorageKeyMap::default() }
    }

    fn remove(&mut self) {
        self.info = None;
        self.storage_gone = true;
        self.slots.clear();
    }

    /// The account's fields now, without what is only in memory.
    fn after(&self) -> Option<AccountState> {
        self.info.as_ref().map(|info| AccountState {
            nonce: info.nonce,
            balance: info.balance,
            code_hash: if info.code_hash.is_zero() { KECCAK256_EMPTY } else { info.code_hash },
        })
    }

    /// How it differs from the parent state; `None` if it does not.
    fn change(&self) -> Option<AccountChange> {
        let before = self.parent.map(|account| AccountState {
            nonce: account.nonce,
            balance: account.balance,
            code_hash: account.code_hash,
        });
        let after = self.after();
        let wiped = self.storage_gone && self.parent.is_some_and(|account| account.storage_root != EMPTY_ROOT_HASH);
        let written = |slot: &&CachedSlot| match self.storage_gone {
            true => !slot.value.is_zero(),
            false => slot.value != slot.parent,
        };
        if before == after && !wiped && !self.slots.values().any(|slot| written(&slot)) {
            return None;
        }
        let storage =
            self.slots.iter().filter(|(_, slot)| written(slot)).map(|(slot, cached)| (*slot, cached.value)).collect();
        Some(AccountChange { after, wiped, storage })
    }
}

impl<R: StateReader> Database for BlockState<R> {
    type Error = StateError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, StateError> {
        let account = self.cached(address)?;
        let mut info = account.info.clone();
        if let Some(info) = &mut info
            && info.nonce == 0
            && info.code_hash == KECCAK256_EMPTY
            && !account.storage_gone
            && account.parent.is_some_and(|parent| parent.storage_root != EMPTY_ROOT_HASH)
        {
            // EIP-7610: no contract may be created where slots are. revm compares the code hash with the hash of
            // nothing; zero means "no code" to it everywhere else.
            info.code_hash = B256::ZERO;
        }
        Ok(info)
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, StateError> {
        if let Some(code) = self.code.get(&code_hash) {
            return Ok(code.clone());
        }
        if let Some(code) = CodeCache::shared().get(&code_hash) {
            return Ok(code);
        }
        let bytes = self.reader.code(&code_hash)?;
        // Before London a contract could begin like a delegation (EIP-7702) without being one.
        let code = Bytecode::new_raw_checked(bytes.clone()).unwrap_or_else(|_| Bytecode::new_legacy(bytes));
        CodeCache::shared().insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, StateError> {
        let account = cached(&mut self.accounts, &self.reader, address)?;
        match account.slots.entry(slot) {
            Entry::Occupied(entry) => Ok(entry.get().value),
            Entry::Vacant(_) if account.storage_gone => Ok(U256::ZERO),
            Entry::Vacant(entry) => {
                let value = self.reader.storage(&address, &slot)?;
                entry.insert(CachedSlot { parent: value, value });
                Ok(value)
            }
        }
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, StateError> {
        match self.block_hashes.get(&number) {
            Some(hash) => Ok(*hash),
            None => Ok(self.reader.block_hash(number)?.unwrap_or_default()),
        }
    }
}

impl<R: StateReader> DatabaseCommit for BlockState<R> {
    /// revm hands over accounts as EIP-161 sees them: before Spurious Dragon it marks empty accounts that must stay as
    /// created, or as not touched.
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            if !account.is_touched() {
                continue;
            }
            // Every account of the journal came from `basic`, so it is here.
            let Some(cached) = self.accounts.get_mut(&address) else { continue };
            if account.is_selfdestructed() {
                cached.remove();
                continue;
            }
            let created = account.is_created();
            if created {
                cached.storage_gone = true;
                cached.slots.clear();
            } else if account.is_empty() {
                cached.remove();
                continue;
            }
            let may_name_content = !self.kept.is_empty() && PRECOMPILE_ADDRESSES.contains(&address);
            for (slot, value) in account.storage {
                if created || value.is_changed() {
                    let named = B256::from(value.present_value);
                    if may_name_content && let Some(content) = self.kept.get(&named) {
                        self.content.insert(named, content.clone());
                    }
                    let cached_slot =
                        cached.slots.entry(slot).or_insert(CachedSlot { parent: U256::ZERO, value: U256::ZERO });
                    cached_slot.value = value.present_value;
                }
            }
            let info = account.info;
            if let Some(code) = &info.code
                && !code.is_empty()
                && cached.parent.is_none_or(|parent| parent.code_hash != info.code_hash)
            {
                self.code.entry(info.code_hash).or_insert_with(|| code.clone());
            }
            cached.info = Some(info);
        }
        // What no slot names by now was kept in a call that was reverted, and is nothing to later transactions.
        self.kept.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        environment::Environment,
        evm::{Control, build},
        memory_state::MemoryState,
        precompiles::{PrecompileSet, Precompiles},
    };
    use alloy_primitives::{TxKind, hex};
    use revm::{
        ExecuteEvm,
        context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
        primitives::hardfork::SpecId,
    };

    const SENDER: Address = Address::repeat_byte(0xaa);
    const CONTRACT: Address = Address::repeat_byte(0xcc);
    const OTHER: Address = Address::repeat_byte(0xdd);

    /// Runs calls from [`SENDER`] one after the other and returns what they change.
    fn run(spec: SpecId, state: MemoryState, calls: &[TxEnv]) -> StateChanges {
        let cfg = CfgEnv::new_with_spec(spec);
        let precompiles = Precompiles::new(spec, PrecompileSet::default());
        let mut evm = build(
            BlockState::new(state),
            Environment { cfg, block: BlockEnv::default(), net_gas_metering: false },
            precompiles,
            (),
            Control::default(),
        );
        for (nonce, call) in (0u64..).zip(calls) {
            let call = TxEnv { caller: SENDER, nonce, gas_limit: 1_000_000, chain_id: Some(1), ..call.clone() };
            let output = evm.transact(call).unwrap();
            assert!(matches!(output.result, ExecutionResult::Success { .. }), "{:?}", output.result);
            evm.ctx.journaled_state.database.commit(output.state);
        }
        evm.ctx.journaled_state.database.changes()
    }

    fn call(to: Address, wei: u64, data: &'static [u8]) -> TxEnv {
        TxEnv { kind: TxKind::Call(to), value: U256::from(wei), data: data.into(), ..TxEnv::default() }
    }

    fn sender() -> MemoryState {
        MemoryState::default().with(SENDER, 0, 1_000, &[])
    }

    #[test]
    fn only_what_differs_is_handed_out() {
        // SSTORE(0, CALLDATALOAD(0)): to 5, and back to the 7 that it was.
        let state = sender().with(CONTRACT, 1, 0, &hex!("5f355f55")).with_slot(CONTRACT, 0, 7);
        let (five, seven) = (&[&[0; 31][..], &[5]].concat().leak()[..], &[&[0; 31][..], &[7]].concat().leak()[..]);
        let changes = run(SpecId::OSAKA, state, &[call(CONTRACT, 0, five), call(CONTRACT, 0, seven)]);
        assert_eq!(changes.accounts.keys().collect::<Vec<_>>(), [&SENDER]);
        assert_eq!(changes.accounts[&SENDER].after.unwrap().nonce, 2);

        let state = sender().with(CONTRACT, 1, 0, &hex!("5f355f55")).with_slot(CONTRACT, 0, 7);
        let changes = run(SpecId::OSAKA, state, &[call(CONTRACT, 0, five)]);
        let change = &changes.accounts[&CONTRACT];
        assert_eq!((change.wiped, &change.storage), (false, &BTreeMap::from([(U256::ZERO, U256::from(5))])));
    }

    #[test]
    fn touched_empty_accounts_go_from_spurious_dragon_on_and_stay_before() {
        let state = || sender().with(OTHER, 0, 0, &[]);
        let changes = run(SpecId::SPURIOUS_DRAGON, state(), &[call(OTHER, 0, &[])]);
        assert_eq!(changes.accounts[&OTHER].after, None);
        let changes = run(SpecId::HOMESTEAD, state(), &[call(OTHER, 0, &[])]);
        assert!(!changes.accounts.contains_key(&OTHER), "an existing empty account stays as it is");
        let changes = run(SpecId::HOMESTEAD, sender(), &[call(OTHER, 0, &[])]);
        assert_eq!(changes.accounts[&OTHER].after.unwrap().balance, U256::ZERO, "even nothing creates an account");
        let changes = run(SpecId::SPURIOUS_DRAGON, sender(), &[call(OTHER, 0, &[])]);
        assert!(!changes.accounts.contains_key(&OTHER));
    }

    #[test]
    fn a_destroyed_contract_loses_its_slots_and_what_comes_after_finds_none() {
        // SELFDESTRUCT to the caller; then a transfer to the address.
        let state = sender().with(CONTRACT, 1, 9, &hex!("33ff")).with_slot(CONTRACT, 0, 7);
        let changes = run(SpecId::LONDON, state, &[call(CONTRACT, 0, &[]), call(CONTRACT, 3, &[])]);
        let change = &changes.accounts[&CONTRACT];
        let after = change.after.unwrap();
        assert_eq!((after.nonce, after.balance, after.code_hash), (0, U256::from(3), KECCAK256_EMPTY));
        assert!(change.wiped && change.storage.is_empty());
    }

    #[test]
    fn created_code_is_handed_out_once_and_can_be_called_in_the_same_block() {
        // Init code that returns the code 5f5fa0 (LOG0 of nothing).
        let create = TxEnv { kind: TxKind::Create, data: hex!("625f5fa05f526003601df3").into(), ..TxEnv::default() };
        let created = SENDER.create(0);
        let changes = run(SpecId::OSAKA, sender(), &[create, call(created, 0, &[])]);
        let code_hash = changes.accounts[&created].after.unwrap().code_hash;
        assert_eq!(changes.code.keys().collect::<Vec<_>>(), [&code_hash]);
        assert_eq!(changes.code[&code_hash][..], hex!("5f5fa0"));
    }

    #[test]
    fn no_contract_is_created_where_slots_are() {
        let target = SENDER.create(0);
        let state = sender().with(target, 0, 1, &[]).with_slot(target, 0, 7);
        let cfg = CfgEnv::new_with_spec(SpecId::OSAKA);
        let precompiles = Precompiles::new(SpecId::OSAKA, PrecompileSet::default());
        let mut evm = build(
            BlockState::new(state),
            Environment { cfg, block: BlockEnv::default(), net_gas_metering: false },
            precompiles,
            (),
            Control::default(),
        );
        let create = TxEnv { caller: SENDER, kind: TxKind::Create, gas_limit: 100_000, ..TxEnv::default() };
        let output = evm.transact(TxEnv { chain_id: Some(1), ..create }).unwrap();
        assert!(output.result.is_halt(), "EIP-7610: {:?}", output.result);
    }
}
