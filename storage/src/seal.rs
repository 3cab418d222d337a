//! What those who decided a block say of it: commit certificate, change of the validator set; and evidence.
//!
//! All of it is opaque here: whoever writes it knows what it means.
use crate::{
    Storage, StorageError,
    codec::{Cursor, key::block_key},
    columns::Column,
    database::{Batch, Purpose},
};
use alloy_primitives::{Bytes, keccak256};

/// Pieces of evidence that are kept for one height: two for each validator of the largest set. Whoever signs twice can
/// sign a thousand times; more proofs of it prove no more.
pub const EVIDENCE_PER_HEIGHT_MAX: usize = 256;

/// What is stored beside a block, in the same batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seal {
    /// Commit certificate; `None` on chains without validators, and where one validator makes all blocks.
    pub certificate: Option<Bytes>,
    /// The encoded validator set that decides the next block, if it is another one than decided this block.
    pub next_validators: Option<Bytes>,
}

/// A block after which other validators decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatorChange {
    /// The block, decided by the old set.
    pub number: u64,
    /// The encoded set that decides the next one.
    pub next_validators: Bytes,
}

/// A stored proof that a validator broke the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// Height at which it did.
    pub height: u64,
    /// The proof.
    pub proof: Bytes,
}

impl Storage {
    /// The commit certificate of a block; `None` if the block is unknown or was stored without one.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn certificate(&self, number: u64) -> Result<Option<Bytes>, StorageError> {
        if number > self.head().number() {
            return Ok(None);
        }
        let record = self.store().database.get(Column::Certificates, &block_key(number))?;
        Ok(record.map(|record| Bytes::copy_from_slice(&record)))
    }

    /// The last change of the validator set at or before block `number`; `None` while the genesis set decides.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn last_validator_change(&self, number: u64) -> Result<Option<ValidatorChange>, StorageError> {
        let mut records = self.store().database.records(Column::ValidatorChanges, &[], Purpose::Lookup)?;
        records.seek_for_prev(block_key(number));
        let found = records.item().map(|(key, value)| decode_change(key, value)).transpose()?;
        records.status().map_err(StorageError::database("seek"))?;
        Ok(found)
    }

    /// Changes of the validator set at blocks `first` to `last`, in order, at most `count_max`.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn validator_changes(
        &self,
        first: u64,
        last: u64,
        count_max: usize,
    ) -> Result<Vec<ValidatorChange>, StorageError> {
        let last = last.min(self.head().number());
        let mut records = self.store().database.records(Column::ValidatorChanges, &[], Purpose::Lookup)?;
        records.seek(block_key(first));
        let mut changes = Vec::new();
        while let Some((key, value)) = records.item().filter(|_| changes.len() < count_max) {
            let change = decode_change(key, value)?;
            if change.number > last {
                break;
            }
            changes.push(change);
            records.next();
        }
        records.status().map_err(StorageError::database("scan"))?;
        Ok(changes)
    }

    /// Keeps a proof, durably. Answers whether it is new: not one that is kept already, nor one too many for its height
    /// ([`EVIDENCE_PER_HEIGHT_MAX`]).
    ///
    /// # Errors
    /// As [`Self::commit`].
    pub fn add_evidence(&self, height: u64, proof: &[u8]) -> Result<bool, StorageError> {
        let store = self.store();
        // Counting and writing belong together.
        let _one_at_a_time = store.committing.lock();
        let database = &store.database;
        let mut kept = 0usize;
        database.for_each(Column::Evidence, &block_key(height), |_, _| {
            kept = kept.saturating_add(1);
            Ok(true)
        })?;
        let key = evidence_key(height, proof);
        if kept >= EVIDENCE_PER_HEIGHT_MAX || database.get(Column::Evidence, &key)?.is_some() {
            return Ok(false);
        }
        let mut batch = database.batch();
        batch.put(Column::Evidence, &key, proof)?;
        database.write(batch, true)?;
        Ok(true)
    }

    /// Evidence from height `first` on, lowest height first, at most `count_max`.
    ///
    /// # Errors
    /// A record cannot be read.
    pub fn evidence(&self, first: u64, count_max: usize) -> Result<Vec<Evidence>, StorageError> {
        let mut records = self.store().database.records(Column::Evidence, &[], Purpose::Lookup)?;
        records.seek(block_key(first));
        let mut found = Vec::new();
        while let Some((key, value)) = records.item().filter(|_| found.len() < count_max) {
            let height = Cursor::new(Column::Evidence.name(), key).u64()?;
            found.push(Evidence { height, proof: Bytes::copy_from_slice(value) });
            records.next();
        }
        records.status().map_err(StorageError::database("scan"))?;
        Ok(found)
    }
}

/// Adds a block's seal to the batch of the block.
pub(crate) fn put_seal(batch: &mut Batch<'_>, number: u64, seal: &Seal) -> Result<(), StorageError> {
    if let Some(certificate) = &seal.certificate {
        batch.put(Column::Certificates, &block_key(number), certificate)?;
    }
    if let Some(next_validators) = &seal.next_validators {
        batch.put(Column::ValidatorChanges, &block_key(number), next_validators)?;
    }
    Ok(())
}

fn decode_change(key: &[u8], value: &[u8]) -> Result<ValidatorChange, StorageError> {
    let mut cursor = Cursor::new(Column::ValidatorChanges.name(), key);
    let number = cursor.u64()?;
    cursor.end()?;
    Ok(ValidatorChange { number, next_validators: Bytes::copy_from_slice(value) })
}

/// be8 height, keccak-256 of the proof.
fn evidence_key(height: u64, proof: &[u8]) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&block_key(height));
    key[8..].copy_from_slice(keccak256(proof).as_slice());
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn an_evidence_key_has_its_golden_bytes() {
        let hash = hex::encode(keccak256(b"proof"));
        assert_eq!(hex::encode(evidence_key(0x0102, b"proof")), format!("0000000000000102{hash}"));
    }
}
