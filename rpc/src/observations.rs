//! `pervade_trace` and `pervade_getObservations`: the canonical index, with the logs and calls behind it.
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json},
    block_id::BlockNumber,
    convert::Quantity,
    limits::{OBSERVATION_VALUES_MAX, OBSERVATION_WAIT_MAX, OBSERVATIONS_MAX},
    params::{Fixed, Number, Number64},
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, Bytes, U256};
use jsonrpsee::server::RegisterMethodError;
use pervade_evm_ext::{canonical::value_json, mapping};
use pervade_storage::{
    ObservationFilter, ObservationPosition, ObservationRecord, Origin, StorageError, TransactionLocation,
};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Names of [`Origin`], in order.
const ORIGINS: [&str; 4] = ["observed", "event", "call", "translation"];
/// Names of `ISemantics.ValueKind`, in order.
const KINDS: [&str; 5] = ["number", "text", "bool", "bytes", "position"];

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "pervade_trace", 2, |api, arguments| {
        let subject: B256 = arguments.required::<Fixed<32>>(0)?.into();
        let range = arguments.optional::<RangeArguments>(1)?.unwrap_or_default();
        page(api, 1, ObservationFilter { subjects: vec![subject], ..ObservationFilter::default() }, range)
    })?;
    heavy(module, "pervade_getObservations", 1, |api, arguments| {
        let Query { filter, range } = arguments.optional::<Query>(0)?.unwrap_or_default();
        page(api, 0, filter.check(0)?, range)
    })
}

/// A block, and what it says.
#[derive(Debug, Clone)]
pub struct ObservedBlock {
    /// Its number.
    pub number: u64,
    /// In its order.
    pub observations: Vec<ObservationRecord>,
}

/// Which blocks, and which page.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct RangeArguments {
    from_block: Option<BlockNumber>,
    to_block: Option<BlockNumber>,
    cursor: Option<Number>,
    limit: Option<Number64>,
}

/// The one argument of `pervade_getObservations`.
#[derive(Default)]
struct Query {
    filter: FilterArguments,
    range: RangeArguments,
}

impl<'de> Deserialize<'de> for Query {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize, Default)]
        #[serde(default, rename_all = "camelCase", deny_unknown_fields)]
        struct Members {
            subject: OneOrMore,
            source: OneOrMore,
            property: OneOrMore,
            from_block: Option<BlockNumber>,
            to_block: Option<BlockNumber>,
            cursor: Option<Number>,
            limit: Option<Number64>,
        }
        let Members { subject, source, property, from_block, to_block, cursor, limit } =
            Members::deserialize(deserializer)?;
        Ok(Self {
            filter: FilterArguments { subject, source, property },
            range: RangeArguments { from_block, to_block, cursor, limit },
        })
    }
}

/// Which observations: every criterion that is given must hold, by any of its values.
#[derive(Deserialize, Default, Clone)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FilterArguments {
    subject: OneOrMore,
    source: OneOrMore,
    property: OneOrMore,
}

/// Nothing, a word, or a list of words.
#[derive(Default, Clone)]
struct OneOrMore(Vec<B256>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            One(B256),
            More(Vec<B256>),
        }
        Ok(Self(match Option::<Either>::deserialize(deserializer)? {
            None => Vec::new(),
            Some(Either::One(word)) => vec![word],
            Some(Either::More(words)) => words,
        }))
    }
}

impl FilterArguments {
    /// The filter, over all blocks.
    pub(crate) fn check(self, argument: usize) -> Result<ObservationFilter, RpcError> {
        let lists = [self.subject.0, self.source.0, self.property.0];
        if lists.iter().any(|list| list.len() > OBSERVATION_VALUES_MAX) {
            let reason = format!("at most {OBSERVATION_VALUES_MAX} subjects, sources or properties");
            return Err(RpcError::argument(argument, reason));
        }
        let [subjects, sources, properties] = lists;
        Ok(ObservationFilter { subjects, sources, properties, last: u64::MAX, ..ObservationFilter::default() })
    }
}

