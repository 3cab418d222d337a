//! How big the columns are.
use crate::{
    Storage, StorageError,
    codec::FORMAT_VERSION,
    columns::Column,
    database::{Database, handle},
};
use alloy_primitives::B256;
use rocksdb::properties;

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnStats {
    /// Name on disk.
    pub name: &'static str,
    /// RocksDB's estimate of the number of records.
    pub keys_estimate: u64,
    /// Bytes in files.
    pub file_bytes: u64,
    /// Bytes in memory, not yet in files.
    pub memory_bytes: u64,
}

/// The whole directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseStats {
    /// Format version of the records.
    pub format: u32,
    /// Hash of block 0.
    pub genesis_hash: B256,
    /// Number and hash of the newest block.
    pub head: (u64, B256),
    /// Newest block whose state is there.
    pub state: u64,
    /// First block whose state is kept.
    pub first_state: u64,
    /// All columns.
    pub columns: Vec<ColumnStats>,
}

impl Storage {
    /// Sizes of all columns, and the markers.
    ///
    /// # Errors
    /// RocksDB does not answer.
    pub fn stats(&self) -> Result<DatabaseStats, StorageError> {
        let store = self.store();
        let tip = store.tip();
        let columns = Column::ALL.iter().map(|column| {
            Ok(ColumnStats {
                name: column.name(),
                keys_estimate: keys_estimate(&store.database, *column)?,
                file_bytes: property(&store.database, *column, properties::TOTAL_SST_FILES_SIZE)?,
                memory_bytes: property(&store.database, *column, properties::SIZE_ALL_MEM_TABLES)?,
            })
        });
        Ok(DatabaseStats {
            format: FORMAT_VERSION,
            genesis_hash: store.genesis_hash,
            head: (tip.head.number(), tip.head.hash),
            state: tip.state_number,
            first_state: self.first_state(),
            columns: columns.collect::<Result<_, StorageError>>()?,
        })
    }
}

pub(super) fn keys_estimate(database: &Database, column: Column) -> Result<u64, StorageError> {
    property(database, column, properties::ESTIMATE_NUM_KEYS)
}

fn property(database: &Database, column: Column, name: &properties::PropName) -> Result<u64, StorageError> {
    let Some(rocks) = database.rocks() else { return Ok(0) };
    let value = rocks.property_int_value_cf(handle(rocks, column)?, name);
    Ok(value.map_err(StorageError::database("read a property"))?.unwrap_or_default())
}
