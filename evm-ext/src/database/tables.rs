//! Rows by key.
//!
//! ```text
//! Row    +0 the value (values.rs)     +1 bits 0-63 place, 64-95 length in bytes, 96 there is a row
//! Table  +0 bits 0-63 rows, 64-127 places given so far
//!        +1 mapping(uint64 place => bytes32 key)
//!        +2 mapping: places that are taken (ordered_set.rs)
//! ```
//!
//! A key gets the next place when it is first put, and loses it when it is removed; places count from 1. A cursor is a
//! place, so it stays good whatever is put or removed meanwhile.
use super::{ROWS, Result, TABLES, limit_exceeded, load, nested, ordered_set::OrderedSet, store, values};
use crate::precompiles::{
    Frame,
    slots::{self, Field},
};
use alloy_primitives::{B256, Bytes, U256};
use pervade_chainspec::params::PAGE_ENTRIES_MAX;

const PLACE: Field = Field::new(0, 64);
const LENGTH: Field = Field::new(64, 32);
const PRESENT: Field = Field::new(96, 1);
const COUNT: Field = Field::new(0, 64);
const PLACES: Field = Field::new(64, 64);

/// Levels of the set of places: four billion of them.
const LEVELS: u32 = 4;
/// Keys that a table can see in its life.
const PLACES_MAX: u64 = u32::MAX as u64;

/// Where a row is, or would be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row(U256);

impl Row {
    pub(super) fn find(frame: &mut Frame<'_>, database: B256, table: B256, key: B256) -> Result<Self> {
        let rows = nested(frame, ROWS, database, table)?;
        Ok(Self(frame.mapping(rows, key)?))
    }

    /// The slot that commits to the value.
    pub(super) fn slot(self) -> U256 {
        self.0
    }

    fn about(self) -> U256 {
        slots::offset(self.0, 1)
    }

    pub(super) fn exists(self, frame: &mut Frame<'_>) -> Result<bool> {
        Ok(!load(frame, self.about())?.is_zero())
    }

    /// The value; none if there is no row.
    pub(super) fn get(self, frame: &mut Frame<'_>) -> Result<Option<Bytes>> {
        let about = load(frame, self.about())?;
        if about.is_zero() {
            return Ok(None);
        }
        values::read(frame, self.0, LENGTH.get(about).saturating_to()).map(Some)
    }
}

/// Where a table's list of keys is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table(U256);

impl Table {
    pub(super) fn find(frame: &mut Frame<'_>, database: B256, table: B256) -> Result<Self> {
        Ok(Self(nested(frame, TABLES, database, table)?))
    }

    fn places(self) -> OrderedSet {
        OrderedSet::new(slots::offset(self.0, 2), LEVELS)
    }

    fn key_slot(self, frame: &mut Frame<'_>, place: u64) -> Result<U256> {
        frame.mapping_of(slots::offset(self.0, 1), U256::from(place))
    }

    /// Rows that there are.
    pub(super) fn count(self, frame: &mut Frame<'_>) -> Result<u64> {
        Ok(COUNT.get_u64(load(frame, self.0)?))
    }

    /// Writes a row of this table. Returns the value's hash.
    pub(super) fn put(self, frame: &mut Frame<'_>, row: &Row, key: B256, value: &Bytes) -> Result<B256> {
        let head = values::keep(frame, value)?;
        let before = load(frame, row.about())?;
        let place = match before.is_zero() {
            true => self.take_place(frame, key)?,
            false => PLACE.get_u64(before),
        };
        let about = PRESENT.set_u64(PLACE.set_u64(LENGTH.set(U256::ZERO, U256::from(value.len())), place), 1);
        if about != before {
            store(frame, row.about(), about)?;
        }
        store(frame, row.0, head.word)?;
        Ok(head.hash)
    }

    fn take_place(self, frame: &mut Frame<'_>, key: B256) -> Result<u64> {
        let header = load(frame, self.0)?;
        let place = PLACES.get_u64(header).saturating_add(1);
        if place > PLACES_MAX {
            return Err(limit_exceeded("keys that a table has seen", u32::MAX as usize));
        }
        let header = PLACES.set_u64(header, place);
        store(frame, self.0, COUNT.set_u64(header, COUNT.get_u64(header).saturating_add(1)))?;
        let slot = self.key_slot(frame, place)?;
        store(frame, slot, slots::word(key))?;
        self.places().insert(frame, place)?;
        Ok(place)
    }

    /// Takes a row of this table away. False: there is none.
    pub(super) fn remove(self, frame: &mut Frame<'_>, row: &Row) -> Result<bool> {
        let about = load(frame, row.about())?;
        if about.is_zero() {
            return Ok(false);
        }
        let place = PLACE.get_u64(about);
        store(frame, row.0, U256::ZERO)?;
        store(frame, row.about(), U256::ZERO)?;
        let slot = self.key_slot(frame, place)?;
        store(frame, slot, U256::ZERO)?;
        self.places().remove(frame, place)?;
        let header = load(frame, self.0)?;
        store(frame, self.0, COUNT.set_u64(header, COUNT.get_u64(header).saturating_sub(1)))?;
        Ok(true)
    }

    /// Up to `limit` keys with their places, from a place on, and the place after them: 0 at the end.
    pub(super) fn scan(self, frame: &mut Frame<'_>, cursor: U256, limit: U256) -> Result<(Vec<(u64, B256)>, U256)> {
        let limit = limit.saturating_to::<usize>().min(PAGE_ENTRIES_MAX);
        let mut keys = Vec::new();
        let mut next = match u64::try_from(cursor) {
            Ok(from) => self.places().next(frame, from)?,
            Err(_) => None,
        };
        while let Some(place) = next.filter(|_| keys.len() < limit) {
            let slot = self.key_slot(frame, place)?;
            keys.push((place, B256::from(load(frame, slot)?)));
            next = self.places().next(frame, place.saturating_add(1))?;
        }
        Ok((keys, U256::from(next.unwrap_or_default())))
    }
}
