//! Simulated clusters: a share of the seeds, that a seed replays, and that broken builds are caught.
use pervade_tests::sim::{Mutant, Report, Trace, oracle::Invariant, run, run_seeds};
use std::time::Duration;

/// Seeds that every change runs.
const SEEDS: u64 = 250;
/// A busy machine runs fewer of them.
const SECONDS_MAX: u64 = 90;
/// A broken build must be caught within so many seeds.
const MUTANT_SEEDS_MAX: u64 = 200;

#[test]
fn clusters_agree_keep_what_they_acknowledged_and_get_on() {
    let report = run_seeds(0..SEEDS, None, Some(Duration::from_secs(SECONDS_MAX)));
    println!("{report}");
    assert!(report.is_good(), "{} seeds failed, never met: {:?}", report.failed, report.missing());
}

#[test]
fn a_seed_replays_to_the_byte() {
    for seed in [3, 4] {
        let [first, again] = [(); 2].map(|()| run(seed, None, Trace::default()));
        assert_eq!(first.digest, again.digest, "seed {seed}");
        assert_eq!((first.heights, first.time), (again.heights, again.time));
        assert_ne!(first.digest, run(seed + 2, None, Trace::default()).digest);
    }
}

fn caught(mutant: Mutant) -> Report {
    let report = run_seeds(0..MUTANT_SEEDS_MAX, Some(mutant), None);
    for outcome in &report.failures {
        let failure = outcome.failure.as_ref().expect("it is a failure");
        println!("{}: seed {}: {}", mutant.name(), outcome.seed, failure.violation);
    }
    report
}

#[test]
fn disks_that_do_not_sync_are_caught() {
    assert!(caught(Mutant::NoSync).failed > 0);
}

#[test]
fn signatures_that_nobody_checks_are_caught() {
    assert!(caught(Mutant::SignaturesUnchecked).failed > 0);
}

#[test]
fn one_byzantine_validator_too_many_is_caught_at_a_fork() {
    let report = caught(Mutant::OneTooMany);
    let is_fork = |violation: Invariant| violation == Invariant::Agreement;
    assert!(
        report
            .failures
            .iter()
            .filter_map(|outcome| outcome.failure.as_ref())
            .any(|failure| is_fork(failure.violation.invariant))
    );
}
