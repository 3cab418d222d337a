//! Load while waiting for the crash: transfers, tokens, fresh slots; and an observer that reads what comes of it.
use super::Acknowledged;
use crate::harness::{
    DEV_CHAIN_ID, Fees, Rpc, RpcFailure, Token, dev_accounts, parse_quantity, sign_call, sign_deploy, sign_transfer,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use eyre::{ContextCompat, ensure};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most transactions that a sender puts into one batch.
const BATCH_MAX: usize = 20;
/// Receipts asked for at once.
const RECEIPTS: usize = 50;
/// Slots that one `fill` writes.
const FILL_SLOTS: u64 = 5;

/// Addresses that the load uses: senders, the token, and recipients named by a number.
#[derive(Debug, Clone)]
pub(super) struct Parties {
    pub(super) senders: Vec<PrivateKeySigner>,
    pub(super) token: Address,
}

impl Parties {
    /// Recipient number `index`.
    pub(super) fn recipient(index: u64) -> Address {
        Address::from_word(keccak256(index.to_be_bytes()))
    }

    /// The senders are the development accounts; the first deploys the token unless it is there.
    pub(super) async fn prepare(rpc: &Rpc) -> eyre::Result<Self> {
        let senders = dev_accounts();
        let deployer = &senders[0];
        let token = deployer.address().create(0);
        if rpc.call("eth_getCode", json!([token, "latest"])).await? == json!("0x") {
            let code = Token::creation_code(U256::from(u64::MAX));
            let (_, raw) = sign_deploy(deployer, DEV_CHAIN_ID, 0, code, 3_000_000, Fees::default());
            let receipt = rpc.call("eth_sendRawTransactionSync", json!([raw])).await?;
            ensure!(receipt["status"] == "0x1", "the token was not deployed: {receipt}");
        }
        Ok(Self { senders, token })
    }
}

/// Sends and observes until the node no longer answers.
pub(super) async fn load_until_dead(rpc: Arc<Rpc>, parties: &Parties, record: &Arc<Mutex<Acknowledged>>, seed: u64) {
    let mut tasks = tokio::task::JoinSet::new();
    for (index, sender) in parties.senders.iter().enumerate() {
        let rng = StdRng::seed_from_u64(seed.wrapping_mul(1000).wrapping_add(index as u64));
        let sender =
            Sender { rpc: rpc.clone(), signer: sender.clone(), token: parties.token, record: record.clone(), rng };
        tasks.spawn(sender.run());
    }
    tasks.spawn(observe(rpc, record.clone()));
    while let Some(ended) = tasks.join_next().await {
        match ended {
            Ok(Ok(())) | Ok(Err(Ended::Dead)) => {}
            Ok(Err(Ended::Wrong(report))) => panic!("the load found the node wrong: {report:#}"),
            Err(error) => panic!("a task of the load failed: {error}"),
        }
    }
}

/// Why a task of the load ended.
enum Ended {
    /// The node no longer answers.
    Dead,
    /// The node answered something that it must not.
    Wrong(eyre::Report),
}

impl From<RpcFailure> for Ended {
    fn from(failure: RpcFailure) -> Self {
        if failure.is_transport() { Self::Dead } else { Self::Wrong(failure.into()) }
    }
}

impl From<eyre::Report> for Ended {
    fn from(report: eyre::Report) -> Self {
        Self::Wrong(report)
    }
}

struct Sender {
    rpc: Arc<Rpc>,
    signer: PrivateKeySigner,
    token: Address,
    record: Arc<Mutex<Acknowledged>>,
    rng: StdRng,
}

impl Sender {
    async fn run(mut self) -> Result<(), Ended> {
        let mut nonce = self.next_nonce().await?;
        loop {
            // Sometimes one, sometimes a batch.
            let count = if self.rng.random_bool(0.5) { 1 } else { self.rng.random_range(2..=BATCH_MAX) };
            let signed: Vec<(B256, Bytes)> = (0..count as u64).map(|i| self.sign(nonce + i)).collect();
            let calls = signed.iter().map(|(_, raw)| ("eth_sendRawTransaction", json!([raw]))).collect();
            for ((hash, _), answer) in signed.iter().zip(self.rpc.batch(calls).await?) {
                match answer {
                    Ok(answered) if answered == json!(hash) => self.record.lock().transaction(*hash),
                    Ok(other) => return Err(Ended::Wrong(eyre::eyre!("{hash} was answered with {other}"))),
                    // The pool may refuse what is too much for one sender: go on from what it has.
                    Err(RpcFailure::Refused { .. }) => {
                        nonce = self.next_nonce().await?;
                        break;
                    }
                    Err(dead) => return Err(dead.into()),
                }
                nonce += 1;
            }
            self.wait_for(nonce).await?;
        }
    }

    async fn next_nonce(&self) -> Result<u64, Ended> {
        let count = self.rpc.call("eth_getTransactionCount", json!([self.signer.address(), "pending"])).await?;
        Ok(parse_quantity(&count)?.saturating_to())
    }

    /// Lets the chain come near, so that the pool holds some transactions of this sender but never too many.
    async fn wait_for(&mut self, nonce: u64) -> Result<(), Ended> {
        let slack = self.rng.random_range(0..2 * BATCH_MAX as u64);
        loop {
            let mined = self.rpc.call("eth_getTransactionCount", json!([self.signer.address(), "latest"])).await?;
            if parse_quantity(&mined)?.saturating_to::<u64>() + slack >= nonce {
                return Ok(());
            }
            tokio::task::yield_now().await;
        }
    }

    fn sign(&mut self, nonce: u64) -> (B256, Bytes) {
        let recipient = Parties::recipient(self.rng.random_range(0..5000));
        let fees = Fees::default();
        match self.rng.random_range(0..4) {
            0 => {
                let input = Token::mint(recipient, U256::from(nonce + 1));
                sign_call(&self.signer, DEV_CHAIN_ID, nonce, self.token, input, 120_000, fees)
            }
            1 => {
                let input = Token::fill(U256::from(self.rng.random::<u32>()), U256::from(FILL_SLOTS));
                sign_call(&self.signer, DEV_CHAIN_ID, nonce, self.token, input, 60_000 + FILL_SLOTS * 25_000, fees)
            }
            _ => sign_transfer(&self.signer, DEV_CHAIN_ID, nonce, recipient, U256::from(nonce + 1), fees),
        }
    }
}

/// Reads heads, blocks and receipts and records what was served.
async fn observe(rpc: Arc<Rpc>, record: Arc<Mutex<Acknowledged>>) -> Result<(), Ended> {
    let mut last = None;
    loop {
        let head: u64 = parse_quantity(&rpc.call("eth_blockNumber", json!([])).await?)?.saturating_to();
        record.lock().head(head);
        if last != Some(head) {
            let block = rpc.call("eth_getBlockByNumber", json!([format!("0x{head:x}"), false])).await?;
            block.as_object().wrap_err_with(|| format!("the head {head} was served and is no block: {block}"))?;
            record.lock().block(head, block);
            last = Some(head);
        }
        let hashes = record.lock().without_receipt(RECEIPTS);
        let calls = hashes.iter().map(|hash| ("eth_getTransactionReceipt", json!([hash]))).collect::<Vec<_>>();
        if calls.is_empty() {
            tokio::task::yield_now().await;
            continue;
        }
        for (hash, receipt) in hashes.into_iter().zip(rpc.batch(calls).await?) {
            match receipt {
                Ok(Value::Null) => {}
                Ok(receipt) => record.lock().receipt(hash, receipt),
                Err(failure) => return Err(failure.into()),
            }
        }
    }
}
