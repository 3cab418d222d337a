//! `pervade gateway`: a gateway beside any node.
use crate::{NodeError, gateway::bindings, keys, metrics, shutdown::Shutdown};
use clap::Args;
use pervade_gateway::service::{Gateway, HttpNode, StatusBoard};
use std::{net::SocketAddr, path::PathBuf, sync::Arc};

/// Arguments of `pervade gateway`.
#[derive(Debug, Args)]
pub struct GatewayArgs {
    /// JSON-RPC of the node to work with; it must serve the namespaces eth and pervade
    #[arg(long, env = "PERVADE_RPC", value_name = "URL", default_value = "http://127.0.0.1:8545")]
    pub rpc: String,
    /// TOML file with what the gateway may reach, and its credentials
    #[arg(long, env = "PERVADE_GATEWAY", value_name = "FILE")]
    pub config: PathBuf,
    /// Keystore (version 3) of the gateway's account, which things and requests name; see `pervade keys new`
    #[arg(long, env = "PERVADE_GATEWAY_KEY", value_name = "FILE")]
    pub key: PathBuf,
    /// File whose first line opens the keystore (without it: asked on the terminal)
    #[arg(long, env = "PERVADE_GATEWAY_PASSWORD", value_name = "FILE")]
    pub password: Option<PathBuf>,
    /// Serves /metrics, /status and /health there (without it: nowhere)
    #[arg(long, env = "PERVADE_METRICS", value_name = "ADDR:PORT")]
    pub metrics: Option<SocketAddr>,
}

/// Runs `pervade gateway ...` until a signal.
///
/// # Errors
/// A file is refused, or the address is taken. A node that does not answer is asked again.
pub fn run(args: &GatewayArgs) -> Result<(), NodeError> {
    super::block_on(serve(args))?
}

async fn serve(args: &GatewayArgs) -> Result<(), NodeError> {
    let shutdown = Shutdown::default();
    shutdown.on_signals()?;
    let bindings = bindings(&args.config)?;
    let key = keys::read_keystore(&args.key, &keys::read_password(args.password.as_deref())?)?;
    let node = HttpNode::new(&args.rpc).map_err(|error| NodeError::Gateway(Box::new(error)))?;
    let status = StatusBoard::default();
    if let Some(addr) = args.metrics {
        metrics::install();
        let bound = metrics::serve_gateway(addr, status.clone(), shutdown.clone()).await?;
        tracing::info!(metrics = %bound, "metrics are served");
    }
    let gateway = Gateway::new(Arc::new(node), bindings, key, status);
    tracing::info!(account = %gateway.account(), rpc = args.rpc, "gateway started");
    tokio::select! {
        () = shutdown.begun() => {}
        () = Box::pin(gateway.run()) => {}
    }
    tracing::info!("gateway stopped");
    Ok(())
}
