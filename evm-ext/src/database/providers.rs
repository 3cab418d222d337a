//! Providers: whose word makes data from outside genuine.
//!
//! ```text
//! Provider  +0 bits 0-159 owner, 160-167 kind, 168 there is one
//!           +1 bytes32 thing
//!           +2 hash of abi.encode(bytes[] keys, bytes policy), which is content
//! ```
use super::{PROVIDERS, Result, abi::IContractDatabase, emit, limit_exceeded, load, proofs::refusal, store};
use crate::precompiles::{
    Frame, PrecompileError, prices,
    slots::{self, Field},
    work::GasMeter,
};
use IContractDatabase::ProviderKind;
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolValue;
use pervade_chainspec::params::DATABASE_PROVIDER_KEYS_MAX;
use pervade_evidence::{Policy, PublicKey};

const OWNER: Field = Field::new(0, 160);
const KIND: Field = Field::new(160, 8);
const PRESENT: Field = Field::new(168, 1);

/// Sets a provider of the caller's, or changes its keys and policy.
pub(super) fn set(frame: &mut Frame<'_>, call: IContractDatabase::setProviderCall) -> Result<B256> {
    check(frame, &call)?;
    let owner = frame.call().caller;
    let provider = frame.keccak(&(owner, U256::from(call.kind as u8), call.thing).abi_encode())?;
    let slot = frame.mapping(PROVIDERS, provider)?;
    let details = (call.keys, call.policy).abi_encode_params();
    frame.charge_words(details.len(), prices::ABI_WORD_GAS)?;
    let hash = frame.keep_content(details)?;
    let about = KIND.set_u64(OWNER.set_address(U256::ZERO, owner), u64::from(call.kind as u8));
    store(frame, slot, PRESENT.set_u64(about, 1))?;
    store(frame, slots::offset(slot, 1), slots::word(call.thing))?;
    store(frame, slots::offset(slot, 2), slots::word(hash))?;
    emit(frame, &IContractDatabase::ProviderSet { provider, owner, kind: call.kind })?;
    Ok(provider)
}

/// Answers what a provider is.
pub(super) fn of(
    frame: &mut Frame<'_>,
    call: IContractDatabase::providerOfCall,
) -> Result<IContractDatabase::providerOfReturn> {
    load_provider(frame, call.provider)
}

/// A provider as it is kept.
pub(super) fn load_provider(frame: &mut Frame<'_>, provider: B256) -> Result<IContractDatabase::providerOfReturn> {
    let slot = frame.mapping(PROVIDERS, provider)?;
    let about = load(frame, slot)?;
    if about.is_zero() {
        return Err(PrecompileError::custom(&IContractDatabase::UnknownProvider { provider }));
    }
    let thing = load(frame, slots::offset(slot, 1))?;
    let hash = load(frame, slots::offset(slot, 2))?;
    let details = frame.content(B256::from(hash))?;
    frame.charge_words(details.len(), prices::ABI_WORD_GAS)?;
    let (keys, policy) = <(Vec<Bytes>, Bytes)>::abi_decode_params(&details)
        .map_err(|_| PrecompileError::reason("a provider's details cannot be read"))?;
    let kind = ProviderKind::try_from(KIND.get(about).saturating_to::<u8>()).unwrap_or(ProviderKind::Content);
    Ok(IContractDatabase::providerOfReturn { owner: OWNER.get_address(about), kind, thing: thing.into(), keys, policy })
}

/// Keys that can be used where keys count, a policy that can be used where a policy counts, and neither elsewhere.
fn check(frame: &mut Frame<'_>, call: &IContractDatabase::setProviderCall) -> Result<()> {
    let takes_keys = matches!(call.kind, ProviderKind::Signed | ProviderKind::Quorum);
    if call.keys.len() > DATABASE_PROVIDER_KEYS_MAX {
        return Err(limit_exceeded("keys of a provider", DATABASE_PROVIDER_KEYS_MAX));
    }
    if takes_keys == call.keys.is_empty() {
        return Err(PrecompileError::reason("providers that sign need keys, others take none"));
    }
    if (call.kind == ProviderKind::Attested) == call.policy.is_empty() {
        return Err(PrecompileError::reason("providers that attest need a policy, others take none"));
    }
    let invalid = IContractDatabase::InvalidEvidence {};
    let mut keys = Vec::with_capacity(call.keys.len());
    for key in &call.keys {
        frame.charge(prices::KEY_GAS)?;
        let key = PublicKey::from_cose(key).map_err(|error| refusal(error, &invalid))?;
        // One signer must not count twice.
        if keys.contains(&key) {
            return Err(PrecompileError::reason("a key is there twice"));
        }
        keys.push(key);
    }
    if call.kind == ProviderKind::Attested {
        let mut meter = GasMeter(frame);
        Policy::parse(&call.policy, &mut meter).map_err(|error| refusal(error, &invalid))?;
    }
    Ok(())
}
