//! Long values of precompiles: there as long as a kept state names them, and no longer.
use crate::{
    chain::{Chain, block},
    model::Model,
};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use pervade_chainspec::params::CONTRACT_DATABASE_ADDRESS;
use pervade_storage::{
    AccountChange, AccountState, HistoryMode, StateChanges, StateReader, Storage, StorageError, StorageOptions,
};
use proptest::prelude::*;
use rocksdb::{DB, Options};
use std::collections::{BTreeMap, BTreeSet};

/// Blocks of the window.
const WINDOW: u64 = 4;
/// Slots that blocks write.
const SLOTS: u64 = 4;
/// Different values.
const VALUES: u8 = 3;

/// What slots name, by block.
type Slots = BTreeMap<u64, Bytes>;

fn value(seed: u8) -> Bytes {
    vec![seed; 40 + usize::from(seed)].into()
}

/// A block that puts values into slots of a precompile's account; `None` clears the slot.
fn changes(account: Address, puts: &[(u64, Option<Bytes>)]) -> StateChanges {
    let mut change = AccountChange {
        after: Some(AccountState { nonce: 1, balance: U256::ZERO, code_hash: KECCAK_EMPTY }),
        ..AccountChange::default()
    };
    let mut changes = StateChanges::default();
    for (slot, value) in puts {
        let hash = value.as_ref().map_or(B256::ZERO, keccak256);
        change.storage.insert(U256::from(*slot), hash.into());
        changes.content.extend(value.clone().map(|value| (hash, value)));
    }
    changes.accounts.insert(account, change);
    changes
}

/// What the slots name after a block.
fn named(storage: &Storage, number: u64) -> Result<Slots, StorageError> {
    let view = storage.view_at(number)?;
    let mut slots = Slots::new();
    for slot in 0..SLOTS {
        let word = view.storage(&CONTRACT_DATABASE_ADDRESS, &U256::from(slot))?;
        if !word.is_zero() {
            slots.insert(slot, view.content(&word.into())?);
        }
    }
    Ok(slots)
}

/// A chain with a plain model of what each state names.
struct Content {
    chain: Chain,
    states: Vec<Slots>,
}

impl Content {
    fn new(history: HistoryMode) -> Self {
        let chain = Chain::with(StorageOptions { history, ..StorageOptions::default() });
        Self { chain, states: vec![Slots::new()] }
    }

    fn storage(&self) -> &Storage {
        self.chain.storage()
    }

    fn commit(&mut self, puts: &[(u64, Option<Bytes>)]) {
        let changes = changes(CONTRACT_DATABASE_ADDRESS, puts);
        self.storage().commit(block(self.storage(), &changes, Vec::new())).unwrap();
        let mut state = self.states.last().unwrap().clone();
        for (slot, value) in puts {
            match value {
                Some(value) => state.insert(*slot, value.clone()),
                None => state.remove(slot),
            };
        }
        self.states.push(state);
        self.chain.changes.push(changes);
        self.chain.models.push(Model::default());
    }

    /// Every state of the window gives its values. The background writer may move the window meanwhile.
    fn assert_readable(&self) {
        let storage = self.storage();
        for (number, state) in (0u64..).zip(&self.states).skip(storage.first_state() as usize) {
            match named(storage, number) {
                Err(StorageError::Pruned { .. }) => assert!(number < storage.first_state(), "block {number}"),
                found => assert_eq!(&found.unwrap(), state, "block {number}"),
            }
        }
    }

    /// After pruning, the table holds what states of the window name, and nothing else.
    fn assert_pruned_exactly(&self) {
        self.storage().prune_history(WINDOW).unwrap();
        self.assert_readable();
        let first = self.storage().first_state() as usize;
        let expected: BTreeSet<_> = self.states[first..].iter().flat_map(|state| state.values().cloned()).collect();
        let found = (0..VALUES).map(value).filter(|value| self.storage().content(&keccak256(value)).unwrap().is_some());
        assert_eq!(found.collect::<BTreeSet<_>>(), expected);
        let report = self.storage().check(1, &mut |_| {}).unwrap();
        assert_eq!(report.problems, Vec::<String>::new());
        let bytes: usize = expected.iter().map(|value| value.len()).sum();
        assert_eq!((report.content, report.content_bytes), (expected.len() as u64, bytes as u64));
        assert_eq!(self.storage().check_content().unwrap().bad, Vec::<B256>::new());
    }
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(u64, Option<u8>)>),
    Sync,
    Reopen,
    Crash,
    Unwind(u64),
    Prune,
    Pause(bool),
}

