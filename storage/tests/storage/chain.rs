//! A directory with a chain of made-up blocks, and the state that each block should have.
use crate::model::{Model, Operation};
use alloy_consensus::{
    Block, BlockBody, Header, Signed, TxLegacy, TxReceipt,
    proofs::{calculate_receipt_root, calculate_transaction_root},
};
use alloy_primitives::{Address, B256, Log, LogData, Signature, TxKind, U256};
use pervade_chainspec::ChainSpec;
use pervade_storage::{
    ExecutedBlock, HistoryMode, Receipt, RecoveredBlock, StateChanges, Storage, StorageError, StorageOptions,
    Transaction, logs_bloom,
};
use std::{fs, path::Path, sync::Arc};
use tempfile::TempDir;

/// A chain that has all forks to London, with this content of `alloc` (JSON).
pub fn spec(alloc: &str) -> ChainSpec {
    let forks: String = ["homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg"]
        .iter()
        .chain(&["istanbul", "berlin", "london"])
        .map(|fork| format!(r#","{fork}Block":0"#))
        .collect();
    let json =
        format!(r#"{{"config":{{"chainId":7{forks}}},"difficulty":"0x1","gasLimit":"0x1c9c380","alloc":{{{alloc}}}}}"#);
    ChainSpec::from_json("test.json", json.as_bytes()).unwrap()
}

pub struct Chain {
    pub dir: TempDir,
    pub spec: ChainSpec,
    pub options: StorageOptions,
    /// `None` while closed.
    pub storage: Option<Storage>,
    /// By block number.
    pub models: Vec<Model>,
    /// What each block after genesis changes; the first is block 1.
    pub changes: Vec<StateChanges>,
}

impl Chain {
    pub fn new(history: HistoryMode) -> Self {
        Self::with(StorageOptions { history, ..StorageOptions::default() })
    }

    pub fn with(options: StorageOptions) -> Self {
        let spec = spec("");
        let dir = directory();
        let storage = Some(Storage::open(dir.path(), &spec, options.clone()).unwrap());
        Self { dir, spec, options, storage, models: vec![Model::default()], changes: Vec::new() }
    }

    pub fn storage(&self) -> &Storage {
        self.storage.as_ref().unwrap()
    }

    /// Commits a block with these operations and no transactions.
    pub fn commit(&mut self, operations: &[Operation]) {
        let mut model = self.models.last().unwrap().clone();
        let changes = model.apply(operations);
        self.storage().commit(block(self.storage(), &changes, Vec::new())).unwrap();
        self.models.push(model);
        self.changes.push(changes);
    }

    /// Opens again; the state is as the directory has it.
    pub fn open(&mut self) {
        self.storage = None;
        self.storage = Some(Storage::open(self.dir.path(), &self.spec, self.options.clone()).unwrap());
    }

    /// As after a kill: what the background writer has not written is gone.
    pub fn crash(&mut self) {
        self.storage().pause_background_writer(true);
        self.open();
    }

    /// Executes again what the crash has cost.
    pub fn replay(&self) {
        while let Some((number, _)) = self.storage().blocks_to_replay() {
            self.storage().replay(self.replayed(number)).unwrap();
        }
    }

    pub fn replayed(&self, number: u64) -> ExecutedBlock {
        let storage = self.storage();
        let view = storage.view_at(number - 1).unwrap();
        let state = view.update(&self.changes[number as usize - 1]).unwrap();
        ExecutedBlock {
            block: storage.block(number).unwrap().unwrap(),
            receipts: storage.receipts(number).unwrap().unwrap(),
            state: Arc::new(state),
            total_difficulty: storage.total_difficulty(number).unwrap().unwrap(),
        }
    }

    pub fn unwind(&mut self, number: u64) {
        self.storage().unwind(number).unwrap();
        self.models.truncate(number as usize + 1);
        self.changes.truncate(number as usize);
    }

    /// Every block of the window reads as its model; older ones are pruned.
    pub fn assert_history(&self) {
        let storage = self.storage();
        let head = self.models.len() as u64 - 1;
        assert_eq!(storage.head().number(), head);
        let first = storage.first_state();
        for (number, model) in (0..).zip(&self.models) {
            match storage.view_at(number) {
                Ok(view) => {
                    assert!(number >= first);
                    model.assert_is(&view);
                }
                Err(StorageError::Pruned { number: pruned, first: kept, .. }) => {
                    assert!(number < first && pruned == number && kept == first);
                }
                Err(error) => panic!("block {number}: {error}"),
            }
        }
        assert!(matches!(storage.view_at(head + 1), Err(StorageError::UnknownBlock { .. })));
    }
}

/// In memory where there is such a place: a sync costs nothing there.
fn directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// A block on the head with these state changes and one transaction for each list of logs.
pub fn block(storage: &Storage, changes: &StateChanges, logs: Vec<Vec<Log>>) -> ExecutedBlock {
    let parent = storage.head();
    let number = parent.number() + 1;
    let update = storage.latest_view().update(changes).unwrap();
    let transactions: Vec<_> = (0..).zip(&logs).map(|(index, _)| transaction(number, index)).collect();
    transactions.iter().for_each(|transaction| _ = transaction.tx_hash()); // known from the pool
    let senders = transactions.iter().map(|_| Address::with_last_byte(number as u8)).collect();
    let receipts: Vec<_> = (1..).zip(logs).map(|(count, logs)| receipt(count * 21_000, logs)).collect();
    let with_bloom: Vec<_> = receipts.iter().cloned().map(TxReceipt::into_with_bloom).collect();
    let header = Header {
        number,
        parent_hash: parent.hash,
        state_root: update.state_root,
        transactions_root: calculate_transaction_root(&transactions),
        receipts_root: calculate_receipt_root(&with_bloom),
        logs_bloom: logs_bloom(&receipts),
        gas_used: receipts.last().map_or(0, |receipt| receipt.cumulative_gas_used),
        gas_limit: 30_000_000,
        difficulty: U256::from(1),
        timestamp: number,
        base_fee_per_gas: Some(7),
        ..Header::default()
    };
    let total_difficulty = storage.total_difficulty(parent.number()).unwrap().unwrap() + header.difficulty;
    let hash = header.hash_slow();
    let block = Block { header, body: BlockBody { transactions, ommers: Vec::new(), withdrawals: None } };
    ExecutedBlock {
        block: Arc::new(RecoveredBlock { hash, block, senders }),
        receipts: Arc::new(receipts),
        state: Arc::new(update),
        total_difficulty,
    }
}

pub fn transaction(block: u64, index: u64) -> Transaction {
    let transaction = TxLegacy {
        chain_id: Some(7),
        nonce: index,
        gas_price: u128::from(block),
        gas_limit: 21_000,
        to: TxKind::Call(Address::with_last_byte(9)),
        ..TxLegacy::default()
    };
    Transaction::Legacy(Signed::new_unhashed(transaction, Signature::new(U256::from(1), U256::from(2), false)))
}

pub fn receipt(cumulative_gas_used: u64, logs: Vec<Log>) -> Receipt {
    Receipt { tx_type: alloy_consensus::TxType::Legacy, status: true.into(), cumulative_gas_used, logs }
}

pub fn log(address: u8, topics: &[u8]) -> Log {
    let topics = topics.iter().map(|topic| B256::with_last_byte(*topic)).collect();
    Log { address: Address::with_last_byte(address), data: LogData::new_unchecked(topics, Default::default()) }
}

/// What a kill leaves: the files as they are, also those of an open directory.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
