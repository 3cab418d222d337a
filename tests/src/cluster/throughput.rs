//! How much four validators on one machine take, next to a single node on the same machine.
use super::{LocalCluster, network::block, network::height};
use crate::{
    harness::{NodeOptions, Rpc, RunningNode},
    load::{LoadOptions, Workload, run, table, usage_of},
};
use eyre::{WrapErr, ensure};
use std::{fmt, path::Path, time::Duration};
use tokio::runtime::Runtime;

/// Longest wait for a first block.
const BLOCK_MAX: Duration = Duration::from_secs(30);
/// Block period of both, milliseconds.
const PERIOD_MS: u64 = 200;
/// Gas limit of both.
const GAS_LIMIT: u64 = 200_000_000;

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct ThroughputOptions {
    /// Runs of each, alternating
    #[arg(long, default_value_t = 3)]
    pub runs: usize,
    /// Loads
    #[arg(long, value_enum, value_delimiter = ',', default_value = "transfers")]
    pub workloads: Vec<Workload>,
    /// Transactions of each run
    #[arg(long, default_value_t = 20_000)]
    pub count: u64,
    /// Number of senders
    #[arg(long, default_value_t = 400)]
    pub senders: u32,
    /// Connections, each with one batch of 50 under way
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
}

/// One run.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Included transactions a second.
    rate: f64,
    /// CPU seconds per 10,000 transactions: of the node that takes them from clients, and of the others on average.
    cpu_per_10k: [f64; 2],
}

/// Medians.
#[derive(Debug, Clone)]
pub struct ThroughputReport {
    rows: Vec<Vec<String>>,
}

/// Runs everything, a single node and a cluster in turns.
///
/// # Errors
/// A node does not start, or a run is without a verified result.
pub fn throughput(dir: &Path, options: &ThroughputOptions) -> eyre::Result<ThroughputReport> {
    let runtime = Runtime::new()?;
    let mut rows = Vec::new();
    for workload in &options.workloads {
        let (mut single, mut cluster) = (Vec::new(), Vec::new());
        for index in 0..options.runs.max(1) {
            let folder = |name: &str| dir.join(format!("{name}-{}-{index}", workload.name()));
            single.push(run_single(&runtime, &folder("single"), *workload, options)?);
            cluster.push(run_cluster(&runtime, &folder("cluster"), *workload, options)?);
        }
        rows.push(row(workload.name(), "single node", &single));
        rows.push(row(workload.name(), "4 validators", &cluster));
    }
    Ok(ThroughputReport { rows })
}

fn run_single(runtime: &Runtime, dir: &Path, workload: Workload, options: &ThroughputOptions) -> eyre::Result<Run> {
    std::fs::create_dir_all(dir)?;
    let node = NodeOptions::dev(&dir.join("data")).arg("--dev.period").arg(format!("{PERIOD_MS}ms"));
    let node = runtime.block_on(RunningNode::start(&node.arg("--dev.gaslimit").arg(GAS_LIMIT.to_string())))?;
    measure(runtime, &[&node], workload, options)
}

fn run_cluster(runtime: &Runtime, dir: &Path, workload: Workload, options: &ThroughputOptions) -> eyre::Result<Run> {
    let mut cluster = LocalCluster::create(dir, 4, PERIOD_MS)?;
    runtime.block_on(cluster.start_all())?;
    runtime.block_on(cluster.node(0).wait_for_height(1, BLOCK_MAX))?;
    let nodes: Vec<&RunningNode> = (0..cluster.len()).map(|index| cluster.node(index)).collect();
    let run = measure(runtime, &nodes, workload, options)?;
    let last = runtime.block_on(height(&nodes[0].rpc))?;
    for node in &nodes {
        runtime.block_on(node.wait_for_height(last, BLOCK_MAX))?;
    }
    runtime.block_on(cluster.assert_same_block(last))?;
    Ok(run)
}

/// The load goes to the first of the nodes.
fn measure(
    runtime: &Runtime,
    nodes: &[&RunningNode],
    workload: Workload,
    options: &ThroughputOptions,
) -> eyre::Result<Run> {
    let load = LoadOptions {
        url: nodes[0].rpc.url().to_owned(),
        workload,
        senders: options.senders,
        count: options.count,
        connections: options.connections,
        pid: Some(nodes[0].pid()),
        ..LoadOptions::default()
    };
    let cpu = || nodes.iter().map(|node| Ok(usage_of(node.pid())?.cpu_s)).collect::<eyre::Result<Vec<f64>>>();
    let first = runtime.block_on(height(&nodes[0].rpc))? + 1;
    let before = cpu()?;
    let report = run(&load)?;
    let used: Vec<f64> = cpu()?.iter().zip(before).map(|(after, before)| after - before).collect();
    // What prepares the load (funds, contracts) is included work too.
    let last = runtime.block_on(height(&nodes[0].rpc))?;
    let transactions = runtime.block_on(transactions(&nodes[0].rpc, first, last))?;
    ensure!(transactions >= options.count, "{transactions} transactions are in blocks, {} were sent", options.count);
    let per_10k = |cpu_s: f64| cpu_s * 10_000.0 / transactions as f64;
    let others = used.get(1..).filter(|others| !others.is_empty());
    let others = others.map_or(f64::NAN, |others| others.iter().sum::<f64>() / others.len() as f64);
    Ok(Run { rate: report.rate(), cpu_per_10k: [per_10k(used[0]), per_10k(others)] })
}

async fn transactions(node: &Rpc, first: u64, last: u64) -> eyre::Result<u64> {
    let mut count = 0;
    for number in first..=last {
        let block = block(node, number).await.wrap_err("counting transactions")?;
        count += block["transactions"].as_array().map_or(0, Vec::len) as u64;
    }
    Ok(count)
}

fn row(workload: &str, name: &str, runs: &[Run]) -> Vec<String> {
    let median = |value: &dyn Fn(&Run) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let others = median(&|run| run.cpu_per_10k[1]);
    vec![
        workload.into(),
        name.into(),
        format!("{:.0}", median(&|run| run.rate)),
        format!("{:.3}", median(&|run| run.cpu_per_10k[0])),
        if others.is_nan() { "-".into() } else { format!("{others:.3}") },
    ]
}

impl fmt::Display for ThroughputReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["workload", "nodes", "included/s", "CPU s/10,000, asked node", "each other node"];
        write!(f, "{}", table(&head, &self.rows))
    }
}
