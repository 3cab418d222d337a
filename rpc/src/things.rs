//! `pervade_`: things and the requests made to them, as the state of a block has them.
use crate::{
    RpcError,
    api::{Api, Json, Module, json, state},
    block_id::BlockId,
    convert::Quantity,
    params::{Arguments, Number, Number64},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use jsonrpsee::server::RegisterMethodError;
use pervade_evm_ext::things::{self, RequestRecord, ThingRecord};
use serde::{Deserialize, Serialize};

/// Requests in one answer.
const REQUESTS_MAX: u64 = 256;
/// Names of `IThings.KeyType`, in order.
const KEY_TYPES: [&str; 3] = ["secp256k1", "p256", "ed25519"];
/// Names of `IThings.Operation`, in order.
const OPERATIONS: [&str; 3] = ["readProperty", "writeProperty", "invokeAction"];
/// Names of `IThings.Agreement`, in order.
const AGREEMENTS: [&str; 5] = ["gateway", "identical", "median", "device", "attested"];
/// Names of `IThings.Status`, in order.
pub(crate) const STATUSES: [&str; 9] =
    ["none", "pending", "queued", "settled", "fulfilled", "failed", "expired", "cancelled", "parked"];

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    state(module, "pervade_getThing", 2, 1, |api, arguments| {
        let id: B256 = arguments.required(0)?;
        let view = api.view(block(arguments, 1)?)?;
        json(&things::thing(api.spec(), &view, view.number(), id)?.map(|thing| ThingJson::new(id, thing)))
    })?;
    state(module, "pervade_getRequest", 2, 1, |api, arguments| {
        let Number(id) = arguments.required(0)?;
        let view = api.view(block(arguments, 1)?)?;
        json(&things::request(api.spec(), &view, view.number(), id)?.map(|request| RequestJson::new(id, request)))
    })?;
    state(module, "pervade_getRequests", 2, 1, requests)
}

fn block(arguments: &Arguments<'_>, index: usize) -> Result<BlockId, RpcError> {
    Ok(arguments.optional(index)?.unwrap_or(BlockId::LATEST))
}

pub(crate) fn named(names: &[&'static str], index: u8) -> &'static str {
    names.get(usize::from(index)).copied().unwrap_or("unknown")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ThingJson {
    thing: B256,
    id: String,
    owner: Address,
    generation: Quantity<u64>,
    key_type: &'static str,
    key: Bytes,
    /// The description's text: whoever hashes it needs its very bytes.
    description: String,
    gateways: Vec<Address>,
}

impl ThingJson {
    fn new(thing: B256, record: ThingRecord) -> Self {
        Self {
            thing,
            id: record.id,
            owner: record.owner,
            generation: Quantity(record.generation),
            key_type: named(&KEY_TYPES, record.key_type),
            key: record.key,
            description: String::from_utf8_lossy(&record.description).into_owned(),
            gateways: record.gateways,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestJson {
    request_id: Quantity<U256>,
    requester: Address,
    thing: B256,
    operation: &'static str,
    affordance: String,
    input: Bytes,
    mapping_id: B256,
    agreement: &'static str,
    created: Quantity<u64>,
    deadline: Quantity<u64>,
    max_attempts: u8,
    max_result_bytes: u32,
    status: &'static str,
    code: u16,
    result_hash: B256,
    gateways: Vec<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentJson>,
}

#[derive(Serialize)]
struct ContentJson {
    cid: Bytes,
    offset: Quantity<u64>,
    length: Quantity<u64>,
}

impl RequestJson {
    fn new(id: U256, record: RequestRecord) -> Self {
        Self {
            request_id: Quantity(id),
            requester: record.requester,
            thing: record.thing,
            operation: named(&OPERATIONS, record.operation),
            affordance: record.affordance,
            input: record.input,
            mapping_id: record.mapping_id,
            agreement: named(&AGREEMENTS, record.agreement),
            created: Quantity(record.created),
            deadline: Quantity(record.deadline),
            max_attempts: record.max_attempts,
            max_result_bytes: record.max_result_bytes,
            status: named(&STATUSES, record.status),
            code: record.code,
            result_hash: record.result_hash,
            gateways: record.gateways,
            provider: record.provider,
            content: record.content.map(|content| ContentJson {
                cid: content.cid,
                offset: Quantity(content.offset),
                length: Quantity(content.length.into()),
            }),
        }
    }
}

/// Which requests: the open ones of a thing, or those that name a gateway, a page at a time.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    thing: Option<B256>,
    gateway: Option<Address>,
    cursor: Option<Number>,
    limit: Option<Number64>,
}

#[derive(Serialize)]
struct PageJson {
    requests: Vec<RequestJson>,
    /// The cursor of the next page; `null` at the end.
    next: Option<Quantity<U256>>,
}

fn requests(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let Filter { thing, gateway, cursor, limit } = arguments.required(0)?;
    let (header, view) = api.header_and_view(block(arguments, 1)?)?;
    let number = view.number();
    let limit = limit.map_or(REQUESTS_MAX, |Number64(limit)| limit.min(REQUESTS_MAX));
    let cursor = cursor.map_or(U256::ZERO, |Number(cursor)| cursor);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let (ids, next) = match (thing, gateway) {
        (Some(thing), None) => things::requests(api.spec(), &view, number, (thing, cursor, limit))?,
        (None, Some(gateway)) => {
            let block = (number, header.timestamp);
            things::requests_of_gateway(api.spec(), &view, block, gateway, (cursor, limit))?
        }
        _ => return Err(RpcError::InvalidParams { reason: "requests are of a thing or of a gateway: name one" }),
    };
    let mut requests = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(record) = things::request(api.spec(), &view, number, id)? {
            requests.push(RequestJson::new(id, record));
        }
    }
    json(&PageJson { requests, next: (!next.is_zero()).then_some(Quantity(next)) })
}
