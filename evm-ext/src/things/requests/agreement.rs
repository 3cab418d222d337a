//! The five agreements: whose word makes a result true.
//!
//! A proof is `abi.encode(address relayer, SignedAnswer[] answers)`. Each answer is signed as the EIP-712 struct
//! `Answer(uint256 requestId,uint32 attempt,uint16 code,bytes32 resultHash,uint64 observedAtMs)`.
use super::{CODE_MAX, NO_AGREEMENT, Request};
use crate::{
    precompiles::{
        Frame, PrecompileError, prices,
        work::{GasMeter, holds},
    },
    semantics::Reader,
    things::{
        Result,
        abi::IThings::{self, Agreement},
        custom,
        observations::latest_ms,
        registry::Thing,
        signatures::{Answer, digest_in, signed_by, signer},
    },
};
use alloy_primitives::{Address, B256, I256, KECCAK256_EMPTY};
use alloy_sol_types::{SolType, abi::AbiDecoderConfig, sol_data};
use num_bigint::BigInt;
use pervade_chainspec::params::{REQUEST_GATEWAYS_MAX, SIGNATURE_BYTES_MAX};
use pervade_evidence::{Claims, Sign1};
use pervade_semantics::ValueKind;
use std::collections::BTreeMap;

#[allow(missing_docs)]
mod proof_abi {
    alloy_sol_types::sol! {
        /// One gateway's word, or the thing's.
        #[derive(Debug)]
        struct SignedAnswer {
            uint32 attempt;
            uint16 code;
            /// Median: abi.encode(int256 number, int8 exponent), or with a mapping the encoding of one observation of a
            /// number, which the signature is about. Else empty.
            bytes result;
            /// keccak256 of the result that the signature is about.
            bytes32 resultHash;
            uint64 observedAtMs;
            bytes signature;
        }
    }
}
pub use proof_abi::SignedAnswer;

/// What proves a report.
pub(super) struct Proof {
    /// Who gets the relayer's part of the fee.
    pub(super) relayer: Address,
    answers: Vec<SignedAnswer>,
}

impl Proof {
    pub(super) fn decode(frame: &mut Frame<'_>, proof: &[u8]) -> Result<Self> {
        frame.charge_words(proof.len(), prices::ABI_WORD_GAS)?;
        let config = AbiDecoderConfig::new().strict(true);
        let decoded =
            <(sol_data::Address, sol_data::Array<SignedAnswer>)>::abi_decode_params_with_config(proof, config);
        let Ok((relayer, answers)) = decoded else { return Err(invalid()) };
        if answers.len() > REQUEST_GATEWAYS_MAX {
            return Err(invalid());
        }
        Ok(Self { relayer, answers })
    }

    /// Whether it is the thing's own word. Gateways count their attempts from 1.
    fn is_of_thing(&self) -> bool {
        matches!(self.answers.as_slice(), [only] if only.attempt == 0)
    }

    /// When it was observed: the lower median of what the answers say, unix milliseconds.
    pub(super) fn observed_at_ms(&self) -> u64 {
        let mut times: Vec<u64> = self.answers.iter().map(|answer| answer.observedAtMs).collect();
        times.sort_unstable();
        times.get(times.len().saturating_sub(1) >> 1).copied().unwrap_or_default()
    }
}

fn invalid() -> PrecompileError {
    custom(&IThings::InvalidProof {})
}

/// The gateways that signed, if what they signed settles the request as the report says.
pub(super) fn signers(
    frame: &mut Frame<'_>,
    request: &Request,
    call: &IThings::reportCall,
    proof: &Proof,
) -> Result<Vec<Address>> {
    match request.agreement() {
        Agreement::Gateway => by_one_gateway(frame, request, call, proof),
        Agreement::Identical if call.code == NO_AGREEMENT => no_agreement(frame, request, proof),
        Agreement::Median if call.code == NO_AGREEMENT => no_agreement(frame, request, proof),
        Agreement::Median if call.code == 0 => by_median(frame, request, call, proof),
        Agreement::Identical | Agreement::Median => by_many(frame, request, call, proof),
        Agreement::Device | Agreement::Attested if call.code != 0 && !proof.is_of_thing() => {
            failed(frame, request, call, proof)
        }
        Agreement::Device => by_device(frame, request, call, proof),
        Agreement::Attested => by_attestation(frame, request, call, proof),
        Agreement::__Invalid => Err(invalid()),
    }
}

/// The digest of an answer, whose attempt and time must be possible.
fn digest_of(frame: &mut Frame<'_>, request: &Request, answer: &SignedAnswer) -> Result<B256> {
    if u64::from(answer.attempt) > request.max_attempts() || answer.observedAtMs > latest_ms(frame) {
        return Err(invalid());
    }
    let signed = Answer {
        requestId: request.id,
        attempt: answer.attempt,
        code: answer.code,
        resultHash: answer.resultHash,
        observedAtMs: answer.observedAtMs,
    };
    digest_in(frame, &signed)
}

