//! The columns (RocksDB column families), what each holds, and how RocksDB keeps it.
use crate::StorageOptions;
use rocksdb::{BlockBasedIndexType, BlockBasedOptions, Cache, DBCompressionType, DBRecoveryMode, LogLevel, Options};

/// All memtables together: what is not yet in a sorted file. Also bounds idle memory.
const WRITE_BUFFERS_BYTES_MAX: usize = 64 << 20;
/// Below this, files would be tiny. RocksDB reserves as much for each write-ahead log.
const WRITE_BUFFERS_BYTES_MIN: usize = 4 << 20;
/// Memtable of a column that every block writes much to.
const WRITE_BUFFER_HOT_BYTES: usize = 16 << 20;
/// Memtable of the others.
const WRITE_BUFFER_COLD_BYTES: usize = 4 << 20;
/// Write-ahead log. All of it is read at start-up after a crash, in well under a second.
const WAL_BYTES_MAX: u64 = 96 << 20;
/// Bytes that RocksDB reserves for a manifest; its own 4 MiB make opening slow where reserving means writing zeros.
const MANIFEST_PREALLOCATION_BYTES: usize = 64 << 10;
/// Flushes and compactions at a time.
const BACKGROUND_JOBS: i32 = 2;
/// Written files are handed to the disk in steps, so that no sync of a commit waits for a long compaction.
const BYTES_PER_SYNC: u64 = 1 << 20;
/// RocksDB's own text logs that are kept.
const LOG_FILES: usize = 3;
/// Size of each of them.
const LOG_FILE_BYTES_MAX: usize = 1 << 20;
/// A part of an index or a filter: as large as a block of data.
const METADATA_BLOCK_BYTES: usize = 4 << 10;
/// One key in a thousand that is absent is looked for in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;

/// Blocks of all sizes: the cache finds out.
const BLOCK_CHARGE_BYTES_UNKNOWN: usize = 0;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Column {
    /// block -> hash, total difficulty, header
    Headers,
    /// block -> ommers, withdrawals, number of transactions
    Bodies,
    /// block and chunk -> transactions with senders
    Transactions,
    /// block and chunk -> receipts
    Receipts,
    /// block hash -> number
    BlockNumbers,
    /// transaction hash -> block and position
    TransactionLookup,
    /// logged value and block -> nothing
    LogIndex,
    /// address -> account
    Accounts,
    /// address and slot -> value
    Slots,
    /// code hash -> code
    Code,
    /// hash -> long value of a precompile
    Content,
    /// hash, address and slot -> a mark: the slot names the content
    ContentRefs,
    /// path -> node
    AccountTrie,
    /// keccak(address) and path -> node
    StorageTrie,
    /// key of the state and block -> value before that block
    History,
    /// block -> keys it wrote in `history`
    HistoryIndex,
    /// block -> commit certificate
    Certificates,
    /// block -> validator set that decides the next block, where it is another one than decided this block
    ValidatorChanges,
    /// height and hash -> evidence against a validator
    Evidence,
    /// block and ordinal -> canonical observation
    Observations,
    /// subject, source or property, block and ordinal -> nothing
    ObservationIndex,
    /// contract, event or function, block and log -> mapping
    Bindings,
    /// markers
    Meta,
}

impl Column {
    pub(crate) const ALL: [Self; 23] = [
        Self::Headers,
        Self::Bodies,
        Self::Transactions,
        Self::Receipts,
        Self::BlockNumbers,
        Self::TransactionLookup,
        Self::LogIndex,
        Self::Accounts,
        Self::Slots,
        Self::Code,
        Self::Content,
        Self::ContentRefs,
        Self::AccountTrie,
        Self::StorageTrie,
        Self::History,
        Self::HistoryIndex,
        Self::Certificates,
        Self::ValidatorChanges,
        Self::Evidence,
        Self::Observations,
        Self::ObservationIndex,
        Self::Bindings,
        Self::Meta,
    ];

