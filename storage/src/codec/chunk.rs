//! Transactions and receipts, up to [`CHUNK_ENTRIES`] in a record, each found without decoding the others.
//!
//! ```text
//! 1 byte     n, number of entries, 1 to 64
//! n times    be4: where the entry ends, counted from the end of this table
//! the rest   the entries, one after the other
//! ```
//! A receipts record begins with sixteen bytes more: be8 gas used in the block before its first transaction, be8 number
//! of logs in the block before it.
use super::Cursor;
use crate::{Receipt, StorageError, Transaction};
use alloy_consensus::{Eip658Value, TxType};
use alloy_eips::eip2718::{Decodable2718, Encodable2718};
use alloy_primitives::{Address, B256};
use alloy_rlp::Encodable;

/// Entries in a record: some 8 KiB of plain transfers, about one block of an SST file.
pub(crate) const CHUNK_ENTRIES: u32 = 64;

const STATUS_FAILURE: u8 = 0;
const STATUS_SUCCESS: u8 = 1;
const STATUS_ROOT: u8 = 2;

/// Puts a record together.
#[derive(Default)]
pub(crate) struct ChunkWriter {
    ends: Vec<u32>,
    entries: Vec<u8>,
}

impl ChunkWriter {
    /// Adds what `encode` appends.
    pub(crate) fn add(&mut self, encode: impl FnOnce(&mut Vec<u8>)) -> Result<(), StorageError> {
        encode(&mut self.entries);
        let end = u32::try_from(self.entries.len()).map_err(|_| StorageError::Damaged {
            column: "transactions",
            reason: format!("{} bytes in {} entries", self.entries.len(), self.ends.len()),
        })?;
        self.ends.push(end);
        Ok(())
    }

    /// The record after `prefix`.
    pub(crate) fn finish(&self, prefix: &[u8]) -> Vec<u8> {
        let mut bytes =
            Vec::with_capacity(size_of_val(&self.ends[..]).saturating_add(self.entries.len()).saturating_add(32));
        bytes.extend_from_slice(prefix);
        bytes.push(self.ends.len() as u8); // CHUNK_ENTRIES at most
        for end in &self.ends {
            bytes.extend_from_slice(&end.to_be_bytes());
        }
        bytes.extend_from_slice(&self.entries);
        bytes
    }
}

/// A record's entries.
pub(crate) struct ChunkReader<'a> {
    column: &'static str,
    ends: &'a [u8],
    entries: &'a [u8],
}

impl<'a> ChunkReader<'a> {
    fn new(mut cursor: Cursor<'a>, column: &'static str) -> Result<Self, StorageError> {
        let count = usize::from(cursor.u8()?);
        let ends = cursor.take(count.saturating_mul(4))?;
        let reader = Self { column, ends, entries: cursor.rest() };
        let end = reader.end(reader.len().saturating_sub(1));
        if end != Some(reader.entries.len()) {
            let reason = format!("{count} entries in {} bytes end at {end:?}", reader.entries.len());
            return Err(StorageError::Damaged { column, reason });
        }
        Ok(reader)
    }

    pub(crate) fn transactions(bytes: &'a [u8]) -> Result<Self, StorageError> {
        Self::new(Cursor::new("transactions", bytes), "transactions")
    }

    /// With the gas used and the number of logs before the first entry.
    pub(crate) fn receipts(bytes: &'a [u8]) -> Result<(u64, u64, Self), StorageError> {
        let mut cursor = Cursor::new("receipts", bytes);
        Ok((cursor.u64()?, cursor.u64()?, Self::new(cursor, "receipts")?))
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len() / 4
    }

    /// Entry `index` of this record.
    pub(crate) fn entry(&self, index: usize) -> Result<&'a [u8], StorageError> {
        let start = match index.checked_sub(1) {
            None => Some(0),
            Some(before) => self.end(before),
        };
        let entry = start.zip(self.end(index)).and_then(|(start, end)| self.entries.get(start..end));
        entry.ok_or_else(|| {
            let reason = format!("entry {index} of {} is outside its record", self.len());
            StorageError::Damaged { column: self.column, reason }
        })
    }

    fn end(&self, index: usize) -> Option<usize> {
        let at = index.checked_mul(4)?;
        let bytes = self.ends.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(u32::from_be_bytes(bytes)).ok()
    }
}

/// ```text
/// 20 bytes   sender
/// the rest   EIP-2718 encoding
/// ```
pub(crate) fn encode_transaction(sender: &Address, transaction: &Transaction, out: &mut Vec<u8>) {
    out.extend_from_slice(sender.as_slice());
    transaction.encode_2718(out);
}

pub(crate) fn decode_transaction(bytes: &[u8]) -> Result<(Transaction, Address), StorageError> {
    let mut cursor = Cursor::new("transactions", bytes);
    let sender = Address::from(cursor.array()?);
    let mut rest = cursor.rest();
    let damaged = |reason| StorageError::Damaged { column: "transactions", reason };
    let transaction = Transaction::decode_2718(&mut rest).map_err(|error| damaged(error.to_string()))?;
    if rest.is_empty() { Ok((transaction, sender)) } else { Err(damaged(format!("{} bytes too many", rest.len()))) }
}

