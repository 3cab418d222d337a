//! Open requests of a thing, in the order in which they came: a doubly linked list through the requests, so that one in
//! the middle leaves without a scan.
//!
//! `thing + 7`: bits 0-63 how many, 64-159 the first, 160-255 the last.
use super::Request;
use crate::{
    precompiles::{
        Frame,
        slots::{Field, offset},
    },
    things::{OPEN_REQUESTS_OF, REQUEST_COUNT, Result, THINGS, abi::IThings, custom, registry::OPEN_REQUESTS},
};
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::params::{
    PAGE_ENTRIES_MAX, REQUEST_SECONDS_MAX, REQUESTER_REQUESTS_MAX, THING_REQUESTS_MAX, THINGS_ADDRESS,
};

/// Requests that one question about a gateway looks at: some milliseconds.
const LOOKED_AT_MAX: usize = 4_096;

const COUNT: Field = Field::new(0, 64);
const FIRST: Field = Field::new(64, 96);
const LAST: Field = Field::new(160, 96);
const PREVIOUS: Field = Field::new(0, 128);
const NEXT: Field = Field::new(128, 128);

fn list_slot(frame: &mut Frame<'_>, thing: B256) -> Result<U256> {
    Ok(offset(frame.mapping(THINGS, thing)?, OPEN_REQUESTS))
}

/// Adds a request at the end.
pub(super) fn open(frame: &mut Frame<'_>, request: &Request) -> Result<()> {
    let exceeded =
        |what: &str, limit: u64| custom(&IThings::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) });
    let of_requester = frame.mapping_of_account(OPEN_REQUESTS_OF, request.requester())?;
    let open = frame.load(THINGS_ADDRESS, of_requester)?;
    if open >= U256::from(REQUESTER_REQUESTS_MAX) {
        return Err(exceeded("open requests of the requester", REQUESTER_REQUESTS_MAX));
    }
    frame.store(THINGS_ADDRESS, of_requester, open.saturating_add(U256::ONE))?;
    let thing = request.thing(frame)?;
    let slot = list_slot(frame, thing)?;
    let list = frame.load(THINGS_ADDRESS, slot)?;
    let count = COUNT.get_u64(list);
    // Content has no thing: its list is bounded by what each requester may have open.
    if count >= THING_REQUESTS_MAX && !thing.is_zero() {
        return Err(exceeded("open requests of the thing", THING_REQUESTS_MAX));
    }
    let last = LAST.get(list);
    request.set_links(frame, PREVIOUS.set(U256::ZERO, last))?;
    let mut list = LAST.set(COUNT.set_u64(list, count.saturating_add(1)), request.id);
    if last.is_zero() {
        list = FIRST.set(list, request.id);
    } else {
        let before = Request::load(frame, last)?;
        let links = before.links(frame)?;
        before.set_links(frame, NEXT.set(links, request.id))?;
    }
    frame.store(THINGS_ADDRESS, slot, list)
}

/// Takes an open request out.
pub(super) fn close(frame: &mut Frame<'_>, request: &Request) -> Result<()> {
    let of_requester = frame.mapping_of_account(OPEN_REQUESTS_OF, request.requester())?;
    let open = frame.load(THINGS_ADDRESS, of_requester)?;
    frame.store(THINGS_ADDRESS, of_requester, open.saturating_sub(U256::ONE))?;
    let thing = request.thing(frame)?;
    let slot = list_slot(frame, thing)?;
    let mut list = frame.load(THINGS_ADDRESS, slot)?;
    let links = request.links(frame)?;
    let (previous, next) = (PREVIOUS.get(links), NEXT.get(links));
    if previous.is_zero() {
        list = FIRST.set(list, next);
    } else {
        let before = Request::load(frame, previous)?;
        let links = before.links(frame)?;
        before.set_links(frame, NEXT.set(links, next))?;
    }
    if next.is_zero() {
        list = LAST.set(list, previous);
    } else {
        let after = Request::load(frame, next)?;
        let links = after.links(frame)?;
        after.set_links(frame, PREVIOUS.set(links, previous))?;
    }
    request.set_links(frame, U256::ZERO)?;
    let count = COUNT.get_u64(list).saturating_sub(1);
    frame.store(THINGS_ADDRESS, slot, COUNT.set_u64(list, count))
}

/// Open requests that name a gateway, the newest first: at most `entries` with ids below `before` (zero: all), and the id to
/// go on below; zero at the end. What was made longer ago than a request lives, at `now`, cannot be open.
pub(in crate::things) fn of_gateway(
    frame: &mut Frame<'_>,
    gateway: Address,
    (before, entries, now): (U256, usize, u64),
) -> Result<(Vec<U256>, U256)> {
    let count = frame.load(THINGS_ADDRESS, REQUEST_COUNT)?;
    let mut id = if before.is_zero() { count } else { before.saturating_sub(U256::ONE).min(count) };
    let (mut ids, mut looked_at) = (Vec::new(), 0usize);
    while !id.is_zero() && ids.len() < entries && looked_at < LOOKED_AT_MAX {
        let request = Request::load(frame, id)?;
        if request.created(frame)?.saturating_add(REQUEST_SECONDS_MAX) < now {
            return Ok((ids, U256::ZERO));
        }
        if request.is_open() && request.gateways(frame)?.contains(&gateway) {
            ids.push(id);
        }
        id = id.saturating_sub(U256::ONE);
        looked_at = looked_at.saturating_add(1);
    }
    let next = if id.is_zero() { id } else { id.saturating_add(U256::ONE) };
    Ok((ids, next))
}

/// A page of open requests. A cursor whose request has been closed meanwhile begins anew.
pub(in crate::things) fn pending(frame: &mut Frame<'_>, call: IThings::pendingCall) -> Result<IThings::pendingReturn> {
    let entries = call.limit.saturating_to::<usize>().min(PAGE_ENTRIES_MAX);
    let slot = list_slot(frame, call.thing)?;
    let list = frame.load(THINGS_ADDRESS, slot)?;
    let mut next = FIRST.get(list);
    if !call.cursor.is_zero()
        && let Some(request) = Request::find(frame, call.cursor)?
        && request.is_open()
        && request.thing(frame)? == call.thing
    {
        next = call.cursor;
    }
    let mut ids = Vec::new();
    while !next.is_zero() && ids.len() < entries {
        ids.push(next);
        next = NEXT.get(Request::load(frame, next)?.links(frame)?);
    }
    Ok(IThings::pendingReturn { requestIds: ids, next })
}
