//! State roots of small and large states, and what it takes to make a block durable.
use super::{ComponentOptions, Stage, chain::BenchChain};
use alloy_primitives::{Address, KECCAK256_EMPTY, U256, keccak256};
use pervade_storage::{AccountChange, AccountState, StateChanges, StateUpdate};
use std::{fs::File, io::Write, path::Path};

/// Accounts that one block adds while a state is filled.
const FILL_ACCOUNTS: u64 = 50_000;
/// Bytes that the bare writes sync, a block's order of magnitude.
const SYNC_BYTES: usize = 100_000;

pub(super) fn measure(options: &ComponentOptions) -> eyre::Result<Vec<Stage>> {
    let directory = options.directory.as_deref();
    let mut stages: Vec<Stage> = Vec::new();
    for accounts in &options.accounts {
        let chain = BenchChain::new(directory, Vec::new())?;
        fill(&chain, *accounts)?;
        let [root, commit] = measure_blocks(&chain, *accounts, options)?;
        let (root, commit) = match (stages.first(), stages.get(1)) {
            (Some(first_root), Some(first_commit)) => (root.relative_to(first_root), commit.relative_to(first_commit)),
            _ => (root, commit),
        };
        stages.extend([root, commit]);
    }
    stages.push(bare_syncs(directory, options.blocks)?);
    Ok(stages)
}

/// Adds accounts `0..accounts` in large blocks.
fn fill(chain: &BenchChain, accounts: u64) -> eyre::Result<()> {
    let mut first = 0;
    while first < accounts {
        let last = (first + FILL_ACCOUNTS).min(accounts);
        let update = chain.storage.latest_view().update(&changes((first..last).map(|index| (index, 1))))?;
        chain.storage.commit_unsynced(chain.block_with_state(update))?;
        first = last;
    }
    Ok(chain.storage.sync()?)
}

/// Roots of blocks that change existing accounts all over the state, then their commits.
fn measure_blocks(chain: &BenchChain, accounts: u64, options: &ComponentOptions) -> eyre::Result<[Stage; 2]> {
    let (keys, blocks) = (options.keys, options.blocks);
    let mut random = accounts;
    let mut change = |block: usize| {
        let indices = (0..keys).map(|_| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((random >> 16) % accounts, block as u64 + 2)
        });
        changes(indices)
    };
    let size =
        if accounts >= 1_000_000 { format!("{} M", accounts / 1_000_000) } else { format!("{} k", accounts / 1_000) };
    // The first blocks warm the caches, as a running node's are.
    for block in 0..blocks.min(10) {
        let update: StateUpdate = chain.storage.latest_view().update(&change(block))?;
        chain.storage.commit(chain.block_with_state(update))?;
    }
    chain.storage.sync()?;
    let view = chain.storage.latest_view();
    let all: Vec<_> = (0..blocks).map(&mut change).collect();
    let (root, _) = Stage::run(format!("root, {size} accounts"), "block", blocks, || {
        for changes in &all {
            std::hint::black_box(view.update(changes)?.state_root);
        }
        Ok(())
    })?;
    let (commit, ()) = Stage::run(format!("root and commit, {size}"), "block", blocks, || {
        for changes in &all {
            let update = chain.storage.latest_view().update(changes)?;
            chain.storage.commit(chain.block_with_state(update))?;
        }
        Ok(chain.storage.sync()?)
    })?;
    Ok([root, commit])
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
