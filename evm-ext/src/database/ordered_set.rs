//! [`OrderedSet`]: a set of numbers that knows the next and the previous one, however many there are.
//!
//! ```text
//! level 2          {5}                     a bitmap of 256 bits a node
//!                   │
//! level 1     {0        7}                 bit n of a node: child n is not empty
//!              │        │
//! level 0   {3, 200}   {0}                 bit n of a leaf: the number is in the set
//!
//!           numbers 0x050003, 0x0500c8, 0x050700
//! ```
//!
//! The node of a number on level `l` is `number >> 8 * (l + 1)`, at `mapping(l << 64 | node)`. Adding and removing touch
//! a leaf, and a parent only when its child becomes non-empty or empty; looking for a neighbour goes up to where there is
//! one and down again. So every operation takes at most two slots a level.
use super::{Result, load, store};
use crate::precompiles::Frame;
use alloy_primitives::U256;

/// Bits of a number that a level takes.
const LEVEL_BITS: u32 = 8;

/// A set in a mapping.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderedSet {
    /// Slot of the mapping.
    slot: U256,
    /// Levels: numbers have up to eight bits for each.
    levels: u32,
}

impl OrderedSet {
    pub(super) const fn new(slot: U256, levels: u32) -> Self {
        Self { slot, levels }
    }

    /// Adds a number. It may be there already.
    pub(super) fn insert(&self, frame: &mut Frame<'_>, number: u64) -> Result<()> {
        for level in 0..self.levels {
            let slot = self.node(frame, level, number)?;
            let bits = load(frame, slot)?;
            let with = bits | bit(level, number);
            if with != bits {
                store(frame, slot, with)?;
            }
            if !bits.is_zero() {
                break;
            }
        }
        Ok(())
    }

    /// Takes a number out, which must be there.
    pub(super) fn remove(&self, frame: &mut Frame<'_>, number: u64) -> Result<()> {
        for level in 0..self.levels {
            let slot = self.node(frame, level, number)?;
            let without = load(frame, slot)? & !bit(level, number);
            store(frame, slot, without)?;
            if !without.is_zero() {
                break;
            }
        }
        Ok(())
    }

    /// The smallest number that is at least `from`.
    pub(super) fn next(&self, frame: &mut Frame<'_>, from: u64) -> Result<Option<u64>> {
        self.search(frame, from, Side::Above)
    }

    /// The largest number that is at most `from`.
    pub(super) fn previous(&self, frame: &mut Frame<'_>, from: u64) -> Result<Option<u64>> {
        self.search(frame, from, Side::Below)
    }

    fn search(&self, frame: &mut Frame<'_>, from: u64, side: Side) -> Result<Option<u64>> {
        if shifted(from, self.levels) != 0 {
            return Ok(None);
        }
        for level in 0..self.levels {
            let slot = self.node(frame, level, from)?;
            let bits = load(frame, slot)?;
            // Above the leaves the child that `from` is in has been looked at.
            let child = place(level, from);
            let first = if level == 0 { Some(child) } else { side.beyond(child) };
            let Some(found) = first.and_then(|first| side.nearest(bits, first)) else { continue };
            let node = shifted(from, level.saturating_add(1));
            return self.descend(frame, level, join(node, found), side).map(Some);
        }
        Ok(None)
    }

    /// The number below a child of a node on `level` that is nearest when coming from the other side.
    fn descend(&self, frame: &mut Frame<'_>, level: u32, child: u64, side: Side) -> Result<u64> {
        let mut path = child;
        for below in (0..level).rev() {
            let slot = self.slot_of(frame, below, path)?;
            // A child whose bit is set is not empty.
            let found = side.nearest(load(frame, slot)?, side.edge()).unwrap_or_default();
            path = join(path, found);
        }
        Ok(path)
    }

    fn node(&self, frame: &mut Frame<'_>, level: u32, number: u64) -> Result<U256> {
        self.slot_of(frame, level, shifted(number, level.saturating_add(1)))
    }

    fn slot_of(&self, frame: &mut Frame<'_>, level: u32, node: u64) -> Result<U256> {
        frame.mapping_of(self.slot, U256::from_limbs([node, u64::from(level), 0, 0]))
    }
}

/// On which side of a place a neighbour is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Side {
    Above,
    Below,
}

impl Side {
    /// The set bit at a place, or the nearest one on this side of it.
    fn nearest(self, bits: U256, place: usize) -> Option<usize> {
        let there = match self {
            Self::Above => bits & U256::MAX.wrapping_shl(place),
            Self::Below => bits & U256::MAX.wrapping_shr(255usize.saturating_sub(place)),
        };
        match (there.is_zero(), self) {
            (true, _) => None,
            (false, Self::Above) => Some(there.trailing_zeros()),
            (false, Self::Below) => Some(there.bit_len().saturating_sub(1)),
        }
    }

    /// The next place on this side.
    fn beyond(self, place: usize) -> Option<usize> {
        match self {
            Self::Above => place.checked_add(1).filter(|place| *place < 256),
            Self::Below => place.checked_sub(1),
        }
    }

    /// The place at which this side begins.
    fn edge(self) -> usize {
        if self == Self::Above { 0 } else { 255 }
    }
}

/// A number without the bits of so many levels.
fn shifted(number: u64, levels: u32) -> u64 {
    number.checked_shr(levels.saturating_mul(LEVEL_BITS)).unwrap_or_default()
}

/// Place of a number's bit in its node on a level.
fn place(level: u32, number: u64) -> usize {
    usize::try_from(shifted(number, level) & 0xff).unwrap_or_default()
}

fn bit(level: u32, number: u64) -> U256 {
    U256::ONE.wrapping_shl(place(level, number))
}

/// Number of a node's child.
fn join(node: u64, child: usize) -> u64 {
    node.wrapping_shl(LEVEL_BITS) | u64::try_from(child).unwrap_or_default()
}
