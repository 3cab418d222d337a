//! One module a subcommand: reads its arguments, does its work, prints for people.
pub mod db;
pub mod devnet;
pub mod export;
pub mod gateway;
pub mod genesis;
pub mod import;
pub mod keys;
pub mod mapping;
pub mod node;
pub mod status;
pub mod testnet;
pub mod verify;

use crate::{
    NodeError,
    cli::{Cli, Command, GenesisCommand},
    config::{ChainOptions, HistoryOptions, StoreOptions, storage_options},
    datadir::DataDir,
    logging,
};
use clap::Args;
use pervade_storage::StorageOptions;

/// The settings of commands that open a data directory without running a node.
#[derive(Debug, Clone, Default, Args)]
pub struct DataDirArgs {
    /// Chain and data directory.
    #[command(flatten)]
    pub chain: ChainOptions,
    /// How the directory is kept.
    #[command(flatten)]
    pub store: StoreOptions,
    /// How much history is kept.
    #[command(flatten)]
    pub history: HistoryOptions,
}

impl DataDirArgs {
    /// The directory.
    ///
    /// # Errors
    /// None is named.
    pub fn datadir(&self) -> Result<DataDir, NodeError> {
        let missing =
            || NodeError::Setting { setting: "datadir", reason: "is missing: say where the chain is kept".into() };
        self.chain.datadir.clone().map(DataDir::new).ok_or_else(missing)
    }

    /// Options of its database.
    ///
    /// # Errors
    /// A value out of range.
    pub fn storage_options(&self) -> Result<StorageOptions, NodeError> {
        storage_options(&self.store.clone().or_defaults(false), &self.history.clone().or_defaults(false))
    }
}

/// Runs what the command line says.
///
/// # Errors
/// The command's own.
pub fn run(cli: Cli) -> Result<(), NodeError> {
    let verbosity = cli.verbosity();
    let log = cli.log.clone();
    if let Command::Node(args) = cli.command {
        return node::run(*args, log, verbosity);
    }
    logging::init(&log.or_defaults(false), verbosity.unwrap_or(3))?;
    match cli.command {
        Command::Node(_) => Ok(()),
        Command::Devnet(args) => devnet::run(&args),
        Command::Gateway(args) => gateway::run(&args),
        Command::Testnet(command) => testnet::run(command),
        Command::Status(args) => status::run(&args),
        Command::Verify(args) => verify::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Genesis(GenesisCommand::New(args)) => genesis::new(args),
        Command::Genesis(GenesisCommand::Check(args)) => genesis::check(args),
        Command::Keys(command) => keys::run(command),
        Command::Db(command) => db::run(&command),
        Command::Mapping(command) => mapping::run(command),
    }
}

/// Runs a command's future on a runtime of its own.
fn block_on<T>(future: impl Future<Output = T>) -> Result<T, NodeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|e| NodeError::Stopped { part: "the runtime", reason: e.to_string() })?;
    Ok(runtime.block_on(future))
}
