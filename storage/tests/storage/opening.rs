//! Which directories are taken, and what is said of the others.
use crate::{
    chain::{Chain, spec},
    model::{Model, Operation, address},
};
use alloy_primitives::{Address, U256};
use pervade_storage::{FORMAT_VERSION, HistoryMode, StateReader, Storage, StorageError, StorageOptions};
use rocksdb::{DB, Options};
use std::fs;

fn read_only() -> StorageOptions {
    StorageOptions { read_only: true, ..StorageOptions::default() }
}

#[test]
fn a_genesis_with_code_and_storage_becomes_block_0() {
    let slot = |slot: u8, value: u8| format!(r#""0x{slot:064x}":"0x{value:064x}""#);
    let alloc = format!(
        r#""{:x}":{{"balance":"0x5","nonce":"0x1","code":"0x6001","storage":{{{},{}}}}},"{:x}":{{"balance":"0x0"}}"#,
        address(0),
        slot(1, 2),
        slot(3, 0),
        address(1)
    );
    let spec = spec(&alloc);
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let storage = Storage::open(dir.path(), &spec, StorageOptions::default()).unwrap();
        assert_eq!(storage.head().hash, spec.genesis_hash());
        assert_eq!(storage.total_difficulty(0).unwrap(), Some(U256::from(1)));
        let mut model = Model::default();
        model.apply(&[Operation::Set(address(0), 1, 5), Operation::Set(address(1), 0, 0)]);
        let account = model.accounts.get_mut(&address(0)).unwrap();
        account.code = vec![0x60, 1].into();
        account.storage.insert(U256::from(1), U256::from(2));
        model.assert_is(&storage.latest_view());
        assert_eq!(storage.check(1, &mut |_| {}).unwrap().problems, Vec::<String>::new());
    }
}

