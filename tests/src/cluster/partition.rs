//! Networks that are cut in pieces and joined again, in network namespaces.
use super::{Load, LocalCluster, Namespaces, namespaces::address, network::height};
use eyre::{bail, eyre};
use pervade_consensus::ValidatorSet;
use std::{
    fmt,
    path::Path,
    time::{Duration, Instant},
};

/// Longest wait for a network that can decide.
const BLOCK_MAX: Duration = Duration::from_secs(30);
/// Longest wait for a network whose pieces were joined.
const JOIN_MAX: Duration = Duration::from_secs(90);

/// Leaders that are cut off, one after the other.
const LEADERS: u64 = 4;

/// What a cut network did.
#[derive(Debug, Clone, Copy)]
pub struct PartitionReport {
    /// Blocks decided while two were cut from the other two; those under way may still be.
    pub halves: u64,
    /// From joining the halves to the next block.
    pub halves_joined: Duration,
    /// Blocks decided by three while one was cut off.
    pub three: u64,
    /// From joining that one to its being in step.
    pub one_joined: Duration,
    /// The validator whose turn it was, cut from the other three, again and again.
    pub leaders: LeaderReport,
}

/// Leaders that were cut off.
#[derive(Debug, Clone, Copy)]
pub struct LeaderReport {
    /// How many, one after the other.
    pub count: u64,
    /// Longest time from the cut to the others' next block.
    pub next_block: Duration,
    /// Longest time from joining a leader to its being in step.
    pub joined: Duration,
}

/// Cuts two from two, then one from three, each for so long, then one leader after the other, under a light load.
///
/// # Errors
/// Two halves that decide, a fork, or a network that does not go on.
pub async fn partition(dir: &Path, time: Duration) -> eyre::Result<PartitionReport> {
    let namespaces = Namespaces::create(4)?;
    let mut cluster = LocalCluster::create_in(dir, &namespaces, 200)?;
    cluster.start_all().await?;
    cluster.node(0).wait_for_height(2, BLOCK_MAX).await?;
    let load = Load::start(vec![cluster.node(0).rpc.url().to_owned()], cluster.node(0).rpc.url().to_owned(), 20);

    for (one, other) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        namespaces.cut(one, other)?;
    }
    let before = best(&cluster).await?;
    tokio::time::sleep(time).await;
    let halves = best(&cluster).await? - before;
    if halves > 1 {
        bail!("{halves} blocks were decided without more than two thirds of the validators");
    }
    for (one, other) in [(0, 2), (0, 3), (1, 2), (1, 3)] {
        namespaces.join(one, other)?;
    }
    let joined = Instant::now();
    let next = best(&cluster).await? + 1;
    for index in 0..4 {
        cluster.node(index).wait_for_height(next, JOIN_MAX).await?;
    }
    let halves_joined = joined.elapsed();

    for other in 0..3 {
        namespaces.cut(other, 3)?;
    }
    let before = best(&cluster).await?;
    tokio::time::sleep(time).await;
    let three = best(&cluster).await? - before;
    for other in 0..3 {
        namespaces.join(other, 3)?;
    }
    let joined = Instant::now();
    let wanted = best(&cluster).await?;
    cluster.node(3).wait_for_height(wanted, JOIN_MAX).await?;
    let one_joined = joined.elapsed();
    let leaders = cut_leaders(&cluster, &namespaces).await?;
    drop(load.finish(Duration::ZERO).await);
    let wanted = best(&cluster).await?;
    for index in 0..4 {
        cluster.node(index).wait_for_height(wanted, JOIN_MAX).await?;
    }
    for number in 1..=wanted {
        cluster.assert_same_block(number).await?;
    }
    Ok(PartitionReport { halves, halves_joined, three, one_joined, leaders })
}

/// Cuts off whoever proposes the next block, one leader after the other.
async fn cut_leaders(cluster: &LocalCluster, namespaces: &Namespaces) -> eyre::Result<LeaderReport> {
    let configured = cluster.spec()?.pervade().map(|pervade| pervade.validators.clone()).unwrap_or_default();
    let set = ValidatorSet::new(&configured)?;
    let accounts = (0..4).map(|index| Ok(cluster.signer(index)?.address())).collect::<eyre::Result<Vec<_>>>()?;
    let mut report = LeaderReport { count: LEADERS, next_block: Duration::ZERO, joined: Duration::ZERO };
    for _ in 0..LEADERS {
        let head = best(cluster).await?;
        let turn = set.proposer(head + 1, 0).account;
        let leader = accounts.iter().position(|account| *account == turn).ok_or_else(|| eyre!("{turn}: whose?"))?;
        let others: Vec<usize> = (0..4).filter(|index| *index != leader).collect();
        for other in &others {
            namespaces.cut(leader, *other)?;
        }
        let cut = Instant::now();
        // The block of its turn may have been decided while the ways were cut: the one after it shows that they go on.
        cluster.node(others[0]).wait_for_height(head + 2, BLOCK_MAX).await?;
        report.next_block = report.next_block.max(cut.elapsed());
        for other in &others {
            namespaces.join(leader, *other)?;
        }
        let joined = Instant::now();
        let wanted = best(cluster).await?;
        cluster.node(leader).wait_for_height(wanted, JOIN_MAX).await?;
        report.joined = report.joined.max(joined.elapsed());
    }
    Ok(report)
}

async fn best(cluster: &LocalCluster) -> eyre::Result<u64> {
    let mut best = 0;
    for index in cluster.running() {
        best = best.max(height(&cluster.node(index).rpc).await?);
    }
    Ok(best)
}

impl LocalCluster {
    /// [`Self::create`] with each validator in a namespace of its own.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_in(dir: &Path, namespaces: &Namespaces, block_period_ms: u64) -> eyre::Result<Self> {
        let mut cluster = Self::create_on(dir, 4, block_period_ms, (0..4).map(address).collect(), 30_303)?;
        cluster.namespaces = (0..4).map(|index| namespaces.name(index)).collect();
        Ok(cluster)
    }
}

impl fmt::Display for PartitionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| cut | blocks meanwhile | in step after joining |")?;
        writeln!(f, "|---|---|---|")?;
        writeln!(f, "| 2 from 2 | {} | {:.2} s |", self.halves, self.halves_joined.as_secs_f32())?;
        writeln!(f, "| 1 from 3 | {} | {:.2} s |", self.three, self.one_joined.as_secs_f32())?;
        let LeaderReport { count, next_block, joined } = self.leaders;
        let [next_block, joined] = [next_block, joined].map(|time| time.as_secs_f32());
        write!(f, "| the leader, {count} times | 2 within {next_block:.2} s at most | {joined:.2} s at most |")
    }
}
