//! Whole networks of real processes on this machine, and what is done to them.
//!
//! ```text
//!   network   validators and followers: start, ask, kill
//!   load      transfers at a pace, with the time to the receipt on another node
//!   scenario  killing under load, a wiped validator, one of four dead: tables of what was seen
//!   members   followers and validators that come and go by vote
//!   partition the same in network namespaces, cut and joined
//!   content   values that disks lost, fetched again, and not from one that forges
//!   flips     one bit turned in every kind of file
//!   hostile   peers that mean harm
//!   progress  how far a scenario is
//!   throughput how much it takes, next to a single node
//! ```
mod content;
mod flips;
mod hostile;
mod load;
mod members;
mod namespaces;
mod network;
mod partition;
mod progress;
mod scenario;
mod throughput;

pub use content::{LostContentReport, lost_content};
pub use flips::{FlipReport, Outcome, flips};
pub use hostile::{AttackReport, HostileReport, hostile};
pub use load::{Latencies, Load, LoadReport};
pub use members::{MembersReport, members};
pub use namespaces::Namespaces;
pub use network::LocalCluster;
pub use partition::{LeaderReport, PartitionReport, partition};
pub use scenario::{KillReport, PaceReport, RejoinReport, kill_under_load, latency, one_dead, recovery, rejoin};
pub use throughput::{ThroughputOptions, ThroughputReport, throughput};
