//! CAR archives.
use super::encode;
use crate::{
    CarReader, CarVersion, Codec, ContentId, EvidenceError, HashFunction, Tally,
    limits::{CAR_HEADER_BYTES_MAX, CAR_SECTION_BYTES_MAX},
};
use coset::cbor::Value;
use proptest::prelude::*;

fn section(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = bytes.len();
    while length > 0x7f {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    [out, bytes.to_vec()].concat()
}

fn header(roots: &[ContentId], version: u64) -> Vec<u8> {
    let root = |id: &ContentId| Value::Tag(42, Box::new(Value::Bytes([vec![0], id.to_bytes()].concat())));
    let entries = vec![
        (Value::from("roots"), Value::Array(roots.iter().map(root).collect())),
        (Value::from("version"), Value::from(version)),
    ];
    section(&encode(&Value::Map(entries)))
}

fn id_of(block: &[u8]) -> ContentId {
    ContentId::of(Codec::Raw, HashFunction::Sha2_256, block, &mut Tally::default()).unwrap()
}

fn archive(blocks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = header(&[id_of(blocks[0])], 1);
    for block in blocks {
        bytes.extend(section(&[id_of(block).to_bytes(), block.to_vec()].concat()));
    }
    bytes
}

/// Roots and blocks, all checked.
fn read(archive: &[u8]) -> Result<(Vec<Vec<u8>>, Vec<Vec<u8>>), EvidenceError> {
    let mut reader = CarReader::new(archive, &mut Tally::default())?;
    let mut blocks = Vec::new();
    while let Some(block) = reader.next_block()? {
        block.check(&mut Tally::default())?;
        blocks.push(block.bytes.to_vec());
    }
    Ok((reader.roots().to_vec(), blocks))
}

#[test]
fn blocks_come_in_order() {
    let bytes = archive(&[b"one", b"two", b""]);
    let (roots, blocks) = read(&bytes).unwrap();
    assert_eq!(roots, [id_of(b"one").to_bytes()]);
    assert_eq!(blocks, [b"one".to_vec(), b"two".to_vec(), b"".to_vec()]);
}

#[test]
fn version_two_wraps_version_one() {
    let inner = archive(&[b"one"]);
    let wrap = |offset: u64, size: u64| {
        let fields = [offset, size, 0].map(u64::to_le_bytes).concat();
        [b"\x0a\xa1gversion\x02".to_vec(), vec![0; 16], fields, inner.clone(), b"index".to_vec()].concat()
    };
    let size = inner.len() as u64;
    assert_eq!(read(&wrap(51, size)), read(&inner));
    assert_eq!(CarReader::new(&wrap(51, size), &mut Tally::default()).unwrap().version(), CarVersion::Two);
    for (offset, size) in [(50, size), (51, size + 6), (u64::MAX, 1), (51, u64::MAX), (51, size - 1)] {
        assert!(read(&wrap(offset, size)).is_err(), "{offset} {size}");
    }
}

#[test]
fn every_turned_bit_after_the_header_is_noticed() {
    let bytes = archive(&[b"one", b"another block"]);
    let header_bytes = header(&[id_of(b"one")], 1).len();
    let expected = read(&bytes).unwrap();
    for (bit, flipped) in super::flips(&bytes).enumerate() {
        match read(&flipped) {
            Err(_) => {}
            // A turned root is another root; a codec is not hashed, and is part of the identifier.
            Ok((roots, blocks)) if bit / 8 < header_bytes => {
                assert_ne!(roots, expected.0);
                assert_eq!(blocks, expected.1);
            }
            Ok(_) => assert_ne!(bytes[bit / 8], flipped[bit / 8], "only the codec may differ"),
        }
    }
}

#[test]
fn malformed_archives_are_refused() {
    let one = id_of(b"one");
    let refused = |bytes: &[u8]| assert!(read(bytes).is_err(), "{bytes:?}");
    refused(b"");
    refused(&header(&[one], 42));
    refused(&header(&[one], 2));
    refused(&[header(&[one], 1), vec![0]].concat());
    refused(&[header(&[one], 1), section(b"no identifier")].concat());
    refused(&[header(&[one], 1), vec![0x80, 0x00]].concat());
    let bytes = archive(&[b"one"]);
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err() || read(&bytes[..length]).unwrap().1.is_empty());
    }
}

#[test]
fn headers_and_sections_have_limits() {
    let of = |block_bytes: usize| {
        let block = vec![1; block_bytes];
        [header(&[], 1), section(&[id_of(&block).to_bytes(), block].concat())].concat()
    };
    assert!(read(&of(CAR_SECTION_BYTES_MAX - 36)).is_ok());
    assert!(matches!(read(&of(CAR_SECTION_BYTES_MAX - 35)), Err(EvidenceError::Limit { .. })));
    let roots = |count: usize| header(&vec![id_of(b"one"); count], 1);
    let most = CAR_HEADER_BYTES_MAX / 41 - 1;
    assert!(read(&roots(most)).is_ok());
    assert!(matches!(read(&roots(most + 2)), Err(EvidenceError::Limit { .. })));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let _ = read(&bytes);
        let _ = read(&[header(&[], 1), bytes].concat());
    }
}