fn open_genesis_of(accounts: u64) {
    let alloc: Vec<_> = (1..=accounts)
        .map(|index| format!(r#""{:x}":{{"balance":"0x{index:x}"}}"#, Address::left_padding_from(&index.to_be_bytes())))
        .collect();
    let spec = spec(&alloc.join(","));
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(dir.path(), &spec, StorageOptions::default()).unwrap();
    assert_eq!(storage.latest_view().state_root(), spec.genesis_header().state_root);
    let last = Address::left_padding_from(&accounts.to_be_bytes());
    let account = storage.latest_view().account(&last).unwrap().unwrap();
    assert_eq!(account.balance, U256::from(accounts));
}

#[test]
fn a_genesis_of_several_batches_has_the_root_of_its_header() {
    open_genesis_of(70_000);
}

#[test]
fn slow_a_genesis_of_a_million_accounts_is_written() {
    open_genesis_of(1_000_000);
}

#[test]
fn a_directory_of_another_chain_is_refused_and_stays() {
    let mut chain = Chain::new(HistoryMode::Archive);
    chain.storage = None;
    let other = spec(r#""0000000000000000000000000000000000000001":{"balance":"0x1"}"#);
    let error = Storage::open(chain.dir.path(), &other, StorageOptions::default()).unwrap_err();
    let StorageError::WrongChain { expected, found, .. } = &error else { panic!("{error}") };
    assert_eq!((*expected, *found), (other.genesis_hash(), chain.spec.genesis_hash()));
    assert!(error.to_string().contains("choose another directory"));
    chain.open();
}

#[test]
fn a_second_process_is_told_that_the_directory_is_in_use() {
    let chain = Chain::new(HistoryMode::Archive);
    let error = Storage::open(chain.dir.path(), &chain.spec, StorageOptions::default()).unwrap_err();
    assert!(matches!(&error, StorageError::DataDirectoryInUse { path } if path == chain.dir.path()), "{error}");
}

#[test]
fn reading_only_works_beside_a_writer_and_writes_nothing() {
    let mut chain = Chain::new(HistoryMode::Archive);
    chain.commit(&[Operation::Set(address(0), 1, 1)]);
    chain.storage().sync().unwrap();
    let reader = Storage::open(chain.dir.path(), &chain.spec, read_only()).unwrap();
    chain.models[1].assert_is(&reader.latest_view());
    assert_eq!(reader.check(1, &mut |_| {}).unwrap().problems, Vec::<String>::new());
    assert!(reader.stats().unwrap().columns.iter().any(|column| column.name == "accounts"));
    assert!(matches!(reader.commit(chain.replayed(1)), Err(StorageError::ReadOnly { .. })));
    assert!(matches!(reader.sync(), Err(StorageError::ReadOnly { .. })));
    assert!(matches!(reader.unwind(0), Err(StorageError::ReadOnly { .. })));
    assert!(matches!(reader.prune_history(1), Err(StorageError::ReadOnly { .. })));
    chain.commit(&[Operation::Set(address(0), 2, 2)]);
}

#[test]
fn reading_only_a_crashed_directory_replays_in_memory() {
    let mut chain = Chain::new(HistoryMode::Archive);
    chain.storage().pause_background_writer(true);
    for number in 1..=3 {
        chain.commit(&[Operation::Set(address(0), number, 1)]);
    }
    chain.storage = None;
    for _ in 0..2 {
        chain.storage = Some(Storage::open(chain.dir.path(), &chain.spec, read_only()).unwrap());
        assert_eq!(chain.storage().blocks_to_replay(), Some((1, 3)));
        chain.replay();
        chain.assert_history();
        chain.storage = None;
    }
}

#[test]
fn reading_only_makes_no_directory() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("missing")] {
        let error = Storage::open(&path, &spec(""), read_only()).unwrap_err();
        assert!(matches!(error, StorageError::NoDatabase { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_path_that_is_a_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = Storage::open(&file, &spec(""), StorageOptions::default()).unwrap_err();
    assert!(matches!(error, StorageError::Directory { .. }), "{error}");
    assert!(error.to_string().contains("file"));
}

fn put_meta(chain: &mut Chain, key: &str, value: &[u8], column: Option<&str>) {
    chain.storage = None;
    let path = chain.dir.path().join("db");
    let mut options = Options::default();
    options.create_missing_column_families(true);
    let mut names = DB::list_cf(&options, &path).unwrap();
    names.extend(column.map(str::to_owned));
    let database = DB::open_cf(&options, &path, names).unwrap();
    database.put_cf(database.cf_handle("meta").unwrap(), key, value).unwrap();
}

#[test]
fn a_newer_format_is_named_even_with_columns_that_are_unknown() {
    let mut chain = Chain::new(HistoryMode::Archive);
    put_meta(&mut chain, "format", &(FORMAT_VERSION + 1).to_be_bytes(), Some("of_the_future"));
    let error = Storage::open(chain.dir.path(), &chain.spec, StorageOptions::default()).unwrap_err();
    let StorageError::NewerFormat { found, supported, .. } = error else { panic!("{error}") };
    assert_eq!((found, supported), (FORMAT_VERSION + 1, FORMAT_VERSION));
}

#[test]
fn an_interrupted_creation_starts_anew() {
    let mut chain = Chain::new(HistoryMode::Archive);
    chain.storage = None;
    {
        let path = chain.dir.path().join("db");
        let names = DB::list_cf(&Options::default(), &path).unwrap();
        let database = DB::open_cf(&Options::default(), &path, names).unwrap();
        database.delete_cf(database.cf_handle("meta").unwrap(), "genesis").unwrap();
        // Left over from another chain's genesis.
        database.put_cf(database.cf_handle("accounts").unwrap(), address(0), [0, 0]).unwrap();
    }
    chain.open();
    chain.assert_history();
}

#[test]
fn the_window_may_change_between_starts() {
    let mut chain = Chain::new(HistoryMode::Archive);
    for number in 1..=20 {
        chain.commit(&[Operation::Set(address(0), number, 1)]);
    }
    chain.options.history = HistoryMode::Window { blocks: 5 };
    chain.open();
    assert_eq!(chain.storage().first_state(), 16);
    chain.assert_history();
    for number in 21..=30 {
        chain.commit(&[Operation::Set(address(0), number, 1)]);
    }
    chain.storage().sync().unwrap();
    assert_eq!(chain.storage().first_state(), 26);
    chain.options.history = HistoryMode::Archive;
    chain.open();
    assert_eq!(chain.storage().first_state(), 26, "what is gone stays gone");
    chain.commit(&[Operation::Set(address(0), 31, 1)]);
    assert_eq!(chain.storage().first_state(), 26);
    chain.assert_history();
}
