//! [`NodeRpc`]: the way to a node's JSON-RPC, over HTTP or inside its process.
use super::limits::{NODE_ANSWER_BYTES_MAX, NODE_ANSWER_TIME, POLL};
use crate::GatewayError;
use async_trait::async_trait;
use serde_json::{Value, json};

/// A node's JSON-RPC.
#[async_trait]
pub trait NodeRpc: Send + Sync + 'static {
    /// Calls a method.
    ///
    /// # Errors
    /// [`GatewayError::Node`] without an answer; [`GatewayError::Refused`] for an error object.
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, GatewayError>;

    /// Waits until there may be news, or for a while.
    async fn news(&self);
}

/// A node that is asked over HTTP.
#[derive(Debug, Clone)]
pub struct HttpNode {
    url: String,
    client: reqwest::Client,
}

impl HttpNode {
    /// The node at `url`, `http://host:port`.
    ///
    /// # Errors
    /// [`GatewayError::Node`] if there can be no HTTP client.
    pub fn new(url: impl Into<String>) -> Result<Self, GatewayError> {
        let client = reqwest::Client::builder().timeout(NODE_ANSWER_TIME).build();
        let client = client.map_err(|error| GatewayError::Node { method: "connect", reason: error.to_string() })?;
        Ok(Self { url: url.into(), client })
    }
}

#[async_trait]
impl NodeRpc for HttpNode {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, GatewayError> {
        let failed = |reason: String| GatewayError::Node { method, reason };
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let sent = self.client.post(&self.url).json(&body).send().await;
        let mut response = sent.map_err(|error| failed(format!("{}: {error}", self.url)))?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(error.to_string()))? {
            if bytes.len().saturating_add(chunk.len()) > NODE_ANSWER_BYTES_MAX {
                return Err(failed(format!("the answer is longer than {NODE_ANSWER_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer = serde_json::from_slice(&bytes).map_err(|_| failed("the answer is no JSON".to_owned()))?;
        result(method, answer)
    }

    async fn news(&self) {
        tokio::time::sleep(POLL).await;
    }
}

/// The result in an answer of JSON-RPC.
///
/// # Errors
/// [`GatewayError::Refused`] if it is an error.
pub fn result(method: &'static str, mut answer: Value) -> Result<Value, GatewayError> {
    if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
        let code = error.get("code").and_then(Value::as_i64).unwrap_or_default();
        let message = error.get("message").and_then(Value::as_str).unwrap_or("an error without message");
        return Err(GatewayError::Refused { method, code, message: message.to_owned() });
    }
    Ok(answer.get_mut("result").map(Value::take).unwrap_or_default())
}
