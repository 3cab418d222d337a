//! [`LocalCalls`]: JSON-RPC inside the process, for what runs beside the servers and is their client all the same.
use crate::api::Module;
use jsonrpsee::Methods;
use serde_json::{Value, json};

/// Notifications of a call: none of what is called here sends any.
const NOTIFICATIONS_MAX: usize = 1;

/// Calls methods without a server. Every namespace is served; limits of single methods hold.
#[derive(Debug, Clone)]
pub struct LocalCalls(Methods);

impl LocalCalls {
    pub(crate) fn new(module: Module) -> Self {
        Self(module.into())
    }

    /// Calls a method; the answer is the whole object of JSON-RPC, with `result` or `error`.
    ///
    /// # Errors
    /// What is called is not JSON, or the answer is none.
    pub async fn call(&self, method: &str, params: &Value) -> Result<Value, serde_json::Error> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        let (answer, _) = self.0.raw_json_request(&request, NOTIFICATIONS_MAX).await?;
        serde_json::from_str(answer.get())
    }
}
