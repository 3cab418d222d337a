//! Reading blocks, transactions and receipts.
use crate::{
    Block, Receipt, RecoveredBlock, Storage, StorageError, Transaction, TransactionLocation,
    codec::{
        block::{decode_body, decode_header, decode_header_prefix, decode_location, decode_transaction_count},
        chunk::{CHUNK_ENTRIES, ChunkReader, decode_receipt, decode_transaction},
        key::{block_key, chunk_key},
        meta::decode_u64,
    },
    columns::Column,
    database::Database,
};
use alloy_consensus::{BlockBody, Header};
use alloy_primitives::{Address, B256, U256};
use std::sync::Arc;

impl Storage {
    /// Number of a canonical block.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn block_number(&self, hash: &B256) -> Result<Option<u64>, StorageError> {
        let record = self.store().database.get(Column::BlockNumbers, hash.as_slice())?;
        let number = record.map(|record| decode_u64(&record)).transpose()?;
        Ok(number.filter(|number| self.is_visible(*number)))
    }

    /// Hash of a canonical block.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StorageError> {
        if self.is_visible(number) { self.store().block_hash(number) } else { Ok(None) }
    }

    /// Header without its body.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn header(&self, number: u64) -> Result<Option<Header>, StorageError> {
        if let Some(recent) = self.store().recent.get(number) {
            return Ok(Some(recent.block.header().clone()));
        }
        if !self.is_visible(number) {
            return Ok(None);
        }
        let record = self.store().database.get(Column::Headers, &block_key(number))?;
        record.map(|record| Ok(decode_header(&record)?.2)).transpose()
    }

    /// Sum of difficulties up to and with this block.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn total_difficulty(&self, number: u64) -> Result<Option<U256>, StorageError> {
        if let Some(recent) = self.store().recent.get(number) {
            return Ok(Some(recent.total_difficulty));
        }
        if !self.is_visible(number) {
            return Ok(None);
        }
        let record = self.store().database.get(Column::Headers, &block_key(number))?;
        record.map(|record| Ok(decode_header_prefix(&record)?.1)).transpose()
    }

    /// Whole block with senders; recent ones come from memory.
    ///
    /// # Errors
    /// A record cannot be read, or is missing.
    pub fn block(&self, number: u64) -> Result<Option<Arc<RecoveredBlock>>, StorageError> {
        if let Some(recent) = self.store().recent.get(number) {
            return Ok(Some(recent.block.clone()));
        }
        if !self.is_visible(number) {
            return Ok(None);
        }
        Ok(read_block(&self.store().database, number)?.map(Arc::new))
    }

    /// All receipts of a block; recent ones come from memory.
    ///
    /// # Errors
    /// A record cannot be read, or is missing.
    pub fn receipts(&self, number: u64) -> Result<Option<Arc<Vec<Receipt>>>, StorageError> {
        if let Some(recent) = self.store().recent.get(number) {
            return Ok(Some(recent.receipts.clone()));
        }
        if !self.is_visible(number) {
            return Ok(None);
        }
        Ok(read_receipts(&self.store().database, number)?.map(Arc::new))
    }

    /// Number of transactions in a block.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn transaction_count(&self, number: u64) -> Result<Option<u32>, StorageError> {
        if !self.is_visible(number) {
            return Ok(None);
        }
        let record = self.store().database.get(Column::Bodies, &block_key(number))?;
        record.map(|record| decode_transaction_count(&record)).transpose()
    }

    /// Where a transaction is.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn transaction_location(&self, hash: &B256) -> Result<Option<TransactionLocation>, StorageError> {
        let record = self.store().database.get(Column::TransactionLookup, hash.as_slice())?;
        let at = record.map(|record| decode_location(&record)).transpose()?;
        Ok(at.filter(|at| self.is_visible(at.block_number)))
    }

    /// One transaction and its sender; reads the record around it, not the block.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn transaction(&self, at: TransactionLocation) -> Result<Option<(Transaction, Address)>, StorageError> {
        if let Some(recent) = self.store().recent.get(at.block_number) {
            let index = usize::try_from(at.index).unwrap_or(usize::MAX);
            let transaction = recent.block.block.body.transactions.get(index).cloned();
            return Ok(transaction.zip(recent.block.senders.get(index).copied()));
        }
        if !self.is_visible(at.block_number) {
            return Ok(None);
        }
        let (chunk, index) = place(at.index);
        let key = chunk_key(at.block_number, chunk);
        let Some(record) = self.store().database.get(Column::Transactions, &key)? else { return Ok(None) };
        let entries = ChunkReader::transactions(&record)?;
        if index >= entries.len() {
            return Ok(None);
        }
        decode_transaction(entries.entry(index)?).map(Some)
    }

    /// One receipt, the gas used in the block before it, and the number of logs in the block before it.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn receipt(&self, at: TransactionLocation) -> Result<Option<(Receipt, u64, u64)>, StorageError> {
        if let Some(recent) = self.store().recent.get(at.block_number) {
            return Ok(recent.receipt(usize::try_from(at.index).unwrap_or(usize::MAX)));
        }
        if !self.is_visible(at.block_number) {
            return Ok(None);
        }
        let (chunk, index) = place(at.index);
        let key = chunk_key(at.block_number, chunk);
        let Some(record) = self.store().database.get(Column::Receipts, &key)? else { return Ok(None) };
        let (mut gas, mut logs, entries) = ChunkReader::receipts(&record)?;
        if index >= entries.len() {
            return Ok(None);
        }
        for earlier in 0..index {
            let earlier = decode_receipt(entries.entry(earlier)?)?;
            gas = earlier.cumulative_gas_used;
            logs = logs.saturating_add(earlier.logs.len() as u64);
        }
        Ok(Some((decode_receipt(entries.entry(index)?)?, gas, logs)))
    }

    /// A block that is being committed is in the database a moment before it is the head.
    fn is_visible(&self, number: u64) -> bool {
        number <= self.store().tip.read().head.number()
    }
}

