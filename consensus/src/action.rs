//! What the machine wants done.
use crate::{CommitCertificate, Equivocation, PeerId, event::Topic, notice::Notice, persist::Persist};
use alloy_primitives::B256;
use bytes::Bytes;

/// Something for the driver to do. Actions of a step are carried out **in their order**; only [`Action::Build`],
/// [`Action::Validate`], [`Action::LoadBlocks`] and [`Action::SendRequest`] are begun and answered later by an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Write this down ([`crate::ConsensusFiles::persist`]) **before** any later action of this or another step. If it
    /// fails, the process ends: what was to be sent must not be.
    Persist(Persist),
    /// What becomes of a gossip message: the answer to [`crate::Event::Message`].
    Verdict {
        /// Id of the message.
        id: u64,
        /// Whether it goes on.
        verdict: Verdict,
    },
    /// Send to all peers. Never the same bytes twice: a repeated vote differs in its repeat counter, so that a network that
    /// drops duplicates lets it through.
    Publish {
        /// Where.
        topic: Topic,
        /// The message.
        bytes: Bytes,
    },
    /// Build a block on the parent and answer with [`crate::Event::Built`]. Its timestamp is at least the parent's and not
    /// ahead of the clock. An answer after the round has moved on is ignored; no answer costs the round.
    Build {
        /// Height of the block.
        height: u64,
        /// Round in which it is to be proposed.
        round: u32,
        /// How long others will wait for it, from now. Milliseconds.
        budget_ms: u64,
    },
    /// Check and execute a block on the parent, keep the outcome, and answer with [`crate::Event::Validated`].
    Validate {
        /// Height of the block.
        height: u64,
        /// The hash that its bytes must have.
        block_hash: B256,
        /// The block as its proposer built it.
        body: Bytes,
        /// Where it is from.
        source: BlockSource,
    },
    /// This block is decided, once and for all. Commit it with its certificate (it was built or validated here before, and
    /// its outcome kept), forget the outcomes of others of its height, tell peers the new head, then answer with
    /// [`crate::Event::StartHeight`] of the next height. Nothing else is asked about this height any more.
    Decide {
        /// Proof for others; names height and block hash.
        certificate: CommitCertificate,
        /// The block as its proposer built it, to be served to others.
        body: Bytes,
    },
    /// Give [`crate::Event::Alarm`] when the monotonic clock reaches this. There is one alarm; this moves it.
    SetAlarm {
        /// When, on [`crate::Now::monotonic_ms`].
        at_ms: u64,
    },
    /// Ask one peer over the sync protocol. Answered by [`crate::Event::Response`] or [`crate::Event::RequestFailed`]; the
    /// machine itself stops waiting after a while.
    SendRequest {
        /// Unique in this run.
        id: u64,
        /// Whom.
        peer: PeerId,
        /// The request.
        bytes: Bytes,
    },
    /// Answer a peer: see [`crate::Event::Request`].
    Respond {
        /// Id of its request.
        id: u64,
        /// The answer.
        bytes: Bytes,
    },
    /// Read decided blocks from storage and answer with [`crate::Event::BlocksLoaded`].
    LoadBlocks {
        /// To be repeated in the answer.
        id: u64,
        /// First height.
        from: u64,
        /// Blocks at most.
        count_max: u64,
        /// Stop after the block that reaches this many bytes of bodies.
        bytes_max: usize,
    },
    /// A peer did what no correct peer does.
    Report {
        /// The peer.
        peer: PeerId,
        /// What it did.
        offence: Offence,
    },
    /// A validator signed two things where it may sign one. Both are in here; store it for RPC.
    StoreEvidence(Equivocation),
    /// Something worth a log line or a metric. May be dropped.
    Notice(Notice),
}

/// What becomes of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Good: pass it on.
    Accept,
    /// Of no use now: do not pass it on, nobody is to blame.
    Ignore,
    /// No correct node writes or forwards this.
    Reject,
}

/// Where a block to validate is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockSource {
    /// A proposal of the current height.
    Proposal,
    /// Our own log after a restart: it was proposed, or validated, before.
    Log,
    /// Catch-up: more than two thirds of the power have decided it. If it is [`crate::BlockVerdict::Invalid`], this node
    /// runs other rules than the chain, and goes no further.
    Sync,
}

/// What a peer did that no correct peer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// Bytes that are no message of the protocol.
    MalformedMessage,
    /// A signature that its named signer did not make, or a signer outside the set.
    BadSignature,
    /// Decided blocks whose certificate does not hold, or whose bytes are not the block.
    FalseBlock,
    /// An answer that does not fit the request: too much, gaps, other heights.
    WrongAnswer,
    /// No answer in time, or none although it claimed to have the blocks.
    SlowAnswer,
    /// More requests at once than allowed.
    TooManyRequests,
    /// More messages of no use than a correct peer can be made to pass on.
    Useless,
}