/// ```text
/// 1 byte     type of the transaction
/// 1 byte     0: failure, 1: success, 2: a state root follows (before EIP-658)
/// 32 bytes   state root, if so
/// be8        gas used in the block up to and with this transaction
/// the rest   RLP list of the logs
/// ```
pub(crate) fn encode_receipt(receipt: &Receipt, out: &mut Vec<u8>) {
    out.push(u8::from(receipt.tx_type));
    match receipt.status {
        Eip658Value::Eip658(false) => out.push(STATUS_FAILURE),
        Eip658Value::Eip658(true) => out.push(STATUS_SUCCESS),
        Eip658Value::PostState(root) => {
            out.push(STATUS_ROOT);
            out.extend_from_slice(root.as_slice());
        }
    }
    out.extend_from_slice(&receipt.cumulative_gas_used.to_be_bytes());
    receipt.logs.encode(out);
}

pub(crate) fn decode_receipt(bytes: &[u8]) -> Result<Receipt, StorageError> {
    let mut cursor = Cursor::new("receipts", bytes);
    let tx_type = cursor.u8()?;
    let tx_type = TxType::try_from(tx_type).map_err(|_| cursor.damaged(format!("transaction type {tx_type}")))?;
    let status = match cursor.u8()? {
        STATUS_FAILURE => false.into(),
        STATUS_SUCCESS => true.into(),
        STATUS_ROOT => B256::from(cursor.array()?).into(),
        other => return Err(cursor.damaged(format!("status {other}"))),
    };
    let cumulative_gas_used = cursor.u64()?;
    let logs = cursor.rlp()?;
    cursor.end()?;
    Ok(Receipt { tx_type, status, cumulative_gas_used, logs })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{Signed, TxLegacy};
    use alloy_primitives::{Log, LogData, Signature, U256, hex};

    #[test]
    fn a_receipts_record_has_its_golden_bytes_and_gives_each_entry() {
        let data = LogData::new_unchecked(vec![B256::repeat_byte(2)], vec![3].into());
        let logs = vec![Log { address: Address::repeat_byte(1), data }];
        let first = Receipt { tx_type: TxType::Eip1559, status: true.into(), cumulative_gas_used: 21_000, logs };
        let root = B256::repeat_byte(9);
        let second =
            Receipt { tx_type: TxType::Legacy, status: root.into(), cumulative_gas_used: 42_000, logs: vec![] };
        let mut writer = ChunkWriter::default();
        writer.add(|out| encode_receipt(&first, out)).unwrap();
        writer.add(|out| encode_receipt(&second, out)).unwrap();
        let mut prefix = 5u64.to_be_bytes().to_vec();
        prefix.extend(6u64.to_be_bytes());
        let bytes = writer.finish(&prefix);
        let address = "01".repeat(20);
        let topic = "02".repeat(32);
        let golden = [
            "0000000000000005",
            "0000000000000006",
            "02",
            "00000046",
            "00000071",
            "02010000000000005208",
            &format!("f83af83894{address}e1a0{topic}03"),
            "0002",
            &"09".repeat(32),
            "000000000000a410c0",
        ]
        .concat();
        assert_eq!(hex::encode(&bytes), golden);

        let (gas, logs, reader) = ChunkReader::receipts(&bytes).unwrap();
        assert_eq!((gas, logs, reader.len()), (5, 6, 2));
        assert_eq!(decode_receipt(reader.entry(0).unwrap()).unwrap(), first);
        assert_eq!(decode_receipt(reader.entry(1).unwrap()).unwrap(), second);
        assert!(reader.entry(2).is_err());
    }

    #[test]
    fn a_transactions_record_gives_each_entry_and_no_other() {
        let signature = Signature::new(U256::from(1), U256::from(2), true);
        let transaction = Transaction::Legacy(Signed::new_unhashed(TxLegacy::default(), signature));
        let sender = Address::repeat_byte(7);
        let mut writer = ChunkWriter::default();
        writer.add(|out| encode_transaction(&sender, &transaction, out)).unwrap();
        let bytes = writer.finish(&[]);
        assert_eq!(hex::encode(&bytes), format!("010000001e{}c98080808080801c0102", "07".repeat(20)));
        let reader = ChunkReader::transactions(&bytes).unwrap();
        assert_eq!(decode_transaction(reader.entry(0).unwrap()).unwrap(), (transaction, sender));
        assert!(reader.entry(1).is_err());
        assert!(decode_transaction(&bytes[5..bytes.len() - 1]).is_err());
    }

    #[test]
    fn a_record_whose_table_is_cut_is_damaged() {
        assert!(ChunkReader::transactions(&[]).is_err());
        assert!(ChunkReader::transactions(&[2, 0, 0, 0, 0]).is_err());
        assert!(ChunkReader::transactions(&[1, 0, 0, 0, 9, 1, 2]).is_err());
        assert!(ChunkReader::transactions(&[1, 0, 0, 0, 1, 1, 2]).is_err());
        let reader = ChunkReader::transactions(&[2, 0, 0, 0, 9, 0, 0, 0, 1, 7]).unwrap();
        assert!(reader.entry(0).is_err() && reader.entry(1).is_err());
    }
}