/// Chunk of a transaction, and its place in it.
const fn place(index: u32) -> (u32, usize) {
    (index / CHUNK_ENTRIES, (index % CHUNK_ENTRIES) as usize)
}

/// A block from its records.
pub(crate) fn read_block(database: &Database, number: u64) -> Result<Option<RecoveredBlock>, StorageError> {
    let key = block_key(number);
    let Some(header) = database.get(Column::Headers, &key)? else { return Ok(None) };
    let (hash, _, header) = decode_header(&header)?;
    let Some(body) = database.get(Column::Bodies, &key)? else {
        return Err(missing(Column::Bodies, number));
    };
    let body = decode_body(&body)?;
    let mut transactions = Vec::new();
    let mut senders = Vec::new();
    for_each_entry(database, Column::Transactions, number, body.transaction_count, |entry| {
        let (transaction, sender) = decode_transaction(entry)?;
        transactions.push(transaction);
        senders.push(sender);
        Ok(())
    })?;
    let body = BlockBody { transactions, ommers: body.ommers, withdrawals: body.withdrawals };
    Ok(Some(RecoveredBlock { hash, block: Block { header, body }, senders }))
}

/// A block's receipts from their records.
pub(crate) fn read_receipts(database: &Database, number: u64) -> Result<Option<Vec<Receipt>>, StorageError> {
    let Some(body) = database.get(Column::Bodies, &block_key(number))? else { return Ok(None) };
    let count = decode_transaction_count(&body)?;
    let mut receipts = Vec::new();
    for_each_entry(database, Column::Receipts, number, count, |entry| {
        receipts.push(decode_receipt(entry)?);
        Ok(())
    })?;
    Ok(Some(receipts))
}

fn for_each_entry(
    database: &Database,
    column: Column,
    number: u64,
    count: u32,
    mut each: impl FnMut(&[u8]) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut found = 0u32;
    for chunk in 0..count.div_ceil(CHUNK_ENTRIES) {
        let Some(record) = database.get(column, &chunk_key(number, chunk))? else {
            return Err(missing(column, number));
        };
        let entries = match column {
            Column::Receipts => ChunkReader::receipts(&record)?.2,
            _ => ChunkReader::transactions(&record)?,
        };
        for index in 0..entries.len() {
            each(entries.entry(index)?)?;
            found = found.saturating_add(1);
        }
    }
    if found == count { Ok(()) } else { Err(missing(column, number)) }
}

fn missing(column: Column, number: u64) -> StorageError {
    StorageError::Damaged { column: column.name(), reason: format!("records of block {number} are missing") }
}
