//! How fast, and how quiet.
use crate::cluster::{Cluster, Options};
use pervade_consensus::{Notice, Step};
use std::collections::BTreeSet;

/// Times between neighbouring decisions from a height on, sorted.
fn intervals_ms(cluster: &Cluster, from: u64) -> Vec<u64> {
    let times: Vec<u64> = cluster.decided.range(from..).map(|(_, (at_ms, _))| *at_ms).collect();
    let mut intervals: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    intervals.sort_unstable();
    intervals
}

fn median(sorted: &[u64]) -> u64 {
    sorted[sorted.len() / 2]
}

#[test]
fn a_loaded_cluster_decides_every_block_period() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_for(20_000);
    let median_ms = median(&intervals_ms(&cluster, 1));
    assert!((195..=230).contains(&median_ms), "{median_ms} ms");
}

#[test]
fn one_dead_validator_of_four_costs_at_most_half_a_block_time_in_the_median() {
    let run = |dead: bool| {
        let mut cluster = Cluster::new(Options::default());
        if dead {
            cluster.crash(2);
        }
        cluster.run_for(60_000);
        let intervals = intervals_ms(&cluster, 20);
        (median(&intervals), *intervals.last().unwrap())
    };
    let (healthy_ms, _) = run(false);
    let (median_ms, longest_ms) = run(true);
    assert!(median_ms * 2 <= healthy_ms * 3, "{median_ms} ms against {healthy_ms} ms");
    // Seen dead, it is waited for less than a proposer that lives.
    assert!(longest_ms < 800, "{longest_ms} ms");
}

#[test]
fn an_idle_cluster_makes_an_empty_block_every_period_and_is_quiet_between() {
    let mut cluster = Cluster::new(Options { is_loaded: false, ..Options::default() });
    cluster.run_for(61_000);
    let blocks = cluster.decided.len();
    assert!((11..=14).contains(&blocks), "{blocks} blocks in 61 s with one every 5 s");
    let timeouts = cluster.notices.iter().filter(|(_, notice)| matches!(notice, Notice::Timeout { .. })).count();
    assert_eq!(timeouts, 0, "somebody lost patience with a proposer that rightly waits");
}

#[test]
fn without_empty_blocks_nothing_happens_until_there_is_work() {
    let options = Options { is_loaded: false, empty_block_period_ms: 0, ..Options::default() };
    let mut cluster = Cluster::new(options);
    cluster.run_for(60_000);
    assert_eq!(cluster.heads(), [0, 0, 0, 0]);
    cluster.work();
    cluster.run_to(1, 300);
}

#[test]
fn work_ends_the_wait_at_once() {
    let mut cluster = Cluster::new(Options { is_loaded: false, ..Options::default() });
    cluster.run_for(7_000);
    let head = cluster.heads()[0];
    cluster.work();
    let took_ms = cluster.run_to(head + 1, 1_000);
    assert!(took_ms <= 120, "{took_ms} ms");
}

#[test]
fn a_quorum_lost_for_an_hour_is_back_within_ten_seconds() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(5, 5_000);
    cluster.crash(2);
    cluster.crash(3);
    cluster.run_for(3_600_000);
    let head = cluster.heads()[0];
    cluster.restart(2);
    cluster.restart(3);
    let took_ms = cluster.run_to(head + 1, 10_000);
    println!("back after {took_ms} ms");
}

#[test]
fn a_proposer_with_a_wrong_clock_loses_its_turns_and_nothing_else() {
    for skew_ms in [-20_000, 20_000] {
        let mut cluster = Cluster::new(Options::default());
        cluster.nodes[1].skew_ms = skew_ms;
        // Not below its parent's, a timestamp cannot lie in the past for long.
        cluster.run_for(20_000);
        let head = cluster.heads().into_iter().min().unwrap();
        assert!(head > 30, "skew {skew_ms}: {head}");
        let skewed = cluster.notices.iter().any(|(_, notice)| matches!(notice, Notice::ClockSkew { .. }));
        assert!(skewed || skew_ms < 0, "nobody noticed");
    }
}

fn missed_turn((node, notice): &(usize, Notice)) -> Option<(usize, u64, u32, u32)> {
    match notice {
        Notice::MissedTurn { height, round, in_a_row, .. } => Some((*node, *height, *round, *in_a_row)),
        _ => None,
    }
}

#[test]
fn a_dead_proposer_is_reported_as_missing_its_turns() {
    let mut cluster = Cluster::new(Options::default());
    cluster.crash(0);
    cluster.run_for(10_000);
    let missed: Vec<_> = cluster.notices.iter().filter_map(missed_turn).collect();
    let told: BTreeSet<_> = missed.iter().map(|(node, height, round, _)| (node, height, round)).collect();
    assert_eq!(told.len(), missed.len(), "each turn counts once on each node: {missed:?}");
    assert!(missed.iter().any(|(.., in_a_row)| *in_a_row >= 2));
    let waits =
        cluster.notices.iter().filter(|(_, notice)| matches!(notice, Notice::Timeout { step: Step::Propose, .. }));
    assert!(waits.count() > 0);
}
