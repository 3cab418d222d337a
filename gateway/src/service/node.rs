//! [`NodeRpc`]: the way to a node's JSON-RPC, over HTTP or inside its process.
use super::limits::{NODE_ANSWER_BYTES_MAX, NODE_ANSWER_TIME, POLL};
use crate::{GatewayError, error::innermost};
use async_trait::async_trait;
use pervade_chainspec::params::BATCH_MESSAGES_MAX;
use serde_json::{Value, json};

/// A node's JSON-RPC.
#[async_trait]
pub trait NodeRpc: Send + Sync + 'static {
    /// Calls a method.
    ///
    /// # Errors
    /// [`GatewayError::Node`] without an answer; [`GatewayError::Refused`] for an error object.
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, GatewayError>;

    /// Calls a method with each of these parameters: their answers, in the same order. Together where a way to the node costs
    /// more than a call, else one after the other.
    ///
    /// # Errors
    /// [`GatewayError::Node`] without an answer to one of them.
    async fn call_all(
        &self,
        method: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<Result<Value, GatewayError>>, GatewayError> {
        let mut answers = Vec::with_capacity(params.len());
        for params in params {
            match self.call(method, params).await {
                Err(error @ GatewayError::Node { .. }) => return Err(error),
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

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

    /// Posts a call or a batch of calls; what comes back is JSON.
    async fn post(&self, method: &'static str, body: &Value) -> Result<Value, GatewayError> {
        let failed = |reason: String| GatewayError::Node { method, reason };
        let sent = self.client.post(&self.url).json(body).send().await;
        let mut response = sent.map_err(|error| {
            let advice =
                if error.is_connect() { ": is the node running, and does it serve HTTP (--http) there?" } else { "" };
            failed(format!("{}: {}{advice}", self.url, innermost(&error)))
        })?;
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(error.to_string()))? {
            if bytes.len().saturating_add(chunk.len()) > NODE_ANSWER_BYTES_MAX {
                return Err(failed(format!("the answer is longer than {NODE_ANSWER_BYTES_MAX} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        serde_json::from_slice(&bytes).map_err(|_| failed("the answer is no JSON".to_owned()))
    }
}

#[async_trait]
impl NodeRpc for HttpNode {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, GatewayError> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        result(method, self.post(method, &body).await?)
    }

    /// In batches of as many as a transaction has messages, which is far below what a node takes at once.
    async fn call_all(
        &self,
        method: &'static str,
        params: Vec<Value>,
    ) -> Result<Vec<Result<Value, GatewayError>>, GatewayError> {
        let mut answers = Vec::with_capacity(params.len());
        for page in params.chunks(BATCH_MESSAGES_MAX) {
            let calls = page.iter().enumerate();
            let calls =
                calls.map(|(id, params)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
            let all = self.post(method, &Value::Array(calls.collect())).await?;
            answers.extend(in_order(method, page.len(), all)?.into_iter().map(|answer| result(method, answer)));
        }
        Ok(answers)
    }

    async fn news(&self) {
        tokio::time::sleep(POLL).await;
    }
}

/// The answers to calls with ids from 0, which a node may give in any order.
fn in_order(method: &'static str, count: usize, answers: Value) -> Result<Vec<Value>, GatewayError> {
    let failed = |reason: String| GatewayError::Node { method, reason };
    let Value::Array(answers) = answers else { return Err(failed(format!("a batch is answered by {answers}"))) };
    let mut by_id = vec![None; count];
    for answer in answers {
        let id = answer.get("id").and_then(Value::as_u64).and_then(|id| usize::try_from(id).ok());
        if let Some(place) = id.and_then(|id| by_id.get_mut(id)) {
            *place = Some(answer);
        }
    }
    let all: Option<Vec<_>> = by_id.into_iter().collect();
    all.ok_or_else(|| failed("a call of a batch is not answered".to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_a_batch_are_put_in_order_and_each_call_has_one() {
        let answers = json!([{ "id": 1, "result": "b" }, { "id": 0, "result": "a" }, { "id": 7, "result": "?" }]);
        let ordered = in_order("eth_call", 2, answers.clone()).unwrap();
        assert_eq!(ordered, [json!({ "id": 0, "result": "a" }), json!({ "id": 1, "result": "b" })]);
        in_order("eth_call", 3, answers).unwrap_err();
        in_order("eth_call", 1, json!({ "id": null, "error": { "code": -32005 } })).unwrap_err();
    }
}
