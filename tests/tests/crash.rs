//! Nothing acknowledged is ever missing, however the node dies. A few rounds on every change, fifty in `make test-slow`.
use pervade_tests::crash::{CrashKind, CrashReport, CrashRun};
use std::time::Duration;

/// Longest start after a crash.
const START_MAX: Duration = Duration::from_secs(2);

async fn crash(kind: CrashKind, rounds: usize, seed: u64) -> CrashReport {
    let folder = tempfile::tempdir().unwrap();
    let report = CrashRun { kind, rounds, seed, verbose: false }.run(folder.path()).await.unwrap();
    println!("seed {seed}: {}", report.summary());
    report
}

fn random_seed() -> u64 {
    u64::from(rand::random::<u32>())
}

fn assert_nothing_lost(report: &CrashReport, rounds: usize) {
    assert!(
        report.losses.is_empty(),
        "{}",
        report.losses.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    );
    assert_eq!(report.rounds, rounds);
    assert!(report.acknowledged.0 > 0 && report.acknowledged.1 > 0, "the load did nothing: {}", report.summary());
    assert!(report.slowest_start() < START_MAX, "{}", report.summary());
}

fn power_loss() -> CrashKind {
    CrashKind::PowerLoss { ignore_syncs_of: None }
}

/// With these syncs left out the same test must see a loss; how often it may try.
async fn assert_noticed(ignored: &str, rounds: usize) {
    let kind = CrashKind::PowerLoss { ignore_syncs_of: Some(ignored.to_owned()) };
    let report = crash(kind, rounds, random_seed()).await;
    assert!(!report.losses.is_empty(), "syncs of {ignored} were left out and nobody noticed in {rounds} rounds");
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_under_load_loses_nothing_acknowledged() {
    assert_nothing_lost(&crash(CrashKind::Kill, 4, random_seed()).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn power_loss_under_load_loses_nothing_acknowledged() {
    assert_nothing_lost(&crash(power_loss(), 4, random_seed()).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_sync_of_the_database_log_is_noticed() {
    assert_noticed("db/*.log", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_sync_of_the_pool_journal_is_noticed() {
    assert_noticed("txpool/*", 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_kill_9_fifty_times_loses_nothing_acknowledged() {
    assert_nothing_lost(&crash(CrashKind::Kill, 50, random_seed()).await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_power_loss_fifty_times_loses_nothing_acknowledged() {
    assert_nothing_lost(&crash(power_loss(), 50, random_seed()).await, 50);
}
