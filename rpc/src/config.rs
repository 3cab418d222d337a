//! What an operator may turn.
use std::net::SocketAddr;

/// Addresses, namespaces and limits of the servers.
#[derive(Debug, Clone)]
pub struct RpcConfig {
    /// HTTP listener.
    pub http: Option<SocketAddr>,
    /// WebSocket listener; may be the HTTP one.
    pub ws: Option<SocketAddr>,
    /// Namespaces served over HTTP.
    pub http_api: Vec<String>,
    /// Namespaces served over WebSocket.
    pub ws_api: Vec<String>,
    /// Allowed CORS origins; `*` for all.
    pub http_corsdomain: Vec<String>,
}
