//! The node: command line, configuration, ledger, block production, and the wiring of all other crates.
//!
//! ```text
//!   main ──► cli ──► commands ──► config
//!                        │
//!                        ▼
//!    rpc ◄──────────  service  ──────► metrics, health
//!     │                  │
//!     ▼                  ▼
//!   txpool ─────────► producer ──► ledger ──► storage
//!     ▲       (development node)     ▲
//!     ├────────────► cluster ────────┘
//!     │     (all else: consensus, p2p) ◄──► answers
//!     └── gateway ──► things
//! ```
//!
//! - A block is announced after it is durable, never before.
//! - Any failed write ends the process with a message and exit code 3; nothing is tried again on a disk that failed.
//! - The ledger knows no clock and no network: whoever decides blocks drives it.
//!
//! What it does not do: it has no rules of its own about blocks (`evm-ext`), state (`storage`) or transactions
//! (`txpool`), and does not know how validators agree (`consensus`) or how peers are reached (`p2p`).
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod answers;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod config;
pub mod content;
pub mod datadir;
pub mod dev;
mod error;
pub mod gateway;
pub mod health;
pub mod keys;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod observer;
pub mod pacing;
pub mod producer;
pub mod remote;
pub mod rlp_chain;
pub mod service;
pub mod shutdown;
pub mod testnet;

pub use error::NodeError;
pub use service::OpenedChain;

/// `web3_clientVersion`: name, version and platform.
pub fn client_version() -> String {
    format!("pervade/v{}/{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH)
}
