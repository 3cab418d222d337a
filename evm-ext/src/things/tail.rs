//! The protocol's own steps: from time to queue at the start of a block, from queue to system transactions at its end,
//! and the bookkeeping around each of them.
use super::{
    Item, Result,
    abi::IThings,
    balances,
    queue::{self, Entry},
    quotas, requests,
    triggers::{self, Trigger},
    wheel,
};
use crate::precompiles::Frame;
use alloy_primitives::{Address, Bytes, U256};
use pervade_chainspec::params::{
    CALLBACK_OVERHEAD_GAS, PASSED_OVER_MAX, PROMOTIONS_MAX, STALE_ITEMS_MAX, SYSTEM_TRANSACTIONS_MAX, THINGS_ADDRESS,
};

/// Gas of a system transaction before anything runs, with 32 bytes of calldata (Yellow Paper, EIP-2028, EIP-7623).
pub(crate) const INTRINSIC_GAS: u64 = 24_000;

/// What the bookkeeping after a callback is paid as.
const END_GAS: u64 = 60_000;

/// A contract's function that a system transaction calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Callback {
    /// The contract.
    pub(crate) to: Address,
    /// Its calldata.
    pub(crate) input: Bytes,
    /// Its gas.
    pub(crate) gas: u64,
}

/// Start of a block: moves payers whom their time has made due into the queue, oldest first, as many as a block may.
pub(crate) fn promote(frame: &mut Frame<'_>) -> Result<()> {
    let now = frame.call().block_timestamp;
    for _ in 0..PROMOTIONS_MAX {
        let Some(time) = wheel::first(frame)?.filter(|time| *time <= now) else { return Ok(()) };
        let payer = wheel::take(frame, time)?;
        queue::push_second(frame, payer, time)?;
    }
    Ok(())
}

/// Whether work is due that the block's price of gas allows: then users leave its share of the block free. Only the first
/// of the queue is looked at: those for whom gas is too dear go behind the others at the end of a block.
pub(crate) fn is_due(frame: &mut Frame<'_>) -> Result<bool> {
    let Some((payer, entry)) = queue::front(frame)? else { return Ok(false) };
    match next(frame, payer, entry)? {
        Some((_, price)) => may_run(frame, payer, price),
        None => Ok(true),
    }
}

/// When the next work is due that waits for a time; `None`: nothing waits.
pub(crate) fn next_time(frame: &mut Frame<'_>) -> Result<Option<u64>> {
    wheel::first(frame)
}

/// Whether gas costs no more than the work may pay; where gas has no price, whether the payer's quota has room.
fn may_run(frame: &mut Frame<'_>, payer: Address, (callback_gas, max_fee): (u64, U256)) -> Result<bool> {
    let is_cheap = U256::from(frame.call().base_fee) <= max_fee;
    // The protocol's own work needs no quota.
    Ok(is_cheap && (callback_gas == 0 || quotas::allows(frame, payer, worst_gas(callback_gas))?))
}

/// End of a block's user transactions: takes the work that runs now off the queue, with the gas limit of each.
pub(crate) fn plan(frame: &mut Frame<'_>, mut gas: u64) -> Result<Vec<(Item, u64)>> {
    let mut planned = Vec::new();
    let (mut passed_over, mut stale) = (0usize, 0usize);
    while planned.len() < SYSTEM_TRANSACTIONS_MAX && passed_over < PASSED_OVER_MAX && stale < STALE_ITEMS_MAX {
        let Some((payer, entry)) = queue::front(frame)? else { break };
        let Some((item, price)) = next(frame, payer, entry)? else {
            take(frame, payer, entry)?;
            stale = stale.saturating_add(1);
            continue;
        };
        if !may_run(frame, payer, price)? {
            queue::rotate(frame, payer)?;
            passed_over = passed_over.saturating_add(1);
            continue;
        }
        let (callback_gas, _) = price;
        let limit = worst_gas(callback_gas);
        let Some(left) = gas.checked_sub(limit) else { break };
        gas = left;
        take(frame, payer, entry)?;
        if let (Entry::Second(time), Item::Trigger(id)) = (entry, item) {
            triggers::fire_at(frame, id, time)?;
        }
        if callback_gas > 0 {
            quotas::take(frame, payer, limit)?;
        }
        planned.push((item, limit));
    }
    Ok(planned)
}

/// Gas of a callback, and the highest price that it may pay, wei.
type Price = (u64, U256);

