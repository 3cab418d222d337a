//! Transactions that wait for a block.
mod config;
mod error;
mod pool;

pub use config::PoolConfig;
pub use error::PoolError;
pub use pool::{BestTransactions, PoolContent, PoolStatus, PooledTransaction, TxPool};
