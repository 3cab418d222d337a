//! A whole cluster in one thread: production's agreement, execution, storage and pool; everything around them made up.
//!
//! ```text
//!   seed ──► Plan: size, adversaries, which faults                 Oracle: what must hold, said independently
//!              │                                                       ▲ decisions, messages, states, restarts
//!   Schedule ──┴─► Simulation ──► Node: process on disks ──────────────┘
//!     ▲   one queue of events        │ Machine, ClusterLedger, Storage, TxPool
//!     └───────────── Network ◄───────┘ Clock, SharedFiles, MemoryDisk, MemoryJournal
//!                      ▲
//!                 Adversary: between a machine and the network
//! ```
//! - Everything that happens is decided by the seed. The same seed gives the same trace, to the byte.
//! - Of production, what is replaced is what cannot be had a thousand times a minute: RocksDB, the files, the sockets, the
//!   clocks, the threads. Everything that decides what is written when, and what a restart makes of it, is production's.
//! - [`Coverage`] counts each fault and each way out of one. What a long run never met fails it.
//!
//! Not here: RocksDB itself, which `powerloss` tears, and sockets: tests of real processes.
mod actions;
pub mod ballot;
pub mod byzantine;
pub mod chain;
mod clients;
pub mod clock;
pub mod coverage;
mod disk;
pub mod electorate;
pub mod keys;
mod light;
pub mod model;
pub mod network;
mod node;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod report;
pub mod schedule;
pub mod simulation;
pub mod trace;
mod world;

pub use coverage::{Coverage, Path};
pub use plan::Mutant;
pub use report::{Report, run_seeds};
pub use simulation::{Outcome, run};
pub use trace::Trace;
