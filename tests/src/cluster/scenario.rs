//! What is done to networks, and what is seen then.
use super::{Latencies, Load, LoadReport, LocalCluster, network::height, progress::Progress};
use eyre::bail;
use serde_json::json;
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// Longest wait for a killed validator to be in step again.
const RETURN_MAX: Duration = Duration::from_secs(60);
/// Longest wait for a block of a network that can decide.
const BLOCK_MAX: Duration = Duration::from_secs(20);
/// Longest wait for what is under way when a load ends.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// Blocks between two lines about how far a scenario is.
const TOLD_BLOCKS: u64 = 1_000;

/// One of four validators killed again and again.
#[derive(Debug, Clone)]
pub struct KillReport {
    /// How often.
    pub kills: usize,
    /// From each start to the head of the others.
    pub returns: Vec<Duration>,
    /// Blocks decided meanwhile.
    pub blocks: u64,
    /// What the load saw.
    pub load: LoadReport,
    /// Acknowledged transactions without a receipt at the end.
    pub lost: usize,
}

/// Median time between blocks.
#[derive(Debug, Clone, Copy)]
pub struct PaceReport {
    /// With four of four.
    pub healthy: Duration,
    /// With three of four.
    pub one_dead: Duration,
}

/// A validator that lost everything.
#[derive(Debug, Clone, Copy)]
pub struct RejoinReport {
    /// Blocks that it fetched.
    pub blocks: u64,
    /// How long that took.
    pub elapsed: Duration,
}

/// Kills validators in turns under load for so long: one every `every`, started again at once.
///
/// # Errors
/// A fork, a validator that does not come back, or a node that fails by itself.
pub async fn kill_under_load(dir: &Path, time: Duration, every: Duration, per_second: u32) -> eyre::Result<KillReport> {
    let mut cluster = LocalCluster::create(dir, 4, 200)?;
    cluster.start_all().await?;
    cluster.node(0).wait_for_height(1, BLOCK_MAX).await?;
    let follower = cluster.follower("watcher").await?;
    let from = height(&follower.rpc).await?;
    let urls = (0..4).map(|index| cluster.node(index).rpc.url().to_owned()).collect();
    let load = Load::start(urls, follower.rpc.url().to_owned(), per_second);
    let (begun, mut returns, mut victim) = (Instant::now(), Vec::new(), 0);
    let progress = Progress::begin("kill");
    while begun.elapsed() < time {
        tokio::time::sleep(every).await;
        cluster.kill(victim)?;
        let started = Instant::now();
        cluster.start_where_it_was(victim).await?;
        let wanted = height(&follower.rpc).await?;
        cluster.node(victim).wait_for_height(wanted, RETURN_MAX).await?;
        returns.push(started.elapsed());
        let (kills, last) = (returns.len(), started.elapsed().as_secs_f32());
        progress.say(format_args!("kill {kills}: validator {victim} was back after {last:.1} s, at block {wanted}"));
        victim = (victim + 1) % cluster.len();
    }
    let load = load.finish(SETTLE_MAX).await;
    let last = height(&follower.rpc).await?;
    for index in 0..cluster.len() {
        cluster.node(index).wait_for_height(last, RETURN_MAX).await?;
    }
    for number in [1, last / 2, last] {
        cluster.assert_same_block(number).await?;
    }
    let mut lost = 0;
    for hash in &load.acknowledged {
        let receipt = cluster.node(0).rpc.call("eth_getTransactionReceipt", json!([hash])).await?;
        lost += usize::from(receipt.is_null());
    }
    Ok(KillReport { kills: returns.len(), returns, blocks: last - from, load, lost })
}

/// Time from `eth_sendRawTransaction` on one node to the receipt on another, at a pace.
///
/// # Errors
/// The network does not decide.
pub async fn latency(dir: &Path, time: Duration, per_second: u32) -> eyre::Result<LoadReport> {
    let mut cluster = LocalCluster::create(dir, 4, 200)?;
    cluster.start_all().await?;
    cluster.node(3).wait_for_height(1, BLOCK_MAX).await?;
    let load =
        Load::start(vec![cluster.node(0).rpc.url().to_owned()], cluster.node(3).rpc.url().to_owned(), per_second);
    tokio::time::sleep(time).await;
    Ok(load.finish(SETTLE_MAX).await)
}

/// Median time between blocks under a light load, with all four validators and then without one.
///
/// # Errors
/// The network does not decide.
pub async fn one_dead(dir: &Path, blocks: u64) -> eyre::Result<PaceReport> {
    let mut cluster = LocalCluster::create(dir, 4, 200)?;
    cluster.start_all().await?;
    cluster.node(0).wait_for_height(1, BLOCK_MAX).await?;
    let load = Load::start(vec![cluster.node(0).rpc.url().to_owned()], cluster.node(0).rpc.url().to_owned(), 50);
    let healthy = median_block_time(&cluster, blocks).await?;
    cluster.kill(3)?;
    let one_dead = median_block_time(&cluster, blocks).await?;
    drop(load.finish(Duration::ZERO).await);
    Ok(PaceReport { healthy, one_dead })
}

