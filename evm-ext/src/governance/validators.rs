//! Validator sets: the genesis names the first one, each change of the set is stored whole.
//!
//! ```text
//! Set at keccak256(number . 6), numbers from 1:
//!   +0        bits 0-63 first block that it decides, 64-95 number of validators n
//!   +1 + 2i   validator i, ascending by account: bits 0-159 account, 160-223 power, 224-231 first byte of its key
//!   +2 + 2i   the other 32 bytes of the key
//! ```
use super::{SET_COUNT, SETS};
use crate::precompiles::{
    Frame, PrecompileError, prices,
    slots::{Field, offset},
};
use alloy_primitives::{Address, Bytes, U256};
use pervade_chainspec::{
    ValidatorConfig, check_validator_set,
    params::{GOVERNANCE_ADDRESS, POWER_CHANGE_DIVISOR, POWER_CHANGE_VALIDATORS_MIN},
};
use std::collections::BTreeMap;

const FROM_BLOCK: Field = Field::new(0, 64);
const COUNT: Field = Field::new(64, 32);
const ACCOUNT: Field = Field::new(0, 160);
const POWER: Field = Field::new(160, 64);
const KEY_HEAD: Field = Field::new(224, 8);

/// The set that decides a block, as far as votes up to now say.
pub(crate) fn set_at(frame: &mut Frame<'_>, number: u64) -> Result<Vec<ValidatorConfig>, PrecompileError> {
    // Asked for mostly at the end: at most two sets lie ahead of any block that runs.
    let count: u64 = frame.load(GOVERNANCE_ADDRESS, SET_COUNT)?.saturating_to();
    let (mut low, mut high) = (0u64, count);
    if let Some(recent) = count.checked_sub(2)
        && recent > 0
        && head(frame, recent)?.0 <= number
    {
        low = recent;
    }
    // The last set whose first block is not after `number`; 0 is the genesis set.
    while low < high {
        let middle = high.saturating_sub(high.saturating_sub(low) >> 1);
        match head(frame, middle)?.0 <= number {
            true => low = middle,
            false => high = middle.saturating_sub(1),
        }
    }
    read(frame, low)
}

/// The set after all changes so far, and the first block that it decides (0: the genesis set).
pub(super) fn latest(frame: &mut Frame<'_>) -> Result<(u64, Vec<ValidatorConfig>), PrecompileError> {
    let count: u64 = frame.load(GOVERNANCE_ADDRESS, SET_COUNT)?.saturating_to();
    let from_block = if count == 0 { 0 } else { head(frame, count)?.0 };
    Ok((from_block, read(frame, count)?))
}

/// Stores the set that decides blocks from `from_block` on; replaces what an earlier change of the same block stored.
pub(super) fn store(frame: &mut Frame<'_>, from_block: u64, set: &[ValidatorConfig]) -> Result<(), PrecompileError> {
    let count: u64 = frame.load(GOVERNANCE_ADDRESS, SET_COUNT)?.saturating_to();
    let replaces = count > 0 && head(frame, count)?.0 == from_block;
    let number = if replaces { count } else { count.saturating_add(1) };
    let slot = frame.mapping_of(SETS, U256::from(number))?;
    let length = u64::try_from(set.len()).unwrap_or(u64::MAX);
    let head = COUNT.set_u64(FROM_BLOCK.set_u64(U256::ZERO, from_block), length);
    frame.store(GOVERNANCE_ADDRESS, slot, head)?;
    for (place, validator) in (0u64..).zip(set) {
        let (key_head, key_tail) = validator.public_key.split_at_checked(1).unwrap_or_default();
        let word = ACCOUNT.set_address(U256::ZERO, validator.account);
        let word = POWER.set_u64(word, validator.power);
        let word = KEY_HEAD.set_u64(word, key_head.first().copied().unwrap_or_default().into());
        let at = place.saturating_mul(2);
        frame.store(GOVERNANCE_ADDRESS, offset(slot, at.saturating_add(1)), word)?;
        let tail = U256::try_from_be_slice(key_tail).unwrap_or_default();
        frame.store(GOVERNANCE_ADDRESS, offset(slot, at.saturating_add(2)), tail)?;
    }
    frame.store(GOVERNANCE_ADDRESS, SET_COUNT, U256::from(number))
}

