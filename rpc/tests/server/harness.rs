//! A chain in a temporary directory behind real servers: what a client of a node sees, without a node.

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256, address, hex};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use jsonrpsee::ws_client::{WsClient, WsClientBuilder};
use pervade_chainspec::ChainSpec;
use pervade_evm_ext::{ProposalAttributes, propose_block};
use pervade_rpc::{ObservedBlock, RpcConfig, RpcContext, RpcHandle, RpcLimits, serve};
use pervade_storage::{ExecutedBlock, Storage, StorageOptions, Transaction};
use pervade_txpool::{PoolConfig, TxPool};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tempfile::TempDir;
use tokio::sync::broadcast;

pub const CHAIN_ID: u64 = 1337;
pub const GAS_PRICE: u128 = 10_000_000_000;
pub const RECEIVER: Address = address!("00000000000000000000000000000000000000aa");
/// Stores 7 in slot 3, emits a log with topic 0x2a, deploys nothing.
pub const LOGGING_CODE: &str = "0x6007600355602a60006000a100";

/// A served chain.
pub struct Node {
    pub spec: Arc<ChainSpec>,
    pub storage: Storage,
    pub pool: TxPool,
    pub heads: broadcast::Sender<ExecutedBlock>,
    pub observed: broadcast::Sender<Arc<ObservedBlock>>,
    pub rpc: RpcHandle,
    pub signer: PrivateKeySigner,
    pub url: String,
    client: reqwest::Client,
    _dir: TempDir,
}

/// Default configuration on free ports.
pub fn config() -> RpcConfig {
    let api = || ["eth", "net", "web3", "txpool", "pervade"].map(String::from).to_vec();
    RpcConfig {
        http: Some(([127, 0, 0, 1], 0).into()),
        ws: Some(([127, 0, 0, 1], 0).into()),
        http_api: api(),
        ws_api: api(),
        ..RpcConfig::default()
    }
}

/// Configuration with some limits changed.
pub fn limited(change: impl FnOnce(&mut RpcLimits)) -> RpcConfig {
    let mut config = config();
    change(&mut config.limits);
    config
}

impl Node {
    pub async fn start() -> Self {
        Self::start_with(config(), |_| ()).await
    }

    pub async fn start_with(config: RpcConfig, change: impl FnOnce(&mut RpcContext)) -> Self {
        let genesis = genesis(signer().address()).to_string();
        let spec = ChainSpec::from_json("test", genesis.as_bytes()).unwrap();
        Self::start_on(spec, StorageOptions::default(), config, change).await
    }

    /// A node of another chain.
    pub async fn start_on(
        spec: ChainSpec,
        options: StorageOptions,
        config: RpcConfig,
        change: impl FnOnce(&mut RpcContext),
    ) -> Self {
        let (signer, spec) = (signer(), Arc::new(spec));
        let dir = tempfile::tempdir().unwrap();
        let storage = Storage::open(&dir.path().join("db"), &spec, options).unwrap();
        let pool =
            TxPool::open(&dir.path().join("pool"), spec.clone(), storage.clone(), PoolConfig::default()).unwrap();
        let heads = broadcast::Sender::new(16);
        let observed = broadcast::Sender::new(16);
        let mut context = RpcContext {
            spec: spec.clone(),
            storage: storage.clone(),
            pool: pool.clone(),
            heads: heads.clone(),
            observed: observed.clone(),
            cluster: None,
            answers: None,
            gateway: None,
            client_version: "Pervade/test".into(),
            health: Default::default(),
            ready: Default::default(),
        };
        change(&mut context);
        let rpc = serve(config, context).await.unwrap();
        let url = format!("http://{}", rpc.http.or(rpc.ws).unwrap());
        Self { spec, storage, pool, heads, observed, rpc, signer, url, client: reqwest::Client::new(), _dir: dir }
    }

    /// Makes a block of all that the pool offers.
    pub fn mine(&self) -> ExecutedBlock {
        let parent = self.storage.head();
        let attributes = ProposalAttributes {
            timestamp: parent.header().timestamp + 1,
            proposer: Address::repeat_byte(0xbb),
            time_max: Duration::from_secs(10),
        };
        let forks = self.spec.forks_at(parent.number() + 1, attributes.timestamp, true);
        let base_fee = self.spec.next_base_fee(parent.header(), forks);
        let mut best = self.pool.best(base_fee);
        let view = self.storage.latest_view();
        let proposal = propose_block(&self.spec, parent.header(), parent.hash, &view, &attributes, &mut best).unwrap();
        assert!(proposal.refused.is_empty(), "{:?}", proposal.refused);
        self.storage.commit(proposal.executed.clone()).unwrap();
        self.pool.on_block(&proposal.executed);
        let _ = self.heads.send(proposal.executed.clone());
        proposal.executed
    }

