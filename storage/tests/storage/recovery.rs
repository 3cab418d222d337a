//! What survives a crash, and what is executed again.
use crate::{
    chain::{Chain, block, copy_directory, log},
    model::{Operation, address},
};
use alloy_primitives::U256;
use pervade_storage::{HistoryMode, StateChanges, Storage, StorageError};
use std::{fs, path::PathBuf};

fn busy(chain: &mut Chain, blocks: u64) {
    for number in 1..=blocks {
        let slot = U256::from(number % 3);
        chain.commit(&[Operation::Set(address(0), number, 1), Operation::Slot(address(1), slot, number % 2)]);
    }
}

#[test]
fn after_a_crash_the_blocks_are_there_and_their_state_is_made_again() {
    let mut chain = Chain::new(HistoryMode::Archive);
    busy(&mut chain, 3);
    chain.storage().sync().unwrap();
    chain.storage().pause_background_writer(true);
    busy(&mut chain, 4);
    chain.crash();
    let storage = chain.storage();
    assert_eq!(storage.head().number(), 7);
    assert_eq!(storage.blocks_to_replay(), Some((4, 7)));
    assert_eq!(storage.latest_view().number(), 3);
    assert!(matches!(storage.view_at(4), Err(StorageError::ReplayPending { first: 4, last: 7 })));
    let pending = storage.commit(block(storage, &StateChanges::default(), Vec::new()));
    assert!(matches!(pending, Err(StorageError::ReplayPending { first: 4, last: 7 })));
    assert!(matches!(storage.unwind(2), Err(StorageError::ReplayPending { .. })));

    // Only the next one, and only with the state that it had.
    let mut wrong = chain.replayed(4);
    wrong.block = storage.block(5).unwrap().unwrap();
    assert!(matches!(storage.replay(wrong), Err(StorageError::NotReplaying { number: 5 })));
    let mut other = chain.replayed(4);
    other.state = std::sync::Arc::new(storage.latest_view().update(&StateChanges::default()).unwrap());
    assert!(matches!(storage.replay(other), Err(StorageError::StateRoot { number: 4, .. })));

    // A second crash half-way.
    storage.replay(chain.replayed(4)).unwrap();
    storage.sync().unwrap();
    storage.pause_background_writer(true);
    storage.replay(chain.replayed(5)).unwrap();
    chain.crash();
    assert_eq!(chain.storage().blocks_to_replay(), Some((5, 7)));
    chain.replay();
    assert_eq!(chain.storage().blocks_to_replay(), None);
    chain.assert_history();
    let replay = chain.storage().replay(block(chain.storage(), &StateChanges::default(), Vec::new()));
    assert!(matches!(replay, Err(StorageError::NotReplaying { number: 8 })));
    busy(&mut chain, 2);
    chain.open();
    chain.assert_history();
}

/// A directory as a kill at this moment would leave it, opened.
fn killed(chain: &Chain) -> (tempfile::TempDir, Storage) {
    let dir = tempfile::tempdir().unwrap();
    copy_directory(chain.dir.path(), dir.path());
    let storage = Storage::open(dir.path(), &chain.spec, chain.options.clone()).unwrap();
    (dir, storage)
}

#[test]
fn every_committed_block_survives_a_kill_right_after_it() {
    let mut chain = Chain::new(HistoryMode::Window { blocks: 4 });
    for number in 1..=12 {
        busy(&mut chain, 1);
        let (_dir, copy) = killed(&chain);
        assert_eq!(copy.head().number(), number);
        let state = copy.latest_view().number();
        assert!(copy.blocks_to_replay().is_none_or(|(first, last)| (first, last) == (state + 1, number)));
        chain.models[state as usize].assert_is(&copy.latest_view());
        assert_eq!(copy.check(1, &mut |_| {}).unwrap().problems, Vec::<String>::new());
    }
}

fn log_file(chain: &Chain) -> PathBuf {
    let files = fs::read_dir(chain.dir.path().join("db")).unwrap();
    let logs = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|ext| ext == "log"));
    logs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap()
}

#[test]
fn a_torn_tail_of_unsynced_state_costs_only_the_state() {
    let mut chain = Chain::new(HistoryMode::Archive);
    busy(&mut chain, 4);
    chain.storage().sync().unwrap();
    busy(&mut chain, 1);
    chain.storage().sync().unwrap();
    let killed = tempfile::tempdir().unwrap();
    copy_directory(chain.dir.path(), killed.path());
    chain.storage = None;
    chain.dir = killed;
    // The last record is the state of block 5.
    let path = log_file(&chain);
    let length = fs::metadata(&path).unwrap().len();
    fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 3).unwrap();
    chain.open();
    assert_eq!(chain.storage().head().number(), 5);
    assert_eq!(chain.storage().blocks_to_replay(), Some((5, 5)));
    chain.replay();
    chain.assert_history();
}

#[test]
fn acknowledged_blocks_lost_by_the_disk_are_noticed() {
    let mut chain = Chain::new(HistoryMode::Archive);
    for _ in 0..20 {
        let executed = block(chain.storage(), &StateChanges::default(), vec![vec![log(1, &[2])]; 70]);
        chain.storage().commit(executed).unwrap();
    }
    let path = {
        chain.storage = None;
        log_file(&chain)
    };
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&path, bytes).unwrap();
    let error = Storage::open(chain.dir.path(), &chain.spec, chain.options.clone()).unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("block 20"), "{error}");
}

#[test]
fn unsynced_commits_are_durable_after_a_sync() {
    let mut chain = Chain::new(HistoryMode::Archive);
    for _ in 0..40 {
        let executed = block(chain.storage(), &StateChanges::default(), Vec::new());
        chain.storage().commit_unsynced(executed).unwrap();
        chain.models.push(Default::default());
    }
    chain.storage().sync().unwrap();
    let (_dir, copy) = killed(&chain);
    assert_eq!((copy.head().number(), copy.blocks_to_replay()), (40, None));
    chain.open();
    chain.assert_history();
}
