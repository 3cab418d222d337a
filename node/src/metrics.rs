//! Metrics for Prometheus, and the page that serves them with the probes.
//!
//! Names follow Prometheus' rules: `pervade_`, a noun, a base unit (`seconds`, `bytes`, `total`).
use crate::{NodeError, health::Health, shutdown::Shutdown};
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    routing::get,
};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use pervade_gateway::service::{StatusBoard, describe_metrics};
use pervade_storage::{ExecutedBlock, Storage};
use pervade_txpool::TxPool;
use std::{
    fs,
    net::SocketAddr,
    sync::OnceLock,
    time::{Duration, Instant},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// Bucket bounds of times, seconds: from a block in memory to a disk in trouble.
const SECONDS_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// How often histograms are condensed while nobody scrapes.
const UPKEEP_PERIOD: Duration = Duration::from_secs(10);
/// Clock ticks a second in `/proc`: the kernel's constant for user space.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process's recorder: one, however many nodes run in it (tests).
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// What a scrape reads.
#[derive(Clone)]
pub struct MetricsSource {
    /// Blocks.
    pub storage: Storage,
    /// Transactions.
    pub pool: TxPool,
    /// Probes.
    pub health: Health,
    /// When the node started.
    pub started: Instant,
}

/// Installs the process's recorder; before it, recording costs nothing and is lost.
pub fn install() {
    RECORDER.get_or_init(|| {
        let builder = PrometheusBuilder::new().set_buckets(&SECONDS_BUCKETS).ok()?;
        let handle = builder.install_recorder().ok()?;
        describe();
        Some(handle)
    });
}

fn describe() {
    describe_gauge!("pervade_head_number", "Number of the newest block");
    describe_gauge!("pervade_head_timestamp_seconds", "Unix time of the newest block");
    describe_gauge!("pervade_base_fee_wei", "Base fee of the newest block");
    describe_counter!("pervade_blocks_total", "Blocks that this process made the head");
    describe_counter!("pervade_transactions_total", "Transactions in them");
    describe_counter!("pervade_gas_total", "Gas used by them");
    describe_histogram!("pervade_block_build_seconds", "Time to execute a block and compute its state root");
    describe_histogram!("pervade_block_commit_seconds", "Time to make a block durable");
    describe_histogram!("pervade_block_validate_seconds", "Time to check and execute a proposed block");
    describe_gauge!("pervade_consensus_height", "Height that is being decided");
    describe_gauge!("pervade_consensus_round", "Round of that height");
    describe_counter!("pervade_consensus_timeouts_total", "Waits of a round that ended in vain, by step");
    describe_counter!("pervade_consensus_missed_turns_total", "Turns that their proposers missed");
    describe_counter!("pervade_consensus_missed_blocks_total", "Blocks that this validator did not sign");
    describe_gauge!("pervade_consensus_missing_signatures", "Validators that did not sign the newest block");
    describe_counter!("pervade_consensus_invalid_proposals_total", "Proposed blocks that are invalid");
    describe_counter!("pervade_consensus_evidence_total", "Proofs that a validator signed twice");
    describe_histogram!("pervade_consensus_height_seconds", "Time from the begin of a height to its decision");
    describe_gauge!("pervade_clock_skew_seconds", "A proposer's clock less this host's, if they differed too much");
    describe_gauge!("pervade_peers", "Connected peers of this chain");
    describe_counter!("pervade_transactions_heard_total", "Transactions that peers told and the pool took");
    describe_counter!("pervade_transactions_untold_total", "Accepted transactions that could not be told to peers");
    describe_gauge!("pervade_txpool_pending", "Transactions that can be executed now");
    describe_gauge!("pervade_txpool_queued", "Transactions that wait behind a nonce gap");
    describe_counter!("pervade_observations_total", "Canonical observations that this process has indexed");
    describe_counter!("pervade_observations_unread_total", "Bound logs and calls that their mappings do not read");
    describe_metrics();
    describe_gauge!("pervade_uptime_seconds", "Time since this node started");
    describe_gauge!("process_resident_memory_bytes", "Memory of this process");
    describe_gauge!("process_cpu_seconds_total", "User and system CPU time of this process");
    describe_gauge!("process_open_fds", "Open file descriptors of this process");
}

/// Records a block that this node made.
pub fn block_produced(executed: &ExecutedBlock, build: Duration, commit: Duration) {
    block_built(build);
    block_committed(executed, commit);
}

/// Records that a block was built.
pub fn block_built(elapsed: Duration) {
    histogram!("pervade_block_build_seconds").record(elapsed.as_secs_f64());
}

/// Records that a block was executed to be voted for.
pub fn block_validated(elapsed: Duration) {
    histogram!("pervade_block_validate_seconds").record(elapsed.as_secs_f64());
}

/// Records that a block became the head.
pub fn block_committed(executed: &ExecutedBlock, elapsed: Duration) {
    counter!("pervade_blocks_total").increment(1);
    counter!("pervade_transactions_total").increment(executed.block.senders.len() as u64);
    counter!("pervade_gas_total").increment(executed.block.header().gas_used);
    histogram!("pervade_block_commit_seconds").record(elapsed.as_secs_f64());
}

/// Records the round that is being decided.
pub fn round(height: u64, round: u32) {
    gauge!("pervade_consensus_height").set(height as f64);
    gauge!("pervade_consensus_round").set(f64::from(round));
}

/// Records that a wait of a round ended in vain.
pub fn timeout(step: &'static str) {
    counter!("pervade_consensus_timeouts_total", "step" => step).increment(1);
}

/// Records that a proposer did not propose.
pub fn missed_turn() {
    counter!("pervade_consensus_missed_turns_total").increment(1);
}

/// Records a decided height: how long it took here (0: it was fetched), how many did not sign, and whether this node is
/// one of them.
pub fn decided(elapsed_ms: u64, missing: usize, missed: bool) {
    if elapsed_ms > 0 {
        histogram!("pervade_consensus_height_seconds").record(Duration::from_millis(elapsed_ms).as_secs_f64());
    }
    gauge!("pervade_consensus_missing_signatures").set(missing as f64);
    counter!("pervade_consensus_missed_blocks_total").increment(u64::from(missed));
}

/// Records the difference between a proposer's clock and this host's.
pub fn clock_skew(offset_ms: i64) {
    gauge!("pervade_clock_skew_seconds").set(offset_ms as f64 / 1000.0);
}

/// Records that an invalid block was proposed.
pub fn invalid_proposal() {
    counter!("pervade_consensus_invalid_proposals_total").increment(1);
}

/// Records that a validator was caught signing twice.
pub fn evidence() {
    counter!("pervade_consensus_evidence_total").increment(1);
}

/// Records the number of connected peers.
pub fn peers(count: usize) {
    gauge!("pervade_peers").set(count as f64);
}

/// Records transactions that peers told and the pool took.
pub fn transactions_heard(count: u64) {
    counter!("pervade_transactions_heard_total").increment(count);
}

/// Records accepted transactions that could not be told to peers.
pub fn transactions_untold(count: u64) {
    counter!("pervade_transactions_untold_total").increment(count);
}

/// The page's text.
pub fn render(source: &MetricsSource) -> String {
    let head = source.storage.head();
    let pool = source.pool.status();
    gauge!("pervade_head_number").set(head.number() as f64);
    gauge!("pervade_head_timestamp_seconds").set(head.header().timestamp as f64);
    gauge!("pervade_base_fee_wei").set(head.header().base_fee_per_gas.unwrap_or(0) as f64);
    gauge!("pervade_txpool_pending").set(pool.pending as f64);
    gauge!("pervade_txpool_queued").set(pool.queued as f64);
    gauge!("pervade_uptime_seconds").set(source.started.elapsed().as_secs_f64());
    process_gauges();
    RECORDER.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default()
}

fn process_gauges() {
    if let Some(bytes) = resident_bytes() {
        gauge!("process_resident_memory_bytes").set(bytes);
    }
    if let Some(seconds) = cpu_seconds() {
        gauge!("process_cpu_seconds_total").set(seconds);
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        gauge!("process_open_fds").set(entries.count() as f64);
    }
}

/// `VmRSS` of `/proc/self/status`, which is in kilobytes (proc(5)).
fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// Fields 14 and 15 of `/proc/self/stat`, in clock ticks (proc(5)). The name in brackets may hold spaces.
fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

/// Serves `/metrics`, `/health` and `/ready` until the node stops. Returns the bound address.
///
/// # Errors
/// The address is taken.
pub async fn serve(
    addr: SocketAddr,
    source: MetricsSource,
    shutdown: Shutdown,
) -> Result<(SocketAddr, JoinHandle<()>), NodeError> {
    let wrong = |source| NodeError::Serve { what: format!("metrics on {addr}"), source };
    let listener = TcpListener::bind(addr).await.map_err(wrong)?;
    let bound = listener.local_addr().map_err(wrong)?;
    let router = Router::new()
        .route("/metrics", get(|State(source): State<MetricsSource>| async move { render(&source) }))
        .route(
            "/health",
            get(|State(source): State<MetricsSource>| async move { probe(&source, source.health.is_healthy()) }),
        )
        .route(
            "/ready",
            get(|State(source): State<MetricsSource>| async move { probe(&source, source.health.is_ready()) }),
        )
        .with_state(source);
    let server = tokio::spawn(async move {
        let upkeep = tokio::spawn(upkeep());
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.begun().await }).await;
        if let Err(error) = served {
            tracing::warn!(%error, "the metrics server stopped");
        }
        upkeep.abort();
    });
    Ok((bound, server))
}

