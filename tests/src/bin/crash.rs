//! Crashes a node again and again and tells whether anything acknowledged got lost.
//!
//! ```text
//! crash kill  [--rounds 50] [--seed N]                    kill -9 under load
//! crash power [--rounds 50] [--seed N] [--ignore 'db/*.log']  power loss; --ignore: with these syncs left out
//! ```
use clap::Parser;
use pervade_tests::crash::{CrashKind, CrashRun};
use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// kill -9
    Kill,
    /// What was not synced is lost or torn
    Power,
}

/// Crashes a node again and again and tells whether anything acknowledged got lost
#[derive(Debug, Parser)]
struct Args {
    kind: Kind,
    /// How often
    #[arg(long, default_value_t = 50)]
    rounds: usize,
    /// Decides load, moments and damage (default: another one each time; it is printed)
    #[arg(long)]
    seed: Option<u64>,
    /// Pattern of files in the data directory whose syncs do not count (power)
    #[arg(long)]
    ignore: Option<String>,
    /// Keeps the data directory
    #[arg(long)]
    keep: bool,
}

#[tokio::main]
async fn main() -> eyre::Result<ExitCode> {
    let args = Args::parse();
    let kind = match args.kind {
        Kind::Kill => CrashKind::Kill,
        Kind::Power => CrashKind::PowerLoss { ignore_syncs_of: args.ignore },
    };
    let seed = args.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    println!("seed {seed}");
    let folder = tempfile::Builder::new().prefix("pervade-crash-").tempdir()?;
    let report = CrashRun { kind, rounds: args.rounds, seed, verbose: true }.run(folder.path()).await;
    if args.keep || report.as_ref().map_or(true, |report| !report.losses.is_empty()) {
        println!("data directory and log: {}", folder.keep().display());
    }
    let report = report?;
    for loss in report.losses.iter().take(20) {
        println!("LOST {loss}");
    }
    println!("{}", report.summary());
    Ok(if report.losses.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
