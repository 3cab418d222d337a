//! A running node indexes what is said, through restarts, and answers it over HTTP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;

use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, TxKind, address, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use network::raw;
use pervade_node::{
    commands::{DataDirArgs, db, node::open},
    config::NodeOptions,
    service::Node,
    shutdown::Shutdown,
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path};

const SEMANTICS: Address = address!("0000000000000000000000000000000000007103");
const BOX: B256 = B256::repeat_byte(0xb0);

/// ABI encoding by hand: words, then the tails of what is dynamic.
fn call(signature: &str, parts: &[Part]) -> Vec<u8> {
    let mut head = Vec::new();
    let mut tail = Vec::new();
    for part in parts {
        match part {
            Part::Word(word) => head.extend_from_slice(word.as_slice()),
            Part::Bytes(bytes) => {
                head.extend_from_slice(number(32 * parts.len() + tail.len()).as_slice());
                tail.extend_from_slice(number(bytes.len()).as_slice());
                tail.extend_from_slice(bytes);
                tail.resize(tail.len().next_multiple_of(32), 0);
            }
        }
    }
    [&keccak256(signature)[..4], &head, &tail].concat()
}

enum Part {
    Word(B256),
    Bytes(Vec<u8>),
}

fn number(value: usize) -> B256 {
    B256::left_padding_from(&value.to_be_bytes())
}

/// `defineModel("urn:m", [(keccak("urn:t"), "urn:t", Number, "Cel", -2, -100000, 100000)])`
fn define_model() -> Vec<u8> {
    let text = |text: &str| [number(text.len()).to_vec(), text.as_bytes().to_vec(), vec![0; 32 - text.len()]].concat();
    let negative = |value: i64| {
        let mut word = B256::repeat_byte(0xff);
        word[24..].copy_from_slice(&value.to_be_bytes());
        word
    };
    let property = [
        keccak256("urn:t").to_vec(),
        number(7 * 32).to_vec(),
        number(0).to_vec(),
        number(9 * 32).to_vec(),
        negative(-2).to_vec(),
        negative(-100_000).to_vec(),
        number(100_000).to_vec(),
        text("urn:t"),
        text("Cel"),
    ]
    .concat();
    let arguments =
        [number(64).to_vec(), number(128).to_vec(), text("urn:m"), number(1).to_vec(), number(32).to_vec(), property]
            .concat();
    let signature = "defineModel(string,(bytes32,string,uint8,string,int8,int256,int256)[])";
    [&keccak256(signature)[..4], &arguments].concat()
}

struct Running {
    http: SocketAddr,
    shutdown: Shutdown,
    node: tokio::task::JoinHandle<Result<(), pervade_node::NodeError>>,
    client: reqwest::Client,
}

impl Running {
    async fn start(datadir: &Path) -> Self {
        let mut options = NodeOptions::default();
        options.dev.enabled = Some(true);
        options.dev.period = Some("0".parse().unwrap());
        options.http.port = Some(0);
        options.ws.port = Some(0);
        options.chain.datadir = Some(datadir.to_owned());
        let config = options.resolve(None).unwrap();
        let shutdown = Shutdown::default();
        let (chain, role, _) = open(&config).unwrap();
        let node = Node::start(&config, chain, role, None, shutdown.clone()).await.unwrap();
        let http = node.http.unwrap();
        Self { http, shutdown, node: tokio::spawn(node.run()), client: reqwest::Client::new() }
    }

    async fn call(&self, method: &str, params: Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.client.post(format!("http://{}", self.http)).json(&body).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Sends a call of the precompile and waits for its receipt.
    async fn send(&self, from: &PrivateKeySigner, nonce: u64, input: Vec<u8>) -> Value {
        let transaction = TxEip1559 {
            chain_id: 1337,
            nonce,
            gas_limit: 2_000_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: TxKind::Call(SEMANTICS),
            input: input.into(),
            ..Default::default()
        };
        let signature = from.sign_hash_sync(&transaction.signature_hash()).unwrap();
        let signed: TxEnvelope = transaction.into_signed(signature).into();
        let encoded: Bytes = raw(&signed);
        let receipt = self.call("eth_sendRawTransactionSync", json!([encoded])).await;
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }

    async fn stop(self) {
        self.shutdown.begin();
        self.node.await.unwrap().unwrap();
    }
}

fn values(page: &Value) -> Vec<f64> {
    let list = page["observations"].as_array().unwrap();
    list.iter().map(|entry| entry["observation"]["value"].as_f64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_recorded_is_traced_at_once_after_a_restart_and_after_a_reindex() {
    let folder = tempfile::tempdir().unwrap();
    let datadir = folder.path().join("node");
    let account = network::network(1).accounts.remove(0);
    let node = Running::start(&datadir).await;
    node.send(&account, 0, define_model()).await;
    let model = keccak256(&define_model()[4..]);
    let program = br#"{"observations":[{"property":"urn:t","value":"$.f","unit":"[degF]"}]}"#.to_vec();
    let mapping =
        call("defineMapping(bytes32,uint8,bytes)", &[Part::Word(model), Part::Word(number(0)), Part::Bytes(program)]);
    node.send(&account, 1, mapping.clone()).await;
    let mapping = keccak256(&mapping[4..]);
    let record = |fahrenheit: &str| {
        let payload = format!("{{\"f\":{fahrenheit}}}").into_bytes();
        call("record(bytes32,bytes32,bytes)", &[Part::Word(mapping), Part::Word(BOX), Part::Bytes(payload)])
    };
    let receipt = node.send(&account, 2, record("50")).await;
    let page = node.call("pervade_trace", json!([BOX])).await;
    assert_eq!(values(&page), [10.0]);
    let entry = &page["observations"][0];
    assert_eq!((&entry["transactionHash"], &entry["log"]["logIndex"]), (&receipt["transactionHash"], &json!("0x0")));
    assert_eq!((&entry["observation"]["iri"], &entry["origin"]), (&json!("urn:t"), &json!("observed")));
    node.stop().await;

    let node = Running::start(&datadir).await;
    node.send(&account, 3, record("68")).await;
    let before = node.call("pervade_getObservations", json!([{"source": account.address().into_word()}])).await;
    assert_eq!(values(&before), [10.0, 20.0]);
    node.stop().await;

    let mut args = DataDirArgs::default();
    args.chain.datadir = Some(datadir.clone());
    db::run(&db::DbCommand::Reindex(args)).unwrap();
    let node = Running::start(&datadir).await;
    assert_eq!(node.call("pervade_getObservations", json!([{"source": account.address().into_word()}])).await, before);
    node.stop().await;
}
