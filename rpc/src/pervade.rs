//! `pervade_`: validators, certificates, evidence, and the state of this node in its cluster.
//!
//! What a light client needs comes as bytes too, so that it can hash and verify them itself.
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json, light, not_found},
    block_id::BlockId,
    cluster::ClusterStatus,
    convert::Quantity,
    params::{Arguments, Number64},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Bytes};
use jsonrpsee::server::RegisterMethodError;
use pervade_chainspec::{ValidatorConfig, decode_validator_set, validator_set_hash};
use pervade_storage::StorageError;
use serde::Serialize;

/// Changes of the validator set in one answer: each has a header, a certificate and a set, some 20 KiB at most.
pub(crate) const VALIDATOR_CHANGES_MAX: usize = 256;
/// Pieces of evidence in one answer.
pub(crate) const EVIDENCE_MAX: u64 = 256;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "pervade_nodeStatus", 0, |api, _| json(&node_status(api)?))?;
    light(module, "pervade_getValidators", 1, |api, arguments| {
        let id = arguments.optional(0)?.unwrap_or(BlockId::LATEST);
        let number = api.number(id)?.ok_or_else(|| not_found(id))?;
        let validators = validators(api, number)?;
        json(&ValidatorsJson { number: Quantity(number), hash: validator_set_hash(&validators), validators })
    })?;
    light(module, "pervade_getCommitCertificate", 1, |api, arguments| {
        let id = arguments.optional(0)?.unwrap_or(BlockId::LATEST);
        let number = api.number(id)?.ok_or_else(|| not_found(id))?;
        json(&certified_header(api, number)?)
    })?;
    heavy(module, "pervade_getValidatorChanges", 2, validator_changes)?;
    heavy(module, "pervade_getEvidence", 2, evidence)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct NodeStatusJson {
    client_version: String,
    chain_id: Quantity<u64>,
    genesis_hash: B256,
    number: Quantity<u64>,
    hash: B256,
    timestamp: Quantity<u64>,
    /// The best head that a peer claims; this node's own if none is ahead.
    highest: Quantity<u64>,
    /// Blocks between the two.
    lag: Quantity<u64>,
    validators: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<ClusterStatus>,
}

fn node_status(api: &Api) -> Result<NodeStatusJson, RpcError> {
    let head = api.storage().head();
    let cluster = api.context.cluster.as_ref().map(|cluster| cluster.status());
    let claimed = cluster.iter().flat_map(|cluster| &cluster.peers).map(|peer| peer.head).max();
    let highest = claimed.unwrap_or_default().max(head.number());
    Ok(NodeStatusJson {
        client_version: api.context.client_version.clone(),
        chain_id: Quantity(api.spec().chain_id()),
        genesis_hash: api.spec().genesis_hash(),
        number: Quantity(head.number()),
        hash: head.hash,
        timestamp: Quantity(head.header().timestamp),
        highest: Quantity(highest),
        lag: Quantity(highest - head.number()),
        validators: validators(api, head.number().saturating_add(1))?.len(),
        cluster,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValidatorsJson {
    number: Quantity<u64>,
    hash: B256,
    validators: Vec<ValidatorConfig>,
}

/// The validators that decide block `number`.
fn validators(api: &Api, number: u64) -> Result<Vec<ValidatorConfig>, RpcError> {
    match api.storage().last_validator_change(number.saturating_sub(1))? {
        Some(change) => decode_set(&change.next_validators),
        None => Ok(api.spec().pervade().map(|pervade| pervade.validators.clone()).unwrap_or_default()),
    }
}

fn decode_set(bytes: &[u8]) -> Result<Vec<ValidatorConfig>, RpcError> {
    decode_validator_set(bytes).map_err(|error| {
        RpcError::Storage(StorageError::Damaged { column: "validator_changes", reason: error.to_string() })
    })
}

/// A header with the certificate that decided it. `null` for both ends of what is not there: no such certificate.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CertifiedHeaderJson {
    number: Quantity<u64>,
    hash: B256,
    /// RLP of the header.
    header: Bytes,
    /// The certificate as it is stored; `null` if the block was stored without one.
    certificate: Option<Bytes>,
}

fn certified_header(api: &Api, number: u64) -> Result<CertifiedHeaderJson, RpcError> {
    let header: Header = api.storage().header(number)?.ok_or(RpcError::HeaderNotFound)?;
    let bytes = alloy_rlp::encode(&header);
    Ok(CertifiedHeaderJson {
        number: Quantity(number),
        hash: alloy_primitives::keccak256(&bytes),
        header: bytes.into(),
        certificate: api.storage().certificate(number)?,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ValidatorChangeJson {
    #[serde(flatten)]
    block: CertifiedHeaderJson,
    /// The set that decides the next block, and all until the next change.
    next_validators: Vec<ValidatorConfig>,
}

/// Blocks after which other validators decide, from the first argument to the second, at most
/// [`VALIDATOR_CHANGES_MAX`]: whoever wants more asks again from the block after the last.
fn validator_changes(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let number = |index| -> Result<u64, RpcError> {
        let id: BlockId = arguments.required(index)?;
        api.number(id)?.ok_or_else(|| not_found(id))
    };
    let changes = api.storage().validator_changes(number(0)?, number(1)?, VALIDATOR_CHANGES_MAX)?;
    let changes: Vec<_> = changes
        .iter()
        .map(|change| {
            Ok(ValidatorChangeJson {
                block: certified_header(api, change.number)?,
                next_validators: decode_set(&change.next_validators)?,
            })
        })
        .collect::<Result<_, RpcError>>()?;
    json(&changes)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EvidenceJson {
    height: Quantity<u64>,
    proof: Bytes,
}

/// Evidence from a height on (0 if none is named), at most as many as asked for and [`EVIDENCE_MAX`].
fn evidence(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let first = arguments.optional::<Number64>(0)?.map_or(0, |Number64(height)| height);
    let count = arguments.optional::<Number64>(1)?.map_or(EVIDENCE_MAX, |Number64(count)| count.min(EVIDENCE_MAX));
    let found = api.storage().evidence(first, usize::try_from(count).unwrap_or(usize::MAX))?;
    let found: Vec<_> = found
        .into_iter()
        .map(|evidence| EvidenceJson { height: Quantity(evidence.height), proof: evidence.proof })
        .collect();
    json(&found)
}
