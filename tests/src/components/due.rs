//! Blocks while requests and triggers wait: what those without due work cost, and what happens when most of it is due at
//! once and one payer has most of that.
mod world;

use super::Stage;
use pervade_chainspec::params::{BLOCK_PERIOD_MS_DEFAULT, SYSTEM_TRANSACTIONS_MAX};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};
use world::World;

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct DueOptions {
    /// Open requests, and as many triggers, at which blocks without due work are measured
    #[arg(long, value_delimiter = ',', default_value = "0,1000,100000")]
    pub waiting: Vec<usize>,
    /// Triggers that are due at once, nine tenths of one payer
    #[arg(long, default_value_t = 50_000)]
    pub due: usize,
    /// Contracts that make the requests
    #[arg(long, default_value_t = 1_000)]
    pub requesters: usize,
    /// Blocks without due work that each figure is taken from
    #[arg(long, default_value_t = 50)]
    pub blocks: usize,
    /// Folder for databases (default: the system's temporary folder)
    #[arg(long)]
    pub directory: Option<PathBuf>,
}

impl DueOptions {
    /// Enough for the requesters, and for the payers of what is due.
    fn contracts(&self) -> usize {
        self.requesters.max(OTHERS + 1)
    }
}

/// Payers beside the one that has most of what is due.
const OTHERS: usize = 100;
/// What waits, waits longer than all of it takes, seconds.
const LONG: u64 = 1_000_000;
/// A block without due work may cost so many times what it costs while nothing waits. What waits is not looked at; lookups in a
/// larger state and measuring itself vary. A scan would cost hundreds of times as much.
const COST_RATIO_MAX: f64 = 2.0;

/// Measures, judges, and prints tables.
///
/// # Errors
/// Whatever storage or execution cannot do, and cost, order or limits that do not hold.
pub fn measure_due(options: &DueOptions) -> eyre::Result<()> {
    let mut stages: Vec<Stage> = Vec::new();
    for waiting in &options.waiting {
        let mut world = World::new(options.contracts(), options.directory.as_deref())?;
        world.ask(*waiting, LONG)?;
        world.watch_in_turn(*waiting, LONG)?;
        world.chain.storage.settle()?;
        // The first block of each finds caches cold.
        world.pass(1)?;
        let name = format!("block without due work, {waiting} requests and {waiting} triggers wait");
        let (stage, ()) = Stage::run(name, "block", options.blocks, || world.pass(options.blocks))?;
        stages.push(match stages.first() {
            Some(first) => stage.relative_to(first),
            None => stage,
        });
    }
    println!("{}\n", super::stage::print(&stages));
    for stage in &stages {
        let ratio = stage.ratio.as_ref().map_or(1.0, |(ratio, _)| *ratio);
        eyre::ensure!(ratio <= COST_RATIO_MAX, "{}: {ratio:.2} times the cost", stage.name);
    }
    println!("{}", all_at_once(options)?);
    Ok(())
}

/// Lets most of the triggers be due in one second, while everything else waits, and runs blocks until nothing is due.
fn all_at_once(options: &DueOptions) -> eyre::Result<String> {
    let waiting = options.waiting.iter().copied().max().unwrap_or_default();
    let mut world = World::new(options.contracts(), options.directory.as_deref())?;
    world.ask(waiting, 2 * LONG)?;
    world.watch_in_turn(waiting.saturating_sub(options.due), 2 * LONG)?;
    let due_at = world.now() + LONG;
    let of_others = options.due / 10 / OTHERS;
    let of_one = options.due - of_others * OTHERS;
    // The one with most of it was there first.
    world.watch(0, of_one, due_at)?;
    for other in 1..=OTHERS {
        world.watch(other, of_others, due_at)?;
    }
    world.chain.storage.settle()?;
    let gas_limit = world.chain.storage.head().header().gas_limit;
    let mut order: Vec<(usize, usize)> = Vec::new();
    let (mut blocks, mut largest_gas, mut slowest) = (0usize, 0u64, Duration::ZERO);
    let total = of_one + of_others * OTHERS;
    let name = format!("{total} triggers due at once, {waiting} requests wait");
    let (stage, ()) = Stage::run(name, "trigger", total, || {
        while order.len() < total {
            let begun = Instant::now();
            let executed = world.next_block(if blocks == 0 { due_at - world.now() } else { 0 })?;
            let ran = world.ran(&executed);
            eyre::ensure!(!ran.is_empty(), "nothing runs, though {} of {total} wait", total - order.len());
            eyre::ensure!(ran.len() <= SYSTEM_TRANSACTIONS_MAX, "{} system transactions", ran.len());
            eyre::ensure!(executed.block.header().gas_used <= gas_limit / 5, "more than the system's share");
            largest_gas = largest_gas.max(executed.block.header().gas_used);
            order.extend(ran);
            blocks += 1;
            world.chain.storage.commit(executed)?;
            slowest = slowest.max(begun.elapsed());
        }
        Ok(())
    })?;
    let after = world.next_block(0)?;
    eyre::ensure!(after.block.senders.is_empty(), "what is not due runs too");
    check_order(&order)?;
    check_turns(&order, of_others)?;
    let stages = super::stage::print(&[stage]);
    let last_other = order.iter().rposition(|(payer, _)| *payer != 0).unwrap_or_default();
    let mega = |gas: u64| gas / 1_000_000;
    Ok(format!(
        "{stages}\n{blocks} blocks, the slowest in {} ms (block period {BLOCK_PERIOD_MS_DEFAULT} ms); most gas {} of {} million; \
         the {} triggers of {OTHERS} others were among the first {}",
        slowest.as_millis(),
        mega(largest_gas),
        mega(gas_limit / 5),
        of_others * OTHERS,
        last_other + 1,
    ))
}

/// What one payer has runs in the order in which it was set, and nothing runs twice.
fn check_order(order: &[(usize, usize)]) -> eyre::Result<()> {
    let mut last: BTreeMap<usize, usize> = BTreeMap::new();
    for (payer, trigger) in order {
        let before = last.insert(*payer, *trigger).unwrap_or_default();
        eyre::ensure!(before < *trigger, "trigger {trigger} of payer {payer} ran after {before}");
    }
    Ok(())
}

/// Payers take turns as long as each of them has something.
fn check_turns(order: &[(usize, usize)], rounds: usize) -> eyre::Result<()> {
    let mut served: BTreeMap<usize, usize> = BTreeMap::new();
    for (payer, _) in order.iter().take(rounds * (OTHERS + 1)) {
        *served.entry(*payer).or_default() += 1;
        let (most, least) = (served.values().max(), served.values().min());
        let all_begun = served.len() == OTHERS + 1;
        eyre::ensure!(
            !all_begun || most <= least.map(|least| least + 1).as_ref(),
            "payer {payer} was served out of turn"
        );
    }
    eyre::ensure!(served.values().all(|count| *count == rounds), "not everybody was served {rounds} times");
    Ok(())
}
