//! What was acknowledged is never missing: the node is killed at random under load, again and again on one data directory.
//!
//! ```text
//!   senders (one an account) ──► node ◄── observer (heads, blocks, receipts)
//!        └──────────► Acknowledged ◄─────────┘          what the node has vouched for
//!                          │
//!   kill -9 or power loss, restart ──► check: all of it still there, and the same
//! ```
//!
//! Acknowledged is a transaction whose hash the pool answered, and any head number, block or receipt that was served.
//! After each restart the state root of the head is verified by proofs, with alloy's verifier and not with our own trie.
mod acknowledged;
mod load;
mod proofs;
mod run;

pub use acknowledged::{Acknowledged, Loss};
pub use run::{CrashKind, CrashReport, CrashRun};
