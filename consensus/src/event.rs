//! What the machine is told.
use crate::{PeerId, wire::DecidedBlock};
use alloy_primitives::{Address, B256};
use bytes::Bytes;
use pervade_chainspec::ValidatorConfig;

/// The two clocks of a node at the moment of an event.
///
/// They are apart because they serve apart: an alarm must not move when somebody sets the date, and a block's timestamp
/// can only be held against the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Now {
    /// Time since any fixed moment; never goes back. Milliseconds.
    pub monotonic_ms: u64,
    /// The date: milliseconds since 1970, as this host believes it. May jump.
    pub unix_ms: u64,
}

/// Something that happened to a node. Given to [`crate::Machine::step`] one at a time, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A height may be worked on: its parent is durable. First event of a run, and the answer to [`crate::Action::Decide`].
    StartHeight(StartHeight),
    /// A block would not be empty: transactions are ready, or system work is due. Ends the wait of the current height, or
    /// is remembered for it until the next [`StartHeight`]. May be repeated.
    WorkPending,
    /// The time of the last [`crate::Action::SetAlarm`] has come. Too early or too often does no harm.
    Alarm,
    /// A gossip message. Answered by exactly one [`crate::Action::Verdict`] with this id, now or in a later step.
    Message {
        /// Chosen by the driver, unique among messages without a verdict.
        id: u64,
        /// Who handed it to us, which need not be who wrote it.
        peer: PeerId,
        /// Where it came in.
        topic: Topic,
        /// Its bytes, unchecked.
        bytes: Bytes,
    },
    /// Answer to [`crate::Action::Build`].
    Built {
        /// Height it was built for.
        height: u64,
        /// Round it was built for.
        round: u32,
        /// Hash of the block.
        block_hash: B256,
        /// The block, as [`crate::Action::Validate`] will show it to others. Its outcome stays with the node.
        body: Bytes,
    },
    /// Answer to [`crate::Action::Validate`].
    Validated {
        /// Height of the block.
        height: u64,
        /// Hash that was asked about.
        block_hash: B256,
        /// What the node found.
        verdict: BlockVerdict,
    },
    /// A peer is there, or has told a new head. Peers of another chain never get here.
    PeerHead {
        /// The peer.
        peer: PeerId,
        /// Height of its last decided block.
        head: u64,
    },
    /// A peer has gone; requests to it get no answer.
    PeerGone {
        /// The peer.
        peer: PeerId,
    },
    /// A peer asks for blocks. Answered by exactly one [`crate::Action::Respond`] with this id.
    Request {
        /// Chosen by the driver, unique among requests without an answer.
        id: u64,
        /// Who asks.
        peer: PeerId,
        /// The request, unchecked.
        bytes: Bytes,
    },
    /// Answer to [`crate::Action::LoadBlocks`].
    BlocksLoaded {
        /// Id of the request.
        id: u64,
        /// Blocks from the first height asked for, without gaps; fewer than asked for, or none, if there are no more.
        blocks: Vec<DecidedBlock>,
    },
    /// Answer of a peer to [`crate::Action::SendRequest`].
    Response {
        /// Id of the request.
        id: u64,
        /// Who answered.
        peer: PeerId,
        /// The answer, unchecked.
        bytes: Bytes,
    },
    /// No answer will come to a [`crate::Action::SendRequest`].
    RequestFailed {
        /// Id of the request.
        id: u64,
        /// Who was asked.
        peer: PeerId,
    },
}

/// What is known when a height starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartHeight {
    /// The height: the parent's plus one.
    pub height: u64,
    /// Timestamp of the parent, Unix seconds.
    pub parent_timestamp_s: u64,
    /// The set that decides this height, from the state: the one whose hash is the parent's `extraData`.
    pub validators: Vec<ValidatorConfig>,
}

/// A gossip topic of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Votes, proposals and certificates: small, urgent.
    Consensus,
    /// Parts of proposed blocks: up to 64 KiB each.
    BlockParts,
}

/// What a node found about a block that it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockVerdict {
    /// It follows its parent, and execution gives what its header says. The outcome is kept until a block of its height is
    /// decided.
    Valid {
        /// The header's timestamp, Unix seconds. The machine holds fresh proposals to the clock.
        timestamp_s: u64,
        /// Account that the block's fees go to, where the chain's rule is that it be its proposer's; `None` where it is
        /// another. The machine knows the proposer, and holds fresh proposals to it.
        paid: Option<Address>,
    },
    /// The bytes are not a block with this hash. Whoever sent them lied; the block itself may be fine.
    Mismatch,
    /// A block with this hash, but not one that may follow.
    Invalid,
}
