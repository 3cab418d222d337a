//! The production store.
use super::{CHAIN, signer};
use crate::{ConsensusFiles, FileStore, FolderStore, MissingRecord, Persist, SignedStep, Signer, SigningState};
use bytes::Bytes;

#[test]
fn files_are_made_written_cut_and_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = FolderStore::open(folder.path().join("deep").join("er")).unwrap();
    assert_eq!(store.read("a").unwrap(), None);
    store.truncate("a", 5).unwrap();
    store.sync("a").unwrap();
    assert_eq!(store.read("a").unwrap(), None, "neither cutting nor syncing makes a file");
    store.write("a", 2, b"xyz").unwrap();
    store.sync("a").unwrap();
    assert_eq!(store.read("a").unwrap().unwrap(), b"\0\0xyz");
    store.truncate("a", 4).unwrap();
    store.truncate("a", 100).unwrap();
    store.write("a", 0, b"v").unwrap();
    assert_eq!(store.read("a").unwrap().unwrap(), b"v\0xy");
}

#[test]
fn log_and_record_are_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let key = signer(1).public_key();
    let open = |missing| {
        let store = Box::new(FolderStore::open(folder.path()).unwrap());
        ConsensusFiles::open(store, &CHAIN, Some(&key), missing)
    };
    assert!(open(MissingRecord::Refuse).is_err());
    let (mut files, _) = open(MissingRecord::Create { silent_through: 0 }).unwrap();
    let signed = SigningState { height: 7, step: SignedStep::Prevote, log_records: 2, ..SigningState::default() };
    let records = vec![Bytes::from_static(b"one"), Bytes::from_static(b"two")];
    files.persist(&Persist { height: 7, records: records.clone(), signed: Some(signed) }).unwrap();
    drop(files);
    // Creating is for those that are missing.
    let (_, recovered) = open(MissingRecord::Create { silent_through: 99 }).unwrap();
    assert_eq!(recovered.signing, Some(signed));
    assert_eq!((recovered.log.height, recovered.log.records, recovered.log.damaged), (7, records, false));
}
