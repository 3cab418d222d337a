//! Long values of the Contract Database on nodes whose disks lost some: fetched again, from whoever has them.
//!
//! ```text
//!   follower that lost three ──asks──► forger: turned bits        refused, banned; the follower goes on waiting
//!                            ──asks──► validator that came back   all there: the follower begins
//!   four validators, each without what the others have            they give to each other before they begin
//!   a follower from nothing, one from an export, those that ran   the same bytes
//! ```
use super::{LocalCluster, network::height};
use crate::{
    gateway::Client,
    harness::{NodeOptions, Rpc, RunningNode, dev_account, run_command},
};
use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_sol_types::SolValue;
use eyre::{OptionExt, ensure};
use pervade_chainspec::{ChainSpec, params::CONTRACT_DATABASE_ADDRESS};
use pervade_node::datadir::DataDir;
use pervade_p2p::{
    ChainIdentity, Head, Multiaddr, NetworkConfig, NetworkEvent, NetworkEvents, NetworkHandle, Protocol,
};
use pervade_storage::StorageOptions;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::{
    collections::BTreeMap,
    fmt,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tokio::sync::mpsc;

alloy_sol_types::sol! {
    /// What the scenario calls of the Contract Database.
    contract IDatabase {
        function open(bytes32 salt) external returns (bytes32 database);
        function put(bytes32 database, bytes32 table, bytes32 key, bytes calldata value) external;
    }
}

const VALIDATORS: usize = 4;
/// The validator that is away while the forger is asked.
const GIVER: usize = 3;
const PERIOD_MS: u64 = 200;
/// Longest wait for one thing to happen.
const WAIT: Duration = Duration::from_secs(90);
const VALUES: usize = 16;
/// Shortest and longest value: one that does not fit into its slot, and the limit.
const VALUE_BYTES: [usize; 2] = [32, 24 << 10];

/// What came of it.
#[derive(Debug, Clone)]
pub struct LostContentReport {
    /// Values in the database.
    pub values: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Requests that the forger answered.
    pub forged: usize,
    /// From the forger's first answer to its ban.
    pub banned_after: Duration,
    /// From the return of a node that has what was lost, to the follower's first answer.
    pub repaired_after: Duration,
    /// From the start of four validators, each without what the others have, to the answers of all.
    pub together: Duration,
    /// Nodes that have the same content at the end.
    pub nodes: Vec<&'static str>,
}

impl fmt::Display for LostContentReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [banned, repaired, together] =
            [self.banned_after, self.repaired_after, self.together].map(|time| time.as_millis());
        writeln!(
            f,
            "| values | bytes | forged answers | banned after | repaired after | all lost some | the same on |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        let Self { values, bytes, forged, .. } = self;
        let nodes = self.nodes.join(", ");
        write!(f, "| {values} | {bytes} | {forged} | {banned} ms | {repaired} ms | {together} ms | {nodes} |")
    }
}

