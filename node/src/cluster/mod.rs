//! A node of a network with validators: agreement, peers, transactions between pools, catching up.
//!
//! ```text
//!            ┌────────────── driver: one thread ──────────────┐
//!  p2p ────► │ events ──► consensus machine ──► actions       │ ────► p2p
//!  clock ──► │                                    │ persist   │
//!            └──────────▲─────────────────────────┼───────────┘
//!               outcomes│                         │ jobs
//!            ┌──────────┴─────────────────────────▼───────────┐
//!            │ executor: one thread                           │
//!            │ build, validate, decide ──► ledger, pool       │ ────► heads ──► rpc
//!            └────────────────────────────────────────────────┘
//!  rpc ────► told transactions ──► batches ──► p2p ──► batches ──► pools of the others
//! ```
//!
//! - What must be durable before a message leaves is durable: the driver carries actions out in their order, and ends
//!   the node at the first failed write.
//! - Execution never holds up agreement: votes are taken and sent while a block is executed.
//! - Queues between the parts are bounded. Transactions that do not fit are told again; votes are repeated by the machine.
mod batch;
mod clock;
mod driver;
mod elsewhere;
mod executor;
mod notices;
mod pace;
mod signing;
mod start;
mod transactions;
mod view;
mod work;

pub(crate) use executor::head_of;
pub use start::{Cluster, ClusterSettings};
pub use view::{BEHIND_BLOCKS, LocalView};
