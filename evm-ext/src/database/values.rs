//! Values of rows and entries.
//!
//! ```text
//! up to 31 bytes      left-aligned, lowest byte 2 * length: as Solidity keeps short `bytes`
//! 32 bytes and more   keccak256 of the value; the value itself is content
//! ```
//!
//! So the slot alone commits to the value and its length: whoever has the value knows what must stand there. Lengths
//! are kept beside it, because a hash can look like a short value to whoever has not.
use super::{Result, limit_exceeded, load};
use crate::precompiles::{Frame, slots};
use alloy_primitives::{B256, Bytes, U256};
use pervade_chainspec::params::DATABASE_VALUE_BYTES_MAX;

/// What a slot holds for a value, and keccak256 of the value.
pub(super) struct Head {
    pub(super) word: U256,
    pub(super) hash: B256,
}

/// Keeps a value, at a price that does not depend on who kept it before.
pub(super) fn keep(frame: &mut Frame<'_>, value: &Bytes) -> Result<Head> {
    if value.len() > DATABASE_VALUE_BYTES_MAX {
        return Err(limit_exceeded("value bytes", DATABASE_VALUE_BYTES_MAX));
    }
    if value.len() <= slots::INLINE_BYTES_MAX {
        let word = slots::left_aligned(value) | U256::from(value.len()).wrapping_shl(1);
        return Ok(Head { word, hash: frame.keccak(value)? });
    }
    let hash = frame.keep_content(value.clone())?;
    Ok(Head { word: slots::word(hash), hash })
}

/// Reads a value of this length.
pub(super) fn read(frame: &mut Frame<'_>, slot: U256, length: usize) -> Result<Bytes> {
    let word = load(frame, slot)?;
    if length <= slots::INLINE_BYTES_MAX {
        return Ok(word.to_be_bytes::<32>().into_iter().take(length).collect());
    }
    frame.content(B256::from(word))
}
