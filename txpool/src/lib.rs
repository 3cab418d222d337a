//! Transactions that wait for a block.
//!
//! ```text
//!  encoded bytes                                              best(base fee) ─▶ proposer
//!       │ decode, hash         rules: as the next block             ▲
//!       ▼                                                           │
//!  ┌─────────┐   ┌───────┐   ┌────────┐   ┌───────────────────────────┐
//!  │ decode  │ ─▶│ rules │ ─▶│ recover│ ─▶│ state: by sender and nonce │◀─ on_block(block)
//!  └─────────┘   └───────┘   └────────┘   └───────────────────────────┘
//!                                                  │ accepted
//!                                                  ▼
//!                              journal: one write and one sync for all that wait ─▶ hash to the client
//! ```
//!
//! # Invariants
//! - A hash is answered only when the transaction is on disk, and it is there until a durable block includes it, it is
//!   replaced, refused by the proposer, expired behind a gap, or evicted by better-paying ones.
//! - A transaction is decoded, hashed and its sender recovered once, outside any lock.
//! - Of each sender, the executable ones are a run of nonces from its account's nonce whose costs its balance covers.
//! - Count and encoded bytes never exceed their limits.
//! - A journal that cannot be written stops the pool: see [`TxPool::failure`].
//!
//! # What it does not do
//! Gossip; blob transactions; geth's limit of one transaction for accounts with a delegation (a block that empties
//! such an account makes its transactions wait here). Blocks are final, so nothing ever comes back from one.
mod best;
mod blobs;
mod config;
mod error;
mod head;
mod journal;
mod pool;
mod rules;
mod sender;
mod state;
#[cfg(test)]
mod tests;
mod transaction;

pub use best::BestTransactions;
pub use config::{BLOB_TRANSACTION_BYTES_MAX, PoolConfig, QUEUED_LIFETIME_S_MAX, TRANSACTION_BYTES_MAX};
pub use error::PoolError;
pub use journal::{MemoryJournal, Ticket};
pub use pool::{PoolContent, PoolStatus, TxPool};
pub use transaction::PooledTransaction;
