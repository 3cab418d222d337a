//! Proves that a data directory is whole, or names what is not.
//!
//! 1. Blocks: every header hashes to its hash, names its parent, and adds up its difficulty; the bodies looked at
//!    have the roots that their headers commit to, and their transactions are found by hash.
//! 2. Accounts: the flat tables, hashed and sorted anew, give the state root; every storage root and every code likewise.
//! 3. Tries: every stored node is what its parent names, and none is left over.
//! 4. Content: it hashes to its name, something names it, what is named is there, and every reference is its slot's value.
use super::{content, stats::keys_estimate};
use crate::{
    Account, Storage, StorageError,
    blocks::{read_block, read_receipts},
    codec::{
        account::{account_leaf, decode_account, decode_slot, slot_leaf},
        block::{decode_header, decode_location},
        key::{block_key, decode_slot_key},
        meta::decode_u64,
    },
    columns::Column,
    database::Database,
    genesis::StoredNodes,
    logs_bloom,
    store::Store,
    trie::visit_leaves,
};
use alloy_consensus::{
    Header, TxReceipt,
    constants::KECCAK_EMPTY,
    proofs::{calculate_ommers_root, calculate_receipt_root, calculate_transaction_root, calculate_withdrawals_root},
};
use alloy_primitives::{Address, B256, keccak256, map::B256Set};
use alloy_trie::{EMPTY_ROOT_HASH, HashBuilder, Nibbles};

/// Accounts that are sorted in memory at a time, some 100 MiB; more of them take more passes over the table.
const ACCOUNTS_PER_PASS: u64 = 500_000;
/// Passes at most: accounts are told apart by the first byte of their hash.
const PASSES_MAX: u64 = 256;
/// Blocks or accounts between two reports of progress.
const PROGRESS_STEP: u64 = 1024;
/// Problems that are named; a damaged directory may have millions.
pub(super) const PROBLEMS_MAX: usize = 100;

/// What is being checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckStage {
    /// Headers and bodies; counted in blocks.
    Blocks,
    /// Flat accounts, slots and code; counted in accounts.
    Accounts,
    /// Nodes of the account trie; counted in accounts.
    Trie,
}

/// How far a check is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckProgress {
    /// What is being checked.
    pub stage: CheckStage,
    /// Checked so far.
    pub done: u64,
    /// To check in all; an estimate for accounts.
    pub total: u64,
}

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Headers checked.
    pub headers: u64,
    /// Of these, blocks checked with body and receipts.
    pub bodies: u64,
    /// Accounts checked.
    pub accounts: u64,
    /// Slots checked.
    pub slots: u64,
    /// Trie nodes checked.
    pub nodes: u64,
    /// Long values of precompiles checked.
    pub content: u64,
    /// Their bytes.
    pub content_bytes: u64,
    /// What is wrong; empty: the directory is whole. The first hundred.
    pub problems: Vec<String>,
}

impl CheckReport {
    fn problem(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX {
            self.problems.push(problem);
        }
    }

