//! A running node: storage, ledger, pool, servers and block production, wired together.
//!
//! ```text
//!   clients ──► rpc ──► txpool ──► producer ──► ledger ──► storage
//!                ▲                or cluster                   │
//!                │                    │ heads                  │
//!                └────────────────────┴────────────────────────┘
//! ```
use crate::{
    NodeError,
    answers::Answers,
    cluster::{Cluster, ClusterSettings},
    config::NodeConfig,
    content,
    datadir::DataDir,
    gateway::{self, GatewayRole, Shown},
    health::Health,
    ledger::Ledger,
    metrics::{self, MetricsSource},
    observer::{Observer, ObserverThread},
    pacing::Pacing,
    producer::Producer,
    shutdown::Shutdown,
};
use alloy_primitives::Address;
use alloy_signer_local::PrivateKeySigner;
use pervade_chainspec::ChainSpec;
use pervade_gateway::service::StatusBoard;
use pervade_p2p::NetworkHandle;
use pervade_rpc::{AnswerBoard, ClusterView, GatewayView, RpcContext, RpcHandle};
use pervade_storage::{Storage, StorageError};
use pervade_txpool::TxPool;
use std::{
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::{
    runtime::Handle,
    sync::{broadcast, oneshot},
    task::JoinHandle,
};

/// New heads that a slow subscriber may lag behind before it loses the oldest.
const HEADS_KEPT: usize = 64;
/// Blocks with their observations that a slow subscriber may lag behind before it loses its subscription.
const OBSERVED_KEPT: usize = 64;
/// Longest wait for requests under way when the node stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// What this node does on its chain.
#[derive(Debug, Clone)]
pub enum Role {
    /// Makes all blocks by itself, in the name of this account, without agreement: a development node.
    Producer {
        /// The validator's account.
        account: Address,
        /// When blocks are made.
        pacing: Pacing,
    },
    /// Decides blocks with the other validators, if there are others, or follows them.
    Member {
        /// Consensus key of a validator; `None` for a follower.
        key: Option<PrivateKeySigner>,
    },
    /// Serves what is stored: the chain has no validators.
    ReadOnly,
}

impl Role {
    /// For log lines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Producer { .. } | Self::Member { key: Some(_) } => "validator",
            Self::Member { key: None } => "follower",
            Self::ReadOnly => "read-only",
        }
    }
}

/// A data directory with its chain, opened.
pub struct OpenedChain {
    /// The chain.
    pub spec: Arc<ChainSpec>,
    /// Blocks and state.
    pub storage: Storage,
    /// Where they are.
    pub datadir: DataDir,
    /// Removed when the node ends.
    pub temporary: Option<TempDir>,
}

/// A running node.
pub struct Node {
    /// Bound address of JSON-RPC over HTTP.
    pub http: Option<SocketAddr>,
    /// Bound address of JSON-RPC over WebSocket.
    pub ws: Option<SocketAddr>,
    /// Bound address of the metrics page.
    pub metrics: Option<SocketAddr>,
    ledger: Ledger,
    pool: TxPool,
    health: Health,
    shutdown: Shutdown,
    rpc: RpcHandle,
    metrics_server: Option<JoinHandle<()>>,
    /// Gets what ended block production, or agreement.
    blocks: Option<oneshot::Receiver<Result<(), NodeError>>>,
    network: Option<NetworkHandle>,
    observer: Option<ObserverThread>,
    gateway: Option<JoinHandle<()>>,
    temporary: Option<TempDir>,
}

