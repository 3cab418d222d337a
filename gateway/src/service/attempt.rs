//! One attempt at a request: from the thing's description to what is said to the chain.
use super::{
    chain::{Agreement, Chain, ContentRange, Request},
    limits::REASON_CHARS_MAX,
};
use crate::{Answer, Bindings, Failure, FailureCode, GatewayError, Input, Thing};
use alloy_primitives::{B256, Bytes, I256, hex::encode_prefixed};
use alloy_sol_types::SolValue;
use pervade_chainspec::params::REQUEST_RESULT_BYTES_MAX;
use pervade_evm_ext::things::{Fetch, digest};
use pervade_semantics::{number::Decimal, to_i256};
use serde::Deserialize;
use std::ops::RangeInclusive;

/// Failure code: the mapping does not read the answer.
const MAPPING_FAILED: u16 = 8;
/// What a thing can say of itself; the other codes are about gateways.
const CODES_OF_THINGS: RangeInclusive<u16> = FailureCode::Timeout as u16..=FailureCode::TooLarge as u16;
/// Variable of an address that holds the request's id, wherever a form names it.
const REQUEST_VARIABLE: &str = "requestId";
/// Variable of an address that holds the nonce for an attestation token, where a provider of data must prove the answer.
const NONCE_VARIABLE: &str = "nonce";

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Failure code; 0 for a result.
    pub(crate) code: u16,
    /// The result; empty for a failure.
    pub(crate) result: Bytes,
    /// What makes it true without a gateway's word, where there is such.
    pub(crate) evidence: Option<Evidence>,
    /// Trying again may help.
    pub(crate) transient: bool,
    /// For the operator; holds no secret.
    pub(crate) reason: String,
}

/// What makes a result true whoever reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The thing's own signature, or its attestation token.
    SignedByThing {
        /// Unix milliseconds.
        observed_at_ms: u64,
        signature: Bytes,
    },
    /// The result itself: blocks that hash to what was asked for.
    Itself,
}

impl Outcome {
    fn result(result: Vec<u8>) -> Self {
        Self { code: 0, result: result.into(), evidence: None, transient: false, reason: String::new() }
    }

    fn failed(code: u16, reason: impl ToString) -> Self {
        let reason = reason.to_string().chars().take(REASON_CHARS_MAX).collect();
        Self { code, result: Bytes::new(), evidence: None, transient: false, reason }
    }

    /// Depends on this gateway, not on the thing: another gateway may do better.
    pub(crate) fn is_of_this_gateway(&self) -> bool {
        [FailureCode::NotAllowed as u16, FailureCode::UnsupportedForm as u16].contains(&self.code)
    }
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        Self { transient: failure.transient, ..Self::failed(failure.code as u16, failure.reason) }
    }
}

/// The answer of a thing that signs by itself: a result, or that it failed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SignedByThing {
    #[serde(default)]
    code: u16,
    #[serde(default)]
    result: Bytes,
    observed_at_ms: u64,
    signature: Bytes,
}

/// Makes an attempt.
///
/// # Errors
/// The node does not answer: nothing is known about the thing then.
pub(crate) async fn attempt(chain: &Chain, bindings: &Bindings, request: &Request) -> Result<Outcome, GatewayError> {
    if let Some(wanted) = &request.content {
        return Ok(content(bindings, wanted).await.unwrap_or_else(Outcome::from));
    }
    let Some(registered) = chain.thing(request.thing).await? else {
        return Ok(Outcome::failed(FailureCode::Malformed as u16, "the thing is not registered any more"));
    };
    match perform(bindings, request, &registered.description, chain.id).await {
        Ok(answer) => read(chain, request, &answer).await,
        Err(failure) => Ok(failure.into()),
    }
}

async fn perform(bindings: &Bindings, request: &Request, description: &str, chain_id: u64) -> Result<Answer, Failure> {
    let thing = Thing::parse(description.as_bytes())?;
    let mut input = Input::parse(&request.input)?;
    let id = request.request_id.to_be_bytes::<32>();
    input.set_variable(REQUEST_VARIABLE, encode_prefixed(id).into());
    if let Some(nonce) = nonce(request, chain_id) {
        input.set_variable(NONCE_VARIABLE, encode_prefixed(nonce).into());
    }
    bindings.perform(&thing, request.operation.into(), &request.affordance, &input, id).await
}

/// What the chain looks for in the attestation token of a provider.
fn nonce(request: &Request, chain_id: u64) -> Option<B256> {
    request.provider.map(|_| digest(&Fetch { requestId: request.request_id }, chain_id))
}

/// Content, from the operator's gateways of IPFS: `abi.encode(bytes[] blocks)`.
async fn content(bindings: &Bindings, wanted: &ContentRange) -> Result<Outcome, Failure> {
    let found = bindings.content(&wanted.cid, wanted.offset.to(), wanted.length.to()).await?;
    let blocks: Vec<Bytes> = found.blocks.into_iter().map(Bytes::from).collect();
    Ok(Outcome { evidence: Some(Evidence::Itself), ..Outcome::result((blocks,).abi_encode_params()) })
}

