//! What a new network is to be, and the text of its nodes' settings.
use super::{DATA_FOLDER, GENESIS_FILE, KEYSTORE_FILE, NODE_KEY_FILE, PASSWORD_FILE};
use std::net::IpAddr;

/// A network that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestnetPlan {
    /// Number of validators.
    pub validators: usize,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Shortest time between blocks with transactions, milliseconds.
    pub block_period_ms: u64,
    /// Longest time without a block, milliseconds.
    pub empty_block_period_ms: u64,
    /// Gas limit of every block.
    pub gas_limit: u64,
    /// Ether of each of the ten accounts of the well-known mnemonic.
    pub balance_ether: u64,
    /// Hosts of the validators, in order: names or addresses. Empty: all on this machine, each on ports of its own.
    pub hosts: Vec<String>,
    /// Port of the peer-to-peer network: of the first node, where several share a machine.
    pub port: u16,
    /// Port of JSON-RPC over HTTP: of the first node, where several share a machine.
    pub http_port: u16,
    /// Port of the metrics page: of the first node, where several share a machine.
    pub metrics_port: u16,
}

/// Where one node listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// Name or address under which the others reach it.
    pub host: String,
    /// Address that the peer-to-peer network binds.
    pub addr: String,
    /// Port of the peer-to-peer network.
    pub port: u16,
    /// Port of JSON-RPC over HTTP.
    pub http_port: u16,
    /// Port of the metrics page.
    pub metrics_port: u16,
}

impl TestnetPlan {
    /// Where node `index` listens.
    pub fn listening(&self, index: usize) -> Listening {
        let beside = |port: u16| port.saturating_add(u16::try_from(index).unwrap_or(u16::MAX));
        match self.hosts.get(index) {
            Some(host) => Listening {
                host: host.clone(),
                addr: "0.0.0.0".into(),
                port: self.port,
                http_port: self.http_port,
                metrics_port: self.metrics_port,
            },
            None => Listening {
                host: "127.0.0.1".into(),
                addr: "127.0.0.1".into(),
                port: beside(self.port),
                http_port: beside(self.http_port),
                metrics_port: beside(self.metrics_port),
            },
        }
    }
}

impl Listening {
    /// The multiaddress under which the others reach the node with this identity.
    pub fn multiaddress(&self, peer_id: &str) -> String {
        let kind = match self.host.parse() {
            Ok(IpAddr::V4(_)) => "ip4",
            Ok(IpAddr::V6(_)) => "ip6",
            Err(_) => "dns",
        };
        format!("/{kind}/{}/tcp/{}/p2p/{peer_id}", self.host, self.port)
    }
}

/// The settings of a node, for people to read and change.
pub(super) fn node_toml(listening: &Listening, trusted_peers: &[String]) -> String {
    let peers: String = trusted_peers.iter().map(|peer| format!("    \"{peer}\",\n")).collect();
    let Listening { addr, port, http_port, metrics_port, .. } = listening;
    format!(
        "# Settings of one validator. Paths are relative to this folder: start the node in it, with
# `pervade node --config node.toml`.
chain = \"{GENESIS_FILE}\"
datadir = \"{DATA_FOLDER}\"
password = \"{PASSWORD_FILE}\"
# Pages for Prometheus and for probes.
metrics = \"127.0.0.1:{metrics_port}\"

# The peer-to-peer network: where to listen, this node's identity, and the other validators.
addr = \"{addr}\"
port = {port}
nodekey = \"{NODE_KEY_FILE}\"
trusted-peers = [
{peers}]

[validator]
key = \"{KEYSTORE_FILE}\"

# JSON-RPC, for this machine only: put a proxy with TLS in front of it for others.
[http]
addr = \"127.0.0.1\"
port = {http_port}

[ws]
addr = \"127.0.0.1\"
port = {http_port}
"
    )
}

/// The systemd unit of a node whose folder was moved to `/var/lib/pervade`.
pub(super) const SYSTEMD_UNIT: &str = "\
# Copy this folder to /var/lib/pervade, owned by the user pervade, and this file to /etc/systemd/system.
[Unit]
Description=Pervade validator
After=network-online.target
Wants=network-online.target

[Service]
User=pervade
WorkingDirectory=/var/lib/pervade
ExecStart=/usr/local/bin/pervade node --config node.toml
Restart=on-failure
RestartSec=2
# 1: settings or keys are wrong; 2: so is the command line; 3: the disk failed. Starting again changes none of them.
RestartPreventExitStatus=1 2 3
TimeoutStopSec=60
LimitNOFILE=65536
NoNewPrivileges=true
ProtectSystem=strict
ReadWritePaths=/var/lib/pervade
ProtectHome=true
PrivateTmp=true

[Install]
WantedBy=multi-user.target
";

/// The whole network in containers on this machine. The binary comes from the host: no image has to be built.
pub(super) fn compose_yaml(validators: usize) -> String {
    let mut text = String::from(
        "# The whole network on this machine: `docker compose up`. PERVADE names the binary, built on a Debian 12 or alike.
services:
",
    );
    for index in 0..validators {
        text.push_str(&format!(
            "  node{index}:
    image: debian:12-slim
    network_mode: host
    working_dir: /node
    command: /usr/local/bin/pervade node --config node.toml
    restart: on-failure
    stop_grace_period: 60s
    volumes:
      - ./node{index}:/node
      - ${{PERVADE:-/usr/local/bin/pervade}}:/usr/local/bin/pervade:ro
"
        ));
    }
    text
}
