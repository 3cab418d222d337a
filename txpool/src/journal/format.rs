//! The journal's bytes.
use alloy_primitives::{Address, Keccak256};

/// Newest format that this program reads, and the one it writes.
pub(crate) const FORMAT: u32 = 1;
pub(super) const HEADER_BYTES: usize = 40;
pub(super) const RECORD_HEADER_BYTES: usize = 28;
/// Size and sender before each transaction of a body.
pub(super) const ENTRY_HEADER_BYTES: usize = 24;

const FILE_MAGIC: [u8; 8] = *b"PVTXPOOL";
const RECORD_MAGIC: [u8; 4] = *b"PVTX";
const CHECKSUM_BYTES: usize = 8;

pub(super) type Salt = [u8; 16];

/// What is wrong with a file header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// Not a journal, or damaged.
    Damaged(&'static str),
    /// Written by a newer program.
    Newer(u32),
}

pub(super) fn header(salt: &Salt) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&FILE_MAGIC);
    header[8..12].copy_from_slice(&FORMAT.to_be_bytes());
    header[16..32].copy_from_slice(salt);
    let checksum = checksum(&[&header[..32]]);
    header[32..].copy_from_slice(&checksum);
    header
}

pub(super) fn read_header(header: &[u8; HEADER_BYTES]) -> Result<Salt, HeaderError> {
    if header[..8] != FILE_MAGIC {
        return Err(HeaderError::Damaged("it does not begin like a transaction journal"));
    }
    if header[32..] != checksum(&[&header[..32]]) {
        return Err(HeaderError::Damaged("the file header's checksum is wrong"));
    }
    let format = read_u32(&header[8..12]);
    if format > FORMAT {
        return Err(HeaderError::Newer(format));
    }
    let mut salt = Salt::default();
    salt.copy_from_slice(&header[16..32]);
    Ok(salt)
}

/// The first part of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) sequence: u64,
    pub(super) body_bytes: u32,
    pub(super) count: u32,
    checksum: [u8; CHECKSUM_BYTES],
}

impl RecordHeader {
    pub(super) fn new(salt: &Salt, sequence: u64, count: u32, body_bytes: u32, body: &[u8]) -> Self {
        let unsigned = Self { sequence, body_bytes, count, checksum: Default::default() };
        Self { checksum: unsigned.computed_checksum(salt, body), ..unsigned }
    }

    pub(super) fn to_bytes(self) -> [u8; RECORD_HEADER_BYTES] {
        let mut bytes = [0; RECORD_HEADER_BYTES];
        bytes[..4].copy_from_slice(&RECORD_MAGIC);
        bytes[4..12].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.body_bytes.to_be_bytes());
        bytes[16..20].copy_from_slice(&self.count.to_be_bytes());
        bytes[20..].copy_from_slice(&self.checksum);
        bytes
    }

    /// `None`: no record begins here.
    pub(super) fn read(bytes: &[u8; RECORD_HEADER_BYTES]) -> Option<Self> {
        if bytes[..4] != RECORD_MAGIC {
            return None;
        }
        let mut sequence = [0; 8];
        sequence.copy_from_slice(&bytes[4..12]);
        let mut checksum = [0; CHECKSUM_BYTES];
        checksum.copy_from_slice(&bytes[20..]);
        Some(Self {
            sequence: u64::from_be_bytes(sequence),
            body_bytes: read_u32(&bytes[12..16]),
            count: read_u32(&bytes[16..20]),
            checksum,
        })
    }

    pub(super) fn checks(&self, salt: &Salt, body: &[u8]) -> bool {
        self.computed_checksum(salt, body) == self.checksum
    }

    fn computed_checksum(&self, salt: &Salt, body: &[u8]) -> [u8; CHECKSUM_BYTES] {
        checksum(&[salt, &self.to_bytes()[..20], body])
    }
}

/// Appends one transaction to a body; `encode` appends its encoding.
pub(super) fn push_entry(body: &mut Vec<u8>, sender: &Address, bytes: usize, encode: impl FnOnce(&mut Vec<u8>)) {
    // The pool takes nothing near 4 GiB: see `TRANSACTION_BYTES_MAX`.
    body.extend_from_slice(&u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes());
    body.extend_from_slice(sender.as_slice());
    encode(body);
}

/// Splits the first transaction off a body; `None` if there is none or its size is wrong.
pub(super) fn split_entry<'a>(body: &mut &'a [u8]) -> Option<(Address, &'a [u8])> {
    let (head, rest) = body.split_at_checked(ENTRY_HEADER_BYTES)?;
    let (encoded, rest) = rest.split_at_checked(read_u32(&head[..4]) as usize)?;
    *body = rest;
    Some((Address::from_slice(&head[4..]), encoded))
}

/// Where a good record of at least `sequence` begins in `bytes`, if there is one.
pub(super) fn find_record(bytes: &[u8], salt: &Salt, sequence: u64) -> Option<usize> {
    let starts = bytes.windows(RECORD_HEADER_BYTES).enumerate();
    for (start, window) in starts.filter(|(_, window)| window.starts_with(&RECORD_MAGIC)) {
        let mut head = [0; RECORD_HEADER_BYTES];
        head.copy_from_slice(window);
        let Some(header) = RecordHeader::read(&head).filter(|header| header.sequence >= sequence) else { continue };
        let body = bytes.get(start + RECORD_HEADER_BYTES..).and_then(|rest| rest.get(..header.body_bytes as usize));
        if body.is_some_and(|body| header.checks(salt, body)) {
            return Some(start);
        }
    }
    None
}

fn read_u32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

fn checksum(parts: &[&[u8]]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = Keccak256::new();
    for part in parts {
        hasher.update(part);
    }
    let mut checksum = [0; CHECKSUM_BYTES];
    checksum.copy_from_slice(&hasher.finalize()[..CHECKSUM_BYTES]);
    checksum
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn bytes_are_as_drawn() {
        let salt = [7; 16];
        assert_eq!(
            hex::encode(header(&salt)),
            concat!("50565458504f4f4c", "00000001", "00000000", "07070707070707070707070707070707", "12980cadef9ee700")
        );
        let mut body = Vec::new();
        push_entry(&mut body, &Address::repeat_byte(0xaa), 3, |out| out.extend_from_slice(&[1, 2, 3]));
        assert_eq!(hex::encode(&body), concat!("00000003", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "010203"));
        let record = RecordHeader::new(&salt, 5, 1, body.len() as u32, &body);
        assert_eq!(
            hex::encode(record.to_bytes()),
            concat!("50565458", "0000000000000005", "0000001b", "00000001", "01dc4166382fb70d")
        );
        assert_eq!(RecordHeader::read(&record.to_bytes()), Some(record));
        assert!(record.checks(&salt, &body));
        assert!(!record.checks(&[8; 16], &body));
    }

    #[test]
    fn header_of_a_newer_format_is_named() {
        let mut newer = header(&[1; 16]);
        newer[11] = 9;
        let sum = checksum(&[&newer[..32]]);
        newer[32..].copy_from_slice(&sum);
        assert_eq!(read_header(&newer), Err(HeaderError::Newer(9)));
    }
}
