//! The canonical index: what it finds, what it forgets, and what is left of it after a kill.
use crate::chain::{Chain, block, copy_directory};
use alloy_primitives::{Address, B256, Bytes, U256};
use pervade_storage::{
    BindingChange, BlockObservations, HistoryMode, OBSERVATION_STEPS_MAX, ObservationFilter, ObservationPosition,
    ObservationRecord, Origin, StateChanges, Storage, StorageError, StorageOptions,
};
use rocksdb::{DB, IteratorMode, Options};
use std::{collections::BTreeSet, path::Path, time::Duration};

fn record(subject: u8, source: u8, property: u8) -> ObservationRecord {
    ObservationRecord {
        origin: Origin::Event,
        transaction: 0,
        log: Some(0),
        source: B256::repeat_byte(source),
        mapping_id: B256::repeat_byte(9),
        subject: B256::repeat_byte(subject),
        property: B256::repeat_byte(property),
        kind: 0,
        number: U256::from(subject),
        exponent: 0,
        time_ms: 5,
        unit: "Cel".into(),
        data: Bytes::new(),
    }
}

fn binding(log: u32, mapping: u8) -> BindingChange {
    let (contract, key) = (Address::repeat_byte(1), B256::repeat_byte(2));
    BindingChange { contract, key, log, mapping_id: B256::repeat_byte(mapping) }
}

fn commit(storage: &Storage) -> u64 {
    storage.commit(block(storage, &StateChanges::default(), Vec::new())).unwrap();
    storage.head().number()
}

/// A chain of so many blocks; the observations of block N are about subjects 1 to N modulo 5, by sources N modulo 3.
fn chain(history: HistoryMode, blocks: u64) -> Chain {
    let chain = Chain::new(history);
    chain.storage().begin_observations(1).unwrap();
    for _ in 0..blocks {
        let number = commit(chain.storage());
        chain.storage().put_observations(number, &said(number)).unwrap();
    }
    chain
}

fn said(number: u64) -> BlockObservations {
    let subjects = 1..=(number % 5) as u8;
    let observations = subjects.map(|subject| record(subject, (number % 3) as u8, subject % 2)).collect();
    let bindings = if number.is_multiple_of(4) { vec![binding(0, number as u8)] } else { Vec::new() };
    BlockObservations { observations, bindings }
}

fn find(storage: &Storage, filter: &ObservationFilter, limit: usize) -> Vec<(u64, u32)> {
    let mut filter = filter.clone();
    let mut found = Vec::new();
    loop {
        let page = storage.observations(&filter, limit).unwrap();
        assert!(page.found.len() <= limit);
        found.extend(page.found.iter().map(|(position, _)| (position.block, position.ordinal)));
        match page.next {
            Some(next) => filter.from = next,
            None => return found,
        }
    }
}

fn all() -> ObservationFilter {
    ObservationFilter { last: u64::MAX, ..ObservationFilter::default() }
}

fn words(values: &[u8]) -> Vec<B256> {
    values.iter().map(|value| B256::repeat_byte(*value)).collect()
}

/// Everything in the three columns.
fn content(dir: &Path) -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let path = dir.join("db");
    let names = DB::list_cf(&Options::default(), &path).unwrap();
    let database = DB::open_cf_for_read_only(&Options::default(), &path, names, false).unwrap();
    let mut content = Vec::new();
    for column in ["observations", "observation_index", "bindings"] {
        for item in database.iterator_cf(database.cf_handle(column).unwrap(), IteratorMode::Start) {
            let (key, value) = item.unwrap();
            content.push((column.to_owned(), key.to_vec(), value.to_vec()));
        }
    }
    for marker in ["observed", "first_observed"] {
        let value = database.get_cf(database.cf_handle("meta").unwrap(), marker).unwrap();
        content.push((marker.to_owned(), Vec::new(), value.unwrap_or_default()));
    }
    content
}

