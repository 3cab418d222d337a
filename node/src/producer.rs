//! Block production of a single validator: one thread that proposes, commits and announces, block after block.
//!
//! ```text
//!   wait ──► gather ──► propose ──► commit (one sync) ──► pool.on_block ──► heads
//!    ▲                                                                        │
//!    └────────────────────────────────────────────────────────────────────────┘
//! ```
//! While a block is built and synced, the pool collects the next one's transactions: the busier the node, the larger
//! its blocks, and the less each transaction costs.
use crate::{NodeError, ledger::Ledger, metrics, shutdown::Shutdown};
use alloy_primitives::Address;
use pervade_evm_ext::{ProposalAttributes, things::next_due_time};
use pervade_storage::ExecutedBlock;
use pervade_txpool::{PooledTransaction, TxPool};
use std::{
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use tokio::{
    runtime::Handle,
    sync::{
        broadcast::{self, error::RecvError},
        oneshot,
    },
    time::{sleep, sleep_until},
};

/// On demand, a node that is busy collects transactions at least so long for each block. A lone transaction does not
/// wait: the last block was small then.
const GATHER_MIN: Duration = Duration::from_millis(6);
/// It collects so much longer for each transaction of the last block: from 5,000 a second on, blocks grow until
/// [`GATHER_MAX`]. The larger a block, the more transactions share its sync, its records and the state trie's upper nodes.
const GATHER_PER_TRANSACTION: Duration = Duration::from_micros(200);
/// Longest time between two blocks of a busy node: blocks each 100 ms instead of each 28 ms took a quarter less CPU for a
/// transfer, and nobody notices a tenth of a second.
const GATHER_MAX: Duration = Duration::from_millis(100);
/// What is due later than this is looked for again then.
const DUE_WAIT_MAX: Duration = Duration::from_secs(3_600);
/// From so many transactions in a block on, the node counts as busy.
const BUSY_TRANSACTIONS: usize = 16;
/// Longest time of taking transactions into one block: keeps readers of the head waiting no longer than that.
const EXECUTION_TIME_MAX: Duration = Duration::from_millis(500);
/// What is pending but fits into no block (its fee is too low) is tried again after this time, or when another
/// transaction comes.
const RETRY: Duration = Duration::from_millis(250);
/// Shortest time between two log lines about new blocks.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// When blocks are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Shortest time between two blocks; zero: as soon as there is a transaction.
    pub block_period: Duration,
    /// Longest time without a block; `None`: no empty blocks.
    pub empty_block_period: Option<Duration>,
}

/// Everything that the thread works with.
pub struct Producer {
    /// The chain.
    pub ledger: Ledger,
    /// Where transactions come from.
    pub pool: TxPool,
    /// Told of every block, after it is durable.
    pub heads: broadcast::Sender<ExecutedBlock>,
    /// Account in whose name blocks are made.
    pub proposer: Address,
    /// When blocks are made.
    pub pacing: Pacing,
    /// Ends the thread, after the block under way.
    pub shutdown: Shutdown,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// Transactions are pending.
    Pending,
    /// The time for an empty block has come.
    Empty,
    /// The node stops.
    Stop,
}

/// What the thread remembers from block to block.
struct Rhythm {
    /// When the last block was begun, or would have been had the thread been on time.
    last: Instant,
    /// Transactions in it.
    last_transactions: usize,
    /// Set while what is pending fits into no block: tells of further transactions. Not kept otherwise, since the
    /// pool would have to tell of each.
    stuck: Option<broadcast::Receiver<PooledTransaction>>,
    /// What came before `stuck` was set has been tried too.
    tried: bool,
    logged: Instant,
    unlogged_blocks: u64,
    unlogged_transactions: usize,
}

impl Producer {
    /// Starts the thread. The receiver gets what ended it: `Ok` after a shutdown, an error that must stop the node else.
    ///
    /// # Errors
    /// The thread cannot be created.
    pub fn start(self, runtime: Handle) -> Result<oneshot::Receiver<Result<(), NodeError>>, NodeError> {
        let (ended, result) = oneshot::channel();
        thread::Builder::new()
            .name("producer".into())
            .spawn(move || {
                // Nobody listens any more if the node was dropped: then nobody needs to know.
                let _ = ended.send(self.run(&runtime));
            })
            .map_err(|e| NodeError::Stopped { part: "block production", reason: e.to_string() })?;
        Ok(result)
    }

    fn run(self, runtime: &Handle) -> Result<(), NodeError> {
        let now = Instant::now();
        let mut rhythm = Rhythm {
            last: now,
            last_transactions: 0,
            stuck: None,
            tried: false,
            logged: now.checked_sub(LOG_PERIOD).unwrap_or(now),
            unlogged_blocks: 0,
            unlogged_transactions: 0,
        };
        loop {
            let wake = runtime.block_on(self.wait(&mut rhythm));
            if wake == Wake::Stop {
                return Ok(());
            }
            let begun = Instant::now();
            if let Some(transactions) = self.produce(wake, &mut rhythm)? {
                rhythm.stuck = None;
                rhythm.last_transactions = transactions;
                rhythm.last = self.beat(rhythm.last, begun);
            } else {
                rhythm.tried = rhythm.stuck.is_some();
                rhythm.stuck.get_or_insert_with(|| self.pool.subscribe());
            }
        }
    }

    /// The time from which the next period counts: a period after the last while the thread keeps up, so that delays
    /// do not add up; now if it is further behind.
    fn beat(&self, last: Instant, begun: Instant) -> Instant {
        let due = last + self.pacing.block_period;
        if self.pacing.block_period.is_zero() || begun > due + self.pacing.block_period { begun } else { due }
    }

