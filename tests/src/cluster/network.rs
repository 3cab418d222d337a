//! A network of validators, each a process.
use super::namespaces::address;
use crate::harness::{NodeOptions, Rpc, RunningNode, parse_quantity};
use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;
use eyre::{Context, bail, eyre};
use pervade_chainspec::ChainSpec;
use pervade_node::{
    keys::{read_keystore, write_keystore},
    testnet::{CONFIG_FILE, GENESIS_FILE, KEYSTORE_FILE, PASSWORD_FILE, Testnet, TestnetPlan},
};
use serde_json::{Value, json};
use std::{
    net::{TcpListener, UdpSocket},
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::task::JoinSet;

/// Time between two questions while waiting.
const POLL: Duration = Duration::from_millis(10);
/// Ports that are tried for a network.
const PORT_TRIES: usize = 100;
/// Of the keystores of validators that come later.
const PASSWORD: &str = "a later validator's";

/// Validators of one network on this machine. Killed when dropped.
#[derive(Debug)]
pub struct LocalCluster {
    dir: PathBuf,
    genesis: PathBuf,
    peers: Vec<String>,
    nodes: Vec<Option<RunningNode>>,
    ports: Vec<Option<[u16; 2]>>,
    /// Of each validator; empty: all in this machine's own.
    pub(super) namespaces: Vec<String>,
}

impl LocalCluster {
    /// Makes a network in a folder; nothing runs yet.
    ///
    /// # Errors
    /// A file cannot be written, or there are no free ports.
    pub fn create(dir: &Path, validators: usize, block_period_ms: u64) -> eyre::Result<Self> {
        Self::create_on(dir, validators, block_period_ms, Vec::new(), free_port_range(validators)?)
    }

    pub(super) fn create_on(
        dir: &Path,
        validators: usize,
        block_period_ms: u64,
        hosts: Vec<String>,
        port: u16,
    ) -> eyre::Result<Self> {
        let plan = TestnetPlan {
            validators,
            chain_id: 1337,
            block_period_ms,
            empty_block_period_ms: 2_000,
            gas_limit: 200_000_000,
            balance_ether: 10_000,
            hosts,
            port,
            http_port: 0,
            metrics_port: 0,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let testnet = Testnet::create(dir, &plan, now)?;
        let peers = (0..validators)
            .map(|index| {
                let file = testnet.validators[index].dir.join("nodekey");
                let key = std::fs::read_to_string(&file).wrap_err_with(|| file.display().to_string())?;
                let peer =
                    key.lines().find_map(|line| line.strip_prefix("peer:")).ok_or_else(|| eyre!("no peer id"))?;
                Ok(plan.listening(index).multiaddress(peer))
            })
            .collect::<eyre::Result<_>>()?;
        let nodes = (0..validators).map(|_| None).collect();
        let ports = vec![None; validators];
        Ok(Self { dir: dir.to_owned(), genesis: dir.join(GENESIS_FILE), peers, nodes, ports, namespaces: Vec::new() })
    }

    /// The genesis file.
    pub fn genesis(&self) -> &Path {
        &self.genesis
    }

    /// Number of validators, running or not.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a network has a validator.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The chain.
    ///
    /// # Errors
    /// Its genesis file cannot be read.
    pub fn spec(&self) -> eyre::Result<ChainSpec> {
        Ok(ChainSpec::read(&self.genesis)?)
    }

    /// Addresses of the first validators in the network between nodes.
    pub fn peers(&self) -> &[String] {
        &self.peers
    }

    /// Folder of a validator: keys, settings, and the data directory.
    pub fn folder(&self, index: usize) -> PathBuf {
        self.dir.join(format!("node{index}"))
    }

    /// Data directory of a validator.
    pub fn datadir(&self, index: usize) -> PathBuf {
        self.folder(index).join("data")
    }

    /// Key of a validator, which is its account's too.
    ///
    /// # Errors
    /// Its keystore cannot be read.
    pub fn signer(&self, index: usize) -> eyre::Result<PrivateKeySigner> {
        let folder = self.folder(index);
        let password = std::fs::read_to_string(folder.join(PASSWORD_FILE))?;
        Ok(read_keystore(&folder.join(KEYSTORE_FILE), password.trim_end())?)
    }

    /// Makes the folder of a node with a validator's key that is in no set yet. Returns its index; it does not run.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn prepare_validator(&mut self) -> eyre::Result<usize> {
        let index = self.nodes.len();
        let folder = self.folder(index);
        std::fs::create_dir_all(&folder)?;
        write_keystore(&folder.join(KEYSTORE_FILE), &PrivateKeySigner::random(), PASSWORD)?;
        std::fs::write(folder.join(PASSWORD_FILE), PASSWORD)?;
        std::fs::copy(&self.genesis, folder.join(GENESIS_FILE))?;
        let settings = format!(
            "chain = {GENESIS_FILE:?}\npassword = {PASSWORD_FILE:?}\naddr = \"127.0.0.1\"\nport = 0\n\
             trusted-peers = {:?}\n\n[validator]\nkey = {KEYSTORE_FILE:?}\n",
            self.peers
        );
        std::fs::write(folder.join(CONFIG_FILE), settings)?;
        self.nodes.push(None);
        self.ports.push(None);
        Ok(index)
    }

    /// How a validator is started.
    pub(super) fn options(&self, index: usize) -> NodeOptions {
        let options = NodeOptions::of_folder(&self.datadir(index), &self.folder(index))
            .arg("--config")
            .arg(CONFIG_FILE)
            .arg("--metrics")
            .arg("127.0.0.1:0");
        match self.namespaces.get(index) {
            Some(namespace) => options.in_namespace(namespace, &address(index)),
            None => options,
        }
    }

    /// Starts these validators at the same time, and waits until all answer.
    ///
    /// # Errors
    /// One ends, or does not answer in time.
    pub async fn start(&mut self, indices: &[usize]) -> eyre::Result<()> {
        self.start_with(indices, &[]).await
    }

    /// [`Self::start`] with further arguments.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(&mut self, indices: &[usize], arguments: &[&str]) -> eyre::Result<()> {
        let mut starting = JoinSet::new();
        for &index in indices {
            let options = arguments.iter().fold(self.options(index), |options, argument| options.arg(argument));
            starting.spawn(async move { (index, RunningNode::start(&options).await) });
        }
        while let Some(started) = starting.join_next().await {
            let (index, node) = started?;
            let node = node.wrap_err_with(|| format!("validator {index}"))?;
            self.ports[index] = Some(node.ports);
            self.nodes[index] = Some(node);
        }
        Ok(())
    }

    /// Starts a killed validator on the ports that it had, so that those who sent to it go on.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_where_it_was(&mut self, index: usize) -> eyre::Result<()> {
        let options = self.options(index);
        let ports = self.ports[index].ok_or_else(|| eyre!("validator {index} has not run yet"))?;
        self.nodes[index] = Some(RunningNode::start_at(&options, ports).await?);
        Ok(())
    }

    /// Starts all.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_all(&mut self) -> eyre::Result<()> {
        let all: Vec<_> = (0..self.len()).collect();
        self.start(&all).await
    }

    /// `kill -9`.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&mut self, index: usize) -> eyre::Result<()> {
        self.nodes[index].take().ok_or_else(|| eyre!("validator {index} does not run"))?.kill()
    }

    /// SIGTERM, and waits for an orderly end.
    ///
    /// # Errors
    /// It does not run, or does not end as it should.
    pub async fn stop(&mut self, index: usize) -> eyre::Result<()> {
        let node = self.nodes[index].take().ok_or_else(|| eyre!("validator {index} does not run"))?;
        let status = node.stop().await?;
        if status.success() { Ok(()) } else { Err(eyre!("validator {index} ended with {status} on SIGTERM")) }
    }

    /// Starts a node without a key that knows all validators.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn follower(&self, name: &str) -> eyre::Result<RunningNode> {
        let options = NodeOptions::chain(&self.dir.join(name), &self.genesis, None)
            .arg("--addr")
            .arg("127.0.0.1")
            .arg("--port")
            .arg("0")
            .arg("--trusted-peers")
            .arg(self.peers.join(","));
        RunningNode::start(&options).await
    }

    /// A running validator.
    ///
    /// # Panics
    /// It does not run.
    pub fn node(&self, index: usize) -> &RunningNode {
        self.nodes[index].as_ref().unwrap_or_else(|| panic!("validator {index} does not run"))
    }

    /// The same, to look after its process.
    ///
    /// # Panics
    /// As [`Self::node`].
    pub fn node_mut(&mut self, index: usize) -> &mut RunningNode {
        self.nodes[index].as_mut().unwrap_or_else(|| panic!("validator {index} does not run"))
    }

    /// Validators that run.
    pub fn running(&self) -> Vec<usize> {
        (0..self.len()).filter(|index| self.nodes[*index].is_some()).collect()
    }

    /// Blocks of all running validators at a height are one and the same.
    ///
    /// # Errors
    /// They are not, or one does not answer.
    pub async fn assert_same_block(&self, height: u64) -> eyre::Result<()> {
        let mut expected = None;
        for index in self.running() {
            let block = block(&self.node(index).rpc, height).await?;
            let found = (block["hash"].clone(), block["stateRoot"].clone());
            match &expected {
                None => expected = Some(found),
                Some(expected) if *expected == found => {}
                Some(expected) => bail!("block {height}: {expected:?}, and on validator {index} {found:?}"),
            }
        }
        Ok(())
    }
}

