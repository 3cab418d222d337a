//! Values that change at a block: what a vote set holds from a later block on, and what held before is still known.
//!
//! A timeline is a dynamic array: its length in its slot `p`, entry i at `keccak256(p) + i`:
//!
//! ```text
//! bits 0-191     the value
//! bits 192-255   first block in which it holds
//! ```
//! Entries ascend by block. At most the last two can lie ahead, so a look at the end is enough.
use crate::precompiles::{
    Frame, PrecompileError,
    slots::{Field, offset},
};
use alloy_primitives::U256;
use pervade_chainspec::params::GOVERNANCE_ADDRESS;

const VALUE: Field = Field::new(0, 192);
const FROM_BLOCK: Field = Field::new(192, 64);

/// The value that holds in a block; `None` if none was set by then.
pub(super) fn at(frame: &mut Frame<'_>, slot: U256, number: u64) -> Result<Option<U256>, PrecompileError> {
    let length: u64 = frame.load(GOVERNANCE_ADDRESS, slot)?.saturating_to();
    if length == 0 {
        return Ok(None);
    }
    let first = frame.elements(slot)?;
    for place in (0..length).rev() {
        let entry = frame.load(GOVERNANCE_ADDRESS, offset(first, place))?;
        if FROM_BLOCK.get_u64(entry) <= number {
            return Ok(Some(VALUE.get(entry)));
        }
    }
    Ok(None)
}

/// The value that was set last, whether it holds already or not.
pub(super) fn latest(frame: &mut Frame<'_>, slot: U256) -> Result<Option<U256>, PrecompileError> {
    at(frame, slot, u64::MAX)
}

/// Sets the value from a block on, which is not before any that was named earlier.
pub(super) fn set(frame: &mut Frame<'_>, slot: U256, from_block: u64, value: U256) -> Result<(), PrecompileError> {
    let length: u64 = frame.load(GOVERNANCE_ADDRESS, slot)?.saturating_to();
    let first = frame.elements(slot)?;
    let entry = FROM_BLOCK.set_u64(VALUE.set(U256::ZERO, value), from_block);
    if let Some(last) = length.checked_sub(1) {
        let last = offset(first, last);
        if FROM_BLOCK.get_u64(frame.load(GOVERNANCE_ADDRESS, last)?) == from_block {
            return frame.store(GOVERNANCE_ADDRESS, last, entry);
        }
    }
    frame.store(GOVERNANCE_ADDRESS, offset(first, length), entry)?;
    frame.store(GOVERNANCE_ADDRESS, slot, U256::from(length.saturating_add(1)))
}