/// Serves `/metrics`, `/status` and `/health` of a gateway that stands alone, until it stops. It is healthy while nothing
/// keeps it from working. Returns the bound address.
///
/// # Errors
/// The address is taken.
pub async fn serve_gateway(addr: SocketAddr, status: StatusBoard, shutdown: Shutdown) -> Result<SocketAddr, NodeError> {
    let wrong = |source| NodeError::Serve { what: format!("metrics on {addr}"), source };
    let listener = TcpListener::bind(addr).await.map_err(wrong)?;
    let bound = listener.local_addr().map_err(wrong)?;
    let health = |State(status): State<StatusBoard>| async move {
        let problem = status.get().problem;
        let code = if problem.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        (code, problem)
    };
    let json = |State(status): State<StatusBoard>| async move {
        let text = serde_json::to_string(&status.get()).unwrap_or_default();
        ([(CONTENT_TYPE, "application/json")], text)
    };
    let text = || async {
        process_gauges();
        RECORDER.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default()
    };
    let router = Router::new()
        .route("/metrics", get(text))
        .route("/status", get(json))
        .route("/health", get(health))
        .with_state(status);
    tokio::spawn(async move {
        let upkeep = tokio::spawn(upkeep());
        let served = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.begun().await }).await;
        if let Err(error) = served {
            tracing::warn!(%error, "the metrics server stopped");
        }
        upkeep.abort();
    });
    Ok(bound)
}

async fn upkeep() {
    loop {
        tokio::time::sleep(UPKEEP_PERIOD).await;
        if let Some(Some(recorder)) = RECORDER.get() {
            recorder.run_upkeep();
        }
    }
}

fn probe(source: &MetricsSource, ok: bool) -> (StatusCode, String) {
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, source.health.describe(ok))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_knows_its_memory_and_time() {
        assert!(resident_bytes().unwrap() > 100_000.0);
        assert!(cpu_seconds().unwrap() >= 0.0);
    }
}