/// Whether a filter lets an observation through, whatever its block.
pub(crate) fn fits(filter: &ObservationFilter, record: &ObservationRecord) -> bool {
    let any = |list: &[B256], value: &B256| list.is_empty() || list.contains(value);
    any(&filter.subjects, &record.subject)
        && any(&filter.sources, &record.source)
        && any(&filter.properties, &record.property)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PageJson {
    /// Blocks that the answer is about: what was asked for, as far as the index has it.
    from_block: Quantity<u64>,
    to_block: Quantity<u64>,
    observations: Vec<EntryJson>,
    /// Cursor of the next page; `null` at the end.
    next: Option<Quantity<U256>>,
}

fn page(api: &Api, argument: usize, filter: ObservationFilter, range: RangeArguments) -> Result<Json, RpcError> {
    let head = api.storage().head().number();
    let resolve = |bound: Option<BlockNumber>, default| match bound {
        None => default,
        Some(BlockNumber::Earliest) => 0,
        Some(BlockNumber::Latest | BlockNumber::Pending) => head,
        Some(BlockNumber::Number(number)) => number,
    };
    let (first, last) = (resolve(range.from_block, 0), resolve(range.to_block, head));
    if first > last {
        return Err(RpcError::InvalidParams { reason: "invalid block range params" });
    }
    if last > head {
        return Err(RpcError::InvalidParams { reason: "block range extends beyond current head block" });
    }
    let from = match range.cursor {
        Some(Number(cursor)) => position(cursor).ok_or_else(|| RpcError::argument(argument, "cursor: unknown"))?,
        None => ObservationPosition::default(),
    };
    let limit = range.limit.map_or(OBSERVATIONS_MAX, |Number64(limit)| {
        usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, OBSERVATIONS_MAX)
    });
    // The index follows the head: who has just seen a block finds it here too.
    api.storage().wait_until_observed(last, OBSERVATION_WAIT_MAX);
    let next = api.storage().next_unobserved().ok_or(RpcError::NotIndexed)?;
    let (first, last) = (first.max(api.storage().first_observed()), last.min(next.saturating_sub(1)));
    let from = from.max(ObservationPosition { block: first, ordinal: 0 });
    let found = api.storage().observations(&ObservationFilter { from, last, ..filter }, limit)?;
    let mut entries = Entries::default();
    let mut observations = Vec::with_capacity(found.found.len());
    for (position, record) in &found.found {
        observations.push(entries.entry(api, position.block, record)?);
    }
    let (from_block, to_block) = (Quantity(first), Quantity(last));
    json(&PageJson { from_block, to_block, observations, next: found.next.map(|next| Quantity(cursor(next))) })
}

/// Block number, then 32 bits of the place in the block.
fn cursor(position: ObservationPosition) -> U256 {
    (U256::from(position.block) << 32) | U256::from(position.ordinal)
}

fn position(cursor: U256) -> Option<ObservationPosition> {
    let block = u64::try_from(cursor >> 32).ok()?;
    let ordinal = u32::try_from(cursor & U256::from(u32::MAX)).ok()?;
    Some(ObservationPosition { block, ordinal })
}

/// An observation with what it comes from.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EntryJson {
    block_number: Quantity<u64>,
    block_hash: B256,
    block_timestamp: Quantity<u64>,
    transaction_hash: B256,
    transaction_index: Quantity<u64>,
    from: Address,
    to: Option<Address>,
    origin: &'static str,
    source: B256,
    mapping_id: B256,
    observation: ObservationJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<RawLogJson>,
    /// Of a call or a translation.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Bytes>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ObservationJson {
    subject: B256,
    property: B256,
    /// Of the property; `null` if the mapping's model is not there.
    iri: Option<String>,
    kind: &'static str,
    /// The value for people: a number, text, a truth value, degrees.
    value: Box<RawValue>,
    unit: String,
    /// The number's two's complement, at the exponent.
    number: B256,
    exponent: i8,
    data: Bytes,
    time_ms: Quantity<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RawLogJson {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    log_index: Quantity<u64>,
}

/// Makes entries, and remembers what the next ones need too.
#[derive(Default)]
pub(crate) struct Entries {
    /// IRIs of properties by mapping.
    iris: BTreeMap<B256, BTreeMap<B256, String>>,
}

/// Mappings whose IRIs are remembered; all are forgotten when there are more.
const IRIS_KEPT_MAX: usize = 1_024;

