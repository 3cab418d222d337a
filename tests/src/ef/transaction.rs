//! Transaction tests: bytes that are, or are not, a valid transaction of each fork.
use super::{
    Verdict,
    json::{self, failed},
    network, store,
};
use pervade_evm_ext::{AdmittedTransaction, admit_encoded};
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
    let bytes = json::bytes(json::text(test, "txbytes")?);
    let admitted = match &bytes {
        Ok(bytes) => admit_encoded(&spec, bytes, &forks).map_err(|error| error.to_string()),
        Err(_) => Err("no hexadecimal bytes".to_owned()),
    };
    let AdmittedTransaction { hash, sender, gas, .. } = match (admitted, expected["exception"].as_str()) {
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
    if let Some(intrinsic) = json::u64_field(expected, "intrinsicGas")?.filter(|least| *least != gas.intrinsic) {
        return failed(format!("intrinsic gas {}, must be {intrinsic}", gas.intrinsic));
    }
    Ok(())
}
