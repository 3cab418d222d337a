//! Jobs of the executor, and what becomes of them.
use crate::{NodeError, pacing::Pacing};
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_consensus::{CommitCertificate, Event, StartHeight};
use std::sync::mpsc::SyncSender;
use tokio::sync::mpsc;

/// Jobs that wait for the executor. The machine has one block to build and a few to validate at a time.
pub(super) const JOBS_MAX: usize = 64;

/// What the executor is to do.
#[derive(Debug)]
pub(super) enum Job {
    /// Build a block on the head.
    Build { height: u64, round: u32, budget_ms: u64 },
    /// Check and execute a block.
    Validate { height: u64, block_hash: B256, body: Bytes },
    /// Make a block the head.
    Decide { certificate: CommitCertificate, body: Bytes },
}

/// What comes back to the driver.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Something for the machine.
    Event(Event),
    /// A block with so many transactions became the head.
    Committed { transactions: usize, next: NextHeight },
    /// The node must stop.
    Failed(NodeError),
}

/// The height after the head, and when it is due.
#[derive(Debug)]
pub(super) struct NextHeight {
    /// What the machine is told.
    pub(super) start: StartHeight,
    /// The chain's periods at this height.
    pub(super) pacing: Pacing,
    /// When the protocol's own work needs a block, Unix seconds.
    pub(super) due_s: Option<u64>,
}

/// To the executor.
pub(super) type Jobs = SyncSender<Job>;
/// To the driver. Bounded by what it answers: every job, request and storage read gives one outcome.
pub(super) type Outcomes = mpsc::UnboundedSender<Outcome>;
