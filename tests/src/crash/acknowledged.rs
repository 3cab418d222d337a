//! What a node has vouched for, and the check that it still stands.
use crate::harness::{Rpc, RpcFailure, parse_quantity};
use alloy_primitives::B256;
use rand::{rngs::StdRng, seq::IteratorRandom};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt};

/// Calls in one batch of a check.
const BATCH: usize = 100;
/// Characters of a value in a message.
const BRIEF: usize = 300;
/// How many older things a check looks at again.
const OLD_SAMPLE: usize = 300;

/// Something acknowledged that is missing or different.
#[derive(Debug, Clone)]
pub struct Loss(String);

impl Loss {
    pub(super) fn new(what: String) -> Self {
        Self(what)
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that a node has vouched for so far.
#[derive(Debug, Default)]
pub struct Acknowledged {
    /// Hashes that the pool answered, with the round it was in.
    transactions: BTreeMap<B256, usize>,
    /// Served receipts by transaction.
    receipts: BTreeMap<B256, (usize, Value)>,
    /// Served blocks by number.
    blocks: BTreeMap<u64, (usize, Value)>,
    /// Highest `eth_blockNumber` that was answered.
    head: u64,
    round: usize,
}

impl Acknowledged {
    /// What follows belongs to this round.
    pub fn begin_round(&mut self, round: usize) {
        self.round = round;
    }

    /// The pool answered this hash.
    pub fn transaction(&mut self, hash: B256) {
        self.transactions.insert(hash, self.round);
    }

    /// This receipt was served.
    pub fn receipt(&mut self, hash: B256, receipt: Value) {
        self.receipts.entry(hash).or_insert((self.round, receipt));
    }

    /// This block was served.
    pub fn block(&mut self, number: u64, block: Value) {
        self.blocks.entry(number).or_insert((self.round, block));
    }

    /// This head number was served.
    pub fn head(&mut self, number: u64) {
        self.head = self.head.max(number);
    }

    /// Hashes without a receipt so far.
    pub fn without_receipt(&self, limit: usize) -> Vec<B256> {
        self.transactions.keys().filter(|hash| !self.receipts.contains_key(*hash)).take(limit).copied().collect()
    }

    /// Transactions, receipts and blocks so far.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.transactions.len(), self.receipts.len(), self.blocks.len())
    }

    /// Asks the restarted node for all of the last round and some of what is older (`everything`: for all of it).
    ///
    /// # Errors
    /// The node stopped answering.
    pub async fn check(&self, rpc: &Rpc, everything: bool, rng: &mut StdRng) -> Result<Vec<Loss>, RpcFailure> {
        let mut losses = Vec::new();
        let head = rpc.call("eth_blockNumber", json!([])).await?;
        let head = parse_quantity(&head).map(|number| number.saturating_to::<u64>()).unwrap_or(0);
        if head < self.head {
            losses.push(Loss::new(format!("the head was served as {} and is {head}", self.head)));
        }
        let select = |all: Vec<(B256, usize)>, rng: &mut StdRng| -> Vec<B256> {
            let (new, old): (Vec<_>, Vec<_>) = all.into_iter().partition(|(_, round)| *round == self.round);
            let count = if everything { old.len() } else { OLD_SAMPLE };
            new.into_iter().chain(old.into_iter().choose_multiple(rng, count)).map(|(hash, _)| hash).collect()
        };
        let transactions = select(self.transactions.iter().map(|(hash, round)| (*hash, *round)).collect(), rng);
        let receipts = select(self.receipts.iter().map(|(hash, (round, _))| (*hash, *round)).collect(), rng);
        let blocks: Vec<u64> = {
            let (new, old): (Vec<_>, Vec<_>) = self.blocks.iter().partition(|(_, (round, _))| *round == self.round);
            let count = if everything { old.len() } else { OLD_SAMPLE };
            new.into_iter().chain(old.into_iter().choose_multiple(rng, count)).map(|(number, _)| *number).collect()
        };

        let mut included = Vec::new();
        for (hash, found) in ask(rpc, "eth_getTransactionByHash", &transactions, |hash| json!([hash])).await? {
            match found {
                Value::Null => losses.push(Loss::new(format!("transaction {hash} was acknowledged and is nowhere"))),
                found if !found["blockHash"].is_null() => included.push(hash),
                _ => {}
            }
        }
        for (hash, found) in ask(rpc, "eth_getTransactionReceipt", &included, |hash| json!([hash])).await? {
            if found.is_null() {
                losses.push(Loss::new(format!("transaction {hash} is in a block and has no receipt")));
            }
        }
        for (hash, found) in ask(rpc, "eth_getTransactionReceipt", &receipts, |hash| json!([hash])).await? {
            let served = &self.receipts[&hash].1;
            if found != *served {
                losses.push(Loss::new(format!("the receipt of {hash} was {} and is {}", brief(served), brief(&found))));
            }
        }
        for (number, found) in
            ask(rpc, "eth_getBlockByNumber", &blocks, |number| json!([format!("0x{number:x}"), false])).await?
        {
            let served = &self.blocks[&number].1;
            if found != *served {
                losses.push(Loss::new(format!("block {number} was {} and is {}", brief(served), brief(&found))));
            }
        }
        Ok(losses)
    }
}

/// The beginning of a value, for messages.
fn brief(value: &Value) -> String {
    value.to_string().chars().take(BRIEF).collect()
}

/// Asks the same of many, in batches. An error of a single call counts as `null`: the thing is not served.
async fn ask<K: Copy>(
    rpc: &Rpc,
    method: &str,
    keys: &[K],
    params: impl Fn(K) -> Value,
) -> Result<Vec<(K, Value)>, RpcFailure> {
    let mut answers = Vec::with_capacity(keys.len());
    for keys in keys.chunks(BATCH) {
        let calls = keys.iter().map(|key| (method, params(*key))).collect();
        let results = rpc.batch(calls).await?;
        answers.extend(keys.iter().copied().zip(results.into_iter().map(|result| result.unwrap_or(Value::Null))));
    }
    Ok(answers)
}
