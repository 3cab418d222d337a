//! Quotas, where gas has no price: so much gas a period for the callbacks and actions of each payer. What exceeds it
//! waits for the next period, behind the others' work.
//!
//! `keccak256(payer . 16)`: bits 0-63 the period (unix seconds divided by its length), 64-127 gas used in it.
//!
//! Where accounts need permissions, the requester or owner needs the one for it, or the account whose transaction
//! makes the request or sets the trigger. What runs in the tail of a block was permitted when it was asked for.
use super::{QUOTAS, Result, abi::IThings, custom};
use crate::{
    governance::{self, Parameter},
    precompiles::{Frame, slots::Field},
};
use alloy_primitives::{Address, U256};
use pervade_chainspec::{
    BaseFeeRule, PermissionRule,
    params::{PERMISSION_QUOTA, QUOTA_PERIOD_SECONDS, SYSTEM_ACCOUNT, THINGS_ADDRESS},
};

const PERIOD: Field = Field::new(0, 64);
const USED: Field = Field::new(64, 64);

fn has_prices(frame: &Frame<'_>) -> bool {
    frame.call().chain.base_fee != BaseFeeRule::Zero
}

/// Whether an account may have work done for it at no price.
pub(super) fn check_permission(frame: &mut Frame<'_>, payer: Address) -> Result<()> {
    if has_prices(frame) || frame.call().chain.permissions == PermissionRule::Off {
        return Ok(());
    }
    let (origin, number) = (frame.call().origin, frame.call().block_number);
    if origin == SYSTEM_ACCOUNT {
        return Ok(());
    }
    for account in [payer, origin] {
        if governance::permissions_at(frame, account, number)? & PERMISSION_QUOTA != 0 {
            return Ok(());
        }
    }
    Err(custom(&IThings::NotAuthorized { caller: payer }))
}

fn period(frame: &Frame<'_>) -> u64 {
    frame.call().block_timestamp.checked_div(QUOTA_PERIOD_SECONDS).unwrap_or_default()
}

/// Slot of a payer's quota, and gas used in this period.
fn used(frame: &mut Frame<'_>, payer: Address) -> Result<(U256, u64)> {
    let slot = frame.mapping_of_account(QUOTAS, payer)?;
    let word = frame.load(THINGS_ADDRESS, slot)?;
    let is_current = PERIOD.get_u64(word) == period(frame);
    Ok((slot, if is_current { USED.get_u64(word) } else { 0 }))
}

fn set_used(frame: &mut Frame<'_>, slot: U256, gas: u64) -> Result<()> {
    let word = PERIOD.set_u64(U256::ZERO, period(frame));
    frame.store(THINGS_ADDRESS, slot, USED.set_u64(word, gas))
}

/// Whether a payer's quota has room for so much gas.
pub(super) fn allows(frame: &mut Frame<'_>, payer: Address, gas: u64) -> Result<bool> {
    if has_prices(frame) {
        return Ok(true);
    }
    let (_, used) = used(frame, payer)?;
    let number = frame.call().block_number;
    Ok(used.saturating_add(gas) <= governance::value_at(frame, Parameter::QuotaGas, number)?)
}

/// Takes gas from a payer's quota, which has room for it.
pub(super) fn take(frame: &mut Frame<'_>, payer: Address, gas: u64) -> Result<()> {
    if has_prices(frame) {
        return Ok(());
    }
    let (slot, used) = used(frame, payer)?;
    set_used(frame, slot, used.saturating_add(gas))
}

/// Gives back what was taken in this block and not used.
pub(super) fn give_back(frame: &mut Frame<'_>, payer: Address, gas: u64) -> Result<()> {
    if has_prices(frame) {
        return Ok(());
    }
    let (slot, used) = used(frame, payer)?;
    set_used(frame, slot, used.saturating_sub(gas))
}
