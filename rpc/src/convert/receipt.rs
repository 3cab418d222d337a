//! Receipts.
use super::{LogJson, Place, Quantity, transaction};
use alloy_consensus::{Eip658Value, Transaction as _, TxReceipt, Typed2718};
use alloy_primitives::Address;
use pervade_storage::{Receipt, Transaction};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A receipt with what its transaction and block say.
pub(crate) struct ReceiptJson<'a> {
    /// The receipt.
    pub(crate) receipt: &'a Receipt,
    /// Its transaction.
    pub(crate) transaction: &'a Transaction,
    /// The transaction's sender.
    pub(crate) sender: Address,
    /// Where the transaction stands.
    pub(crate) place: Place,
    /// Gas used in the block by the transactions before it.
    pub(crate) gas_before: u64,
    /// Logs in the block before its own.
    pub(crate) logs_before: u64,
    /// Price of the block's blob gas, wei.
    pub(crate) blob_gas_price: Option<u128>,
}

impl Serialize for ReceiptJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (tx, receipt, place) = (self.transaction, self.receipt, &self.place);
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("transactionHash", &transaction::hash(tx))?;
        map.serialize_entry("transactionIndex", &Quantity(place.index))?;
        map.serialize_entry("blockHash", &place.block_hash)?;
        map.serialize_entry("blockNumber", &Quantity(place.block_number))?;
        map.serialize_entry("from", &self.sender)?;
        map.serialize_entry("to", &tx.to())?;
        map.serialize_entry("contractAddress", &transaction::created_contract(tx, self.sender))?;
        map.serialize_entry("type", &Quantity(u64::from(tx.ty())))?;
        match receipt.status {
            Eip658Value::Eip658(success) => map.serialize_entry("status", &Quantity(u64::from(success)))?,
            Eip658Value::PostState(root) => map.serialize_entry("root", &root)?,
        }
        map.serialize_entry("cumulativeGasUsed", &Quantity(receipt.cumulative_gas_used))?;
        let gas_used = receipt.cumulative_gas_used.saturating_sub(self.gas_before);
        map.serialize_entry("gasUsed", &Quantity(gas_used))?;
        map.serialize_entry("effectiveGasPrice", &Quantity(tx.effective_gas_price(place.base_fee)))?;
        if let Some(gas) = tx.blob_gas_used() {
            map.serialize_entry("blobGasUsed", &Quantity(gas))?;
            map.serialize_entry("blobGasPrice", &Quantity(self.blob_gas_price.unwrap_or_default()))?;
        }
        map.serialize_entry("logsBloom", &receipt.bloom())?;
        map.serialize_entry("logs", &Logs(self))?;
        map.end()
    }
}

struct Logs<'a>(&'a ReceiptJson<'a>);

impl Serialize for Logs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let transaction_hash = transaction::hash(self.0.transaction);
        serializer.collect_seq(self.0.receipt.logs.iter().zip(self.0.logs_before..).map(|(log, index)| LogJson {
            log,
            place: self.0.place,
            transaction_hash,
            index,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxLegacy, TxType};
    use alloy_primitives::{B256, Log, LogData, Signature, U256};
    use serde_json::{Value, json};

    fn json_of(status: Eip658Value) -> Value {
        let tx = TxLegacy { nonce: 1, gas_price: 7, ..Default::default() };
        let transaction: Transaction = tx.into_signed(Signature::new(U256::from(1), U256::from(2), false)).into();
        let log = Log { address: Address::repeat_byte(1), data: LogData::new_unchecked(vec![], vec![5].into()) };
        let receipt = Receipt { tx_type: TxType::Legacy, status, cumulative_gas_used: 50_000, logs: vec![log] };
        let place = Place { block_hash: B256::ZERO, block_number: 3, timestamp: 4, base_fee: None, index: 1 };
        serde_json::to_value(ReceiptJson {
            receipt: &receipt,
            transaction: &transaction,
            sender: Address::repeat_byte(2),
            place,
            gas_before: 21_000,
            logs_before: 6,
            blob_gas_price: None,
        })
        .unwrap()
    }

    #[test]
    fn gas_and_log_positions_count_from_the_block() {
        let receipt = json_of(Eip658Value::success());
        assert_eq!((&receipt["gasUsed"], &receipt["logs"][0]["logIndex"]), (&json!("0x7148"), &json!("0x6")));
        assert_eq!((&receipt["status"], receipt.get("root")), (&json!("0x1"), None));
        assert_eq!(receipt["contractAddress"], json!(Address::repeat_byte(2).create(1)));
        assert_eq!(receipt.get("blobGasUsed"), None);
    }

    #[test]
    fn before_byzantium_there_is_a_root_instead_of_a_status() {
        let receipt = json_of(B256::repeat_byte(9).into());
        assert_eq!((&receipt["root"], receipt.get("status")), (&json!(B256::repeat_byte(9)), None));
    }
}
