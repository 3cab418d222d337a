//! Setting triggers, taking them back, and waking those that slept.
use super::{
    Trigger,
    evaluate::{ENCOUNTERS_KEY, POSITIONS_KEY, watchers_slot},
    record::State,
    schedule,
};
use crate::{
    precompiles::{Frame, PrecompileError, slots::offset},
    things::{
        Result, TRIGGER_COUNT,
        abi::IThings::{self, TriggerKind},
        balances, custom, quotas,
        registry::{Thing, WATCH_BIT},
        wheel,
    },
};
use alloy_primitives::{B256, U256};
use pervade_chainspec::params::{
    CALLBACK_GAS_MAX, RADIUS_METRES_MAX, THINGS_ADDRESS, TRIGGER_INTERVAL_SECONDS_MIN, WATCHERS_MAX,
};

pub(in crate::things) fn watch(frame: &mut Frame<'_>, call: IThings::watchCall) -> Result<U256> {
    let owner = frame.call().caller;
    if !frame.has_code(owner)? {
        return Err(custom(&IThings::CallerIsNotContract {}));
    }
    balances::fund(frame, owner, frame.call().value)?;
    quotas::check_permission(frame, owner)?;
    let of = call.trigger;
    check(frame, &of)?;
    let keys = wakers(&of);
    for (thing, _) in &keys {
        if !Thing::load(frame, *thing)?.allows(frame, owner, WATCH_BIT)? {
            return Err(custom(&IThings::NotAuthorized { caller: owner }));
        }
    }
    let id = frame.load(THINGS_ADDRESS, TRIGGER_COUNT)?.saturating_add(U256::ONE);
    frame.store(THINGS_ADDRESS, TRIGGER_COUNT, id)?;
    for (thing, key) in keys {
        join(frame, thing, key, id)?;
    }
    let mut trigger = Trigger::create(frame, id, owner, &of)?;
    let now = frame.call().block_timestamp;
    // A time that has passed is due at once; the wheel turns at the start of a block.
    schedule(frame, &mut trigger, now)?;
    frame.emit(THINGS_ADDRESS, &IThings::Watched { triggerId: id, thing: of.thing, owner })?;
    Ok(id)
}

fn check(frame: &mut Frame<'_>, of: &IThings::Trigger) -> Result<()> {
    let exceeded = |what: &str, limit: u64| {
        Err(custom(&IThings::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) }))
    };
    let refuse = |reason: &str| Err(PrecompileError::reason(reason));
    if of.actionGas > CALLBACK_GAS_MAX {
        return exceeded("actionGas", CALLBACK_GAS_MAX.into());
    }
    if of.actionGas == 0 || of.action.is_zero() {
        return refuse("an action has a selector and gas");
    }
    match of.kind {
        TriggerKind::AtTime | TriggerKind::Every => {
            if of.firstTime > wheel::TIME_MAX {
                return exceeded("firstTime", wheel::TIME_MAX);
            }
            if of.kind == TriggerKind::Every && of.interval < TRIGGER_INTERVAL_SECONDS_MIN {
                return refuse("Every needs an interval");
            }
        }
        TriggerKind::Colocated if of.radiusMetres > RADIUS_METRES_MAX => {
            return exceeded("radiusMetres", RADIUS_METRES_MAX.into());
        }
        TriggerKind::Colocated | TriggerKind::Encountered if of.thing == of.otherThing => {
            return refuse("a thing does not meet itself");
        }
        TriggerKind::Threshold if of.property.is_zero() || of.hysteresis.bit(255) => {
            return refuse("Threshold needs a property, and a hysteresis below 2^255");
        }
        _ => {}
    }
    if frame.call().block_timestamp > wheel::TIME_MAX {
        return exceeded("time", wheel::TIME_MAX);
    }
    Ok(())
}

/// The things, and the lists of theirs, that wake a trigger.
fn wakers(of: &IThings::Trigger) -> Vec<(B256, (B256, B256))> {
    match of.kind {
        TriggerKind::Threshold | TriggerKind::Published => {
            let model = if of.property.is_zero() { B256::ZERO } else { of.model };
            vec![(of.thing, (model, of.property))]
        }
        TriggerKind::Colocated => vec![(of.thing, POSITIONS_KEY), (of.otherThing, POSITIONS_KEY)],
        TriggerKind::Encountered => vec![(of.thing, ENCOUNTERS_KEY), (of.otherThing, ENCOUNTERS_KEY)],
        _ => Vec::new(),
    }
}

