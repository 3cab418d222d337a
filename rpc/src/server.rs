//! Starts the servers.
use crate::RpcConfig;
use pervade_chainspec::ChainSpec;
use pervade_storage::{ExecutedBlock, Storage};
use pervade_txpool::TxPool;
use std::sync::Arc;
use tokio::sync::broadcast;

/// What the handlers read.
#[derive(Clone)]
pub struct RpcContext {
    /// The chain.
    pub spec: Arc<ChainSpec>,
    /// Blocks and state.
    pub storage: Storage,
    /// The pool.
    pub pool: TxPool,
    /// Every new head, in order, after it is durable.
    pub heads: broadcast::Sender<ExecutedBlock>,
    /// This node takes transactions (a validator network); else `eth_sendRawTransaction` is refused: the chain is read-only.
    pub accepts_transactions: bool,
    /// `web3_clientVersion`.
    pub client_version: String,
}

/// Running servers.
pub struct RpcHandle {
    /// Bound HTTP address.
    pub http: Option<std::net::SocketAddr>,
    /// Bound WebSocket address.
    pub ws: Option<std::net::SocketAddr>,
}

impl RpcHandle {
    /// Stops taking requests and waits for those under way.
    pub async fn stop(self) {
        todo!()
    }
}

/// Binds the listeners and serves until stopped.
pub async fn serve(_config: RpcConfig, _context: RpcContext) -> Result<RpcHandle, std::io::Error> {
    todo!()
}
