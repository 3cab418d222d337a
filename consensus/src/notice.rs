//! What operators want to see: for logs and metrics, never needed for agreement.
use alloy_primitives::{Address, B256};

/// Something worth a log line or a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A round began.
    Round {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
        /// Consensus address of the validator whose turn it is.
        proposer: Address,
        /// Whether that is this node.
        ours: bool,
    },
    /// A wait ended without what was waited for.
    Timeout {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
        /// Which wait.
        step: Step,
    },
    /// A round ended without a proposal of its proposer.
    MissedTurn {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
        /// Consensus address of the proposer.
        proposer: Address,
        /// Turns it missed in a row, this one included.
        in_a_row: u32,
    },
    /// A height was decided.
    Decided {
        /// Height.
        height: u64,
        /// Round of the certificate.
        round: u32,
        /// Hash of the block.
        block_hash: B256,
        /// Time since this node began the height; 0 if it never did (catch-up). Milliseconds.
        elapsed_ms: u64,
        /// Members of the set whose signature is not in the certificate, by consensus address.
        missing: Vec<Address>,
    },
    /// A proposal's timestamp lies outside what our clock allows: its clock is wrong, or ours.
    ClockSkew {
        /// Height.
        height: u64,
        /// Consensus address of the proposer.
        proposer: Address,
        /// Timestamp minus our date, milliseconds.
        offset_ms: i64,
    },
    /// A proposed block is invalid.
    InvalidProposal {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
        /// Hash of the block.
        block_hash: B256,
    },
    /// The fees of a proposed block go to somebody who has not proposed it.
    WrongBeneficiary {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
        /// Hash of the block.
        block_hash: B256,
    },
    /// This node is behind and fetches blocks.
    Syncing {
        /// Height being worked on.
        height: u64,
        /// Highest head of a peer.
        target: u64,
    },
    /// This node may not sign at this height.
    Silent {
        /// Height.
        height: u64,
        /// Why.
        reason: SilenceReason,
    },
    /// A second, different signature was asked for and refused. The node goes on without voting at this height.
    SecondSignatureRefused {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
    },
    /// A message with this node's own signature came in that this node did not make: its key is in use elsewhere.
    KeyInUseElsewhere {
        /// Height.
        height: u64,
        /// Round.
        round: u32,
    },
    /// More than two thirds decided a block that is invalid here. This node stops at its parent: update or repair it.
    DecidedBlockInvalid {
        /// Height.
        height: u64,
        /// Hash of the block.
        block_hash: B256,
    },
    /// The agreement core refused an input. Not expected; the node goes on.
    CoreRefused {
        /// Height.
        height: u64,
        /// What it said.
        reason: String,
    },
}

/// A step of a round that can time out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Waiting for the proposal.
    Propose,
    /// Waiting for prevotes.
    Prevote,
    /// Waiting for precommits.
    Precommit,
}

/// Why a validator may not sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SilenceReason {
    /// Its log lost records that signatures stand on.
    LogDamaged,
    /// What the log gives is behind the lock in the signing record.
    LogBehindRecord,
    /// A block of the log is invalid now.
    LoggedBlockInvalid,
    /// The signing record forbids this height.
    HeightForbidden,
    /// Its key was seen in use elsewhere.
    KeyInUseElsewhere,
}
