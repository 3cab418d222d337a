//! `pervade testnet`: makes a network of validators.
use crate::{
    NodeError,
    testnet::{CONFIG_FILE, GENESIS_FILE, Testnet, TestnetPlan},
};
use clap::{Args, Subcommand};
use pervade_chainspec::params;
use pervade_p2p::PORT_DEFAULT;
use std::{
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};

/// Block period of networks made here, milliseconds: shorter than a genesis that names none, since such networks are tried
/// by people who wait.
const BLOCK_PERIOD_MS: u64 = 200;
/// Ether of each funded account.
const BALANCE_ETHER: u64 = 10_000;
/// A node's metrics page is at its JSON-RPC port and this: networks side by side on one machine do not meet.
const METRICS_PORT_OFFSET: u16 = 1_000;

/// What to do with networks.
#[derive(Debug, Subcommand)]
pub enum TestnetCommand {
    /// Writes genesis, keys, settings, a compose file and systemd units of a new network
    Init(InitArgs),
}

/// Arguments of `pervade testnet init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Folder to write; it must not have a network yet
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// Host of a validator, as name or address, under which the others reach it; repeat for each, in order
    /// [default: all on this machine, on ports one after another]
    #[arg(long = "host", value_name = "HOST")]
    pub hosts: Vec<String>,
    /// What the network is to be.
    #[command(flatten)]
    pub network: NetworkArgs,
    /// Port of JSON-RPC over HTTP, of the first node
    #[arg(long = "http.port", value_name = "PORT", default_value_t = 8545)]
    pub http_port: u16,
}

/// What a new network is to be.
#[derive(Debug, Clone, Args)]
pub struct NetworkArgs {
    /// Number of validators
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub validators: usize,
    /// Chain id (EIP-155) of a new network
    #[arg(long, value_name = "ID", default_value_t = params::DEV_CHAIN_ID)]
    pub chain_id: u64,
    /// Shortest time between blocks with transactions of a new network, milliseconds
    #[arg(long, value_name = "MS", default_value_t = BLOCK_PERIOD_MS)]
    pub block_period_ms: u64,
    /// Longest time without a block of a new network, milliseconds; 0: no empty blocks
    #[arg(long, value_name = "MS", default_value_t = params::EMPTY_BLOCK_PERIOD_MS_DEFAULT)]
    pub empty_block_period_ms: u64,
    /// Gas limit of every block of a new network
    #[arg(long, value_name = "GAS", default_value_t = params::GAS_LIMIT_DEFAULT)]
    pub gas_limit: u64,
    /// Port of the peer-to-peer network, of the first node of a new network
    #[arg(long, value_name = "PORT", default_value_t = PORT_DEFAULT)]
    pub port: u16,
}

impl NetworkArgs {
    /// The plan of a network on these hosts.
    pub fn plan(&self, hosts: Vec<String>, http_port: u16) -> TestnetPlan {
        TestnetPlan {
            validators: self.validators,
            chain_id: self.chain_id,
            block_period_ms: self.block_period_ms,
            empty_block_period_ms: self.empty_block_period_ms,
            gas_limit: self.gas_limit,
            balance_ether: BALANCE_ETHER,
            hosts,
            port: self.port,
            http_port,
            metrics_port: http_port.saturating_add(METRICS_PORT_OFFSET),
        }
    }
}

/// Runs `pervade testnet ...`.
///
/// # Errors
/// The folder has a network already; the network asked for is refused; a file cannot be written.
pub fn run(command: TestnetCommand) -> Result<(), NodeError> {
    let TestnetCommand::Init(args) = command;
    let plan = args.network.plan(args.hosts, args.http_port);
    let testnet = Testnet::create(&args.dir, &plan, unix_time())?;
    println!("chain id   {}", testnet.spec.chain_id());
    println!("genesis    {} ({})", testnet.spec.genesis_hash(), args.dir.join(GENESIS_FILE).display());
    for (index, validator) in testnet.validators.iter().enumerate() {
        let listening = plan.listening(index);
        println!(
            "node {index:<6}{} at {}:{} ({})",
            validator.account,
            listening.host,
            listening.port,
            validator.dir.display()
        );
    }
    println!("Start each in its folder: pervade node --config {CONFIG_FILE}");
    Ok(())
}

/// The date, Unix seconds.
pub(super) fn unix_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
