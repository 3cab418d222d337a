//! State, history and proofs against the model.
use crate::{
    chain::Chain,
    model::{Operation, address, operations},
};
use alloy_primitives::U256;
use pervade_storage::{HistoryMode, NODE_CACHE_BYTES_DEFAULT, StateReader, StorageError, StorageOptions};
use proptest::prelude::*;

/// What happens to a chain.
#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<Operation>),
    /// Waits for the background writer.
    Sync,
    /// Closes and opens.
    Reopen,
    /// Loses what was not written in the background.
    Crash,
    /// Takes so many blocks back, inside the window.
    Unwind(u64),
    /// Holds the background writer back, or lets it go.
    Pause(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => operations().prop_map(Step::Commit),
        1 => Just(Step::Sync),
        1 => Just(Step::Reopen),
        1 => Just(Step::Crash),
        1 => (0..5u64).prop_map(Step::Unwind),
        2 => any::<bool>().prop_map(Step::Pause),
    ]
}

/// None, too few for one trie, and plenty.
fn node_cache_bytes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), Just(16 << 10), Just(NODE_CACHE_BYTES_DEFAULT)]
}

fn run(history: HistoryMode, node_cache_bytes: usize, steps: Vec<Step>) {
    let mut chain = Chain::with(StorageOptions { history, node_cache_bytes, ..StorageOptions::default() });
    let mut unwritten = 0;
    for step in steps {
        match step {
            // A paused writer makes the commit after the sixteenth wait for ever.
            Step::Commit(operations) if unwritten < 15 => {
                chain.commit(&operations);
                unwritten += 1;
                chain.models.last().unwrap().assert_is(&chain.storage().latest_view());
            }
            Step::Commit(_) => {}
            Step::Sync => {
                chain.storage().pause_background_writer(false);
                chain.storage().sync().unwrap();
                unwritten = 0;
            }
            Step::Reopen => {
                chain.storage().pause_background_writer(false);
                chain.open();
                assert_eq!(chain.storage().blocks_to_replay(), None);
                unwritten = 0;
            }
            Step::Crash => {
                chain.crash();
                chain.replay();
                unwritten = 15;
                chain.storage().sync().unwrap();
                unwritten -= 15;
            }
            Step::Unwind(blocks) => {
                chain.storage().pause_background_writer(false);
                chain.storage().sync().unwrap();
                let head = chain.storage().head().number();
                chain.unwind(head.saturating_sub(blocks).max(chain.storage().first_state()));
                unwritten = 0;
            }
            Step::Pause(paused) => chain.storage().pause_background_writer(paused),
        }
    }
    if history == HistoryMode::Archive {
        chain.assert_history(); // a window moves on meanwhile
    }
    chain.storage().pause_background_writer(false);
    chain.storage().sync().unwrap();
    chain.assert_history();
    let report = chain.storage().check(1, &mut |_| {}).unwrap();
    assert_eq!(report.problems, Vec::<String>::new());
    chain.open();
    chain.assert_history();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn every_block_of_an_archive_reads_as_a_state_built_from_nothing(
        cache in node_cache_bytes(),
        steps in prop::collection::vec(step(), 1..25),
    ) {
        run(HistoryMode::Archive, cache, steps);
    }

    #[test]
    fn every_block_of_a_window_reads_as_a_state_built_from_nothing(
        cache in node_cache_bytes(),
        steps in prop::collection::vec(step(), 1..25),
    ) {
        run(HistoryMode::Window { blocks: 5 }, cache, steps);
    }
}

proptest! {
    // What a chain costs grows with the square of its length: each block is read as of each later one.
    #![proptest_config(ProptestConfig { cases: 40, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn slow_long_chains_read_as_states_built_from_nothing(
        window in prop::option::of(1..20u64),
        cache in node_cache_bytes(),
        steps in prop::collection::vec(step(), 50..120),
    ) {
        run(window.map_or(HistoryMode::Archive, |blocks| HistoryMode::Window { blocks }), cache, steps);
    }
}

