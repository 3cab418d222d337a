//! Every setting of a node: flag, environment variable, key of the file, default.
//!
//! A flag `--a.b` is the key `b` in the section `[a]` of the file; one without a dot is a key of the top level.
//! `--http`, `--ws` and `--dev`, which are also sections, are the key `enabled` there; `--gateway` is the key `config`.
use super::{
    section::section,
    values::{ExternalAddress, GcMode, List, LogFormat, Period},
};
use pervade_p2p::{PEERS_MAX_DEFAULT, PORT_DEFAULT};
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

section! {
    /// The chain and where it is kept.
    ChainOptions => ChainConfig (dev)
    switches {}
    values {}
    optional {
        /// Genesis file of the chain (geth's JSON, with `config.pervade` on a Pervade network). A data directory
        /// remembers its own: needed only the first time
        chain: PathBuf ["chain", "PERVADE_CHAIN", "FILE"];
        /// Data directory. With --dev the default is a temporary one that is removed at the end
        datadir: PathBuf ["datadir", "PERVADE_DATADIR", "DIR"];
    }
}

section! {
    /// How the data directory is kept.
    StoreOptions => StoreConfig (dev)
    switches {}
    values {
        /// How much historical state is kept: of the latest blocks (full) or of every block (archive) [default: full]
        gcmode: GcMode ["gcmode", "PERVADE_GCMODE", "MODE"] = GcMode::Full;
        /// Megabytes of caches: a third for blocks of the database, the rest for nodes of the state trie [default: 192]
        cache: usize ["cache", "PERVADE_CACHE", "MB"] = 192;
    }
    optional {}
}

section! {
    /// How much history is kept.
    HistoryOptions => HistoryConfig (dev)
    switches {}
    values {
        /// With --gcmode full: number of latest blocks whose state is kept [default: 10000]
        blocks: u64 ["history.blocks", "PERVADE_HISTORY_BLOCKS", "N"] = 10_000;
    }
    optional {}
}

section! {
    /// The validator's key and the page for Prometheus.
    OperatorOptions => OperatorConfig (dev)
    switches {}
    values {}
    optional {
        /// File whose first line opens the keystore of --validator.key (without it: asked on the terminal)
        password: PathBuf ["password", "PERVADE_PASSWORD", "FILE"];
        /// Serves /metrics, /health and /ready there (without it: nowhere)
        metrics: SocketAddr ["metrics", "PERVADE_METRICS", "ADDR:PORT"];
    }
}

section! {
    /// The gateway inside this node.
    GatewayOptions => GatewaySettings (dev)
    switches {}
    values {}
    optional {
        /// TOML file with what a gateway inside this node may reach, and its credentials (without it: no gateway)
        config: PathBuf ["gateway", "PERVADE_GATEWAY", "FILE"];
        /// Keystore (version 3) of the gateway's account. With --dev the default is the last of the funded accounts
        key: PathBuf ["gateway.key", "PERVADE_GATEWAY_KEY", "FILE"];
        /// File whose first line opens the keystore of --gateway.key (without it: asked on the terminal)
        password: PathBuf ["gateway.password", "PERVADE_GATEWAY_PASSWORD", "FILE"];
    }
}

section! {
    /// The network between nodes. Used on chains with validators; `--dev` has none.
    NetworkOptions => NetworkSettings (dev)
    switches {
        /// Asks peers for other peers, and tells them of this node's [default: true]
        discovery ["discovery", "PERVADE_DISCOVERY"] = true;
    }
    values {
        /// Address that the network between nodes listens on [default: 0.0.0.0]
        addr: IpAddr ["addr", "PERVADE_ADDR", "IP"] = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        /// Port of the network between nodes, for TCP and (QUIC) UDP; 0 picks a free one [default: 30303]
        port: u16 ["port", "PERVADE_PORT", "PORT"] = PORT_DEFAULT;
        /// Peers to begin with, as /ip4/192.0.2.1/tcp/30303/p2p/ID [default: none]
        bootnodes: List ["bootnodes", "PERVADE_BOOTNODES", "ADDRESSES"] = List::default();
        /// Peers that are always connected, and have a place before all others: the other validators, above all [default: none]
        trusted_peers: List ["trusted-peers", "PERVADE_TRUSTED_PEERS", "ADDRESSES"] = List::default();
        /// Most peers that are not trusted [default: 50]
        max_peers: usize ["max-peers", "PERVADE_MAX_PEERS", "N"] = PEERS_MAX_DEFAULT;
    }
    optional {
        /// File of this node's identity, made if missing [default: nodekey in the data directory]
        nodekey: PathBuf ["nodekey", "PERVADE_NODEKEY", "FILE"];
        /// Address under which others reach this node, as extip:IP, where it is behind address translation
        nat: ExternalAddress ["nat", "PERVADE_NAT", "extip:IP"];
    }
}

