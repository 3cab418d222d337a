//! State tests: one transaction in one block on a given state, for each fork and choice of data, gas and value.
use super::{
    LATER_FORK, Verdict,
    json::{self, failed},
    network,
    store::{self, TestStore},
};
use alloy_consensus::{Header, transaction::SignerRecoverable};
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use pervade_evm_ext::{BlockExecutor, BlockState, check_transaction};
use pervade_storage::{Account, StateReader, StateView, StorageError, Transaction};
use serde_json::Value;

/// Runs every fork and case of one test.
pub(super) fn run(name: &str, test: &Value) -> Vec<(String, Result<(), Verdict>)> {
    let mut results = Vec::new();
    for (fork, cases) in test["post"].as_object().into_iter().flatten() {
        for (index, case) in cases.as_array().into_iter().flatten().enumerate() {
            results.push((format!("{name} {fork}/{index}"), run_case(test, fork, case)));
        }
    }
    if results.is_empty() {
        // Filled for nothing but forks that were removed.
        results.push((name.to_owned(), Err(Verdict::Skipped(LATER_FORK))));
    }
    results
}

fn run_case(test: &Value, fork: &str, case: &Value) -> Result<(), Verdict> {
    let config = network::config(fork, &test["config"])?;
    let merged = network::is_merged(fork)?;
    let spec = store::chain_spec(&store::genesis(config, &store::plain_header(), &test["pre"]))?;
    let store = TestStore::open(&spec)?;
    let view = store.storage.latest_view();
    let header = header(&test["env"], merged)?;
    let forks = spec.forks_at(header.number, header.timestamp, merged);

    let mut executor = BlockExecutor::new(&spec, &header, merged, BlockState::new(NumberedBlocks(&view)))?;
    let bytes = json::bytes(json::text(case, "txbytes")?)?;
    let result = Transaction::decode_2718_exact(&bytes).map_err(|error| error.to_string()).and_then(|transaction| {
        check_transaction(&spec, &transaction, &forks).map_err(|error| error.to_string())?;
        let sender = transaction.recover_signer_unchecked().map_err(|error| error.to_string())?;
        executor.transact(&transaction, sender).map_err(|error| error.to_string())
    });
    match (&result, case["expectException"].as_str()) {
        (Ok(()), Some(expected)) => return failed(format!("the transaction was executed, must fail: {expected}")),
        (Err(error), None) => return failed(format!("the transaction was refused: {error}")),
        _ => {}
    }
    let logs: Vec<Log> = executor.receipts().iter().flat_map(|receipt| receipt.logs.clone()).collect();
    let logs_hash = keccak256(alloy_rlp::encode(&logs));
    if let Some(expected) = json::hash_field(case, "logs")?.filter(|expected| *expected != logs_hash) {
        return failed(format!("hash of the logs {logs_hash}, must be {expected}"));
    }
    let root = view.update(&executor.changes())?.state_root;
    let expected = json::hash_field(case, "hash")?.unwrap_or_default();
    if root != expected {
        return failed(format!("state root {root}, must be {expected} (transaction: {result:?})"));
    }
    Ok(())
}

fn header(env: &Value, merged: bool) -> Result<Header, Verdict> {
    let number = |field| json::u64_field(env, field);
    Ok(Header {
        number: number("currentNumber")?.unwrap_or(1),
        timestamp: number("currentTimestamp")?.unwrap_or_default(),
        gas_limit: json::number_field(env, "currentGasLimit")?.unwrap_or_default().saturating_to(),
        beneficiary: json::address_field(env, "currentCoinbase")?.unwrap_or_default(),
        difficulty: json::number_field(env, "currentDifficulty")?.filter(|_| !merged).unwrap_or_default(),
        mix_hash: json::hash_field(env, "currentRandom")?.unwrap_or_default(),
        base_fee_per_gas: number("currentBaseFee")?,
        excess_blob_gas: number("currentExcessBlobGas")?,
        ..Header::default()
    })
}

/// In state tests the hash of block N is the hash of N in decimal.
struct NumberedBlocks<'a>(&'a StateView);

impl StateReader for NumberedBlocks<'_> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StorageError> {
        self.0.account(address)
    }
    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StorageError> {
        self.0.storage(address, slot)
    }
    fn code(&self, code_hash: &B256) -> Result<Bytes, StorageError> {
        self.0.code(code_hash)
    }
    fn content(&self, hash: &B256) -> Result<Bytes, StorageError> {
        self.0.content(hash)
    }
    fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        Ok(Some(keccak256(number.to_string())))
    }
}
