//! Certificates, changes of the validator set, and evidence, beside the blocks they belong to.
use crate::{
    chain::{Chain, block, copy_directory},
    model::Operation,
};
use alloy_primitives::Bytes;
use pervade_storage::{
    EVIDENCE_PER_HEIGHT_MAX, HistoryMode, Seal, StateChanges, Storage, StorageError, StorageOptions,
};
use rocksdb::{DB, Options};

fn seal(certificate: &'static [u8], next: Option<&'static [u8]>) -> Seal {
    Seal { certificate: Some(Bytes::from_static(certificate)), next_validators: next.map(Bytes::from_static) }
}

fn commit_sealed(storage: &Storage, seal: &Seal) {
    let block = block(storage, &StateChanges::default(), Vec::new());
    storage.commit_sealed(block, seal).unwrap();
}

#[test]
fn a_certificate_is_there_as_soon_as_its_block_and_survives_a_kill() {
    let chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    assert_eq!(storage.certificate(1).unwrap(), None);
    commit_sealed(storage, &seal(b"first", None));
    commit_sealed(storage, &Seal::default());
    let killed = tempfile::tempdir().unwrap();
    copy_directory(chain.dir.path(), killed.path());
    let reopened = Storage::open(killed.path(), &chain.spec, StorageOptions::default()).unwrap();
    for storage in [storage, &reopened] {
        assert_eq!(storage.head().number(), 2);
        assert_eq!(storage.certificate(1).unwrap(), Some(Bytes::from_static(b"first")));
        assert_eq!(storage.certificate(2).unwrap(), None);
        assert_eq!(storage.certificate(3).unwrap(), None);
    }
}

#[test]
fn changes_of_the_validators_are_found_by_block_and_in_order() {
    let chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    for next in [None, Some(&b"two"[..]), None, Some(&b"four"[..]), None] {
        commit_sealed(storage, &seal(b"c", next));
    }
    let at = |number| storage.last_validator_change(number).unwrap().map(|change| change.number);
    assert_eq!([0, 1, 2, 3, 4, 5, 99].map(at), [None, None, Some(2), Some(2), Some(4), Some(4), Some(4)]);
    let range = |first, last, count_max| -> Vec<u64> {
        let changes = storage.validator_changes(first, last, count_max).unwrap();
        changes.iter().map(|change| change.number).collect()
    };
    assert_eq!(range(0, 99, 10), [2, 4]);
    assert_eq!(range(3, 99, 10), [4]);
    assert_eq!(range(0, 3, 10), [2]);
    assert_eq!(range(0, 99, 1), [2]);
    assert_eq!(&storage.validator_changes(4, 4, 1).unwrap()[0].next_validators[..], b"four");
}

#[test]
fn a_block_that_is_taken_back_takes_its_seal_along() {
    let mut chain = Chain::new(HistoryMode::Archive);
    chain.commit(&[Operation::Set(crate::model::address(0), 1, 1)]);
    commit_sealed(chain.storage(), &seal(b"c", Some(b"v")));
    chain.storage().unwind(1).unwrap();
    commit_sealed(chain.storage(), &Seal::default());
    assert_eq!(chain.storage().certificate(2).unwrap(), None);
    assert_eq!(chain.storage().last_validator_change(2).unwrap(), None);
}

#[test]
fn evidence_is_kept_once_and_up_to_its_limit() {
    let mut chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    assert!(storage.add_evidence(7, b"twice").unwrap());
    assert!(!storage.add_evidence(7, b"twice").unwrap(), "the same again is nothing new");
    assert!(storage.add_evidence(8, b"twice").unwrap());
    for index in 1..EVIDENCE_PER_HEIGHT_MAX {
        assert!(storage.add_evidence(7, format!("{index}").as_bytes()).unwrap(), "{index}");
    }
    assert!(!storage.add_evidence(7, b"one too many").unwrap());
    chain.open();
    let storage = chain.storage();
    assert_eq!(storage.evidence(0, usize::MAX).unwrap().len(), EVIDENCE_PER_HEIGHT_MAX + 1);
    let last = storage.evidence(8, 10).unwrap();
    assert_eq!((last.len(), last[0].height, &last[0].proof[..]), (1, 8, &b"twice"[..]));
    assert_eq!(storage.evidence(0, 3).unwrap().len(), 3);
}

/// Format 1 is format 2 without three columns.
fn make_format_1(chain: &mut Chain) {
    chain.storage = None;
    let path = chain.dir.path().join("db");
    let names = DB::list_cf(&Options::default(), &path).unwrap();
    let mut database = DB::open_cf(&Options::default(), &path, names).unwrap();
    for column in ["certificates", "validator_changes", "evidence"] {
        database.drop_cf(column).unwrap();
    }
    database.put_cf(database.cf_handle("meta").unwrap(), "format", 1u32.to_be_bytes()).unwrap();
}

#[test]
fn a_directory_of_format_1_is_brought_up_to_date() {
    let mut chain = Chain::new(HistoryMode::Archive);
    chain.commit(&[Operation::Set(crate::model::address(0), 1, 1)]);
    chain.storage().sync().unwrap();
    make_format_1(&mut chain);

    let read_only = StorageOptions { read_only: true, ..StorageOptions::default() };
    let error = Storage::open(chain.dir.path(), &chain.spec, read_only.clone()).unwrap_err();
    assert!(matches!(error, StorageError::OlderFormat { found: 1, .. }), "{error}");
    assert!(error.to_string().contains("start a node on it once"), "{error}");

    chain.open();
    chain.assert_history();
    commit_sealed(chain.storage(), &seal(b"c", None));
    chain.storage = None;
    let storage = Storage::open(chain.dir.path(), &chain.spec, read_only).unwrap();
    assert_eq!(storage.certificate(2).unwrap(), Some(Bytes::from_static(b"c")));
}
