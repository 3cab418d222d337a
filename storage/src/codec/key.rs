//! Keys of all columns.
use crate::{StorageError, columns::Column, content::ContentRef};
use alloy_primitives::{Address, B256, U256};
use alloy_trie::Nibbles;

/// be8 block number.
pub(crate) const fn block_key(number: u64) -> [u8; 8] {
    number.to_be_bytes()
}

/// be8 block number, be4 number of the chunk in the block.
pub(crate) fn chunk_key(number: u64, chunk: u32) -> [u8; 12] {
    let mut key = [0; 12];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(&chunk.to_be_bytes());
    key
}

/// 20 bytes address, 32 bytes slot.
pub(crate) fn slot_key(address: &Address, slot: &U256) -> [u8; 52] {
    let mut key = [0; 52];
    key[..20].copy_from_slice(address.as_slice());
    key[20..].copy_from_slice(&slot.to_be_bytes::<32>());
    key
}

pub(crate) fn decode_slot_key(key: &[u8]) -> Result<(Address, U256), StorageError> {
    match key.split_at_checked(20) {
        Some((address, slot)) if slot.len() == 32 => Ok((Address::from_slice(address), U256::from_be_slice(slot))),
        _ => Err(StorageError::Damaged { column: "slots", reason: format!("a key of {} bytes", key.len()) }),
    }
}

/// One byte number of nibbles, then two nibbles a byte, the high one first. The length leads so that no key
/// is the beginning of another.
pub(crate) fn push_path(path: &Nibbles, key: &mut Vec<u8>) {
    key.push(path.len() as u8); // 64 at most
    key.extend_from_slice(&path.pack());
}

pub(crate) fn decode_path(column: &'static str, key: &[u8]) -> Result<Nibbles, StorageError> {
    let damaged = || StorageError::Damaged { column, reason: format!("a path of {} bytes", key.len()) };
    let (&length, packed) = key.split_first().ok_or_else(damaged)?;
    let length = usize::from(length);
    if length > 64 || packed.len() != length.div_ceil(2) {
        return Err(damaged());
    }
    let mut path = Nibbles::unpack(packed);
    path.truncate(length);
    Ok(path)
}

/// Something that blocks change: names a record of the current state, and begins the keys of its history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateKey<'a> {
    /// An account.
    Account(&'a Address),
    /// A slot.
    Slot(&'a Address, &'a U256),
    /// A node of the account trie (`None`) or of the storage trie of keccak(address).
    Node(Option<&'a B256>, &'a Nibbles),
    /// A slot that names content.
    ContentRef(&'a ContentRef),
}

/// First byte of a history key.
pub(crate) const KIND_ACCOUNT: u8 = 0;
pub(crate) const KIND_SLOT: u8 = 1;
pub(crate) const KIND_ACCOUNT_NODE: u8 = 2;
pub(crate) const KIND_STORAGE_NODE: u8 = 3;
pub(crate) const KIND_CONTENT_REF: u8 = 4;

impl StateKey<'_> {
    /// Where the current record is. Its key is [`Self::with_kind`] without the first byte.
    pub(crate) const fn column(self) -> Column {
        match self {
            Self::Account(_) => Column::Accounts,
            Self::Slot(..) => Column::Slots,
            Self::Node(None, _) => Column::AccountTrie,
            Self::Node(Some(_), _) => Column::StorageTrie,
            Self::ContentRef(_) => Column::ContentRefs,
        }
    }

    /// ```text
    /// 1 byte     0: account, 1: slot, 2: node of the account trie, 3: node of a storage trie, 4: slot that names content
    /// n bytes    key of the record: 20 bytes address | address and 32 bytes slot | path | keccak(address) and path |
    ///            32 bytes hash, address and slot
    /// ```
    /// A history key has be8 block number after it.
    pub(crate) fn with_kind(self) -> Vec<u8> {
        let mut key = Vec::with_capacity(1 + 32 + 20 + 32 + 8);
        match self {
            Self::Account(address) => {
                key.push(KIND_ACCOUNT);
                key.extend_from_slice(address.as_slice());
            }
            Self::Slot(address, slot) => {
                key.push(KIND_SLOT);
                key.extend_from_slice(address.as_slice());
                key.extend_from_slice(&slot.to_be_bytes::<32>());
            }
            Self::Node(None, path) => {
                key.push(KIND_ACCOUNT_NODE);
                push_path(path, &mut key);
            }
            Self::Node(Some(owner), path) => {
                key.push(KIND_STORAGE_NODE);
                key.extend_from_slice(owner.as_slice());
                push_path(path, &mut key);
            }
            Self::ContentRef(ContentRef { hash, address, slot }) => {
                key.push(KIND_CONTENT_REF);
                key.extend_from_slice(hash.as_slice());
                key.extend_from_slice(&slot_key(address, slot));
            }
        }
        key
    }
}

