//! Transactions.
use super::{Place, Quantity};
use alloy_consensus::{Transaction as _, Typed2718};
use alloy_primitives::{Address, B256, Signature, U256};
use pervade_storage::Transaction;
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A transaction in a block, or in the pool if it has no place.
pub(crate) struct TransactionJson<'a> {
    /// The transaction.
    pub(crate) transaction: &'a Transaction,
    /// Its sender.
    pub(crate) sender: Address,
    /// Where it stands.
    pub(crate) place: Option<Place>,
}

impl Serialize for TransactionJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tx = self.transaction;
        let place = self.place;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("blockHash", &place.map(|p| p.block_hash))?;
        map.serialize_entry("blockNumber", &place.map(|p| Quantity(p.block_number)))?;
        map.serialize_entry("blockTimestamp", &place.map(|p| Quantity(p.timestamp)))?;
        map.serialize_entry("transactionIndex", &place.map(|p| Quantity(p.index)))?;
        map.serialize_entry("from", &self.sender)?;
        map.serialize_entry("hash", tx.tx_hash())?;
        map.serialize_entry("type", &Quantity(u64::from(tx.ty())))?;
        map.serialize_entry("nonce", &Quantity(tx.nonce()))?;
        map.serialize_entry("gas", &Quantity(tx.gas_limit()))?;
        map.serialize_entry("to", &tx.to())?;
        map.serialize_entry("value", &Quantity(tx.value()))?;
        map.serialize_entry("input", tx.input())?;
        // A pooled transaction's price is the most that it would pay.
        let price = place.map_or_else(|| tx.max_fee_per_gas(), |p| tx.effective_gas_price(p.base_fee));
        map.serialize_entry("gasPrice", &Quantity(price))?;
        if tx.is_dynamic_fee() {
            map.serialize_entry("maxFeePerGas", &Quantity(tx.max_fee_per_gas()))?;
            let tip = tx.max_priority_fee_per_gas().unwrap_or_default();
            map.serialize_entry("maxPriorityFeePerGas", &Quantity(tip))?;
        }
        if let Some(fee) = tx.max_fee_per_blob_gas() {
            map.serialize_entry("maxFeePerBlobGas", &Quantity(fee))?;
        }
        if let Some(hashes) = tx.blob_versioned_hashes() {
            map.serialize_entry("blobVersionedHashes", hashes)?;
        }
        if let Some(list) = tx.access_list() {
            map.serialize_entry("accessList", &list.0)?;
        }
        if let Some(list) = tx.authorization_list() {
            map.serialize_entry("authorizationList", list)?;
        }
        if let Some(chain_id) = tx.chain_id() {
            map.serialize_entry("chainId", &Quantity(chain_id))?;
        }
        signature(&mut map, tx)?;
        map.end()
    }
}

/// `v` of typed transactions is the parity; of legacy ones it hides the chain id (EIP-155).
fn signature<M: SerializeMap>(map: &mut M, tx: &Transaction) -> Result<(), M::Error> {
    let signature: &Signature = tx.signature();
    let parity = u64::from(signature.v());
    let v = match (tx.is_legacy(), tx.chain_id()) {
        (false, _) => U256::from(parity),
        (true, None) => U256::from(27 + parity),
        (true, Some(chain_id)) => U256::from(chain_id) * U256::from(2) + U256::from(35 + parity),
    };
    map.serialize_entry("v", &Quantity(v))?;
    map.serialize_entry("r", &Quantity(signature.r()))?;
    map.serialize_entry("s", &Quantity(signature.s()))?;
    if !tx.is_legacy() {
        map.serialize_entry("yParity", &Quantity(parity))?;
    }
    Ok(())
}

/// The contract that a transaction of this sender and nonce creates, if it creates one.
pub(super) fn created_contract(tx: &Transaction, sender: Address) -> Option<Address> {
    tx.is_create().then(|| sender.create(tx.nonce()))
}

/// Hash of a transaction; computed once and kept inside it.
pub(super) fn hash(tx: &Transaction) -> B256 {
    *tx.tx_hash()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
    use alloy_primitives::TxKind;
    use serde_json::{Value, json};

    fn json_of(transaction: &Transaction, place: Option<Place>) -> Value {
        serde_json::to_value(TransactionJson { transaction, sender: Address::repeat_byte(9), place }).unwrap()
    }

    fn legacy(chain_id: Option<u64>) -> Transaction {
        let tx = TxLegacy { chain_id, gas_price: 5, gas_limit: 21_000, to: TxKind::Create, ..Default::default() };
        tx.into_signed(Signature::new(U256::from(1), U256::from(2), true)).into()
    }

    #[test]
    fn legacy_transactions_hide_the_chain_id_in_v() {
        let plain = json_of(&legacy(None), None);
        assert_eq!((&plain["v"], plain.get("chainId"), plain.get("yParity")), (&json!("0x1c"), None, None));
        let protected = json_of(&legacy(Some(1337)), None);
        assert_eq!((&protected["v"], &protected["chainId"]), (&json!("0xa96"), &json!("0x539")));
    }

    #[test]
    fn a_pooled_transaction_has_no_place_and_its_fee_cap_as_price() {
        let tx = TxEip1559 { max_fee_per_gas: 100, max_priority_fee_per_gas: 3, chain_id: 1, ..Default::default() };
        let tx: Transaction = tx.into_signed(Signature::new(U256::from(1), U256::from(2), false)).into();
        let pooled = json_of(&tx, None);
        assert_eq!((&pooled["blockHash"], &pooled["gasPrice"]), (&Value::Null, &json!("0x64")));
        let place = Place { block_hash: B256::ZERO, block_number: 1, timestamp: 2, base_fee: Some(10), index: 0 };
        let mined = json_of(&tx, Some(place));
        assert_eq!((&mined["gasPrice"], &mined["blockTimestamp"]), (&json!("0xd"), &json!("0x2")));
        assert_eq!((&mined["yParity"], &mined["accessList"]), (&json!("0x0"), &json!([])));
    }
}
