//! Adding blocks.
//!
//! ```text
//! commit(N)   wait for room ─► one batch, synced: header, body, receipts, lookups, log index, head marker
//!             ─► note the witness ─► visible ─► background writer, subscribers
//! ```
use crate::{
    ExecutedBlock, RecoveredBlock, Seal, Storage, StorageError, TransactionLocation,
    codec::{
        block::{encode_body, encode_header, encode_location},
        chunk::{CHUNK_ENTRIES, ChunkWriter, encode_receipt, encode_transaction},
        key::{block_key, chunk_key},
        meta,
    },
    columns::Column,
    database::Batch,
    log_index,
    overlay::Tip,
    recent::RecentBlock,
    seal::put_seal,
    store::{Committing, Store},
};
use alloy_primitives::B256;
use crossbeam_channel::TrySendError;
use std::sync::Arc;

impl Storage {
    /// Makes a decided block durable (one sync) and then visible as the head. Its state is written in the background;
    /// waits while too many blocks are unwritten. The parent must be the head.
    ///
    /// # Errors
    /// [`StorageError::NotNext`], [`StorageError::Inconsistent`], [`StorageError::StateRoot`],
    /// [`StorageError::ReplayPending`]: nothing was written. [`StorageError::Database`], [`StorageError::Stopped`]: fatal.
    pub fn commit(&self, executed: ExecutedBlock) -> Result<(), StorageError> {
        commit(self.store(), executed, &Seal::default(), true)
    }

    /// [`Self::commit`] with what its deciders say of the block, in the same batch: nobody sees one without the other.
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_sealed(&self, executed: ExecutedBlock, seal: &Seal) -> Result<(), StorageError> {
        commit(self.store(), executed, seal, true)
    }

    /// Like `commit` for bulk import: durable at the latest at the next [`Self::sync`].
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn commit_unsynced(&self, executed: ExecutedBlock) -> Result<(), StorageError> {
        commit(self.store(), executed, &Seal::default(), false)
    }

    /// Waits until everything committed is durable and its state is written.
    ///
    /// # Errors
    /// [`StorageError::Database`], [`StorageError::Stopped`], [`StorageError::ReadOnly`]
    pub fn sync(&self) -> Result<(), StorageError> {
        let store = self.store();
        let mut committing = store.committing.lock();
        store.queue.wait_until_empty(store)?;
        store.database.sync()?;
        let head = store.tip().head.clone();
        note(store, &mut committing, head.number(), &head.hash)
    }

    /// After a crash the written state may be older than the head block. While this is `Some((first, last))`, the caller
    /// executes these blocks in order on `view_at(first - 1)` and hands each result to [`Self::replay`].
    pub fn blocks_to_replay(&self) -> Option<(u64, u64)> {
        self.store().tip().to_replay()
    }

    /// Takes the re-executed state of the next block to replay; its root must be the stored header's.
    ///
    /// # Errors
    /// [`StorageError::NotReplaying`] for another block, [`StorageError::StateRoot`] if execution gives another state
    /// than it gave before: fatal, as are [`StorageError::Database`] and [`StorageError::Stopped`].
    pub fn replay(&self, executed: ExecutedBlock) -> Result<(), StorageError> {
        let store = self.store();
        let _committing = store.committing.lock();
        if !store.database.is_read_only() {
            store.queue.wait_for_room(store)?;
        }
        let tip = store.tip();
        let number = executed.block.number();
        let next = tip.to_replay().map(|(first, _)| first);
        if next != Some(number) || store.block_hash(number)? != Some(executed.block.hash) {
            return Err(StorageError::NotReplaying { number });
        }
        check_state(&executed, &tip)?;
        store.nodes.insert_update(&executed.state);
        *store.tip.write() = Arc::new(store.tip().with_state(tip.head.clone(), executed.state.clone()));
        if !store.database.is_read_only() {
            store.queue.push(executed.state);
        }
        Ok(())
    }
}

impl Tip {
    fn to_replay(&self) -> Option<(u64, u64)> {
        let first = self.state_number.saturating_add(1);
        (first <= self.head.number()).then_some((first, self.head.number()))
    }
}

fn commit(store: &Store, executed: ExecutedBlock, seal: &Seal, sync: bool) -> Result<(), StorageError> {
    let mut committing = store.committing.lock();
    store.database.check_writable("commit")?;
    check_block(&executed, &store.tip())?;
    store.queue.wait_for_room(store)?;

    let mut batch = store.database.batch();
    put_block(&mut batch, &executed)?;
    put_seal(&mut batch, executed.block.number(), seal)?;
    let (number, hash) = (executed.block.number(), executed.block.hash);
    batch.put(Column::Meta, meta::HEAD, &meta::encode_head(number, &hash))?;
    metrics::counter!("pervade_storage_block_written_bytes").increment(batch.size_bytes() as u64);
    store.database.write(batch, sync)?;
    if sync {
        note(store, &mut committing, number, &hash)?;
    }

    store.recent.insert(RecentBlock::new(&executed));
    store.nodes.insert_update(&executed.state);
    {
        let mut tip = store.tip.write();
        *tip = Arc::new(tip.with_state(executed.block.clone(), executed.state.clone()));
    }
    store.heads.set(number);
    store.queue.push(executed.state.clone());
    committing.subscribers.retain(|subscriber| match subscriber.try_send(executed.clone()) {
        Ok(()) => true,
        Err(TrySendError::Full(_)) => {
            tracing::warn!(number, "a subscriber is too far behind and is dropped");
            false
        }
        Err(TrySendError::Disconnected(_)) => false,
    });
    Ok(())
}