    /// Name on disk.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Transactions => "transactions",
            Self::Receipts => "receipts",
            Self::BlockNumbers => "block_numbers",
            Self::TransactionLookup => "transaction_lookup",
            Self::LogIndex => "log_index",
            Self::Accounts => "accounts",
            Self::Slots => "slots",
            Self::Code => "code",
            Self::Content => "content",
            Self::ContentRefs => "content_refs",
            Self::AccountTrie => "account_trie",
            Self::StorageTrie => "storage_trie",
            Self::History => "history",
            Self::HistoryIndex => "history_index",
            Self::Certificates => "certificates",
            Self::ValidatorChanges => "validator_changes",
            Self::Evidence => "evidence",
            Self::Observations => "observations",
            Self::ObservationIndex => "observation_index",
            Self::Bindings => "bindings",
            Self::Meta => "meta",
        }
    }

    /// Columns that full blocks write thousands of keys or megabytes to.
    const fn is_hot(self) -> bool {
        !matches!(
            self,
            Self::Headers
                | Self::Bodies
                | Self::BlockNumbers
                | Self::Code
                | Self::Certificates
                | Self::ValidatorChanges
                | Self::Evidence
                | Self::Bindings
                | Self::Meta
        )
    }

    /// Hashes, addresses and signatures do not compress: what consists of them is left alone, to save the CPU.
    const fn compression(self) -> DBCompressionType {
        match self {
            Self::BlockNumbers
            | Self::TransactionLookup
            | Self::Accounts
            | Self::ContentRefs
            | Self::AccountTrie
            | Self::StorageTrie
            | Self::Certificates
            | Self::Meta => DBCompressionType::None,
            Self::Headers | Self::Receipts | Self::Code | Self::HistoryIndex => DBCompressionType::Zstd,
            _ => DBCompressionType::Snappy,
        }
    }

    /// Columns whose keys are asked for one by one, often in vain.
    const fn has_bloom(self) -> bool {
        !matches!(
            self,
            Self::LogIndex
                | Self::History
                | Self::HistoryIndex
                | Self::ValidatorChanges
                | Self::Evidence
                | Self::ObservationIndex
                | Self::Bindings
        )
    }

    pub(crate) fn options(self, cache: &Cache) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(cache);
        // Index and filters count against the cache, or memory would grow with the data. They are kept in parts of some
        // kilobytes: whole, those of a large file are megabytes, which a lookup would read again whenever they have been
        // driven out, or do not fit into one shard of the cache at all.
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_cache_index_and_filter_blocks_with_high_priority(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        blocks.set_index_type(BlockBasedIndexType::TwoLevelIndexSearch);
        blocks.set_partition_filters(true);
        blocks.set_metadata_block_size(METADATA_BLOCK_BYTES);
        blocks.set_pin_top_level_index_and_filter(true);
        if self.has_bloom() {
            blocks.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
        }
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_compression_type(self.compression());
        options.set_write_buffer_size(if self.is_hot() { WRITE_BUFFER_HOT_BYTES } else { WRITE_BUFFER_COLD_BYTES });
        options
    }
}

/// The cache of blocks that all columns share. Its shards are of 32 MiB at least and it takes no locks; RocksDB's LRU
/// cache would cut the default size into shards of one megabyte.
pub(crate) fn block_cache(bytes: usize) -> Cache {
    Cache::new_hyper_clock_cache(bytes, BLOCK_CHARGE_BYTES_UNKNOWN)
}

/// Options of the whole database.
pub(crate) fn database_options(options: &StorageOptions) -> Options {
    let mut database = Options::default();
    database.create_if_missing(true);
    database.create_missing_column_families(true);
    database.set_max_open_files(options.open_files_max);
    // One setting bounds memory: a small cache means small write buffers too.
    let write_buffers = options.block_cache_bytes.clamp(WRITE_BUFFERS_BYTES_MIN, WRITE_BUFFERS_BYTES_MAX);
    database.set_db_write_buffer_size(write_buffers);
    database.set_max_total_wal_size(WAL_BYTES_MAX);
    database.set_max_background_jobs(BACKGROUND_JOBS);
    database.set_manifest_preallocation_size(MANIFEST_PREALLOCATION_BYTES);
    database.set_bytes_per_sync(BYTES_PER_SYNC);
    database.set_paranoid_checks(true);
    // A log that ends in a torn record is what a power loss leaves. What the log lost beyond that is found by
    // comparing the head with the witness file.
    database.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
    database.set_log_level(LogLevel::Warn);
    database.set_keep_log_file_num(LOG_FILES);
    database.set_max_log_file_size(LOG_FILE_BYTES_MAX);
    database.set_stats_dump_period_sec(0);
    database.set_stats_persist_period_sec(0);
    database
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_column_is_listed_once() {
        for (index, column) in Column::ALL.iter().enumerate() {
            assert_eq!(*column as usize, index);
            assert_eq!(Column::ALL.iter().filter(|other| other.name() == column.name()).count(), 1);
        }
    }
}