fn join(frame: &mut Frame<'_>, thing: B256, key: (B256, B256), id: U256) -> Result<()> {
    let slot = watchers_slot(frame, thing, key)?;
    let count: u64 = frame.load(THINGS_ADDRESS, slot)?.saturating_to();
    if count >= WATCHERS_MAX {
        let limit = U256::from(WATCHERS_MAX);
        return Err(custom(&IThings::LimitExceeded { what: "triggers of the property".to_owned(), limit }));
    }
    let first = frame.elements(slot)?;
    frame.store(THINGS_ADDRESS, offset(first, count), id)?;
    frame.store(THINGS_ADDRESS, slot, U256::from(count.saturating_add(1)))
}

fn leave(frame: &mut Frame<'_>, thing: B256, key: (B256, B256), id: U256) -> Result<()> {
    let slot = watchers_slot(frame, thing, key)?;
    let count: u64 = frame.load(THINGS_ADDRESS, slot)?.saturating_to();
    let first = frame.elements(slot)?;
    let last = offset(first, count.saturating_sub(1));
    for place in 0..count {
        let at = offset(first, place);
        if frame.load(THINGS_ADDRESS, at)? == id {
            let moved = frame.load(THINGS_ADDRESS, last)?;
            frame.store(THINGS_ADDRESS, at, moved)?;
            frame.store(THINGS_ADDRESS, last, U256::ZERO)?;
            return frame.store(THINGS_ADDRESS, slot, U256::from(count.saturating_sub(1)));
        }
    }
    Ok(())
}

fn load_as_owner(frame: &mut Frame<'_>, id: U256) -> Result<Trigger> {
    let trigger = Trigger::load(frame, id)?;
    let caller = frame.call().caller;
    match trigger.owner() == caller {
        true => Ok(trigger),
        false => Err(custom(&IThings::NotAuthorized { caller })),
    }
}

pub(in crate::things) fn unwatch(frame: &mut Frame<'_>, call: IThings::unwatchCall) -> Result<IThings::unwatchReturn> {
    let mut trigger = load_as_owner(frame, call.triggerId)?;
    if trigger.state() == State::Done {
        return Err(PrecompileError::reason("the trigger is over"));
    }
    end(frame, &mut trigger)?;
    frame.emit(THINGS_ADDRESS, &IThings::Unwatched { triggerId: call.triggerId })?;
    Ok(IThings::unwatchReturn {})
}

/// Takes a trigger off the lists that wake it, for good.
pub(super) fn end(frame: &mut Frame<'_>, trigger: &mut Trigger) -> Result<()> {
    let of = trigger.to_abi(frame)?;
    for (thing, key) in wakers(&of) {
        leave(frame, thing, key, trigger.id)?;
    }
    trigger.set_state(frame, State::Done)
}

pub(in crate::things) fn wake(frame: &mut Frame<'_>, call: IThings::wakeCall) -> Result<IThings::wakeReturn> {
    let mut trigger = Trigger::load(frame, call.triggerId)?;
    let value = frame.call().value;
    balances::fund(frame, trigger.owner(), value)?;
    if trigger.state() != State::Asleep {
        return Err(PrecompileError::reason("the trigger does not sleep"));
    }
    trigger.set_state(frame, State::Armed)?;
    let now = frame.call().block_timestamp;
    schedule(frame, &mut trigger, now)?;
    Ok(IThings::wakeReturn {})
}

pub(in crate::things) fn trigger_of(
    frame: &mut Frame<'_>,
    call: IThings::triggerOfCall,
) -> Result<IThings::triggerOfReturn> {
    let trigger = Trigger::load(frame, call.triggerId)?;
    Ok(IThings::triggerOfReturn {
        owner: trigger.owner(),
        trigger: trigger.to_abi(frame)?,
        firings: trigger.firings(frame)?,
        asleep: trigger.state() == State::Asleep,
    })
}
