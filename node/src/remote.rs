//! A client of another node's JSON-RPC, for commands that ask one.
use crate::NodeError;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Largest answer that is read, bytes: 256 changes of the largest validator set fit.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A node that is asked. Nothing that it answers is taken for true without a proof.
#[derive(Debug, Clone)]
pub struct Remote {
    url: String,
    client: reqwest::Client,
}

impl Remote {
    /// The node at `url`, `http://host:port`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), client: reqwest::Client::new() }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// [`NodeError::Remote`]: no answer, an error, or one that is too long or malformed.
    pub async fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, NodeError> {
        self.call_within(method, params, ANSWER_TIME_MAX).await
    }

    /// [`Self::call`] with another limit of time.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn call_within<T: DeserializeOwned>(
        &self,
        method: &str,
        params: Value,
        time_max: Duration,
    ) -> Result<T, NodeError> {
        let wrong = |reason: String| NodeError::Remote { url: self.url.clone(), reason };
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = async {
            let mut response =
                self.client.post(&self.url).json(&body).send().await.map_err(|e| wrong(e.to_string()))?;
            let mut bytes = Vec::new();
            while let Some(chunk) = response.chunk().await.map_err(|e| wrong(e.to_string()))? {
                if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                    return Err(wrong(format!("{method}: the answer is longer than {ANSWER_BYTES_MAX} bytes")));
                }
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes)
        };
        let bytes = tokio::time::timeout(time_max, answer)
            .await
            .map_err(|_| wrong(format!("{method}: no answer within {} s", time_max.as_secs_f32())))??;
        let mut answer: Value =
            serde_json::from_slice(&bytes).map_err(|_| wrong(format!("{method}: the answer is no JSON")))?;
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            return Err(wrong(format!(
                "{method}: {}",
                error["message"].as_str().unwrap_or("an error without message")
            )));
        }
        let result = answer.get_mut("result").map(Value::take).unwrap_or_default();
        serde_json::from_value(result).map_err(|e| wrong(format!("{method}: unexpected answer: {e}")))
    }
}
