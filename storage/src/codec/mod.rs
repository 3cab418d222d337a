//! How records look on disk. Every layout belongs to [`FORMAT_VERSION`]: who changes one, raises it.
//!
//! Numbers are big-endian so that keys sort by them. "be8" is such a number of eight bytes.
pub(crate) mod account;
pub(crate) mod block;
pub(crate) mod chunk;
pub(crate) mod key;
pub(crate) mod meta;
pub(crate) mod observation;

use crate::StorageError;

/// Version of everything that this crate writes.
///
/// 1: the first.
/// 2: adds the columns `certificates`, `validator_changes` and `evidence`; a directory of format 1 becomes one of format 2
/// when it is opened for writing.
/// 3: adds the columns `observations`, `observation_index`, `bindings`, `content` and `content_refs`; a directory of an older
/// format becomes one of format 3 when it is opened for writing. What precompiles kept before stays among the code.
pub const FORMAT_VERSION: u32 = 3;

/// Takes a record apart, front to back.
pub(crate) struct Cursor<'a> {
    column: &'static str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(column: &'static str, bytes: &'a [u8]) -> Self {
        Self { column, rest: bytes }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], StorageError> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.damaged(format!("{count} bytes expected, {} left", self.rest.len())));
        };
        self.rest = rest;
        Ok(taken)
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StorageError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, StorageError> {
        Ok(self.array::<1>()?[0])
    }
    pub(crate) fn u32(&mut self) -> Result<u32, StorageError> {
        Ok(u32::from_be_bytes(self.array()?))
    }
    pub(crate) fn u64(&mut self) -> Result<u64, StorageError> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// The next RLP item.
    pub(crate) fn rlp<T: alloy_rlp::Decodable>(&mut self) -> Result<T, StorageError> {
        T::decode(&mut self.rest).map_err(|error| self.damaged(format!("RLP: {error}")))
    }

    /// All that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), StorageError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(self.damaged(format!("{left} bytes too many"))),
        }
    }

    pub(crate) fn damaged(&self, reason: String) -> StorageError {
        StorageError::Damaged { column: self.column, reason }
    }
}

/// A number without its leading zeros.
pub(crate) fn trim_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}