#[test]
fn a_filter_finds_what_a_plain_search_finds_page_by_page() {
    let chain = chain(HistoryMode::Archive, 40);
    let storage = chain.storage();
    for subjects in [&[][..], &[1], &[2, 4], &[9]] {
        for sources in [&[][..], &[0], &[1, 2]] {
            for properties in [&[][..], &[1], &[0, 1]] {
                for (first, last) in [(0, u64::MAX), (7, 23)] {
                    let fits = |number: u64, at: &ObservationRecord| {
                        let any = |list: &[u8], value: B256| list.is_empty() || words(list).contains(&value);
                        (first..=last).contains(&number)
                            && any(subjects, at.subject)
                            && any(sources, at.source)
                            && any(properties, at.property)
                    };
                    let expected: Vec<_> = (1..=40)
                        .flat_map(|number| (0u32..).zip(said(number).observations).map(move |(o, at)| (number, o, at)))
                        .filter(|(number, _, at)| fits(*number, at))
                        .map(|(number, ordinal, _)| (number, ordinal))
                        .collect();
                    let filter = ObservationFilter {
                        subjects: words(subjects),
                        sources: words(sources),
                        properties: words(properties),
                        from: ObservationPosition { block: first, ordinal: 0 },
                        last,
                    };
                    for limit in [1, 7, 1_000] {
                        assert_eq!(find(storage, &filter, limit), expected, "{filter:?} by {limit}");
                    }
                }
            }
        }
    }
    let page = storage.observations(&ObservationFilter { subjects: words(&[3]), ..all() }, 1).unwrap();
    assert_eq!(page.found[0].1, record(3, 0, 1), "block 3 is the first that speaks of three subjects");
}

#[test]
fn bindings_hold_from_their_log_on_until_the_next() {
    let chain = chain(HistoryMode::Archive, 9);
    let storage = chain.storage();
    let (contract, key) = (Address::repeat_byte(1), B256::repeat_byte(2));
    let at = |block, log| storage.binding_at(&contract, &key, block, log).unwrap();
    assert_eq!((at(3, 9), at(4, 0), at(7, 5)), (None, Some(B256::repeat_byte(4)), Some(B256::repeat_byte(4))));
    assert_eq!(at(8, 1), Some(B256::repeat_byte(8)));
    assert_eq!(storage.binding_at(&Address::repeat_byte(3), &key, 9, 0).unwrap(), None);
    assert_eq!(storage.binding_at(&contract, &B256::repeat_byte(3), 9, 0).unwrap(), None);
}

#[test]
fn blocks_are_indexed_in_order_and_not_before_they_are_there() {
    let chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    let nothing = BlockObservations::default();
    assert_eq!(storage.next_unobserved(), None);
    assert!(matches!(storage.put_observations(1, &nothing), Err(StorageError::Inconsistent { .. })));
    storage.put_bindings(1, &[binding(0, 1)]).unwrap();
    storage.begin_observations(0).unwrap();
    assert_eq!((storage.next_unobserved(), storage.first_observed()), (Some(1), 1));
    assert!(matches!(storage.begin_observations(1), Err(StorageError::Inconsistent { .. })));
    assert!(matches!(storage.put_bindings(1, &[]), Err(StorageError::Inconsistent { .. })));
    assert!(matches!(storage.put_observations(1, &nothing), Err(StorageError::UnknownBlock { number: 1 })));
    assert!(!storage.wait_for_block_after(0, Duration::ZERO));
    commit(storage);
    assert!(storage.wait_for_block_after(0, Duration::ZERO));
    assert!(!storage.wait_until_observed(1, Duration::ZERO));
    assert!(matches!(storage.put_observations(2, &nothing), Err(StorageError::Inconsistent { .. })));
    storage.put_observations(1, &nothing).unwrap();
    assert!(storage.wait_until_observed(1, Duration::ZERO));
}

#[test]
fn after_a_kill_the_index_is_that_of_an_earlier_block_and_goes_on_to_the_same_bytes() {
    let whole = chain(HistoryMode::Archive, 30);
    let mut killed = chain(HistoryMode::Archive, 20);
    for _ in 0..10 {
        commit(killed.storage());
    }
    // What a kill leaves of an open directory.
    let copy = tempfile::tempdir().unwrap();
    copy_directory(killed.dir.path(), copy.path());
    killed.storage = None;
    killed.dir = copy;
    killed.open();
    let next = killed.storage().next_unobserved().unwrap();
    assert!(next <= 21, "block {next} is not indexed");
    for number in next..=30 {
        killed.storage().put_observations(number, &said(number)).unwrap();
    }
    assert_eq!(find(killed.storage(), &all(), 1_000), find(whole.storage(), &all(), 1_000));
    let whole = whole.dir;
    killed.storage = None;
    assert_eq!(content(killed.dir.path()), content(whole.path()));
}

