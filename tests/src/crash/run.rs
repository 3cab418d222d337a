//! Rounds of start, check, load, crash.
use super::{Acknowledged, Loss, load, proofs};
use crate::{
    harness::{NodeOptions, RunningNode, run_command},
    powerloss::{Shim, Watch, build_shim, lose_power},
};
use eyre::{WrapErr, ensure};
use parking_lot::Mutex;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// Shortest and longest load before a crash, milliseconds.
const LOAD_MS: std::ops::Range<u64> = 20..1500;
/// One crash in this many comes while the node still starts.
const CRASH_AT_START_ONE_IN: u32 = 5;
/// Longest start before such a crash, milliseconds.
const START_MS_MAX: u64 = 400;

/// How the node dies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrashKind {
    /// `kill -9`: the operating system lives on.
    Kill,
    /// What was not synced is lost or torn. `ignore_syncs_of`: a pattern of files in the data directory (`db/*.log`) whose
    /// syncs do not count, as if the code did not ask for them; then the run must report losses.
    PowerLoss {
        /// See above.
        ignore_syncs_of: Option<String>,
    },
}

/// A series of crashes of one data directory.
#[derive(Debug, Clone)]
pub struct CrashRun {
    /// How the node dies.
    pub kind: CrashKind,
    /// How often.
    pub rounds: usize,
    /// Decides load, moments and damage.
    pub seed: u64,
    /// Prints a line a round.
    pub verbose: bool,
}

/// What a series showed.
#[derive(Debug, Default)]
pub struct CrashReport {
    /// Crashes.
    pub rounds: usize,
    /// Crashes while the node was starting.
    pub at_start: usize,
    /// Acknowledged transactions, receipts, blocks.
    pub acknowledged: (usize, usize, usize),
    /// From process start to the first answer, each restart after a crash.
    pub starts: Vec<Duration>,
    /// Files and names that power losses changed.
    pub damaged: usize,
    /// Losses; empty is what should be.
    pub losses: Vec<Loss>,
}

impl CrashReport {
    /// Longest restart.
    pub fn slowest_start(&self) -> Duration {
        self.starts.iter().max().copied().unwrap_or_default()
    }

    /// One line.
    pub fn summary(&self) -> String {
        let (transactions, receipts, blocks) = self.acknowledged;
        let mut starts = self.starts.clone();
        starts.sort();
        let median = starts.get(starts.len() / 2).copied().unwrap_or_default();
        format!(
            "{} crashes ({} at start, {} files or names damaged), acknowledged {transactions} transactions, {receipts} \
             receipts, {blocks} blocks; {} losses; restart median {} ms, slowest {} ms",
            self.rounds,
            self.at_start,
            self.damaged,
            self.losses.len(),
            median.as_millis(),
            self.slowest_start().as_millis()
        )
    }
}

impl CrashRun {
    /// Runs on a new data directory in `folder`. Ends at the first round with losses.
    ///
    /// # Errors
    /// The machinery failed. A node that does not start again is a loss, not an error.
    pub async fn run(&self, folder: &Path) -> eyre::Result<CrashReport> {
        let datadir = folder.join("data");
        let shim = match self.kind {
            CrashKind::Kill => None,
            CrashKind::PowerLoss { .. } => Some(build_shim()?),
        };
        let mut series =
            Series { run: self, shim, datadir, record: Arc::default(), report: CrashReport::default(), parties: None };
        for round in 0..self.rounds {
            series.round(round).await.wrap_err_with(|| format!("round {round}, seed {}", self.seed))?;
            if !series.report.losses.is_empty() {
                break;
            }
        }
        if series.report.losses.is_empty() {
            series.last_check().await?;
        }
        series.report.acknowledged = series.record.lock().counts();
        Ok(series.report)
    }
}

struct Series<'a> {
    run: &'a CrashRun,
    shim: Option<Shim>,
    datadir: PathBuf,
    record: Arc<Mutex<Acknowledged>>,
    report: CrashReport,
    parties: Option<load::Parties>,
}

