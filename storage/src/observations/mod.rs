//! The canonical index: what things and contracts said, block by block, found by subject, source and property.
//!
//! ```text
//!  block, receipts ──(interpreted elsewhere)──► BlockObservations ──put_observations──► one batch a block:
//!                                                                     observations        block, ordinal -> record
//!                                                                     observation_index   value, block, ordinal
//!                                                                     bindings            contract, key, block, log -> mapping
//!                                                                     marker "observed"   the next block to read
//! ```
//!
//! - The index follows from blocks. It is written after them, without a sync: the write-ahead log keeps order, so after a
//!   crash it is that of an earlier block, and goes on from its marker.
//! - Observations go with the history of the state; bindings stay, since later blocks are read through them.
//! - Without the marker there is no index: records that are there are left over from a removal that was interrupted.
mod query;
mod write;

pub use query::{OBSERVATION_STEPS_MAX, ObservationFilter, ObservationPage};
pub(crate) use write::{prune_to, unwind};

use crate::{Storage, StorageError, bell::Bell, codec::observation::binding_key, columns::Column, database::Purpose};
use alloy_primitives::{Address, B256, Bytes, U256};
use parking_lot::Mutex;
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// How an observation came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// `Observed` of the Semantics precompile: published by a thing, the answer of one, or recorded by an account.
    Observed,
    /// A log of a contract whose event is bound.
    Event,
    /// A transaction to a contract whose function is bound.
    Call,
    /// A transaction that had a payload translated.
    Translation,
}

impl Origin {
    /// All, by their numbers on disk.
    pub const ALL: [Self; 4] = [Self::Observed, Self::Event, Self::Call, Self::Translation];
}

/// One canonical value with where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservationRecord {
    /// How it came about.
    pub origin: Origin,
    /// Position of its transaction in the block.
    pub transaction: u32,
    /// Position of its log among those of the block; `None` for calls and translations.
    pub log: Option<u32>,
    /// Who said it: a thing, or an account as a word.
    pub source: B256,
    /// The mapping that it was read through.
    pub mapping_id: B256,
    /// What it is about.
    pub subject: B256,
    /// Keccak-256 of the property's IRI.
    pub property: B256,
    /// `ISemantics.ValueKind`.
    pub kind: u8,
    /// The number's two's complement.
    pub number: U256,
    /// The number is a multiple of `10^exponent`.
    pub exponent: i8,
    /// Unix milliseconds.
    pub time_ms: u64,
    /// UCUM.
    pub unit: String,
    /// Text or bytes.
    pub data: Bytes,
}

/// From this log on (after it) a contract's events or calls are read through another mapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BindingChange {
    /// The contract.
    pub contract: Address,
    /// Topic 0 of the event; or the selector of the function, then 28 zero bytes.
    pub key: B256,
    /// Position of the log that says so among those of the block.
    pub log: u32,
    /// The mapping; zero for none.
    pub mapping_id: B256,
}

/// What the index keeps of one block.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockObservations {
    /// In the order of the block.
    pub observations: Vec<ObservationRecord>,
    /// In the order of the block.
    pub bindings: Vec<BindingChange>,
}

/// Where an observation stands in the chain. Ordered as it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ObservationPosition {
    /// Block number.
    pub block: u64,
    /// Position among the block's observations.
    pub ordinal: u32,
}

/// What the store keeps in memory of the index.
pub(crate) struct ObservationsState {
    /// The next block to read; zero while there is no index.
    pub(crate) next: Bell,
    /// First block whose observations are kept.
    pub(crate) first: AtomicU64,
    /// Held while the index is written; from which block on there may be something to delete.
    pub(crate) writing: Mutex<u64>,
}

impl ObservationsState {
    pub(crate) fn new(next: Option<u64>, first: Option<u64>) -> Self {
        Self {
            next: Bell::new(next.unwrap_or_default()),
            first: AtomicU64::new(first.unwrap_or_default()),
            writing: Mutex::new(0),
        }
    }
}

impl Storage {
    /// The next block that the index lacks; `None` while there is no index.
    pub fn next_unobserved(&self) -> Option<u64> {
        Some(self.store().observations.next.get()).filter(|next| *next > 0)
    }

    /// First block whose observations are kept.
    pub fn first_observed(&self) -> u64 {
        self.store().observations.first.load(Ordering::SeqCst)
    }

    /// Waits until the index has block `number`, no longer than `wait_max`. Answers whether it has.
    pub fn wait_until_observed(&self, number: u64, wait_max: Duration) -> bool {
        self.store().observations.next.wait_above(number, wait_max)
    }

    /// Waits until there is a block above `number`, no longer than `wait_max`. Answers whether there is.
    pub fn wait_for_block_after(&self, number: u64, wait_max: Duration) -> bool {
        self.store().heads.wait_above(number, wait_max)
    }

    /// The mapping that a contract's events (by topic 0) or calls (by selector) were read through at a log of a block; zero or
    /// `None`: none.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn binding_at(
        &self,
        contract: &Address,
        key: &B256,
        block: u64,
        log: u32,
    ) -> Result<Option<B256>, StorageError> {
        let at = binding_key(contract, key, block, log);
        let prefix = &at[..Address::len_bytes().saturating_add(B256::len_bytes())];
        let mut records = self.store().database.records(Column::Bindings, prefix, Purpose::Lookup)?;
        records.seek_for_prev(at);
        let found = match records.item() {
            Some((found, record)) if found.starts_with(prefix) => Some(decode_mapping(record)?),
            _ => None,
        };
        records.status().map_err(StorageError::database("read bindings"))?;
        Ok(found)
    }
}

fn decode_mapping(record: &[u8]) -> Result<B256, StorageError> {
    B256::try_from(record).map_err(|_| StorageError::Damaged {
        column: Column::Bindings.name(),
        reason: format!("a record of {} bytes", record.len()),
    })
}
