//! Data from outside, asked for through Thing Communication and proved before the callback sees it.
//!
//! ```text
//! fetch ─────────► request with a provider ──report──► proved_data ──┐
//!                                                                    ├─► callback of Thing Communication
//! fetchContent ──► request for content ──────report──► content_data ─┘
//!
//! Signed     result: COSE_Sign1 of one of the keys                data: its payload
//! Quorum     result: CBOR array of COSE_Sign1 of one payload      data: that payload
//! Attested   result: entity attestation token, eat_nonce = Fetch(requestId)   data: its claims
//! content    result: abi.encode(bytes[] blocks)                   data: the bytes asked for
//! ```
use super::{Result, abi::IContractDatabase, proofs::refusal, providers};
use crate::{
    precompiles::{Frame, PrecompileError, prices, work::GasMeter},
    things::{self, ContentRange, Source, abi::IThings},
};
use IContractDatabase::ProviderKind;
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::{SolType, abi::AbiDecoderConfig, sol_data};
use pervade_chainspec::params::{CONTRACT_DATABASE_ADDRESS, THINGS_ADDRESS};
use pervade_evidence::{ContentId, Policy, PublicKey, limits::BLOCKS_MAX, verify_file, verify_quorum, verify_signed};

/// Asks a thing for what a provider must prove.
pub(super) fn fetch(frame: &mut Frame<'_>, call: IContractDatabase::fetchCall) -> Result<U256> {
    let provider = providers::load_provider(frame, call.provider)?;
    if provider.kind == ProviderKind::Content {
        return Err(PrecompileError::reason("a provider of content is asked with fetchContent"));
    }
    if provider.thing != call.request.thing {
        return Err(PrecompileError::reason("the provider's word is about another thing"));
    }
    request(frame, call.request, &Source::Provider(call.provider))
}

/// Asks for bytes of a file by its content identifier.
pub(super) fn fetch_content(frame: &mut Frame<'_>, call: IContractDatabase::fetchContentCall) -> Result<U256> {
    frame.charge_words(call.cid.len(), prices::ABI_WORD_GAS)?;
    let id = ContentId::parse(&call.cid).map_err(|error| refusal(error, &IContractDatabase::InvalidContent {}))?;
    if call.request.maxResultBytes < call.length {
        return Err(PrecompileError::reason("maxResultBytes is less than the length that is asked for"));
    }
    let range = ContentRange { cid: id.to_bytes().into(), offset: call.offset, length: call.length };
    request(frame, call.request, &Source::Content(range))
}

/// Makes the request in the caller's name; value goes along.
fn request(frame: &mut Frame<'_>, of: super::abi::IThings::Request, source: &Source) -> Result<U256> {
    let (requester, value) = (frame.call().caller, frame.call().value);
    if !value.is_zero() {
        frame.transfer(CONTRACT_DATABASE_ADDRESS, THINGS_ADDRESS, value)?;
    }
    let of = IThings::Request {
        thing: of.thing,
        operation: IThings::Operation::try_from(of.operation as u8).unwrap_or(IThings::Operation::__Invalid),
        affordance: of.affordance,
        input: of.input,
        mappingId: of.mappingId,
        agreement: IThings::Agreement::try_from(of.agreement as u8).unwrap_or(IThings::Agreement::__Invalid),
        minGateways: of.minGateways,
        deadline: of.deadline,
        maxAttempts: of.maxAttempts,
        maxResultBytes: of.maxResultBytes,
        onResult: of.onResult,
        onFailure: of.onFailure,
        callbackGas: of.callbackGas,
        maxFeePerGas: of.maxFeePerGas,
    };
    things::fetch(frame, requester, value, of, source)
}

/// What a provider's answer says, if it is genuine.
///
/// # Errors
/// `InvalidEvidence`; `LimitExceeded`; out of gas.
pub(crate) fn proved_data(frame: &mut Frame<'_>, provider: B256, nonce: B256, answer: &[u8]) -> Result<Bytes> {
    let provider = providers::load_provider(frame, provider)?;
    let now_s = frame.call().block_timestamp;
    let key_count = u64::try_from(provider.keys.len()).unwrap_or(u64::MAX);
    frame.charge(key_count.saturating_mul(prices::KEY_GAS))?;
    let keys = provider.keys.iter().map(|key| PublicKey::from_cose(key)).collect::<std::result::Result<Vec<_>, _>>();
    let invalid = IContractDatabase::InvalidEvidence {};
    let keys = keys.map_err(|error| refusal(error, &invalid))?;
    let mut meter = GasMeter(frame);
    let data = match provider.kind {
        ProviderKind::Signed => verify_signed(&keys, answer, &mut meter),
        ProviderKind::Quorum => verify_quorum(&keys, answer, &mut meter),
        ProviderKind::Attested => Policy::parse(&provider.policy, &mut meter)
            .and_then(|policy| policy.verify(answer, nonce.as_slice(), now_s, &mut meter))
            .map(|claims| claims.encoded),
        _ => return Err(PrecompileError::custom(&invalid)),
    };
    data.map(Bytes::from).map_err(|error| refusal(error, &invalid))
}

/// The bytes that were asked for, out of blocks that hash to their identifiers.
///
/// # Errors
/// `InvalidContent`; `LimitExceeded`; out of gas.
pub(crate) fn content_data(frame: &mut Frame<'_>, range: &ContentRange, blocks: &[u8]) -> Result<Bytes> {
    frame.charge_words(blocks.len(), prices::ABI_WORD_GAS)?;
    let invalid = IContractDatabase::InvalidContent {};
    let config = AbiDecoderConfig::new().strict(true);
    let decoded = <(sol_data::Array<sol_data::Bytes>,)>::abi_decode_params_with_config(blocks, config);
    let Ok((blocks,)) = decoded else { return Err(PrecompileError::custom(&invalid)) };
    if blocks.len() > BLOCKS_MAX {
        return Err(super::limit_exceeded("blocks", BLOCKS_MAX));
    }
    let blocks: Vec<&[u8]> = blocks.iter().map(AsRef::as_ref).collect();
    let mut meter = GasMeter(frame);
    let data = ContentId::parse(&range.cid)
        .and_then(|id| verify_file(&id, range.offset, u64::from(range.length), &blocks, &mut meter));
    data.map(Bytes::from).map_err(|error| refusal(error, &invalid))
}
