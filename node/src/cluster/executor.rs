//! The executor's thread: builds, validates and commits blocks, one after another.
use super::{
    clock::unix_seconds,
    view::LocalView,
    work::{Job, Outcome, Outcomes},
};
use crate::{
    NodeError,
    ledger::{ClusterLedger, Verdict},
    metrics,
    producer::next_base_fee,
};
use alloy_primitives::{Address, B256};
use pervade_chainspec::ValidatorConfig;
use pervade_consensus::{BlockVerdict, CommitCertificate, Event, PublicKey, StartHeight};
use pervade_evm_ext::ProposalAttributes;
use pervade_p2p::{Head, NetworkHandle};
use pervade_storage::ExecutedBlock;
use pervade_txpool::TxPool;
use std::{
    sync::{Arc, mpsc::Receiver},
    time::{Duration, Instant},
};
use tokio::sync::broadcast;

/// Longest time of taking transactions into one block: the others still have to receive and execute it.
const TAKING_TIME_MAX: Duration = Duration::from_millis(500);
/// Part of the round's budget that taking transactions may use: what is left is for the state root, the way to the others,
/// and their execution.
const BUDGET_DIVISOR: u64 = 3;
/// Shortest time between two log lines about new blocks.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// Everything that the thread works with.
pub(super) struct Executor {
    pub(super) ledger: ClusterLedger,
    pub(super) pool: TxPool,
    pub(super) heads: broadcast::Sender<ExecutedBlock>,
    pub(super) network: NetworkHandle,
    pub(super) view: Arc<LocalView>,
    /// This node's consensus key, if it is a validator.
    pub(super) public_key: Option<PublicKey>,
    /// Account in whose name blocks are built: that of the key in the set of the next height.
    pub(super) account: Option<Address>,
    pub(super) outcomes: Outcomes,
    pub(super) log: HeadLog,
}

impl Executor {
    /// Works until nobody has jobs any more, or something fails for good.
    pub(super) fn run(mut self, jobs: Receiver<Job>) {
        for job in jobs {
            let outcome = match job {
                Job::Build { height, round, budget_ms } => self.build(height, round, budget_ms),
                Job::Validate { height, block_hash, body } => self.validate(height, block_hash, &body).map(Some),
                Job::Decide { certificate, body } => self.decide(&certificate, &body).map(Some),
            };
            let outcome = match outcome {
                Ok(None) => continue,
                Ok(Some(outcome)) => outcome,
                Err(error) => Outcome::Failed(error),
            };
            let failed = matches!(outcome, Outcome::Failed(_));
            if self.outcomes.send(outcome).is_err() || failed {
                return;
            }
        }
    }

    /// The height after the head, with the set that decides it. First event of a run, and of every height.
    pub(super) fn next_height(&mut self) -> Result<Event, NodeError> {
        let head = self.ledger.ledger().head();
        let height = head.number().saturating_add(1);
        let validators = self.ledger.validators(height)?;
        let own = |validator: &&ValidatorConfig| self.public_key.is_some_and(|key| key[..] == validator.public_key[..]);
        self.account = validators.iter().find(own).map(|validator| validator.account);
        self.view.set_validator(self.account);
        Ok(Event::StartHeight(StartHeight { height, parent_timestamp_s: head.header().timestamp, validators }))
    }