impl Entries {
    pub(crate) fn entry(
        &mut self,
        api: &Api,
        block_number: u64,
        record: &ObservationRecord,
    ) -> Result<EntryJson, RpcError> {
        let storage = api.storage();
        let at = TransactionLocation { block_number, index: record.transaction };
        let missing = || StorageError::Damaged {
            column: "observations",
            reason: format!("transaction {} of block {block_number} is not there", record.transaction),
        };
        let header = storage.header(block_number)?.ok_or_else(missing)?;
        let block_hash = storage.block_hash(block_number)?.ok_or_else(missing)?;
        let (transaction, from) = storage.transaction(at)?.ok_or_else(missing)?;
        let log = match record.log {
            None => None,
            Some(index) => {
                let (receipt, _, logs_before) = storage.receipt(at)?.ok_or_else(missing)?;
                let place = u64::from(index).checked_sub(logs_before).and_then(|place| usize::try_from(place).ok());
                let log = place.and_then(|place| receipt.logs.get(place)).ok_or_else(missing)?;
                Some(RawLogJson {
                    address: log.address,
                    topics: log.topics().to_vec(),
                    data: log.data.data.clone(),
                    log_index: Quantity(u64::from(index)),
                })
            }
        };
        Ok(EntryJson {
            block_number: Quantity(block_number),
            block_hash,
            block_timestamp: Quantity(header.timestamp),
            transaction_hash: *transaction.tx_hash(),
            transaction_index: Quantity(u64::from(record.transaction)),
            from,
            to: transaction.to(),
            origin: ORIGINS.get(record.origin as usize).copied().unwrap_or("unknown"),
            source: record.source,
            mapping_id: record.mapping_id,
            observation: ObservationJson {
                subject: record.subject,
                property: record.property,
                iri: self.iri(api, record)?,
                kind: KINDS.get(usize::from(record.kind)).copied().unwrap_or("unknown"),
                value: RawValue::from_string(value_json(record))?,
                unit: record.unit.clone(),
                number: record.number.into(),
                exponent: record.exponent,
                data: record.data.clone(),
                time_ms: Quantity(record.time_ms),
            },
            input: matches!(record.origin, Origin::Call | Origin::Translation).then(|| transaction.input().clone()),
            log,
        })
    }

    fn iri(&mut self, api: &Api, record: &ObservationRecord) -> Result<Option<String>, RpcError> {
        if !self.iris.contains_key(&record.mapping_id) {
            let stored = mapping(api.spec(), api.storage().latest_view(), record.mapping_id)?;
            if self.iris.len() >= IRIS_KEPT_MAX {
                self.iris.clear();
            }
            let iris = stored.map(|stored| stored.iris().map(|(id, iri)| (id, iri.to_owned())).collect());
            self.iris.insert(record.mapping_id, iris.unwrap_or_default());
        }
        Ok(self.iris.get(&record.mapping_id).and_then(|iris| iris.get(&record.property)).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_are_refused() {
        for position_ in [ObservationPosition::default(), ObservationPosition { block: u64::MAX, ordinal: u32::MAX }] {
            assert_eq!(position(cursor(position_)), Some(position_));
        }
        assert_eq!(position(U256::MAX), None);
    }

    #[test]
    fn a_criterion_is_a_word_or_a_list_up_to_its_limit() {
        let word = |byte: u8| B256::repeat_byte(byte);
        let parse = |text: String| serde_json::from_str::<FilterArguments>(&text).unwrap().check(0);
        let one = parse(format!("{{\"subject\":\"{}\",\"source\":null}}", word(1))).unwrap();
        assert_eq!((one.subjects, one.sources, one.last), (vec![word(1)], vec![], u64::MAX));
        let list = |count| format!("{{\"property\":[{}]}}", vec![format!("\"{}\"", word(2)); count].join(","));
        assert_eq!(parse(list(OBSERVATION_VALUES_MAX)).unwrap().properties.len(), OBSERVATION_VALUES_MAX);
        assert!(parse(list(OBSERVATION_VALUES_MAX + 1)).unwrap_err().to_string().contains("at most 64"));
        for wrong in ["{\"subject\":5}", "{\"subject\":\"0x12\"}", "{\"topic\":null}"] {
            assert!(serde_json::from_str::<FilterArguments>(wrong).is_err(), "{wrong}");
        }
        let query = format!("{{\"source\":\"{}\",\"fromBlock\":\"0x5\",\"limit\":\"0x2\"}}", word(3));
        let query: Query = serde_json::from_str(&query).unwrap();
        assert_eq!((query.filter.source.0, query.range.limit), (vec![word(3)], Some(Number64(2))));
    }
}
