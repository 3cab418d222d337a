//! What real networks of four validators do, in tables.
//!
//! ```text
//! cluster kill     [--seconds 600] [--every 5] [--rate 50]   kill -9 of one every few seconds under load
//! cluster latency  [--seconds 30] [--rate 100]               request on one node to receipt on another
//! cluster one-dead [--blocks 50]                             block time with one of four dead
//! cluster rejoin   [--blocks 10000]                          a validator that lost everything
//! cluster partition [--seconds 20]                           two from two, then one from three; needs root
//! cluster recovery                                           half of the disks lost, brought back by hand
//! cluster members  [--rate 50]                               a follower and a validator come, another goes, by vote
//! cluster content                                            values of the Contract Database that disks lost
//! cluster flips    [--rounds 300] [--seed N]                 one bit of one file turned, again and again
//! cluster hostile  [--seconds 20] [--seed N]                 peers that mean harm
//! ```
use clap::{Parser, Subcommand};
use eyre::bail;
use pervade_tests::cluster::{
    flips, hostile, kill_under_load, latency, lost_content, members, one_dead, partition, recovery, rejoin,
};
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
    /// Two of four cut from the others, then one, then whoever leads, in network namespaces (needs root)
    Partition {
        /// For so long each
        #[arg(long, default_value_t = 20)]
        seconds: u64,
    },
    /// Half of the validators lose their disks, and are brought back as the operator's guide says
    Recovery,
    /// A follower is added, a validator is added and another removed by vote, under load
    Members {
        /// Transfers a second
        #[arg(long, default_value_t = 50)]
        rate: u32,
    },
    /// Disks lost values of the Contract Database, and a peer forges them
    Content,
    /// One bit of one file of a stopped validator is turned, and the validator started
    Flips {
        /// How often
        #[arg(long, default_value_t = 300)]
        rounds: usize,
        /// Decides the bits
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Peers that mean harm: memory and pace under each attack
    Hostile {
        /// Each attack for so long, and as long a look before it
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// Decides what they send
        #[arg(long)]
        seed: Option<u64>,
    },
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
            let report = kill_under_load(folder.path(), seconds(time), seconds(every), rate).await?;
            println!("{report}");
            if report.lost > 0 {
                bail!("{} acknowledged transactions are lost", report.lost);
            }
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
        Scenario::Rejoin { blocks } => println!("{}", rejoin(folder.path(), blocks).await?),
        Scenario::Members { rate } => {
            let report = members(folder.path(), rate).await?;
            println!("{report}");
            if report.lost > 0 {
                bail!("{} acknowledged transactions are lost", report.lost);
            }
        }
        Scenario::Content => println!("{}", lost_content(folder.path()).await?),
        Scenario::Flips { rounds, seed } => {
            let report = flips(folder.path(), rounds, chosen(seed)).await?;
            println!("{report}");
            if !report.failures.is_empty() {
                bail!("{} of {rounds} flipped bits did harm", report.failures.len());
            }
        }
        Scenario::Hostile { seconds: time, seed } => {
            println!("{}", hostile(folder.path(), seconds(time), chosen(seed)).await?);
        }
    }
    Ok(())
}

/// The seed that was given, or any; told, so that the run can be had again.
fn chosen(seed: Option<u64>) -> u64 {
    let seed = seed.unwrap_or_else(rand::random);
    println!("seed {seed}");
    seed
}