impl Node {
    /// Opens the pool, binds the servers and starts making blocks.
    ///
    /// # Errors
    /// The stored chain is damaged, or an address is taken.
    pub async fn start(
        config: &NodeConfig,
        chain: OpenedChain,
        role: Role,
        gateway: Option<GatewayRole>,
        shutdown: Shutdown,
    ) -> Result<Self, NodeError> {
        let started = Instant::now();
        // Without a server nobody empties the recorder: it would only grow.
        if config.operator.metrics.is_some() {
            metrics::install();
        }
        let OpenedChain { spec, storage, datadir, temporary } = chain;
        let network = match &role {
            Role::Member { .. } => Some(config.network_config(datadir.root())?),
            _ => None,
        };
        content::ensure(&spec, &storage, network, &shutdown).await?;
        let ledger = open_ledger(spec.clone(), storage.clone()).await?;
        let pool = TxPool::open(&datadir.txpool(), spec.clone(), storage.clone(), config.pool_config())?;
        let heads = broadcast::Sender::new(HEADS_KEPT);
        let observed = broadcast::Sender::new(OBSERVED_KEPT);
        let answers = Arc::new(Answers::new(spec.clone(), storage.clone()));
        let cluster = match &role {
            Role::Member { key } => {
                let settings = cluster_settings(config, &datadir, key.clone(), answers.clone())?;
                Some(Cluster::start(settings, ledger.clone(), pool.clone(), heads.clone(), shutdown.clone()).await?)
            }
            _ => None,
        };
        let view = cluster.as_ref().map(|cluster| cluster.view.clone());
        let health = Health::new(storage.clone(), shutdown.clone(), view.clone());
        let status = StatusBoard::default();
        let context = RpcContext {
            spec: spec.clone(),
            storage: storage.clone(),
            pool: pool.clone(),
            heads: heads.clone(),
            observed: observed.clone(),
            cluster: view.map(|view| view as Arc<dyn ClusterView>),
            answers: spec.pervade().is_some().then(|| answers.clone() as Arc<dyn AnswerBoard>),
            gateway: gateway.is_some().then(|| Arc::new(Shown(status.clone())) as Arc<dyn GatewayView>),
            client_version: crate::client_version(),
            health: health.healthy_probe(),
            ready: health.ready_probe(),
        };
        let addresses = format!("JSON-RPC on http {:?}, ws {:?}", config.rpc_config().http, config.rpc_config().ws);
        let rpc = pervade_rpc::serve(config.rpc_config(), context)
            .await
            .map_err(|source| NodeError::Serve { what: addresses, source })?;
        let source = MetricsSource { storage: storage.clone(), pool: pool.clone(), health: health.clone(), started };
        let (metrics, metrics_server) = match config.operator.metrics {
            Some(addr) => {
                let (bound, server) = metrics::serve(addr, source, shutdown.clone()).await?;
                (Some(bound), Some(server))
            }
            None => (None, None),
        };

        let gateway =
            gateway.map(|role| gateway::start(role, rpc.local.clone(), &answers, &heads, status, shutdown.clone()));
        let (blocks, network) = match (role, cluster) {
            (Role::Producer { account, pacing }, _) => {
                let producer = Producer {
                    ledger: ledger.clone(),
                    pool: pool.clone(),
                    heads,
                    proposer: account,
                    pacing,
                    shutdown: shutdown.clone(),
                };
                (Some(producer.start(Handle::current())?), None)
            }
            (_, Some(cluster)) => (Some(cluster.ended), Some(cluster.network)),
            (_, None) => (None, None),
        };
        // Last: a node that does not start leaves no thread behind.
        let observer = match Observer::is_of_use(&spec) {
            true => Some(ObserverThread::start(spec, storage, observed, shutdown.clone())?),
            false => None,
        };
        health.set_serving();
        let (http, ws) = (rpc.http, rpc.ws);
        Ok(Self {
            http,
            ws,
            metrics,
            ledger,
            pool,
            health,
            shutdown,
            rpc,
            metrics_server,
            blocks,
            network,
            observer,
            gateway,
            temporary,
        })
    }

