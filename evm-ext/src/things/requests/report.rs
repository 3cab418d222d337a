//! Settling a request: the proof decides, whoever brings it.
use super::{
    CODE_MAX, NO_AGREEMENT, Request, agreement,
    answer::{self, Answer},
    change, list,
    record::Callback,
    release, wrong_status,
};
use crate::{
    precompiles::{Frame, PrecompileError},
    things::{
        Result,
        abi::IThings::{self, Agreement, Status},
        balances, custom,
        queue::{self, Item},
    },
};
use alloy_primitives::{Address, U256};
use pervade_chainspec::params::{CONTENT_PROOF_BYTES_MAX, REQUEST_RESULT_BYTES_MAX};

pub(in crate::things) fn report(frame: &mut Frame<'_>, call: IThings::reportCall) -> Result<IThings::reportReturn> {
    let mut request = Request::load(frame, call.requestId)?;
    if !request.is_open() {
        return Err(wrong_status(request.status()));
    }
    if frame.call().block_timestamp > request.deadline(frame)? {
        return Err(wrong_status(Status::Expired));
    }
    // Content proves itself; that nobody has it takes somebody's word.
    let proves_itself = call.code == 0 && request.is_content(frame)?;
    check_outcome(frame, &request, &call, proves_itself)?;
    let proof = agreement::Proof::decode(frame, &call.proof)?;
    let (signers, observed_at_ms) = if proves_itself {
        (Vec::new(), frame.call().block_timestamp.saturating_mul(1_000))
    } else {
        (agreement::signers(frame, &request, &call, &proof)?, proof.observed_at_ms())
    };
    let answer = match call.code {
        0 => answer::of(frame, &request, &call.result, observed_at_ms)?,
        code => Answer::failure(code),
    };
    list::close(frame, &request)?;
    pay_fee(frame, &request, &signers, proof.relayer)?;
    request.set_outcome(frame, answer.code, &answer.result)?;
    let callback = match answer.code {
        0 => Callback::Result,
        _ if request.on_failure(frame)?.is_zero() => Callback::None,
        _ => Callback::Failure,
    };
    request.set_callback(frame, callback)?;
    change(frame, &mut request, Status::Settled)?;
    if callback == Callback::None {
        release(frame, &request, U256::ZERO)?;
        change(frame, &mut request, Status::Failed)?;
    } else {
        queue::push(frame, request.requester(), Item::Request(request.id))?;
    }
    answer::spread(frame, &request, &answer)?;
    Ok(IThings::reportReturn {})
}

fn check_outcome(
    frame: &mut Frame<'_>,
    request: &Request,
    call: &IThings::reportCall,
    proves_itself: bool,
) -> Result<()> {
    if call.code > CODE_MAX || (call.code != 0 && !call.result.is_empty()) {
        return Err(PrecompileError::reason(format!("a failure has a code of 1 to {CODE_MAX} and no result")));
    }
    if call.code == NO_AGREEMENT && !matches!(request.agreement(), Agreement::Identical | Agreement::Median) {
        return Err(PrecompileError::reason("code 6 is the end of an agreement among gateways"));
    }
    let most = match proves_itself {
        true => CONTENT_PROOF_BYTES_MAX,
        false => usize::try_from(request.max_result_bytes(frame)?).unwrap_or(usize::MAX).min(REQUEST_RESULT_BYTES_MAX),
    };
    if call.result.len() > most {
        return Err(custom(&IThings::LimitExceeded { what: "result".to_owned(), limit: U256::from(most) }));
    }
    Ok(())
}

/// The fetch fee in equal parts to those who signed and to the relayer, who gets what does not divide too.
fn pay_fee(frame: &mut Frame<'_>, request: &Request, signers: &[Address], relayer: Address) -> Result<()> {
    let fee = request.fetch_fee(frame)?;
    if fee.is_zero() {
        return Ok(());
    }
    let reserved = request.reserved(frame)?;
    balances::release(frame, request.requester(), fee, fee)?;
    request.set_reserved(frame, reserved.saturating_sub(fee))?;
    let parts = U256::from(signers.len().saturating_add(1));
    let part = fee.checked_div(parts).unwrap_or_default();
    for signer in signers {
        balances::credit(frame, *signer, part)?;
    }
    let rest = fee.saturating_sub(part.saturating_mul(U256::from(signers.len())));
    balances::credit(frame, relayer, rest)
}
