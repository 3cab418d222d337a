//! What a block costs depends on what it touches, not on how big the state is.
use crate::chain::{Chain, block};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, U256};
use pervade_storage::{
    AccountChange, AccountState, HistoryMode, NODE_CACHE_BYTES_DEFAULT, StateChanges, StorageOptions,
};

/// Accounts that the measured block touches.
const TOUCHED: u64 = 50;
/// Accounts that one block adds while the state is built.
const ADDED_PER_BLOCK: u64 = 10_000;

fn changes(accounts: impl Iterator<Item = u64>, nonce: u64) -> StateChanges {
    let mut changes = StateChanges::default();
    for index in accounts {
        let after = AccountState { nonce, balance: U256::from(index), code_hash: KECCAK_EMPTY };
        let change = AccountChange { after: Some(after), ..AccountChange::default() };
        changes.accounts.insert(Address::left_padding_from(&index.to_be_bytes()), change);
    }
    changes
}

/// Reads and writes of a block with `TOUCHED` changed accounts on a state of `accounts`.
fn measure(accounts: u64) -> (u64, u64) {
    let chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    for first in (0..accounts).step_by(ADDED_PER_BLOCK as usize) {
        let added = changes(first..accounts.min(first + ADDED_PER_BLOCK), 0);
        storage.commit_unsynced(block(storage, &added, Vec::new())).unwrap();
    }
    storage.sync().unwrap();
    let (reads, puts) = storage.io_counts();
    let touched = changes((0..TOUCHED).map(|index| index * (accounts / TOUCHED)), 1);
    storage.commit(block(storage, &touched, Vec::new())).unwrap();
    storage.sync().unwrap();
    let (reads_after, puts_after) = storage.io_counts();
    (reads_after - reads, puts_after - puts)
}

#[test]
fn reads_and_writes_of_a_block_do_not_grow_with_the_state() {
    let (small_reads, small_puts) = measure(1_000);
    let (large_reads, large_puts) = measure(64_000);
    println!("1,000 accounts: {small_reads} reads, {small_puts} puts; 64,000: {large_reads}, {large_puts}");
    // 64 times the accounts make paths one and a half nodes longer, one read and two writes each.
    assert!(large_reads <= small_reads + 2 * TOUCHED + 10, "{small_reads} reads grew to {large_reads}");
    assert!(large_puts <= small_puts + 4 * TOUCHED + 10, "{small_puts} puts grew to {large_puts}");
    assert!(large_reads <= 8 * TOUCHED, "{large_reads} reads");
}

/// Accounts of a chain with so large a cache of nodes.
fn chain_of(accounts: u64, node_cache_bytes: usize) -> Chain {
    let options = StorageOptions { history: HistoryMode::Archive, node_cache_bytes, ..StorageOptions::default() };
    let chain = Chain::with(options);
    chain.storage().commit(block(chain.storage(), &changes(0..accounts, 0), Vec::new())).unwrap();
    chain.storage().sync().unwrap();
    chain
}

/// Reads of the root of a block with `TOUCHED` changed accounts, all over the state.
fn root_reads(chain: &Chain, accounts: u64, nonce: u64) -> u64 {
    let (before, _) = chain.storage().io_counts();
    let touched = changes((0..TOUCHED).map(|index| index * (accounts / TOUCHED)), nonce);
    chain.storage().latest_view().update(&touched).unwrap();
    chain.storage().io_counts().0 - before
}

#[test]
fn with_the_branches_at_hand_a_root_reads_only_the_accounts_that_change() {
    let mut chain = chain_of(5_000, NODE_CACHE_BYTES_DEFAULT);
    assert_eq!(
        root_reads(&chain, 5_000, 1),
        TOUCHED,
        "the blocks before have brought the branches, leaves are made again"
    );

    chain.open();
    let first = root_reads(&chain, 5_000, 1);
    assert!(first > 2 * TOUCHED, "nothing is at hand after opening: {first} reads");
    assert_eq!(root_reads(&chain, 5_000, 2), TOUCHED, "what was read stays at hand");

    chain.storage().commit(block(chain.storage(), &changes(0..5_000, 1), Vec::new())).unwrap();
    chain.storage().sync().unwrap();
    assert_eq!(root_reads(&chain, 5_000, 3), TOUCHED, "a block brings its nodes in the place of those before");
    chain.storage().unwind(1).unwrap();
    assert!(root_reads(&chain, 5_000, 4) > 2 * TOUCHED, "those of a block taken back are not taken for those before");
    assert_eq!(root_reads(&chain, 5_000, 5), TOUCHED);
}

#[test]
fn a_root_without_a_cache_is_the_same_and_reads_the_branches() {
    let accounts = 1_000;
    let (with, without) = (chain_of(accounts, NODE_CACHE_BYTES_DEFAULT), chain_of(accounts, 0));
    let touched = changes((0..TOUCHED).map(|index| index * (accounts / TOUCHED)), 1);
    let roots = [&with, &without].map(|chain| chain.storage().latest_view().update(&touched).unwrap().state_root);
    assert_eq!(roots[0], roots[1]);
    assert!(root_reads(&without, accounts, 1) > 2 * TOUCHED);
    assert_eq!(root_reads(&without, accounts, 1), root_reads(&without, accounts, 1));
}

#[test]
fn a_view_of_the_past_drives_no_node_of_the_head_out() {
    let chain = chain_of(5_000, NODE_CACHE_BYTES_DEFAULT);
    chain.storage().commit(block(chain.storage(), &changes(0..5_000, 1), Vec::new())).unwrap();
    chain.storage().sync().unwrap();
    let past = chain.storage().view_at(1).unwrap();
    for index in 0..TOUCHED {
        past.proof(&Address::left_padding_from(&(index * 100).to_be_bytes()), &[]).unwrap();
    }
    assert_eq!(root_reads(&chain, 5_000, 2), TOUCHED);
}

#[test]
fn an_empty_block_writes_a_handful_of_records() {
    let chain = Chain::new(HistoryMode::Archive);
    let (_, before) = chain.storage().io_counts();
    chain.storage().commit(block(chain.storage(), &StateChanges::default(), Vec::new())).unwrap();
    chain.storage().sync().unwrap();
    let (_, after) = chain.storage().io_counts();
    assert_eq!(after - before, 5, "header, number, body, head; state");
}

#[test]
fn blocks_that_come_together_write_current_records_once() {
    let puts = |together: bool| {
        let chain = Chain::new(HistoryMode::Archive);
        let storage = chain.storage();
        storage.pause_background_writer(together);
        for nonce in 1..=8 {
            storage.commit(block(storage, &changes(0..TOUCHED, nonce), Vec::new())).unwrap();
            if !together {
                storage.sync().unwrap();
            }
        }
        storage.pause_background_writer(false);
        storage.sync().unwrap();
        storage.io_counts().1
    };
    let (alone, together) = (puts(false), puts(true));
    // Of the eight times that each account and each node is written, seven are history only.
    assert!(together < alone - 7 * TOUCHED, "{alone} records alone, {together} together");
}
