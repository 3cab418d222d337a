//! Benchmarks: against another node, part by part, of a cluster, and gas against time. See `pervade_tests::load`,
//! `components`, `cluster` and `gas`.
use clap::{Parser, Subcommand};
use pervade_tests::{
    cluster::{ThroughputOptions, throughput},
    components::{ComponentOptions, DueOptions, measure, measure_due},
    gas::{GasOptions, measure as measure_gas},
    load::{CompareOptions, compare},
};

/// The node's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

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
    /// Four validators on this machine next to a single node: transactions a second, CPU of each
    Cluster(ThroughputOptions),
    /// Time and disk that a unit of gas takes: every function of the precompiles, next to loops of SLOAD and SSTORE
    Gas(GasOptions),
}

fn main() -> eyre::Result<()> {
    match Arguments::parse().command {
        Command::Compare(options) => Ok(compare(&options)?),
        Command::Components(options) => measure(&options),
        Command::Due(options) => measure_due(&options),
        Command::Cluster(options) => {
            let folder = tempfile::Builder::new().prefix("pervade-bench-").tempdir()?;
            println!("{}", throughput(folder.path(), &options)?);
            Ok(())
        }
        Command::Gas(options) => measure_gas(&options),
    }
}
