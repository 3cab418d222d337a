//! A disk in memory behaves as RocksDB does, and loses power as a machine does.
use crate::{
    chain::{Chain, block, log, spec},
    model::{Model, Operation, address},
};
use alloy_primitives::U256;
use pervade_storage::{ExecutedBlock, HistoryMode, MemoryDisk, StateChanges, Storage, StorageOptions};
use std::sync::Arc;

fn operations(number: u64) -> [Operation; 2] {
    [Operation::Set(address(0), number, 1), Operation::Slot(address(1), U256::from(number % 3), number % 2)]
}

#[test]
fn blocks_and_states_are_those_of_rocksdb() {
    let options = StorageOptions { history: HistoryMode::Window { blocks: 4 }, ..StorageOptions::default() };
    let mut chain = Chain::new(options.history);
    let disk = MemoryDisk::default();
    let memory = Storage::open_in_memory(&disk, &chain.spec, options.clone()).unwrap();
    assert_eq!(memory.head().hash, chain.storage().head().hash);
    for number in 1..=12 {
        chain.commit(&operations(number));
        let executed = block(&memory, &chain.changes[number as usize - 1], Vec::new());
        memory.commit(executed).unwrap();
        if number % 5 == 0 {
            while memory.write_state().unwrap() {}
        }
        assert_eq!(memory.head().hash, chain.storage().head().hash, "block {number}");
        chain.models[number as usize].assert_is(&memory.latest_view());
    }
    memory.sync().unwrap();
    drop(memory);

    chain.storage = Some(Storage::open_in_memory(&disk, &chain.spec, options).unwrap());
    assert_eq!(chain.storage().blocks_to_replay(), None);
    assert_eq!(chain.storage().first_state(), 9);
    chain.assert_history();
    assert_eq!(chain.storage().check(1, &mut |_| {}).unwrap().problems, Vec::<String>::new());
    chain.unwind(10);
    chain.assert_history();
}

/// Blocks with logs and state, until the power is lost or there are eight. Answers the last one that was acknowledged.
fn commit_blocks(storage: &Storage, changes: &[StateChanges]) -> u64 {
    for (number, changes) in (1..).zip(changes) {
        let executed = block(storage, changes, vec![vec![log(1, &[2])]]);
        if storage.commit(executed).is_err() || (number % 3 == 0 && storage.write_state().is_err()) {
            return storage.head().number();
        }
    }
    storage.head().number()
}

#[test]
fn whichever_write_loses_power_acknowledged_blocks_are_there_and_their_state_is_made_again() {
    let spec = spec("");
    let mut model = Model::default();
    let changes: Vec<_> = (1..=8).map(|number| model.apply(&operations(number))).collect();
    let fresh = MemoryDisk::default();
    drop(Storage::open_in_memory(&fresh, &spec, StorageOptions::default()).unwrap());
    let begun = fresh.operations();
    for (operation, kept) in (begun..begun + 30).flat_map(|operation| [(operation, 0), (operation, 1), (operation, 9)])
    {
        let disk = fresh.duplicate();
        disk.fail_from(operation);
        let storage = Storage::open_in_memory(&disk, &spec, StorageOptions::default()).unwrap();
        let acknowledged = commit_blocks(&storage, &changes);
        drop(storage);
        disk.restart(kept);

        let storage = Storage::open_in_memory(&disk, &spec, StorageOptions::default()).unwrap();
        let head = storage.head().number();
        assert!((acknowledged..=acknowledged + 1).contains(&head), "operation {operation}, kept {kept}");
        while let Some((number, _)) = storage.blocks_to_replay() {
            let view = storage.view_at(number - 1).unwrap();
            let executed = ExecutedBlock {
                block: storage.block(number).unwrap().unwrap(),
                receipts: storage.receipts(number).unwrap().unwrap(),
                state: Arc::new(view.update(&changes[number as usize - 1]).unwrap()),
                total_difficulty: storage.total_difficulty(number).unwrap().unwrap(),
            };
            storage.replay(executed).unwrap();
        }
        storage.sync().unwrap();
        assert_eq!(storage.check(1, &mut |_| {}).unwrap().problems, Vec::<String>::new());
    }
}

#[test]
fn a_disk_that_did_not_sync_is_noticed_at_the_next_start() {
    let spec = spec("");
    let disk = MemoryDisk::default();
    let storage = Storage::open_in_memory(&disk, &spec, StorageOptions::default()).unwrap();
    disk.ignore_syncs();
    storage.commit(block(&storage, &StateChanges::default(), Vec::new())).unwrap();
    drop(storage);
    disk.restart(0);
    let error = Storage::open_in_memory(&disk, &spec, StorageOptions::default()).unwrap_err();
    assert!(error.is_fatal() && error.to_string().contains("block 1"), "{error}");
}
