//! Writing the canonical index, and taking it back.
use super::{BindingChange, BlockObservations, ObservationPosition};
use crate::{
    Storage, StorageError,
    codec::{
        key::block_key,
        meta,
        observation::{
            ObservationKey, binding_key, decode_observation, decode_position, encode_observation, position_key,
        },
    },
    columns::Column,
    database::{Batch, Database, Purpose},
    store::Store,
};
use std::sync::atomic::Ordering;

/// Columns of the index.
pub(crate) const COLUMNS: [Column; 3] = [Column::Observations, Column::ObservationIndex, Column::Bindings];
/// Old observations that are deleted along with one block, beside as many as the block has: more than none, so that a window
/// that was made shorter is reached.
const PRUNED_PER_BLOCK: usize = 1_024;
/// Records that are deleted in one batch.
const DELETED_PER_BATCH: usize = 16_384;

impl Storage {
    /// Removes the whole index. If this is interrupted there is none either, and the next call goes on.
    ///
    /// # Errors
    /// [`StorageError::ReadOnly`]; a write failed, which is fatal.
    pub fn clear_observations(&self) -> Result<(), StorageError> {
        let store = self.store();
        let mut prune_from = store.observations.writing.lock();
        let database = &store.database;
        database.check_writable("clear the index of observations")?;
        // Without its marker there is no index: what follows may be interrupted.
        let mut batch = database.batch();
        batch.delete(Column::Meta, meta::OBSERVED)?;
        batch.delete(Column::Meta, meta::FIRST_OBSERVED)?;
        database.write(batch, true)?;
        store.observations.next.set(0);
        for column in COLUMNS {
            while delete_some(database, column)? {}
        }
        *prune_from = 0;
        Ok(())
    }

    /// Adds bindings of a block before the first that is to be read; only while there is no index.
    ///
    /// # Errors
    /// [`StorageError::Inconsistent`] if there is an index; a write failed, which is fatal.
    pub fn put_bindings(&self, block: u64, bindings: &[BindingChange]) -> Result<(), StorageError> {
        let store = self.store();
        let _one_at_a_time = store.observations.writing.lock();
        check_next(store, block, 0)?;
        let mut batch = store.database.batch();
        put_bindings(&mut batch, block, bindings)?;
        store.database.write(batch, false)
    }

    /// From now on there is an index: of blocks from `first` on, at least 1.
    ///
    /// # Errors
    /// [`StorageError::Inconsistent`] if there is one already; a write failed, which is fatal.
    pub fn begin_observations(&self, first: u64) -> Result<(), StorageError> {
        let store = self.store();
        let _one_at_a_time = store.observations.writing.lock();
        let first = first.max(1);
        check_next(store, first, 0)?;
        let mut batch = store.database.batch();
        batch.put(Column::Meta, meta::OBSERVED, &block_key(first))?;
        batch.put(Column::Meta, meta::FIRST_OBSERVED, &block_key(first))?;
        store.database.write(batch, true)?;
        store.observations.first.store(first, Ordering::SeqCst);
        store.observations.next.set(first);
        Ok(())
    }

    /// Adds what block `number` says: the next one, which must be there. Not synced: see the module's text. What left the
    /// history window goes.
    ///
    /// # Errors
    /// [`StorageError::Inconsistent`] for another block, [`StorageError::UnknownBlock`] above the head; a write failed, which
    /// is fatal.
    pub fn put_observations(&self, number: u64, block: &BlockObservations) -> Result<(), StorageError> {
        let store = self.store();
        let mut prune_from = store.observations.writing.lock();
        check_next(store, number, number)?;
        if number > self.head().number() {
            return Err(StorageError::UnknownBlock { number });
        }
        let mut batch = store.database.batch();
        for (record, ordinal) in block.observations.iter().zip(0u32..) {
            let position = ObservationPosition { block: number, ordinal };
            batch.put(Column::Observations, &position_key(position), &encode_observation(record)?)?;
            for key in ObservationKey::of(record) {
                batch.put(Column::ObservationIndex, &key.at(position), &[])?;
            }
        }
        put_bindings(&mut batch, number, &block.bindings)?;

        let first_before = store.observations.first.load(Ordering::SeqCst);
        let first = first_before.max(store.options.history.first_kept(number));
        if first > first_before {
            batch.put(Column::Meta, meta::FIRST_OBSERVED, &block_key(first))?;
            store.observations.first.store(first, Ordering::SeqCst);
        }
        let count_max = block.observations.len().saturating_add(PRUNED_PER_BLOCK);
        // What this batch adds is not there yet to be deleted.
        *prune_from = prune(&store.database, &mut batch, *prune_from, first.min(number), count_max)?;
        let next = number.saturating_add(1);
        batch.put(Column::Meta, meta::OBSERVED, &block_key(next))?;
        store.database.write(batch, false)?;
        store.observations.next.set(next);
        Ok(())
    }
}

