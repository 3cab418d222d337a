//! The queue of due work: first in, first out for each payer, payers in turn.
//!
//! ```text
//! slot 4                      ring of payers with work: bits 0-63 next to serve, 64-127 next free place
//! keccak256(place . 5)        payer at a place of the ring
//! keccak256(payer . 6)        a payer's items: bits 0-63 next to serve, 64-127 next free place
//! keccak256(i . keccak256(payer . 7))   its item i
//! ```
//! An item is a kind in the highest byte and an id in the rest.
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

/// Adds work at the end of a payer's items; a payer without work joins the ring.
pub(super) fn push(frame: &mut Frame<'_>, payer: Address, item: Item) -> Result<()> {
    let slot = frame.mapping_of_account(PAYERS, payer)?;
    let items = frame.load(THINGS_ADDRESS, slot)?;
    let place = TAIL.get(items);
    let list = frame.mapping_of_account(PAYER_ITEMS, payer)?;
    let at = frame.mapping_of(list, place)?;
    frame.store(THINGS_ADDRESS, at, item.word())?;
    frame.store(THINGS_ADDRESS, slot, TAIL.set(items, place.saturating_add(U256::ONE)))?;
    if HEAD.get(items) == place {
        join(frame, payer)?;
    }
    Ok(())
}

/// The payer whose turn it is, and its oldest item.
pub(super) fn front(frame: &mut Frame<'_>) -> Result<Option<(Address, Item)>> {
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
    Ok(Item::from_word(frame.load(THINGS_ADDRESS, at)?).map(|item| (payer, item)))
}

/// Takes the front's item; its payer goes to the end of the ring if it has more.
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