fn step() -> impl Strategy<Value = Step> {
    let put = (0..SLOTS, prop::option::of(0..VALUES));
    prop_oneof![
        12 => prop::collection::vec(put, 0..3).prop_map(Step::Commit),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => (0..4u64).prop_map(Step::Unwind),
        1 => Just(Step::Prune),
        2 => any::<bool>().prop_map(Step::Pause),
    ]
}

fn run(history: HistoryMode, steps: Vec<Step>) {
    let mut content = Content::new(history);
    let mut unwritten = 0;
    for step in steps {
        if !matches!(step, Step::Commit(_) | Step::Pause(true) | Step::Crash) {
            content.storage().pause_background_writer(false);
        }
        match step {
            // A paused writer makes the commit after the sixteenth wait for ever.
            Step::Commit(puts) if unwritten < 15 => {
                let puts: Vec<_> = puts.into_iter().map(|(slot, seed)| (slot, seed.map(value))).collect();
                content.commit(&puts);
                unwritten += 1;
                content.assert_readable();
            }
            Step::Commit(_) => {}
            Step::Pause(paused) => content.storage().pause_background_writer(paused),
            Step::Sync => {
                content.storage().sync().unwrap();
                unwritten = 0;
            }
            Step::Reopen => {
                content.chain.open();
                unwritten = 0;
            }
            Step::Crash => {
                content.chain.crash();
                content.chain.replay();
                unwritten = 0;
                content.assert_readable();
            }
            Step::Unwind(blocks) => {
                let head = content.states.len() as u64 - 1;
                let number = head.saturating_sub(blocks).max(content.storage().first_state());
                content.chain.unwind(number);
                content.states.truncate(number as usize + 1);
                unwritten = 0;
                content.assert_readable();
            }
            Step::Prune => {
                content.assert_pruned_exactly();
                unwritten = 0;
            }
        }
    }
    content.storage().pause_background_writer(false);
    content.storage().sync().unwrap();
    content.assert_pruned_exactly();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn content_is_there_while_a_kept_state_names_it_and_no_longer(
        window in any::<bool>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let history = if window { HistoryMode::Window { blocks: WINDOW } } else { HistoryMode::Archive };
        run(history, steps);
    }
}

#[test]
fn content_whose_reference_comes_back_with_a_block_taken_back_stays() {
    let mut content = Content::new(HistoryMode::Archive);
    content.commit(&[(1, Some(value(1)))]);
    content.commit(&[]);
    // One slot lets it go, another begins with it.
    content.commit(&[(1, None), (0, Some(value(1)))]);
    content.commit(&[]);
    content.storage().prune_history(3).unwrap();
    content.chain.unwind(2);
    content.states.truncate(3);
    content.assert_readable();
}

#[test]
fn content_named_by_two_slots_stays_until_the_second_lets_it_go() {
    let mut content = Content::new(HistoryMode::Window { blocks: WINDOW });
    content.commit(&[(0, Some(value(1))), (1, Some(value(1)))]);
    content.commit(&[(0, None)]);
    for _ in 0..2 * WINDOW {
        content.commit(&[]);
    }
    content.assert_pruned_exactly();
    assert!(content.storage().content(&keccak256(value(1))).unwrap().is_some());
    content.commit(&[(1, None)]);
    for _ in 0..2 * WINDOW {
        content.commit(&[]);
    }
    content.assert_pruned_exactly();
    assert!(content.storage().content(&keccak256(value(1))).unwrap().is_none());
}

#[test]
fn content_that_is_put_again_while_it_is_being_forgotten_stays() {
    let mut content = Content::new(HistoryMode::Window { blocks: WINDOW });
    content.commit(&[(0, Some(value(1)))]);
    content.commit(&[(0, None)]);
    content.storage().sync().unwrap();
    // In one batch of the writer: the history of the removal goes, and the same bytes come again.
    content.storage().pause_background_writer(true);
    for _ in 0..WINDOW {
        content.commit(&[]);
    }
    content.commit(&[(2, Some(value(1)))]);
    content.storage().pause_background_writer(false);
    content.storage().sync().unwrap();
    content.assert_pruned_exactly();
    assert!(content.storage().content(&keccak256(value(1))).unwrap().is_some());
}

