//! How a data directory is opened.

/// State of so many blocks is kept by default.
pub const HISTORY_BLOCKS_DEFAULT: u64 = 10_000;
/// Default size of RocksDB's block cache: with write buffers it keeps an idle node far below 100 MiB.
pub const BLOCK_CACHE_BYTES_DEFAULT: usize = 64 << 20;
/// Default size of the cache of trie nodes: the first five levels of a large state's branches take 50 MiB, and must not be
/// driven out by the many below them. Takes memory as it fills.
pub const NODE_CACHE_BYTES_DEFAULT: usize = 128 << 20;
/// Default limit of RocksDB's open files; below the usual `ulimit -n` of 1,024.
pub const OPEN_FILES_MAX_DEFAULT: i32 = 512;

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

impl Default for HistoryMode {
    fn default() -> Self {
        Self::Window { blocks: HISTORY_BLOCKS_DEFAULT }
    }
}

impl HistoryMode {
    /// First block whose state is still kept when the state of `number` is written.
    pub(crate) const fn first_kept(self, number: u64) -> u64 {
        match self {
            Self::Window { blocks: 0 } => number,
            Self::Window { blocks } => number.saturating_add(1).saturating_sub(blocks),
            Self::Archive => 0,
        }
    }
}

/// What an operator may turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageOptions {
    /// How much historical state is kept.
    pub history: HistoryMode,
    /// Bytes of RocksDB's block cache.
    pub block_cache_bytes: usize,
    /// Bytes of trie nodes kept at hand.
    pub node_cache_bytes: usize,
    /// Open file limit of RocksDB.
    pub open_files_max: i32,
    /// Opened to look only: no writes, no lock taken.
    pub read_only: bool,
}

impl Default for StorageOptions {
    fn default() -> Self {
        Self {
            history: HistoryMode::default(),
            block_cache_bytes: BLOCK_CACHE_BYTES_DEFAULT,
            node_cache_bytes: NODE_CACHE_BYTES_DEFAULT,
            open_files_max: OPEN_FILES_MAX_DEFAULT,
            read_only: false,
        }
    }
}
