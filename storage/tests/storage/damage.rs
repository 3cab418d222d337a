//! Damaged directories: a clear error or a found problem, never a panic, never wrong data.
use crate::{
    chain::{Chain, block, log},
    model::{Operation, address},
};
use alloy_primitives::U256;
use pervade_storage::{HistoryMode, StateChanges, Storage, StorageError};
use rocksdb::{DB, Options};
use std::{fs, path::PathBuf};

fn chain() -> Chain {
    let mut chain = Chain::new(HistoryMode::Archive);
    for number in 1..=5 {
        let slot = U256::from(number);
        chain.commit(&[Operation::Set(address(0), number, 1), Operation::Slot(address(1), slot, 1)]);
    }
    chain.commit(&[Operation::Code(address(2), 3)]);
    chain.storage().commit(block(chain.storage(), &StateChanges::default(), vec![vec![log(1, &[2])]; 3])).unwrap();
    chain.storage().sync().unwrap();
    chain.storage = None;
    chain
}

fn database(chain: &Chain) -> DB {
    let path = chain.dir.path().join("db");
    let names = DB::list_cf(&Options::default(), &path).unwrap();
    DB::open_cf(&Options::default(), &path, names).unwrap()
}

fn file(chain: &Chain, matches: impl Fn(&str) -> bool) -> PathBuf {
    let files = fs::read_dir(chain.dir.path().join("db")).unwrap().map(|file| file.unwrap().path());
    files.into_iter().find(|path| matches(&path.file_name().unwrap().to_string_lossy())).unwrap()
}

fn open(chain: &Chain) -> Result<Storage, StorageError> {
    Storage::open(chain.dir.path(), &chain.spec, chain.options.clone())
}

#[test]
fn a_damaged_file_of_rocksdb_is_an_error() {
    for (name, offset) in [("MANIFEST", 40), ("CURRENT", 0)] {
        let chain = chain();
        let path = file(&chain, |file| file.starts_with(name));
        let mut bytes = fs::read(&path).unwrap();
        bytes[offset] ^= 0xff;
        fs::write(&path, bytes).unwrap();
        let error = open(&chain).unwrap_err();
        assert!(error.is_fatal(), "{name}: {error}");
    }
    let chain = chain();
    fs::remove_file(file(&chain, |file| file.starts_with("MANIFEST"))).unwrap();
    assert!(open(&chain).unwrap_err().is_fatal());
}

#[test]
fn a_damaged_table_is_an_error_when_it_is_read() {
    let chain = chain();
    {
        let database = database(&chain);
        database.flush_cf(database.cf_handle("headers").unwrap()).unwrap();
    }
    let mut found = false;
    for entry in fs::read_dir(chain.dir.path().join("db")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sst") {
            let mut bytes = fs::read(&path).unwrap();
            bytes[20] ^= 0xff;
            fs::write(&path, bytes).unwrap();
            found = true;
        }
    }
    assert!(found);
    let error = open(&chain).and_then(|storage| storage.check(1, &mut |_| {}).map(|_| ())).unwrap_err();
    assert!(error.is_fatal(), "{error}");
}

#[test]
fn a_missing_marker_or_header_is_named() {
    for (column, key) in
        [("meta", &b"head"[..]), ("meta", b"state"), ("meta", b"first_state"), ("headers", &7u64.to_be_bytes())]
    {
        let chain = chain();
        {
            let database = database(&chain);
            database.delete_cf(database.cf_handle(column).unwrap(), key).unwrap();
        }
        let error = open(&chain).unwrap_err();
        assert!(matches!(error, StorageError::Damaged { .. }), "{column}: {error}");
    }
}

/// Damages one record, with sound checksums, and expects the check to find something.
fn assert_found(column: &str, damage: impl Fn(&DB, &rocksdb::ColumnFamily)) {
    let chain = chain();
    {
        let database = database(&chain);
        damage(&database, database.cf_handle(column).unwrap());
    }
    match open(&chain).and_then(|storage| storage.check(1, &mut |_| {})) {
        Ok(report) => assert!(!report.problems.is_empty(), "damage in {column} is not found"),
        Err(error) => assert!(matches!(error, StorageError::Damaged { .. }), "{column}: {error}"),
    }
}

#[test]
fn the_check_finds_damage_in_every_column_of_the_state_and_the_blocks() {
    for column in ["accounts", "slots", "code", "account_trie", "storage_trie", "transaction_lookup", "block_numbers"] {
        assert_found(column, |database, handle| {
            let (key, _) = database.iterator_cf(handle, rocksdb::IteratorMode::Start).next().unwrap().unwrap();
            database.delete_cf(handle, key).unwrap();
        });
        assert_found(column, |database, handle| {
            let (key, value) = database.iterator_cf(handle, rocksdb::IteratorMode::End).next().unwrap().unwrap();
            let mut value = value.to_vec();
            *value.last_mut().unwrap() ^= 1;
            database.put_cf(handle, key, value).unwrap();
        });
    }
    for column in ["bodies", "transactions", "receipts"] {
        assert_found(column, |database, handle| {
            let (key, value) = database.iterator_cf(handle, rocksdb::IteratorMode::End).next().unwrap().unwrap();
            database.put_cf(handle, key, [value.to_vec(), vec![0]].concat()).unwrap();
        });
    }
}

#[test]
fn the_check_finds_records_that_nothing_refers_to() {
    assert_found("account_trie", |database, handle| database.put_cf(handle, [2, 0xee], [0xc0]).unwrap());
    assert_found("storage_trie", |database, handle| database.put_cf(handle, [0xee; 33], [0xc0]).unwrap());
    assert_found("slots", |database, handle| database.put_cf(handle, [0xee; 52], [1]).unwrap());
}
