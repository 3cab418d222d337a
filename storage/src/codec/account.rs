//! Accounts, slot values, and what the tries commit to.
use super::{Cursor, trim_zeros};
use crate::{Account, StorageError};
use alloy_consensus::{TrieAccount, constants::KECCAK_EMPTY};
use alloy_primitives::{B256, U256};
use alloy_trie::EMPTY_ROOT_HASH;

const HAS_CODE: u8 = 0x80;
const HAS_STORAGE: u8 = 0x40;
const NONCE_LENGTH: u8 = 0x0f;

/// ```text
/// byte 0     0x80: a code hash follows; 0x40: a storage root follows; low four bits: n, bytes of the nonce, 0 to 8
/// byte 1     b, bytes of the balance, 0 to 32
/// n bytes    nonce, no leading zeros
/// b bytes    balance in wei, no leading zeros
/// 32 bytes   code hash, if it is not that of no code
/// 32 bytes   storage root, if it is not that of no storage
/// ```
pub(crate) fn encode_account(account: &Account) -> Vec<u8> {
    let nonce = account.nonce.to_be_bytes();
    let nonce = trim_zeros(&nonce);
    let balance = account.balance.to_be_bytes::<32>();
    let balance = trim_zeros(&balance);
    let has_code = account.code_hash != KECCAK_EMPTY;
    let has_storage = account.storage_root != EMPTY_ROOT_HASH;

    let mut bytes = Vec::with_capacity(2 + 8 + 32 + 64);
    // Both lengths fit: 8 and 32 at most.
    let flags = if has_code { HAS_CODE } else { 0 } | if has_storage { HAS_STORAGE } else { 0 };
    bytes.push(flags | nonce.len() as u8);
    bytes.push(balance.len() as u8);
    bytes.extend_from_slice(nonce);
    bytes.extend_from_slice(balance);
    if has_code {
        bytes.extend_from_slice(account.code_hash.as_slice());
    }
    if has_storage {
        bytes.extend_from_slice(account.storage_root.as_slice());
    }
    bytes
}

pub(crate) fn decode_account(bytes: &[u8]) -> Result<Account, StorageError> {
    let mut cursor = Cursor::new("accounts", bytes);
    let flags = cursor.u8()?;
    let balance_length = usize::from(cursor.u8()?);
    let nonce_length = usize::from(flags & NONCE_LENGTH);
    if nonce_length > 8 || balance_length > 32 {
        return Err(cursor.damaged(format!("nonce of {nonce_length} bytes, balance of {balance_length}")));
    }
    let nonce = cursor.take(nonce_length)?.iter().fold(0u64, |nonce, byte| (nonce << 8) | u64::from(*byte));
    let balance = U256::from_be_slice(cursor.take(balance_length)?);
    let code_hash = if flags & HAS_CODE != 0 { B256::from(cursor.array()?) } else { KECCAK_EMPTY };
    let storage_root = if flags & HAS_STORAGE != 0 { B256::from(cursor.array()?) } else { EMPTY_ROOT_HASH };
    cursor.end()?;
    Ok(Account { nonce, balance, code_hash, storage_root })
}

/// A slot's value, without leading zeros. Zero is not stored, so this is never empty.
pub(crate) fn encode_slot(value: &U256) -> Vec<u8> {
    trim_zeros(&value.to_be_bytes::<32>()).to_vec()
}

pub(crate) fn decode_slot(bytes: &[u8]) -> Result<U256, StorageError> {
    if bytes.is_empty() || bytes.len() > 32 {
        let reason = format!("a value of {} bytes", bytes.len());
        return Err(StorageError::Damaged { column: "slots", reason });
    }
    Ok(U256::from_be_slice(bytes))
}

/// The leaf of the state trie: RLP of nonce, balance, storage root, code hash.
pub(crate) fn account_leaf(account: &Account) -> Vec<u8> {
    let Account { nonce, balance, code_hash, storage_root } = *account;
    alloy_rlp::encode(TrieAccount { nonce, balance, storage_root, code_hash })
}

/// The leaf of a storage trie: RLP of the value.
pub(crate) fn slot_leaf(value: &U256) -> Vec<u8> {
    alloy_rlp::encode(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    fn round_trip(account: Account, golden: &str) {
        let bytes = encode_account(&account);
        assert_eq!(hex::encode(&bytes), golden);
        assert_eq!(decode_account(&bytes).unwrap(), account);
    }

    #[test]
    fn accounts_have_their_golden_bytes() {
        let empty = Account { nonce: 0, balance: U256::ZERO, code_hash: KECCAK_EMPTY, storage_root: EMPTY_ROOT_HASH };
        round_trip(empty, "0000");
        round_trip(Account { nonce: 0x0102, balance: U256::from(0xff), ..empty }, "02010102ff");
        let full = Account {
            nonce: u64::MAX,
            balance: U256::MAX,
            code_hash: B256::repeat_byte(0xaa),
            storage_root: B256::repeat_byte(0xbb),
        };
        round_trip(full, &format!("c820{}{}{}", "ff".repeat(40), "aa".repeat(32), "bb".repeat(32)));
    }

    #[test]
    fn cut_and_overlong_accounts_are_damaged() {
        for bytes in [&[][..], &[0x01, 0x00], &[0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[0, 33], &[0, 0, 0], &[0x80, 0]] {
            assert!(
                matches!(decode_account(bytes), Err(StorageError::Damaged { column: "accounts", .. })),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn slot_values_have_their_golden_bytes() {
        assert_eq!(encode_slot(&U256::from(0x0100)), [1, 0]);
        assert_eq!(decode_slot(&[1, 0]).unwrap(), U256::from(0x0100));
        assert!(decode_slot(&[]).is_err());
        assert!(decode_slot(&[1; 33]).is_err());
    }
}
