//! What an operator may turn: read from the command line, the environment, a file, and defaults, in this order.
mod file;
mod options;
mod section;
mod values;

pub use options::*;
pub use values::{ExternalAddress, GcMode, List, LogFormat, Period};

use crate::NodeError;
use alloy_primitives::U256;
use clap::Args;
use pervade_chainspec::params;
use pervade_p2p::{Multiaddr, NetworkConfig};
use pervade_rpc::{RpcConfig, RpcLimits};
use pervade_storage::{HistoryMode, StorageOptions};
use pervade_txpool::PoolConfig;
use serde::Serialize;
use std::{net::SocketAddr, path::Path};

/// Open files that RocksDB may hold: enough for some 100 GB, below the usual limit of 1,024 a process.
const DATABASE_OPEN_FILES_MAX: i32 = 512;
/// Most accounts that `--dev.accounts` makes: each costs a key derivation at start-up.
const DEV_ACCOUNTS_MAX: u32 = 10_000;
/// Longest history window: what numbers of blocks stay far from overflow with.
const HISTORY_BLOCKS_MAX: u64 = 1 << 40;
/// Largest cache: a typing error above it, megabytes.
const CACHE_MB_MAX: usize = 1 << 20;
/// Bytes of a megabyte, as `--cache` counts.
const MEGABYTE: usize = 1 << 20;
/// Wei of an ether.
const WEI_PER_ETHER: f64 = 1e18;

/// What one source (the command line with the environment, or the file) says about a node.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub struct NodeOptions {
    /// Chain and data directory.
    #[command(flatten, next_help_heading = "Chain and storage")]
    pub chain: ChainOptions,
    /// How the directory is kept.
    #[command(flatten, next_help_heading = "Chain and storage")]
    pub store: StoreOptions,
    /// How much history is kept.
    #[command(flatten, next_help_heading = "Chain and storage")]
    pub history: HistoryOptions,
    /// The validator's key.
    #[command(flatten, next_help_heading = "Validator and operator")]
    pub validator: ValidatorOptions,
    /// Password file and metrics.
    #[command(flatten, next_help_heading = "Validator and operator")]
    pub operator: OperatorOptions,
    /// The gateway inside the node.
    #[command(flatten, next_help_heading = "Gateway")]
    pub gateway: GatewayOptions,
    /// The network between nodes.
    #[command(flatten, next_help_heading = "Network between nodes")]
    pub network: NetworkOptions,
    /// JSON-RPC over HTTP.
    #[command(flatten, next_help_heading = "JSON-RPC")]
    pub http: HttpOptions,
    /// JSON-RPC over WebSocket.
    #[command(flatten, next_help_heading = "JSON-RPC")]
    pub ws: WsOptions,
    /// Costs of one request.
    #[command(flatten, next_help_heading = "JSON-RPC")]
    pub rpc: RpcOptions,
    /// The pool's limits.
    #[command(flatten, next_help_heading = "Transaction pool")]
    pub txpool: TxpoolOptions,
    /// The development network.
    #[command(flatten, next_help_heading = "Development network")]
    pub dev: DevOptions,
    /// Logging flags belong to all commands: the command line puts them here after parsing.
    #[clap(skip)]
    pub log: LogOptions,
    /// See `log`.
    #[clap(skip)]
    pub verbosity: VerbosityOptions,
}

/// The settings that hold. Serialized, it is a configuration file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NodeConfig {
    /// Chain and data directory.
    #[serde(flatten)]
    pub chain: ChainConfig,
    /// How the directory is kept.
    #[serde(flatten)]
    pub store: StoreConfig,
    /// Password file and metrics.
    #[serde(flatten)]
    pub operator: OperatorConfig,
    /// The network between nodes.
    #[serde(flatten)]
    pub network: NetworkSettings,
    /// How much is logged.
    #[serde(flatten)]
    pub verbosity: VerbosityConfig,
    /// How much history is kept.
    pub history: HistoryConfig,
    /// The validator's key.
    pub validator: ValidatorConfig,
    /// The gateway inside the node.
    pub gateway: GatewaySettings,
    /// JSON-RPC over HTTP.
    pub http: HttpConfig,
    /// JSON-RPC over WebSocket.
    pub ws: WsConfig,
    /// Costs of one request.
    pub rpc: RpcCosts,
    /// The pool's limits.
    pub txpool: TxpoolConfig,
    /// The development network.
    pub dev: DevConfig,
    /// Where log lines go.
    pub log: LogConfig,
}