/// A note that cannot be written is a write that failed: fatal.
pub(crate) fn note(store: &Store, committing: &mut Committing, number: u64, hash: &B256) -> Result<(), StorageError> {
    let noted = committing.notes.note(number, hash);
    noted.inspect_err(|error| store.database.fail(error.to_string()))
}

fn check_block(executed: &ExecutedBlock, tip: &Tip) -> Result<(), StorageError> {
    if let Some((first, last)) = tip.to_replay() {
        return Err(StorageError::ReplayPending { first, last });
    }
    let block = &executed.block;
    let (number, parent) = (block.number(), block.header().parent_hash);
    if Some(number) != tip.head.number().checked_add(1) || parent != tip.head.hash {
        let (head_number, head) = (tip.head.number(), tip.head.hash);
        return Err(StorageError::NotNext { number, parent, head_number, head });
    }
    let transactions = block.block.body.transactions.len();
    if block.senders.len() != transactions || executed.receipts.len() != transactions {
        let (senders, receipts) = (block.senders.len(), executed.receipts.len());
        let reason = format!("{transactions} transactions, {senders} senders, {receipts} receipts");
        return Err(StorageError::Inconsistent { number, reason });
    }
    check_state(executed, tip)
}

fn check_state(executed: &ExecutedBlock, tip: &Tip) -> Result<(), StorageError> {
    let (number, state) = (executed.block.number(), &executed.state);
    if state.number != number || state.parent_root != tip.state_root {
        let reason = format!("its state is that of block {} on {}", state.number, state.parent_root);
        return Err(StorageError::Inconsistent { number, reason });
    }
    let (expected, computed) = (executed.block.header().state_root, state.state_root);
    if expected != computed {
        return Err(StorageError::StateRoot { number, expected, computed });
    }
    Ok(())
}

/// Adds all records of a block but those of its state.
pub(crate) fn put_block(batch: &mut Batch<'_>, executed: &ExecutedBlock) -> Result<(), StorageError> {
    let block = &*executed.block;
    let number = block.number();
    let key = block_key(number);
    let header = encode_header(&block.hash, &executed.total_difficulty, block.header());
    batch.put(Column::Headers, &key, &header)?;
    batch.put(Column::BlockNumbers, block.hash.as_slice(), &key)?;
    let count = u32::try_from(block.block.body.transactions.len())
        .map_err(|_| StorageError::Inconsistent { number, reason: "more transactions than 32 bits count".into() })?;
    batch.put(Column::Bodies, &key, &encode_body(&block.block, count))?;
    put_transactions(batch, block)?;
    put_receipts(batch, executed)?;
    put_lookups(batch, block)?;
    for key in log_index::keys(&executed.receipts) {
        batch.put(Column::LogIndex, &key.at(number), &[])?;
    }
    Ok(())
}

fn put_transactions(batch: &mut Batch<'_>, block: &RecoveredBlock) -> Result<(), StorageError> {
    let transactions = &block.block.body.transactions;
    let chunks = transactions.chunks(CHUNK_ENTRIES as usize).zip(block.senders.chunks(CHUNK_ENTRIES as usize));
    for (chunk, (transactions, senders)) in (0u32..).zip(chunks) {
        let mut writer = ChunkWriter::default();
        for (transaction, sender) in transactions.iter().zip(senders) {
            writer.add(|out| encode_transaction(sender, transaction, out))?;
        }
        batch.put(Column::Transactions, &chunk_key(block.number(), chunk), &writer.finish(&[]))?;
    }
    Ok(())
}

fn put_receipts(batch: &mut Batch<'_>, executed: &ExecutedBlock) -> Result<(), StorageError> {
    let (mut gas, mut logs) = (0u64, 0u64);
    for (chunk, receipts) in (0u32..).zip(executed.receipts.chunks(CHUNK_ENTRIES as usize)) {
        let mut writer = ChunkWriter::default();
        let mut prefix = [0; 16];
        prefix[..8].copy_from_slice(&gas.to_be_bytes());
        prefix[8..].copy_from_slice(&logs.to_be_bytes());
        for receipt in receipts {
            writer.add(|out| encode_receipt(receipt, out))?;
            gas = receipt.cumulative_gas_used;
            logs = logs.saturating_add(receipt.logs.len() as u64);
        }
        batch.put(Column::Receipts, &chunk_key(executed.block.number(), chunk), &writer.finish(&prefix))?;
    }
    Ok(())
}

/// Sorted, because RocksDB takes sorted keys faster.
fn put_lookups(batch: &mut Batch<'_>, block: &RecoveredBlock) -> Result<(), StorageError> {
    let block_number = block.number();
    let mut lookups: Vec<_> = block
        .block
        .body
        .transactions
        .iter()
        .zip(0u32..)
        .map(|(transaction, index)| (transaction.tx_hash(), index))
        .collect();
    lookups.sort_unstable();
    for (hash, index) in lookups {
        let at = encode_location(&TransactionLocation { block_number, index });
        batch.put(Column::TransactionLookup, hash.as_slice(), &at)?;
    }
    Ok(())
}