    /// `None`: the height is decided already, or this node has no account to build for.
    fn build(&mut self, height: u64, round: u32, budget_ms: u64) -> Result<Option<Outcome>, NodeError> {
        let head = self.ledger.ledger().head();
        let Some(proposer) = self.account.filter(|_| self.is_next(height)) else { return Ok(None) };
        let attributes = ProposalAttributes {
            timestamp: unix_seconds().max(head.header().timestamp),
            proposer,
            time_max: TAKING_TIME_MAX.min(Duration::from_millis(budget_ms / BUDGET_DIVISOR)),
        };
        let base_fee = next_base_fee(self.ledger.ledger(), attributes.timestamp);
        let begun = Instant::now();
        let block = self.ledger.propose(&attributes, &mut self.pool.best(base_fee))?;
        metrics::block_built(begun.elapsed());
        if !block.refused.is_empty() {
            for (hash, reason) in &block.refused {
                tracing::debug!(transaction = %hash, reason, "dropped from the pool: not executable");
            }
            let hashes: Vec<_> = block.refused.iter().map(|(hash, _)| *hash).collect();
            self.pool.remove(&hashes);
        }
        tracing::debug!(height, round, transactions = block.transactions, block_hash = %block.hash, "block built");
        Ok(Some(Outcome::Event(Event::Built { height, round, block_hash: block.hash, body: block.bytes.0 })))
    }

    fn validate(&mut self, height: u64, block_hash: B256, body: &[u8]) -> Result<Outcome, NodeError> {
        let verdict = if self.is_next(height) {
            let pool = &self.pool;
            let begun = Instant::now();
            let verdict = self.ledger.validate(block_hash, body, &|hash| pool.sender(hash))?;
            metrics::block_validated(begun.elapsed());
            verdict
        } else {
            Verdict::Invalid { reason: "its height is decided".into() }
        };
        let verdict = match verdict {
            Verdict::Valid { timestamp_s, paid } => BlockVerdict::Valid { timestamp_s, paid },
            Verdict::Mismatch { reason } => {
                tracing::warn!(height, %block_hash, reason, "bytes are not the block they are said to be");
                BlockVerdict::Mismatch
            }
            Verdict::Invalid { reason } => {
                tracing::warn!(height, %block_hash, reason, "block is invalid");
                BlockVerdict::Invalid
            }
        };
        Ok(Outcome::Event(Event::Validated { height, block_hash, verdict }))
    }

    fn decide(&mut self, certificate: &CommitCertificate, body: &[u8]) -> Result<Outcome, NodeError> {
        let begun = Instant::now();
        let pool = &self.pool;
        let encoded = certificate.encoded().into();
        let executed = self.ledger.decide(certificate.block_hash, body, encoded, &|hash| pool.sender(hash))?;
        self.pool.on_block(&executed);
        metrics::block_committed(&executed, begun.elapsed());
        let transactions = executed.block.senders.len();
        self.view.committed(&executed.block);
        self.network.update_head(head_of(&executed.block, self.view.earliest()));
        self.log.note(&executed, certificate.round);
        // Without subscribers there is nobody to tell.
        let _ = self.heads.send(executed);
        Ok(Outcome::Committed { transactions, next: self.next_height()? })
    }

    fn is_next(&self, height: u64) -> bool {
        self.ledger.ledger().head().number().checked_add(1) == Some(height)
    }
}

/// A block as peers are told of it.
pub(super) fn head_of(block: &pervade_storage::RecoveredBlock, earliest: u64) -> Head {
    Head { number: block.number(), hash: block.hash, timestamp: block.header().timestamp, earliest }
}

/// One line a second at most: a node that catches up commits hundreds of blocks in it.
pub(super) struct HeadLog {
    logged: Instant,
    blocks: u64,
    transactions: usize,
}

impl HeadLog {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self { logged: now.checked_sub(LOG_PERIOD).unwrap_or(now), blocks: 0, transactions: 0 }
    }

    fn note(&mut self, executed: &ExecutedBlock, round: u32) {
        self.blocks += 1;
        self.transactions += executed.block.senders.len();
        if self.logged.elapsed() < LOG_PERIOD {
            return;
        }
        let header = executed.block.header();
        tracing::info!(
            height = header.number,
            block_hash = %executed.block.hash,
            round,
            blocks = self.blocks,
            transactions = self.transactions,
            gas_used = header.gas_used,
            "new head"
        );
        *self = Self { logged: Instant::now(), blocks: 0, transactions: 0 };
    }
}
