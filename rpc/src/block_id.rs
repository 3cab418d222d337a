//! Block parameters: number, tag, hash, or the object of EIP-1898.
use crate::params::{Fixed, Number, Text};
use alloy_primitives::B256;
use serde::{Deserialize, Deserializer, de};

/// A block by number or tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockNumber {
    /// The head. Blocks are final once they are there, so `safe` and `finalized` are the same.
    Latest,
    /// The head too; for nonces, with the pool's transactions on top.
    Pending,
    /// The genesis block.
    Earliest,
    /// This one.
    Number(u64),
}

/// A block by number, tag or hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockId {
    /// By number or tag.
    Number(BlockNumber),
    /// By hash.
    Hash(B256),
}

impl BlockId {
    /// The default of methods that may leave the block out.
    pub(crate) const LATEST: Self = Self::Number(BlockNumber::Latest);

    /// Its state is at hand without a look into history.
    pub(crate) const fn is_head(&self) -> bool {
        matches!(self, Self::Number(BlockNumber::Latest | BlockNumber::Pending))
    }
}

impl BlockNumber {
    fn parse(text: &str) -> Result<Self, &'static str> {
        match text {
            "latest" | "safe" | "finalized" => Ok(Self::Latest),
            "pending" => Ok(Self::Pending),
            "earliest" => Ok(Self::Earliest),
            number => {
                let number = Number::parse(number)?.to_u64()?;
                // As in geth: whoever means more has a mistake in their units.
                if number > i64::MAX as u64 { Err("block number larger than int64") } else { Ok(Self::Number(number)) }
            }
        }
    }
}

impl<'de> Deserialize<'de> for BlockNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&Text::deserialize(deserializer)?.0).map_err(de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for BlockId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = BlockId;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a block number, tag or hash, or an object with blockNumber or blockHash")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<BlockId, E> {
                // A quantity cannot have 64 digits and a hash cannot have fewer.
                if text.len() == 66 && text.starts_with("0x") {
                    let bytes = crate::params::decode_hex(text).map_err(E::custom)?;
                    return Ok(BlockId::Hash(B256::from_slice(&bytes)));
                }
                BlockNumber::parse(text).map(BlockId::Number).map_err(E::custom)
            }
            fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<BlockId, A::Error> {
                let parts = Eip1898::deserialize(de::value::MapAccessDeserializer::new(map))?;
                match (parts.block_number, parts.block_hash) {
                    (Some(_), Some(_)) => {
                        Err(de::Error::custom("cannot specify both BlockHash and BlockNumber, choose one or the other"))
                    }
                    (Some(number), None) => Ok(BlockId::Number(number)),
                    (None, Some(hash)) => Ok(BlockId::Hash(hash.into())),
                    (None, None) => {
                        Err(de::Error::custom("invalid block parameter: blockNumber or blockHash is needed"))
                    }
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// EIP-1898. `requireCanonical` is accepted and always met: there are only canonical blocks here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Eip1898 {
    block_number: Option<BlockNumber>,
    block_hash: Option<Fixed<32>>,
    #[serde(rename = "requireCanonical")]
    _require_canonical: Option<bool>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<BlockId, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn tags_numbers_hashes_and_objects() {
        let number = |n| BlockId::Number(BlockNumber::Number(n));
        let hash = format!("\"{}\"", B256::repeat_byte(7));
        assert_eq!(parse("\"latest\"").unwrap(), BlockId::LATEST);
        assert_eq!(parse("\"finalized\"").unwrap(), BlockId::LATEST);
        assert_eq!(parse("\"0x10\"").unwrap(), number(16));
        assert_eq!(parse(&hash).unwrap(), BlockId::Hash(B256::repeat_byte(7)));
        assert_eq!(parse("{\"blockNumber\":\"0x1\"}").unwrap(), number(1));
        let object = format!("{{\"blockHash\":{hash},\"requireCanonical\":true}}");
        assert_eq!(parse(&object).unwrap(), BlockId::Hash(B256::repeat_byte(7)));
    }

    #[test]
    fn contradictions_and_nonsense_are_refused() {
        let hash = B256::ZERO;
        for wrong in [
            "\"newest\"".to_owned(),
            "\"0x01\"".into(),
            "5".into(),
            "{}".into(),
            "[]".into(),
            "\"0xffffffffffffffff\"".into(),
            format!("{{\"blockHash\":\"{hash}\",\"blockNumber\":\"0x1\"}}"),
            format!("\"{}g\"", &hash.to_string()[..65]),
        ] {
            assert!(parse(&wrong).is_err(), "{wrong}");
        }
    }
}