    pub fn sign(&self, transaction: impl SignableTransaction<alloy_primitives::Signature> + Into<Unsigned>) -> String {
        let signature = self.signer.sign_hash_sync(&transaction.signature_hash()).unwrap();
        let signed: Transaction = match transaction.into() {
            Unsigned::Legacy(tx) => tx.into_signed(signature).into(),
            Unsigned::Dynamic(tx) => tx.into_signed(signature).into(),
        };
        hex::encode_prefixed(signed.encoded_2718())
    }

    /// A signed transfer of one wei.
    pub fn transfer(&self, nonce: u64) -> String {
        self.sign(TxLegacy {
            chain_id: Some(CHAIN_ID),
            nonce,
            gas_price: GAS_PRICE,
            gas_limit: 21_000,
            to: TxKind::Call(RECEIVER),
            value: U256::from(1),
            input: Bytes::new(),
        })
    }

    /// A signed creation that emits one log.
    pub fn logging(&self, nonce: u64) -> String {
        self.creation(nonce, LOGGING_CODE, 200_000)
    }

    /// A signed creation with this code.
    pub fn creation(&self, nonce: u64, code: &str, gas_limit: u64) -> String {
        self.sign(TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            max_fee_per_gas: GAS_PRICE,
            max_priority_fee_per_gas: 1,
            gas_limit,
            to: TxKind::Create,
            input: code.parse().unwrap(),
            ..Default::default()
        })
    }

    /// The answer to a raw body: status and text.
    pub async fn post(&self, body: impl Into<reqwest::Body>) -> (u16, String) {
        let request = self.client.post(&self.url).header("content-type", "application/json").body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    /// The whole answer to one call.
    pub async fn answer(&self, method: &str, params: Value) -> Value {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        serde_json::from_str(&self.post(body).await.1).unwrap()
    }

    /// The result of one call.
    pub async fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = self.answer(method, params).await;
        assert!(answer.get("error").is_none(), "{method}: {answer}");
        answer["result"].take()
    }

    /// Code and message of the error of one call.
    pub async fn error(&self, method: &str, params: Value) -> (i64, String) {
        let answer = self.answer(method, params).await;
        let error = answer.get("error").unwrap_or_else(|| panic!("{method} succeeded: {answer}"));
        (error["code"].as_i64().unwrap(), error["message"].as_str().unwrap().to_owned())
    }

    pub async fn send(&self, raw: String) -> Value {
        self.call("eth_sendRawTransaction", json!([raw])).await
    }

    /// Sends and mines `count` logging transactions, one a block.
    pub async fn mine_logs(&self, count: u64) {
        for nonce in 0..count {
            self.send(self.logging(nonce)).await;
            self.mine();
        }
    }

    pub async fn ws(&self) -> WsClient {
        WsClientBuilder::default().build(format!("ws://{}", self.rpc.ws.unwrap())).await.unwrap()
    }
}

/// The account that has money.
pub fn signer() -> PrivateKeySigner {
    PrivateKeySigner::from_slice(&[1; 32]).unwrap()
}

pub enum Unsigned {
    Legacy(TxLegacy),
    Dynamic(TxEip1559),
}

impl From<TxLegacy> for Unsigned {
    fn from(tx: TxLegacy) -> Self {
        Self::Legacy(tx)
    }
}

impl From<TxEip1559> for Unsigned {
    fn from(tx: TxEip1559) -> Self {
        Self::Dynamic(tx)
    }
}

/// Shanghai rules from the start: a chain that needs no system contracts.
fn genesis(rich: Address) -> Value {
    json!({
        "config": {
            "chainId": CHAIN_ID, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0,
            "byzantiumBlock": 0, "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0,
            "berlinBlock": 0, "londonBlock": 0, "mergeNetsplitBlock": 0, "shanghaiTime": 0,
            "terminalTotalDifficulty": 0, "terminalTotalDifficultyPassed": true
        },
        "nonce": "0x0", "timestamp": "0x0", "extraData": "0x", "gasLimit": "0x1c9c380", "difficulty": "0x0",
        "mixHash": "0x0000000000000000000000000000000000000000000000000000000000000000",
        "coinbase": "0x0000000000000000000000000000000000000000",
        "baseFeePerGas": "0x3b9aca00",
        "alloc": { rich.to_string(): { "balance": "0x21e19e0c9bab2400000" } }
    })
}
