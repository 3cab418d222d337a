//! A development node, end to end over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;

use alloy_primitives::{Address, B256};
use alloy_signer_local::PrivateKeySigner;
use network::{raw, transfer};
use pervade_chainspec::{ChainSpec, NetworkParams, ValidatorConfig};
use pervade_node::{
    NodeError,
    commands::node::open,
    config::{NodeConfig, NodeOptions},
    keys::{compressed_public_key, write_keystore},
    service::Node,
    shutdown::Shutdown,
};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};
use tokio::task::JoinHandle;

/// A node in this process, and a client of it.
struct Running {
    http: SocketAddr,
    metrics: SocketAddr,
    shutdown: Shutdown,
    node: JoinHandle<Result<(), NodeError>>,
    client: reqwest::Client,
}

impl Running {
    async fn start(datadir: Option<&Path>, period: &str) -> Self {
        let mut options = NodeOptions::default();
        options.dev.enabled = Some(true);
        options.dev.period = Some(period.parse().unwrap());
        options.http.port = Some(0);
        options.ws.port = Some(0);
        options.operator.metrics = Some("127.0.0.1:0".parse().unwrap());
        options.chain.datadir = datadir.map(Path::to_owned);
        Self::with(options.resolve(None).unwrap()).await
    }

    async fn with(config: NodeConfig) -> Self {
        let shutdown = Shutdown::default();
        let (chain, role, _) = open(&config).unwrap();
        let node = Node::start(&config, chain, role, None, shutdown.clone()).await.unwrap();
        let (http, metrics) = (node.http.unwrap(), node.metrics.unwrap());
        Self { http, metrics, shutdown, node: tokio::spawn(node.run()), client: reqwest::Client::new() }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.client.post(format!("http://{}", self.http)).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Asks until the head is block `number`.
    async fn head(&self, number: u64) {
        for _ in 0..5000 {
            let head = self.call("eth_blockNumber", json!([])).await;
            if u64::from_str_radix(head.as_str().unwrap().trim_start_matches("0x"), 16).unwrap() >= number {
                return;
            }
        }
        panic!("block {number} does not come");
    }

    /// Asks until there is a receipt.
    async fn receipt(&self, hash: &B256) -> Value {
        for _ in 0..500 {
            let receipt = self.call("eth_getTransactionReceipt", json!([hash])).await;
            if !receipt.is_null() {
                return receipt;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no receipt of {hash}");
    }

    async fn page(&self, path: &str) -> (u16, String) {
        let answer = self.client.get(format!("http://{}{path}", self.metrics)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn stop(self) {
        self.shutdown.begin();
        self.node.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_gets_its_receipt() {
    let node = Running::start(None, "0").await;
    let accounts = network::network(1).accounts;
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x539");
    let to = Address::repeat_byte(0x42);
    let transaction = transfer(&accounts[0], 0, to);
    let hash = node.call("eth_sendRawTransaction", json!([raw(&transaction)])).await;
    assert_eq!(hash, transaction.tx_hash().to_string());
    let receipt = node.receipt(transaction.tx_hash()).await;
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["blockNumber"], "0x1");
    assert_eq!(node.call("eth_getBalance", json!([to, "latest"])).await, "0x1");
    assert_eq!(node.call("txpool_status", json!([])).await["pending"], "0x0");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_and_metrics_are_served() {
    let node = Running::start(None, "0").await;
    assert_eq!(node.page("/health").await.0, 200);
    assert_eq!(node.page("/ready").await.0, 200);
    let (status, text) = node.page("/metrics").await;
    assert_eq!(status, 200);
    for name in ["pervade_head_number", "pervade_txpool_pending", "process_resident_memory_bytes"] {
        assert!(text.contains(name), "{name} is missing in {text}");
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_come_each_period_without_transactions() {
    let node = Running::start(None, "20ms").await;
    node.head(3).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_chain_and_pool() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = network::network(2).accounts;
    let included = transfer(&accounts[0], 0, Address::repeat_byte(1));
    // Behind a nonce gap: it waits in the pool.
    let waiting = transfer(&accounts[1], 1, Address::repeat_byte(1));
    let node = Running::start(Some(dir.path()), "0").await;
    node.call("eth_sendRawTransaction", json!([raw(&included)])).await;
    node.call("eth_sendRawTransaction", json!([raw(&waiting)])).await;
    let before = node.receipt(included.tx_hash()).await;
    node.stop().await;

    let node = Running::start(Some(dir.path()), "0").await;
    assert_eq!(node.receipt(included.tx_hash()).await, before);
    assert_eq!(node.call("txpool_status", json!([])).await["queued"], "0x1");
    let gap = transfer(&accounts[1], 0, Address::repeat_byte(1));
    node.call("eth_sendRawTransaction", json!([raw(&gap)])).await;
    assert_eq!(node.receipt(waiting.tx_hash()).await["status"], "0x1");
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_is_included_whole_and_in_order() {
    let node = Running::start(None, "0").await;
    let accounts = network::network(10).accounts;
    let mut last = Vec::new();
    for nonce in 0..20 {
        for account in &accounts {
            let transaction = transfer(account, nonce, Address::repeat_byte(9));
            node.call("eth_sendRawTransaction", json!([raw(&transaction)])).await;
            last.push(*transaction.tx_hash());
        }
    }
    for hash in &last {
        assert_eq!(node.receipt(hash).await["status"], "0x1");
    }
    let balance = node.call("eth_getBalance", json!([Address::repeat_byte(9), "latest"])).await;
    assert_eq!(balance, "0xc8");
    node.stop().await;
}

/// A network of one validator in `dir`: its genesis file and its key's keystore. Blocks come each 10 ms at most, empty
/// ones after 20 ms.
fn validator_network(dir: &Path) -> NodeOptions {
    let signer = PrivateKeySigner::random();
    write_keystore(&dir.join("key.json"), &signer, "secret").unwrap();
    std::fs::write(dir.join("password"), "secret\n").unwrap();
    let validators =
        vec![ValidatorConfig { account: signer.address(), public_key: compressed_public_key(&signer), power: 1 }];
    let params = NetworkParams { block_period_ms: 10, empty_block_period_ms: 20, ..NetworkParams::new(77, validators) };
    let genesis = serde_json::to_vec(&ChainSpec::new_network(params)).unwrap();
    std::fs::write(dir.join("network.json"), genesis).unwrap();

    let mut options = NodeOptions::default();
    options.chain.chain = Some(dir.join("network.json"));
    options.chain.datadir = Some(dir.join("data"));
    options.validator.key = Some(dir.join("key.json"));
    options.operator.password = Some(dir.join("password"));
    options.operator.metrics = Some("127.0.0.1:0".parse().unwrap());
    options.http.enabled = Some(true);
    options.http.port = Some(0);
    options.network.addr = Some(Ipv4Addr::LOCALHOST.into());
    options.network.port = Some(0);
    options
}

#[tokio::test(flavor = "multi_thread")]
async fn a_validator_makes_blocks_as_the_genesis_paces_them() {
    let dir = tempfile::tempdir().unwrap();
    let options = validator_network(dir.path());
    let node = Running::with(options.resolve(None).unwrap()).await;
    node.head(3).await;
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_validators_key_the_chain_is_served_and_followed() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = validator_network(dir.path());
    let validator = Running::with(options.clone().resolve(None).unwrap()).await;
    validator.head(2).await;
    validator.stop().await;

    // The data directory remembers its chain.
    (options.validator.key, options.chain.chain) = (None, None);
    let node = Running::with(options.resolve(None).unwrap()).await;
    node.head(2).await;
    assert_eq!(node.call("eth_chainId", json!([])).await, "0x4d");
    node.stop().await;
}
