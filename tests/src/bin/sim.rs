//! Simulates clusters: see `docs/simulator.md`.
use clap::Parser;
use pervade_tests::sim::{self, Mutant, Trace};
use std::{process::ExitCode, time::Duration};

/// Simulates clusters, one for each seed, with everything that can go wrong.
#[derive(Debug, Parser)]
struct Arguments {
    /// Run this seed alone, and print what happens.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of seeds.
    #[arg(long, default_value_t = 20_000)]
    seeds: u64,
    /// First of them.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Stop after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
    /// Break the cluster on purpose, to see that it is caught: no-sync, signatures-unchecked or f-plus-one.
    #[arg(long, value_parser = mutant)]
    mutant: Option<Mutant>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let good = match arguments.seed {
        Some(seed) => {
            let outcome = sim::run(seed, arguments.mutant, Trace::printing());
            if let Some(failure) = &outcome.failure {
                for line in &failure.nodes {
                    println!("{line}");
                }
                println!("FAILED seed {seed}: {}", failure.violation);
            }
            print!("{}", outcome.coverage);
            println!(
                "{} heights, {} transactions, digest {:016x}",
                outcome.heights, outcome.transactions, outcome.digest
            );
            outcome.failure.is_none()
        }
        None => {
            let seeds = arguments.first..arguments.first.saturating_add(arguments.seeds);
            let report = sim::run_seeds(seeds, arguments.mutant, arguments.seconds.map(Duration::from_secs));
            print!("{report}");
            report.is_good()
        }
    };
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let names = Mutant::ALL.map(Mutant::name).join(", ");
    Mutant::ALL.into_iter().find(|mutant| mutant.name() == name).ok_or_else(|| format!("the broken builds are {names}"))
}