impl Series<'_> {
    async fn round(&mut self, round: usize) -> eyre::Result<()> {
        let seed = self.run.seed.wrapping_mul(1_000_003).wrapping_add(round as u64);
        let rng = &mut StdRng::seed_from_u64(seed);
        let watch = match &self.shim {
            Some(_) => Some(Watch::new(&self.datadir, &self.datadir.with_extension("side"))?),
            None => None,
        };
        let options = self.options(watch.as_ref());
        let at_start = round > 0 && rng.random_ratio(1, CRASH_AT_START_ONE_IN);
        if at_start {
            self.crash_at_start(&options, rng).await?;
        } else if !self.crash_under_load(&options, round, seed, rng).await? {
            return Ok(());
        }
        self.report.rounds += 1;
        if let Some(watch) = watch {
            let damage = lose_power(watch, seed)?;
            self.report.damaged += damage.lines.len();
            if self.run.verbose {
                println!("  {} events, {} syncs", damage.events, damage.syncs);
                damage.lines.iter().for_each(|line| println!("  {line}"));
            }
        }
        Ok(())
    }

    fn options(&self, watch: Option<&Watch>) -> NodeOptions {
        let mut options = NodeOptions::dev(&self.datadir);
        if let (Some(watch), Some(shim), CrashKind::PowerLoss { ignore_syncs_of }) = (watch, &self.shim, &self.run.kind)
        {
            for (name, value) in watch.environment(shim, ignore_syncs_of.as_deref()) {
                options = options.env(name, value);
            }
        }
        options
    }

    /// Starts the node. One that refuses what a crash left has lost everything.
    async fn start(&mut self, options: &NodeOptions, after_crash: bool) -> eyre::Result<Option<RunningNode>> {
        match RunningNode::start(options).await {
            Ok(node) => {
                if after_crash {
                    self.report.starts.push(node.ready_after);
                }
                Ok(Some(node))
            }
            Err(error) if after_crash => {
                self.report.losses.push(Loss::new(format!("it does not start again: {error:#}")));
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn crash_at_start(&mut self, options: &NodeOptions, rng: &mut StdRng) -> eyre::Result<()> {
        let moment = Duration::from_millis(rng.random_range(0..START_MS_MAX));
        let starting = RunningNode::start(options);
        // Dropping the future kills the process.
        if let Ok(Err(error)) = tokio::time::timeout(moment, starting).await {
            self.report.losses.push(Loss::new(format!("it does not start again: {error:#}")));
        }
        self.report.at_start += 1;
        Ok(())
    }

    /// Starts, checks what was acknowledged before, loads and kills. False if there was nothing left to kill.
    async fn crash_under_load(
        &mut self,
        options: &NodeOptions,
        round: usize,
        seed: u64,
        rng: &mut StdRng,
    ) -> eyre::Result<bool> {
        let Some(mut node) = self.start(options, self.report.rounds > 0).await? else { return Ok(false) };
        if !self.check(&node, false, rng).await? {
            return Ok(false);
        }
        let parties = match &self.parties {
            Some(parties) => parties.clone(),
            None => self.parties.insert(load::Parties::prepare(&node.rpc).await?).clone(),
        };
        self.record.lock().begin_round(round);
        let rpc = Arc::new(crate::harness::Rpc::new(node.rpc.url()));
        let record = self.record.clone();
        let working = tokio::spawn(async move { load::load_until_dead(rpc, &parties, &record, seed).await });
        tokio::time::sleep(Duration::from_millis(rng.random_range(LOAD_MS))).await;
        node.kill()?;
        working.await?;
        if self.run.verbose {
            let (transactions, receipts, blocks) = self.record.lock().counts();
            let ready = node.ready_after.as_millis();
            println!(
                "round {round}: ready after {ready} ms; {transactions} transactions, {receipts} receipts, {blocks} blocks so far"
            );
        }
        Ok(true)
    }

    /// True if nothing is lost.
    async fn check(&mut self, node: &RunningNode, everything: bool, rng: &mut StdRng) -> eyre::Result<bool> {
        let record = std::mem::take(&mut *self.record.lock());
        let result = record.check(&node.rpc, everything, rng).await;
        *self.record.lock() = record;
        let mut losses = result.wrap_err_with(|| format!("the node died after its start:\n{}", node.log_tail()))?;
        if let Some(parties) = &self.parties {
            losses.extend(proofs::check_state_root(&node.rpc, parties, rng).await?);
        }
        self.report.losses.extend(losses);
        Ok(self.report.losses.is_empty())
    }

    /// One more start, all that was ever acknowledged, an orderly stop, and the database's own check.
    async fn last_check(&mut self) -> eyre::Result<()> {
        let rng = &mut StdRng::seed_from_u64(self.run.seed);
        let Some(node) = self.start(&NodeOptions::dev(&self.datadir), true).await? else { return Ok(()) };
        if !self.check(&node, true, rng).await? {
            return Ok(());
        }
        let status = node.stop().await?;
        ensure!(status.success(), "the node ended with {status} on SIGTERM");
        let checked = run_command(["db".as_ref(), "check".as_ref(), "--datadir".as_ref(), self.datadir.as_os_str()])?;
        if !checked.status.success() {
            self.report.losses.push(Loss::new(format!("db check: {}{}", checked.stdout, checked.stderr)));
        }
        Ok(())
    }
}