/// Runs it.
///
/// # Errors
/// A forged value is taken, a lost one not found again, or two nodes have different bytes.
pub async fn lost_content(dir: &Path) -> eyre::Result<LostContentReport> {
    let mut cluster = LocalCluster::create(dir, VALIDATORS, PERIOD_MS)?;
    cluster.start_all().await?;
    let values = write(&cluster).await?;
    let follower_dir = dir.join("follower");
    let follower = cluster.follower("follower").await?;
    follower.wait_for_height(height(&cluster.node(0).rpc).await?, WAIT).await?;
    stop(follower).await?;

    // Who can give it back is away, and the forger is all that the follower finds.
    damage(&follower_dir, &values[..3])?;
    std::fs::remove_file(follower_dir.join("peers"))?;
    cluster.stop(GIVER).await?;
    let mut forger = Forger::start(&dir.join("forger"), &cluster.spec()?, &values).await?;
    let peers = format!("{},{}", forger.address, cluster.peers()[GIVER]);
    let options = NodeOptions::chain(&follower_dir, cluster.genesis(), None);
    let options = options.arg("--addr").arg("127.0.0.1").arg("--port").arg("0").arg("--trusted-peers").arg(peers);
    let refusing = async {
        let asked = forger.until(Seen::Asked).await?;
        let left = forger.until(Seen::Left).await?;
        cluster.start(&[GIVER]).await?;
        eyre::Ok((left - asked, Instant::now()))
    };
    let (follower, (banned_after, came_back)) = tokio::try_join!(RunningNode::start(&options), refusing)?;
    let repaired_after = came_back.elapsed();
    ensure!(follower.log().contains("content that is not what its hash says"), "{}", follower.log_tail());
    ensure_same(&follower.rpc, &values, "the follower that lost three").await?;
    stop(follower).await?;
    forger.network.shutdown().await;

    // Each validator lost what the three others have, and there is nobody else.
    for index in 0..VALIDATORS {
        cluster.stop(index).await?;
        let first = index * 3;
        damage(&cluster.datadir(index), &values[first..first + 3])?;
    }
    let begun = Instant::now();
    cluster.start_all().await?;
    let together = begun.elapsed();
    let next = height(&cluster.node(0).rpc).await? + 1;
    let export = export(dir, &follower_dir, cluster.genesis())?;
    let mut nodes = Vec::new();
    for (folder, what) in [("nothing", "from nothing"), (export, "restored"), ("follower", "repaired follower")] {
        let node = cluster.follower(folder).await?;
        node.wait_for_height(next, WAIT).await?;
        ensure_same(&node.rpc, &values, what).await?;
        nodes.push(what);
    }
    for index in 0..VALIDATORS {
        cluster.node(index).wait_for_height(next, WAIT).await?;
        ensure_same(&cluster.node(index).rpc, &values, "a validator").await?;
    }
    nodes.push("four validators");
    let bytes = values.iter().map(|value| value.len()).sum();
    Ok(LostContentReport { values: VALUES, bytes, forged: forger.asked, banned_after, repaired_after, together, nodes })
}

/// Puts values of all lengths into a database.
async fn write(cluster: &LocalCluster) -> eyre::Result<Vec<Bytes>> {
    let mut random = StdRng::seed_from_u64(1);
    let mut owner = Client::new(cluster.node(0).rpc.url(), dev_account(0)).await?;
    let database = keccak256((owner.address(), B256::ZERO).abi_encode());
    owner.call(CONTRACT_DATABASE_ADDRESS, &IDatabase::openCall { salt: B256::ZERO }, U256::ZERO).await?;
    let [least, most] = VALUE_BYTES;
    let mut values = Vec::new();
    for number in 0..VALUES {
        let mut value = vec![0; least + (most - least) * number / (VALUES - 1)];
        random.fill(&mut value[..]);
        let value = Bytes::from(value);
        let key = U256::from(number).into();
        let put = IDatabase::putCall { database, table: B256::ZERO, key, value: value.clone() };
        owner.call(CONTRACT_DATABASE_ADDRESS, &put, U256::ZERO).await?;
        values.push(value);
    }
    Ok(values)
}

async fn stop(node: RunningNode) -> eyre::Result<()> {
    let status = node.stop().await?;
    ensure!(status.success(), "a follower ended with {status} on SIGTERM");
    Ok(())
}

/// Loses the first value in a stopped node's database, turns a bit of the second, and cuts the third.
fn damage(datadir: &Path, values: &[Bytes]) -> eyre::Result<()> {
    let (_, storage) = DataDir::new(datadir).open_chain(None, StorageOptions::default())?;
    for (how, value) in values.iter().enumerate() {
        let mut other = value.to_vec();
        match how {
            1 => other[value.len() / 2] ^= 1,
            _ => other.truncate(value.len() - 1),
        }
        storage.damage_content(&keccak256(value), (how > 0).then_some(&other[..]))?;
    }
    ensure!(storage.check_content()?.bad.len() == values.len(), "the damage is not seen");
    Ok(())
}

