//! Requests: what contracts ask of things, from the question to the callback.
//!
//! ```text
//! Pending, Queued --report--> Settled --callback--> Fulfilled | Failed
//!        |                       ^                 \-> Parked --resume--> Settled
//!        |--deadline--> Expired  '- its callback waits in the queue of due work
//!        '--cancel----> Cancelled
//! ```
//!
//! What a request can cost is set aside when it is made: the callback's gas at the highest price that it may pay, and
//! the fetch fee. A report shares out the fee; a callback pays for its gas; the rest is free again when the request ends.
mod agreement;
mod answer;
mod create;
mod list;
mod record;
mod report;
mod source;

pub use agreement::SignedAnswer;
pub(crate) use create::fetch;
pub(super) use create::{quote, request};
pub(super) use list::{of_gateway, pending};
pub(super) use record::Request;
pub(super) use report::report;
pub use source::ContentRange;
pub(crate) use source::Source;

use super::{
    CALLBACK_OVERHEAD_GAS_WORST, Result,
    abi::IThings::{self, Status},
    balances, custom,
    queue::{self, Item},
    quotas,
    signatures::{Custody, digest_in, signer},
    wheel,
};
use crate::{
    governance::{self, Parameter},
    precompiles::{Frame, PrecompileError},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolValue;
use pervade_chainspec::params::THINGS_ADDRESS;
use record::Callback;

/// Failure codes that the protocol itself gives.
pub(super) const TIMEOUT: u16 = 1;
/// The answer is longer than the request takes.
pub(super) const TOO_LARGE: u16 = 5;
/// No agreement among the gateways.
pub(super) const NO_AGREEMENT: u16 = 6;
/// The mapping refuses the answer.
pub(super) const MAPPING_FAILED: u16 = 8;
/// The last of the failure codes.
pub(super) const CODE_MAX: u16 = 9;

fn wrong_status(status: Status) -> PrecompileError {
    custom(&IThings::WrongStatus { status })
}

fn change(frame: &mut Frame<'_>, request: &mut Request, status: Status) -> Result<()> {
    request.set_status(frame, status)?;
    let (code, hash) = request.outcome(frame)?;
    let event = IThings::StatusChanged { requestId: request.id, status, code, resultHash: hash };
    frame.emit(THINGS_ADDRESS, &event)
}

/// Frees what is still set aside.
fn release(frame: &mut Frame<'_>, request: &Request, spent: U256) -> Result<()> {
    let reserved = request.reserved(frame)?;
    balances::release(frame, request.requester(), reserved, spent)?;
    request.set_reserved(frame, U256::ZERO)
}

pub(super) fn cancel(frame: &mut Frame<'_>, call: IThings::cancelCall) -> Result<IThings::cancelReturn> {
    let mut request = Request::load(frame, call.requestId)?;
    let caller = frame.call().caller;
    if request.requester() != caller {
        return Err(custom(&IThings::NotAuthorized { caller }));
    }
    if !request.is_open() {
        return Err(wrong_status(request.status()));
    }
    list::close(frame, &request)?;
    release(frame, &request, U256::ZERO)?;
    change(frame, &mut request, Status::Cancelled)?;
    Ok(IThings::cancelReturn {})
}

pub(super) fn queue(frame: &mut Frame<'_>, call: IThings::queueCall) -> Result<IThings::queueReturn> {
    let mut request = Request::load(frame, call.requestId)?;
    if request.status() != Status::Pending {
        return Err(wrong_status(request.status()));
    }
    let digest = digest_in(frame, &Custody { requestId: call.requestId })?;
    let gateways = request.gateways(frame)?;
    match signer(frame, digest, &call.signature)? {
        Some(gateway) if gateways.contains(&gateway) => {}
        _ => return Err(custom(&IThings::InvalidProof {})),
    }
    change(frame, &mut request, Status::Queued)?;
    Ok(IThings::queueReturn {})
}

pub(super) fn resume(frame: &mut Frame<'_>, call: IThings::resumeCall) -> Result<IThings::resumeReturn> {
    let mut request = Request::load(frame, call.requestId)?;
    if request.status() != Status::Parked {
        return Err(wrong_status(request.status()));
    }
    let wei = request.callback_price(frame)?;
    balances::reserve(frame, request.requester(), wei)?;
    request.set_reserved(frame, wei)?;
    request.set_callback(frame, Callback::Result)?;
    change(frame, &mut request, Status::Settled)?;
    queue::push(frame, request.requester(), Item::Request(request.id))?;
    Ok(IThings::resumeReturn {})
}

/// Whether a request whose time has come still waits, so that its end is due.
pub(super) fn is_over(frame: &mut Frame<'_>, id: U256) -> Result<bool> {
    let Some(request) = Request::find(frame, id)? else { return Ok(false) };
    match request.status() {
        Status::Parked => Ok(frame.call().block_timestamp > request.parked_until(frame)?),
        _ => Ok(request.is_open()),
    }
}

/// Gas of the callback that is due, and the highest price that it may pay; `None`: nothing is due any more.
pub(super) fn due(frame: &mut Frame<'_>, id: U256) -> Result<Option<(u64, U256)>> {
    let Some(request) = Request::find(frame, id)? else { return Ok(None) };
    match request.status() {
        Status::Settled => Ok(Some((request.callback_gas(frame)?, request.max_fee(frame)?))),
        Status::Expired if request.callback() != Callback::None => {
            Ok(Some((request.callback_gas(frame)?, request.max_fee(frame)?)))
        }
        // The end of a request is the protocol's own work, at no price.
        Status::Pending | Status::Queued | Status::Parked => Ok(Some((0, U256::MAX))),
        _ => Ok(None),
    }
}

/// Start of the system transaction: the calldata to call the requester with, if there is a callback.
pub(super) fn begin(frame: &mut Frame<'_>, id: U256) -> Result<Option<(Request, Bytes)>> {
    let Some(mut request) = Request::find(frame, id)? else { return Ok(None) };
    match request.status() {
        Status::Pending | Status::Queued => {
            list::close(frame, &request)?;
            request.set_outcome(frame, TIMEOUT, &[])?;
            let callback = if request.on_failure(frame)?.is_zero() { Callback::None } else { Callback::Failure };
            request.set_callback(frame, callback)?;
            change(frame, &mut request, Status::Expired)?;
            match callback {
                Callback::None => release(frame, &request, U256::ZERO)?,
                _ => queue::push(frame, request.requester(), Item::Request(id))?,
            }
            return Ok(None);
        }
        Status::Parked => {
            request.drop_result(frame)?;
            change(frame, &mut request, Status::Expired)?;
            return Ok(None);
        }
        _ => {}
    }
    let (code, _) = request.outcome(frame)?;
    let input = match request.callback() {
        Callback::Result => {
            let mut input = request.on_result(frame)?.to_vec();
            let result = request.result(frame)?;
            frame.charge_words(result.len(), crate::precompiles::prices::ABI_WORD_GAS)?;
            input.extend((id, result).abi_encode_params());
            input
        }
        Callback::Failure => {
            let mut input = request.on_failure(frame)?.to_vec();
            input.extend((id, U256::from(code)).abi_encode_params());
            input
        }
        Callback::None => return Ok(None),
    };
    Ok(Some((request, input.into())))
}

/// End of the system transaction: `wei` is the price of the gas; answers what of it the reservation held.
pub(super) fn end(frame: &mut Frame<'_>, id: U256, succeeded: bool, wei: U256, gas_used: u64) -> Result<U256> {
    let mut request = Request::load(frame, id)?;
    let worst = CALLBACK_OVERHEAD_GAS_WORST.saturating_add(request.callback_gas(frame)?);
    quotas::give_back(frame, request.requester(), worst.saturating_sub(gas_used))?;
    let paid = wei.min(request.reserved(frame)?);
    release(frame, &request, paid)?;
    let callback = request.callback();
    request.set_callback(frame, Callback::None)?;
    match (callback, succeeded) {
        // An expired request stays expired, whatever its callback did.
        (Callback::Failure, _) if request.status() == Status::Expired => {}
        (Callback::Failure, _) => change(frame, &mut request, Status::Failed)?,
        (_, true) => change(frame, &mut request, Status::Fulfilled)?,
        (_, false) => park(frame, &mut request)?,
    }
    Ok(paid)
}

fn park(frame: &mut Frame<'_>, request: &mut Request) -> Result<()> {
    let number = frame.call().block_number;
    let kept = governance::value_at(frame, Parameter::ParkedSeconds, number)?;
    let until = frame.call().block_timestamp.saturating_add(kept).min(wheel::TIME_MAX.saturating_sub(1));
    request.set_parked_until(frame, until)?;
    wheel::put(frame, until.saturating_add(1), request.requester(), Item::Request(request.id))?;
    change(frame, request, Status::Parked)
}

pub(super) fn request_of(frame: &mut Frame<'_>, call: IThings::requestOfCall) -> Result<IThings::requestOfReturn> {
    let request = Request::load(frame, call.requestId)?;
    Ok(IThings::requestOfReturn {
        requester: request.requester(),
        request_: request.to_abi(frame)?,
        created: request.created(frame)?,
    })
}

/// Where the answer of a request comes from.
pub(super) fn source_of(frame: &mut Frame<'_>, id: U256) -> Result<Source> {
    Request::load(frame, id)?.source(frame)
}

/// Gateways that a request began with.
pub(super) fn gateways_of(frame: &mut Frame<'_>, id: U256) -> Result<Vec<Address>> {
    Request::load(frame, id)?.gateways(frame)
}

pub(super) fn status_of(frame: &mut Frame<'_>, call: IThings::statusOfCall) -> Result<IThings::statusOfReturn> {
    let request = Request::load(frame, call.requestId)?;
    let (code, hash) = request.outcome(frame)?;
    Ok(IThings::statusOfReturn { status: request.status(), code, resultHash: hash })
}

pub(super) fn result_of(frame: &mut Frame<'_>, call: IThings::resultOfCall) -> Result<Bytes> {
    Request::load(frame, call.requestId)?.result(frame)
}

/// The most that a callback can cost, wei.
fn callback_price(gas: u64, max_fee: U256) -> U256 {
    U256::from(CALLBACK_OVERHEAD_GAS_WORST.saturating_add(gas)).saturating_mul(max_fee)
}