fn check_next(store: &Store, number: u64, expected: u64) -> Result<(), StorageError> {
    store.database.check_writable("write the index of observations")?;
    let next = store.observations.next.get();
    if next == expected {
        return Ok(());
    }
    let reason = match next {
        0 => "there is no index of observations to add to".to_owned(),
        next => format!("the index of observations goes on with block {next}"),
    };
    Err(StorageError::Inconsistent { number, reason })
}

fn put_bindings(batch: &mut Batch<'_>, block: u64, bindings: &[BindingChange]) -> Result<(), StorageError> {
    for change in bindings {
        let key = binding_key(&change.contract, &change.key, block, change.log);
        batch.put(Column::Bindings, &key, change.mapping_id.as_slice())?;
    }
    Ok(())
}

/// False: there was nothing left.
fn delete_some(database: &Database, column: Column) -> Result<bool, StorageError> {
    let mut batch = database.batch();
    let mut count = 0usize;
    database.for_each(column, &[], |key, _| {
        batch.delete(column, key)?;
        count = count.saturating_add(1);
        Ok(count < DELETED_PER_BATCH)
    })?;
    database.write(batch, false)?;
    Ok(count > 0)
}

/// Adds to `batch` the deletion of observations of blocks in `from..first`, `count_max` at most. Answers where to go on.
fn prune(
    database: &Database,
    batch: &mut Batch<'_>,
    from: u64,
    first: u64,
    count_max: usize,
) -> Result<u64, StorageError> {
    if from >= first {
        return Ok(from);
    }
    let mut count = 0usize;
    let mut records = database.records(Column::Observations, &[], Purpose::Scan)?;
    records.seek(block_key(from));
    while let Some((key, record)) = records.item() {
        let position = decode_position(Column::Observations, key)?;
        if position.block >= first {
            break;
        }
        if count == count_max {
            return Ok(position.block);
        }
        delete(batch, position, record)?;
        count = count.saturating_add(1);
        records.next();
    }
    records.status().map_err(StorageError::database("read observations"))?;
    Ok(first)
}

fn delete(batch: &mut Batch<'_>, position: ObservationPosition, record: &[u8]) -> Result<(), StorageError> {
    for key in ObservationKey::of(&decode_observation(record)?) {
        batch.delete(Column::ObservationIndex, &key.at(position))?;
    }
    batch.delete(Column::Observations, &position_key(position))
}

/// Deletes what is older than `first`, for pruning on request.
pub(crate) fn prune_to(store: &Store, first: u64) -> Result<(), StorageError> {
    let mut prune_from = store.observations.writing.lock();
    if store.observations.next.get() == 0 {
        return Ok(());
    }
    // The block that is read next is the first to stay if the index is behind.
    let first = first.min(store.observations.next.get()).max(store.observations.first.load(Ordering::SeqCst));
    store.observations.first.store(first, Ordering::SeqCst);
    loop {
        let mut batch = store.database.batch();
        batch.put(Column::Meta, meta::FIRST_OBSERVED, &block_key(first))?;
        *prune_from = prune(&store.database, &mut batch, *prune_from, first, DELETED_PER_BATCH)?;
        let done = *prune_from >= first;
        store.database.write(batch, done)?;
        if done {
            return Ok(());
        }
    }
}

/// Takes blocks above `number` out of the index, before they go.
pub(crate) fn unwind(store: &Store, number: u64) -> Result<(), StorageError> {
    let _one_at_a_time = store.observations.writing.lock();
    let next = number.saturating_add(1);
    if store.observations.next.get() <= next {
        return Ok(());
    }
    let database = &store.database;
    let mut batch = database.batch();
    let mut records = database.records(Column::Observations, &[], Purpose::Scan)?;
    records.seek(block_key(next));
    while let Some((key, record)) = records.item() {
        delete(&mut batch, decode_position(Column::Observations, key)?, record)?;
        records.next();
    }
    records.status().map_err(StorageError::database("read observations"))?;
    database.for_each(Column::Bindings, &[], |key, _| {
        if decode_position(Column::Bindings, key)?.block >= next {
            batch.delete(Column::Bindings, key)?;
        }
        Ok(true)
    })?;
    batch.put(Column::Meta, meta::OBSERVED, &block_key(next))?;
    database.write(batch, false)?;
    store.observations.next.set(next);
    Ok(())
}
