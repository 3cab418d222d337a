//! [`LogQuery`]: what `eth_getLogs`, log filters and log subscriptions ask for.
use crate::{
    RpcError,
    block_id::BlockNumber,
    limits::{LOG_ADDRESSES_MAX, LOG_TOPICS_MAX, TOPIC_POSITIONS},
    params::Fixed,
};
use alloy_primitives::{Address, B256, Bloom, BloomInput, Log};
use pervade_storage::LogFilter;
use serde::{Deserialize, de::IgnoredAny};

/// Blocks of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocks {
    /// One block.
    Hash(B256),
    /// From the first to the second, both included; the head by default.
    Range(Option<BlockNumber>, Option<BlockNumber>),
}

/// A checked log filter.
#[derive(Debug, Clone)]
pub(crate) struct LogQuery {
    /// Where to look.
    pub(crate) blocks: Blocks,
    /// What to look for.
    pub(crate) filter: LogFilter,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct LogArguments {
    from_block: Option<BlockNumber>,
    to_block: Option<BlockNumber>,
    block_hash: Option<Fixed<32>>,
    address: Option<OneOrMany<Fixed<20>>>,
    topics: Option<Vec<Option<OneOrMany<Option<Fixed<32>>>>>>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
    // Told apart from the others only so that the error names the field.
    Other(IgnoredAny),
}

impl LogQuery {
    /// Checks the arguments.
    ///
    /// # Errors
    /// Contradicting blocks, malformed addresses or topics, or more of them than the limits allow.
    pub(crate) fn new(arguments: LogArguments) -> Result<Self, RpcError> {
        let refuse = |reason| Err(RpcError::argument(0, reason));
        let blocks = match (arguments.block_hash, arguments.from_block, arguments.to_block) {
            (Some(hash), None, None) => Blocks::Hash(hash.into()),
            (None, from, to) => Blocks::Range(from, to),
            _ => {
                return refuse("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other");
            }
        };
        let addresses = match arguments.address {
            None => Vec::new(),
            Some(OneOrMany::One(address)) => vec![address.into()],
            Some(OneOrMany::Many(addresses)) => addresses.into_iter().map(Address::from).collect(),
            Some(OneOrMany::Other(_)) => return refuse("invalid address"),
        };
        if addresses.len() > LOG_ADDRESSES_MAX {
            return Err(RpcError::InvalidParams { reason: "exceed max addresses or topics per search position" });
        }
        let positions = arguments.topics.unwrap_or_default();
        if positions.len() > TOPIC_POSITIONS {
            return Err(RpcError::InvalidParams { reason: "exceed max topics" });
        }
        let topics = positions.into_iter().map(alternatives).collect::<Result<_, _>>()?;
        Ok(Self { blocks, filter: LogFilter { addresses, topics } })
    }

    /// Whether a log matches, wherever it is.
    pub(crate) fn matches(&self, log: &Log) -> bool {
        let LogFilter { addresses, topics } = &self.filter;
        (addresses.is_empty() || addresses.contains(&log.address))
            && topics.len() <= log.topics().len()
            && topics.iter().zip(log.topics()).all(|(any, topic)| any.is_empty() || any.contains(topic))
    }

    /// Whether a block with this bloom filter can hold a matching log.
    pub(crate) fn can_match(&self, bloom: &Bloom) -> bool {
        let holds = |bytes: &[u8]| bloom.contains_input(BloomInput::Raw(bytes));
        let LogFilter { addresses, topics } = &self.filter;
        (addresses.is_empty() || addresses.iter().any(|address| holds(address.as_slice())))
            && topics.iter().all(|any| any.is_empty() || any.iter().any(|topic| holds(topic.as_slice())))
    }

