//! Puts a node under load over JSON-RPC and verifies every receipt and balance. See `pervade_tests::load`.
use clap::Parser;
use pervade_tests::load::{LoadOptions, print_reports, run};

/// Puts a node under load over JSON-RPC and verifies every receipt and balance
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: LoadOptions,
}

fn main() -> eyre::Result<()> {
    let arguments = Arguments::parse();
    print_reports(&[run(&arguments.options)?]);
    Ok(())
}
