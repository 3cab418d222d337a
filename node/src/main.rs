//! The binary `pervade`.
use clap::Parser;
use pervade_node::{NodeError, cli::Cli, commands};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let report = match commands::run(Cli::parse()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(error) => eyre::Report::new(error),
    };
    eprintln!("pervade: {report}");
    ExitCode::from(report.downcast_ref::<NodeError>().map_or(1, NodeError::exit_code))
}
