//! Bindings: which mapping reads a contract's logs or calls.
use super::{
    BINDINGS, ISemantics,
    errors::invalid_mapping,
    mappings::{self, Loaded},
};
use crate::precompiles::{Frame, PrecompileError, slots::word};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use alloy_sol_types::SolValue;
use pervade_chainspec::params::{GOVERNANCE_ADDRESS, SEMANTICS_ADDRESS};
use pervade_semantics::Format;

pub(super) fn bind_event(
    frame: &mut Frame<'_>,
    call: ISemantics::bindEventCall,
) -> Result<ISemantics::bindEventReturn, PrecompileError> {
    authorize(frame, call.emitter, &call.deployment)?;
    let loaded = mappings::load(frame, call.mappingId)?;
    let hash = signature_hash(&loaded, Format::AbiEvent)?;
    if hash != call.topic0 {
        return Err(invalid_mapping("the mapping reads another event"));
    }
    set(frame, call.emitter, call.topic0, call.mappingId)?;
    emit_event_bound(frame, call.emitter, call.topic0, call.mappingId)?;
    Ok(ISemantics::bindEventReturn {})
}

pub(super) fn bind_call(
    frame: &mut Frame<'_>,
    call: ISemantics::bindCallCall,
) -> Result<ISemantics::bindCallReturn, PrecompileError> {
    authorize(frame, call.target, &call.deployment)?;
    let loaded = mappings::load(frame, call.mappingId)?;
    let hash = signature_hash(&loaded, Format::AbiCall)?;
    if hash.get(..4) != Some(call.selector.as_slice()) {
        return Err(invalid_mapping("the mapping reads another function"));
    }
    set(frame, call.target, right_padded(call.selector), call.mappingId)?;
    emit_call_bound(frame, call.target, call.selector, call.mappingId)?;
    Ok(ISemantics::bindCallReturn {})
}

pub(super) fn unbind_event(
    frame: &mut Frame<'_>,
    call: ISemantics::unbindEventCall,
) -> Result<ISemantics::unbindEventReturn, PrecompileError> {
    authorize(frame, call.emitter, &call.deployment)?;
    set(frame, call.emitter, call.topic0, B256::ZERO)?;
    emit_event_bound(frame, call.emitter, call.topic0, B256::ZERO)?;
    Ok(ISemantics::unbindEventReturn {})
}

pub(super) fn unbind_call(
    frame: &mut Frame<'_>,
    call: ISemantics::unbindCallCall,
) -> Result<ISemantics::unbindCallReturn, PrecompileError> {
    authorize(frame, call.target, &call.deployment)?;
    set(frame, call.target, right_padded(call.selector), B256::ZERO)?;
    emit_call_bound(frame, call.target, call.selector, B256::ZERO)?;
    Ok(ISemantics::unbindCallReturn {})
}

/// The mapping that is bound; zero if none is.
pub(super) fn binding(frame: &mut Frame<'_>, contract: Address, key: B256) -> Result<B256, PrecompileError> {
    let slot = slot(frame, contract, key)?;
    Ok(B256::from(frame.load(SEMANTICS_ADDRESS, slot)?))
}

/// The contract itself, governance, or the deployer: who shows that the contract's address follows from its own by
/// CREATE (`abi.encode(uint64 nonce)`) or by CREATE2 (`abi.encode(bytes32 salt, bytes32 initCodeHash)`).
fn authorize(frame: &mut Frame<'_>, contract: Address, deployment: &Bytes) -> Result<(), PrecompileError> {
    let caller = frame.call().caller;
    if caller == contract || caller == GOVERNANCE_ADDRESS {
        return Ok(());
    }
    // The address is a hash of at most 85 bytes.
    frame.charge(HASH_GAS)?;
    let address = match deployment.len() {
        32 => U256::abi_decode(deployment)
            .ok()
            .and_then(|nonce| u64::try_from(nonce).ok())
            .map(|nonce| caller.create(nonce)),
        64 => <(B256, B256)>::abi_decode_params(deployment).ok().map(|(salt, code)| caller.create2(salt, code)),
        _ => None,
    };
    match address {
        Some(address) if address == contract => Ok(()),
        _ => Err(PrecompileError::custom(&ISemantics::NotAuthorized { caller })),
    }
}

/// Keccak-256 of three words: 30 and 6 a word.
const HASH_GAS: u64 = 48;

fn signature_hash(loaded: &Loaded, format: Format) -> Result<B256, PrecompileError> {
    if loaded.mapping.format() != format {
        return Err(invalid_mapping(format!("the mapping must read {}", format.name())));
    }
    match loaded.mapping.signature() {
        Some(signature) if !signature.anonymous => Ok(signature.hash()),
        _ => Err(invalid_mapping("an anonymous event has no topic to bind")),
    }
}

fn slot(frame: &mut Frame<'_>, contract: Address, key: B256) -> Result<U256, PrecompileError> {
    let contracts = frame.mapping_of_account(BINDINGS, contract)?;
    frame.mapping(contracts, key)
}

fn set(frame: &mut Frame<'_>, contract: Address, key: B256, mapping: B256) -> Result<(), PrecompileError> {
    let slot = slot(frame, contract, key)?;
    frame.store(SEMANTICS_ADDRESS, slot, word(mapping))
}

fn right_padded(selector: FixedBytes<4>) -> B256 {
    B256::right_padding_from(selector.as_slice())
}

fn emit_event_bound(
    frame: &mut Frame<'_>,
    emitter: Address,
    topic0: B256,
    mapping: B256,
) -> Result<(), PrecompileError> {
    frame.emit(SEMANTICS_ADDRESS, &ISemantics::EventBound { emitter, topic0, mappingId: mapping })
}

fn emit_call_bound(
    frame: &mut Frame<'_>,
    target: Address,
    selector: FixedBytes<4>,
    mapping: B256,
) -> Result<(), PrecompileError> {
    frame.emit(SEMANTICS_ADDRESS, &ISemantics::CallBound { target, selector, mappingId: mapping })
}
