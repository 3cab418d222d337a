//! Starts the servers.
use crate::{
    RpcConfig,
    api::{Api, Module},
    cluster::Cluster,
    database, eth, gateway,
    gateway::{AnswerBoard, GatewayView},
    http::{Access, AccessLayer, Probe, cors},
    limits::STOP_TIME_MAX,
    local::LocalCalls,
    middleware::{CallLayer, Methods},
    net, observations,
    observations::ObservedBlock,
    pervade, receipt_proof, subscribe, things, txpool, web3,
};
use jsonrpsee::{
    server::{
        BatchRequestConfig, IdProvider, PingConfig, RegisterMethodError, Server, ServerConfig, ServerHandle,
        middleware::rpc::RpcServiceBuilder,
    },
    types::SubscriptionId,
};
use pervade_chainspec::ChainSpec;
use pervade_storage::{ExecutedBlock, Storage};
use pervade_txpool::TxPool;
use std::{io, net::SocketAddr, sync::Arc};
use tokio::sync::broadcast;

/// Namespaces that can be served.
pub const NAMESPACES: [&str; 5] = ["eth", "net", "web3", "txpool", "pervade"];

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
    /// Every new block with what it says, in order, after the canonical index has it.
    pub observed: broadcast::Sender<Arc<ObservedBlock>>,
    /// The network that this node is part of.
    pub cluster: Cluster,
    /// Where the signed answers of gateways meet.
    pub answers: Option<Arc<dyn AnswerBoard>>,
    /// The gateway inside this node.
    pub gateway: Option<Arc<dyn GatewayView>>,
    /// `web3_clientVersion`.
    pub client_version: String,
    /// `GET /health`: the process works, no write has failed.
    pub health: Probe,
    /// `GET /ready`: the node serves its chain.
    pub ready: Probe,
}

/// Running servers. Dropping it stops them.
#[derive(Debug)]
pub struct RpcHandle {
    /// Bound HTTP address.
    pub http: Option<SocketAddr>,
    /// Bound WebSocket address.
    pub ws: Option<SocketAddr>,
    /// The same methods inside this process.
    pub local: LocalCalls,
    servers: Vec<ServerHandle>,
}

impl RpcHandle {
    /// Stops taking requests and waits for those under way, for a bounded time.
    pub async fn stop(self) {
        for server in &self.servers {
            // An error says that it has stopped already.
            let _ = server.stop();
        }
        let stopped = async {
            for server in self.servers {
                server.stopped().await;
            }
        };
        if tokio::time::timeout(STOP_TIME_MAX, stopped).await.is_err() {
            tracing::warn!("requests were still under way when the servers stopped");
        }
    }
}

/// Binds the listeners and serves until stopped.
///
/// # Errors
/// An address that cannot be bound, or a namespace that does not exist.
pub async fn serve(config: RpcConfig, context: RpcContext) -> Result<RpcHandle, io::Error> {
    for name in config.http_api.iter().chain(&config.ws_api) {
        if !NAMESPACES.contains(&name.as_str()) {
            let reason = format!("unknown API namespace {name:?}: there are {}", NAMESPACES.join(", "));
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
    }
    let access = Arc::new(Access {
        vhosts: config.http_vhosts.clone(),
        ws_origins: config.ws_origins.clone(),
        health: context.health.clone(),
        ready: context.ready.clone(),
    });
    let api = Arc::new(Api::new(context, config.limits.clone()));
    let start = |address, serves| Listener { config: &config, access: &access, api: &api, serves }.start(address);
    let local = LocalCalls::new(module(api.clone()).map_err(io::Error::other)?);
    let mut handle = RpcHandle { http: None, ws: None, local, servers: Vec::new() };
    match (config.http, config.ws) {
        (Some(http), Some(ws)) if http == ws => {
            let (address, server) = start(http, Serves::Both).await?;
            (handle.http, handle.ws) = (Some(address), Some(address));
            handle.servers.push(server);
        }
        (http, ws) => {
            if let Some(http) = http {
                let (address, server) = start(http, Serves::Http).await?;
                handle.http = Some(address);
                handle.servers.push(server);
            }
            if let Some(ws) = ws {
                let (address, server) = start(ws, Serves::Ws).await?;
                handle.ws = Some(address);
                handle.servers.push(server);
            }
        }
    }
    Ok(handle)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serves {
    Http,
    Ws,
    Both,
}

struct Listener<'a> {
    config: &'a RpcConfig,
    access: &'a Arc<Access>,
    api: &'a Arc<Api>,
    serves: Serves,
}

impl Listener<'_> {
    async fn start(self, address: SocketAddr) -> Result<(SocketAddr, ServerHandle), io::Error> {
        let serves = self.serves;
        let module = module(self.api.clone()).map_err(io::Error::other)?;
        let http = |name: &str| serves != Serves::Ws && served(name, &self.config.http_api);
        let ws = |name: &str| serves != Serves::Http && served(name, &self.config.ws_api);
        let methods = Methods::new(module.method_names(), http, ws);
        let layer = CallLayer::new(methods, self.config.limits.response_bytes_max as usize);
        let pages = tower::ServiceBuilder::new()
            .option_layer(cors(&self.config.http_corsdomain))
            .layer(AccessLayer(self.access.clone()));
        let server = Server::builder()
            .set_config(self.settings())
            .set_rpc_middleware(RpcServiceBuilder::new().layer(layer))
            .set_http_middleware(pages)
            .build(address)
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("cannot listen on {address}: {error}")))?;
        let bound = server.local_addr()?;
        Ok((bound, server.start(module)))
    }

    fn settings(&self) -> ServerConfig {
        let limits = &self.config.limits;
        let settings = ServerConfig::builder()
            .max_request_body_size(limits.request_bytes_max)
            .max_response_body_size(limits.response_bytes_max)
            .max_connections(limits.connections_max)
            .max_subscriptions_per_connection(limits.subscriptions_max)
            .set_batch_request_config(BatchRequestConfig::Limit(limits.batch_entries_max))
            .set_message_buffer_capacity(limits.ws_messages_max.max(1))
            .enable_ws_ping(PingConfig::default())
            .set_id_provider(HexIds);
        match self.serves {
            Serves::Http => settings.http_only().build(),
            Serves::Ws => settings.ws_only().build(),
            Serves::Both => settings.build(),
        }
    }
}

/// All methods there are.
pub(crate) fn module(api: Arc<Api>) -> Result<Module, RegisterMethodError> {
    let mut module = Module::from_arc(api);
    eth::register(&mut module)?;
    net::register(&mut module)?;
    web3::register(&mut module)?;
    txpool::register(&mut module)?;
    pervade::register(&mut module)?;
    database::register(&mut module)?;
    things::register(&mut module)?;
    observations::register(&mut module)?;
    receipt_proof::register(&mut module)?;
    subscribe::register(&mut module)?;
    gateway::register(&mut module)?;
    Ok(module)
}

/// Whether the namespace of a method is among these.
fn served(method: &str, namespaces: &[String]) -> bool {
    method.split_once('_').is_some_and(|(namespace, _)| namespaces.iter().any(|n| n == namespace))
}

/// Subscription ids as Ethereum clients know them: 128 random bits in hex.
#[derive(Debug)]
struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        format!("{:#034x}", rand::random::<u128>()).into()
    }
}
