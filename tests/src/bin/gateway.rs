//! What gateways do between contracts and things, with real nodes and real servers. See `pervade_tests::gateway`.
use clap::{Parser, Subcommand};
use pervade_tests::gateway::{
    CommandOptions, Protocol, ThroughputOptions, archive, asset_tracking, command_once, encounter, hostile_callbacks,
    intermittent_delivery, manufacturing, shipping_cost, throughput,
};

/// Runs a scenario of contracts, gateways and things, and fails if anything is not as it must be
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    scenario: Scenario,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// Four validators with gateways ask a service: all honest, one lies, two lie
    Shipping,
    /// A confirmation while link, gateway, broker and node fail
    Delivery {
        /// How it travels: with mosquitto, or with RabbitMQ
        #[arg(long, value_enum, value_delimiter = ',', default_value = "mqtt,amqp")]
        protocols: Vec<Protocol>,
    },
    /// Two devices that sign each other's nonces (mosquitto)
    Encounter,
    /// An escrow that pays when two things are near each other (mosquitto)
    Tracking,
    /// Three machines that speak HTTP, CoAP (libcoap) and AMQP (RabbitMQ): one temperature, one command
    Manufacturing,
    /// Files in an object store (nginx), whose identifiers a contract keeps
    Archive,
    /// Commands while gateways are killed at random
    Commands(CommandOptions),
    /// Callbacks that mean harm: revert, burn all gas, call every precompile, self-destruct, return a megabyte
    Hostile,
    /// Messages from MQTT to the chain (mosquitto), and requests to their callbacks
    Throughput(ThroughputOptions),
}

#[tokio::main]
async fn main() -> eyre::Result<()> {
    let folder = tempfile::Builder::new().prefix("pervade-gateway-").tempdir()?;
    let folder = folder.path();
    match Args::parse().scenario {
        Scenario::Shipping => println!("{}", shipping_cost(folder).await?),
        Scenario::Delivery { protocols } => {
            for protocol in protocols {
                let own = folder.join(protocol.scheme());
                println!("{}", intermittent_delivery(&own, protocol).await?);
            }
        }
        Scenario::Encounter => println!("{}", encounter(folder).await?),
        Scenario::Tracking => println!("{}", asset_tracking(folder).await?),
        Scenario::Manufacturing => println!("{}", manufacturing(folder).await?),
        Scenario::Archive => println!("{}", archive(folder).await?),
        Scenario::Commands(options) => println!("{}", command_once(folder, options).await?),
        Scenario::Hostile => println!("{}", hostile_callbacks(folder).await?),
        Scenario::Throughput(options) => println!("{}", throughput(folder, options).await?),
    }
    Ok(())
}
