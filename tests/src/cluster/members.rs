//! Nodes that come and validators that go, under load.
use super::{Load, LoadReport, LocalCluster, network::block, network::height};
use crate::harness::{Change, DEV_CHAIN_ID, Fees, RunningNode, dev_account, sign_transfer};
use alloy_primitives::{Address, U256};
use alloy_signer_local::PrivateKeySigner;
use eyre::{bail, ensure, eyre};
use serde_json::{Value, json};
use std::{
    fmt,
    path::Path,
    time::{Duration, Instant},
};

/// Longest wait for a block, for a node to be in step, or for what is under way when the load ends.
const WAIT: Duration = Duration::from_secs(60);
/// Blocks that the cluster decides between two steps.
const BETWEEN: u64 = 5;
/// What an account that votes gets, wei.
const GIFT: u128 = 10_000_000_000_000_000_000;

/// What coming and going took.
#[derive(Debug, Clone, Default)]
pub struct MembersReport {
    /// What happened, and how long it took.
    pub steps: Vec<(&'static str, Duration)>,
    /// Blocks that were decided.
    pub blocks: u64,
    /// What the load saw.
    pub load: LoadReport,
    /// Acknowledged transactions that a node has no receipt of at the end.
    pub lost: usize,
}

/// Adds a follower, adds a validator and removes another by vote, and kills a third, all under load.
///
/// # Errors
/// A fork, different states, a set that is not as voted, or a node that does not get in step.
pub async fn members(dir: &Path, per_second: u32) -> eyre::Result<MembersReport> {
    let mut cluster = LocalCluster::create(dir, 4, 200)?;
    cluster.start_all().await?;
    cluster.node(0).wait_for_height(1, WAIT).await?;
    let first = (0..4).map(|index| cluster.signer(index)).collect::<eyre::Result<Vec<_>>>()?;
    let first: Vec<&PrivateKeySigner> = first.iter().collect();
    let added = cluster.prepare_validator()?;
    let newcomer = cluster.signer(added)?;
    let voters: Vec<_> = first.iter().map(|signer| signer.address()).chain([newcomer.address()]).collect();
    fund(cluster.node(0), &voters).await?;
    let mut report = MembersReport::default();
    let from = height(&cluster.node(0).rpc).await?;
    let urls = (0..4).map(|index| cluster.node(index).rpc.url().to_owned()).collect();
    let load = Load::start(urls, cluster.node(0).rpc.url().to_owned(), per_second);
    go_on(&cluster).await?;

    let begun = Instant::now();
    let follower = cluster.follower("follower").await?;
    in_step(&cluster, &follower).await?;
    report.steps.push(("a follower is added: from its start to the head", begun.elapsed()));
    go_on(&cluster).await?;

    let begun = Instant::now();
    cluster.start(&[added]).await?;
    in_step(&cluster, cluster.node(added)).await?;
    report.steps.push(("the new validator's node: from its start to the head", begun.elapsed()));
    let begun = Instant::now();
    let enacted = Change::power(&newcomer, 1).pass(&cluster.node(0).rpc, &first[..3], WAIT).await?;
    report.steps.push(("three votes: from the first to the block that enacts", begun.elapsed()));
    let begun = Instant::now();
    set_is(&cluster, enacted, &[&first[..], &[&newcomer]].concat()).await?;
    proposes(cluster.node(added), newcomer.address(), enacted + 2).await?;
    report.steps.push(("from there to the new validator's first block", begun.elapsed()));
    go_on(&cluster).await?;

    let begun = Instant::now();
    let voters = [first[0], first[2], first[3], &newcomer];
    let enacted = Change::power(first[1], 0).pass(&cluster.node(0).rpc, &voters, WAIT).await?;
    report.steps.push(("four votes to remove another: from the first to the block that enacts", begun.elapsed()));
    let begun = Instant::now();
    set_is(&cluster, enacted, &voters).await?;
    is_follower(cluster.node(1)).await?;
    in_step(&cluster, cluster.node(1)).await?;
    report.steps.push(("from there to its node following in step", begun.elapsed()));
    go_on(&cluster).await?;

    // Three of the new four: they decide only if the newcomer's vote counts and the removed one's does not.
    cluster.kill(0)?;
    let begun = Instant::now();
    let wanted = height(&cluster.node(2).rpc).await? + 1;
    cluster.node(2).wait_for_height(wanted, WAIT).await?;
    report.steps.push(("a validator is killed: to the others' next block", begun.elapsed()));
    go_on_at(cluster.node(2)).await?;
    let begun = Instant::now();
    cluster.start_where_it_was(0).await?;
    in_step(&cluster, cluster.node(0)).await?;
    report.steps.push(("it is started again: to the head", begun.elapsed()));
    go_on(&cluster).await?;

    report.load = load.finish(WAIT).await;
    let last = height(&cluster.node(2).rpc).await?;
    report.blocks = last - from;
    let running: Vec<_> = cluster.running().into_iter().map(|index| cluster.node(index)).chain([&follower]).collect();
    for node in &running {
        node.wait_for_height(last, WAIT).await?;
    }
    same_blocks(&running, last).await?;
    for hash in &report.load.acknowledged {
        for node in [&running[0], &running[running.len() - 1]] {
            let receipt = node.rpc.call("eth_getTransactionReceipt", json!([hash])).await?;
            report.lost += usize::from(receipt.is_null());
        }
    }
    Ok(report)
}

/// Gives accounts money.
pub(super) async fn fund(node: &RunningNode, accounts: &[Address]) -> eyre::Result<()> {
    let mut last = None;
    for (nonce, account) in accounts.iter().enumerate() {
        let (hash, raw) =
            sign_transfer(&dev_account(0), DEV_CHAIN_ID, nonce as u64, *account, U256::from(GIFT), Fees::default());
        node.rpc.call("eth_sendRawTransaction", json!([raw])).await?;
        last = Some(hash);
    }
    if let Some(hash) = last {
        node.wait_for_receipt(&hash, WAIT).await?;
    }
    Ok(())
}

/// The cluster decides some more blocks.
async fn go_on(cluster: &LocalCluster) -> eyre::Result<()> {
    go_on_at(cluster.node(0)).await
}

async fn go_on_at(node: &RunningNode) -> eyre::Result<()> {
    let wanted = height(&node.rpc).await? + BETWEEN;
    node.wait_for_height(wanted, WAIT).await.map(drop)
}

/// A node has the head that the cluster has now.
async fn in_step(cluster: &LocalCluster, node: &RunningNode) -> eyre::Result<()> {
    let wanted = height(&cluster.node(2).rpc).await?;
    node.wait_for_height(wanted, WAIT).await.map(drop)
}

/// Two blocks after `enacted`, every node says that these accounts decide.
async fn set_is(cluster: &LocalCluster, enacted: u64, expected: &[&PrivateKeySigner]) -> eyre::Result<()> {
    let mut expected: Vec<_> = expected.iter().map(|signer| signer.address()).collect();
    expected.sort();
    let number = enacted + 2;
    for index in cluster.running() {
        let node = cluster.node(index);
        node.wait_for_height(number, WAIT).await?;
        let set = node.rpc.call("pervade_getValidators", json!([format!("{number:#x}")])).await?;
        let accounts = set["validators"].as_array().ok_or_else(|| eyre!("no validators: {set}"))?;
        let mut found = accounts.iter().map(account).collect::<eyre::Result<Vec<_>>>()?;
        found.sort();
        ensure!(found == expected, "validator {index}: block {number} is decided by {found:?}, not {expected:?}");
    }
    Ok(())
}

fn account(validator: &Value) -> eyre::Result<Address> {
    Ok(validator["account"].as_str().ok_or_else(|| eyre!("no account: {validator}"))?.parse()?)
}

/// A block from a height on is one that `account` was paid for.
async fn proposes(node: &RunningNode, account: Address, from: u64) -> eyre::Result<()> {
    let begun = Instant::now();
    let mut number = from;
    while begun.elapsed() < WAIT {
        node.wait_for_height(number, WAIT).await?;
        let miner = block(&node.rpc, number).await?["miner"].as_str().map(str::parse::<Address>);
        if miner.is_some_and(|miner| miner == Ok(account)) {
            return Ok(());
        }
        number += 1;
    }
    bail!("{account} proposed none of the blocks {from} to {number}")
}

/// The node says that it has no vote.
async fn is_follower(node: &RunningNode) -> eyre::Result<()> {
    let begun = Instant::now();
    loop {
        let status = node.rpc.call("pervade_nodeStatus", json!([])).await?;
        if status["cluster"]["role"] == "follower" {
            return Ok(());
        }
        ensure!(begun.elapsed() < WAIT, "the removed validator still votes: {status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every block up to a height, with its state, is the same on all nodes.
async fn same_blocks(nodes: &[&RunningNode], last: u64) -> eyre::Result<()> {
    for number in 0..=last {
        let mut expected = None;
        for node in nodes {
            let found = block(&node.rpc, number).await?;
            let found = (found["hash"].clone(), found["stateRoot"].clone());
            let expected = expected.get_or_insert_with(|| found.clone());
            ensure!(*expected == found, "block {number}: {expected:?}, and on {} {found:?}", node.rpc.url());
        }
    }
    Ok(())
}

impl fmt::Display for MembersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| step | time |")?;
        writeln!(f, "|---|---|")?;
        for (step, time) in &self.steps {
            writeln!(f, "| {step} | {:.2} s |", time.as_secs_f32())?;
        }
        let acknowledged = self.load.acknowledged.len();
        writeln!(f)?;
        writeln!(f, "| blocks | acknowledged | lost | latency |")?;
        writeln!(f, "|---|---|---|---|")?;
        write!(f, "| {} | {acknowledged} | {} | {} |", self.blocks, self.lost, self.load.latencies)
    }
}
