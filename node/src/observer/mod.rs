//! The observer: reads blocks, as they are committed, into the canonical index.
//!
//! ```text
//!   commit ──► heads ┄┄► observer ──► interpret (evm-ext) ──► index (storage) ──► announced to subscribers
//!                          │
//!                          └─ after a start: on from where the index ends; from the beginning if there is none
//! ```
//! Nobody waits for it: it follows the chain on a thread of its own. What it writes follows from blocks alone, so the index is
//! the same on every node that keeps the same history, whenever and how often it was interrupted.
mod thread;

pub use thread::ObserverThread;

use crate::NodeError;
use alloy_primitives::{Address, B256};
use pervade_chainspec::{ChainSpec, params::SEMANTICS_ADDRESS};
use pervade_evm_ext::{
    StoredMapping,
    canonical::{CanonicalContext, binding_topics, bindings_of, interpret_block},
    mapping,
};
use pervade_rpc::ObservedBlock;
use pervade_storage::{LogFilter, Storage, StorageError};
use std::{collections::BTreeMap, sync::Arc};

/// Mappings that are kept ready; all are forgotten when there are more. A consortium has some hundreds.
const MAPPINGS_KEPT_MAX: usize = 1_024;
/// Blocks that the log index names at once while bindings are looked for.
const BINDING_BLOCKS: usize = 1_024;
/// How often a view is taken anew because the block it was of left the history window meanwhile.
const VIEWS_MAX: usize = 8;

/// Reads blocks in order into the canonical index of one data directory.
pub struct Observer {
    spec: Arc<ChainSpec>,
    storage: Storage,
    mappings: BTreeMap<B256, StoredMapping>,
}

impl Observer {
    /// For the chain of this directory. Its lost state must have been executed again.
    pub fn new(spec: Arc<ChainSpec>, storage: Storage) -> Self {
        Self { spec, storage, mappings: BTreeMap::new() }
    }

    /// Whether blocks of this chain can say anything in canonical form.
    pub fn is_of_use(spec: &ChainSpec) -> bool {
        spec.pervade().is_some()
    }

    /// Makes sure that there is an index to add to. A new one begins where the history of the state does, with the bindings of
    /// all blocks before.
    ///
    /// # Errors
    /// A block cannot be read, or a write failed.
    pub fn prepare(&mut self) -> Result<(), NodeError> {
        if self.storage.next_unobserved().is_some() {
            return Ok(());
        }
        self.storage.clear_observations()?;
        let first = self.storage.first_state().max(1);
        self.bindings_before(first)?;
        self.storage.begin_observations(first)?;
        tracing::info!(first, "a new index of observations begins");
        Ok(())
    }

    fn bindings_before(&self, first: u64) -> Result<(), NodeError> {
        let filter = LogFilter { addresses: vec![SEMANTICS_ADDRESS], topics: vec![binding_topics().to_vec()] };
        let mut next = 1;
        while next < first {
            let blocks = self.storage.blocks_with_logs(&filter, next, first - 1, BINDING_BLOCKS)?;
            for number in &blocks {
                if let Some(receipts) = self.storage.receipts(*number)? {
                    self.storage.put_bindings(*number, &bindings_of(&receipts))?;
                }
            }
            match blocks.last() {
                Some(last) if blocks.len() == BINDING_BLOCKS => next = last + 1,
                _ => break,
            }
        }
        Ok(())
    }

    /// Reads the next block; `None` if the index has all there are.
    ///
    /// # Errors
    /// As [`Self::prepare`], which must have been called.
    pub fn advance(&mut self) -> Result<Option<ObservedBlock>, NodeError> {
        let Some(number) = self.storage.next_unobserved() else { return Ok(None) };
        if number > self.storage.head().number() {
            return Ok(None);
        }
        let block = self.storage.block(number)?.ok_or(StorageError::UnknownBlock { number })?;
        let receipts = self.storage.receipts(number)?.ok_or(StorageError::UnknownBlock { number })?;
        let mut context = Context { observer: self, number };
        let canonical = interpret_block(&block, &receipts, &mut context)?;
        for unread in &canonical.unread {
            tracing::debug!(
                height = number,
                transaction = unread.transaction,
                log = unread.log,
                mapping = %unread.mapping_id,
                error = %unread.reason,
                "a mapping does not read what it is bound to"
            );
        }
        self.storage.put_observations(number, &canonical.said)?;
        metrics::counter!("pervade_observations_total").increment(canonical.said.observations.len() as u64);
        metrics::counter!("pervade_observations_unread_total").increment(canonical.unread.len() as u64);
        Ok(Some(ObservedBlock { number, observations: canonical.said.observations }))
    }
}

struct Context<'a> {
    observer: &'a mut Observer,
    number: u64,
}

impl CanonicalContext for Context<'_> {
    fn binding(&mut self, contract: &Address, key: &B256) -> Result<Option<B256>, StorageError> {
        self.observer.storage.binding_at(contract, key, self.number, 0)
    }

    fn mapping(&mut self, id: &B256) -> Result<Option<StoredMapping>, StorageError> {
        if let Some(known) = self.observer.mappings.get(id) {
            return Ok(Some(known.clone()));
        }
        let found = self.observer.stored_mapping(*id)?;
        if self.observer.mappings.len() >= MAPPINGS_KEPT_MAX {
            self.observer.mappings.clear();
        }
        if let Some(found) = &found {
            self.observer.mappings.insert(*id, found.clone());
        }
        Ok(found)
    }
}

impl Observer {
    /// A mapping never changes, so that the newest state will do.
    fn stored_mapping(&self, id: B256) -> Result<Option<StoredMapping>, StorageError> {
        let mut left = VIEWS_MAX;
        loop {
            left -= 1;
            match mapping(&self.spec, self.storage.latest_view(), id) {
                Err(StorageError::Pruned { .. }) if left > 0 => {}
                answer => return answer,
            }
        }
    }
}
