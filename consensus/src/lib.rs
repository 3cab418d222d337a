//! Agreement on blocks: Tendermint as one pure machine, its log, its signing record, and catch-up.
//!
//! [`Machine::step`] takes the time and one [`Event`], and returns [`Action`]s. It has no clock, socket, disk or
//! randomness of its own, and knows a block only as bytes with a hash. A node drives it from its runtime, a simulator from
//! a loop; both do what the actions say, in their order.
//!
//! ```text
//!                 ┌──────────────────────────── Machine ───────────────────────────┐
//!                 │  waiting ─► round: propose ─► prevote ─► precommit ─► decided  │
//!                 │  parts of blocks, timeouts, catch-up, guard of the signer      │
//!                 └───▲──────────────────────────┬─────────────────────────────────┘
//!              Event  │                          │  Action
//!   who answers       │                          ▼
//!   ledger     StartHeight ◄──────────────────── Decide          commit the block, then the next height
//!   ledger     Built ◄────────────────────────── Build           make a block
//!   ledger     Validated ◄────────────────────── Validate        check and execute a block
//!   ledger     WorkPending                                       a block would not be empty
//!   storage    BlocksLoaded ◄─────────────────── LoadBlocks      decided blocks for a peer
//!   files                                        Persist         done before anything after it
//!   network    Message ────────────────────────► Verdict         pass it on, or not
//!   network                                      Publish         gossip
//!   network    Response, RequestFailed ◄──────── SendRequest     ask a peer for blocks
//!   network    Request ────────────────────────► Respond         a peer asks us
//!   network    PeerHead, PeerGone                Report          a peer misbehaved
//!   clock      Alarm ◄────────────────────────── SetAlarm        one alarm, moved at will
//!   storage                                      StoreEvidence   a validator signed twice
//!   logs                                         Notice          for operators
//! ```
//!
//! # The life of a node
//!
//! 1. [`ConsensusFiles::open`] reads the log and the signing record.
//! 2. [`Machine::new`] takes what they held. The first event is [`Event::StartHeight`] for the height after the head.
//! 3. Each step's actions are carried out in order; [`Action::Persist`] goes to [`ConsensusFiles::persist`] and has to
//!    succeed before the next action is begun. A failure of the disk ends the process.
//! 4. [`Action::Decide`] is answered with the next [`Event::StartHeight`], once the block is durable.
//!
//! # What always holds
//!
//! - **No second signature.** Whatever happened to the log, the [`SigningGuard`] signs once at a height, round and step.
//! - **Durable before sent.** What a signature stands on, block bodies included, is synced before the signature leaves.
//! - **The same from the same.** The same settings, seed and events give the same actions.
//! - **Everything has a limit**: messages, parts, rounds ahead, peers, requests, buffered blocks.
//!
//! Not here: what a block means, who the peers are and how they are reached, what time it is.
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod action;
mod certificate;
mod core;
mod error;
mod event;
mod evidence;
mod files;
mod gossip;
pub mod light;
pub mod log;
mod machine;
pub mod message;
mod notice;
mod parts;
mod peer;
mod persist;
mod random;
pub mod record;
pub mod signing;
mod sync;
mod timing;
mod validators;
mod wire;

pub use action::{Action, BlockSource, Offence, Verdict};
pub use certificate::{CERTIFICATE_BYTES_MAX, CommitCertificate, CommitSignature};
pub use error::ConsensusError;
pub use event::{BlockVerdict, Event, Now, StartHeight, Topic};
pub use evidence::{EVIDENCE_BYTES_MAX, EVIDENCE_PER_VALIDATOR_MAX, Equivocation};
pub use files::{ConsensusFiles, FileStore, FolderStore, MemoryStore, MissingRecord, Recovered, SECTOR_BYTES};
pub use gossip::{CONSENSUS_MESSAGE_BYTES_MAX, PART_MESSAGE_BYTES_MAX};
pub use machine::{Machine, MachineStatus, Settings};
pub use message::{SignedProposal, SignedVote};
pub use notice::{Notice, SilenceReason, Step};
pub use peer::PeerId;
pub use persist::Persist;
pub use random::SplitMix64;
pub use record::{SignedStep, SigningGuard, SigningState};
pub use signing::{
    ChainIdentity, PublicKey, Secp256k1Signer, Secp256k1Verifier, Signature, Signer, Verifier, VoteKind,
};
pub use sync::{SYNC_BATCH_BYTES, SYNC_BATCH_MAX, SYNC_REQUEST_BYTES_MAX, SYNC_RESPONSE_BYTES_MAX};
pub use validators::{Validator, ValidatorSet};
pub use wire::DecidedBlock;

#[cfg(test)]
mod tests;
