//! Peers that mean harm, against a cluster of real processes under load.
//!
//! Each attack has a cluster of its own: who was banned for one of them would be in no place for the next. The fourth
//! validator never runs: its keys are in the attackers' hands.
mod attacks;
mod messages;
// The same raw peer attacks the network alone in that crate's own tests.
#[path = "../../../../p2p/tests/network/stranger.rs"]
mod stranger;

use super::{Load, LocalCluster, network::height, progress::Progress};
use crate::load::usage_of;
use attacks::Target;
use eyre::{WrapErr, bail};
use std::{
    fmt,
    future::Future,
    path::Path,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

/// Longest wait for a block of a network that can decide.
const BLOCK_MAX: Duration = Duration::from_secs(30);
/// Time between two looks at the memory of the nodes.
const SAMPLE: Duration = Duration::from_millis(100);
/// Transfers a second meanwhile.
const RATE: u32 = 50;
/// The validator that does not run.
const STOLEN: usize = 3;

type Attack = Pin<Box<dyn Future<Output = eyre::Result<()>> + Send>>;

/// A kind of attack.
struct Plan {
    name: &'static str,
    /// It has an end of its own, and is waited for longer.
    ends: bool,
    begin: fn(Target) -> Attack,
}

const PLANS: [Plan; 5] = [
    Plan {
        name: "10,000 invalid blocks and votes of a validator's key",
        ends: true,
        begin: |target| Box::pin(attacks::stolen_keys(target)),
    },
    Plan {
        name: "10,000 invalid blocks and votes of strangers",
        ends: true,
        begin: |target| Box::pin(attacks::strangers(target)),
    },
    Plan {
        name: "garbage and oversized frames on every protocol",
        ends: false,
        begin: |target| Box::pin(attacks::garbage(target)),
    },
    Plan { name: "500 connections", ends: false, begin: |target| Box::pin(attacks::connections(target)) },
    Plan { name: "gossip control floods", ends: false, begin: |target| Box::pin(attacks::control_floods(target)) },
];
/// An attack that ends is waited for so many times as long as one that does not.
const ENDS_WITHIN: u32 = 6;

/// One attack.
#[derive(Debug, Clone)]
pub struct AttackReport {
    /// Which.
    pub name: &'static str,
    /// Messages, streams or connections that it made.
    pub done: u64,
    /// Blocks a second before and during it.
    pub pace: [f64; 2],
    /// Resident memory of the node with the most, before, at most and afterwards, MiB.
    pub memory_mib: [f64; 3],
}

/// All attacks.
#[derive(Debug, Clone)]
pub struct HostileReport {
    /// One after the other.
    pub attacks: Vec<AttackReport>,
}

/// Runs each attack for at least so long, with as long a look at the cluster before it.
///
/// # Errors
/// A node that panics, ends or does not decide; a fork.
pub async fn hostile(dir: &Path, time: Duration, seed: u64) -> eyre::Result<HostileReport> {
    let progress = Progress::begin("hostile");
    let mut reports = Vec::new();
    for (index, plan) in PLANS.iter().enumerate() {
        let folder = dir.join(index.to_string());
        let report = run(&folder, plan, time, seed).await.wrap_err(plan.name)?;
        let [before, during] = report.pace;
        progress.say(format_args!("{}: {during:.2} blocks a second, {before:.2} before", report.name));
        reports.push(report);
    }
    Ok(HostileReport { attacks: reports })
}

async fn run(dir: &Path, plan: &Plan, time: Duration, seed: u64) -> eyre::Result<AttackReport> {
    let mut cluster = LocalCluster::create(dir, 4, 200)?;
    let running: Vec<usize> = (0..STOLEN).collect();
    cluster.start(&running).await?;
    cluster.node(0).wait_for_height(2, BLOCK_MAX).await?;
    let url = cluster.node(0).rpc.url().to_owned();
    let load = Load::start(vec![url.clone()], url.clone(), RATE);
    let target = Target {
        spec: Arc::new(cluster.spec()?),
        peers: cluster.peers()[..STOLEN].iter().map(|peer| Ok(peer.parse()?)).collect::<eyre::Result<_>>()?,
        url,
        stolen: cluster.folder(STOLEN),
        stolen_key: cluster.signer(STOLEN)?.to_bytes(),
        scratch: dir.to_owned(),
        seed,
        done: Arc::new(AtomicU64::new(0)),
    };
    let done = target.done.clone();
    let quiet = watch(&cluster, time, std::future::pending()).await?;
    let before = memory(&cluster)?;
    let time = if plan.ends { time * ENDS_WITHIN } else { time };
    let attacked = watch(&cluster, time, (plan.begin)(target)).await?;
    // What came in last may still be worked on.
    let settled = watch(&cluster, Duration::from_secs(2), std::future::pending()).await?;
    drop(load.finish(Duration::ZERO).await);
    let last = height(&cluster.node(0).rpc).await?;
    for index in running {
        cluster.node(index).wait_for_height(last, BLOCK_MAX).await?;
        let log = cluster.node(index).log();
        if log.contains("panicked") {
            bail!("validator {index} panicked:\n{}", cluster.node(index).log_tail());
        }
    }
    for number in 1..=last {
        cluster.assert_same_block(number).await?;
    }
    let most = attacked.memory_mib.max(settled.memory_mib);
    Ok(AttackReport {
        name: plan.name,
        done: done.load(Ordering::Relaxed),
        pace: [quiet.pace, attacked.pace],
        memory_mib: [before, most, memory(&cluster)?],
    })
}

/// What was seen of a cluster in a while.
struct Seen {
    pace: f64,
    memory_mib: f64,
}

/// Looks at pace and memory for so long, or until the attack has ended.
async fn watch(
    cluster: &LocalCluster,
    time: Duration,
    attack: impl Future<Output = eyre::Result<()>>,
) -> eyre::Result<Seen> {
    let (begun, first) = (Instant::now(), height(&cluster.node(0).rpc).await?);
    let mut most: f64 = 0.0;
    tokio::select! {
        ended = highest(cluster, &mut most) => ended?,
        ended = tokio::time::timeout(time, attack) => ended.unwrap_or(Ok(()))?,
    }
    let blocks = height(&cluster.node(0).rpc).await? - first;
    if blocks == 0 {
        bail!("no block in {:?}:\n{}", begun.elapsed(), cluster.node(0).log_tail());
    }
    Ok(Seen { pace: blocks as f64 / begun.elapsed().as_secs_f64(), memory_mib: most })
}

/// Raises `most` to the largest memory that it sees; goes on until it is dropped.
async fn highest(cluster: &LocalCluster, most: &mut f64) -> eyre::Result<()> {
    loop {
        *most = most.max(memory(cluster)?);
        tokio::time::sleep(SAMPLE).await;
    }
}

/// Resident memory of the node that has the most, MiB.
fn memory(cluster: &LocalCluster) -> eyre::Result<f64> {
    let mut most: f64 = 0.0;
    for index in cluster.running() {
        most = most.max(usage_of(cluster.node(index).pid()).wrap_err("a node has ended")?.resident_mib);
    }
    Ok(most)
}

impl fmt::Display for HostileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| attack | done | blocks a second before | during | MiB before | at most | after |")?;
        write!(f, "|---|---|---|---|---|---|---|")?;
        for AttackReport { name, done, pace: [quiet, attacked], memory_mib: [before, most, after] } in &self.attacks {
            write!(f, "\n| {name} | {done} | {quiet:.2} | {attacked:.2} | {before:.0} | {most:.0} | {after:.0} |")?;
        }
        Ok(())
    }
}