/// From a raw answer to the result that the request asks for.
async fn read(chain: &Chain, request: &Request, answer: &Answer) -> Result<Outcome, GatewayError> {
    let outcome = match request.agreement {
        Agreement::Device | Agreement::Attested => by_thing(&answer.body),
        Agreement::Median if request.mapping_id.is_zero() => number(&answer.body),
        // What proves itself is read by the chain.
        _ if request.mapping_id.is_zero() || request.provider.is_some() => Outcome::result(answer.body.to_vec()),
        _ => mapped(chain, request, &answer.body).await?,
    };
    let most = usize::try_from(request.max_result_bytes).unwrap_or(usize::MAX).min(REQUEST_RESULT_BYTES_MAX);
    if outcome.result.len() > most {
        let reason = format!("the result has {} bytes, {most} are allowed", outcome.result.len());
        return Ok(Outcome::failed(FailureCode::TooLarge as u16, reason));
    }
    Ok(outcome)
}

fn by_thing(body: &[u8]) -> Outcome {
    match serde_json::from_slice::<SignedByThing>(body) {
        Ok(SignedByThing { code, result, observed_at_ms, signature }) => {
            let evidence = Some(Evidence::SignedByThing { observed_at_ms, signature });
            match code {
                0 => Outcome { evidence, ..Outcome::result(result.to_vec()) },
                _ if result.is_empty() && CODES_OF_THINGS.contains(&code) => {
                    Outcome { evidence, ..Outcome::failed(code, "the thing says so itself") }
                }
                _ => Outcome::failed(FailureCode::Malformed as u16, "a signed failure has another code, or a result"),
            }
        }
        Err(error) => Outcome::failed(FailureCode::Malformed as u16, format!("not a signed answer: {error}")),
    }
}

/// A decimal number in text, as the chain's median wants it.
fn number(body: &[u8]) -> Outcome {
    let malformed = || Outcome::failed(FailureCode::Malformed as u16, "the answer is no decimal number");
    let Ok(text) = std::str::from_utf8(body) else { return malformed() };
    let Ok(decimal) = Decimal::parse(text.trim()) else { return malformed() };
    match (to_i256(decimal.number()), i8::try_from(decimal.exponent())) {
        (Some(number), Ok(exponent)) => Outcome::result(encoded(number, exponent)),
        _ => malformed(),
    }
}

fn encoded(number: I256, exponent: i8) -> Vec<u8> {
    (number, exponent).abi_encode_params()
}

/// Observations, read as the chain reads them. What has no time of its own has time 0: the chain puts the median of the
/// gateways' times there, so that they can agree.
async fn mapped(chain: &Chain, request: &Request, body: &[u8]) -> Result<Outcome, GatewayError> {
    match chain.normalize(request.mapping_id, request.thing, body).await {
        Ok(observations) => Ok(Outcome::result(observations.abi_encode())),
        Err(GatewayError::Refused { message, .. }) => Ok(Outcome::failed(MAPPING_FAILED, message)),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_exactly() {
        for (text, expected) in [("12.50", (1250, -2)), (" -3\n", (-3, 0)), ("1e3", (1, 3))] {
            let outcome = number(text.as_bytes());
            let (number, exponent) = <(I256, i8)>::abi_decode_params(&outcome.result).unwrap();
            let scale = |(number, exponent): (i128, i32)| number * 10i128.pow((exponent + 4) as u32);
            let read = (i128::try_from(number).unwrap(), i32::from(exponent));
            assert_eq!(scale(read), scale(expected), "{text}");
        }
        for text in ["", "twelve", "\"12\"", "1e999", "{}"] {
            assert_eq!(number(text.as_bytes()).code, 4, "{text}");
        }
    }

    #[test]
    fn a_signed_answer_has_result_time_and_signature_and_nothing_else() {
        let outcome = by_thing(br#"{"result": "0x2a", "observedAtMs": 7, "signature": "0x0102"}"#);
        assert_eq!((outcome.code, &outcome.result[..]), (0, &[0x2a][..]));
        assert_eq!(
            outcome.evidence,
            Some(Evidence::SignedByThing { observed_at_ms: 7, signature: Bytes::from_static(&[1, 2]) })
        );
        for wrong in
            ["42", r#"{"result": "0x2a"}"#, r#"{"result": "0x", "observedAtMs": 7, "signature": "0x", "x": 1}"#]
        {
            let outcome = by_thing(wrong.as_bytes());
            assert_eq!((outcome.code, outcome.evidence), (4, None), "{wrong}");
        }
    }

    #[test]
    fn a_thing_may_sign_that_it_failed_but_not_how_gateways_agreed() {
        let outcome = by_thing(br#"{"code": 3, "observedAtMs": 7, "signature": "0x0102"}"#);
        assert_eq!((outcome.code, outcome.result.len(), outcome.evidence.is_some()), (3, 0, true));
        for wrong in [
            r#"{"code": 6, "observedAtMs": 7, "signature": "0x0102"}"#,
            r#"{"code": 10, "observedAtMs": 7, "signature": "0x0102"}"#,
            r#"{"code": 3, "result": "0x2a", "observedAtMs": 7, "signature": "0x0102"}"#,
        ] {
            let outcome = by_thing(wrong.as_bytes());
            assert_eq!((outcome.code, outcome.evidence), (4, None), "{wrong}");
        }
    }
}
