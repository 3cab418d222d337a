//! Errors of this crate.
use alloy_primitives::B256;
use std::path::PathBuf;

/// Why storage cannot answer. [`StorageError::is_fatal`] tells which ones must stop the node.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// RocksDB failed: a read, a write or a sync.
    #[error("database: {operation}: {source}{}", what_to_do(source))]
    Database {
        /// What was being done.
        operation: &'static str,
        /// RocksDB's own message.
        source: rocksdb::Error,
    },
    /// A stored record does not decode, or two records contradict each other.
    #[error("damaged data in {column}: {reason}")]
    Damaged {
        /// Column (RocksDB column family) or file.
        column: &'static str,
        /// What is wrong with which record.
        reason: String,
    },
    /// A slot names content that is not there.
    #[error(
        "the state of block {number} names content {hash}, which is missing; \
         start the node again with peers to fetch it from, or restore the data directory"
    )]
    MissingContent {
        /// Keccak-256 of the bytes.
        hash: B256,
        /// The block.
        number: u64,
    },
    /// An earlier write or sync failed. Nothing is accepted any more.
    #[error("storage has stopped: {reason}; restart the node when the cause is removed")]
    Stopped {
        /// The first failure.
        reason: String,
    },
    /// The data directory cannot be created, read or written.
    #[error("data directory {path}: {source}")]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Another process has it open.
    #[error("data directory {path} is in use by another process; stop it, or choose another directory")]
    DataDirectoryInUse {
        /// The directory.
        path: PathBuf,
    },
    /// Opened for reading only, but there is no database.
    #[error("data directory {path} holds no database; create it by starting a node or by an import")]
    NoDatabase {
        /// The directory.
        path: PathBuf,
    },
    /// The directory is of another chain.
    #[error(
        "data directory {path} belongs to the chain with genesis {found}, not {expected}; \
         choose another directory or the right genesis file"
    )]
    WrongChain {
        /// The directory.
        path: PathBuf,
        /// Genesis hash of the given chain.
        expected: B256,
        /// Genesis hash in the directory.
        found: B256,
    },
    /// The directory was written by a later version.
    #[error("data directory {path} has format {found}, this version reads up to {supported}; use a newer pervade")]
    NewerFormat {
        /// The directory.
        path: PathBuf,
        /// Format in the directory.
        found: u32,
        /// Newest format that this version reads.
        supported: u32,
    },
    /// Opened for reading only, but an older version wrote it.
    #[error(
        "data directory {path} has format {found}, this version reads {supported}; \
         start a node on it once, which brings it up to date"
    )]
    OlderFormat {
        /// The directory.
        path: PathBuf,
        /// Format in the directory.
        found: u32,
        /// Format that this version reads.
        supported: u32,
    },
    /// The genesis header commits to another state than the genesis accounts make.
    #[error("genesis: stateRoot is {expected}, but the accounts in alloc give {computed}")]
    GenesisState {
        /// The header's root.
        expected: B256,
        /// The root of the accounts.
        computed: B256,
    },
    /// The state of this block is outside the history window.
    #[error("state of block {number} is pruned: this node keeps blocks {first} to {last}")]
    Pruned {
        /// Asked for.
        number: u64,
        /// First block whose state is kept.
        first: u64,
        /// Head.
        last: u64,
    },
    /// No such block.
    #[error("unknown block {number}")]
    UnknownBlock {
        /// Asked for.
        number: u64,
    },
    /// A block to commit does not follow the head.
    #[error("block {number} with parent {parent} does not follow the head, block {head_number} {head}")]
    NotNext {
        /// Its number.
        number: u64,
        /// Its parent.
        parent: B256,
        /// Number of the head.
        head_number: u64,
        /// Hash of the head.
        head: B256,
    },
    /// A block to commit is not whole.
    #[error("block {number}: {reason}")]
    Inconsistent {
        /// Its number.
        number: u64,
        /// Which parts contradict each other.
        reason: String,
    },
    /// The state of a block is not the one its header commits to.
    #[error("block {number}: stateRoot is {expected}, but the state gives {computed}")]
    StateRoot {
        /// Its number.
        number: u64,
        /// The header's root.
        expected: B256,
        /// The root of the state.
        computed: B256,
    },
    /// Blocks are waiting to be executed again after a crash.
    #[error("blocks {first} to {last} must be replayed first")]
    ReplayPending {
        /// First block to replay.
        first: u64,
        /// Last block to replay.
        last: u64,
    },
    /// No block, or another one, is to be replayed.
    #[error("block {number} is not the next to replay")]
    NotReplaying {
        /// Given.
        number: u64,
    },
    /// Opened for reading only.
    #[error("{operation}: the data directory is open for reading only")]
    ReadOnly {
        /// What was asked.
        operation: &'static str,
    },
}

/// RocksDB names the damaged file in some of its messages only.
fn what_to_do(error: &rocksdb::Error) -> &'static str {
    match error.kind() {
        rocksdb::ErrorKind::Corruption => {
            "; a file of the database is damaged: stop the node, restore the data directory from a backup, or move its folder \
             \"db\" (and nothing else) away and let the node fetch the chain again"
        }
        _ => "",
    }
}

impl StorageError {
    /// The data directory or the disk under it can no longer be trusted: stop the node.
    pub const fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Database { .. }
                | Self::Damaged { .. }
                | Self::MissingContent { .. }
                | Self::Stopped { .. }
                | Self::StateRoot { .. }
        )
    }

    /// For `map_err`: a RocksDB error with what was being done.
    pub(crate) fn database(operation: &'static str) -> impl Fn(rocksdb::Error) -> Self {
        move |source| Self::Database { operation, source }
    }
}
