//! Opening a data directory.
//!
//! ```text
//! <datadir>/db     RocksDB; its LOCK keeps other processes out
//! <datadir>/head   the witness: which head was durable
//! ```
//! Checks, in this order: lock, format, chain, head against witness, head against its header, state against head.
use crate::{
    HistoryMode, StorageError, StorageOptions,
    blocks::read_block,
    codec::{FORMAT_VERSION, block::decode_header, key::block_key, meta},
    columns::{Column, block_cache, database_options},
    database::Database,
    genesis,
    memory_disk::MemoryDisk,
    overlay::Tip,
    store::{Markers, Store},
    witness::{HeadNotes, Witness},
    writer::Queue,
};
use alloy_primitives::B256;
use pervade_chainspec::ChainSpec;
use rocksdb::{ColumnFamilyDescriptor, DB, ErrorKind, Options};
use std::{
    fs::{self, File},
    path::Path,
    sync::{Arc, atomic::Ordering},
};

const DATABASE: &str = "db";

pub(crate) fn open(dir: &Path, spec: &ChainSpec, options: StorageOptions) -> Result<Store, StorageError> {
    // Read before the database: a process that writes meanwhile would be ahead of what is opened for reading.
    let noted = Witness::read(dir)?;
    let database = open_database(dir, &options)?;
    let database = match read_genesis(&database, dir)? {
        Some(found) => {
            let expected = spec.genesis_hash();
            if found != expected {
                return Err(StorageError::WrongChain { path: dir.into(), expected, found });
            }
            database
        }
        None if options.read_only => return Err(StorageError::NoDatabase { path: dir.into() }),
        None => create(dir, spec, &options, database)?,
    };
    load(dir, spec, options, database, noted)
}

/// Opens, or fills with the genesis, a disk in memory.
pub(crate) fn open_in_memory(
    disk: &MemoryDisk,
    spec: &ChainSpec,
    options: StorageOptions,
) -> Result<Store, StorageError> {
    let dir = Path::new("memory");
    let database = Database::in_memory(disk.clone());
    match read_genesis(&database, dir)? {
        Some(found) if found != spec.genesis_hash() => {
            let expected = spec.genesis_hash();
            return Err(StorageError::WrongChain { path: dir.into(), expected, found });
        }
        Some(_) => {}
        None => genesis::write(&database, spec)?,
    }
    let mut store = load(dir, spec, options, database, disk.witness())?;
    store.committing.get_mut().notes = HeadNotes::Memory(disk.clone());
    store.queue = Queue::by_hand();
    Ok(store)
}

/// Checks what is there, and takes it up. `noted`: the head that the witness has.
fn load(
    dir: &Path,
    spec: &ChainSpec,
    options: StorageOptions,
    database: Database,
    noted: Option<(u64, B256)>,
) -> Result<Store, StorageError> {
    let (head, state, first_state) = read_markers(&database)?;
    let optional = |key| database.get(Column::Meta, key)?.map(|record| meta::decode_u64(&record)).transpose();
    let (observed, first_observed) = (optional(meta::OBSERVED)?, optional(meta::FIRST_OBSERVED)?);
    let in_files = !options.read_only && database.rocks().is_some();
    let notes = if in_files { HeadNotes::File(Witness::open(dir)?) } else { HeadNotes::Nowhere };
    check_witness(&database, head.0, noted)?;
    let tip = read_tip(&database, head.0, state)?;
    if tip.head.hash != head.1 {
        let reason = format!("the head is block {} {}, its header has {}", head.0, head.1, tip.head.hash);
        return Err(StorageError::Damaged { column: Column::Headers.name(), reason });
    }
    let genesis_hash = spec.genesis_hash();
    let markers = Markers { genesis_hash, state, first_state, observed, first_observed };
    let store = Store::new(dir.into(), options, database, markers, tip, notes);
    raise_first_state(&store, state);
    Ok(store)
}

/// Head, state block, first state.
fn read_markers(database: &Database) -> Result<((u64, B256), u64, u64), StorageError> {
    let marker = |key: &[u8], name: &str| {
        let reason = || format!("the marker {name} is missing");
        let record = database.get(Column::Meta, key)?.map(|record| record.to_vec());
        record.ok_or_else(|| StorageError::Damaged { column: Column::Meta.name(), reason: reason() })
    };
    let head = meta::decode_head(&marker(meta::HEAD, "head")?)?;
    let state = meta::decode_u64(&marker(meta::STATE, "state")?)?;
    let first_state = meta::decode_u64(&marker(meta::FIRST_STATE, "first_state")?)?;
    if state > head.0 || first_state > state {
        let reason = format!("states {first_state} to {state} do not fit the head, block {}", head.0);
        return Err(StorageError::Damaged { column: Column::Meta.name(), reason });
    }
    Ok((head, state, first_state))
}

/// The head with its state marker; no layers.
pub(crate) fn read_tip(database: &Database, head: u64, state: u64) -> Result<Tip, StorageError> {
    let missing = |number| StorageError::Damaged {
        column: Column::Headers.name(),
        reason: format!("the header of block {number} is missing"),
    };
    let block = read_block(database, head)?.ok_or_else(|| missing(head))?;
    let record = database.get(Column::Headers, &block_key(state))?.ok_or_else(|| missing(state))?;
    let state_root = decode_header(&record)?.2.state_root;
    Ok(Tip { head: Arc::new(block), state_number: state, state_root, layers: Vec::new() })
}

