//! Transfers at a pace, to one node, with the time until their receipt is on another.
use crate::harness::{DEV_CHAIN_ID, Fees, Rpc, dev_accounts, sign_transfer};
use alloy_primitives::{Address, B256, U256};
use alloy_signer_local::PrivateKeySigner;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Mutex, time::interval};

/// Gets all transfers.
const RECEIVER: Address = Address::repeat_byte(9);
/// Time between two looks for new blocks on the watching node.
const WATCH: Duration = Duration::from_millis(5);

/// Transfers at a pace. They stop when it is dropped.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Acknowledged and not seen in a block: hash and moment before the request.
    waiting: Mutex<BTreeMap<B256, Instant>>,
    done: Mutex<Vec<Duration>>,
    acknowledged: Mutex<Vec<B256>>,
    refused: Mutex<u64>,
}

/// Times from the request to the receipt on another node.
#[derive(Debug, Clone, Copy, Default)]
pub struct Latencies {
    /// Half were quicker.
    pub p50: Duration,
    /// Ninety-nine of a hundred were quicker.
    pub p99: Duration,
    /// The slowest.
    pub max: Duration,
}

/// What a load did.
#[derive(Debug, Clone, Default)]
pub struct LoadReport {
    /// Hashes that a node answered with.
    pub acknowledged: Vec<B256>,
    /// Requests without an answer, or refused.
    pub refused: u64,
    /// Of those whose receipt was seen.
    pub latencies: Latencies,
    /// How many receipts were seen.
    pub seen: usize,
}

impl Load {
    /// Sends transfers of ten accounts to the nodes at `to`, in turns, `per_second` in all; watches the node at `from`.
    /// A node that does not answer is left out for that transfer.
    pub fn start(to: Vec<String>, from: String, per_second: u32) -> Self {
        let shared = Arc::new(Shared::default());
        let sending = tokio::spawn(send(shared.clone(), to, per_second));
        let watching = tokio::spawn(watch(shared.clone(), from));
        Self { shared, tasks: vec![sending, watching] }
    }

    /// Ends sending, waits for what is under way, at most `wait`, and tells what happened.
    pub async fn finish(mut self, wait: Duration) -> LoadReport {
        self.tasks[0].abort();
        let begun = Instant::now();
        while begun.elapsed() < wait && !self.shared.waiting.lock().await.is_empty() {
            tokio::time::sleep(WATCH).await;
        }
        for task in self.tasks.drain(..) {
            task.abort();
        }
        let mut times = self.shared.done.lock().await.clone();
        times.sort();
        LoadReport {
            acknowledged: self.shared.acknowledged.lock().await.clone(),
            refused: *self.shared.refused.lock().await,
            latencies: Latencies { p50: at(&times, 50), p99: at(&times, 99), max: at(&times, 100) },
            seen: times.len(),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn at(sorted: &[Duration], percent: usize) -> Duration {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or_default()
}

async fn send(shared: Arc<Shared>, to: Vec<String>, per_second: u32) {
    let nodes: Vec<Rpc> = to.into_iter().map(Rpc::new).collect();
    let nodes = Arc::new(nodes);
    let accounts: Vec<PrivateKeySigner> = dev_accounts();
    // One sender of an account at a time: nonces go up only with an answer.
    let per_account = per_second.max(accounts.len() as u32) / accounts.len() as u32;
    let mut senders = tokio::task::JoinSet::new();
    for (index, account) in accounts.into_iter().enumerate() {
        let (shared, nodes) = (shared.clone(), nodes.clone());
        senders.spawn(async move {
            let (mut nonce, mut turn) = (0, index);
            let mut tick = interval(Duration::from_secs(1) / per_account);
            loop {
                tick.tick().await;
                let node = &nodes[turn % nodes.len()];
                turn += 1;
                let (hash, raw) =
                    sign_transfer(&account, DEV_CHAIN_ID, nonce, RECEIVER, U256::from(1), Fees::default());
                shared.waiting.lock().await.insert(hash, Instant::now());
                match node.call("eth_sendRawTransaction", json!([raw])).await {
                    Ok(_) => {
                        shared.acknowledged.lock().await.push(hash);
                        nonce += 1;
                    }
                    // The others have it from a node that died before it answered.
                    Err(error)
                        if ["already known", "nonce too low"].iter().any(|text| error.to_string().contains(text)) =>
                    {
                        nonce += 1;
                    }
                    Err(_) => {
                        shared.waiting.lock().await.remove(&hash);
                        *shared.refused.lock().await += 1;
                    }
                }
            }
        });
    }
    while senders.join_next().await.is_some() {}
}

/// Looks at each new block of a node for what is waited for.
async fn watch(shared: Arc<Shared>, from: String) {
    let node = Rpc::new(from);
    let mut next = match super::network::height(&node).await {
        Ok(height) => height + 1,
        Err(_) => 1,
    };
    let mut tick = interval(WATCH);
    loop {
        tick.tick().await;
        let Ok(block) = super::network::block(&node, next).await else { continue };
        let seen = Instant::now();
        let mut waiting = shared.waiting.lock().await;
        let mut done = shared.done.lock().await;
        for hash in block["transactions"].as_array().into_iter().flatten() {
            if let Some(asked) =
                hash.as_str().and_then(|hash| hash.parse::<B256>().ok()).and_then(|hash| waiting.remove(&hash))
            {
                done.push(seen.saturating_duration_since(asked));
            }
        }
        next += 1;
    }
}