/// Number of a node's head.
///
/// # Errors
/// It does not answer.
pub(crate) async fn height(rpc: &Rpc) -> eyre::Result<u64> {
    Ok(parse_quantity(&rpc.call("eth_blockNumber", json!([])).await?)?.to())
}

/// A block of a node.
///
/// # Errors
/// It does not answer, or has no such block.
pub(crate) async fn block(rpc: &Rpc, height: u64) -> eyre::Result<Value> {
    let block = rpc.call("eth_getBlockByNumber", json!([format!("{height:#x}"), false])).await?;
    if block.is_null() { Err(eyre!("there is no block {height}")) } else { Ok(block) }
}

impl RunningNode {
    /// Waits until the head is at least this.
    ///
    /// # Errors
    /// It takes too long.
    pub async fn wait_for_height(&self, wanted: u64, time_max: Duration) -> eyre::Result<Duration> {
        let begun = Instant::now();
        loop {
            if height(&self.rpc).await.is_ok_and(|height| height >= wanted) {
                return Ok(begun.elapsed());
            }
            if begun.elapsed() > time_max {
                bail!("block {wanted} does not come within {time_max:?}:\n{}", self.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits for the receipt of a transaction.
    ///
    /// # Errors
    /// It takes too long.
    pub async fn wait_for_receipt(&self, hash: &B256, time_max: Duration) -> eyre::Result<Value> {
        let begun = Instant::now();
        loop {
            if let Ok(receipt) = self.rpc.call("eth_getTransactionReceipt", json!([hash])).await
                && !receipt.is_null()
            {
                return Ok(receipt);
            }
            if begun.elapsed() > time_max {
                bail!("{hash} has no receipt within {time_max:?}:\n{}", self.log_tail());
            }
            tokio::time::sleep(POLL).await;
        }
    }
}

/// The first of so many neighbouring ports that are free for TCP and UDP.
fn free_port_range(count: usize) -> eyre::Result<u16> {
    let count = u16::try_from(count)?;
    for _ in 0..PORT_TRIES {
        // Below the range from which the system takes ports for outgoing connections.
        let first = rand::random_range(10_000..32_000 - count);
        let free =
            |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok() && UdpSocket::bind(("127.0.0.1", port)).is_ok();
        if (first..first + count).all(free) {
            return Ok(first);
        }
    }
    bail!("no {count} neighbouring ports are free")
}
