//! Block production of a development node: one thread that proposes, commits and announces, block after block.
//!
//! ```text
//!   wait ──► gather ──► propose ──► commit (one sync) ──► pool.on_block ──► heads
//!    ▲                                                                        │
//!    └────────────────────────────────────────────────────────────────────────┘
//! ```
//! While a block is built and synced, the pool collects the next one's transactions: the busier the node, the larger
//! its blocks, and the less each transaction costs.
use crate::{
    NodeError,
    ledger::Ledger,
    metrics,
    pacing::{Pacing, date, next_base_fee, unix_seconds, work_due_s},
    shutdown::Shutdown,
};
use alloy_primitives::Address;
use pervade_evm_ext::ProposalAttributes;
use pervade_storage::ExecutedBlock;
use pervade_txpool::{PooledTransaction, TxPool};
use std::{
    thread,
    time::{Duration, Instant},
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
/// From so many transactions in a block on, the node counts as busy.
const BUSY_TRANSACTIONS: usize = 16;
/// Longest time of taking transactions into one block: keeps readers of the head waiting no longer than that.
const EXECUTION_TIME_MAX: Duration = Duration::from_millis(500);
/// What is pending but fits into no block (its fee is too low) is tried again after this time, or when another
/// transaction comes.
const RETRY: Duration = Duration::from_millis(250);
/// Shortest time between two log lines about new blocks.
const LOG_PERIOD: Duration = Duration::from_secs(1);

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
    /// When blocks are made, until a vote says otherwise.
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
    /// The periods that hold for the next block.
    pacing: Pacing,
    /// When the protocol's own work is due, Unix seconds.
    due_s: Option<u64>,
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
            pacing: self.pacing,
            due_s: None,
            last: now,
            last_transactions: 0,
            stuck: None,
            tried: false,
            logged: now.checked_sub(LOG_PERIOD).unwrap_or(now),
            unlogged_blocks: 0,
            unlogged_transactions: 0,
        };
        loop {
            rhythm.pacing = Pacing::voted(&self.ledger)?.unwrap_or(self.pacing);
            rhythm.due_s = work_due_s(&self.ledger)?;
            let wake = runtime.block_on(self.wait(&mut rhythm));
            if wake == Wake::Stop {
                return Ok(());
            }
            let begun = Instant::now();
            if let Some(transactions) = self.produce(wake, &mut rhythm)? {
                rhythm.stuck = None;
                rhythm.last_transactions = transactions;
                rhythm.last = rhythm.beat(begun);
            } else {
                rhythm.tried = rhythm.stuck.is_some();
                rhythm.stuck.get_or_insert_with(|| self.pool.subscribe());
            }
        }
    }

    async fn wait(&self, rhythm: &mut Rhythm) -> Wake {
        let block_at = rhythm.last + rhythm.pacing.block_period;
        let empty_at = rhythm.pacing.empty_block_period.map(|period| rhythm.last + period);
        let Rhythm { stuck, tried, due_s, .. } = rhythm;
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
        let due = async {
            date(*due_s).await;
            sleep_until(block_at.into()).await;
        };
        let wake = tokio::select! {
            biased;
            () = self.shutdown.begun() => return Wake::Stop,
            () = pending => Wake::Pending,
            () = due => Wake::Empty,
            () = empty => Wake::Empty,
        };
        if rhythm.pacing.block_period.is_zero() && rhythm.last_transactions >= BUSY_TRANSACTIONS {
            sleep_until((rhythm.last + gather(rhythm.last_transactions)).into()).await;
        }
        wake
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

impl Rhythm {
    /// The time from which the next period counts: a period after the last while the thread keeps up, so that delays
    /// do not add up; now if it is further behind.
    fn beat(&self, begun: Instant) -> Instant {
        let period = self.pacing.block_period;
        let due = self.last + period;
        if period.is_zero() || begun > due + period { begun } else { due }
    }
}

/// Completes when a transaction came, or some were missed.
async fn next_arrival(arrivals: &mut broadcast::Receiver<PooledTransaction>) {
    if let Err(RecvError::Closed) = arrivals.recv().await {
        std::future::pending::<()>().await;
    }
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