impl NodeOptions {
    /// These settings, and those of `below` where these say nothing.
    #[must_use]
    pub fn or(self, below: Self) -> Self {
        Self {
            chain: self.chain.or(below.chain),
            store: self.store.or(below.store),
            history: self.history.or(below.history),
            validator: self.validator.or(below.validator),
            operator: self.operator.or(below.operator),
            gateway: self.gateway.or(below.gateway),
            network: self.network.or(below.network),
            http: self.http.or(below.http),
            ws: self.ws.or(below.ws),
            rpc: self.rpc.or(below.rpc),
            txpool: self.txpool.or(below.txpool),
            dev: self.dev.or(below.dev),
            log: self.log.or(below.log),
            verbosity: self.verbosity.or(below.verbosity),
        }
    }

    /// Lays these settings over the file's and the defaults, and checks the result.
    ///
    /// # Errors
    /// The file cannot be read or has an unknown or mistyped key; a value is out of range; two settings contradict
    /// each other.
    pub fn resolve(self, file: Option<&Path>) -> Result<NodeConfig, NodeError> {
        let all = match file {
            Some(file) => self.or(file::read(file)?),
            None => self,
        };
        let dev = all.dev.enabled.unwrap_or(false);
        // Who says where to listen wants it to listen.
        let ws_named = all.ws.addr.is_some() || all.ws.port.is_some();
        let ws = WsOptions { enabled: all.ws.enabled.or(ws_named.then_some(true)), ..all.ws };
        let config = NodeConfig {
            chain: all.chain.or_defaults(dev),
            store: all.store.or_defaults(dev),
            operator: all.operator.or_defaults(dev),
            gateway: all.gateway.or_defaults(dev),
            network: all.network.or_defaults(dev),
            verbosity: all.verbosity.or_defaults(dev),
            history: all.history.or_defaults(dev),
            validator: all.validator.or_defaults(dev),
            http: all.http.or_defaults(dev),
            ws: ws.or_defaults(dev),
            rpc: all.rpc.or_defaults(dev),
            txpool: all.txpool.or_defaults(dev),
            dev: all.dev.or_defaults(dev),
            log: all.log.or_defaults(dev),
        };
        config.check()?;
        Ok(config)
    }
}

impl NodeConfig {
    fn check(&self) -> Result<(), NodeError> {
        let wrong = |setting: &'static str, reason: String| Err(NodeError::Setting { setting, reason });
        if self.dev.enabled && self.chain.chain.is_some() {
            return wrong("dev", "makes its own chain: leave --chain out".into());
        }
        if self.dev.enabled && self.validator.key.is_some() {
            return wrong("dev", "has its own validator: leave --validator.key out".into());
        }
        if !self.dev.enabled && self.chain.datadir.is_none() {
            return wrong("datadir", "is missing: say where the chain is kept (or use --dev)".into());
        }
        if self.gateway.config.is_none() && self.gateway.key.is_some() {
            return wrong("gateway.key", "needs --gateway, the file with what the gateway may reach".into());
        }
        if self.dev.accounts > DEV_ACCOUNTS_MAX {
            return wrong("dev.accounts", format!("{} is more than {DEV_ACCOUNTS_MAX}", self.dev.accounts));
        }
        if self.dev.enabled && !(params::GAS_LIMIT_MIN..=params::GAS_LIMIT_MAX).contains(&self.dev.gaslimit) {
            let (least, most) = (params::GAS_LIMIT_MIN, params::GAS_LIMIT_MAX);
            return wrong("dev.gaslimit", format!("{} is not between {least} and {most}", self.dev.gaslimit));
        }
        if !self.rpc.txfeecap.is_finite() || self.rpc.txfeecap < 0.0 {
            return wrong("rpc.txfeecap", format!("{} is no amount of ether", self.rpc.txfeecap));
        }
        if self.log.quiet && self.verbosity.verbosity > 3 {
            return wrong("log.quiet", "contradicts a --verbosity above 3".into());
        }
        if self.txpool.accountslots == 0 || self.txpool.globalslots == 0 || self.txpool.globalbytes == 0 {
            return wrong("txpool", "accountslots, globalslots and globalbytes must be above 0".into());
        }
        self.network_config(Path::new(""))?;
        storage_options(&self.store, &self.history).map(drop)
    }

