//! Headers, bodies, and where a transaction stands.
use super::{Cursor, trim_zeros};
use crate::{Block, StorageError, TransactionLocation};
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::{B256, U256};
use alloy_rlp::Encodable;

const HAS_WITHDRAWALS: u8 = 1;

/// ```text
/// 32 bytes   hash
/// 1 byte     t, bytes of the total difficulty, 0 to 32
/// t bytes    total difficulty, no leading zeros
/// the rest   RLP of the header
/// ```
pub(crate) fn encode_header(hash: &B256, total_difficulty: &U256, header: &Header) -> Vec<u8> {
    let total_difficulty = total_difficulty.to_be_bytes::<32>();
    let total_difficulty = trim_zeros(&total_difficulty);
    let mut bytes = Vec::with_capacity(header.length().saturating_add(65));
    bytes.extend_from_slice(hash.as_slice());
    bytes.push(total_difficulty.len() as u8); // 32 at most
    bytes.extend_from_slice(total_difficulty);
    header.encode(&mut bytes);
    bytes
}

/// What a header record begins with: hash and total difficulty.
pub(crate) fn decode_header_prefix(bytes: &[u8]) -> Result<(B256, U256, Cursor<'_>), StorageError> {
    let mut cursor = Cursor::new("headers", bytes);
    let hash = B256::from(cursor.array()?);
    let length = usize::from(cursor.u8()?);
    if length > 32 {
        return Err(cursor.damaged(format!("total difficulty of {length} bytes")));
    }
    let total_difficulty = U256::from_be_slice(cursor.take(length)?);
    Ok((hash, total_difficulty, cursor))
}

pub(crate) fn decode_header(bytes: &[u8]) -> Result<(B256, U256, Header), StorageError> {
    let (hash, total_difficulty, mut cursor) = decode_header_prefix(bytes)?;
    let header = cursor.rlp()?;
    cursor.end()?;
    Ok((hash, total_difficulty, header))
}

/// What a block has beside header and transactions.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct BodyRecord {
    pub(crate) transaction_count: u32,
    pub(crate) ommers: Vec<Header>,
    pub(crate) withdrawals: Option<Withdrawals>,
}

/// ```text
/// be4        number of transactions
/// 1 byte     1: withdrawals follow
/// n bytes    RLP list of the ommers' headers
/// m bytes    RLP list of the withdrawals
/// ```
pub(crate) fn encode_body(block: &Block, transaction_count: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16);
    bytes.extend_from_slice(&transaction_count.to_be_bytes());
    bytes.push(if block.body.withdrawals.is_some() { HAS_WITHDRAWALS } else { 0 });
    block.body.ommers.encode(&mut bytes);
    if let Some(withdrawals) = &block.body.withdrawals {
        withdrawals.encode(&mut bytes);
    }
    bytes
}

pub(crate) fn decode_transaction_count(bytes: &[u8]) -> Result<u32, StorageError> {
    Cursor::new("bodies", bytes).u32()
}

pub(crate) fn decode_body(bytes: &[u8]) -> Result<BodyRecord, StorageError> {
    let mut cursor = Cursor::new("bodies", bytes);
    let transaction_count = cursor.u32()?;
    let flags = cursor.u8()?;
    let ommers = cursor.rlp()?;
    let withdrawals = match flags {
        0 => None,
        HAS_WITHDRAWALS => Some(cursor.rlp()?),
        other => return Err(cursor.damaged(format!("unknown flags {other}"))),
    };
    cursor.end()?;
    Ok(BodyRecord { transaction_count, ommers, withdrawals })
}

/// be8 block number, be4 position in the block.
pub(crate) fn encode_location(at: &TransactionLocation) -> [u8; 12] {
    let mut bytes = [0; 12];
    bytes[..8].copy_from_slice(&at.block_number.to_be_bytes());
    bytes[8..].copy_from_slice(&at.index.to_be_bytes());
    bytes
}

pub(crate) fn decode_location(bytes: &[u8]) -> Result<TransactionLocation, StorageError> {
    let mut cursor = Cursor::new("transaction_lookup", bytes);
    let at = TransactionLocation { block_number: cursor.u64()?, index: cursor.u32()? };
    cursor.end()?;
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::eip4895::Withdrawal;
    use alloy_primitives::hex;

    #[test]
    fn a_header_has_its_golden_bytes() {
        let header = Header { number: 5, ..Header::default() };
        let bytes = encode_header(&B256::repeat_byte(1), &U256::from(0x0203), &header);
        assert_eq!(hex::encode(&bytes[..35]), format!("{}020203", "01".repeat(32)));
        assert_eq!(bytes[35..], alloy_rlp::encode(&header));
        assert_eq!(decode_header(&bytes).unwrap(), (B256::repeat_byte(1), U256::from(0x0203), header));
        assert!(decode_header(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn a_body_has_its_golden_bytes() {
        let mut block = Block::default();
        assert_eq!(hex::encode(encode_body(&block, 7)), "0000000700c0");
        block.body.withdrawals = Some(Withdrawals::new(vec![Withdrawal::default()]));
        let bytes = encode_body(&block, 7);
        assert_eq!(hex::encode(&bytes), "0000000701c0d9d8808094000000000000000000000000000000000000000080");
        let expected = BodyRecord { transaction_count: 7, ommers: vec![], withdrawals: block.body.withdrawals };
        assert_eq!(decode_body(&bytes).unwrap(), expected);
        assert_eq!(decode_transaction_count(&bytes).unwrap(), 7);
        assert!(decode_body(&[0, 0, 0, 7, 2, 0xc0]).is_err());
    }

    #[test]
    fn a_location_has_its_golden_bytes() {
        let at = TransactionLocation { block_number: 1, index: 2 };
        assert_eq!(encode_location(&at), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        assert_eq!(decode_location(&encode_location(&at)).unwrap(), at);
        assert!(decode_location(&[0; 13]).is_err());
    }
}
