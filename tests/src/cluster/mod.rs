//! Whole networks of real processes on this machine, and what is done to them.
//!
//! ```text
//!   network   validators and followers: start, ask, kill
//!   load      transfers at a pace, with the time to the receipt on another node
//!   scenario  killing under load, a wiped validator, one of four dead: tables of what was seen
//!   partition the same in network namespaces, cut and joined
//! ```
mod load;
mod namespaces;
mod network;
mod partition;
mod scenario;

pub use load::{Latencies, Load, LoadReport};
pub use namespaces::Namespaces;
pub use network::LocalCluster;
pub use partition::{PartitionReport, partition};
pub use scenario::{KillReport, PaceReport, RejoinReport, kill_under_load, latency, one_dead, recovery, rejoin};
