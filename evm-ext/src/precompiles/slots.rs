//! Solidity's storage layout, so that anybody's tools can name and prove a slot.
//!
//! ```text
//! mapping at slot p     value of key k at keccak256(k . p)
//! array at slot p       length at p, element i at keccak256(p) + i
//! bytes at slot p       up to 31: left-aligned in p, lowest byte 2 * length
//!                       longer:   2 * length + 1 in p, words from keccak256(p) on
//! packed fields         from the low end of the word upwards, in order of declaration
//! ```
//! Source: Solidity documentation, "Layout of State Variables in Storage".
use super::{Frame, PrecompileError};
use alloy_primitives::{Address, B256, U256};

/// Longest value that stands in the slot itself, bytes.
pub const INLINE_BYTES_MAX: usize = 31;
/// Longest `bytes` kept word by word; what is longer belongs into the content table.
pub const STORED_BYTES_MAX: usize = 4_096;

/// A field of a packed word: `bits` bits from bit `offset` (counted from the low end) on.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Lowest bit.
    pub offset: u16,
    /// Width; at most 256.
    pub bits: u16,
}

impl Field {
    /// `bits` bits from bit `offset` on.
    pub const fn new(offset: u16, bits: u16) -> Self {
        Self { offset, bits }
    }

    fn mask(self) -> U256 {
        U256::MAX.wrapping_shr(usize::from(256u16.saturating_sub(self.bits)))
    }

    /// Reads the field.
    pub fn get(self, word: U256) -> U256 {
        word.wrapping_shr(usize::from(self.offset)) & self.mask()
    }

    /// Reads a field of at most 64 bits.
    pub fn get_u64(self, word: U256) -> u64 {
        self.get(word).saturating_to()
    }

    /// Reads a field of 160 bits.
    pub fn get_address(self, word: U256) -> Address {
        Address::from_word(B256::from(self.get(word)))
    }

    /// The word with the field replaced; bits above its width are dropped.
    pub fn set(self, word: U256, value: U256) -> U256 {
        let offset = usize::from(self.offset);
        let cleared = word & !self.mask().wrapping_shl(offset);
        cleared | (value & self.mask()).wrapping_shl(offset)
    }

    /// As [`Self::set`].
    pub fn set_u64(self, word: U256, value: u64) -> U256 {
        self.set(word, U256::from(value))
    }

    /// As [`Self::set`].
    pub fn set_address(self, word: U256, value: Address) -> U256 {
        self.set(word, address_word(value))
    }
}

/// An address as a word.
pub fn address_word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

/// A 32-byte value as a word.
pub fn word(value: B256) -> U256 {
    U256::from_be_bytes(value.0)
}

/// A slot some places after another one.
pub fn offset(slot: U256, places: u64) -> U256 {
    slot.wrapping_add(U256::from(places))
}

impl Frame<'_> {
    /// Slot of a mapping's value. Keys shorter than 32 bytes are widened as Solidity does: numbers and addresses on the
    /// left, `bytesN` on the right.
    pub fn mapping(&mut self, slot: U256, key: B256) -> Result<U256, PrecompileError> {
        let mut preimage = [0; 64];
        let (left, right) = preimage.split_at_mut(32);
        left.copy_from_slice(key.as_slice());
        right.copy_from_slice(&slot.to_be_bytes::<32>());
        Ok(word(self.keccak(&preimage)?))
    }

    /// Slot of a mapping's value for a numeric key.
    pub fn mapping_of(&mut self, slot: U256, key: U256) -> Result<U256, PrecompileError> {
        self.mapping(slot, B256::from(key))
    }

    /// Slot of a mapping's value for an account.
    pub fn mapping_of_account(&mut self, slot: U256, key: Address) -> Result<U256, PrecompileError> {
        self.mapping(slot, key.into_word())
    }

    /// Slot of the first element of a dynamic array, or of the first word of long `bytes`.
    pub fn elements(&mut self, slot: U256) -> Result<U256, PrecompileError> {
        Ok(word(self.keccak(&slot.to_be_bytes::<32>())?))
    }

    /// Reads `bytes` or `string`. For what is long, see [`super::content`].
    pub fn load_bytes(&mut self, account: Address, slot: U256) -> Result<Vec<u8>, PrecompileError> {
        let head = self.load(account, slot)?;
        let length = stored_length(head);
        if length <= INLINE_BYTES_MAX {
            return Ok(head.to_be_bytes::<32>().into_iter().take(length).collect());
        }
        let first = self.elements(slot)?;
        let mut bytes = Vec::with_capacity(length.min(STORED_BYTES_MAX));
        for place in 0..super::prices::words(length) {
            bytes.extend(self.load(account, offset(first, place))?.to_be_bytes::<32>());
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    /// Writes `bytes` or `string`, and clears the words of a longer one that was there.
    pub fn store_bytes(&mut self, account: Address, slot: U256, bytes: &[u8]) -> Result<(), PrecompileError> {
        let words_before = long_words(stored_length(self.load(account, slot)?));
        let words_after = long_words(bytes.len());
        self.store(account, slot, stored_head(bytes))?;
        if words_before.max(words_after) == 0 {
            return Ok(());
        }
        let first = self.elements(slot)?;
        if words_after > 0 {
            for (place, chunk) in (0u64..).zip(bytes.chunks(32)) {
                self.store(account, offset(first, place), left_aligned(chunk))?;
            }
        }
        for place in words_after..words_before {
            self.store(account, offset(first, place), U256::ZERO)?;
        }
        Ok(())
    }
}

/// Up to 32 bytes at the high end of a word.
pub fn left_aligned(bytes: &[u8]) -> U256 {
    let mut padded = [0; 32];
    for (target, byte) in padded.iter_mut().zip(bytes) {
        *target = *byte;
    }
    U256::from_be_bytes(padded)
}

fn long_words(length: usize) -> u64 {
    if length <= INLINE_BYTES_MAX { 0 } else { super::prices::words(length) }
}

fn stored_length(head: U256) -> usize {
    match head.bit(0) {
        true => head.wrapping_shr(1).saturating_to(),
        false => usize::from(head.byte(0) >> 1),
    }
}

fn stored_head(bytes: &[u8]) -> U256 {
    let twice = U256::from(bytes.len()).wrapping_shl(1);
    if bytes.len() <= INLINE_BYTES_MAX { left_aligned(bytes) | twice } else { twice | U256::ONE }
}
