//! Runs others' tests of signatures, tokens, content and what devices say: `iot-tests DIR`.
use clap::Parser;
use pervade_tests::iot;
use std::{path::PathBuf, process::ExitCode};

/// Runs every test below the given files and folders, prints each failure with its cause and the totals by suite.
///
/// A file belongs to the suite after which the nearest folder above it is named.
#[derive(Parser)]
struct Arguments {
    /// Files or folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Run only files whose path contains this text.
    #[arg(long)]
    filter: Option<String>,
    /// Take all files for tests of this suite.
    #[arg(long)]
    suite: Option<iot::Suite>,
    /// Print the name of each test that passes, too.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = iot::Options { filter: arguments.filter, suite: arguments.suite, verbose: arguments.verbose };
    match iot::run(&arguments.paths, &options) {
        Ok(report) => {
            println!("{report}");
            if report.failed() == 0 && report.passed() > 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}