#[test]
fn an_existing_empty_account_is_not_an_absent_one() {
    let mut chain = Chain::new(HistoryMode::Archive);
    chain.commit(&[Operation::Set(address(0), 0, 0)]);
    let account = chain.storage().latest_view().account(&address(0)).unwrap();
    assert!(account.is_some_and(|account| account.nonce == 0 && account.balance.is_zero()));
    assert_eq!(chain.storage().latest_view().account(&address(1)).unwrap(), None);
    chain.commit(&[Operation::Destroy(address(0))]);
    assert_eq!(chain.storage().latest_view().account(&address(0)).unwrap(), None);
    chain.assert_history();
}

#[test]
fn a_contract_destroyed_and_made_again_in_one_block_keeps_no_slot() {
    let mut chain = Chain::new(HistoryMode::Archive);
    let slots: Vec<_> = (0..8).map(|slot| Operation::Slot(address(0), U256::from(slot), 7)).collect();
    chain.commit(&slots);
    chain.storage().sync().unwrap();
    chain.commit(&[Operation::Recreate(address(0), U256::from(3), 9)]);
    chain.commit(&[Operation::Recreate(address(0), U256::from(3), 9)]);
    let view = chain.storage().latest_view();
    assert_eq!(view.storage(&address(0), &U256::from(2)).unwrap(), U256::ZERO);
    assert_eq!(view.storage(&address(0), &U256::from(3)).unwrap(), U256::from(9));
    chain.assert_history();
    chain.storage().sync().unwrap();
    chain.assert_history();
    chain.unwind(1);
    chain.assert_history();
}

#[test]
fn a_view_stays_as_it_is_while_blocks_are_added_and_written() {
    let mut chain = Chain::new(HistoryMode::Window { blocks: 30 });
    let mut views = vec![chain.storage().latest_view()];
    for number in 1..=20u64 {
        let slot = U256::from(number % 5);
        chain.commit(&[Operation::Set(address(0), number, number), Operation::Slot(address(1), slot, number % 4)]);
        views.push(chain.storage().latest_view());
        for (view, model) in views.iter().zip(&chain.models) {
            model.assert_is(view);
        }
    }
    chain.storage().sync().unwrap();
    for (view, model) in views.iter().zip(&chain.models) {
        model.assert_is(view);
    }
}

#[test]
fn a_view_whose_block_left_the_window_says_so() {
    let mut chain = Chain::new(HistoryMode::Window { blocks: 3 });
    chain.commit(&[Operation::Set(address(0), 1, 1)]);
    let view = chain.storage().view_at(1).unwrap();
    for number in 2..10 {
        chain.commit(&[Operation::Set(address(0), number, 1)]);
    }
    chain.storage().sync().unwrap();
    let found = view.account(&address(5));
    assert!(matches!(found, Err(StorageError::Pruned { number: 1, first: 7, last: 9 })), "{found:?}");
    assert_eq!(chain.storage().first_state(), 7);
    assert!(matches!(chain.storage().unwind(6), Err(StorageError::Pruned { number: 6, .. })));
    chain.unwind(7);
    chain.assert_history();
}

#[test]
fn an_update_on_an_old_block_is_that_of_a_side_branch() {
    let mut chain = Chain::new(HistoryMode::Archive);
    let slots: Vec<_> = (0..8).map(|slot| Operation::Slot(address(0), U256::from(slot), 7)).collect();
    chain.commit(&slots);
    chain.commit(&[Operation::Slot(address(0), U256::from(1), 0), Operation::Slot(address(0), U256::from(99), 1)]);
    chain.commit(&[Operation::Destroy(address(0))]);
    chain.storage().sync().unwrap();
    for operations in [
        vec![Operation::Recreate(address(0), U256::from(2), 1)],
        vec![Operation::Slot(address(0), U256::from(1), 5)],
        vec![Operation::Destroy(address(0))],
    ] {
        for number in 1..=3 {
            let mut model = chain.models[number].clone();
            let changes = model.apply(&operations);
            let update = chain.storage().view_at(number as u64).unwrap().update(&changes).unwrap();
            assert_eq!(update.state_root, model.root(), "{operations:?} on block {number}");
        }
    }
}
