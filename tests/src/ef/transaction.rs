//! Transaction tests: bytes that are, or are not, a valid transaction of each fork.
use super::{
    Verdict,
    json::{self, failed},
    network, store,
};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::Decodable2718;
use alloy_primitives::{Address, B256};
use pervade_evm_ext::check_transaction;
use pervade_storage::Transaction;
use serde_json::{Value, json};

/// Runs every fork of one test.
pub(super) fn run(name: &str, test: &Value) -> Vec<(String, Result<(), Verdict>)> {
    let forks = test["result"].as_object().into_iter().flatten();
    forks.map(|(fork, expected)| (format!("{name} {fork}"), run_fork(test, fork, expected))).collect()
}

fn run_fork(test: &Value, fork: &str, expected: &Value) -> Result<(), Verdict> {
    let config = network::config(fork, &Value::Null)?;
    let spec = store::chain_spec(&store::genesis(config, &store::plain_header(), &json!({})))?;
    let forks = spec.forks_at(1, 1, network::is_merged(fork)?);
    let admitted = json::bytes(json::text(test, "txbytes")?)
        .map_err(|_| "no hexadecimal bytes".to_owned())
        .and_then(|bytes| Transaction::decode_2718_exact(&bytes).map_err(|error| error.to_string()))
        .and_then(|transaction| {
            let gas = check_transaction(&spec, &transaction, &forks).map_err(|error| error.to_string())?;
            let sender = transaction.recover_signer_unchecked().map_err(|error| error.to_string())?;
            Ok((*transaction.tx_hash(), sender, gas.intrinsic))
        });
    let (hash, sender, gas): (B256, Address, u64) = match (admitted, expected["exception"].as_str()) {
        (Err(_), Some(_)) => return Ok(()),
        (Ok(_), Some(exception)) => return failed(format!("the transaction is admitted, must fail: {exception}")),
        (Err(error), None) => return failed(format!("the transaction is refused: {error}")),
        (Ok(admitted), None) => admitted,
    };
    if json::hash_field(expected, "hash")? != Some(hash) {
        return failed(format!("hash {hash}, must be {}", expected["hash"]));
    }
    if json::address_field(expected, "sender")? != Some(sender) {
        return failed(format!("sender {sender}, must be {}", expected["sender"]));
    }
    if let Some(intrinsic) = json::u64_field(expected, "intrinsicGas")?.filter(|intrinsic| *intrinsic != gas) {
        return failed(format!("intrinsic gas {gas}, must be {intrinsic}"));
    }
    Ok(())
}
