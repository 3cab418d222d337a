//! Records of the column `meta`.
//!
//! | key | record |
//! |---|---|
//! | `format` | be4 format version |
//! | `genesis` | 32 bytes genesis hash; written last, so its absence marks a directory whose creation was interrupted |
//! | `head` | be8 number, 32 bytes hash of the newest block |
//! | `state` | be8 number of the block whose state the flat tables and tries hold |
//! | `first_state` | be8 number of the first block whose state can be read |
//! | `observed` | be8 number of the next block that the canonical index lacks; absent: there is no index |
//! | `first_observed` | be8 number of the first block whose observations are kept |
//! | `content_mark` | 32 bytes hash of the content that the next look begins with; absent: it looks at all content |
use super::Cursor;
use crate::StorageError;
use alloy_primitives::B256;

pub(crate) const FORMAT: &[u8] = b"format";
pub(crate) const GENESIS: &[u8] = b"genesis";
pub(crate) const HEAD: &[u8] = b"head";
pub(crate) const STATE: &[u8] = b"state";
pub(crate) const FIRST_STATE: &[u8] = b"first_state";
pub(crate) const OBSERVED: &[u8] = b"observed";
pub(crate) const FIRST_OBSERVED: &[u8] = b"first_observed";
pub(crate) const CONTENT_MARK: &[u8] = b"content_mark";

pub(crate) fn encode_head(number: u64, hash: &B256) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(&number.to_be_bytes());
    bytes[8..].copy_from_slice(hash.as_slice());
    bytes
}

pub(crate) fn decode_head(bytes: &[u8]) -> Result<(u64, B256), StorageError> {
    let mut cursor = Cursor::new("meta", bytes);
    let head = (cursor.u64()?, B256::from(cursor.array()?));
    cursor.end()?;
    Ok(head)
}

pub(crate) fn decode_u64(bytes: &[u8]) -> Result<u64, StorageError> {
    let mut cursor = Cursor::new("meta", bytes);
    let number = cursor.u64()?;
    cursor.end()?;
    Ok(number)
}

pub(crate) fn decode_u32(bytes: &[u8]) -> Result<u32, StorageError> {
    let mut cursor = Cursor::new("meta", bytes);
    let number = cursor.u32()?;
    cursor.end()?;
    Ok(number)
}

pub(crate) fn decode_hash(bytes: &[u8]) -> Result<B256, StorageError> {
    let mut cursor = Cursor::new("meta", bytes);
    let hash = B256::from(cursor.array()?);
    cursor.end()?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn the_head_has_its_golden_bytes() {
        let bytes = encode_head(3, &B256::repeat_byte(0xab));
        assert_eq!(hex::encode(bytes), format!("0000000000000003{}", "ab".repeat(32)));
        assert_eq!(decode_head(&bytes).unwrap(), (3, B256::repeat_byte(0xab)));
        assert!(decode_head(&bytes[1..]).is_err());
    }
}