/// What a log index entry is about. Topics carry their position.
pub(crate) const LOG_BLOCK: u8 = 0;
pub(crate) const LOG_ADDRESS: u8 = 1;
pub(crate) const LOG_TOPIC_0: u8 = 2;

/// A value that logs are found by.
///
/// ```text
/// 1 byte     0: any log, 1: address, 2 to 5: topic 0 to 3
/// n bytes    nothing | 20 bytes | 32 bytes
/// ```
/// A log index key has be8 block number after it; its record is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum LogKey {
    Any,
    Address(Address),
    Topic(u8, B256),
}

impl LogKey {
    pub(crate) fn prefix(&self) -> Vec<u8> {
        let mut key = Vec::with_capacity(41);
        match self {
            Self::Any => key.push(LOG_BLOCK),
            Self::Address(address) => {
                key.push(LOG_ADDRESS);
                key.extend_from_slice(address.as_slice());
            }
            Self::Topic(position, topic) => {
                key.push(LOG_TOPIC_0.saturating_add(*position));
                key.extend_from_slice(topic.as_slice());
            }
        }
        key
    }

    pub(crate) fn at(&self, number: u64) -> Vec<u8> {
        let mut key = self.prefix();
        key.extend_from_slice(&number.to_be_bytes());
        key
    }
}

/// The smallest key that is greater than all keys with this prefix; `None`: there is none.
pub(crate) fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn keys_have_their_golden_bytes() {
        assert_eq!(block_key(0x0102), [0, 0, 0, 0, 0, 0, 1, 2]);
        assert_eq!(chunk_key(1, 2), [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2]);
        let address = Address::repeat_byte(0xaa);
        let slot = U256::from(0xbb);
        let slot_hex = format!("{}{}bb", "aa".repeat(20), "00".repeat(31));
        assert_eq!(hex::encode(slot_key(&address, &slot)), slot_hex);
        assert_eq!(decode_slot_key(&slot_key(&address, &slot)).unwrap(), (address, slot));

        let path = Nibbles::from_nibbles([1, 2, 3]);
        let owner = B256::repeat_byte(0xcc);
        assert_eq!(hex::encode(StateKey::Account(&address).with_kind()), format!("00{}", "aa".repeat(20)));
        assert_eq!(hex::encode(StateKey::Slot(&address, &slot).with_kind()), format!("01{slot_hex}"));
        assert_eq!(hex::encode(StateKey::Node(None, &path).with_kind()), "02031230");
        let node = hex::encode(StateKey::Node(Some(&owner), &path).with_kind());
        assert_eq!(node, format!("03{}031230", "cc".repeat(32)));
        let reference = ContentRef { hash: owner, address, slot };
        let reference = hex::encode(StateKey::ContentRef(&reference).with_kind());
        assert_eq!(reference, format!("04{}{slot_hex}", "cc".repeat(32)));

        assert_eq!(hex::encode(LogKey::Any.at(1)), "000000000000000001");
        assert_eq!(hex::encode(LogKey::Address(address).at(1)), format!("01{}0000000000000001", "aa".repeat(20)));
        assert_eq!(hex::encode(LogKey::Topic(3, owner).at(1)), format!("05{}0000000000000001", "cc".repeat(32)));
    }

    #[test]
    fn paths_of_every_length_come_back_and_none_begins_another() {
        let mut keys = Vec::new();
        for length in 0..=64 {
            let path = Nibbles::from_nibbles(vec![7u8; length]);
            let mut key = Vec::new();
            push_path(&path, &mut key);
            assert_eq!(decode_path("account_trie", &key).unwrap(), path);
            assert!(keys.iter().all(|earlier: &Vec<u8>| !key.starts_with(earlier)));
            keys.push(key);
        }
        for bad in [&[][..], &[65; 34], &[3, 1], &[0, 0]] {
            assert!(decode_path("account_trie", bad).is_err());
        }
    }

    #[test]
    fn after_prefix_carries() {
        assert_eq!(after_prefix(&[1, 2]), Some(vec![1, 3]));
        assert_eq!(after_prefix(&[1, 255]), Some(vec![2]));
        assert_eq!(after_prefix(&[255]), None);
    }
}
