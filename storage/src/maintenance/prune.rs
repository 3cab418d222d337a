//! Cutting history on request.
use crate::{
    FreedContent, Storage, StorageError,
    codec::{key::block_key, meta},
    columns::Column,
    database::handle,
    history, observations,
};
use std::sync::atomic::Ordering;

/// Blocks whose history is deleted in one batch.
const BLOCKS_PER_BATCH: usize = 64;

/// What was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PruneReport {
    /// First block whose state was kept before.
    pub first_state_before: u64,
    /// First block whose state is kept now.
    pub first_state: u64,
    /// Long values of precompiles that no kept state names.
    pub freed: FreedContent,
}

impl Storage {
    /// Keeps the state and the observations of the latest `blocks` blocks only (at least one), and gives the space back to
    /// the disk.
    ///
    /// # Errors
    /// [`StorageError::ReadOnly`]; a write failed, which is fatal.
    pub fn prune_history(&self, blocks: u64) -> Result<PruneReport, StorageError> {
        let store = self.store();
        let _committing = store.committing.lock();
        store.database.check_writable("prune")?;
        store.queue.wait_until_empty(store)?;

        let first_state_before = self.first_state();
        let state = store.tip().state_number;
        let first_state = first_state_before.max(state.saturating_add(1).saturating_sub(blocks.max(1)));
        store.first_state.store(first_state, Ordering::SeqCst);
        let mut from = 0;
        let mut freed = FreedContent::default();
        loop {
            let mut batch = store.database.batch();
            batch.put(Column::Meta, meta::FIRST_STATE, &block_key(first_state))?;
            let pruned = history::prune(&store.database, &mut batch, from, first_state, BLOCKS_PER_BATCH)?;
            from = pruned.next;
            freed.add(pruned.freed);
            let done = from > first_state;
            store.database.write(batch, done)?;
            if done {
                break;
            }
        }
        observations::prune_to(store, first_state)?;
        if let Some(rocks) = store.database.rocks() {
            let emptied = [
                Column::History,
                Column::HistoryIndex,
                Column::Content,
                Column::ContentRefs,
                Column::Observations,
                Column::ObservationIndex,
            ];
            for column in emptied {
                rocks.compact_range_cf(handle(rocks, column)?, None::<&[u8]>, None::<&[u8]>);
            }
        }
        Ok(PruneReport { first_state_before, first_state, freed })
    }
}