/// Empties a validator's folder after so many blocks, and starts it again.
///
/// # Errors
/// It does not catch up, or with another chain.
pub async fn rejoin(dir: &Path, blocks: u64) -> eyre::Result<RejoinReport> {
    // As quick as it goes: only the number of blocks matters.
    let mut cluster = LocalCluster::create(dir, 4, 0)?;
    cluster.start_all().await?;
    let load = Load::start(vec![cluster.node(0).rpc.url().to_owned()], cluster.node(0).rpc.url().to_owned(), 50);
    let progress = Progress::begin("rejoin");
    for told in (TOLD_BLOCKS..blocks).step_by(TOLD_BLOCKS as usize).chain([blocks]) {
        cluster.node(0).wait_for_height(told, Duration::from_secs(60 + TOLD_BLOCKS)).await?;
        progress.say(format_args!("{told} of {blocks} blocks are made"));
    }
    cluster.kill(2)?;
    std::fs::remove_dir_all(cluster.datadir(2))?;
    let begun = Instant::now();
    cluster.start(&[2]).await?;
    let wanted = height(&cluster.node(0).rpc).await?;
    progress.say(format_args!("a validator without data begins to fetch {wanted} blocks"));
    cluster.node(2).wait_for_height(wanted, Duration::from_secs(60 + blocks)).await?;
    let elapsed = begun.elapsed();
    drop(load.finish(Duration::ZERO).await);
    cluster.assert_same_block(wanted).await?;
    Ok(RejoinReport { blocks: wanted, elapsed })
}

/// Half of the validators lose their disks for good, and the network is brought back as the operator's guide says.
///
/// # Errors
/// It does not decide again, or decides where it must not.
pub async fn recovery(dir: &Path) -> eyre::Result<RejoinReport> {
    let mut cluster = LocalCluster::create(dir, 4, 0)?;
    cluster.start_all().await?;
    let load = Load::start(vec![cluster.node(0).rpc.url().to_owned()], cluster.node(0).rpc.url().to_owned(), 20);
    cluster.node(0).wait_for_height(10, BLOCK_MAX).await?;
    drop(load.finish(SETTLE_MAX).await);
    for lost in [2, 3] {
        cluster.kill(lost)?;
        std::fs::remove_dir_all(cluster.datadir(lost))?;
    }
    let begun = Instant::now();
    let head = height(&cluster.node(0).rpc).await?.max(height(&cluster.node(1).rpc).await?);
    cluster.start(&[2, 3]).await?;
    for index in 0..4 {
        cluster.node(index).wait_for_height(head, RETURN_MAX).await?;
    }
    // Longer than two empty blocks take: they keep silent, as they must.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let silent = height(&cluster.node(0).rpc).await?;
    if silent > head {
        bail!("block {silent} was decided with validators that do not know what they signed there");
    }
    for lost in [2, 3] {
        cluster.kill(lost)?;
        std::fs::remove_dir_all(cluster.datadir(lost).join("consensus"))?;
    }
    cluster.start_with(&[2, 3], &["--validator.unsigned"]).await?;
    for index in 0..4 {
        cluster.node(index).wait_for_height(head + 2, RETURN_MAX).await?;
    }
    cluster.assert_same_block(head + 2).await?;
    Ok(RejoinReport { blocks: head, elapsed: begun.elapsed() })
}

async fn median_block_time(cluster: &LocalCluster, blocks: u64) -> eyre::Result<Duration> {
    let node = cluster.node(0);
    let first = height(&node.rpc).await?;
    let mut times = Vec::new();
    let mut before = Instant::now();
    for number in first + 1..=first + blocks {
        node.wait_for_height(number, BLOCK_MAX).await?;
        times.push(before.elapsed());
        before = Instant::now();
    }
    times.sort();
    match times.get(times.len() / 2) {
        Some(median) => Ok(*median),
        None => bail!("no blocks to measure"),
    }
}

impl std::fmt::Display for Latencies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [p50, p99, max] = [self.p50, self.p99, self.max].map(|time| time.as_millis());
        write!(f, "p50 {p50} ms, p99 {p99} ms, max {max} ms")
    }
}

impl std::fmt::Display for RejoinReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = self.elapsed.as_secs_f64();
        writeln!(f, "| blocks | in step after | blocks a second |")?;
        writeln!(f, "|---|---|---|")?;
        write!(f, "| {} | {seconds:.1} s | {:.0} |", self.blocks, self.blocks as f64 / seconds)
    }
}

impl std::fmt::Display for KillReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut returns = self.returns.clone();
        returns.sort();
        let median = returns.get(returns.len() / 2).copied().unwrap_or_default();
        writeln!(f, "| kills | blocks | acknowledged | lost | return, median | return, slowest | latency |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        write!(
            f,
            "| {} | {} | {} | {} | {:.2} s | {:.2} s | {} |",
            self.kills,
            self.blocks,
            self.load.acknowledged.len(),
            self.lost,
            median.as_secs_f32(),
            returns.last().copied().unwrap_or_default().as_secs_f32(),
            self.load.latencies
        )
    }
}
