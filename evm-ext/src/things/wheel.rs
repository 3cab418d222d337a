//! What is due at a time: a bucket a second, and above them a tree of bitmaps that finds the first bucket without a scan.
//!
//! ```text
//! level 4   one word: bit i set if anything is due in [i * 2^32, (i + 1) * 2^32)
//! level 3   word t >> 32, bit (t >> 24) & 255
//!  ...
//! level 0   word t >> 8, bit t & 255: the bucket of second t has items
//! ```
//! Word w of level l is at `keccak256((l << 64 | w) . 8)`. The bucket of second t is at `keccak256(t . 9)`: bits 0-63
//! items taken, 64-127 items put; item i at `keccak256(bucket slot) + i`. Times end at 2^40 s, in the year 36,812.
use super::{BUCKETS, Result, WHEEL};
use crate::precompiles::{
    Frame,
    slots::{Field, offset},
};
use alloy_primitives::U256;
use pervade_chainspec::params::THINGS_ADDRESS;

const LEVELS: u64 = 5;
/// The last second that can be named.
pub(super) const TIME_MAX: u64 = (1 << (LEVELS * 8)) - 1;
const TAKEN: Field = Field::new(0, 64);
const PUT: Field = Field::new(64, 64);

fn word_slot(frame: &mut Frame<'_>, level: u64, time: u64) -> Result<U256> {
    let word = time.checked_shr(u32::try_from(level.saturating_add(1).saturating_mul(8)).unwrap_or(64));
    let key = U256::from(level).wrapping_shl(64) | U256::from(word.unwrap_or_default());
    frame.mapping_of(WHEEL, key)
}

fn bit(level: u64, time: u64) -> U256 {
    let place = time.wrapping_shr(u32::try_from(level.saturating_mul(8)).unwrap_or_default()) & 0xff;
    U256::ONE.wrapping_shl(usize::try_from(place).unwrap_or_default())
}

/// Puts an item into the bucket of a second, at most [`TIME_MAX`].
pub(super) fn put(frame: &mut Frame<'_>, time: u64, item: U256) -> Result<()> {
    let time = time.min(TIME_MAX);
    let slot = frame.mapping_of(BUCKETS, U256::from(time))?;
    let bucket = frame.load(THINGS_ADDRESS, slot)?;
    let place = PUT.get_u64(bucket);
    let first = frame.elements(slot)?;
    frame.store(THINGS_ADDRESS, offset(first, place), item)?;
    frame.store(THINGS_ADDRESS, slot, PUT.set_u64(bucket, place.saturating_add(1)))?;
    for level in 0..LEVELS {
        let slot = word_slot(frame, level, time)?;
        let word = frame.load(THINGS_ADDRESS, slot)?;
        let set = word | bit(level, time);
        if set == word {
            break;
        }
        frame.store(THINGS_ADDRESS, slot, set)?;
    }
    Ok(())
}

/// The first second with items.
pub(super) fn first(frame: &mut Frame<'_>) -> Result<Option<u64>> {
    let mut time = 0u64;
    for level in (0..LEVELS).rev() {
        let slot = word_slot(frame, level, time)?;
        let word = frame.load(THINGS_ADDRESS, slot)?;
        if word.is_zero() {
            return Ok(None);
        }
        let place = u64::try_from(word.trailing_zeros()).unwrap_or_default();
        time |= place.wrapping_shl(u32::try_from(level.saturating_mul(8)).unwrap_or_default());
    }
    Ok(Some(time))
}

/// Takes the oldest item of a second's bucket, which has one.
pub(super) fn take(frame: &mut Frame<'_>, time: u64) -> Result<U256> {
    let slot = frame.mapping_of(BUCKETS, U256::from(time))?;
    let bucket = frame.load(THINGS_ADDRESS, slot)?;
    let place = TAKEN.get_u64(bucket);
    let first = frame.elements(slot)?;
    let item = frame.load(THINGS_ADDRESS, offset(first, place))?;
    frame.store(THINGS_ADDRESS, offset(first, place), U256::ZERO)?;
    let taken = place.saturating_add(1);
    if taken < PUT.get_u64(bucket) {
        frame.store(THINGS_ADDRESS, slot, TAKEN.set_u64(bucket, taken))?;
        return Ok(item);
    }
    frame.store(THINGS_ADDRESS, slot, U256::ZERO)?;
    for level in 0..LEVELS {
        let slot = word_slot(frame, level, time)?;
        let cleared = frame.load(THINGS_ADDRESS, slot)? & !bit(level, time);
        frame.store(THINGS_ADDRESS, slot, cleared)?;
        if !cleared.is_zero() {
            break;
        }
    }
    Ok(item)
}
