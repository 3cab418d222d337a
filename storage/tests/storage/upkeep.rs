//! Maintenance functions: sizes, checks, pruning.
use crate::{
    chain::Chain,
    model::{Operation, address},
};
use alloy_primitives::U256;
use pervade_storage::{CheckStage, HistoryMode};
use rocksdb::{DB, IteratorMode, Options};

fn chain(blocks: u64) -> Chain {
    let mut chain = Chain::new(HistoryMode::Archive);
    for number in 1..=blocks {
        let slot = U256::from(number % 7);
        chain.commit(&[Operation::Set(address(0), number, 1), Operation::Slot(address(1), slot, number % 3)]);
    }
    chain.storage().sync().unwrap();
    chain
}

fn keys(chain: &Chain, column: &str) -> usize {
    let path = chain.dir.path().join("db");
    let names = DB::list_cf(&Options::default(), &path).unwrap();
    let database = DB::open_cf_for_read_only(&Options::default(), &path, names, false).unwrap();
    database.iterator_cf(database.cf_handle(column).unwrap(), IteratorMode::Start).count()
}

#[test]
fn statistics_name_every_column_and_the_markers() {
    let chain = chain(3);
    let stats = chain.storage().stats().unwrap();
    assert_eq!(stats.columns.len(), 23);
    assert_eq!((stats.head.0, stats.state, stats.first_state), (3, 3, 0));
    let headers = stats.columns.iter().find(|column| column.name == "headers").unwrap();
    assert_eq!(headers.keys_estimate, 4);
    assert!(stats.columns.iter().map(|column| column.file_bytes + column.memory_bytes).sum::<u64>() > 0);
}

#[test]
fn pruning_cuts_the_history_and_nothing_else() {
    let chain = chain(200);
    let before = keys(&chain, "history");
    let report = chain.storage().prune_history(10).unwrap();
    assert_eq!((report.first_state_before, report.first_state), (0, 191));
    assert!(keys(&chain, "history") < before / 10, "{before} keys became {}", keys(&chain, "history"));
    assert_eq!(keys(&chain, "history_index"), 9);
    chain.assert_history();
    let again = chain.storage().prune_history(100).unwrap();
    assert_eq!(again.first_state, 191, "what is gone stays gone");
    let report = chain.storage().check(1, &mut |_| {}).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    let mut chain = chain;
    chain.open();
    assert_eq!(chain.storage().first_state(), 191);
    chain.assert_history();
    assert_eq!(chain.storage().prune_history(0).unwrap().first_state, 200, "the head's state stays");
    chain.assert_history();
}

#[test]
fn the_history_of_a_window_does_not_pile_up() {
    let mut chain = Chain::new(HistoryMode::Window { blocks: 10 });
    for number in 1..=100 {
        chain.commit(&[Operation::Set(address(0), number, 1)]);
    }
    chain.storage().sync().unwrap();
    chain.storage().prune_history(10).unwrap();
    assert_eq!(keys(&chain, "history_index"), 9);
    chain.assert_history();
}

#[test]
fn a_check_tells_how_far_it_is() {
    let chain = chain(20);
    let mut seen = Vec::new();
    let report = chain.storage().check(7, &mut |progress| seen.push(progress)).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    assert_eq!((report.headers, report.bodies, report.accounts), (21, 4, 2));
    for stage in [CheckStage::Blocks, CheckStage::Trie] {
        let last = seen.iter().rfind(|progress| progress.stage == stage).unwrap();
        assert_eq!(last.done, last.total);
    }
}