#[test]
fn observations_go_with_the_history_and_bindings_stay() {
    let chain = chain(HistoryMode::Window { blocks: 10 }, 50);
    let storage = chain.storage();
    assert_eq!(storage.first_observed(), 41);
    let found: BTreeSet<_> = find(storage, &all(), 7).into_iter().map(|(block, _)| block).collect();
    assert_eq!(found, [41, 42, 43, 44, 46, 47, 48, 49].into(), "blocks that are multiples of five say nothing");
    let kept = |chain: &Chain| content(chain.dir.path()).iter().filter(|(column, ..)| column == "observations").count();
    assert_eq!(kept(&chain), 20, "what is not visible is gone");
    assert!(storage.binding_at(&Address::repeat_byte(1), &B256::repeat_byte(2), 5, 0).unwrap().is_some());
    storage.prune_history(3).unwrap();
    assert_eq!((storage.first_state(), storage.first_observed(), kept(&chain)), (48, 48, 7));
}

#[test]
fn a_cleared_index_is_gone_and_built_again_to_the_same_bytes() {
    let mut chain = chain(HistoryMode::Archive, 25);
    let before = content(chain.dir.path());
    chain.storage().clear_observations().unwrap();
    assert_eq!((chain.storage().next_unobserved(), find(chain.storage(), &all(), 9)), (None, Vec::new()));
    chain.open();
    assert_eq!(chain.storage().next_unobserved(), None);
    assert_eq!(content(chain.dir.path()).len(), 2, "but for empty markers nothing is left");
    chain.storage().begin_observations(1).unwrap();
    for number in 1..=25 {
        chain.storage().put_observations(number, &said(number)).unwrap();
    }
    assert_eq!(content(chain.dir.path()), before);
}

#[test]
fn taking_blocks_back_takes_their_observations_and_bindings_back() {
    let short = chain(HistoryMode::Archive, 17);
    let mut long = chain(HistoryMode::Archive, 30);
    long.models = vec![Default::default(); 31];
    long.changes = vec![StateChanges::default(); 30];
    long.unwind(17);
    assert_eq!(content(long.dir.path()), content(short.dir.path()));
    assert!(!long.storage().wait_for_block_after(17, Duration::ZERO));
    commit(long.storage());
    long.storage().put_observations(18, &said(18)).unwrap();
}

#[test]
fn an_older_directory_has_no_index_until_one_is_built() {
    let mut chain = chain(HistoryMode::Archive, 3);
    chain.storage().clear_observations().unwrap();
    chain.storage = None;
    {
        let path = chain.dir.path().join("db");
        let names = DB::list_cf(&Options::default(), &path).unwrap();
        let mut database = DB::open_cf(&Options::default(), &path, names).unwrap();
        for column in ["observations", "observation_index", "bindings"] {
            database.drop_cf(column).unwrap();
        }
        database.put_cf(database.cf_handle("meta").unwrap(), "format", 2u32.to_be_bytes()).unwrap();
    }
    let read_only = StorageOptions { read_only: true, ..StorageOptions::default() };
    let refused = Storage::open(chain.dir.path(), &chain.spec, read_only).unwrap_err();
    assert!(matches!(refused, StorageError::OlderFormat { found: 2, .. }), "{refused}");
    chain.open();
    chain.storage().begin_observations(1).unwrap();
    chain.storage().put_observations(1, &said(1)).unwrap();
    assert_eq!(find(chain.storage(), &all(), 9), [(1, 0)]);
}

#[test]
fn a_search_in_vain_is_cut_into_pages() {
    let chain = Chain::new(HistoryMode::Archive);
    chain.storage().begin_observations(1).unwrap();
    commit(chain.storage());
    // Subjects and sources take turns, and never meet.
    let count = OBSERVATION_STEPS_MAX + 100;
    let observations = (0..count).map(|index| record(1 + (index % 2) as u8, (index % 2) as u8, 0)).collect();
    chain.storage().put_observations(1, &BlockObservations { observations, bindings: Vec::new() }).unwrap();
    let mut filter = ObservationFilter { subjects: words(&[1]), sources: words(&[1]), ..all() };
    let page = chain.storage().observations(&filter, 10).unwrap();
    assert_eq!(page.found, Vec::new());
    filter.from = page.next.unwrap();
    assert!(filter.from.ordinal > 0);
    assert_eq!(find(chain.storage(), &filter, 10), Vec::new());
}
