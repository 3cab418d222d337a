//! Values whose length stands elsewhere: short ones inside their slot, longer ones by hash.
//!
//! ```text
//! 0 to 31 bytes     left-aligned in the slot, as a bytesN
//! 32 bytes and more keccak256 of the value in the slot, the value in the content table
//! ```
//!
//! The table is storage's own: named by hash, never changed, there as long as a kept state has a slot that names it. Content
//! gets there when a block ends with a slot that holds its hash; what was kept in a reverted call is in no slot, and so
//! nowhere. So whoever writes a hash into a slot keeps its bytes in the same block: a hash copied from another slot names nothing.
use super::{Frame, PrecompileError, slots};
use alloy_primitives::{Address, B256, Bytes, U256};

impl Frame<'_> {
    /// Writes a value into a slot. Its length must be kept by the caller.
    pub fn store_value(&mut self, account: Address, slot: U256, value: &[u8]) -> Result<(), PrecompileError> {
        let head = match value.len() <= slots::INLINE_BYTES_MAX {
            true => slots::left_aligned(value),
            false => slots::word(self.keep_content(Bytes::copy_from_slice(value))?),
        };
        self.store(account, slot, head)
    }

    /// Reads a value of this length.
    pub fn load_value(&mut self, account: Address, slot: U256, length: usize) -> Result<Bytes, PrecompileError> {
        if length == 0 {
            return Ok(Bytes::new());
        }
        let head = self.load(account, slot)?;
        if length <= slots::INLINE_BYTES_MAX {
            return Ok(head.to_be_bytes::<32>().into_iter().take(length).collect());
        }
        self.content(B256::from(head))
    }
}
