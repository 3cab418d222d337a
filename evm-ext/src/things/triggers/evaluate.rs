//! Looking at what a thing said: which of its watchers fire.
//!
//! Each look is paid by the trigger's owner to whoever brought the message, who paid the gas for it.
use super::{Trigger, fire, record::State};
use crate::{
    precompiles::{
        Frame,
        slots::{offset, word},
    },
    things::{
        ENCOUNTERS, POSITIONS, Result, WATCHERS,
        abi::IThings::{self, Comparison, TriggerKind},
        balances,
        geodesy::Position,
        observations::Observation,
    },
};
use alloy_primitives::{B256, I256, U256};
use num_bigint::{BigInt, Sign};
use pervade_chainspec::params::{EVALUATION_GAS, THINGS_ADDRESS};

/// The list of those who watch a thing's messages, whatever they say.
const ANY_KEY: (B256, B256) = (B256::ZERO, B256::ZERO);
/// The list of those who watch where a thing is.
pub(super) const POSITIONS_KEY: (B256, B256) = (B256::ZERO, B256::with_last_byte(1));
/// The list of those who watch whom a thing meets.
pub(super) const ENCOUNTERS_KEY: (B256, B256) = (B256::ZERO, B256::with_last_byte(2));

/// Slot of a list of watchers: of a property of a model, or one of the keys above.
pub(super) fn watchers_slot(frame: &mut Frame<'_>, thing: B256, (model, property): (B256, B256)) -> Result<U256> {
    let of_thing = frame.mapping(WATCHERS, thing)?;
    let of_model = frame.mapping(of_thing, model)?;
    frame.mapping(of_model, property)
}

/// A message of a thing was accepted, whatever it says.
pub(in crate::things) fn published(frame: &mut Frame<'_>, thing: B256, observed_at_ms: u64) -> Result<()> {
    wake(frame, thing, ANY_KEY, |_, _| Ok(Some(((I256::ZERO, 0), observed_at_ms))))
}

/// A thing said something: in a message, or as the answer to a request.
pub(in crate::things) fn observe(frame: &mut Frame<'_>, thing: B256, observations: &[Observation]) -> Result<()> {
    for seen in observations {
        let value = ((seen.number, seen.exponent), seen.time_ms);
        wake(frame, thing, (seen.model, seen.property), |frame, trigger| match trigger.kind() {
            TriggerKind::Threshold => Ok(crosses(frame, trigger, seen)?.then_some(value)),
            _ => Ok(Some(value)),
        })?;
        if seen.subject != thing {
            meet(frame, thing, seen)?;
        } else if seen.is_position {
            move_to(frame, thing, seen)?;
        }
    }
    Ok(())
}

type Fired = Option<((I256, i8), u64)>;