section! {
    /// This node's part in consensus.
    ValidatorOptions => ValidatorConfig (dev)
    switches {
        /// Says that this key has signed nothing at the height that is being decided, so that a missing signing record is made [default: false]
        unsigned ["validator.unsigned", "PERVADE_VALIDATOR_UNSIGNED"] = false;
    }
    values {}
    optional {
        /// Keystore (version 3) of this validator's consensus key; see `pervade keys new`
        key: PathBuf ["validator.key", "PERVADE_VALIDATOR_KEY", "FILE"];
    }
}

section! {
    /// JSON-RPC over HTTP.
    HttpOptions => HttpConfig (dev)
    switches {
        /// Serves JSON-RPC over HTTP [default: true]
        enabled ["http", "PERVADE_HTTP"] = true;
    }
    values {
        /// Address of the HTTP server [default: 127.0.0.1]
        addr: IpAddr ["http.addr", "PERVADE_HTTP_ADDR", "IP"] = LOCALHOST;
        /// Port of the HTTP server; 0 picks a free one [default: 8545]
        port: u16 ["http.port", "PERVADE_HTTP_PORT", "PORT"] = 8545;
        /// Namespaces served over HTTP [default: eth,net,web3,txpool,pervade]
        api: List ["http.api", "PERVADE_HTTP_API", "NAMES"] = List::of(&["eth", "net", "web3", "txpool", "pervade"]);
        /// Origins that a browser may call from; * for all [default: none, with --dev *]
        corsdomain: List ["http.corsdomain", "PERVADE_HTTP_CORSDOMAIN", "ORIGINS"] = if dev { List::of(&["*"]) } else { List::default() };
        /// Host names accepted in requests; * for all [default: localhost, with --dev *]
        vhosts: List ["http.vhosts", "PERVADE_HTTP_VHOSTS", "HOSTS"] = if dev { List::of(&["*"]) } else { List::of(&["localhost"]) };
    }
    optional {}
}

section! {
    /// JSON-RPC over WebSocket.
    WsOptions => WsConfig (dev)
    switches {
        /// Serves JSON-RPC over WebSocket [default: false; true with --dev, --ws.addr or --ws.port]
        enabled ["ws", "PERVADE_WS"] = dev;
    }
    values {
        /// Address of the WebSocket server [default: 127.0.0.1]
        addr: IpAddr ["ws.addr", "PERVADE_WS_ADDR", "IP"] = LOCALHOST;
        /// Port of the WebSocket server; may be the HTTP server's; 0 picks a free one [default: 8546]
        port: u16 ["ws.port", "PERVADE_WS_PORT", "PORT"] = 8546;
        /// Namespaces served over WebSocket [default: eth,net,web3,txpool,pervade]
        api: List ["ws.api", "PERVADE_WS_API", "NAMES"] = List::of(&["eth", "net", "web3", "txpool", "pervade"]);
        /// Origins that may open a WebSocket from a browser; * for all [default: none, with --dev *]
        origins: List ["ws.origins", "PERVADE_WS_ORIGINS", "ORIGINS"] = if dev { List::of(&["*"]) } else { List::default() };
    }
    optional {}
}

