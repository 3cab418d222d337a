//! Taking blocks back: for imports of chains with side branches, and for conformance tests. Pervade itself never reorganises.
use crate::{
    Storage, StorageError,
    blocks::{read_block, read_receipts},
    codec::{
        chunk::CHUNK_ENTRIES,
        key::{block_key, chunk_key},
        meta,
    },
    columns::Column,
    commit::note,
    database::{Batch, Database},
    history, log_index, observations,
    open::read_tip,
    store::Store,
};
use std::sync::{Arc, atomic::Ordering};

impl Storage {
    /// Takes blocks above `number` back, state included. Inside the history window. Views of removed blocks must not be
    /// used any more.
    ///
    /// # Errors
    /// [`StorageError::UnknownBlock`] above the head, [`StorageError::Pruned`] below the window,
    /// [`StorageError::ReplayPending`] after a crash: nothing has changed. Others are fatal.
    pub fn unwind(&self, number: u64) -> Result<(), StorageError> {
        let store = &**self.store();
        let mut committing = store.committing.lock();
        store.database.check_writable("unwind")?;
        let head = store.tip().head.number();
        if number > head {
            return Err(StorageError::UnknownBlock { number });
        }
        if let Some((first, last)) = self.blocks_to_replay() {
            return Err(StorageError::ReplayPending { first, last });
        }
        store.queue.wait_until_empty(store)?;
        store.check_kept(number)?;
        if number == head {
            return Ok(());
        }

        // The witness goes back first: it must never be ahead of the database.
        let hash = store.block_hash(number)?.ok_or(StorageError::UnknownBlock { number })?;
        note(store, &mut committing, number, &hash)?;
        committing.notes.sync().inspect_err(|error| store.database.fail(error.to_string()))?;
        store.unwinds.fetch_add(1, Ordering::SeqCst);
        let unwound = unwind(store, number, head);
        store.unwinds.fetch_add(1, Ordering::SeqCst);
        unwound.inspect_err(|error| store.database.fail(error.to_string()))
    }
}

fn unwind(store: &Store, number: u64, head: u64) -> Result<(), StorageError> {
    let database = &store.database;
    observations::unwind(store, number)?;
    for block in (number.saturating_add(1)..=head).rev() {
        let mut batch = database.batch();
        history::revert_block(database, &mut batch, block)?;
        let parent = block.saturating_sub(1);
        let hash = store.block_hash(parent)?.ok_or(StorageError::UnknownBlock { number: parent })?;
        delete_block(database, &mut batch, block)?;
        batch.put(Column::Meta, meta::HEAD, &meta::encode_head(parent, &hash))?;
        database.write(batch, parent == number)?;
    }
    store.recent.truncate(number);
    let tip = read_tip(database, number, number)?;
    *store.tip.write() = Arc::new(tip);
    store.heads.set(number);
    store.writing_to.store(number, Ordering::SeqCst);
    Ok(())
}

fn delete_block(database: &Database, batch: &mut Batch<'_>, number: u64) -> Result<(), StorageError> {
    let key = block_key(number);
    let Some(block) = read_block(database, number)? else { return Err(StorageError::UnknownBlock { number }) };
    let receipts = read_receipts(database, number)?.unwrap_or_default();
    for log_key in log_index::keys(&receipts) {
        batch.delete(Column::LogIndex, &log_key.at(number))?;
    }
    for transaction in &block.block.body.transactions {
        batch.delete(Column::TransactionLookup, transaction.tx_hash().as_slice())?;
    }
    for (chunk, _) in (0u32..).zip(block.senders.chunks(CHUNK_ENTRIES as usize)) {
        batch.delete(Column::Transactions, &chunk_key(number, chunk))?;
        batch.delete(Column::Receipts, &chunk_key(number, chunk))?;
    }
    batch.delete(Column::Certificates, &key)?;
    batch.delete(Column::ValidatorChanges, &key)?;
    batch.delete(Column::Bodies, &key)?;
    batch.delete(Column::BlockNumbers, block.hash.as_slice())?;
    batch.delete(Column::Headers, &key)
}
