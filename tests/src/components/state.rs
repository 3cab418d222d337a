//! State roots of small and large states, and what it takes to make a block durable.
//!
//! A state is filled by blocks whose accounts ascend by hash, so that most of its trie is written once. Then it is closed
//! and opened again, and RocksDB has done its compactions: what is measured is not what came before. A round of keys all
//! over the state warms the caches, as a running node's are; they hold no more than a node's do.
use super::{ComponentOptions, Stage, chain::BenchChain};
use crate::load::table;
use alloy_primitives::{Address, KECCAK256_EMPTY, U256, keccak256};
use indicatif::{ProgressBar, ProgressStyle};
use pervade_storage::{AccountChange, AccountState, StateChanges};
use std::{fs::File, io::Write, path::Path};

/// Accounts that one block adds while a state is filled.
const FILL_ACCOUNTS: usize = 25_000;
/// Keys of a round that warms the caches: more than there are nodes in the trie's fifth level.
const WARMING_KEYS: usize = 200_000;
/// Keys of a block of which there are as many as asked for.
const USUAL_KEYS: usize = 1_000;
/// Bytes that the bare writes sync, a block's order of magnitude.
const SYNC_BYTES: usize = 100_000;

/// What blocks of one size cost on one state.
struct Row {
    accounts: u64,
    keys: usize,
    root: Stage,
    /// Lookups of the root alone, in the database.
    reads: u64,
    commit: Stage,
}

/// Fills the states, measures, and answers the figures as a table.
pub(super) fn measure(options: &ComponentOptions) -> eyre::Result<String> {
    let directory = options.directory.as_deref();
    let mut rows: Vec<Row> = Vec::new();
    for accounts in &options.accounts {
        let chain = BenchChain::new(directory, Vec::new())?;
        fill(&chain, *accounts)?;
        let chain = chain.reopen()?;
        chain.storage.settle()?;
        let mut random = Random { state: *accounts, accounts: *accounts, balance: 1 };
        for _ in 0..WARMING_KEYS / USUAL_KEYS {
            chain.storage.latest_view().update(&random.block(USUAL_KEYS))?;
        }
        for keys in &options.keys {
            let blocks = (options.blocks * USUAL_KEYS / keys).max(1);
            rows.push(measure_blocks(&chain, &mut random, *keys, blocks)?);
        }
    }
    let bare = bare_syncs(directory, options.blocks)?;
    Ok(format!("{}\n{}", print(&rows), super::stage::print(&[bare])))
}

/// Adds accounts `0..accounts` in large blocks, ascending by the hashes of their addresses.
fn fill(chain: &BenchChain, accounts: u64) -> eyre::Result<()> {
    let mut by_hash: Vec<_> = (0..accounts).map(|index| (keccak256(address(index)), index)).collect();
    by_hash.sort_unstable();
    let mut filled = 0;
    // Nothing is drawn where standard error is no terminal.
    let progress = ProgressBar::new(accounts)
        .with_message("accounts filled")
        .with_style(ProgressStyle::with_template("{msg} [{bar:40}] {human_pos} of {human_len}, {eta} left")?);
    for block in by_hash.chunks(FILL_ACCOUNTS) {
        let update = chain.storage.latest_view().update(&changes(block.iter().map(|(_, index)| (*index, 1))))?;
        chain.storage.commit_unsynced(chain.block_with_state(update))?;
        filled += block.len();
        progress.set_position(filled as u64);
    }
    chain.storage.sync()?;
    progress.finish_and_clear();
    Ok(())
}