section! {
    /// What one JSON-RPC request may cost.
    RpcOptions => RpcCosts (dev)
    switches {}
    values {
        /// Most gas of eth_call and eth_estimateGas [default: 50000000]
        gascap: u64 ["rpc.gascap", "PERVADE_RPC_GASCAP", "GAS"] = 50_000_000;
        /// Longest time of eth_call [default: 5s]
        evmtimeout: Period ["rpc.evmtimeout", "PERVADE_RPC_EVMTIMEOUT", "TIME"] = Period::seconds(5);
        /// Most ether that a transaction sent through this node may pay as its fee; 0 for no limit [default: 1]
        txfeecap: f64 ["rpc.txfeecap", "PERVADE_RPC_TXFEECAP", "ETHER"] = 1.0;
    }
    optional {}
}

section! {
    /// Limits of the transaction pool.
    TxpoolOptions => TxpoolConfig (dev)
    switches {}
    values {
        /// Least priority fee of an accepted transaction, wei [default: 0]
        pricelimit: u64 ["txpool.pricelimit", "PERVADE_TXPOOL_PRICELIMIT", "WEI"] = 0;
        /// Percent by which a replacement must raise both fees [default: 10]
        pricebump: u64 ["txpool.pricebump", "PERVADE_TXPOOL_PRICEBUMP", "PERCENT"] = 10;
        /// Most transactions of one sender [default: 4096]
        accountslots: usize ["txpool.accountslots", "PERVADE_TXPOOL_ACCOUNTSLOTS", "N"] = 4096;
        /// Most transactions in all [default: 200000]
        globalslots: usize ["txpool.globalslots", "PERVADE_TXPOOL_GLOBALSLOTS", "N"] = 200_000;
        /// Most megabytes of encoded transactions in all [default: 128]
        globalbytes: usize ["txpool.globalbytes", "PERVADE_TXPOOL_GLOBALBYTES", "MB"] = 128;
        /// Longest wait of a transaction behind a nonce gap [default: 3h]
        lifetime: Period ["txpool.lifetime", "PERVADE_TXPOOL_LIFETIME", "TIME"] = Period::seconds(3 * 3600);
    }
    optional {}
}

section! {
    /// The development network.
    DevOptions => DevConfig (dev)
    switches {
        /// Runs a network of one validator with funded accounts, chain id 1337; a block as soon as there is a transaction
        enabled ["dev", "PERVADE_DEV"] = false;
    }
    values {
        /// With --dev: a block each such time, empty ones too; 0 for a block on demand [default: 0]
        period: Period ["dev.period", "PERVADE_DEV_PERIOD", "TIME"] = Period::default();
        /// With --dev: gas limit of blocks [default: 30000000]
        gaslimit: u64 ["dev.gaslimit", "PERVADE_DEV_GASLIMIT", "GAS"] = 30_000_000;
        /// With --dev: number of funded accounts [default: 10]
        accounts: u32 ["dev.accounts", "PERVADE_DEV_ACCOUNTS", "N"] = 10;
        /// With --dev: ether of each funded account [default: 10000]
        balance: u64 ["dev.balance", "PERVADE_DEV_BALANCE", "ETHER"] = 10_000;
    }
    optional {}
}

section! {
    /// Where log lines go.
    LogOptions => LogConfig (dev)
    switches {
        /// Writes errors and warnings only, and no list of accounts with --dev [default: false]
        #[arg(short = 'q', global = true, help_heading = "Logging")]
        quiet ["log.quiet", "PERVADE_LOG_QUIET"] = false;
    }
    values {
        /// How log lines are written [default: text]
        #[arg(global = true, help_heading = "Logging")]
        format: LogFormat ["log.format", "PERVADE_LOG_FORMAT", "FORMAT"] = LogFormat::Text;
    }
    optional {
        /// Writes log lines to this file, not to standard error
        #[arg(global = true, help_heading = "Logging")]
        file: PathBuf ["log.file", "PERVADE_LOG_FILE", "FILE"];
    }
}

section! {
    /// How much is logged.
    VerbosityOptions => VerbosityConfig (dev)
    switches {}
    values {
        /// 0 nothing, 1 errors, 2 warnings, 3 information, 4 debugging, 5 everything; RUST_LOG overrides it [default: 3]
        #[arg(global = true, help_heading = "Logging", value_parser = clap::value_parser!(u8).range(0..=5))]
        verbosity: u8 ["verbosity", "PERVADE_VERBOSITY", "LEVEL"] = 3;
    }
    optional {}
}
