//! [`Chain`]: what the service asks a node, and tells it.
use super::node::NodeRpc;
use crate::{GatewayError, Operation};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};
use pervade_evm_ext::things::IThings;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::sync::Arc;

#[allow(missing_docs)]
pub(crate) mod semantics_abi {
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/ISemantics.sol"
    );
}
use semantics_abi::ISemantics;

/// Whose word makes a result true; `IThings.Agreement`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Agreement {
    Gateway,
    Identical,
    Median,
    Device,
    Attested,
}

impl Agreement {
    /// Every gateway of the request fetches and signs.
    pub(crate) fn is_of_many(self) -> bool {
        matches!(self, Self::Identical | Self::Median)
    }

    /// The thing itself signs its result.
    pub(crate) fn is_of_thing(self) -> bool {
        matches!(self, Self::Device | Self::Attested)
    }
}

/// What is done to the thing; `IThings.Operation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum RequestOperation {
    ReadProperty,
    WriteProperty,
    InvokeAction,
}

impl From<RequestOperation> for Operation {
    fn from(operation: RequestOperation) -> Self {
        match operation {
            RequestOperation::ReadProperty => Self::ReadProperty,
            RequestOperation::WriteProperty => Self::WriteProperty,
            RequestOperation::InvokeAction => Self::InvokeAction,
        }
    }
}

/// A request, as `pervade_getRequest` shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Request {
    pub(crate) request_id: U256,
    pub(crate) thing: B256,
    pub(crate) operation: RequestOperation,
    pub(crate) affordance: String,
    pub(crate) input: Bytes,
    pub(crate) mapping_id: B256,
    pub(crate) agreement: Agreement,
    pub(crate) created: U64,
    pub(crate) deadline: U64,
    pub(crate) max_attempts: u8,
    pub(crate) max_result_bytes: u32,
    pub(crate) status: String,
    pub(crate) gateways: Vec<Address>,
    /// Provider of the Contract Database that proves the answer besides.
    pub(crate) provider: Option<B256>,
    /// Bytes of a file that are asked for, whose blocks prove themselves.
    pub(crate) content: Option<ContentRange>,
}

/// Bytes of a file by its content identifier.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ContentRange {
    /// Binary.
    pub(crate) cid: Bytes,
    pub(crate) offset: U64,
    /// 0 for all to the end.
    pub(crate) length: U64,
}

impl Request {
    /// Waits for an answer.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "queued")
    }
}

/// A thing, as `pervade_getThing` shows it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RegisteredThing {
    pub(crate) description: String,
    pub(crate) gateways: Vec<Address>,
}

/// A page of `pervade_getRequests`.
#[derive(Debug, Deserialize)]
struct RequestPage {
    requests: Vec<Request>,
    next: Option<U256>,
}

/// A log of the precompile.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Log {
    pub(crate) topics: Vec<B256>,
    pub(crate) data: Bytes,
    pub(crate) transaction_hash: B256,
}

/// The newest block.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head {
    pub(crate) number: U64,
    pub(crate) timestamp: U64,
    pub(crate) base_fee_per_gas: Option<U256>,
}

/// A chain, seen through one node. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chain {
    node: Arc<dyn NodeRpc>,
    /// Its id.
    pub(crate) id: u64,
}

impl Chain {
    /// Asks the node for the chain's id, and begins.
    ///
    /// # Errors
    /// The node does not answer.
    pub(crate) async fn open(node: Arc<dyn NodeRpc>) -> Result<Self, GatewayError> {
        let mut chain = Self { node, id: 0 };
        chain.id = chain.ask::<U64>("eth_chainId", json!([])).await?.to();
        Ok(chain)
    }

    /// Waits until there may be news: a block, or a word of another gateway.
    pub(crate) async fn news(&self) {
        self.node.news().await;
    }

    async fn ask<T: DeserializeOwned>(&self, method: &'static str, params: Value) -> Result<T, GatewayError> {
        let answer = self.node.call(method, params).await?;
        serde_json::from_value(answer)
            .map_err(|error| GatewayError::Node { method, reason: format!("unexpected answer: {error}") })
    }

    pub(crate) async fn head_number(&self) -> Result<U64, GatewayError> {
        self.ask("eth_blockNumber", json!([])).await
    }

    pub(crate) async fn head(&self) -> Result<Head, GatewayError> {
        self.ask("eth_getBlockByNumber", json!(["latest", false])).await
    }

    pub(crate) async fn request(&self, id: U256) -> Result<Option<Request>, GatewayError> {
        self.ask("pervade_getRequest", json!([id])).await
    }

