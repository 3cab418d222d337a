//! Files of blocks: RLP lists one after another, as geth's `export` writes them.
//!
//! ```text
//!   ┌─────────┬─────────┬─────┐      block = rlp([header, transactions, ommers, withdrawals?])
//!   │ block n │ block n+1 │ ... │      no header, no index, no checksum
//!   └─────────┴─────────┴─────┘
//! ```
use crate::NodeError;
use alloy_rlp::Decodable;
use pervade_storage::Block;
use std::io::{self, BufRead, Read};

/// Largest encoded block, bytes. Osaka's own limit is 10 MiB (EIP-7934); older blocks are bounded by gas, far below.
pub const BLOCK_BYTES_MAX: u64 = 64 << 20;
/// First bytes of a gzip file (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A block and where it stands in the file.
#[derive(Debug)]
pub struct ChainRecord {
    /// Byte position of its beginning.
    pub offset: u64,
    /// Encoded size.
    pub bytes: u64,
    /// The block.
    pub block: Block,
}

/// Reads blocks one by one. After an error it is at its end.
pub struct ChainReader<R> {
    input: R,
    file: String,
    offset: u64,
    record: u64,
    failed: bool,
}

impl<R: BufRead> ChainReader<R> {
    /// Reads from `input`; `file` names it in errors.
    pub fn new(input: R, file: impl Into<String>) -> Self {
        Self { input, file: file.into(), offset: 0, record: 0, failed: false }
    }

    fn read(&mut self) -> Result<Option<ChainRecord>, NodeError> {
        let start = match self.input.fill_buf() {
            // The head of a record at most: the borrow of the buffer ends here.
            Ok(buffer) => buffer.iter().take(2).copied().collect::<Vec<_>>(),
            Err(e) => return Err(self.io(&e)),
        };
        let first = match start.as_slice() {
            [] => return Ok(None),
            start if self.offset == 0 && start == GZIP_MAGIC => {
                return Err(
                    self.malformed(0, "is compressed by gzip: unpack it, and pipe it into `pervade import ... -`")
                );
            }
            [first, ..] => *first,
        };
        // The head of an RLP list: 0xc0 + length, or 0xf7 + length of the length, which follows.
        let head_bytes = match first {
            0xc0..=0xf7 => 1,
            0xf8..=0xff => 1 + usize::from(first - 0xf7),
            _ => return Err(self.malformed(0, &format!("a block is an RLP list, but this byte is 0x{first:02x}"))),
        };
        let mut head = [0; 9];
        let head = &mut head[..head_bytes];
        self.fill(head, 0)?;
        let payload = match head {
            [short] => u64::from(*short - 0xc0),
            [_, long @ ..] => long.iter().fold(0, |length, byte| (length << 8) | u64::from(*byte)),
            [] => 0,
        };
        let bytes = payload.saturating_add(head_bytes as u64);
        if bytes > BLOCK_BYTES_MAX {
            return Err(
                self.malformed(0, &format!("a block of {bytes} bytes is beyond the limit of {BLOCK_BYTES_MAX}"))
            );
        }
        // Grows with what is there: a length that lies about the file costs no memory.
        let mut encoded = Vec::with_capacity((bytes as usize).min(1 << 20));
        encoded.extend_from_slice(head);
        let read = self.input.by_ref().take(payload).read_to_end(&mut encoded).map_err(|e| self.io(&e))?;
        if (read as u64) < payload {
            return Err(self.malformed(
                encoded.len() as u64,
                &format!("the file ends {} bytes before the block does", payload - read as u64),
            ));
        }
        let mut rest = encoded.as_slice();
        let block = Block::decode(&mut rest).map_err(|e| {
            let decoded = (encoded.len() - rest.len()) as u64;
            self.malformed(decoded, &format!("this is no block: {e}"))
        })?;
        if !rest.is_empty() {
            return Err(self.malformed(bytes - rest.len() as u64, "the block has bytes after its end"));
        }
        let record = ChainRecord { offset: self.offset, bytes, block };
        self.offset += bytes;
        self.record += 1;
        Ok(Some(record))
    }

    fn fill(&mut self, buffer: &mut [u8], at: u64) -> Result<(), NodeError> {
        self.input.read_exact(buffer).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.malformed(at, "the file ends inside a block's length"),
            _ => self.io(&e),
        })
    }

    fn malformed(&self, at: u64, reason: &str) -> NodeError {
        NodeError::ChainFile {
            file: self.file.clone(),
            offset: self.offset + at,
            record: self.record,
            reason: reason.to_owned(),
        }
    }

    fn io(&self, error: &io::Error) -> NodeError {
        self.malformed(0, &format!("cannot be read: {error}"))
    }
}

impl<R: BufRead> Iterator for ChainReader<R> {
    type Item = Result<ChainRecord, NodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = self.read();
        self.failed = read.is_err();
        read.transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::Header;
    use alloy_rlp::Encodable;
    use proptest::prelude::*;

    fn chain(blocks: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        for number in 1..=blocks {
            let header = Header { number, extra_data: vec![7; 600].into(), ..Default::default() };
            Block { header, ..Default::default() }.encode(&mut bytes);
        }
        bytes
    }

    fn read(bytes: &[u8]) -> (Vec<ChainRecord>, Option<String>) {
        let mut records = Vec::new();
        for record in ChainReader::new(bytes, "chain.rlp") {
            match record {
                Ok(record) => records.push(record),
                Err(error) => return (records, Some(error.to_string())),
            }
        }
        (records, None)
    }

    #[test]
    fn blocks_come_in_order_with_their_places() {
        let bytes = chain(3);
        let (records, error) = read(&bytes);
        assert_eq!(error, None);
        assert_eq!(records.iter().map(|r| r.block.header.number).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(records[2].offset + records[2].bytes, bytes.len() as u64);
    }

    #[test]
    fn a_cut_file_gives_what_is_whole_and_where_it_ends() {
        let bytes = chain(2);
        let (records, error) = read(&bytes[..bytes.len() - 5]);
        assert_eq!(records.len(), 1);
        let error = error.unwrap();
        assert!(error.contains(&format!("byte {}", bytes.len() - 5)) && error.contains("record 1"), "{error}");
    }

    #[test]
    fn what_is_no_list_is_refused_at_its_byte() {
        let mut bytes = chain(1);
        let end = bytes.len();
        bytes.push(0x7f);
        let (records, error) = read(&bytes);
        assert_eq!(records.len(), 1);
        assert!(error.unwrap().contains(&format!("byte {end}")));
    }

    #[test]
    fn a_length_beyond_the_limit_costs_no_memory() {
        let (_, error) = read(&[0xff; 9]);
        assert!(error.unwrap().contains("beyond the limit"));
        let (_, error) = read(&[0xfb, 0x03, 0xff, 0xff, 0x00]);
        assert!(error.unwrap().contains("before the block does"));
    }

    #[test]
    fn a_compressed_file_is_recognised() {
        assert!(read(&[0x1f, 0x8b, 8, 0]).1.unwrap().contains("gzip"));
    }

    proptest! {
        #[test]
        fn a_flipped_byte_never_panics(at in 0usize..1800, bits in 1u8..) {
            let mut bytes = chain(3);
            let at = at % bytes.len();
            bytes[at] ^= bits;
            let _ = read(&bytes);
        }
    }
}
