//! Times of full blocks, printed for a look by hand.
use crate::chain::{Chain, block};
use alloy_consensus::constants::KECCAK_EMPTY;
use alloy_primitives::{Address, U256, keccak256};
use pervade_storage::{AccountChange, AccountState, HistoryMode, StateChanges};
use std::{fs, time::Instant};

const BLOCKS: u64 = 10;
const TRANSACTIONS: u64 = 5_000;

fn account(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[..20])
}

/// Seconds of CPU that this process has taken.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn measure(name: &str, chain: &Chain, accounts: impl Fn(u64) -> Vec<u64>) {
    let storage = chain.storage();
    let (mut update, mut commit) = (0.0, 0.0);
    let mut cpu = 0.0;
    for round in 0..BLOCKS {
        let mut changes = StateChanges::default();
        for index in accounts(round) {
            let after = AccountState { nonce: round, balance: U256::from(index + 1), code_hash: KECCAK_EMPTY };
            let change = AccountChange { after: Some(after), ..AccountChange::default() };
            changes.accounts.insert(account(index), change);
        }
        let executed = block(storage, &changes, vec![Vec::new(); TRANSACTIONS as usize]);
        let (started, cpu_before) = (Instant::now(), cpu_seconds());
        drop(storage.latest_view().update(&changes).unwrap());
        update += started.elapsed().as_secs_f64();
        let started = Instant::now();
        storage.commit(executed).unwrap();
        commit += started.elapsed().as_secs_f64();
        storage.sync().unwrap();
        cpu += cpu_seconds() - cpu_before;
    }
    let each = |seconds: f64| seconds * 1e3 / BLOCKS as f64;
    println!(
        "{name}: {TRANSACTIONS} transactions: update {:.1} ms, commit {:.1} ms; CPU of both and the background {:.1} ms",
        each(update),
        each(commit),
        each(cpu)
    );
}

#[test]
fn slow_times_of_full_blocks_are_printed() {
    let chain = Chain::new(HistoryMode::default());
    measure("400 senders to 400 others", &chain, |_| (0..800).collect());
    measure("400 senders to new accounts", &chain, |round| {
        (0..400).chain((0..TRANSACTIONS).map(|index| 1_000_000 + round * TRANSACTIONS + index)).collect()
    });
    measure("400 senders to old accounts", &chain, |round| {
        (0..400).chain((0..TRANSACTIONS).map(|index| 1_000_000 + (index * 7 + round) % 50_000)).collect()
    });
    measure("no account", &chain, |_| Vec::new());
}