/// The piece of work that an entry stands for, with its price; `None`: there is nothing to do any more.
fn next(frame: &mut Frame<'_>, payer: Address, entry: Entry) -> Result<Option<(Item, Price)>> {
    let item = match entry {
        Entry::Item(item) => Some(item),
        Entry::Second(time) => wheel::item(frame, time, payer)?,
    };
    let Some(item) = item else { return Ok(None) };
    match (entry, item) {
        (Entry::Second(_), Item::Request(id)) if !requests::is_over(frame, id)? => Ok(None),
        (_, Item::Request(id)) => Ok(requests::due(frame, id)?.map(|price| (item, price))),
        (_, Item::Trigger(id)) => {
            let found = match entry {
                Entry::Second(time) => triggers::due_at(frame, id, time)?,
                Entry::Item(_) => Trigger::queued(frame, id)?,
            };
            let Some(trigger) = found else { return Ok(None) };
            Ok(Some((item, (trigger.action_gas(frame)?.into(), trigger.max_fee(frame)?))))
        }
    }
}

/// Takes the front's piece of work; its payer waits for its next turn.
fn take(frame: &mut Frame<'_>, payer: Address, entry: Entry) -> Result<()> {
    match entry {
        Entry::Second(time) if wheel::drop_item(frame, time, payer)? => queue::rotate(frame, payer),
        _ => queue::pop(frame, payer),
    }
}

/// Start of a system transaction: the call to make, if it is to be made.
pub(crate) fn begin(frame: &mut Frame<'_>, item: Item) -> Result<Option<Callback>> {
    match item {
        Item::Trigger(id) => {
            let Some(mut trigger) = Trigger::queued(frame, id)? else { return Ok(None) };
            let action = triggers::action(frame, &trigger)?;
            let gas = u64::from(action.gas);
            let worst = price(frame, worst_gas(gas));
            if !balances::take(frame, trigger.owner(), worst)? {
                triggers::settle(frame, &mut trigger, true)?;
                frame.emit(THINGS_ADDRESS, &IThings::TriggerSlept { triggerId: id })?;
                return Ok(None);
            }
            Ok(Some(Callback { to: trigger.owner(), input: action.input.into(), gas }))
        }
        Item::Request(id) => {
            let Some((request, input)) = requests::begin(frame, id)? else { return Ok(None) };
            Ok(Some(Callback { to: request.requester(), input, gas: request.callback_gas(frame)? }))
        }
    }
}

/// End of a system transaction whose callback ran: pays for it, and notes the outcome. `gas_used` is that of beginning
/// and callback.
pub(crate) fn end(frame: &mut Frame<'_>, item: Item, succeeded: bool, gas_used: u64) -> Result<()> {
    match item {
        Item::Trigger(id) => {
            let Some(mut trigger) = Trigger::find(frame, id)? else { return Ok(()) };
            let worst = worst_gas(trigger.action_gas(frame)?.into());
            let used = pay(frame, trigger.owner(), worst, gas_used)?;
            quotas::give_back(frame, trigger.owner(), worst.saturating_sub(used))?;
            // The action may have taken its own trigger back.
            if trigger.is_queued() {
                triggers::settle(frame, &mut trigger, false)?;
            }
            let firing = trigger.firings(frame)?;
            frame.emit(THINGS_ADDRESS, &IThings::Triggered { triggerId: id, firing, succeeded })
        }
        Item::Request(id) => {
            let used = INTRINSIC_GAS.saturating_add(gas_used).saturating_add(END_GAS);
            let wei = price(frame, used);
            let paid = requests::end(frame, id, succeeded, wei, used)?;
            pay_beneficiary(frame, paid)
        }
    }
}

fn price(frame: &Frame<'_>, gas: u64) -> U256 {
    U256::from(gas).saturating_mul(U256::from(frame.call().base_fee))
}

/// Gas of a system transaction at most.
fn worst_gas(callback_gas: u64) -> u64 {
    INTRINSIC_GAS.saturating_add(CALLBACK_OVERHEAD_GAS).saturating_add(callback_gas)
}

/// Of the price that was taken beforehand, the block's beneficiary gets that of the gas that was used, and the payer the
/// rest. Answers what was used.
fn pay(frame: &mut Frame<'_>, payer: Address, worst: u64, gas_used: u64) -> Result<u64> {
    let used = INTRINSIC_GAS.saturating_add(gas_used).saturating_add(END_GAS).min(worst);
    let (taken, cost) = (price(frame, worst), price(frame, used));
    balances::credit(frame, payer, taken.saturating_sub(cost))?;
    pay_beneficiary(frame, cost)?;
    Ok(used)
}

fn pay_beneficiary(frame: &mut Frame<'_>, wei: U256) -> Result<()> {
    if wei.is_zero() {
        return Ok(());
    }
    let beneficiary = frame.call().beneficiary;
    frame.transfer(THINGS_ADDRESS, beneficiary, wei)
}
