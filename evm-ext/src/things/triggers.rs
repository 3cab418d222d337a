//! Triggers: contracts' functions that run by themselves when time or things say so.
//!
//! ```text
//! Trigger at keccak256(id . 2):
//!   +0   bits 0-159 owner, 160 kind (8), 168 comparison (8), 176 exponent (8), 184 state (8)
//!   +1 thing, +2 other thing, +3 model, +4 property, +5 threshold, +6 hysteresis
//!   +7   bits 0-31 radius, 32-95 maxAge, 96-159 firstTime, 160-223 interval
//!   +8   bits 0-31 action, 32-63 actionGas, 64-95 maxFirings, 96-127 firings, 128-255 maxFeePerGas
//!   +9   bits 0-63 last firing (unix seconds), 64-127 time of the next bucket that it is in (0: none)
//!   +10  number of the observation that fired it, +11 bits 0-7 its exponent, 8-71 its time (unix ms)
//!   +12  thing that fired it, +13 the other
//! Watchers at keccak256(key . 10): uint256[] ids; the key says what wakes them
//! Positions at keccak256(thing . 11): +0 number, +1 unix ms
//! Encounters at keccak256(other . keccak256(thing . 12)): unix ms at which `thing` said that it met `other`
//! ```
//! A trigger whose action waits to run does not fire again until it has run.
mod evaluate;
mod record;
mod watch;

pub(super) use evaluate::{observe, published};
pub(super) use record::Trigger;
pub(super) use watch::{trigger_of, unwatch, wake, watch};

use super::{
    Result,
    queue::{self, Item},
    wheel,
};
use crate::precompiles::Frame;
use alloy_primitives::{B256, I256, U256};
use alloy_sol_types::SolValue;
use record::State;

/// A trigger whose time has come. What was rescheduled meanwhile is in another bucket.
pub(super) fn due_at(frame: &mut Frame<'_>, id: U256, time: u64) -> Result<Option<Trigger>> {
    let Some(trigger) = Trigger::find(frame, id)? else { return Ok(None) };
    let is_due = trigger.state() == State::Armed && trigger.scheduled(frame)? == time;
    Ok(is_due.then_some(trigger))
}

/// The action of a trigger runs in this block because its time has come.
pub(super) fn fire_at(frame: &mut Frame<'_>, id: U256, time: u64) -> Result<()> {
    let Some(mut trigger) = due_at(frame, id, time)? else { return Ok(()) };
    trigger.set_scheduled(frame, 0)?;
    trigger.set_firing(frame, (B256::ZERO, B256::ZERO), (I256::ZERO, 0), time.saturating_mul(1_000))?;
    trigger.set_state(frame, State::Queued)
}

/// Queues the action, with what fired it.
pub(super) fn fire(
    frame: &mut Frame<'_>,
    trigger: &mut Trigger,
    things: (B256, B256),
    value: (I256, i8),
    time_ms: u64,
) -> Result<()> {
    trigger.set_firing(frame, things, value, time_ms)?;
    trigger.set_state(frame, State::Queued)?;
    queue::push(frame, trigger.owner(), Item::Trigger(trigger.id))
}

/// A due action, ready to be called.
pub(super) struct Action {
    pub(super) gas: u32,
    pub(super) input: Vec<u8>,
}

/// The call that a queued trigger's action takes.
pub(super) fn action(frame: &mut Frame<'_>, trigger: &Trigger) -> Result<Action> {
    let (things, (number, exponent), time_ms) = trigger.firing(frame)?;
    let mut input = trigger.action(frame)?.to_vec();
    let exponent = I256::try_from(exponent).unwrap_or_default();
    input.extend((trigger.id, things.0, things.1, number, exponent, U256::from(time_ms)).abi_encode_params());
    Ok(Action { gas: trigger.action_gas(frame)?, input })
}

/// After the action ran, or was found unpayable: the next time, or rest.
pub(super) fn settle(frame: &mut Frame<'_>, trigger: &mut Trigger, asleep: bool) -> Result<()> {
    let now = frame.call().block_timestamp;
    if asleep {
        return trigger.set_state(frame, State::Asleep);
    }
    trigger.count_firing(frame, now)?;
    if trigger.is_over(frame)? {
        return watch::end(frame, trigger);
    }
    let rearms = trigger.rearms_at_once();
    trigger.set_state(frame, if rearms { State::Armed } else { State::Fired })?;
    schedule(frame, trigger, now)
}

/// Puts a trigger of `Every` into the bucket of its next time, after `now`. Firings that were missed count as one.
pub(super) fn schedule(frame: &mut Frame<'_>, trigger: &mut Trigger, now: u64) -> Result<()> {
    let Some(next) = trigger.next_time(frame, now)? else { return Ok(()) };
    if next > wheel::TIME_MAX {
        return Ok(());
    }
    trigger.set_scheduled(frame, next)?;
    wheel::put(frame, next, trigger.owner(), Item::Trigger(trigger.id))
}