    async fn wait(&self, rhythm: &mut Rhythm) -> Wake {
        let block_at = rhythm.last + self.pacing.block_period;
        let empty_at = self.pacing.empty_block_period.map(|period| rhythm.last + period);
        let Rhythm { stuck, tried, .. } = rhythm;
        let pending = async {
            if let Some(arrivals) = stuck
                && *tried
            {
                tokio::select! {
                    () = next_arrival(arrivals) => {}
                    () = sleep(RETRY) => {}
                }
            }
            self.pool.wait_for_pending().await;
            if block_at > Instant::now() {
                sleep_until(block_at.into()).await;
            }
        };
        let empty = async {
            match empty_at {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let due_at = self.due_at(block_at);
        let due = async {
            match due_at {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let wake = tokio::select! {
            biased;
            () = self.shutdown.begun() => return Wake::Stop,
            () = pending => Wake::Pending,
            () = due => Wake::Empty,
            () = empty => Wake::Empty,
        };
        if self.pacing.block_period.is_zero() && rhythm.last_transactions >= BUSY_TRANSACTIONS {
            sleep_until((rhythm.last + gather(rhythm.last_transactions)).into()).await;
        }
        wake
    }

    /// When work of the protocol itself needs a block, with or without transactions.
    fn due_at(&self, block_at: Instant) -> Option<Instant> {
        let now_s = unix_seconds();
        let base_fee = next_base_fee(&self.ledger, now_s).unwrap_or_default();
        let view = self.ledger.storage().latest_view();
        let number = view.number().saturating_add(1);
        match next_due_time(self.ledger.spec(), &view, number, base_fee) {
            Ok(time) => {
                let wait = Duration::from_secs(time?.saturating_sub(now_s)).min(DUE_WAIT_MAX);
                Some((Instant::now() + wait).max(block_at))
            }
            Err(error) => {
                // Storage that cannot be read ends the next block, and the node with it.
                tracing::error!(%error, "cannot read when work is due");
                None
            }
        }
    }

    /// Makes one block; `None` if it would have been empty without its time having come.
    fn produce(&self, wake: Wake, rhythm: &mut Rhythm) -> Result<Option<usize>, NodeError> {
        let begun = Instant::now();
        let head = self.ledger.head();
        let attributes = ProposalAttributes {
            timestamp: unix_seconds().max(head.header().timestamp),
            proposer: self.proposer,
            time_max: EXECUTION_TIME_MAX,
        };
        let base_fee = next_base_fee(&self.ledger, attributes.timestamp);
        let proposal = self.ledger.propose(&attributes, &mut self.pool.best(base_fee))?;
        if !proposal.refused.is_empty() {
            let hashes: Vec<_> = proposal.refused.iter().map(|(hash, _)| *hash).collect();
            for (hash, reason) in &proposal.refused {
                tracing::debug!(transaction = %hash, reason, "dropped from the pool: not executable");
            }
            self.pool.remove(&hashes);
        }
        let executed = proposal.executed;
        let transactions = executed.block.senders.len();
        if transactions == 0 && wake == Wake::Pending {
            return Ok(None);
        }
        let built = Instant::now();
        self.ledger.commit(executed.clone())?;
        let committed = Instant::now();
        self.pool.on_block(&executed);
        metrics::block_produced(&executed, built - begun, committed - built);
        self.log(rhythm, &executed, committed - begun);
        // Without subscribers there is nobody to tell.
        let _ = self.heads.send(executed);
        Ok(Some(transactions))
    }

    /// One line a second at most: a busy node makes hundreds of blocks in it.
    fn log(&self, rhythm: &mut Rhythm, executed: &ExecutedBlock, elapsed: Duration) {
        rhythm.unlogged_blocks += 1;
        rhythm.unlogged_transactions += executed.block.senders.len();
        if rhythm.logged.elapsed() < LOG_PERIOD {
            return;
        }
        let header = executed.block.header();
        tracing::info!(
            height = header.number,
            block_hash = %executed.block.hash,
            blocks = rhythm.unlogged_blocks,
            transactions = rhythm.unlogged_transactions,
            gas_used = header.gas_used,
            elapsed_ms = elapsed.as_millis() as u64,
            "new head"
        );
        rhythm.logged = Instant::now();
        rhythm.unlogged_blocks = 0;
        rhythm.unlogged_transactions = 0;
    }
}

/// From the beginning of a block of so many transactions, which is a busy node's, to that of the next one.
fn gather(transactions: usize) -> Duration {
    let transactions = u32::try_from(transactions).unwrap_or(u32::MAX);
    GATHER_PER_TRANSACTION.saturating_mul(transactions).clamp(GATHER_MIN, GATHER_MAX)
}

/// Base fee of the block after the head; what the pool orders candidates by.
pub fn next_base_fee(ledger: &Ledger, timestamp: u64) -> Option<u64> {
    let head = ledger.head();
    let child = ledger.spec().forks_at(head.number().saturating_add(1), timestamp, true);
    ledger.spec().next_base_fee(head.header(), child)
}

/// Completes when a transaction came, or some were missed.
async fn next_arrival(arrivals: &mut broadcast::Receiver<PooledTransaction>) {
    if let Err(RecvError::Closed) = arrivals.recv().await {
        std::future::pending::<()>().await;
    }
}

/// The clock, unix seconds; 0 before 1970.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_busy_node_collects_the_longer_the_larger_its_blocks_are_within_bounds() {
        assert_eq!(gather(BUSY_TRANSACTIONS), GATHER_MIN);
        assert_eq!(gather(30), GATHER_MIN);
        assert_eq!(gather(31), Duration::from_micros(6_200));
        assert_eq!(gather(499), Duration::from_micros(99_800));
        assert_eq!(gather(500), GATHER_MAX);
        assert_eq!(gather(usize::MAX), GATHER_MAX);
    }
}
