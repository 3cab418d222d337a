//! Data that proves itself: content by its identifier, attestation tokens under a policy.
use super::{Result, abi::IContractDatabase, limit_exceeded};
use crate::precompiles::{Frame, PrecompileError, work::GasMeter};
use alloy_primitives::Bytes;
use pervade_evidence::{ContentId, EvidenceError, Policy, verify_file};

/// Reads a range of a file out of blocks, all of which are checked.
pub(super) fn verify_content(frame: &mut Frame<'_>, call: IContractDatabase::verifyContentCall) -> Result<Bytes> {
    let blocks: Vec<&[u8]> = call.blocks.iter().map(AsRef::as_ref).collect();
    let mut meter = GasMeter(frame);
    let data = ContentId::parse(&call.cid)
        .and_then(|id| verify_file(&id, call.offset, u64::from(call.length), &blocks, &mut meter));
    data.map(Bytes::from).map_err(|error| refusal(error, &IContractDatabase::InvalidContent {}))
}

/// Holds a token against a policy at the block's time, and gives its claims.
pub(super) fn verify_evidence(frame: &mut Frame<'_>, call: IContractDatabase::verifyEvidenceCall) -> Result<Bytes> {
    let now_s = frame.call().block_timestamp;
    let mut meter = GasMeter(frame);
    let claims = Policy::parse(&call.policy, &mut meter)
        .and_then(|policy| policy.verify(&call.evidence, call.nonce.as_slice(), now_s, &mut meter));
    let claims = claims.map_err(|error| refusal(error, &IContractDatabase::InvalidEvidence {}))?;
    Ok(claims.encoded.into())
}

/// What a call answers for an error of the evidence crate: the interface's error, unless gas or a limit is the cause.
pub(super) fn refusal<E: alloy_sol_types::SolError>(error: EvidenceError, invalid: &E) -> PrecompileError {
    match error {
        EvidenceError::Exhausted(_) => PrecompileError::OutOfGas,
        EvidenceError::Limit { what, max, .. } => limit_exceeded(what, max),
        _ => PrecompileError::custom(invalid),
    }
}