    /// Damage becomes a problem; other errors end the check.
    fn note<T>(&mut self, result: Result<T, StorageError>) -> Result<Option<T>, StorageError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error @ StorageError::Damaged { .. }) => {
                self.problem(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

impl Storage {
    /// Checks the directory; see the module's text. Every header is checked, and the body of every `body_every`-th block
    /// (1: all) and of the head. No block is committed meanwhile.
    ///
    /// # Errors
    /// The database cannot be read. What is damaged is in the report instead.
    pub fn check(&self, body_every: u64, progress: &mut dyn FnMut(CheckProgress)) -> Result<CheckReport, StorageError> {
        let store = &**self.store();
        let _committing = store.committing.lock();
        if !store.database.is_read_only() {
            store.queue.wait_until_empty(store)?;
        }
        let mut check = Check { store, database: &store.database, report: CheckReport::default(), progress };
        check.blocks(body_every.max(1))?;
        check.state()?;
        let checked = content::check(check.database, &mut check.report);
        check.report.note(checked)?;
        Ok(check.report)
    }
}

struct Check<'a> {
    store: &'a Store,
    database: &'a Database,
    report: CheckReport,
    progress: &'a mut dyn FnMut(CheckProgress),
}

impl Check<'_> {
    fn step(&mut self, stage: CheckStage, done: u64, total: u64) {
        if done.is_multiple_of(PROGRESS_STEP) || done == total {
            (self.progress)(CheckProgress { stage, done, total });
        }
    }

    fn blocks(&mut self, body_every: u64) -> Result<(), StorageError> {
        let head = self.store.tip().head.number();
        let mut parent = None;
        for number in 0..=head {
            let header = self.header(number, parent)?;
            if header.is_some() && (number.is_multiple_of(body_every) || number == head) {
                let checked = self.body(number);
                self.report.note(checked)?;
            }
            parent = header;
            self.step(CheckStage::Blocks, number, head);
        }
        Ok(())
    }

    fn header(
        &mut self,
        number: u64,
        parent: Option<(B256, alloy_primitives::U256, Header)>,
    ) -> Result<Option<(B256, alloy_primitives::U256, Header)>, StorageError> {
        let Some(record) = self.database.get(Column::Headers, &block_key(number))? else {
            self.report.problem(format!("block {number}: no header"));
            return Ok(None);
        };
        let Some((hash, total_difficulty, header)) = self.report.note(decode_header(&record))? else {
            return Ok(None);
        };
        count(&mut self.report.headers, 1);
        if header.hash_slow() != hash || header.number != number {
            self.report.problem(format!("block {number}: the header is not that of {hash}"));
        }
        if let Some((parent_hash, parent_difficulty, _)) = parent {
            if header.parent_hash != parent_hash {
                self.report.problem(format!("block {number}: its parent is {}, not {parent_hash}", header.parent_hash));
            }
            if total_difficulty != parent_difficulty.wrapping_add(header.difficulty) {
                self.report.problem(format!("block {number}: the total difficulty {total_difficulty} does not add up"));
            }
        }
        let numbered = self.database.get(Column::BlockNumbers, hash.as_slice())?;
        if numbered.map(|record| decode_u64(&record)).transpose()? != Some(number) {
            self.report.problem(format!("block {number}: not found by its hash {hash}"));
        }
        Ok(Some((hash, total_difficulty, header)))
    }

    fn body(&mut self, number: u64) -> Result<(), StorageError> {
        let Some(block) = read_block(self.database, number)? else { return Ok(()) };
        let receipts = read_receipts(self.database, number)?.unwrap_or_default();
        let (header, body) = (block.header(), &block.block.body);
        let with_bloom: Vec<_> = receipts.iter().cloned().map(TxReceipt::into_with_bloom).collect();
        let withdrawals_root = body.withdrawals.as_ref().map(|withdrawals| calculate_withdrawals_root(withdrawals));
        let gas_used = receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used);
        let equal = [
            ("transactions", calculate_transaction_root(&body.transactions) == header.transactions_root),
            ("receipts", calculate_receipt_root(&with_bloom) == header.receipts_root),
            ("ommers", calculate_ommers_root(&body.ommers) == header.ommers_hash),
            ("withdrawals", withdrawals_root == header.withdrawals_root),
            ("logs", logs_bloom(&receipts) == header.logs_bloom),
            ("gas", number == 0 || gas_used == header.gas_used),
        ];
        for (what, _) in equal.iter().filter(|(_, equal)| !equal) {
            self.report.problem(format!("block {number}: its {what} are not those that the header names"));
        }
        for (transaction, index) in body.transactions.iter().zip(0u32..) {
            let record = self.database.get(Column::TransactionLookup, transaction.tx_hash().as_slice())?;
            let at = record.map(|record| decode_location(&record)).transpose()?;
            if at.is_none_or(|at| (at.block_number, at.index) != (number, index)) {
                let hash = transaction.tx_hash();
                self.report.problem(format!("block {number}: transaction {hash} is not found by its hash"));
            }
        }
        count(&mut self.report.bodies, 1);
        Ok(())
    }

    fn state(&mut self) -> Result<(), StorageError> {
        let Some(number) = self.database.get(Column::Meta, crate::codec::meta::STATE)? else {
            self.report.problem("the marker of the state is missing".into());
            return Ok(());
        };
        let number = decode_u64(&number)?;
        let Some(record) = self.database.get(Column::Headers, &block_key(number))? else { return Ok(()) };
        let Some((_, _, header)) = self.report.note(decode_header(&record))? else { return Ok(()) };

        let total = keys_estimate(self.database, Column::Accounts)?;
        let storage_nodes = self.storages(total)?;
        let root = self.account_root(total)?;
        if root != header.state_root {
            let expected = header.state_root;
            self.report.problem(format!("block {number}: stateRoot is {expected}, the accounts give {root}"));
        }
        let account_nodes = self.account_trie(header.state_root)?;
        for (column, walked) in [(Column::AccountTrie, account_nodes), (Column::StorageTrie, storage_nodes)] {
            let stored = count_records(self.database, column)?;
            if stored != walked {
                self.report.problem(format!("{}: {stored} nodes are stored, {walked} are in use", column.name()));
            }
        }
        Ok(())
    }

    /// Slots, code and storage trie of every account. Answers how many storage nodes are in use.
    fn storages(&mut self, total: u64) -> Result<u64, StorageError> {
        let database = self.database;
        let (mut nodes, mut slots) = (0u64, 0u64);
        let mut codes = B256Set::default();
        database.for_each(Column::Accounts, &[], |key, record| {
            count(&mut self.report.accounts, 1);
            self.step(CheckStage::Accounts, self.report.accounts, total);
            let Some(account) = self.report.note(decode_account(record))? else { return Ok(true) };
            let address = Address::try_from(key).unwrap_or_default();
            self.code(&address, &account, &mut codes)?;
            if account.storage_root == EMPTY_ROOT_HASH {
                return Ok(true);
            }
            let checked = self.storage(&address, account.storage_root);
            if let Some((account_slots, account_nodes)) = self.report.note(checked)? {
                count(&mut slots, account_slots);
                count(&mut nodes, account_nodes);
            }
            Ok(true)
        })?;
        let stored = count_records(database, Column::Slots)?;
        if stored != slots {
            self.report.problem(format!("slots: {stored} are stored, {slots} belong to an account with storage"));
        }
        self.report.slots = slots;
        count(&mut self.report.nodes, nodes);
        Ok(nodes)
    }

    fn code(&mut self, address: &Address, account: &Account, checked: &mut B256Set) -> Result<(), StorageError> {
        let hash = account.code_hash;
        if hash == KECCAK_EMPTY || !checked.insert(hash) {
            return Ok(());
        }
        let code = self.database.get(Column::Code, hash.as_slice())?;
        if code.is_none_or(|code| keccak256(&*code) != hash) {
            self.report.problem(format!("account {address}: its code {hash} is missing or damaged"));
        }
        Ok(())
    }

    /// Numbers of slots and nodes.
    fn storage(&mut self, address: &Address, root: B256) -> Result<(u64, u64), StorageError> {
        let mut leaves = Vec::new();
        self.database.for_each(Column::Slots, address.as_slice(), |key, value| {
            let (_, slot) = decode_slot_key(key)?;
            leaves.push((keccak256(B256::from(slot)), decode_slot(value)?));
            Ok(true)
        })?;
        leaves.sort_unstable_by_key(|(key, _)| *key);
        let mut builder = HashBuilder::default();
        for (key, value) in &leaves {
            builder.add_leaf(Nibbles::unpack(key), &slot_leaf(value));
        }
        let computed = builder.root();
        if computed != root {
            self.report.problem(format!("account {address}: its storage root is {root}, the slots give {computed}"));
        }
        let owner = keccak256(address);
        let walked = visit_leaves(&StoredNodes(self.database), Some(&owner), root, &mut |_, _| Ok(()))?;
        let slots = leaves.len() as u64;
        if walked.leaves != slots {
            self.report.problem(format!("account {address}: {slots} slots, but {} in the trie", walked.leaves));
        }
        Ok((slots, walked.stored_nodes))
    }

    /// The state root that the flat accounts give.
    fn account_root(&mut self, total: u64) -> Result<B256, StorageError> {
        let passes = total.div_ceil(ACCOUNTS_PER_PASS).next_power_of_two().clamp(1, PASSES_MAX);
        let width = PASSES_MAX.checked_div(passes).unwrap_or(PASSES_MAX);
        let mut builder = HashBuilder::default();
        for pass in 0..passes {
            let mut leaves = Vec::new();
            self.database.for_each(Column::Accounts, &[], |key, record| {
                let hash = keccak256(key);
                if u64::from(hash[0]).checked_div(width) == Some(pass)
                    && let Ok(account) = decode_account(record)
                {
                    leaves.push((hash, account)); // what does not decode is reported already
                }
                Ok(true)
            })?;
            leaves.sort_unstable_by_key(|(hash, _)| *hash);
            for (hash, account) in &leaves {
                builder.add_leaf(Nibbles::unpack(hash), &account_leaf(account));
            }
        }
        Ok(builder.root())
    }

    /// How many account nodes are in use.
    fn account_trie(&mut self, root: B256) -> Result<u64, StorageError> {
        let total = self.report.accounts;
        let mut done = 0u64;
        let progress = &mut *self.progress;
        let walked = visit_leaves(&StoredNodes(self.database), None, root, &mut |_, _| {
            count(&mut done, 1);
            if done.is_multiple_of(PROGRESS_STEP) || done == total {
                progress(CheckProgress { stage: CheckStage::Trie, done, total });
            }
            Ok(())
        });
        let Some(walked) = self.report.note(walked)? else { return Ok(0) };
        if walked.leaves != total {
            self.report.problem(format!("{total} accounts, but {} in the trie", walked.leaves));
        }
        count(&mut self.report.nodes, walked.stored_nodes);
        Ok(walked.stored_nodes)
    }
}

fn count(counter: &mut u64, more: u64) {
    *counter = counter.saturating_add(more);
}

fn count_records(database: &Database, column: Column) -> Result<u64, StorageError> {
    let mut records = 0;
    database.for_each(column, &[], |_, _| {
        count(&mut records, 1);
        Ok(true)
    })?;
    Ok(records)
}