#[test]
fn a_value_that_somebody_writes_as_a_hash_keeps_nothing_and_frees_nothing() {
    let mut content = Content::new(HistoryMode::Window { blocks: WINDOW });
    let hash = U256::from_be_bytes(keccak256(value(1)).0);
    // A key of a table that is the hash of a value: a slot holds it before the value comes, and lets it go after.
    let key = |word: U256| {
        let mut changes = changes(CONTRACT_DATABASE_ADDRESS, &[]);
        let change = changes.accounts.get_mut(&CONTRACT_DATABASE_ADDRESS).unwrap();
        change.storage.insert(U256::from(77), word);
        changes
    };
    let commit = |content: &mut Content, changes: StateChanges| {
        content.storage().commit(block(content.storage(), &changes, Vec::new())).unwrap();
        content.states.push(content.states.last().unwrap().clone());
        content.chain.changes.push(changes);
        content.chain.models.push(Model::default());
    };
    commit(&mut content, key(hash));
    content.commit(&[(0, Some(value(1)))]);
    commit(&mut content, key(U256::ZERO));
    for _ in 0..2 * WINDOW {
        content.commit(&[]);
    }
    content.assert_pruned_exactly();
    assert!(content.storage().content(&keccak256(value(1))).unwrap().is_some());
    commit(&mut content, key(hash));
    content.commit(&[(0, None)]);
    for _ in 0..2 * WINDOW {
        content.commit(&[]);
    }
    content.assert_pruned_exactly();
    assert!(content.storage().content(&keccak256(value(1))).unwrap().is_none());
}

#[test]
fn other_accounts_slots_name_nothing_and_what_nobody_names_is_not_written() {
    let mut content = Content::new(HistoryMode::Archive);
    let mut changes = changes(Address::repeat_byte(9), &[(0, Some(value(1)))]);
    changes.content.insert(keccak256(value(2)), value(2));
    content.storage().commit(block(content.storage(), &changes, Vec::new())).unwrap();
    content.chain.changes.push(changes);
    content.storage().sync().unwrap();
    let report = content.storage().check(1, &mut |_| {}).unwrap();
    assert_eq!((report.content, report.problems.len()), (0, 0), "{:?}", report.problems);
}

#[test]
fn missing_content_is_named_and_can_be_put_back() {
    let mut content = Content::new(HistoryMode::Archive);
    content.commit(&[(0, Some(value(1))), (1, Some(value(2)))]);
    content.commit(&[(1, None)]);
    content.storage().sync().unwrap();
    content.chain.storage = None;
    let hashes = [1, 2].map(|seed| keccak256(value(seed)));
    {
        let path = content.chain.dir.path().join("db");
        let names = DB::list_cf(&Options::default(), &path).unwrap();
        let database = DB::open_cf(&Options::default(), &path, names).unwrap();
        let column = database.cf_handle("content").unwrap();
        database.delete_cf(column, hashes[0]).unwrap();
        let mut forged = value(2).to_vec();
        forged[7] ^= 1;
        database.put_cf(column, hashes[1], forged).unwrap();
    }
    content.chain.open();
    let storage = content.storage();
    let error = storage.latest_view().content(&hashes[0]).unwrap_err();
    assert!(matches!(error, StorageError::MissingContent { hash, number: 2 } if hash == hashes[0]), "{error}");
    assert!(error.is_fatal());
    assert_eq!(storage.content(&hashes[1]).unwrap(), None, "forged bytes are not handed on");
    let mut expected = hashes.to_vec();
    expected.sort_unstable();
    assert_eq!(storage.check_content().unwrap().bad, expected, "also what only the past names");
    assert_eq!(storage.check(1, &mut |_| {}).unwrap().problems.len(), 2);

    let restored = storage.restore_content(&[value(1), value(2), value(3)]).unwrap();
    assert_eq!(restored, 2, "what nobody names is not written");
    content.assert_readable();
    assert_eq!(content.storage().check_content().unwrap().bad, Vec::<B256>::new());
    assert_eq!(content.storage().check(1, &mut |_| {}).unwrap().problems, Vec::<String>::new());
}

