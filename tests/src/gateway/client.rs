//! An account that deploys and calls contracts, and looks at what came of it.
use crate::{
    harness::{DEV_CHAIN_ID, Fees, Proof, Rpc, parse_quantity, sign},
    journey::{
        abi::ISemantics::{self, Format},
        definition_id, model_call,
    },
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use eyre::{ContextCompat, bail, ensure};
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(10);
const RECEIPT_MAX: Duration = Duration::from_secs(30);
const GAS: u64 = 8_000_000;

/// An account at one node.
#[derive(Debug)]
pub struct Client {
    /// The node.
    pub rpc: Rpc,
    key: PrivateKeySigner,
    nonce: u64,
}

impl Client {
    /// The account of `key` at the node with this URL.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn new(url: &str, key: PrivateKeySigner) -> eyre::Result<Self> {
        let rpc = Rpc::new(url);
        let nonce = rpc.call("eth_getTransactionCount", json!([key.address(), "pending"])).await?;
        Ok(Self { rpc, key, nonce: parse_quantity(&nonce)?.to() })
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Creates a contract; `code` is hexadecimal, and the constructor's arguments follow it.
    ///
    /// # Errors
    /// It fails.
    pub async fn deploy(&mut self, code: &str, arguments: Vec<u8>, value: U256) -> eyre::Result<Address> {
        let mut code = hex::decode(code.trim())?;
        code.extend(arguments);
        let address = self.key.address().create(self.nonce);
        self.send(TxKind::Create, code.into(), value).await?;
        Ok(address)
    }

    /// Calls a function, and waits for the receipt.
    ///
    /// # Errors
    /// It reverts.
    pub async fn call<C: SolCall>(&mut self, to: Address, call: &C, value: U256) -> eyre::Result<Value> {
        self.send(TxKind::Call(to), call.abi_encode().into(), value).await
    }

    /// Calls a function of Thing Communication.
    ///
    /// # Errors
    /// It reverts.
    pub async fn things<C: SolCall>(&mut self, call: &C) -> eyre::Result<Value> {
        self.call(THINGS_ADDRESS, call, U256::ZERO).await
    }

    /// Defines a model from its document (`contracts/models`). Returns its id.
    ///
    /// # Errors
    /// The chain refuses it.
    ///
    /// # Panics
    /// The document is none.
    pub async fn define_model(&mut self, document: &str) -> eyre::Result<B256> {
        let define = model_call(document);
        self.call(SEMANTICS_ADDRESS, &define, U256::ZERO).await?;
        Ok(definition_id(&define))
    }

    /// Defines a mapping to a model. Returns its id.
    ///
    /// # Errors
    /// The chain refuses it.
    pub async fn define_mapping(&mut self, model: B256, format: Format, program: &str) -> eyre::Result<B256> {
        let program = program.as_bytes().to_vec().into();
        let define = ISemantics::defineMappingCall { model, format, program };
        self.call(SEMANTICS_ADDRESS, &define, U256::ZERO).await?;
        Ok(definition_id(&define))
    }

    /// Defines a model from its document, and a mapping to it from JSON. Returns the ids of both.
    ///
    /// # Errors
    /// The chain refuses one.
    ///
    /// # Panics
    /// The model's document is none.
    pub async fn define(&mut self, model: &str, mapping: &str) -> eyre::Result<(B256, B256)> {
        let model = self.define_model(model).await?;
        Ok((model, self.define_mapping(model, Format::Json, mapping).await?))
    }

    async fn send(&mut self, to: TxKind, data: Bytes, value: U256) -> eyre::Result<Value> {
        let (hash, raw) = sign(&self.key, DEV_CHAIN_ID, self.nonce, to, value, data, GAS, Fees::default());
        self.nonce += 1;
        self.rpc.call("eth_sendRawTransaction", json!([raw])).await?;
        let begun = Instant::now();
        loop {
            let receipt = self.rpc.call("eth_getTransactionReceipt", json!([hash])).await?;
            if !receipt.is_null() {
                ensure!(receipt["status"] == "0x1", "a transaction reverted: {receipt}");
                return Ok(receipt);
            }
            if begun.elapsed() > RECEIPT_MAX {
                bail!("{hash} has no receipt within {RECEIPT_MAX:?}");
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks a view function.
    ///
    /// # Errors
    /// It reverts, or answers with something else.
    pub async fn view<C: SolCall>(&self, to: Address, call: &C) -> eyre::Result<C::Return> {
        let data = Bytes::from(call.abi_encode());
        let answer = self.rpc.call("eth_call", json!([{ "to": to, "data": data }, "latest"])).await?;
        let bytes: Bytes = serde_json::from_value(answer)?;
        Ok(C::abi_decode_returns(&bytes)?)
    }

    /// Waits until a view function's answer is as wanted.
    ///
    /// # Errors
    /// It takes too long.
    pub async fn wait_for<C: SolCall>(
        &self,
        to: Address,
        call: &C,
        time_max: Duration,
        wanted: impl Fn(&C::Return) -> bool,
    ) -> eyre::Result<Duration> {
        let begun = Instant::now();
        loop {
            // A node that is being restarted answers later.
            if let Ok(answer) = self.view(to, call).await
                && wanted(&answer)
            {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > time_max {
                bail!("{} of {to} is not as wanted after {time_max:?}", C::SIGNATURE);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Money of an account.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn balance(&self, account: Address) -> eyre::Result<U256> {
        parse_quantity(&self.rpc.call("eth_getBalance", json!([account, "latest"])).await?)
    }
}

/// A contract's slot as a node's `eth_getProof` proves it against the state root of the node's head.
///
/// # Errors
/// The proof does not lead to the root.
pub async fn proved_slot(rpc: &Rpc, contract: Address, slot: U256) -> eyre::Result<U256> {
    let block = rpc.call("eth_getBlockByNumber", json!(["latest", false])).await?;
    let root: B256 = block["stateRoot"].as_str().wrap_err("no stateRoot")?.parse()?;
    let slots = [B256::from(slot)];
    let proof = Proof::ask(rpc, contract, &slots, &block["number"]).await?;
    proof.verify(root, contract, &slots)?;
    Ok(proof.storage_proof.first().wrap_err("no proof of the slot")?.value)
}
