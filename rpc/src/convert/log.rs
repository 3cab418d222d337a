//! Logs.
use super::{Place, Quantity};
use alloy_primitives::{B256, Log};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A log of a transaction in a block.
pub(crate) struct LogJson<'a> {
    /// The log.
    pub(crate) log: &'a Log,
    /// Where its transaction stands.
    pub(crate) place: Place,
    /// Its transaction.
    pub(crate) transaction_hash: B256,
    /// Position among the block's logs.
    pub(crate) index: u64,
}

impl Serialize for LogJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(10))?;
        map.serialize_entry("address", &self.log.address)?;
        map.serialize_entry("topics", self.log.topics())?;
        map.serialize_entry("data", &self.log.data.data)?;
        map.serialize_entry("blockNumber", &Quantity(self.place.block_number))?;
        map.serialize_entry("transactionHash", &self.transaction_hash)?;
        map.serialize_entry("transactionIndex", &Quantity(self.place.index))?;
        map.serialize_entry("blockHash", &self.place.block_hash)?;
        map.serialize_entry("blockTimestamp", &Quantity(self.place.timestamp))?;
        map.serialize_entry("logIndex", &Quantity(self.index))?;
        map.serialize_entry("removed", &false)?;
        map.end()
    }
}
