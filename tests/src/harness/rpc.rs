//! A plain JSON-RPC client over HTTP.
use alloy_primitives::U256;
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// Why a call has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum RpcFailure {
    /// No answer, or none that is JSON-RPC.
    #[error("no answer: {reason}")]
    Transport {
        /// What the client saw.
        reason: String,
    },
    /// The node answered with an error object.
    #[error("error {code}: {message}")]
    Refused {
        /// The error's code.
        code: i64,
        /// Its message.
        message: String,
        /// Its data, `null` if there is none.
        data: Value,
    },
}

impl RpcFailure {
    fn transport(reason: impl ToString) -> Self {
        Self::Transport { reason: reason.to_string() }
    }

    /// The node did not get to answer: it may be dead.
    pub fn is_transport(&self) -> bool {
        matches!(self, Self::Transport { .. })
    }
}

/// A client of one node. Clones by reference only: ids count up per client.
#[derive(Debug)]
pub struct Rpc {
    url: String,
    client: reqwest::Client,
    next_id: AtomicU64,
}

impl Rpc {
    /// A client for `url`, with a connection pool of its own.
    ///
    /// # Panics
    /// Never in practice: without TLS the HTTP client has nothing to fail on.
    pub fn new(url: impl Into<String>) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_MAX).build().expect("a plain HTTP client");
        Self { url: url.into(), client, next_id: AtomicU64::new(1) }
    }

    /// The node's HTTP address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Calls a method.
    ///
    /// # Errors
    /// See [`RpcFailure`].
    pub async fn call(&self, method: &str, params: Value) -> Result<Value, RpcFailure> {
        let answer = self.post(&self.request(method, params)).await?;
        result_of(answer)
    }

    /// Calls several methods in one batch; answers in the order of the calls.
    ///
    /// # Errors
    /// The batch as a whole has no answer. Errors of single calls are inside.
    pub async fn batch(&self, calls: Vec<(&str, Value)>) -> Result<Vec<Result<Value, RpcFailure>>, RpcFailure> {
        let requests: Vec<Value> = calls.into_iter().map(|(method, params)| self.request(method, params)).collect();
        let mut answers = match self.post(&Value::Array(requests.clone())).await? {
            Value::Array(answers) => answers,
            other => return Err(RpcFailure::transport(format!("a batch was answered with {other}"))),
        };
        if answers.len() != requests.len() {
            return Err(RpcFailure::transport(format!("{} answers for {} calls", answers.len(), requests.len())));
        }
        answers.sort_by_key(|answer| answer["id"].as_u64());
        Ok(answers.into_iter().map(result_of).collect())
    }

    fn request(&self, method: &str, params: Value) -> Value {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
    }

    async fn post(&self, body: &Value) -> Result<Value, RpcFailure> {
        let response = self.client.post(&self.url).json(body).send().await.map_err(RpcFailure::transport)?;
        let status = response.status();
        let text = response.text().await.map_err(RpcFailure::transport)?;
        serde_json::from_str(&text).map_err(|e| RpcFailure::transport(format!("HTTP {status}: {e}: {text:.200}")))
    }
}

fn result_of(mut answer: Value) -> Result<Value, RpcFailure> {
    if let Some(error) = answer.get("error") {
        return Err(RpcFailure::Refused {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
            data: error["data"].clone(),
        });
    }
    match answer.get_mut("result") {
        Some(result) => Ok(result.take()),
        None => Err(RpcFailure::transport(format!("neither result nor error: {answer}"))),
    }
}

/// A `0x` quantity of an answer.
///
/// # Errors
/// It is none, or longer than 256 bits.
pub fn parse_quantity(value: &Value) -> eyre::Result<U256> {
    let text = value.as_str().ok_or_else(|| eyre::eyre!("not a quantity: {value}"))?;
    let digits = text.strip_prefix("0x").ok_or_else(|| eyre::eyre!("not a quantity: {text}"))?;
    Ok(U256::from_str_radix(digits, 16)?)
}
