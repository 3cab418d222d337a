//! What an operator may turn.
use crate::limits::RpcLimits;
use std::net::SocketAddr;

/// Addresses, namespaces, access rules and limits of the servers.
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
    /// Host names under which the HTTP server may be addressed; `*` for all. Addresses as numbers always may: this is
    /// against web pages that rebind their own name to this machine.
    pub http_vhosts: Vec<String>,
    /// Origins of web pages that may open a WebSocket; `*` for all. Programs send none and always may.
    pub ws_origins: Vec<String>,
    /// Bounds of requests and answers.
    pub limits: RpcLimits,
}

impl Default for RpcConfig {
    fn default() -> Self {
        let api = || ["eth", "net", "web3"].map(String::from).to_vec();
        Self {
            http: None,
            ws: None,
            http_api: api(),
            ws_api: api(),
            http_corsdomain: Vec::new(),
            http_vhosts: vec!["localhost".into()],
            ws_origins: Vec::new(),
            limits: RpcLimits::default(),
        }
    }
}
