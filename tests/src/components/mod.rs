//! Parts of a node, measured one by one: where the time of a block goes.
pub(crate) mod chain;
mod due;
mod execution;
mod recovery;
pub(crate) mod stage;
mod state;

pub use due::{DueOptions, measure_due};
pub use stage::Stage;

use std::path::PathBuf;

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct ComponentOptions {
    /// Transactions of the recovery and execution stages
    #[arg(long, default_value_t = 10_000)]
    pub transactions: usize,
    /// Accounts of the states whose root is updated
    #[arg(long, value_delimiter = ',', default_value = "10000,1000000,5000000")]
    pub accounts: Vec<u64>,
    /// Keys that a block touches there
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000")]
    pub keys: Vec<usize>,
    /// Blocks of 1,000 keys that each figure is taken from; so many more of fewer keys, fewer of more
    #[arg(long, default_value_t = 50)]
    pub blocks: usize,
    /// Folder for databases (default: the system's temporary folder)
    #[arg(long)]
    pub directory: Option<PathBuf>,
}

/// Measures everything and prints the tables.
///
/// # Errors
/// Whatever storage or execution cannot do.
pub fn measure(options: &ComponentOptions) -> eyre::Result<()> {
    println!("sender recovery\n{}\n", stage::print(&recovery::measure(options)?));
    println!("execution\n{}\n", stage::print(&execution::measure(options)?));
    println!("state root and commit: blocks that change accounts all over the state\n{}", state::measure(options)?);
    Ok(())
}
