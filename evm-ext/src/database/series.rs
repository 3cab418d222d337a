//! Entries by time.
//!
//! ```text
//! Moment  +0 bits 0-31 first entry that is still there, 32-63 entries so far, 64-95 length of entry 0 in bytes
//!         +1 value of entry 0 (values.rs)
//!         +2 mapping(uint32 entry => Entry), entries from 1 on: +0 value, +1 length in bytes
//! ```
//!
//! Times that have entries are an [`OrderedSet`], so an entry may come late: it goes where its time belongs, at the cost
//! of any other. Entries of one time are numbered as they come; trimming takes them in that order.
//!
//! A cursor of a range is bit 96, bits 32-95 the time and bits 0-31 the entry to go on with.
use super::{MOMENTS, Result, TIMES, limit_exceeded, load, nested, ordered_set::OrderedSet, store, values};
use crate::precompiles::{
    Frame,
    slots::{self, Field},
};
use alloy_primitives::{B256, Bytes, U256};
use pervade_chainspec::params::PAGE_ENTRIES_MAX;

const FIRST: Field = Field::new(0, 32);
const END: Field = Field::new(32, 32);
const LENGTH: Field = Field::new(64, 32);

/// Levels of the set of times: all of 64 bits.
const LEVELS: u32 = 8;
/// Entries of one time.
const ENTRIES_MAX: u64 = u32::MAX as u64;

const CURSOR_ENTRY: Field = Field::new(0, 32);
const CURSOR_TIME: Field = Field::new(32, 64);
const CURSOR_SET: Field = Field::new(96, 1);

/// Where a series is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Series {
    moments: U256,
    times: OrderedSet,
}

impl Series {
    pub(super) fn find(frame: &mut Frame<'_>, database: B256, series: B256) -> Result<Self> {
        let moments = nested(frame, MOMENTS, database, series)?;
        Ok(Self { moments, times: OrderedSet::new(nested(frame, TIMES, database, series)?, LEVELS) })
    }

    /// Adds an entry after those of its time. Returns the value's hash.
    pub(super) fn append(&self, frame: &mut Frame<'_>, time_ms: u64, value: &Bytes) -> Result<B256> {
        let head = values::keep(frame, value)?;
        let moment = self.moment(frame, time_ms)?;
        let about = load(frame, moment)?;
        let index = END.get_u64(about);
        if index == ENTRIES_MAX {
            return Err(limit_exceeded("entries of one time", u32::MAX as usize));
        }
        let mut after = END.set_u64(about, index.saturating_add(1));
        let length = U256::from(value.len());
        let slot = entry_slot(frame, moment, index)?;
        if index == 0 {
            after = LENGTH.set(after, length);
            self.times.insert(frame, time_ms)?;
        } else {
            store(frame, slots::offset(slot, 1), length)?;
        }
        store(frame, slot, head.word)?;
        store(frame, moment, after)?;
        Ok(head.hash)
    }

    /// The last entry of the latest time.
    pub(super) fn latest(&self, frame: &mut Frame<'_>) -> Result<Option<(u64, Bytes)>> {
        let Some(time_ms) = self.times.previous(frame, u64::MAX)? else { return Ok(None) };
        let moment = self.moment(frame, time_ms)?;
        let about = load(frame, moment)?;
        let value = read_entry(frame, moment, about, END.get_u64(about).saturating_sub(1))?;
        Ok(Some((time_ms, value)))
    }

    /// Up to `limit` entries from one time to another, both included, and the cursor to go on with: 0 at the end.
    pub(super) fn range(
        &self,
        frame: &mut Frame<'_>,
        (from_ms, to_ms): (u64, u64),
        cursor: U256,
        limit: U256,
    ) -> Result<(Vec<(u64, Bytes)>, U256)> {
        let limit = limit.saturating_to::<usize>().min(PAGE_ENTRIES_MAX);
        let (mut from, mut entry) = match cursor.is_zero() {
            true => (from_ms, 0),
            false => (CURSOR_TIME.get_u64(cursor).max(from_ms), CURSOR_ENTRY.get_u64(cursor)),
        };
        // A cursor of an entry before the range says nothing about the first time in it.
        if !cursor.is_zero() && CURSOR_TIME.get_u64(cursor) < from_ms {
            entry = 0;
        }
        let mut entries = Vec::new();
        while let Some(time_ms) = self.times.next(frame, from)?.filter(|time_ms| *time_ms <= to_ms) {
            let moment = self.moment(frame, time_ms)?;
            let about = load(frame, moment)?;
            let start = if time_ms == from { entry } else { 0 };
            for index in FIRST.get_u64(about).max(start)..END.get_u64(about) {
                if entries.len() == limit {
                    let next = CURSOR_SET.set_u64(CURSOR_TIME.set_u64(U256::from(index), time_ms), 1);
                    return Ok((entries, next));
                }
                entries.push((time_ms, read_entry(frame, moment, about, index)?));
            }
            let Some(later) = time_ms.checked_add(1) else { break };
            (from, entry) = (later, 0);
        }
        Ok((entries, U256::ZERO))
    }

    /// Drops up to `limit` of the earliest entries before a time. Returns how many.
    pub(super) fn trim(&self, frame: &mut Frame<'_>, before_ms: u64, limit: U256) -> Result<u64> {
        let limit: u64 = limit.saturating_to();
        let mut removed = 0u64;
        while removed < limit {
            let Some(time_ms) = self.times.next(frame, 0)?.filter(|time_ms| *time_ms < before_ms) else { break };
            let moment = self.moment(frame, time_ms)?;
            let about = load(frame, moment)?;
            let (first, end) = (FIRST.get_u64(about), END.get_u64(about));
            let stop = end.min(first.saturating_add(limit.saturating_sub(removed)));
            for index in first..stop {
                let slot = entry_slot(frame, moment, index)?;
                store(frame, slot, U256::ZERO)?;
                if index > 0 {
                    store(frame, slots::offset(slot, 1), U256::ZERO)?;
                }
            }
            removed = removed.saturating_add(stop.saturating_sub(first));
            if stop == end {
                store(frame, moment, U256::ZERO)?;
                self.times.remove(frame, time_ms)?;
            } else {
                store(frame, moment, FIRST.set_u64(about, stop))?;
            }
        }
        Ok(removed)
    }

    fn moment(&self, frame: &mut Frame<'_>, time_ms: u64) -> Result<U256> {
        frame.mapping_of(self.moments, U256::from(time_ms))
    }
}

fn entry_slot(frame: &mut Frame<'_>, moment: U256, index: u64) -> Result<U256> {
    match index {
        0 => Ok(slots::offset(moment, 1)),
        _ => frame.mapping_of(slots::offset(moment, 2), U256::from(index)),
    }
}

fn read_entry(frame: &mut Frame<'_>, moment: U256, about: U256, index: u64) -> Result<Bytes> {
    let slot = entry_slot(frame, moment, index)?;
    let length = match index {
        0 => LENGTH.get(about),
        _ => load(frame, slots::offset(slot, 1))?,
    };
    values::read(frame, slot, length.saturating_to())
}
