//! Benchmarks: against another node, and part by part. See `pervade_tests::load` and `pervade_tests::components`.
use clap::{Parser, Subcommand};
use pervade_tests::{
    components::{ComponentOptions, DueOptions, measure, measure_due},
    load::{CompareOptions, compare},
};

/// Measures pervade
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The same load on pervade and on anvil, alternating: medians and ratios
    Compare(CompareOptions),
    /// Sender recovery, execution, state root and commit, one by one
    Components(ComponentOptions),
    /// Blocks while requests and triggers wait, and when most of them are due at once
    Due(DueOptions),
}

fn main() -> eyre::Result<()> {
    match Arguments::parse().command {
        Command::Compare(options) => Ok(compare(&options)?),
        Command::Components(options) => measure(&options),
        Command::Due(options) => measure_due(&options),
    }
}