fn head(frame: &mut Frame<'_>, number: u64) -> Result<(u64, u64), PrecompileError> {
    let slot = frame.mapping_of(SETS, U256::from(number))?;
    let head = frame.load(GOVERNANCE_ADDRESS, slot)?;
    Ok((FROM_BLOCK.get_u64(head), COUNT.get_u64(head)))
}

fn read(frame: &mut Frame<'_>, number: u64) -> Result<Vec<ValidatorConfig>, PrecompileError> {
    if number == 0 {
        let mut genesis = frame.call().chain.validators.clone();
        genesis.sort_by_key(|validator| validator.account);
        return Ok(genesis);
    }
    let (_, count) = head(frame, number)?;
    let slot = frame.mapping_of(SETS, U256::from(number))?;
    let mut set = Vec::new();
    for place in 0..count {
        let at = place.saturating_mul(2);
        let word = frame.load(GOVERNANCE_ADDRESS, offset(slot, at.saturating_add(1)))?;
        let tail = frame.load(GOVERNANCE_ADDRESS, offset(slot, at.saturating_add(2)))?;
        let mut public_key = vec![KEY_HEAD.get(word).byte(0)];
        public_key.extend(tail.to_be_bytes::<32>());
        set.push(ValidatorConfig {
            account: ACCOUNT.get_address(word),
            public_key: public_key.into(),
            power: POWER.get_u64(word),
        });
    }
    Ok(set)
}

/// The set with one validator added, reweighed or given another key; removed at power 0.
///
/// # Errors
/// What is wrong with the set that results.
pub(super) fn changed(
    frame: &mut Frame<'_>,
    set: &[ValidatorConfig],
    account: Address,
    public_key: &Bytes,
    power: u64,
) -> Result<Result<Vec<ValidatorConfig>, String>, PrecompileError> {
    let mut after: Vec<_> = set.iter().filter(|validator| validator.account != account).cloned().collect();
    if power > 0 {
        after.push(ValidatorConfig { account, public_key: public_key.clone(), power });
        after.sort_by_key(|validator| validator.account);
    } else if after.len() == set.len() {
        return Ok(Err(format!("{account} is no validator")));
    }
    // Each key is checked to be a point of the curve.
    frame.charge(prices::SECP256K1_GAS.saturating_mul(u64::try_from(after.len()).unwrap_or(u64::MAX)))?;
    Ok(check_validator_set(&after).map(|()| after))
}

/// Whether a set may follow another one in the next block: neither what was added nor what was removed is more than a
/// third of the power. A new key for the same account is both.
pub(super) fn may_follow(before: &[ValidatorConfig], after: &[ValidatorConfig]) -> bool {
    if before.len() < POWER_CHANGE_VALIDATORS_MIN {
        return true;
    }
    let powers = |set: &[ValidatorConfig]| -> BTreeMap<(Address, Bytes), u64> {
        set.iter().map(|validator| ((validator.account, validator.public_key.clone()), validator.power)).collect()
    };
    let (before, after) = (powers(before), powers(after));
    let gained = |from: &BTreeMap<_, u64>, to: &BTreeMap<_, u64>| {
        let gain = |(who, power): (&_, &u64)| power.saturating_sub(from.get(who).copied().unwrap_or_default());
        to.iter().map(gain).fold(0u64, u64::saturating_add)
    };
    let total = before.values().copied().fold(0u64, u64::saturating_add);
    let changed = gained(&before, &after).max(gained(&after, &before));
    changed.saturating_mul(POWER_CHANGE_DIVISOR) <= total
}
