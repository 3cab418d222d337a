//! How a data directory is opened.

/// How much historical state is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryMode {
    /// State of the latest `blocks` blocks.
    Window {
        /// Number of blocks.
        blocks: u64,
    },
    /// State of every block.
    Archive,
}

/// What an operator may turn.
#[derive(Debug, Clone)]
pub struct StorageOptions {
    /// How much historical state is kept.
    pub history: HistoryMode,
    /// Bytes of RocksDB's block cache.
    pub block_cache_bytes: usize,
    /// Open file limit of RocksDB.
    pub open_files_max: i32,
    /// Opened to look only: no writes, no lock taken.
    pub read_only: bool,
}
