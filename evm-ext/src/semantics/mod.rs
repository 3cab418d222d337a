//! Semantics: models, mappings, canonical observations and bindings, on `pervade-semantics`.
//!
//! ```text
//! defineModel, defineMapping --> checked, kept by hash --> mapping(id) --> normalize, translate (view)
//!                                                              |
//! record: payload of the caller --> observations --> latest per source, subject, model, property; Observed
//! bindEvent, bindCall: deployer's proof --> which mapping reads a contract's logs and calls
//! ```
//!
//! Storage of the account, in Solidity's layout:
//!
//! ```text
//! slot  content
//! 0     mapping(bytes32 model => Document)         abi.encode(iri, properties)
//! 1     mapping(bytes32 mappingId => Document)     abi.encode(model, format, program)
//!         Document: uint64 length, then the value in the next slot (precompiles/content.rs)
//! 2     mapping(bytes32 key => Latest)             key = keccak256(abi.encode(source, subject, model, property))
//!         Latest:   uint64 timeMs, uint8 kind + 1, int8 exponent, uint32 length; then int256 number; then the bytes
//! 3     mapping(address => mapping(bytes32 topic0 or selector => bytes32 mappingId))
//! ```
//!
//! A compiled mapping is kept in memory by its id. Nobody sees that: reading and compiling are charged every time.
mod answers;
mod bindings;
mod errors;
mod mappings;
mod models;
mod observations;
mod questions;
#[cfg(test)]
mod tests;

pub(crate) use answers::{Reader, encode, is_defined};
pub use questions::{StoredMapping, mapping};

use crate::precompiles::{Access, Frame, Precompile, PrecompileError};
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolCall;
use pervade_chainspec::params::SEMANTICS_ADDRESS;

#[allow(missing_docs)]
pub(crate) mod abi {
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/ISemantics.sol"
    );
}
use abi::ISemantics;

const MODELS: U256 = U256::ZERO;
const MAPPINGS: U256 = U256::from_limbs([1, 0, 0, 0]);
const LATEST: U256 = U256::from_limbs([2, 0, 0, 0]);
const BINDINGS: U256 = U256::from_limbs([3, 0, 0, 0]);

/// The precompile.
pub(crate) struct Semantics;

impl Precompile for Semantics {
    fn call(&self, frame: &mut Frame<'_>) -> Result<Bytes, PrecompileError> {
        use ISemantics as abi;
        match frame.selector()? {
            abi::defineModelCall::SELECTOR => frame.answer(Access::Write, models::define),
            abi::modelOfCall::SELECTOR => frame.answer(Access::View, models::model_of),
            abi::defineMappingCall::SELECTOR => frame.answer(Access::Write, mappings::define),
            abi::mappingOfCall::SELECTOR => frame.answer(Access::View, mappings::mapping_of),
            abi::normalizeCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::normalizeCall| {
                let mapping = mappings::load(frame, call.mappingId)?;
                let found = observations::normalize(frame, &mapping, call.subject, &call.payload)?;
                Ok(found.into_iter().map(observations::answer).collect())
            }),
            abi::translateCall::SELECTOR => frame.answer(Access::View, observations::translate),
            abi::recordCall::SELECTOR => frame.answer(Access::Write, |frame, call: abi::recordCall| {
                let source = frame.call().caller.into_word();
                let now_ms = frame.call().block_timestamp.saturating_mul(1_000);
                let (subject, payload) = (call.subject, &call.payload);
                let (_, found) = observations::observe(frame, source, call.mappingId, subject, payload, now_ms)?;
                Ok(U256::from(found.len()))
            }),
            abi::latestCall::SELECTOR => frame.answer(Access::View, observations::latest),
            abi::convertCall::SELECTOR => frame.answer(Access::View, observations::convert),
            abi::convertRoundedCall::SELECTOR => frame.answer(Access::View, observations::convert_rounded),
            abi::extractCall::SELECTOR => frame.answer(Access::View, observations::extract),
            abi::bindEventCall::SELECTOR => frame.answer(Access::Write, bindings::bind_event),
            abi::bindCallCall::SELECTOR => frame.answer(Access::Write, bindings::bind_call),
            abi::unbindEventCall::SELECTOR => frame.answer(Access::Write, bindings::unbind_event),
            abi::unbindCallCall::SELECTOR => frame.answer(Access::Write, bindings::unbind_call),
            abi::bindingOfCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::bindingOfCall| {
                bindings::binding(frame, call.contract_, call.topicOrSelector)
            }),
            _ => Err(frame.unknown_function()),
        }
    }
}

/// A document of this length, kept at a mapping's value.
fn store_document(frame: &mut Frame<'_>, slot: U256, document: &[u8]) -> Result<(), PrecompileError> {
    frame.store(SEMANTICS_ADDRESS, slot, U256::from(document.len()))?;
    frame.store_value(SEMANTICS_ADDRESS, crate::precompiles::slots::offset(slot, 1), document)
}

/// The document at a mapping's value, or none.
fn load_document(frame: &mut Frame<'_>, table: U256, id: B256) -> Result<Option<Bytes>, PrecompileError> {
    let slot = frame.mapping(table, id)?;
    let length: u64 = frame.load(SEMANTICS_ADDRESS, slot)?.saturating_to();
    if length == 0 {
        return Ok(None);
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    frame.load_value(SEMANTICS_ADDRESS, crate::precompiles::slots::offset(slot, 1), length).map(Some)
}