    /// Serves until the shutdown begins or something fails for good; then stops everything in order: block
    /// production after the block under way, servers after the requests under way, storage after its last write.
    ///
    /// # Errors
    /// What failed for good.
    pub async fn run(mut self) -> Result<(), NodeError> {
        let blocks = self.blocks.take();
        let shutdown = self.shutdown.clone();
        let produced = async move {
            match blocks {
                Some(blocks) => blocks.await.unwrap_or_else(|_| {
                    let reason = "its thread panicked".to_owned();
                    Err(NodeError::Stopped { part: "block production", reason })
                }),
                None => {
                    shutdown.begun().await;
                    Ok(())
                }
            }
        };
        let mut produced = pin!(produced);
        let ended = tokio::select! {
            ended = &mut produced => ended,
            error = failed(&self.pool, self.ledger.storage()) => {
                self.health.set_failed();
                self.shutdown.begin();
                // The block under way may still be finished; what became of it changes nothing here.
                let _ = produced.await;
                Err(error)
            }
        };
        if let Err(error) = &ended {
            self.health.set_failed();
            tracing::error!(%error, "stopping: this cannot be gone on from");
        }
        // The first error is the cause; what follows from it on the way down is not reported.
        ended.and(self.stop().await)
    }

    async fn stop(self) -> Result<(), NodeError> {
        self.shutdown.begin();
        let servers = async {
            if let Some(gateway) = self.gateway {
                // It ends by itself at the shutdown; a panic in it is logged by tokio and stops nothing here.
                let _ = gateway.await;
            }
            self.rpc.stop().await;
            if let Some(network) = self.network {
                network.shutdown().await;
            }
            if let Some(server) = self.metrics_server {
                // It ends by itself at the shutdown; a panic in it is logged by tokio and stops nothing here.
                let _ = server.await;
            }
        };
        if tokio::time::timeout(STOP_TIME_MAX, servers).await.is_err() {
            tracing::warn!("requests under way took too long: they are cut off");
        }
        drop(self.pool);
        let (ledger, observer) = (self.ledger, self.observer);
        let ended = move || {
            if let Some(observer) = observer {
                observer.join();
            }
            ledger.sync()
        };
        let synced = tokio::task::spawn_blocking(ended).await;
        // After the database is closed.
        drop(self.temporary);
        synced.unwrap_or_else(|e| Err(NodeError::Stopped { part: "storage", reason: e.to_string() }))
    }

    /// The ledger, for tests and tools in the same process.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn cluster_settings(
    config: &NodeConfig,
    datadir: &DataDir,
    key: Option<PrivateKeySigner>,
    answers: Arc<Answers>,
) -> Result<ClusterSettings, NodeError> {
    Ok(ClusterSettings {
        network: config.network_config(datadir.root())?,
        folder: datadir.consensus(),
        key,
        declared_unsigned: config.validator.unsigned,
        answers,
    })
}

/// Recovery after a crash executes blocks: not on a runtime's thread.
async fn open_ledger(spec: Arc<ChainSpec>, storage: Storage) -> Result<Ledger, NodeError> {
    let opened = tokio::task::spawn_blocking(move || Ledger::open(spec, storage)).await;
    opened.unwrap_or_else(|e| Err(NodeError::Stopped { part: "recovery", reason: e.to_string() }))
}

/// Completes when pool or storage cannot write any more.
async fn failed(pool: &TxPool, storage: &Storage) -> NodeError {
    let failures = storage.watch_failure();
    let (sender, reason) = oneshot::channel();
    // A thread of its own, not the runtime's, which would wait for it at its end. It ends when storage is closed.
    let watch = thread::Builder::new().name("storage-watch".into()).spawn(move || {
        if let Ok(reason) = failures.recv() {
            let _ = sender.send(reason);
        }
    });
    if let Err(error) = watch {
        return NodeError::Stopped { part: "the watch over storage", reason: error.to_string() };
    }
    tokio::select! {
        error = pool.failure() => error.into(),
        Ok(reason) = reason => StorageError::Stopped { reason }.into(),
    }
}