/// Roots of blocks that change existing accounts all over the state, then their commits.
fn measure_blocks(chain: &BenchChain, random: &mut Random, keys: usize, blocks: usize) -> eyre::Result<Row> {
    chain.storage.settle()?;
    let view = chain.storage.latest_view();
    let all: Vec<_> = (0..blocks).map(|_| random.block(keys)).collect();
    let (reads_before, _) = chain.storage.io_counts();
    let (root, ()) = Stage::run("root", "block", blocks, || {
        for changes in &all {
            std::hint::black_box(view.update(changes)?.state_root);
        }
        Ok(())
    })?;
    let reads = chain.storage.io_counts().0 - reads_before;
    let all: Vec<_> = (0..blocks).map(|_| random.block(keys)).collect();
    let (commit, ()) = Stage::run("root and commit", "block", blocks, || {
        for changes in &all {
            let update = chain.storage.latest_view().update(changes)?;
            chain.storage.commit(chain.block_with_state(update))?;
        }
        Ok(chain.storage.sync()?)
    })?;
    Ok(Row { accounts: random.accounts, keys, root, reads, commit })
}

/// Blocks that change accounts all over a state, the same in every run.
struct Random {
    state: u64,
    accounts: u64,
    balance: u64,
}

impl Random {
    fn block(&mut self, keys: usize) -> StateChanges {
        self.balance += 1;
        let balance = self.balance;
        let mut state = self.state;
        let indices = (0..keys).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 16) % self.accounts, balance)
        });
        let block = changes(indices);
        self.state = state;
        block
    }
}

fn changes(accounts: impl Iterator<Item = (u64, u64)>) -> StateChanges {
    let changed = accounts.map(|(index, balance)| {
        let after = AccountState { nonce: 0, balance: U256::from(balance), code_hash: KECCAK256_EMPTY };
        (address(index), AccountChange { after: Some(after), ..AccountChange::default() })
    });
    StateChanges { accounts: changed.collect(), ..StateChanges::default() }
}

fn address(index: u64) -> Address {
    Address::from_word(keccak256(index.to_be_bytes()))
}

/// Ratios are of a key, to the same number of keys a block in the first state.
fn print(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let first = rows.iter().find(|first| first.keys == row.keys).unwrap_or(row);
        let per_key = |stage: &Stage| stage.cpu_s_per_unit() / row.keys as f64;
        let ratio = |stage: fn(&Row) -> &Stage| per_key(stage(row)) / per_key(stage(first));
        vec![
            row.accounts.to_string(),
            row.keys.to_string(),
            row.root.units.to_string(),
            format!("{:.2}", row.root.wall_s * 1e3 / row.root.units as f64),
            format!("{:.2}", row.root.cpu_s_per_unit() * 1e3),
            format!("{:.2}", per_key(&row.root) * 1e6),
            format!("{:.2}", ratio(|row| &row.root)),
            format!("{:.2}", row.reads as f64 / (row.root.units * row.keys) as f64),
            format!("{:.2}", row.commit.wall_s * 1e3 / row.commit.units as f64),
            format!("{:.2}", per_key(&row.commit) * 1e6),
            format!("{:.2}", ratio(|row| &row.commit)),
            format!("{:.0}", row.commit.peak_mib),
        ]
    };
    let head = [
        "accounts",
        "keys/block",
        "blocks",
        "root wall ms",
        "root CPU ms",
        "CPU us/key",
        "ratio",
        "reads/key",
        "with commit wall ms",
        "CPU us/key",
        "ratio",
        "peak MiB",
    ];
    table(&head, &rows.iter().map(cells).collect::<Vec<_>>())
}

/// What the disk takes for the same number of writes, each synced.
fn bare_syncs(directory: Option<&Path>, blocks: usize) -> eyre::Result<Stage> {
    let folder = match directory {
        Some(parent) => tempfile::TempDir::new_in(parent)?,
        None => tempfile::TempDir::new()?,
    };
    let mut file = File::create(folder.path().join("bare"))?;
    let bytes = vec![7; SYNC_BYTES];
    let (stage, ()) = Stage::run("bare write and sync of 100 kB", "block", blocks, || {
        for _ in 0..blocks {
            file.write_all(&bytes)?;
            file.sync_data()?;
        }
        Ok(())
    })?;
    Ok(stage)
}
