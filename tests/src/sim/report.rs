//! Many seeds, on all cores, and what came of them.
use super::{Coverage, Mutant, Outcome, Path, Trace, run};
use std::{
    fmt,
    num::NonZeroUsize,
    ops::Range,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// Failures that are kept with their traces.
const FAILURES_MAX: usize = 3;
/// A line on the error output after so many seeds: a minute or so.
const TELL_SEEDS: u64 = 500;
/// From so many seeds on, each path must have been met.
pub const COVERAGE_SEEDS_MIN: u64 = 200;

/// What came of some seeds.
#[derive(Debug, Default)]
pub struct Report {
    /// Seeds that were run.
    pub seeds: u64,
    /// Blocks that their clusters decided.
    pub heights: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// Simulated time, seconds.
    pub simulated_s: u64,
    /// What was met.
    pub coverage: Coverage,
    /// Seeds that failed.
    pub failed: u64,
    /// The first of them.
    pub failures: Vec<Outcome>,
    /// How long it took.
    pub elapsed: Duration,
}

/// Runs the seeds of a range on all cores, or until `deadline` has passed. Stops at the first failures.
pub fn run_seeds(seeds: Range<u64>, mutant: Option<Mutant>, deadline: Option<Duration>) -> Report {
    let started = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let stop = AtomicBool::new(false);
    let report = Mutex::new(Report::default());
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                // Tries and receipts are computed on rayon's threads: here on this one, since all cores are busy.
                let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(1).build() else { return };
                pool.install(|| {
                    while !stop.load(Ordering::Relaxed) && deadline.is_none_or(|deadline| started.elapsed() < deadline)
                    {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end {
                            return;
                        }
                        let outcome = run(seed, mutant, Trace::default());
                        let Ok(mut report) = report.lock() else { return };
                        report.add(outcome);
                        if report.seeds.is_multiple_of(TELL_SEEDS) {
                            let (done, of, failed) = (report.seeds, seeds.end - seeds.start, report.failed);
                            eprintln!(
                                "sim {:>5} s: {done} of {of} seeds, {failed} failed",
                                started.elapsed().as_secs()
                            );
                        }
                        if report.failures.len() >= FAILURES_MAX {
                            stop.store(true, Ordering::Relaxed);
                        }
                    }
                });
            });
        }
    });
    let mut report = report.into_inner().unwrap_or_default();
    report.elapsed = started.elapsed();
    report
}

impl Report {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.heights += outcome.heights;
        self.transactions += outcome.transactions as u64;
        self.simulated_s += outcome.time / super::schedule::SECOND;
        self.coverage.add(&outcome.coverage);
        if outcome.failure.is_some() {
            self.failed += 1;
            if self.failures.len() < FAILURES_MAX {
                self.failures.push(outcome);
            }
        }
    }

    /// Seeds a second.
    pub fn seeds_per_second(&self) -> f64 {
        self.seeds as f64 / self.elapsed.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Paths that so many seeds should have met and have not.
    pub fn missing(&self) -> Vec<Path> {
        if self.seeds < COVERAGE_SEEDS_MIN { Vec::new() } else { self.coverage.missing() }
    }

    /// Whether nothing failed and nothing is missing.
    pub fn is_good(&self) -> bool {
        self.failed == 0 && self.missing().is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.coverage)?;
        for outcome in &self.failures {
            writeln!(f, "\n--- seed {}", outcome.seed)?;
            if let Some(failure) = &outcome.failure {
                for line in failure.trace.iter().chain(&failure.nodes) {
                    writeln!(f, "{line}")?;
                }
                writeln!(f, "FAILED seed {}: {}", outcome.seed, failure.violation)?;
                writeln!(f, "again: make sim SEED={}", outcome.seed)?;
            }
        }
        for path in self.missing() {
            writeln!(f, "never met: {}", path.says())?;
        }
        writeln!(
            f,
            "{} seeds, {} failed; {} heights, {} transactions, {} simulated hours in {:.1} s: {:.1} seeds a second",
            self.seeds,
            self.failed,
            self.heights,
            self.transactions,
            self.simulated_s / 3_600,
            self.elapsed.as_secs_f64(),
            self.seeds_per_second()
        )
    }
}