/// Lets each watcher of a list look; those that pay and that `decides` names fire.
fn wake(
    frame: &mut Frame<'_>,
    thing: B256,
    key: (B256, B256),
    mut decides: impl FnMut(&mut Frame<'_>, &mut Trigger) -> Result<Fired>,
) -> Result<()> {
    let slot = watchers_slot(frame, thing, key)?;
    let count: u64 = frame.load(THINGS_ADDRESS, slot)?.saturating_to();
    if count == 0 {
        return Ok(());
    }
    let first = frame.elements(slot)?;
    for place in 0..count {
        let id = frame.load(THINGS_ADDRESS, offset(first, place))?;
        let Some(mut trigger) = Trigger::find(frame, id)? else { continue };
        if matches!(trigger.state(), State::Queued | State::Done | State::Asleep) || !is_paid(frame, &mut trigger)? {
            continue;
        }
        let Some((value, time_ms)) = decides(frame, &mut trigger)? else { continue };
        let (_, _, interval) = trigger.reach(frame)?;
        let last = trigger.last_firing(frame)?;
        let now = frame.call().block_timestamp;
        if last != 0 && now < last.saturating_add(interval) {
            continue;
        }
        let other = match trigger.thing(frame)? {
            named if named == thing => trigger.other_thing(frame)?,
            named => named,
        };
        fire(frame, &mut trigger, (thing, other), value, time_ms)?;
    }
    Ok(())
}

/// Takes the price of a look; a trigger whose owner cannot pay falls asleep.
fn is_paid(frame: &mut Frame<'_>, trigger: &mut Trigger) -> Result<bool> {
    let price = U256::from(EVALUATION_GAS).saturating_mul(U256::from(frame.call().base_fee));
    if balances::take(frame, trigger.owner(), price)? {
        balances::credit(frame, frame.call().caller, price)?;
        return Ok(true);
    }
    trigger.set_state(frame, State::Asleep)?;
    frame.emit(THINGS_ADDRESS, &IThings::TriggerSlept { triggerId: trigger.id })?;
    Ok(false)
}

/// Whether a value crosses the threshold: it is beyond now, and was on this side when the trigger was armed.
fn crosses(frame: &mut Frame<'_>, trigger: &mut Trigger, seen: &Observation) -> Result<bool> {
    let (_, max_age, _) = trigger.reach(frame)?;
    if is_stale(frame, seen.time_ms, max_age) {
        return Ok(false);
    }
    let threshold = decimal(trigger.threshold(frame)?);
    let back = BigInt::from_bytes_be(Sign::Plus, &trigger.hysteresis(frame)?.to_be_bytes::<32>());
    let comparison = trigger.comparison();
    let (value, threshold, back) = aligned(decimal(seen.number), seen.exponent, threshold, back, trigger.exponent());
    let beyond = holds(comparison, &value, &threshold);
    if trigger.state() == State::Armed {
        return Ok(beyond);
    }
    // Fired before: armed again when it went back far enough, without firing by that.
    let rearmed = !beyond && went_back(comparison, &value, &threshold, &back);
    if rearmed {
        trigger.set_state(frame, State::Armed)?;
    }
    Ok(false)
}

fn is_stale(frame: &Frame<'_>, time_ms: u64, max_age: u64) -> bool {
    let now_ms = frame.call().block_timestamp.saturating_mul(1_000);
    max_age != 0 && time_ms.saturating_add(max_age.saturating_mul(1_000)) < now_ms
}

fn decimal(number: I256) -> BigInt {
    BigInt::from_signed_bytes_be(&number.to_be_bytes::<32>())
}

/// Value and threshold in the same unit: the finer one of both exponents. They differ by 255 digits at most.
fn aligned(value: BigInt, exponent: i8, threshold: BigInt, back: BigInt, unit: i8) -> (BigInt, BigInt, BigInt) {
    let power = |digits: i16| BigInt::from(10u8).pow(u32::try_from(digits).unwrap_or_default());
    let difference = i16::from(exponent).saturating_sub(i16::from(unit));
    if difference >= 0 {
        (scaled(value, &power(difference)), threshold, back)
    } else {
        let factor = power(difference.saturating_neg());
        (value, scaled(threshold, &factor), scaled(back, &factor))
    }
}

/// Whether a value is so far on the side where the comparison does not hold.
#[allow(clippy::arithmetic_side_effects, reason = "numbers of any size")]
fn went_back(comparison: Comparison, value: &BigInt, threshold: &BigInt, back: &BigInt) -> bool {
    match comparison {
        Comparison::Less | Comparison::LessOrEqual => *value >= threshold + back,
        Comparison::Greater | Comparison::GreaterOrEqual => *value <= threshold - back,
        _ => (value - threshold).magnitude() >= back.magnitude(),
    }
}

#[allow(clippy::arithmetic_side_effects, reason = "numbers of any size")]
fn scaled(number: BigInt, factor: &BigInt) -> BigInt {
    number * factor
}

fn holds(comparison: Comparison, value: &BigInt, threshold: &BigInt) -> bool {
    match comparison {
        Comparison::Less => value < threshold,
        Comparison::LessOrEqual => value <= threshold,
        Comparison::Equal => value == threshold,
        Comparison::NotEqual => value != threshold,
        Comparison::GreaterOrEqual => value >= threshold,
        Comparison::Greater => value > threshold,
        Comparison::__Invalid => false,
    }
}

/// A thing said where it is: kept if it is newer than what is known, and looked at with the other's.
fn move_to(frame: &mut Frame<'_>, thing: B256, seen: &Observation) -> Result<()> {
    let slot = frame.mapping(POSITIONS, thing)?;
    let known: u64 = frame.load(THINGS_ADDRESS, offset(slot, 1))?.saturating_to();
    let Some(here) = Position::unpack(seen.number) else { return Ok(()) };
    if seen.time_ms < known {
        return Ok(());
    }
    frame.store(THINGS_ADDRESS, slot, seen.number.into_raw())?;
    frame.store(THINGS_ADDRESS, offset(slot, 1), U256::from(seen.time_ms))?;
    let value = ((seen.number, seen.exponent), seen.time_ms);
    wake(frame, thing, POSITIONS_KEY, |frame, trigger| {
        Ok(comes_near(frame, trigger, thing, here, seen.time_ms)?.then_some(value))
    })
}

/// Price of a distance: some forty multiplications of wide numbers.
const DISTANCE_GAS: u64 = 2_000;

fn comes_near(frame: &mut Frame<'_>, trigger: &mut Trigger, thing: B256, here: Position, time_ms: u64) -> Result<bool> {
    let other = match trigger.thing(frame)? {
        named if named == thing => trigger.other_thing(frame)?,
        named => named,
    };
    let slot = frame.mapping(POSITIONS, other)?;
    let number = frame.load(THINGS_ADDRESS, slot)?;
    let other_time: u64 = frame.load(THINGS_ADDRESS, offset(slot, 1))?.saturating_to();
    let (radius, max_age, _) = trigger.reach(frame)?;
    let usable = other_time != 0 && !is_stale(frame, time_ms, max_age) && !is_stale(frame, other_time, max_age);
    let Some(there) = Position::unpack(I256::from_raw(number)).filter(|_| usable) else { return Ok(false) };
    frame.charge(DISTANCE_GAS)?;
    let distance_mm = here.chord_mm(there);
    let radius_mm = radius.saturating_mul(1_000);
    if trigger.state() == State::Armed {
        return Ok(distance_mm <= radius_mm);
    }
    let back_mm = trigger.hysteresis(frame)?.saturating_mul(U256::from(1_000));
    if U256::from(distance_mm) > U256::from(radius_mm).saturating_add(back_mm) {
        trigger.set_state(frame, State::Armed)?;
    }
    Ok(false)
}

/// A thing said that it met another one: counts when both said so.
fn meet(frame: &mut Frame<'_>, thing: B256, seen: &Observation) -> Result<()> {
    let other = seen.subject;
    let said = frame.mapping(ENCOUNTERS, thing)?;
    let said = frame.mapping(said, other)?;
    let known: u64 = frame.load(THINGS_ADDRESS, said)?.saturating_to();
    if seen.time_ms <= known {
        return Ok(());
    }
    frame.store(THINGS_ADDRESS, said, word(B256::from(U256::from(seen.time_ms))))?;
    let heard = frame.mapping(ENCOUNTERS, other)?;
    let heard = frame.mapping(heard, thing)?;
    let other_time: u64 = frame.load(THINGS_ADDRESS, heard)?.saturating_to();
    let value = ((seen.number, seen.exponent), seen.time_ms);
    wake(frame, thing, ENCOUNTERS_KEY, |frame, trigger| {
        let pair = (trigger.thing(frame)?, trigger.other_thing(frame)?);
        let (_, max_age, _) = trigger.reach(frame)?;
        let both = other_time != 0 && !is_stale(frame, seen.time_ms, max_age) && !is_stale(frame, other_time, max_age);
        let named = pair == (thing, other) || pair == (other, thing);
        // Both said it anew since it fired last.
        let fresh = other_time.min(seen.time_ms) > trigger.last_firing(frame)?.saturating_mul(1_000);
        Ok((named && both && fresh).then_some(value))
    })
}
