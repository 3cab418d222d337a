//! `pervade db`: looks into a data directory, checks it, and prunes its history.
use super::DataDirArgs;
use crate::NodeError;
use clap::Subcommand;
use pervade_storage::StorageOptions;

/// What to do with a data directory.
#[derive(Debug, Subcommand)]
pub enum DbCommand {
    /// Shows the head, the history that is kept, and the size of each column
    Stats(DataDirArgs),
}

/// Runs `pervade db ...`.
///
/// # Errors
/// The directory is refused or damaged.
pub fn run(command: &DbCommand) -> Result<(), NodeError> {
    match command {
        DbCommand::Stats(args) => stats(args),
    }
}

fn stats(args: &DataDirArgs) -> Result<(), NodeError> {
    let options = StorageOptions { read_only: true, ..args.storage_options()? };
    let (spec, storage) = args.datadir()?.open_chain(args.chain.chain.as_deref(), options)?;
    let head = storage.head();
    println!("chain id      {}", spec.chain_id());
    println!("genesis       {}", spec.genesis_hash());
    println!("head          {} ({})", head.number(), head.hash);
    println!("first state   {}", storage.first_state());
    Ok(())
}
