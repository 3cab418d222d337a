//! The queue of due work: first in, first out for each payer, payers in turn.
//!
//! ```text
//! slot 4                      ring of payers with work: bits 0-63 next to serve, 64-127 next free place
//! keccak256(place . 5)        payer at a place of the ring
//! keccak256(payer . 6)        a payer's items: bits 0-63 next to serve, 64-127 next free place
//! keccak256(i . keccak256(payer . 7))   its item i
//! ```
//! An item is a kind in the highest byte and an id in the rest. Kind 3: what the payer has in the wheel's bucket of a second;
//! it stays first until nothing is left there.
use super::{PAYER_ITEMS, PAYERS, RING, RING_PLACES, Result};
use crate::precompiles::{
    Frame,
    slots::{Field, address_word},
};
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::params::THINGS_ADDRESS;

const HEAD: Field = Field::new(0, 64);
const TAIL: Field = Field::new(64, 64);
const KIND: Field = Field::new(248, 8);
const ID: Field = Field::new(0, 248);

/// A piece of work that is due, or will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// A trigger's action.
    Trigger(U256),
    /// A request's callback, or its end after the deadline.
    Request(U256),
}

impl Item {
    pub(crate) fn word(self) -> U256 {
        let (kind, id) = match self {
            Self::Trigger(id) => (1, id),
            Self::Request(id) => (2, id),
        };
        KIND.set_u64(id, kind)
    }

    pub(crate) fn from_word(word: U256) -> Option<Self> {
        match KIND.get_u64(word) {
            1 => Some(Self::Trigger(ID.get(word))),
            2 => Some(Self::Request(ID.get(word))),
            _ => None,
        }
    }
}

/// What stands in a payer's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// One piece of work.
    Item(Item),
    /// The payer's items in the wheel's bucket of this second (unix).
    Second(u64),
}

/// Kind of [`Entry::Second`].
const SECOND_KIND: u64 = 3;

impl Entry {
    fn word(self) -> U256 {
        match self {
            Self::Item(item) => item.word(),
            Self::Second(time) => KIND.set_u64(U256::from(time), SECOND_KIND),
        }
    }

    fn from_word(word: U256) -> Option<Self> {
        match KIND.get_u64(word) {
            SECOND_KIND => Some(Self::Second(ID.get(word).saturating_to())),
            _ => Item::from_word(word).map(Self::Item),
        }
    }
}

/// Adds a piece of work at the end of a payer's list.
pub(super) fn push(frame: &mut Frame<'_>, payer: Address, item: Item) -> Result<()> {
    push_entry(frame, payer, Entry::Item(item))
}

/// Adds what a payer has in a second at the end of its list.
pub(super) fn push_second(frame: &mut Frame<'_>, payer: Address, time: u64) -> Result<()> {
    push_entry(frame, payer, Entry::Second(time))
}

/// A payer without work joins the ring.
fn push_entry(frame: &mut Frame<'_>, payer: Address, entry: Entry) -> Result<()> {
    let slot = frame.mapping_of_account(PAYERS, payer)?;
    let items = frame.load(THINGS_ADDRESS, slot)?;
    let place = TAIL.get(items);
    let list = frame.mapping_of_account(PAYER_ITEMS, payer)?;
    let at = frame.mapping_of(list, place)?;
    frame.store(THINGS_ADDRESS, at, entry.word())?;
    frame.store(THINGS_ADDRESS, slot, TAIL.set(items, place.saturating_add(U256::ONE)))?;
    if HEAD.get(items) == place {
        join(frame, payer)?;
    }
    Ok(())
}

/// The payer whose turn it is, and the first of its list.
pub(super) fn front(frame: &mut Frame<'_>) -> Result<Option<(Address, Entry)>> {
    let ring = frame.load(THINGS_ADDRESS, RING)?;
    if HEAD.get(ring) == TAIL.get(ring) {
        return Ok(None);
    }
    let at = frame.mapping_of(RING_PLACES, HEAD.get(ring))?;
    let payer = Address::from_word(B256::from(frame.load(THINGS_ADDRESS, at)?));
    let slot = frame.mapping_of_account(PAYERS, payer)?;
    let items = frame.load(THINGS_ADDRESS, slot)?;
    let list = frame.mapping_of_account(PAYER_ITEMS, payer)?;
    let at = frame.mapping_of(list, HEAD.get(items))?;
    Ok(Entry::from_word(frame.load(THINGS_ADDRESS, at)?).map(|entry| (payer, entry)))
}

/// Takes the front's entry; its payer goes to the end of the ring if it has more.
pub(super) fn pop(frame: &mut Frame<'_>, payer: Address) -> Result<()> {
    leave(frame)?;
    let slot = frame.mapping_of_account(PAYERS, payer)?;
    let items = frame.load(THINGS_ADDRESS, slot)?;
    let list = frame.mapping_of_account(PAYER_ITEMS, payer)?;
    let at = frame.mapping_of(list, HEAD.get(items))?;
    frame.store(THINGS_ADDRESS, at, U256::ZERO)?;
    let head = HEAD.get(items).saturating_add(U256::ONE);
    frame.store(THINGS_ADDRESS, slot, HEAD.set(items, head))?;
    if head < TAIL.get(items) {
        join(frame, payer)?;
    }
    Ok(())
}

/// Lets the front's payer wait for its next turn.
pub(super) fn rotate(frame: &mut Frame<'_>, payer: Address) -> Result<()> {
    leave(frame)?;
    join(frame, payer)
}

fn leave(frame: &mut Frame<'_>) -> Result<()> {
    let ring = frame.load(THINGS_ADDRESS, RING)?;
    let at = frame.mapping_of(RING_PLACES, HEAD.get(ring))?;
    frame.store(THINGS_ADDRESS, at, U256::ZERO)?;
    frame.store(THINGS_ADDRESS, RING, HEAD.set(ring, HEAD.get(ring).saturating_add(U256::ONE)))
}

fn join(frame: &mut Frame<'_>, payer: Address) -> Result<()> {
    let ring = frame.load(THINGS_ADDRESS, RING)?;
    let at = frame.mapping_of(RING_PLACES, TAIL.get(ring))?;
    frame.store(THINGS_ADDRESS, at, address_word(payer))?;
    frame.store(THINGS_ADDRESS, RING, TAIL.set(ring, TAIL.get(ring).saturating_add(U256::ONE)))
}