#[test]
fn a_look_is_bounded_goes_around_and_sees_everything_once_something_is_missing() {
    let mut content = Content::new(HistoryMode::Archive);
    let values = [0, 1, 2].map(value);
    content.commit(&[(0, Some(values[0].clone())), (1, Some(values[1].clone())), (2, Some(values[2].clone()))]);
    content.commit(&[(3, Some(values[2].clone()))]);
    content.storage().sync().unwrap();
    let mut hashes = values.clone().map(keccak256);
    hashes.sort_unstable();
    let storage = content.storage();
    // A value counts as a page of the disk.
    let look = |bytes_max: u64| storage.look_at_content(bytes_max).unwrap();
    let all = 120 + 3;
    assert_eq!((look(1).records, look(u64::MAX).bytes), (3, all), "the first sees everything");
    assert_eq!(look(2 * 4096).records, 2);
    assert_eq!(look(2 * 4096 + 1).records, 1, "the rest");
    assert_eq!(look(2 * 4096 + 1).records, 3);
    assert_eq!(look(4096).records, 1);

    // Lost where the next look does not come.
    storage.damage_content(&hashes[0], None).unwrap();
    // Nobody names these: a call that was told to read them missed them in a state of its own making.
    for seed in 0..VALUES {
        let made_up = keccak256([seed; 7]);
        let error = storage.latest_view().content(&made_up).unwrap_err();
        assert!(matches!(error, StorageError::MissingContent { .. }), "{error}");
    }
    assert_eq!(look(4096).bad, Vec::<B256>::new());
    let error = storage.latest_view().content(&hashes[0]).unwrap_err();
    assert!(matches!(error, StorageError::MissingContent { .. }), "{error}");
    assert_eq!(look(1).bad, [hashes[0]], "a miss was seen");
    assert_eq!(look(1).bad, [hashes[0]], "as long as it is missing");
    storage.restore_content(&values).unwrap();
    assert_eq!(look(1).records, 3);

    // Lost where it comes: then all that is bad is found.
    for hash in [hashes[0], hashes[2]] {
        storage.damage_content(&hash, Some(&b"other"[..])).unwrap();
    }
    assert_eq!(look(1).bad, [hashes[0], hashes[2]]);
}

#[test]
fn the_check_finds_references_that_do_not_hold() {
    let mut content = Content::new(HistoryMode::Archive);
    content.commit(&[(0, Some(value(1)))]);
    content.storage().sync().unwrap();
    content.chain.storage = None;
    {
        let path = content.chain.dir.path().join("db");
        let names = DB::list_cf(&Options::default(), &path).unwrap();
        let database = DB::open_cf(&Options::default(), &path, names).unwrap();
        let mut key = keccak256(value(1)).to_vec();
        key.extend_from_slice(CONTRACT_DATABASE_ADDRESS.as_slice());
        key.extend_from_slice(&U256::from(5).to_be_bytes::<32>());
        database.put_cf(database.cf_handle("content_refs").unwrap(), key, [1]).unwrap();
        database.put_cf(database.cf_handle("content").unwrap(), keccak256(value(2)), value(2)).unwrap();
    }
    content.chain.open();
    let problems = content.storage().check(1, &mut |_| {}).unwrap().problems;
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains("nothing names it") && problems[1].contains("another value"), "{problems:?}");
}

/// Bytes of the files of a column.
fn file_bytes(storage: &Storage, column: &str) -> u64 {
    storage.settle().unwrap();
    storage.stats().unwrap().columns.iter().find(|stats| stats.name == column).unwrap().file_bytes
}

#[test]
fn removed_values_leave_the_disk_of_a_pruned_node() {
    const ROWS: u64 = 512;
    const VALUE_BYTES: usize = 8 << 10;
    // Does not compress.
    let row = |number: u64| -> Bytes {
        (0..VALUE_BYTES / 32).flat_map(|part| keccak256(((number << 32) | part as u64).to_be_bytes()).0).collect()
    };
    let mut content = Content::new(HistoryMode::Window { blocks: WINDOW });
    for number in 0..ROWS / 16 {
        let puts: Vec<_> = (number * 16..number * 16 + 16).map(|slot| (slot, Some(row(slot)))).collect();
        content.commit(&puts);
    }
    content.storage().sync().unwrap();
    let before = file_bytes(content.storage(), "content");
    let all: Vec<_> = (0..ROWS).map(|slot| (slot, None)).collect();
    content.commit(&all);
    for _ in 0..2 * WINDOW {
        content.commit(&[]);
    }
    content.storage().sync().unwrap();
    let report = content.storage().prune_history(WINDOW).unwrap();
    let after = file_bytes(content.storage(), "content");
    println!("{ROWS} values of {VALUE_BYTES} bytes: {before} bytes of files, {after} after removal and pruning");
    assert!(before >= ROWS * VALUE_BYTES as u64);
    assert!(after < 64 << 10, "{before} bytes became {after}");
    // The writer itself has freed them, along with the window.
    assert_eq!(report.freed.records, 0, "{report:?}");
    assert_eq!(content.storage().check(1, &mut |_| {}).unwrap().problems, Vec::<String>::new());
}
