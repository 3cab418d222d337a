//! `pervade db`: looks into a data directory, checks it, prunes its history, and builds its index anew.
use super::DataDirArgs;
use crate::{NodeError, ledger::Ledger, observer::Observer};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use pervade_chainspec::ChainSpec;
use pervade_storage::{CheckProgress, CheckStage, Storage, StorageOptions};
use std::{
    io::{self, IsTerminal},
    sync::Arc,
    time::{Duration, Instant},
};

/// Bytes of a mebibyte.
const MEBIBYTE: f64 = 1_048_576.0;
/// Time between two lines about progress where there is no terminal.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// What to do with a data directory.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Shows the head, the history that is kept, and the size of each column
    Stats(DataDirArgs),
    /// Checks blocks, state and tries against their hashes
    Check(CheckArgs),
    /// Cuts the history of the state, and gives its space back
    Prune(PruneArgs),
    /// Builds the index of observations anew from the stored blocks
    Reindex(DataDirArgs),
}

/// Arguments of `pervade db check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The data directory.
    #[command(flatten)]
    pub data: DataDirArgs,
    /// Checks the bodies and receipts of every N-th block; headers and state are checked whole
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub body_every: u64,
}

/// Arguments of `pervade db prune`.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// The data directory.
    #[command(flatten)]
    pub data: DataDirArgs,
    /// Number of latest blocks whose state stays
    #[arg(long, value_name = "N")]
    pub keep: u64,
}

/// Runs `pervade db ...`.
///
/// # Errors
/// The directory is refused or damaged.
pub fn run(command: &DbCommand) -> Result<(), NodeError> {
    match command {
        DbCommand::Stats(args) => stats(args),
        DbCommand::Check(args) => check(args),
        DbCommand::Prune(args) => prune(args),
        DbCommand::Reindex(args) => reindex(args),
    }
}

fn open(args: &DataDirArgs, read_only: bool) -> Result<(Arc<ChainSpec>, Storage), NodeError> {
    let options = StorageOptions { read_only, ..args.storage_options()? };
    args.datadir()?.open_chain(args.chain.chain.as_deref(), options)
}

fn stats(args: &DataDirArgs) -> Result<(), NodeError> {
    let (spec, storage) = open(args, true)?;
    let stats = storage.stats()?;
    let (number, hash) = stats.head;
    println!("chain id       {}", spec.chain_id());
    println!("genesis        {}", stats.genesis_hash);
    println!("format         {}", stats.format);
    println!("head           block {number} ({hash})");
    println!("state          of blocks {} to {}", stats.first_state, stats.state);
    println!();
    println!("{:<20} {:>14} {:>12} {:>12}", "column", "keys (about)", "files MiB", "memory MiB");
    for column in &stats.columns {
        let (files, memory) = (column.file_bytes as f64 / MEBIBYTE, column.memory_bytes as f64 / MEBIBYTE);
        println!("{:<20} {:>14} {files:>12.2} {memory:>12.2}", column.name, column.keys_estimate);
    }
    let files: u64 = stats.columns.iter().map(|column| column.file_bytes).sum();
    println!("{:<20} {:>14} {:>12.2}", "all", "", files as f64 / MEBIBYTE);
    Ok(())
}

fn check(args: &CheckArgs) -> Result<(), NodeError> {
    let (_, storage) = open(&args.data, true)?;
    let bar = io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("{msg:10} {bar:40} {pos}/{len} {eta}");
        ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    });
    let report = storage.check(args.body_every, &mut |progress| {
        if let Some(bar) = &bar {
            show(bar, progress);
        }
    })?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    println!("headers        {}", report.headers);
    println!("bodies         {}", report.bodies);
    println!("accounts       {}", report.accounts);
    println!("slots          {}", report.slots);
    println!("trie nodes     {}", report.nodes);
    println!("content        {} values, {} bytes", report.content, report.content_bytes);
    for problem in &report.problems {
        println!("problem        {problem}");
    }
    match report.problems.len() {
        0 => {
            println!("no problem found");
            Ok(())
        }
        problems => Err(NodeError::DamagedDirectory { problems }),
    }
}

fn show(bar: &ProgressBar, progress: CheckProgress) {
    bar.set_message(match progress.stage {
        CheckStage::Blocks => "blocks",
        CheckStage::Accounts => "accounts",
        CheckStage::Trie => "trie",
    });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

fn prune(args: &PruneArgs) -> Result<(), NodeError> {
    let (spec, storage) = open(&args.data, false)?;
    // State that a crash left behind is brought up to the head first.
    let ledger = Ledger::open(spec, storage)?;
    let report = ledger.storage().prune_history(args.keep)?;
    println!(
        "state of blocks {} and later is kept; it was of {} and later",
        report.first_state, report.first_state_before
    );
    println!("{} long values of precompiles were freed, {} bytes", report.freed.records, report.freed.bytes);
    Ok(())
}

/// What is interrupted goes on when a node is started, and begins anew when this is run again.
fn reindex(args: &DataDirArgs) -> Result<(), NodeError> {
    let (spec, storage) = open(args, false)?;
    if !Observer::is_of_use(&spec) {
        let reason = "it is no Pervade network: there is nothing to index".to_owned();
        return Err(NodeError::Chain { reason });
    }
    let ledger = Ledger::open(spec.clone(), storage)?;
    let storage = ledger.storage();
    storage.clear_observations()?;
    let mut observer = Observer::new(spec, storage.clone());
    observer.prepare()?;
    let (first, last) = (storage.first_observed(), ledger.head().number());
    let bar = io::stderr().is_terminal().then(|| {
        let style = ProgressStyle::with_template("blocks {bar:40} {pos}/{len} {eta}");
        ProgressBar::new((last + 1).saturating_sub(first))
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
    });
    let (mut blocks, mut observations) = (0u64, 0usize);
    let mut logged = Instant::now();
    while let Some(observed) = observer.advance()? {
        blocks += 1;
        observations += observed.observations.len();
        match &bar {
            Some(bar) => bar.set_position(blocks),
            None if logged.elapsed() >= LOG_PERIOD => {
                logged = Instant::now();
                tracing::info!(height = observed.number, last, observations, "indexing");
            }
            None => {}
        }
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    ledger.sync()?;
    println!("indexed {observations} observations of {blocks} blocks, {first} to {last}");
    Ok(())
}
