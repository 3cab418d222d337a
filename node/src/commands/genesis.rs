//! `pervade genesis`: makes and checks genesis files.
use crate::NodeError;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `pervade genesis new`.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// Genesis file to write
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `pervade genesis check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Genesis file to check
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Writes a new network's genesis file.
///
/// # Errors
/// The file exists or cannot be written.
pub fn new(args: NewArgs) -> Result<(), NodeError> {
    let reason = format!("{}: making genesis files is not there yet", args.file.display());
    Err(NodeError::Chain { reason })
}

/// Checks a genesis file, and prints its hash and state root.
///
/// # Errors
/// The file is refused: field and reason are named.
pub fn check(args: CheckArgs) -> Result<(), NodeError> {
    let spec = pervade_chainspec::ChainSpec::read(&args.file)?;
    println!("hash       {}", spec.genesis_hash());
    println!("state root {}", spec.genesis_header().state_root);
    Ok(())
}
