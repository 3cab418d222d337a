//! Making a request.
use super::{
    Request, callback_price, list,
    record::Origin,
    source::{ContentRange, Source},
};
use crate::{
    governance::{self, Parameter},
    precompiles::{Frame, PrecompileError},
    semantics,
    things::{
        REQUEST_COUNT, Result,
        abi::IThings::{self, Agreement, Operation},
        balances, custom, description,
        queue::Item,
        quotas,
        registry::Thing,
        wheel,
    },
};
use alloy_primitives::{Address, U256};
use pervade_chainspec::params::{
    AFFORDANCE_BYTES_MAX, CALLBACK_GAS_MAX, CONTENT_RESULT_BYTES_MAX, REQUEST_ATTEMPTS_MAX, REQUEST_INPUT_BYTES_MAX,
    REQUEST_RESULT_BYTES_MAX, REQUEST_SECONDS_MAX, THINGS_ADDRESS,
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
    create(frame, requester, value, call.request_, &Source::Thing)
}

/// Makes a request for the Contract Database, in the name of the account that asks it. `value` is this account's already.
pub(crate) fn fetch(
    frame: &mut Frame<'_>,
    requester: Address,
    value: U256,
    of: IThings::Request,
    source: &Source,
) -> Result<U256> {
    create(frame, requester, value, of, source)
}

fn create(
    frame: &mut Frame<'_>,
    requester: Address,
    value: U256,
    mut of: IThings::Request,
    source: &Source,
) -> Result<U256> {
    if !frame.has_code(requester)? {
        return Err(custom(&IThings::CallerIsNotContract {}));
    }
    balances::fund(frame, requester, value)?;
    quotas::check_permission(frame, requester)?;
    check(frame, &of, source)?;
    if !of.mappingId.is_zero() && !semantics::is_defined(frame, of.mappingId)? {
        return invalid("no mapping has this id");
    }
    let (generation, gateways, speaks) = match source {
        Source::Content(_) if of.thing.is_zero() => {
            let number = frame.call().block_number;
            (0, governance::gateways_at(frame, number)?, false)
        }
        _ => {
            let thing = Thing::load(frame, of.thing)?;
            if !thing.allows(frame, requester, of.operation as u8)? {
                return Err(custom(&IThings::NotAuthorized { caller: requester }));
            }
            let speaks = check_affordance(frame, &thing, &of)?;
            // What a file says is not the word of the thing that keeps it.
            let is_its_own = !matches!(source, Source::Content(_));
            (thing.generation(), thing.gateways(frame)?, speaks && is_its_own)
        }
    };
    if let Source::Content(range) = source {
        of.input = content_input(range).into();
    }
    let needed = match of.agreement {
        Agreement::Identical | Agreement::Median => usize::from(of.minGateways).max(1),
        Agreement::Gateway => 1,
        _ => 0,
    };
    if gateways.len() < needed {
        return Err(custom(&IThings::TooFewGateways { gateways: U256::from(gateways.len()) }));
    }
    let wei = prices(frame, &of)?;
    balances::reserve(frame, requester, wei.0)?;
    let id = frame.load(THINGS_ADDRESS, REQUEST_COUNT)?.saturating_add(U256::ONE);
    frame.store(THINGS_ADDRESS, REQUEST_COUNT, id)?;
    let origin = Origin { requester, generation, gateways: &gateways, wei, speaks, source };
    let request = Request::create(frame, id, &of, &origin)?;
    list::open(frame, &request)?;
    // The first second in which reports do not count any more.
    wheel::put(frame, of.deadline.saturating_add(1), requester, Item::Request(id))?;
    frame.emit(THINGS_ADDRESS, &IThings::Requested { requestId: id, thing: of.thing, requester })?;
    Ok(id)
}

/// What gateways put into the form of whoever keeps files.
fn content_input(range: &ContentRange) -> Vec<u8> {
    let cid = pervade_evidence::ContentId::parse(&range.cid).map(|id| id.to_string()).unwrap_or_default();
    let ContentRange { offset, length, .. } = range;
    format!(r#"{{"uriVariables":{{"cid":"{cid}","offset":{offset},"length":{length}}}}}"#).into_bytes()
}

fn invalid<T>(reason: &str) -> Result<T> {
    Err(custom(&IThings::InvalidRequest { reason: reason.to_owned() }))
}

fn check(frame: &Frame<'_>, of: &IThings::Request, source: &Source) -> Result<()> {
    let exceeded = |what: &str, limit: u64| -> PrecompileError {
        custom(&IThings::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) })
    };
    let at_most = |what: &str, found: usize, limit: usize| -> Result<()> {
        if found <= limit { Ok(()) } else { Err(exceeded(what, u64::try_from(limit).unwrap_or(u64::MAX))) }
    };
    let is_content = matches!(source, Source::Content(_));
    let result_bytes_max = if is_content { CONTENT_RESULT_BYTES_MAX } else { REQUEST_RESULT_BYTES_MAX };
    at_most("affordance", of.affordance.len(), AFFORDANCE_BYTES_MAX)?;
    at_most("input", of.input.len(), REQUEST_INPUT_BYTES_MAX)?;
    at_most("maxResultBytes", usize::try_from(of.maxResultBytes).unwrap_or(usize::MAX), result_bytes_max)?;
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
    if *source != Source::Thing && of.agreement == Agreement::Median {
        return invalid("what carries its own proof has no median");
    }
    if is_content && (of.operation != Operation::ReadProperty || !of.input.is_empty()) {
        return invalid("content is read, and its identifier is the input");
    }
    let by_thing = matches!(of.agreement, Agreement::Device | Agreement::Attested);
    if is_content && of.thing.is_zero() && by_thing {
        return invalid("without a thing, gateways say what fails: Gateway or Identical");
    }
    Ok(())
}

/// The thing must have it. Answers whether the thing speaks by the request's mapping there.
fn check_affordance(frame: &mut Frame<'_>, thing: &Thing, of: &IThings::Request) -> Result<bool> {
    let document = thing.description(frame)?;
    frame.charge_words(document.len(), description::CHECK_WORD_GAS)?;
    let kind = if of.operation == Operation::InvokeAction { "actions" } else { "properties" };
    match description::affordance(&document, kind, &of.affordance, of.mappingId) {
        Some(speaks) => Ok(speaks && !of.mappingId.is_zero()),
        None => invalid(&format!("the thing has none such among its {kind}")),
    }
}
