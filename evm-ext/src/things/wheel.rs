//! What is due at a time: a bucket a second, and above them a tree of bitmaps that finds the first bucket without a scan.
//!
//! ```text
//! level 4   one word: bit i set if anything is due in [i * 2^32, (i + 1) * 2^32)
//! level 3   word t >> 32, bit (t >> 24) & 255
//!  ...
//! level 0   word t >> 8, bit t & 255: the bucket of second t has payers
//! ```
//! Word w of level l is at `keccak256((l << 64 | w) . 8)`. The bucket of second t, at `keccak256(t . 9)`, lists payers, and the
//! items of payer p in it are a list at `keccak256(p . keccak256(t . 17))`. A list has bits 0-63 taken, 64-127 put; its element
//! i is at `keccak256(list slot) + i`. Times end at 2^40 s, in the year 36,812.
//!
//! A bucket names each payer once, however much of it is due: who has most of a second holds nobody up.
use super::{BUCKETS, Result, SECONDS, WHEEL, queue::Item};
use crate::precompiles::{
    Frame,
    slots::{Field, address_word, offset},
};
use alloy_primitives::{Address, B256, U256};
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

fn bucket_slot(frame: &mut Frame<'_>, time: u64) -> Result<U256> {
    frame.mapping_of(BUCKETS, U256::from(time))
}

fn items_slot(frame: &mut Frame<'_>, time: u64, payer: Address) -> Result<U256> {
    let of_second = frame.mapping_of(SECONDS, U256::from(time))?;
    frame.mapping_of_account(of_second, payer)
}

/// Adds to a list; answers whether it was empty.
fn append(frame: &mut Frame<'_>, slot: U256, value: U256) -> Result<bool> {
    let list = frame.load(THINGS_ADDRESS, slot)?;
    let place = PUT.get_u64(list);
    let first = frame.elements(slot)?;
    frame.store(THINGS_ADDRESS, offset(first, place), value)?;
    frame.store(THINGS_ADDRESS, slot, PUT.set_u64(list, place.saturating_add(1)))?;
    Ok(list.is_zero())
}

/// The oldest of a list; zero if it is empty.
fn oldest(frame: &mut Frame<'_>, slot: U256) -> Result<U256> {
    let list = frame.load(THINGS_ADDRESS, slot)?;
    let first = frame.elements(slot)?;
    frame.load(THINGS_ADDRESS, offset(first, TAKEN.get_u64(list)))
}

/// Takes the oldest off a list that is not empty; answers whether others are left.
fn remove(frame: &mut Frame<'_>, slot: U256) -> Result<bool> {
    let list = frame.load(THINGS_ADDRESS, slot)?;
    let place = TAKEN.get_u64(list);
    let first = frame.elements(slot)?;
    frame.store(THINGS_ADDRESS, offset(first, place), U256::ZERO)?;
    let taken = place.saturating_add(1);
    let others = taken < PUT.get_u64(list);
    frame.store(THINGS_ADDRESS, slot, if others { TAKEN.set_u64(list, taken) } else { U256::ZERO })?;
    Ok(others)
}

/// Puts an item of a payer into the bucket of a second, at most [`TIME_MAX`].
pub(super) fn put(frame: &mut Frame<'_>, time: u64, payer: Address, item: Item) -> Result<()> {
    let time = time.min(TIME_MAX);
    let items = items_slot(frame, time, payer)?;
    if !append(frame, items, item.word())? {
        return Ok(());
    }
    let bucket = bucket_slot(frame, time)?;
    append(frame, bucket, address_word(payer))?;
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

/// The first second with payers.
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

/// Takes the first payer off a second's bucket, which has one. The payer's items stay.
pub(super) fn take(frame: &mut Frame<'_>, time: u64) -> Result<Address> {
    let bucket = bucket_slot(frame, time)?;
    let payer = Address::from_word(B256::from(oldest(frame, bucket)?));
    if remove(frame, bucket)? {
        return Ok(payer);
    }
    for level in 0..LEVELS {
        let slot = word_slot(frame, level, time)?;
        let cleared = frame.load(THINGS_ADDRESS, slot)? & !bit(level, time);
        frame.store(THINGS_ADDRESS, slot, cleared)?;
        if !cleared.is_zero() {
            break;
        }
    }
    Ok(payer)
}

/// The oldest item of a payer in a second.
pub(super) fn item(frame: &mut Frame<'_>, time: u64, payer: Address) -> Result<Option<Item>> {
    let items = items_slot(frame, time, payer)?;
    Ok(Item::from_word(oldest(frame, items)?))
}

/// Takes the oldest item of a payer in a second, which has one; answers whether others are left.
pub(super) fn drop_item(frame: &mut Frame<'_>, time: u64, payer: Address) -> Result<bool> {
    let items = items_slot(frame, time, payer)?;
    remove(frame, items)
}
