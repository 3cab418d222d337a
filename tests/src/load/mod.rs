//! A load generator that knows a node by its JSON-RPC alone.
//!
//! ```text
//! mnemonic ─▶ senders ─▶ funded ─▶ all transactions signed ─▶ batches ─▶ N connections ─▶ node
//!                                                                             watcher ◀─ blocks
//! receipts of every block, balances of every recipient ◀─ verification, after the clock stopped
//! ```
//! Everything that costs CPU here happens before the first batch leaves or after the last block came: what runs
//! in between is a blocking socket a connection, so that generator and node hardly compete on a small machine.
mod chain;
mod compare;
mod error;
mod http;
mod process;
mod report;
mod run;
mod verify;
mod wallet;
mod workload;

pub use chain::Chain;
pub use compare::{CompareOptions, Server, compare};
pub use error::LoadError;
pub use http::Connection;
pub(crate) use process::reset_peak;
pub use process::{Usage, own_usage, usage_of};
pub use report::{Report, print_reports, table};
pub use run::{LoadOptions, run};
pub use workload::Workload;
