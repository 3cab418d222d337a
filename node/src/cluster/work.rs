//! Jobs of the executor, and what becomes of them.
use crate::NodeError;
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_consensus::{CommitCertificate, Event};
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
    /// A block became the head: whether it was empty.
    Committed { transactions: usize, next: Event },
    /// The node must stop.
    Failed(NodeError),
}

/// To the executor.
pub(super) type Jobs = SyncSender<Job>;
/// To the driver. Bounded by what it answers: every job, request and storage read gives one outcome.
pub(super) type Outcomes = mpsc::UnboundedSender<Outcome>;
