//! Errors of this crate.

/// Why storage cannot answer. `Fatal`-class variants (`Database`, `Damaged`) must stop the node.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// RocksDB failed: a read, a write or a sync.
    #[error("database: {0}")]
    Database(#[from] rocksdb::Error),
    /// A stored record does not decode, or two records contradict each other.
    #[error("damaged data in {column}: {reason}")]
    Damaged { column: &'static str, reason: String },
    /// The state of this block is outside the history window.
    #[error("state of block {number} is pruned: this node keeps blocks {first} to {last}")]
    Pruned { number: u64, first: u64, last: u64 },
    /// No such block.
    #[error("unknown block {number}")]
    UnknownBlock { number: u64 },
}
