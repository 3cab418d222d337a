//! Runs Ethereum's own tests through chain specification, storage, trie and executor: `ef-tests DIR`.
use clap::Parser;
use pervade_tests::ef;
use std::{path::PathBuf, process::ExitCode};

/// Runs every Ethereum test below the given files and folders, prints each failure with its cause and the totals.
#[derive(Parser)]
struct Arguments {
    /// Files or folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Run only tests whose file or name contains this text.
    #[arg(long)]
    filter: Option<String>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Print the name of each test that passes, too.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = ef::Options { filter: arguments.filter, threads: arguments.threads, verbose: arguments.verbose };
    match ef::run(&arguments.paths, &options) {
        Ok(report) => {
            println!("{report}");
            if report.failed == 0 && report.passed > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
