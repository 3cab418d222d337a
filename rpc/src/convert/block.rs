//! Blocks and headers.
use super::{Place, Quantity, TransactionJson, transaction};
use alloy_consensus::Header;
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use pervade_storage::RecoveredBlock;
use serde::{Serialize, Serializer, ser::SerializeMap};

/// How a block's transactions are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transactions {
    /// Their hashes.
    Hashes,
    /// The transactions.
    Full,
}

/// A block.
pub(crate) struct BlockJson<'a> {
    /// The block.
    pub(crate) block: &'a RecoveredBlock,
    /// How its transactions are written.
    pub(crate) transactions: Transactions,
}

impl Serialize for BlockJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let body = &self.block.block.body;
        let mut map = serializer.serialize_map(None)?;
        header(&mut map, self.block.header(), self.block.hash)?;
        map.serialize_entry("size", &Quantity(self.block.block.length() as u64))?;
        map.serialize_entry("transactions", &Body(self))?;
        let ommers: Vec<B256> = body.ommers.iter().map(Header::hash_slow).collect();
        map.serialize_entry("uncles", &ommers)?;
        if let Some(withdrawals) = &body.withdrawals {
            map.serialize_entry("withdrawals", withdrawals)?;
        }
        map.end()
    }
}

struct Body<'a>(&'a BlockJson<'a>);

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let block = self.0.block;
        let transactions = block.block.body.transactions.iter();
        match self.0.transactions {
            Transactions::Hashes => serializer.collect_seq(transactions.map(transaction::hash)),
            Transactions::Full => serializer.collect_seq(transactions.zip(&block.senders).zip(0..).map(
                |((transaction, sender), index)| TransactionJson {
                    transaction,
                    sender: *sender,
                    place: Some(Place::of(block, index)),
                },
            )),
        }
    }
}

/// An ommer: a block of which only the header is known.
pub(crate) struct OmmerJson<'a>(pub(crate) &'a Header);

impl Serialize for OmmerJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let empty: &[B256] = &[];
        let block = alloy_consensus::Block::<pervade_storage::Transaction>::uncle(self.0.clone());
        let mut map = serializer.serialize_map(None)?;
        header(&mut map, self.0, self.0.hash_slow())?;
        map.serialize_entry("size", &Quantity(block.length() as u64))?;
        map.serialize_entry("uncles", empty)?;
        map.end()
    }
}

/// A header, as `newHeads` announces it.
pub(crate) struct HeaderJson<'a> {
    /// The header.
    pub(crate) header: &'a Header,
    /// Its hash.
    pub(crate) hash: B256,
}

impl Serialize for HeaderJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        header(&mut map, self.header, self.hash)?;
        map.end()
    }
}

fn header<M: SerializeMap>(map: &mut M, header: &Header, hash: B256) -> Result<(), M::Error> {
    map.serialize_entry("hash", &hash)?;
    map.serialize_entry("parentHash", &header.parent_hash)?;
    map.serialize_entry("sha3Uncles", &header.ommers_hash)?;
    map.serialize_entry("miner", &header.beneficiary)?;
    map.serialize_entry("stateRoot", &header.state_root)?;
    map.serialize_entry("transactionsRoot", &header.transactions_root)?;
    map.serialize_entry("receiptsRoot", &header.receipts_root)?;
    map.serialize_entry("logsBloom", &header.logs_bloom)?;
    map.serialize_entry("difficulty", &Quantity(header.difficulty))?;
    map.serialize_entry("number", &Quantity(header.number))?;
    map.serialize_entry("gasLimit", &Quantity(header.gas_limit))?;
    map.serialize_entry("gasUsed", &Quantity(header.gas_used))?;
    map.serialize_entry("timestamp", &Quantity(header.timestamp))?;
    map.serialize_entry("extraData", &header.extra_data)?;
    map.serialize_entry("mixHash", &header.mix_hash)?;
    map.serialize_entry("nonce", &header.nonce)?;
    if let Some(fee) = header.base_fee_per_gas {
        map.serialize_entry("baseFeePerGas", &Quantity(fee))?;
    }
    if let Some(root) = header.withdrawals_root {
        map.serialize_entry("withdrawalsRoot", &root)?;
    }
    if let Some(gas) = header.blob_gas_used {
        map.serialize_entry("blobGasUsed", &Quantity(gas))?;
    }
    if let Some(gas) = header.excess_blob_gas {
        map.serialize_entry("excessBlobGas", &Quantity(gas))?;
    }
    if let Some(root) = header.parent_beacon_block_root {
        map.serialize_entry("parentBeaconBlockRoot", &root)?;
    }
    if let Some(hash) = header.requests_hash {
        map.serialize_entry("requestsHash", &hash)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::BlockBody;
    use serde_json::json;

    fn block() -> RecoveredBlock {
        let ommer = Header { number: 1, ..Default::default() };
        let body = BlockBody { ommers: vec![ommer], ..Default::default() };
        let block = alloy_consensus::Block { header: Header { number: 2, ..Default::default() }, body };
        RecoveredBlock { hash: block.header.hash_slow(), block, senders: vec![] }
    }

    #[test]
    fn fields_of_later_forks_are_left_out_of_earlier_blocks() {
        let block = block();
        let json = serde_json::to_value(BlockJson { block: &block, transactions: Transactions::Full }).unwrap();
        for absent in
            ["baseFeePerGas", "withdrawals", "withdrawalsRoot", "blobGasUsed", "requestsHash", "totalDifficulty"]
        {
            assert_eq!(json.get(absent), None, "{absent}");
        }
        assert_eq!(json["uncles"], json!([block.block.body.ommers[0].hash_slow()]));
        assert_eq!((&json["nonce"], &json["number"]), (&json!("0x0000000000000000"), &json!("0x2")));
        assert_eq!(json["size"], json!(format!("{:#x}", alloy_rlp::encode(&block.block).len())));
    }

    #[test]
    fn an_ommer_has_no_transactions() {
        let json = serde_json::to_value(OmmerJson(&block().block.body.ommers[0])).unwrap();
        assert_eq!((json.get("transactions"), &json["uncles"]), (None, &json!([])));
    }
}