/// Exports a stopped node's blocks, and imports them into a new folder, whose name is the answer.
fn export(dir: &Path, from: &Path, genesis: &Path) -> eyre::Result<&'static str> {
    let to = "restored";
    let (file, folder) = (dir.join("chain.rlp"), dir.join(to));
    let run = |arguments: [&Path; 6]| -> eyre::Result<()> {
        let done = run_command(arguments.iter().filter(|argument| !argument.as_os_str().is_empty()))?;
        ensure!(done.status.success(), "{arguments:?}: {}", done.stderr);
        Ok(())
    };
    run(["export".as_ref(), "--datadir".as_ref(), from, &file, "".as_ref(), "".as_ref()])?;
    run(["import".as_ref(), "--datadir".as_ref(), &folder, "--chain".as_ref(), genesis, &file])?;
    Ok(to)
}

/// A node has exactly these values.
async fn ensure_same(rpc: &Rpc, values: &[Bytes], what: &str) -> eyre::Result<()> {
    for (number, value) in values.iter().enumerate() {
        let found = rpc.call("pervade_getContent", json!([keccak256(value)])).await?;
        ensure!(found == json!(value), "{what}: value {number} is {found}");
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Asked,
    Left,
}

/// A peer that answers every request for content, each value with a bit turned.
struct Forger {
    network: NetworkHandle,
    address: Multiaddr,
    seen: mpsc::UnboundedReceiver<(Seen, Instant)>,
    asked: usize,
}

impl Forger {
    async fn start(folder: &Path, spec: &ChainSpec, values: &[Bytes]) -> eyre::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let settings = NetworkConfig {
            addr: Ipv4Addr::LOCALHOST.into(),
            port: 0,
            discovery: false,
            quic: false,
            ..NetworkConfig::new(PathBuf::from(folder).join("nodekey"))
        };
        let (network, events) = pervade_p2p::start(settings, ChainIdentity::new(spec), Head::default())?;
        let address = loop {
            match network.listen_addresses().first() {
                Some(address) => break address.clone(),
                None => tokio::task::yield_now().await,
            }
        };
        let forged = values.iter().map(|value| {
            let mut bytes = value.to_vec();
            bytes[value.len() - 1] ^= 1;
            (keccak256(value), bytes)
        });
        let (tell, seen) = mpsc::unbounded_channel();
        tokio::spawn(forge(events, forged.collect(), tell));
        Ok(Self { network, address, seen, asked: 0 })
    }

    /// Waits for this to happen; answers when it did.
    async fn until(&mut self, wanted: Seen) -> eyre::Result<Instant> {
        loop {
            let next = tokio::time::timeout(WAIT, self.seen.recv()).await?;
            let (seen, when) = next.ok_or_eyre("the forger's network has ended")?;
            self.asked += usize::from(seen == Seen::Asked);
            if seen == wanted {
                return Ok(when);
            }
        }
    }
}

async fn forge(
    mut events: NetworkEvents,
    forged: BTreeMap<B256, Vec<u8>>,
    tell: mpsc::UnboundedSender<(Seen, Instant)>,
) {
    while let Some(event) = events.recv().await {
        let seen = match event {
            NetworkEvent::Request(request) if request.protocol == Protocol::Content => {
                let asked = request.data.chunks(32).filter_map(|hash| forged.get(hash));
                let answer = asked.flat_map(|bytes| [&(bytes.len() as u32).to_be_bytes()[..], bytes].concat());
                // Who asked may be gone.
                let _ = request.responder.respond(answer.collect::<Vec<u8>>().into());
                Seen::Asked
            }
            NetworkEvent::PeerDisconnected { .. } => Seen::Left,
            _ => continue,
        };
        // The scenario may have ended.
        let _ = tell.send((seen, Instant::now()));
    }
}
