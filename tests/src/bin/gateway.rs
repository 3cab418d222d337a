//! What gateways do between contracts and things, in figures.
//!
//! ```text
//! gateway shipping                                     the paper's own query: honest, one lies, two lie
//! gateway delivery                                     a confirmation while gateway, broker and node fail; needs mosquitto
//! gateway commands [--count 1000] [--every 3] [--seed 1]  commands while gateways are killed
//! gateway messages [--count 10000]                     from MQTT to the chain; needs mosquitto
//! gateway requests [--count 50] [--period-ms 200]      from a request to its callback
//! ```
use clap::{Parser, Subcommand};
use pervade_tests::gateway::{command_once, intermittent_delivery, messages, requests, shipping_cost};
use std::time::Duration;

/// What gateways do between contracts and things, in figures
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Four validators with gateways ask a service: honest, one lies, two lie
    Shipping,
    /// A confirmation over MQTT while gateway, broker and node fail
    Delivery,
    /// Commands while gateways are killed at random
    Commands {
        /// How many
        #[arg(long, default_value_t = 1_000)]
        count: u64,
        /// Seconds between kills
        #[arg(long, default_value_t = 3)]
        every: u64,
        /// Decides who is killed
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Longest time for all, seconds
        #[arg(long, default_value_t = 1_800)]
        seconds: u64,
    },
    /// Signed messages from MQTT to the chain
    Messages {
        /// How many
        #[arg(long, default_value_t = 10_000)]
        count: u64,
    },
    /// From a request to its callback
    Requests {
        /// How many, one after the other
        #[arg(long, default_value_t = 50)]
        count: u64,
        /// Time between blocks
        #[arg(long, default_value_t = 200)]
        period_ms: u64,
    },
}

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let folder = tempfile::Builder::new().prefix("pervade-gateway-").tempdir()?;
    let folder = folder.path();
    match Args::parse().scenario {
        Scenario::Shipping => println!("{:?}", shipping_cost(folder).await?),
        Scenario::Delivery => println!("{:?}", intermittent_delivery(folder).await?),
        Scenario::Commands { count, every, seed, seconds } => {
            let (every, time_max) = (Duration::from_secs(every), Duration::from_secs(seconds));
            println!("{}", command_once(folder, count, every, seed, time_max).await?);
        }
        Scenario::Messages { count } => println!("{}", messages(folder, count).await?),
        Scenario::Requests { count, period_ms } => println!("{}", requests(folder, count, period_ms).await?),
    }
    Ok(())
}