/// The one answer of a proof, which says what the report says.
fn only<'p>(frame: &mut Frame<'_>, call: &IThings::reportCall, proof: &'p Proof) -> Result<&'p SignedAnswer> {
    let hash = frame.keccak(&call.result)?;
    match proof.answers.as_slice() {
        [answer] if answer.code == call.code && answer.resultHash == hash => Ok(answer),
        _ => Err(invalid()),
    }
}

fn by_one_gateway(
    frame: &mut Frame<'_>,
    request: &Request,
    call: &IThings::reportCall,
    proof: &Proof,
) -> Result<Vec<Address>> {
    let answer = only(frame, call, proof)?;
    Ok(vec![gateway_of(frame, request, answer)?])
}

/// Who signed an answer: one of the request's gateways.
fn gateway_of(frame: &mut Frame<'_>, request: &Request, answer: &SignedAnswer) -> Result<Address> {
    let digest = digest_of(frame, request, answer)?;
    let gateways = request.gateways(frame)?;
    let gateway = signer(frame, digest, &answer.signature)?;
    gateway.filter(|gateway| gateways.contains(gateway)).ok_or_else(invalid)
}

/// All answers with who signed them; nobody twice.
fn by_gateway<'p>(
    frame: &mut Frame<'_>,
    request: &Request,
    proof: &'p Proof,
) -> Result<BTreeMap<Address, &'p SignedAnswer>> {
    let mut by_gateway = BTreeMap::new();
    for answer in &proof.answers {
        let gateway = gateway_of(frame, request, answer)?;
        if by_gateway.insert(gateway, answer).is_some() {
            return Err(invalid());
        }
    }
    Ok(by_gateway)
}

/// More than two thirds of so many.
fn suffice(count: usize, of: usize) -> bool {
    count.saturating_mul(3) > of.saturating_mul(2)
}

fn by_many(
    frame: &mut Frame<'_>,
    request: &Request,
    call: &IThings::reportCall,
    proof: &Proof,
) -> Result<Vec<Address>> {
    let hash = frame.keccak(&call.result)?;
    let answers = by_gateway(frame, request, proof)?;
    let same = answers.values().all(|answer| answer.code == call.code && answer.resultHash == hash);
    let gateways = request.gateways(frame)?.len();
    match same && suffice(answers.len(), gateways) {
        true => Ok(answers.into_keys().collect()),
        false => Err(invalid()),
    }
}

/// A thing that does not answer signs nothing, not even that. Where its word alone makes a result true, more than two thirds
/// of the gateways say that it failed; why, each for itself, and the lower median of their codes is the report's.
fn failed(frame: &mut Frame<'_>, request: &Request, call: &IThings::reportCall, proof: &Proof) -> Result<Vec<Address>> {
    let answers = by_gateway(frame, request, proof)?;
    let gateways = request.gateways(frame)?.len();
    let mut codes: Vec<u16> = answers.values().filter(|answer| is_failure(answer)).map(|answer| answer.code).collect();
    codes.sort_unstable();
    let lower = codes.get(codes.len().saturating_sub(1) >> 1);
    match codes.len() == answers.len() && suffice(codes.len(), gateways) && lower == Some(&call.code) {
        true => Ok(answers.into_keys().collect()),
        false => Err(invalid()),
    }
}

fn is_failure(answer: &SignedAnswer) -> bool {
    let is_possible = (1..=CODE_MAX).contains(&answer.code) && answer.code != NO_AGREEMENT;
    is_possible && answer.resultHash == KECCAK256_EMPTY
}

/// Whatever the others say, no group of the same words can exceed two thirds. Numbers of a median differ: there a group
/// are those with the same code.
fn no_agreement(frame: &mut Frame<'_>, request: &Request, proof: &Proof) -> Result<Vec<Address>> {
    let answers = by_gateway(frame, request, proof)?;
    let gateways = request.gateways(frame)?.len();
    let silent = gateways.saturating_sub(answers.len());
    let is_median = request.agreement() == Agreement::Median;
    let mut groups: BTreeMap<(u16, B256), usize> = BTreeMap::new();
    for answer in answers.values() {
        let hash = if is_median && answer.code == 0 { B256::ZERO } else { answer.resultHash };
        let group = groups.entry((answer.code, hash)).or_default();
        *group = group.saturating_add(1);
    }
    let largest = groups.values().copied().max().unwrap_or_default();
    match suffice(largest.saturating_add(silent), gateways) {
        true => Err(invalid()),
        false => Ok(answers.into_keys().collect()),
    }
}

