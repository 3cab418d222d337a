//! Times of full blocks, printed for a look by hand.
use crate::chain::{Chain, block};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, U256, keccak256};
use pervade_storage::{AccountChange, AccountState, HistoryMode, StateChanges};
use std::{fs, sync::Arc, time::Instant};

/// Transactions of each measurement.
const TRANSACTIONS: u64 = 50_000;

fn account(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[..20])
}

/// Seconds of CPU that this process has taken.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn measure(name: &str, chain: &Chain, block_transactions: u64, accounts: impl Fn(u64) -> Vec<u64>) {
    let storage = chain.storage();
    let blocks = TRANSACTIONS / block_transactions;
    let (mut update, mut commit) = (0.0, 0.0);
    let cpu_before = cpu_seconds();
    for round in 0..blocks {
        let mut changes = StateChanges::default();
        for index in accounts(round) {
            let after = AccountState { nonce: round, balance: U256::from(index + 1), code_hash: KECCAK_EMPTY };
            let change = AccountChange { after: Some(after), ..AccountChange::default() };
            changes.accounts.insert(account(index), change);
        }
        let mut executed = block(storage, &StateChanges::default(), vec![Vec::new(); block_transactions as usize]);
        let started = Instant::now();
        let state = storage.latest_view().update(&changes).unwrap();
        update += started.elapsed().as_secs_f64();
        let recovered = Arc::make_mut(&mut executed.block);
        recovered.block.header.state_root = state.state_root;
        recovered.hash = recovered.block.header.hash_slow();
        executed.state = Arc::new(state);
        let started = Instant::now();
        storage.commit(executed).unwrap();
        commit += started.elapsed().as_secs_f64();
    }
    storage.sync().unwrap();
    let cpu = cpu_seconds() - cpu_before;
    let each = |seconds: f64| seconds * 1e6 / TRANSACTIONS as f64;
    println!(
        "{name}, {block_transactions} a block: microseconds a transaction: update {:.1}, commit {:.1}; CPU with making the block {:.1}",
        each(update),
        each(commit),
        each(cpu)
    );
}

#[test]
fn slow_times_of_full_blocks_are_printed() {
    let chain = Chain::new(HistoryMode::default());
    let some =
        |round: u64, count: u64, of: u64| (0..count).map(move |index| (index * 7919 + round * 31) % of).collect();
    measure("no account", &chain, 200, |_| Vec::new());
    measure("no account", &chain, 5_000, |_| Vec::new());
    measure("400 senders to 400 others", &chain, 5_000, |_| (0..800).collect());
    measure("400 senders to 400 others", &chain, 200, |round| some(round, 320, 800));
    measure("new accounts", &chain, 5_000, |round| (0..5_000).map(|index| 1_000_000 + round * 5_000 + index).collect());
    measure("old accounts", &chain, 5_000, |round| {
        some(round, 5_000, 50_000).into_iter().map(|index: u64| 1_000_000 + index).collect()
    });
}
