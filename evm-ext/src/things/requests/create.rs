//! Making a request.
use super::{Request, callback_price, list};
use crate::{
    governance::{self, Parameter},
    precompiles::{Frame, PrecompileError},
    things::{
        REQUEST_COUNT, Result,
        abi::IThings::{self, Agreement, Operation},
        balances, custom, description,
        queue::Item,
        registry::Thing,
        wheel,
    },
};
use alloy_primitives::{Address, U256};
use pervade_chainspec::params::{
    AFFORDANCE_BYTES_MAX, CALLBACK_GAS_MAX, REQUEST_ATTEMPTS_MAX, REQUEST_INPUT_BYTES_MAX, REQUEST_RESULT_BYTES_MAX,
    REQUEST_SECONDS_MAX, THINGS_ADDRESS,
};

/// What a request sets aside: all of it, and of that the fetch fee.
fn prices(frame: &mut Frame<'_>, of: &IThings::Request) -> Result<(U256, U256)> {
    let number = frame.call().block_number;
    let fee = U256::from(governance::value_at(frame, Parameter::FetchFee, number)?);
    let callback = callback_price(of.callbackGas.into(), U256::from(of.maxFeePerGas));
    Ok((callback.saturating_add(fee), fee))
}

pub(in crate::things) fn quote(frame: &mut Frame<'_>, call: IThings::quoteCall) -> Result<U256> {
    Ok(prices(frame, &call.request_)?.0)
}

pub(in crate::things) fn request(frame: &mut Frame<'_>, call: IThings::requestCall) -> Result<U256> {
    let (requester, value) = (frame.call().caller, frame.call().value);
    create(frame, requester, value, &call.request_)
}

/// Makes a request in an account's name; `value` came with the call.
fn create(frame: &mut Frame<'_>, requester: Address, value: U256, of: &IThings::Request) -> Result<U256> {
    if !frame.has_code(requester)? {
        return Err(custom(&IThings::CallerIsNotContract {}));
    }
    balances::fund(frame, requester, value)?;
    check(frame, of)?;
    let thing = Thing::load(frame, of.thing)?;
    if !thing.allows(frame, requester, of.operation as u8)? {
        return Err(custom(&IThings::NotAuthorized { caller: requester }));
    }
    check_affordance(frame, &thing, of)?;
    let gateways = thing.gateways(frame)?;
    let needed = match of.agreement {
        Agreement::Identical | Agreement::Median => usize::from(of.minGateways).max(1),
        Agreement::Gateway => 1,
        _ => 0,
    };
    if gateways.len() < needed {
        return Err(custom(&IThings::TooFewGateways { gateways: U256::from(gateways.len()) }));
    }
    let wei = prices(frame, of)?;
    balances::reserve(frame, requester, wei.0)?;
    let id = frame.load(THINGS_ADDRESS, REQUEST_COUNT)?.saturating_add(U256::ONE);
    frame.store(THINGS_ADDRESS, REQUEST_COUNT, id)?;
    let request = Request::create(frame, id, requester, of, thing.generation(), &gateways, wei)?;
    list::open(frame, &request)?;
    // The first second in which reports do not count any more.
    wheel::put(frame, of.deadline.saturating_add(1), Item::Request(id).word())?;
    frame.emit(THINGS_ADDRESS, &IThings::Requested { requestId: id, thing: of.thing, requester })?;
    Ok(id)
}

fn check(frame: &Frame<'_>, of: &IThings::Request) -> Result<()> {
    let exceeded = |what: &str, limit: u64| -> PrecompileError {
        custom(&IThings::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) })
    };
    let invalid = |reason: &str| Err(custom(&IThings::InvalidRequest { reason: reason.to_owned() }));
    let at_most = |what: &str, found: usize, limit: usize| -> Result<()> {
        if found <= limit { Ok(()) } else { Err(exceeded(what, u64::try_from(limit).unwrap_or(u64::MAX))) }
    };
    at_most("affordance", of.affordance.len(), AFFORDANCE_BYTES_MAX)?;
    at_most("input", of.input.len(), REQUEST_INPUT_BYTES_MAX)?;
    at_most("maxResultBytes", usize::try_from(of.maxResultBytes).unwrap_or(usize::MAX), REQUEST_RESULT_BYTES_MAX)?;
    at_most("maxAttempts", of.maxAttempts.into(), REQUEST_ATTEMPTS_MAX.into())?;
    if of.callbackGas > CALLBACK_GAS_MAX {
        return Err(exceeded("callbackGas", CALLBACK_GAS_MAX.into()));
    }
    let now = frame.call().block_timestamp;
    if of.deadline.saturating_sub(now) > REQUEST_SECONDS_MAX {
        return Err(exceeded("life", REQUEST_SECONDS_MAX));
    }
    if of.deadline <= now {
        return invalid("the deadline has passed");
    }
    if of.maxAttempts == 0 {
        return invalid("no attempts");
    }
    if of.onResult.is_zero() || of.callbackGas == 0 {
        return invalid("a callback has a selector and gas");
    }
    let many = matches!(of.agreement, Agreement::Identical | Agreement::Median);
    if many && of.operation != Operation::ReadProperty {
        return invalid("a command has one executor: neither Identical nor Median");
    }
    if !of.mappingId.is_zero() {
        return invalid("no mapping has this id");
    }
    Ok(())
}

fn check_affordance(frame: &mut Frame<'_>, thing: &Thing, of: &IThings::Request) -> Result<()> {
    let document = thing.description(frame)?;
    frame.charge_words(document.len(), description::CHECK_WORD_GAS)?;
    let kind = if of.operation == Operation::InvokeAction { "actions" } else { "properties" };
    match description::has_affordance(&document, kind, &of.affordance) {
        true => Ok(()),
        false => Err(custom(&IThings::InvalidRequest { reason: format!("the thing has none such among its {kind}") })),
    }
}
