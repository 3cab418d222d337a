//! What real networks of four validators do, in tables.
//!
//! ```text
//! cluster kill     [--seconds 600] [--every 5] [--rate 50]   kill -9 of one every few seconds under load
//! cluster latency  [--seconds 30] [--rate 100]               request on one node to receipt on another
//! cluster one-dead [--blocks 50]                             block time with one of four dead
//! cluster rejoin   [--blocks 10000]                          a validator that lost everything
//! cluster partition [--seconds 20]                           two from two, then one from three; needs root
//! cluster recovery                                           half of the disks lost, brought back by hand
//! ```
use clap::{Parser, Subcommand};
use pervade_tests::cluster::{kill_under_load, latency, one_dead, partition, recovery, rejoin};
use std::time::Duration;

/// What real networks of four validators do, in tables
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// kill -9 of one validator after the other, under load
    Kill {
        /// For so long
        #[arg(long, default_value_t = 600)]
        seconds: u64,
        /// Seconds between a return and the next kill
        #[arg(long, default_value_t = 5)]
        every: u64,
        /// Transfers a second
        #[arg(long, default_value_t = 50)]
        rate: u32,
    },
    /// Time from eth_sendRawTransaction on one node to the receipt on another
    Latency {
        /// For so long
        #[arg(long, default_value_t = 30)]
        seconds: u64,
        /// Transfers a second
        #[arg(long, default_value_t = 100)]
        rate: u32,
    },
    /// Median block time, healthy and with one of four dead
    OneDead {
        /// Blocks of each measurement
        #[arg(long, default_value_t = 50)]
        blocks: u64,
    },
    /// Two of four cut from the others, then one, in network namespaces (needs root)
    Partition {
        /// For so long each
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Half of the validators lose their disks, and are brought back as the operator's guide says
    Recovery,
    /// A validator that lost its data directory comes back
    Rejoin {
        /// Blocks that it has to fetch
        #[arg(long, default_value_t = 10_000)]
        blocks: u64,
    },
}

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let folder = tempfile::Builder::new().prefix("pervade-cluster-").tempdir()?;
    let seconds = Duration::from_secs;
    match Args::parse().scenario {
        Scenario::Kill { seconds: time, every, rate } => {
            println!("{}", kill_under_load(folder.path(), seconds(time), seconds(every), rate).await?);
        }
        Scenario::Latency { seconds: time, rate } => {
            let report = latency(folder.path(), seconds(time), rate).await?;
            let (sent, seen) = (report.acknowledged.len(), report.seen);
            println!("{rate} a second: {sent} acknowledged, {seen} receipts on another node, {}", report.latencies);
        }
        Scenario::OneDead { blocks } => {
            let report = one_dead(folder.path(), blocks).await?;
            let ratio = report.one_dead.as_secs_f64() / report.healthy.as_secs_f64();
            println!(
                "median block time: healthy {:?}, one dead {:?}, {ratio:.2} times",
                report.healthy, report.one_dead
            );
        }
        Scenario::Partition { seconds: time } => println!("{}", partition(folder.path(), seconds(time)).await?),
        Scenario::Recovery => {
            let report = recovery(folder.path()).await?;
            println!(
                "decides again after block {}, {:.1} s after the loss",
                report.blocks,
                report.elapsed.as_secs_f64()
            );
        }
        Scenario::Rejoin { blocks } => {
            let report = rejoin(folder.path(), blocks).await?;
            let pace = report.blocks as f64 / report.elapsed.as_secs_f64();
            println!("{} blocks in {:.1} s: {pace:.0} blocks a second", report.blocks, report.elapsed.as_secs_f64());
        }
    }
    Ok(())
}