/// What the witness has noted must be in the database.
fn check_witness(database: &Database, head: u64, noted: Option<(u64, B256)>) -> Result<(), StorageError> {
    let Some((number, hash)) = noted else { return Ok(()) };
    let found = match database.get(Column::Headers, &block_key(number))? {
        Some(record) => Some(decode_header(&record)?.0),
        None => None,
    };
    if number <= head && found == Some(hash) {
        return Ok(());
    }
    Err(StorageError::Damaged {
        column: "write-ahead log",
        reason: format!(
            "block {number} {hash} was durable, but the database ends at block {head} or has another block there; \
             the disk has lost or changed data: restore a copy or synchronise again in an empty directory \
             (if this directory is an older copy, put back on purpose, remove its file \"head\")"
        ),
    })
}

/// A window that was made shorter holds from now on.
fn raise_first_state(store: &Store, state: u64) {
    if let HistoryMode::Window { .. } = store.options.history {
        let first = store.options.history.first_kept(state);
        store.first_state.fetch_max(first, Ordering::SeqCst);
    }
}

/// Hash of block 0; `None` in a directory that is new or whose creation was interrupted.
fn read_genesis(database: &Database, dir: &Path) -> Result<Option<B256>, StorageError> {
    if let Some(format) = database.get(Column::Meta, meta::FORMAT)? {
        let found = meta::decode_u32(&format)?;
        if found > FORMAT_VERSION {
            return Err(StorageError::NewerFormat { path: dir.into(), found, supported: FORMAT_VERSION });
        }
        if found < FORMAT_VERSION {
            upgrade(database, dir, found)?;
        }
    }
    let record = database.get(Column::Meta, meta::GENESIS)?;
    record.map(|record| meta::decode_hash(&record)).transpose()
}

/// Brings a directory of an older format up to date. Formats 2 and 3 only add columns, which opening has made; the index of
/// observations is built by the node.
fn upgrade(database: &Database, dir: &Path, found: u32) -> Result<(), StorageError> {
    if database.is_read_only() {
        return Err(StorageError::OlderFormat { path: dir.into(), found, supported: FORMAT_VERSION });
    }
    let mut batch = database.batch();
    batch.put(Column::Meta, meta::FORMAT, &FORMAT_VERSION.to_be_bytes())?;
    database.write(batch, true)?;
    tracing::info!(from = found, to = FORMAT_VERSION, "brought the data directory up to date");
    Ok(())
}

/// Writes the genesis state. What an interrupted attempt has left, perhaps of another chain, goes first.
fn create(
    dir: &Path,
    spec: &ChainSpec,
    options: &StorageOptions,
    database: Database,
) -> Result<Database, StorageError> {
    let is_new = database.get(Column::Meta, meta::FORMAT)?.is_none();
    let database = if is_new {
        database
    } else {
        drop(database);
        let path = dir.join(DATABASE);
        DB::destroy(&Options::default(), &path).map_err(StorageError::database("remove an unfinished database"))?;
        open_database(dir, options)?
    };
    genesis::write(&database, spec)?;
    Ok(database)
}

fn open_database(dir: &Path, options: &StorageOptions) -> Result<Database, StorageError> {
    let path = dir.join(DATABASE);
    let exists = path.join("CURRENT").is_file();
    if options.read_only && !exists {
        return Err(StorageError::NoDatabase { path: dir.into() });
    }
    if !options.read_only {
        let failed = |source| StorageError::Directory { path: path.clone(), source };
        fs::create_dir_all(&path).map_err(failed)?;
        // RocksDB syncs the names in its folder, not the name of the folder.
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
    }
    let cache = block_cache(options.block_cache_bytes);
    let database_options = database_options(options);
    let stored =
        if exists { DB::list_cf(&database_options, &path).map_err(|e| open_error(e, dir))? } else { Vec::new() };
    // A writer makes the columns that an older format lacks; a reader cannot, and is told so when the format is read.
    let ours =
        Column::ALL.iter().filter(|column| !options.read_only || stored.iter().any(|name| name == column.name()));
    let mut columns: Vec<_> =
        ours.map(|column| ColumnFamilyDescriptor::new(column.name(), column.options(&cache))).collect();
    columns.extend(unknown_columns(stored));
    let opened = match options.read_only {
        true => DB::open_cf_descriptors_read_only(&database_options, &path, columns, false),
        false => DB::open_cf_descriptors(&database_options, &path, columns),
    };
    let rocks = opened.map_err(|error| open_error(error, dir))?;
    Ok(Database::new(rocks, options.read_only))
}

/// Columns of a later format: opened too, so that its version can be read and named.
fn unknown_columns(stored: Vec<String>) -> impl Iterator<Item = ColumnFamilyDescriptor> {
    let unknown = stored.into_iter().filter(|name| Column::ALL.iter().all(|column| column.name() != name));
    unknown.map(|name| ColumnFamilyDescriptor::new(name, Options::default()))
}

fn open_error(error: rocksdb::Error, dir: &Path) -> StorageError {
    let message = error.as_ref();
    match error.kind() {
        // RocksDB names the file, never the reason alone.
        ErrorKind::IOError if message.contains("/LOCK") && message.to_lowercase().contains("lock") => {
            StorageError::DataDirectoryInUse { path: dir.into() }
        }
        ErrorKind::Corruption => {
            StorageError::Damaged { column: "database", reason: format!("{}: {message}", dir.display()) }
        }
        _ => StorageError::Database { operation: "open", source: error },
    }
}