fn by_median(
    frame: &mut Frame<'_>,
    request: &Request,
    call: &IThings::reportCall,
    proof: &Proof,
) -> Result<Vec<Address>> {
    let answers = by_gateway(frame, request, proof)?;
    let gateways = request.gateways(frame)?.len();
    if !suffice(answers.len(), gateways) {
        return Err(invalid());
    }
    let mapping = request.mapping(frame)?;
    let reader = if mapping.is_zero() { None } else { Some(Reader::load(frame, mapping)?) };
    let mut numbers = Vec::with_capacity(answers.len());
    for answer in answers.values() {
        if answer.code != 0 || frame.keccak(&answer.result)? != answer.resultHash {
            return Err(invalid());
        }
        let number = match &reader {
            Some(reader) => observed_number(frame, reader, &answer.result)?,
            None => decimal(&answer.result),
        };
        numbers.push((number.ok_or_else(invalid)?, &answer.result));
    }
    // By value; where several write the same value differently, by their bytes.
    frame.charge_words(numbers.len().saturating_mul(256), prices::ABI_WORD_GAS)?;
    let smallest = numbers.iter().map(|((_, exponent), _)| *exponent).min().unwrap_or_default();
    let mut sorted: Vec<_> = numbers.into_iter().map(|(value, bytes)| (at_exponent(value, smallest), bytes)).collect();
    sorted.sort();
    let lower = sorted.len().saturating_sub(1) >> 1;
    match sorted.get(lower) {
        Some((_, bytes)) if **bytes == call.result => Ok(answers.into_keys().collect()),
        _ => Err(invalid()),
    }
}

/// The number of the only observation that a gateway read.
fn observed_number(frame: &mut Frame<'_>, reader: &Reader, result: &[u8]) -> Result<Option<(I256, i8)>> {
    let observations = reader.decode(frame, result)?.unwrap_or_default();
    Ok(match observations.as_slice() {
        [only] if only.kind == ValueKind::Number => Some((only.number, only.exponent)),
        _ => None,
    })
}

fn decimal(result: &[u8]) -> Option<(I256, i8)> {
    let config = AbiDecoderConfig::new().strict(true);
    <(sol_data::Int<256>, sol_data::Int<8>)>::abi_decode_params_with_config(result, config).ok()
}

#[allow(clippy::arithmetic_side_effects, reason = "numbers of any size; exponents differ by 255 at most")]
fn at_exponent((number, exponent): (I256, i8), smallest: i8) -> BigInt {
    let digits = i16::from(exponent).saturating_sub(i16::from(smallest));
    let factor = BigInt::from(10u8).pow(u32::try_from(digits).unwrap_or_default());
    BigInt::from_signed_bytes_be(&number.to_be_bytes::<32>()) * factor
}

/// The thing that the request was made to: nothing counts that a later generation signs.
fn thing_of(frame: &mut Frame<'_>, request: &Request) -> Result<Thing> {
    let id = request.thing(frame)?;
    let thing = Thing::load(frame, id)?;
    match request.generation(frame)? == thing.generation() {
        true => Ok(thing),
        false => Err(invalid()),
    }
}

fn by_device(
    frame: &mut Frame<'_>,
    request: &Request,
    call: &IThings::reportCall,
    proof: &Proof,
) -> Result<Vec<Address>> {
    let answer = only(frame, call, proof)?;
    let digest = digest_of(frame, request, answer)?;
    let key = thing_of(frame, request)?.key(frame)?;
    match signed_by(frame, &key, digest, &answer.signature)? {
        true => Ok(Vec::new()),
        false => Err(invalid()),
    }
}

/// The signature is an entity attestation token (RFC 9711) of the thing's key, with the digest as its nonce.
fn by_attestation(
    frame: &mut Frame<'_>,
    request: &Request,
    call: &IThings::reportCall,
    proof: &Proof,
) -> Result<Vec<Address>> {
    let answer = only(frame, call, proof)?;
    let digest = digest_of(frame, request, answer)?;
    if answer.signature.len() > SIGNATURE_BYTES_MAX {
        return Err(invalid());
    }
    let key = thing_of(frame, request)?.key(frame)?;
    let mut meter = GasMeter(frame);
    let Some(token) = holds(Sign1::parse(&answer.signature, &mut meter))? else { return Err(invalid()) };
    if holds(token.verify(&key, &[], &mut meter))?.is_none() {
        return Err(invalid());
    }
    let Some(claims) = holds(Claims::parse(token.payload(), &mut meter))? else { return Err(invalid()) };
    match claims.nonces.iter().any(|nonce| nonce.as_slice() == digest.as_slice()) {
        true => Ok(Vec::new()),
        false => Err(invalid()),
    }
}