    /// Open requests that name a gateway, the newest first, a page at a time.
    pub(crate) async fn open_requests(
        &self,
        gateway: Address,
        cursor: Option<U256>,
    ) -> Result<(Vec<Request>, Option<U256>), GatewayError> {
        let page: RequestPage =
            self.ask("pervade_getRequests", json!([{ "gateway": gateway, "cursor": cursor }])).await?;
        Ok((page.requests, page.next))
    }

    pub(crate) async fn thing(&self, id: B256) -> Result<Option<RegisteredThing>, GatewayError> {
        self.ask("pervade_getThing", json!([id])).await
    }

    /// Logs of the precompile in blocks `from` to `to` whose first topic is one of these.
    pub(crate) async fn logs(&self, from: u64, to: u64, kinds: &[B256]) -> Result<Vec<Log>, GatewayError> {
        let filter = json!({
            "fromBlock": U64::from(from), "toBlock": U64::from(to), "address": THINGS_ADDRESS, "topics": [kinds],
        });
        self.ask("eth_getLogs", json!([filter])).await
    }

    /// Words of gateways about these requests, as messages.
    pub(crate) async fn words(&self, requests: &[U256]) -> Result<Vec<Bytes>, GatewayError> {
        self.ask("pervade_getAnswers", json!([requests])).await
    }

    /// Tells the other gateways.
    pub(crate) async fn speak(&self, message: &Bytes) -> Result<(), GatewayError> {
        self.ask::<Value>("pervade_submitAnswer", json!([message])).await.map(drop)
    }

    /// Which of these messages, each a thing and a sequence, a block has. Those of unknown things: none.
    pub(crate) async fn are_published(&self, messages: &[(B256, u64)]) -> Result<Vec<bool>, GatewayError> {
        let calls = messages.iter().map(|(thing, sequence)| {
            let call = IThings::isPublishedCall { thing: *thing, sequence: *sequence };
            json!([{ "to": THINGS_ADDRESS, "data": Bytes::from(call.abi_encode()) }, "latest"])
        });
        let answers = self.node.call_all("eth_call", calls.collect()).await?;
        let is_true = |answer: Value| {
            let bytes: Option<Bytes> = serde_json::from_value(answer).ok();
            bytes.and_then(|bytes| IThings::isPublishedCall::abi_decode_returns(&bytes).ok()).unwrap_or_default()
        };
        Ok(answers.into_iter().map(|answer| answer.is_ok_and(is_true)).collect())
    }

    /// Reads a payload through a mapping, as the chain itself does. What has no time of its own has time 0.
    pub(crate) async fn normalize(
        &self,
        mapping: B256,
        subject: B256,
        payload: &[u8],
    ) -> Result<Vec<ISemantics::Observation>, GatewayError> {
        let payload = Bytes::copy_from_slice(payload);
        let call = ISemantics::normalizeCall { mappingId: mapping, subject, payload };
        let answer = self.call_contract(SEMANTICS_ADDRESS, call.abi_encode(), json!({ "time": "0x0" })).await?;
        ISemantics::normalizeCall::abi_decode_returns(&answer)
            .map_err(|error| GatewayError::Node { method: "eth_call", reason: error.to_string() })
    }

    async fn call_contract(&self, to: Address, data: Vec<u8>, block: Value) -> Result<Bytes, GatewayError> {
        self.ask("eth_call", json!([{ "to": to, "data": Bytes::from(data) }, "latest", {}, block])).await
    }

    pub(crate) async fn estimate_gas(&self, from: Address, to: Address, data: &Bytes) -> Result<u64, GatewayError> {
        let call = json!({ "from": from, "to": to, "data": data });
        Ok(self.ask::<U64>("eth_estimateGas", json!([call])).await?.to())
    }

    /// Next nonce of an account after a block.
    pub(crate) async fn nonce_at(&self, account: Address, number: U64) -> Result<u64, GatewayError> {
        Ok(self.ask::<U64>("eth_getTransactionCount", json!([account, number])).await?.to())
    }

    /// Next nonce of an account after what waits in the node's pool.
    pub(crate) async fn nonce_pending(&self, account: Address) -> Result<u64, GatewayError> {
        Ok(self.ask::<U64>("eth_getTransactionCount", json!([account, "pending"])).await?.to())
    }

    pub(crate) async fn tip(&self) -> Result<u128, GatewayError> {
        Ok(self.ask::<U256>("eth_maxPriorityFeePerGas", json!([])).await?.saturating_to())
    }

    pub(crate) async fn balance(&self, account: Address) -> Result<U256, GatewayError> {
        self.ask("eth_getBalance", json!([account, "latest"])).await
    }

    pub(crate) async fn send(&self, transaction: &Bytes) -> Result<B256, GatewayError> {
        self.ask("eth_sendRawTransaction", json!([transaction])).await
    }
}
