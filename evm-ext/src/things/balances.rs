//! Balances that pay for callbacks and triggers. They are the account's own wei: what stands here is a claim on it.
//!
//! `keccak256(account . 3)`: bits 0-127 free, 128-255 reserved for open requests, wei.
use super::{BALANCES, Result, abi::IThings, custom};
use crate::precompiles::{Frame, slots::Field};
use alloy_primitives::{Address, U256};
use pervade_chainspec::params::THINGS_ADDRESS;

const FREE: Field = Field::new(0, 128);
const RESERVED: Field = Field::new(128, 128);
const WEI_MAX: U256 = U256::from_limbs([u64::MAX, u64::MAX, 0, 0]);

/// Free and reserved wei.
pub(super) fn of(frame: &mut Frame<'_>, account: Address) -> Result<(U256, U256)> {
    let slot = frame.mapping_of_account(BALANCES, account)?;
    let word = frame.load(THINGS_ADDRESS, slot)?;
    Ok((FREE.get(word), RESERVED.get(word)))
}

fn set(frame: &mut Frame<'_>, account: Address, free: U256, reserved: U256) -> Result<()> {
    if free > WEI_MAX || reserved > WEI_MAX {
        return Err(custom(&IThings::LimitExceeded { what: "balance".to_owned(), limit: WEI_MAX }));
    }
    let slot = frame.mapping_of_account(BALANCES, account)?;
    frame.store(THINGS_ADDRESS, slot, RESERVED.set(FREE.set(U256::ZERO, free), reserved))
}

/// Adds wei that came with the call.
pub(super) fn fund(frame: &mut Frame<'_>, account: Address, wei: U256) -> Result<()> {
    if wei.is_zero() {
        return Ok(());
    }
    let (free, reserved) = of(frame, account)?;
    set(frame, account, free.saturating_add(wei), reserved)?;
    frame.emit(THINGS_ADDRESS, &IThings::Funded { account, value: wei })
}

/// Adds wei that another account here gave up.
pub(super) fn credit(frame: &mut Frame<'_>, account: Address, wei: U256) -> Result<()> {
    if wei.is_zero() {
        return Ok(());
    }
    let (free, reserved) = of(frame, account)?;
    set(frame, account, free.saturating_add(wei), reserved)
}

/// Takes free wei; the claim goes to whoever the caller credits or pays. False: there is not so much.
pub(super) fn take(frame: &mut Frame<'_>, account: Address, wei: U256) -> Result<bool> {
    if wei.is_zero() {
        return Ok(true);
    }
    let (free, reserved) = of(frame, account)?;
    let Some(left) = free.checked_sub(wei) else { return Ok(false) };
    set(frame, account, left, reserved)?;
    Ok(true)
}

/// Sets free wei aside.
pub(super) fn reserve(frame: &mut Frame<'_>, account: Address, wei: U256) -> Result<()> {
    let (free, reserved) = of(frame, account)?;
    match free.checked_sub(wei) {
        Some(left) => set(frame, account, left, reserved.saturating_add(wei)),
        None => Err(custom(&IThings::Underfunded { needed: wei })),
    }
}

/// Ends a reservation: `spent` of it is gone, the rest is free again.
pub(super) fn release(frame: &mut Frame<'_>, account: Address, wei: U256, spent: U256) -> Result<()> {
    let (free, reserved) = of(frame, account)?;
    let back = wei.saturating_sub(spent);
    set(frame, account, free.saturating_add(back), reserved.saturating_sub(wei))
}

pub(super) fn withdraw(frame: &mut Frame<'_>, call: IThings::withdrawCall) -> Result<IThings::withdrawReturn> {
    let account = frame.call().caller;
    if !take(frame, account, call.value)? {
        return Err(custom(&IThings::Underfunded { needed: call.value }));
    }
    frame.transfer(THINGS_ADDRESS, call.to, call.value)?;
    frame.emit(THINGS_ADDRESS, &IThings::Withdrawn { account, to: call.to, value: call.value })?;
    Ok(IThings::withdrawReturn {})
}