    /// Settings of the network between nodes; what it keeps is in `datadir`.
    ///
    /// # Errors
    /// An address is none.
    pub fn network_config(&self, datadir: &Path) -> Result<NetworkConfig, NodeError> {
        let settings = &self.network;
        let nodekey = settings.nodekey.clone().unwrap_or_else(|| datadir.join("nodekey"));
        Ok(NetworkConfig {
            addr: settings.addr,
            port: settings.port,
            external: settings.nat.map(|address| address.0),
            bootnodes: addresses("bootnodes", &settings.bootnodes)?,
            trusted_peers: addresses("trusted-peers", &settings.trusted_peers)?,
            max_peers: settings.max_peers,
            discovery: settings.discovery,
            address_book: Some(datadir.join("peers")),
            agent: crate::client_version(),
            ..NetworkConfig::new(nodekey)
        })
    }

    /// Options of the database.
    ///
    /// # Errors
    /// A value out of range.
    pub fn storage_options(&self) -> Result<StorageOptions, NodeError> {
        storage_options(&self.store, &self.history)
    }

    /// Options of the servers.
    pub fn rpc_config(&self) -> RpcConfig {
        RpcConfig {
            http: self.http.enabled.then_some(SocketAddr::new(self.http.addr, self.http.port)),
            ws: self.ws.enabled.then_some(SocketAddr::new(self.ws.addr, self.ws.port)),
            http_api: self.http.api.0.clone(),
            ws_api: self.ws.api.0.clone(),
            http_corsdomain: self.http.corsdomain.0.clone(),
            http_vhosts: self.http.vhosts.0.clone(),
            ws_origins: self.ws.origins.0.clone(),
            limits: RpcLimits {
                call_gas_max: self.rpc.gascap,
                call_time_max: self.rpc.evmtimeout.0,
                // Checked to be finite and not negative; a cap beyond 128 bits of wei is none.
                transaction_fee_max: U256::from((self.rpc.txfeecap * WEI_PER_ETHER) as u128),
                ..RpcLimits::default()
            },
        }
    }

    /// Limits of the pool.
    pub fn pool_config(&self) -> PoolConfig {
        PoolConfig {
            sender_transactions_max: self.txpool.accountslots,
            transactions_max: self.txpool.globalslots,
            bytes_max: self.txpool.globalbytes.saturating_mul(MEGABYTE),
            price_bump_percent: self.txpool.pricebump,
            queued_lifetime_s: self.txpool.lifetime.0.as_secs(),
            min_tip: u128::from(self.txpool.pricelimit),
        }
    }
}

fn addresses(setting: &'static str, list: &List) -> Result<Vec<Multiaddr>, NodeError> {
    let parse = |text: &String| {
        text.parse().map_err(|_| {
            let reason = format!("`{text}` is no address such as /ip4/192.0.2.1/tcp/30303/p2p/ID");
            NodeError::Setting { setting, reason }
        })
    };
    list.0.iter().map(parse).collect()
}

/// Options of the database, for commands that are no node.
///
/// # Errors
/// A value out of range.
pub fn storage_options(store: &StoreConfig, history: &HistoryConfig) -> Result<StorageOptions, NodeError> {
    if history.blocks == 0 || history.blocks > HISTORY_BLOCKS_MAX {
        let reason = format!("{} is not between 1 and {HISTORY_BLOCKS_MAX}", history.blocks);
        return Err(NodeError::Setting { setting: "history.blocks", reason });
    }
    if store.cache == 0 || store.cache > CACHE_MB_MAX {
        let reason = format!("{} is not between 1 and {CACHE_MB_MAX} megabytes", store.cache);
        return Err(NodeError::Setting { setting: "cache", reason });
    }
    let cache_bytes = store.cache.saturating_mul(MEGABYTE);
    let block_cache_bytes = cache_bytes / 3;
    Ok(StorageOptions {
        history: match store.gcmode {
            GcMode::Full => HistoryMode::Window { blocks: history.blocks },
            GcMode::Archive => HistoryMode::Archive,
        },
        block_cache_bytes,
        node_cache_bytes: cache_bytes - block_cache_bytes,
        open_files_max: DATABASE_OPEN_FILES_MAX,
        read_only: false,
    })
}
