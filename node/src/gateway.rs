//! The gateway inside a node: the same service as the one that stands alone, with a way to the node that is not a socket.
use crate::{NodeError, answers::Answers, config::GatewaySettings, shutdown::Shutdown};
use alloy_signer_local::PrivateKeySigner;
use pervade_gateway::{
    Bindings, GatewayConfig, GatewayError, SystemResolver,
    service::{Gateway, NodeRpc, StatusBoard, result},
};
use pervade_rpc::{GatewayView, LocalCalls};
use pervade_storage::ExecutedBlock;
use serde_json::Value;
use std::{path::Path, sync::Arc};
use tokio::{
    sync::{
        Notify,
        broadcast::{self, error::RecvError},
    },
    task::JoinHandle,
};

/// A gateway that is to run: what it may reach, and its account.
pub struct GatewayRole {
    /// Its ways to things.
    pub bindings: Bindings,
    /// Key of its account.
    pub key: PrivateKeySigner,
}

impl GatewayRole {
    /// Reads what the settings name; `None` if they name no gateway. `dev` is the account that a development network has for it.
    ///
    /// # Errors
    /// A file cannot be read, or there is no key.
    pub fn read(settings: &GatewaySettings, dev: Option<PrivateKeySigner>) -> Result<Option<Self>, NodeError> {
        let Some(file) = &settings.config else { return Ok(None) };
        let missing = || NodeError::Setting {
            setting: "gateway.key",
            reason: "is missing: a gateway signs what it reports with the key of its account".into(),
        };
        let key = match &settings.key {
            Some(key) => crate::keys::read_keystore(key, &crate::keys::read_password(settings.password.as_deref())?)?,
            None => dev.ok_or_else(missing)?,
        };
        Ok(Some(Self { bindings: bindings(file)?, key }))
    }
}

/// The bindings that a configuration file allows.
///
/// # Errors
/// The file cannot be used.
pub fn bindings(file: &Path) -> Result<Bindings, NodeError> {
    let config = GatewayConfig::read(file).map_err(|error| NodeError::Gateway(Box::new(error)))?;
    Bindings::new(config, SystemResolver).map_err(|error| NodeError::Gateway(Box::new(error)))
}

/// What a node shows of its gateway.
pub struct Shown(pub StatusBoard);

impl GatewayView for Shown {
    fn status(&self) -> Value {
        serde_json::to_value(self.0.get()).unwrap_or_default()
    }
}

/// The node, seen from inside.
struct LocalNode {
    calls: LocalCalls,
    news: Arc<Notify>,
}

#[async_trait::async_trait]
impl NodeRpc for LocalNode {
    async fn call(&self, method: &'static str, params: Value) -> Result<Value, GatewayError> {
        let answer = self.calls.call(method, &params).await;
        let answer = answer.map_err(|error| GatewayError::Node { method, reason: error.to_string() })?;
        result(method, answer)
    }

    async fn news(&self) {
        self.news.notified().await;
    }
}

/// Starts the gateway; it ends with the shutdown.
pub fn start(
    role: GatewayRole,
    calls: LocalCalls,
    answers: &Answers,
    heads: &broadcast::Sender<ExecutedBlock>,
    status: StatusBoard,
    shutdown: Shutdown,
) -> JoinHandle<()> {
    let news = answers.news.clone();
    let node = LocalNode { calls, news: news.clone() };
    let gateway = Gateway::new(Arc::new(node), role.bindings, role.key, status);
    tracing::info!(account = %gateway.account(), "gateway started");
    let mut heads = heads.subscribe();
    tokio::spawn(async move {
        let announce = async {
            // However many blocks were missed: there is news.
            while !matches!(heads.recv().await, Err(RecvError::Closed)) {
                news.notify_one();
            }
        };
        tokio::select! {
            () = shutdown.begun() => {}
            () = announce => {}
            () = Box::pin(gateway.run()) => {}
        }
    })
}
