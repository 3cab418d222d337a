//! Blocks, receipts, flat state, state trie, history and indices of one chain in one RocksDB directory.
//!
//! ```text
//!  execution                    commit                              background writer
//!  ─────────                    ──────                              ─────────────────
//!  StateView ──reads──► layers ──► database                 one batch a block, not synced:
//!      │                ▲                                     accounts, slots, code, content (flat)
//!      │ update()       │ becomes the newest layer            account_trie, storage_trie
//!      ▼                │                                     history, history_index  (reverse diffs)
//!  StateUpdate ──► ExecutedBlock ──► one batch, synced:       marker "state"
//!                                      headers, bodies,              ▲
//!                                      transactions, receipts,       │
//!                                      lookups, log_index,   ────────┘ bounded queue
//!                                      certificates, marker "head"
//! ```
//! Beside the chain stands the canonical index (`observations`): what blocks say, written after them by whoever interprets
//! them.
//!
//!
//! What holds at any moment:
//! - A block is durable before it is visible. Nothing that was visible is lost by a crash or a power loss.
//! - There is one write-ahead log for everything, and it keeps order: what survives is a prefix, so the state is never newer
//!   than the head. It may be older, by [`Storage::blocks_to_replay`], and is then executed again from stored blocks.
//! - A [`StateView`] does not change while blocks are added. Inside the history window every block has one.
//! - The state root of an update is that of a Merkle Patricia trie built from nothing, and costs as much as the update is
//!   large, not as the state is: branches near the root are at hand, leaves are made again from the flat state, and a
//!   lookup of what is neither reads some kilobytes, however large the files are.
//! - A write or sync that fails is the last: see [`Storage::watch_failure`].
//!
//! Not here: execution, the rules of blocks, choosing between branches, and talking to anybody. Reads and writes block
//! the calling thread.
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod bell;
mod block;
mod blocks;
mod changes;
mod codec;
mod columns;
mod commit;
mod content;
mod database;
mod error;
mod genesis;
mod history;
mod log_index;
mod maintenance;
mod memory_disk;
mod node_cache;
mod observations;
mod open;
mod options;
mod overlay;
mod proof;
mod receipt;
mod recent;
mod records;
mod seal;
mod storage;
mod store;
pub mod trie;
mod unwind;
mod update;
mod view;
mod witness;
mod writer;

pub use block::{Block, ExecutedBlock, LogFilter, RecoveredBlock, Transaction, TransactionLocation, logs_bloom};
pub use changes::{Account, AccountChange, AccountState, SlotChange, StateChanges, StateReader};
pub use codec::FORMAT_VERSION;
pub use content::FreedContent;
pub use error::StorageError;
pub use maintenance::{CheckProgress, CheckReport, CheckStage, ColumnStats, ContentReport, DatabaseStats, PruneReport};
pub use memory_disk::MemoryDisk;
pub use observations::{
    BindingChange, BlockObservations, OBSERVATION_STEPS_MAX, ObservationFilter, ObservationPage, ObservationPosition,
    ObservationRecord, Origin,
};
pub use options::{
    BLOCK_CACHE_BYTES_DEFAULT, HISTORY_BLOCKS_DEFAULT, HistoryMode, NODE_CACHE_BYTES_DEFAULT, OPEN_FILES_MAX_DEFAULT,
    StorageOptions,
};
pub use proof::AccountProof;
pub use receipt::Receipt;
pub use seal::{EVIDENCE_PER_HEIGHT_MAX, Evidence, Seal, ValidatorChange};
pub use storage::{SUBSCRIBER_BLOCKS_MAX, Storage};
pub use update::StateUpdate;
pub use view::StateView;