    /// The part of `first..=last` that is asked for. Tags other than `earliest` bound nothing: they mean the head, and
    /// this is asked of heads.
    pub(crate) fn clamp(&self, first: u64, last: u64) -> Option<(u64, u64)> {
        let Blocks::Range(from, to) = self.blocks else { return None };
        let lower = match from {
            Some(BlockNumber::Number(number)) => number,
            _ => 0,
        };
        let upper = match to {
            Some(BlockNumber::Number(number)) => number,
            Some(BlockNumber::Earliest) => 0,
            _ => u64::MAX,
        };
        let (first, last) = (first.max(lower), last.min(upper));
        (first <= last).then_some((first, last))
    }
}

/// The topics that may stand at one position; none for any.
fn alternatives(position: Option<OneOrMany<Option<Fixed<32>>>>) -> Result<Vec<B256>, RpcError> {
    let topics = match position {
        None => return Ok(Vec::new()),
        Some(OneOrMany::One(topic)) => vec![topic],
        Some(OneOrMany::Many(topics)) => topics,
        Some(OneOrMany::Other(_)) => return Err(RpcError::InvalidParams { reason: "invalid topic(s)" }),
    };
    if topics.len() > LOG_TOPICS_MAX {
        return Err(RpcError::InvalidParams { reason: "exceed max addresses or topics per search position" });
    }
    // A null among the alternatives allows everything.
    Ok(topics.into_iter().map(|topic| topic.map(B256::from)).collect::<Option<Vec<_>>>().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::LogData;

    fn query(json: &str) -> Result<LogQuery, RpcError> {
        LogQuery::new(serde_json::from_str(json).map_err(|e| RpcError::argument(0, e.to_string()))?)
    }

    fn log(address: u8, topics: &[u8]) -> Log {
        let topics = topics.iter().map(|t| B256::repeat_byte(*t)).collect();
        Log { address: Address::repeat_byte(address), data: LogData::new_unchecked(topics, vec![].into()) }
    }

    fn topic(byte: u8) -> String {
        format!("\"{}\"", B256::repeat_byte(byte))
    }

    #[test]
    fn positions_are_and_alternatives_are_or() {
        let query = query(&format!("{{\"topics\":[[{},{}],null,{}]}}", topic(1), topic(2), topic(3))).unwrap();
        assert!(query.matches(&log(9, &[2, 7, 3])));
        assert!(query.matches(&log(9, &[1, 8, 3, 4])));
        assert!(!query.matches(&log(9, &[1, 8])));
        assert!(!query.matches(&log(9, &[5, 8, 3])));
        let mut bloom = Bloom::default();
        bloom.accrue_log(&log(9, &[2, 7, 3]));
        assert!(query.can_match(&bloom));
        assert!(!query.can_match(&Bloom::default()));
    }

    #[test]
    fn null_and_empty_lists_allow_everything() {
        let open = query(&format!("{{\"address\":[],\"topics\":[[],[null,{}]]}}", topic(1))).unwrap();
        assert!(open.matches(&log(1, &[5, 6])));
        assert!(query("{\"address\":null,\"topics\":null}").unwrap().matches(&log(1, &[])));
        // A position that allows everything still has to be there.
        assert!(!open.matches(&log(1, &[5])));
    }

    #[test]
    fn hash_and_range_exclude_each_other() {
        let both = format!("{{\"blockHash\":{},\"fromBlock\":\"0x1\"}}", topic(1));
        assert_eq!(query(&both).unwrap_err().code(), -32602);
    }

    #[test]
    fn malformed_parts_are_refused() {
        for wrong in [
            "{\"address\":\"0x12\"}",
            "{\"address\":5}",
            "{\"topics\":\"0x1\"}",
            "{\"topics\":[5]}",
            "{\"topics\":[null,null,null,null,null]}",
            "{\"fromBlock\":\"soon\"}",
        ] {
            assert_eq!(query(wrong).unwrap_err().code(), -32602, "{wrong}");
        }
    }

    #[test]
    fn addresses_and_topics_are_bounded() {
        let many = |n: usize| {
            let list: Vec<_> = (0..n).map(|_| topic(1)).collect();
            query(&format!("{{\"topics\":[[{}]]}}", list.join(",")))
        };
        assert!(many(LOG_TOPICS_MAX).is_ok());
        assert!(many(LOG_TOPICS_MAX + 1).is_err());
        let address = format!("\"{}\"", Address::ZERO);
        let many = |n: usize| query(&format!("{{\"address\":[{}]}}", vec![address.clone(); n].join(",")));
        assert!(many(LOG_ADDRESSES_MAX).is_ok());
        assert!(many(LOG_ADDRESSES_MAX + 1).is_err());
    }
}
