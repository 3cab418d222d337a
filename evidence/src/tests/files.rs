//! Ranges of files out of blocks.
use crate::{
    Codec, ContentId, EvidenceError, HashFunction, Tally,
    limits::{BLOCK_BYTES_MAX, BLOCKS_MAX, CONTENT_ID_BYTES_MAX, FILE_DEPTH_MAX},
    read_file, verify_file,
};
use proptest::prelude::*;
use std::collections::BTreeMap;

pub(super) type Store = BTreeMap<ContentId, Vec<u8>>;

fn add(store: &mut Store, codec: Codec, hash: HashFunction, block: Vec<u8>) -> ContentId {
    let id = ContentId::of(codec, hash, &block, &mut Tally::default()).unwrap();
    store.insert(id, block);
    id
}

fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(number << 3 | 2, &mut out);
    varint(bytes.len() as u64, &mut out);
    [out, bytes.to_vec()].concat()
}

fn number(field: u64, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(field << 3, &mut out);
    varint(value, &mut out);
    out
}

/// A node of a file with these parts.
fn node(kind: u64, data: &[u8], parts: &[(ContentId, u64)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (id, size) in parts {
        block.extend(field(2, &[field(1, &id.to_bytes()), field(2, b""), number(3, size + 10)].concat()));
    }
    let mut entry = number(1, kind);
    if !data.is_empty() {
        entry.extend(field(2, data));
    }
    entry.extend(number(3, data.len() as u64 + parts.iter().map(|(_, size)| size).sum::<u64>()));
    for (_, size) in parts {
        entry.extend(number(4, *size));
    }
    block.extend(field(1, &entry));
    block
}

/// How a file is cut and hashed.
#[derive(Debug, Clone)]
struct Shape {
    chunk: usize,
    width: usize,
    raw_leaves: bool,
    hash: HashFunction,
    /// Bytes that inner nodes hold themselves.
    inline: usize,
}

/// Stores a file and returns its identifier.
fn build(store: &mut Store, content: &[u8], shape: &Shape) -> ContentId {
    if content.len() <= shape.chunk {
        return if shape.raw_leaves {
            add(store, Codec::Raw, shape.hash, content.to_vec())
        } else {
            add(store, Codec::DagPb, shape.hash, node(2, content, &[]))
        };
    }
    let (own, rest) = content.split_at(shape.inline.min(content.len()));
    let mut part = shape.chunk;
    while part * shape.width < rest.len() {
        part *= shape.width;
    }
    let parts: Vec<_> = rest.chunks(part).map(|part| (build(store, part, shape), part.len() as u64)).collect();
    add(store, Codec::DagPb, shape.hash, node(2, own, &parts))
}

/// Blocks on the way to a range.
fn path(store: &Store, id: &ContentId, offset: u64, length: u64) -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut blocks = Vec::new();
    let mut source = |id: &ContentId| {
        let block = store.get(id)?;
        blocks.push(block.clone());
        Some(block.as_slice())
    };
    let read = read_file(id, offset, length, &mut source, &mut Tally::default()).unwrap();
    (read, blocks)
}

fn verify(id: &ContentId, offset: u64, length: u64, blocks: &[Vec<u8>]) -> Result<Vec<u8>, EvidenceError> {
    let blocks: Vec<_> = blocks.iter().map(Vec::as_slice).collect();
    verify_file(id, offset, length, &blocks, &mut Tally::default())
}

fn shapes() -> impl Strategy<Value = Shape> {
    let hash = prop_oneof![Just(HashFunction::Sha2_256), Just(HashFunction::Keccak256), Just(HashFunction::Blake3)];
    (1usize..40, 2usize..5, any::<bool>(), hash, 0usize..8).prop_map(|(chunk, width, raw_leaves, hash, inline)| Shape {
        // Six levels of two are enough for 500 bytes of at least eight.
        chunk: chunk.max(8),
        width,
        raw_leaves,
        hash,
        inline,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_range_of_any_file_is_read_from_its_path(
        content in prop::collection::vec(any::<u8>(), 0..500), shape in shapes(), from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(),
    ) {
        let mut store = Store::new();
        let id = build(&mut store, &content, &shape);
        let (from, to) = (from.index(content.len() + 1), to.index(content.len() + 1));
        let (from, to) = (from.min(to), from.max(to));
        let (offset, length) = (from as u64, (to - from) as u64);
        let expected = if length == 0 { &content[from..] } else { &content[from..to] };
        let (read, blocks) = path(&store, &id, offset, length);
        prop_assert_eq!(&read, expected);
        prop_assert_eq!(verify(&id, offset, length, &blocks), Ok(expected.to_vec()));
        prop_assert_eq!(verify(&ContentId::parse(id.to_string().as_bytes()).unwrap(), offset, length, &blocks), Ok(read));
        let too_long = verify(&id, offset, content.len() as u64 - offset + 1, &blocks);
        prop_assert!(too_long.is_err());
    }

    #[test]
    fn one_turned_bit_anywhere_is_an_error(
        content in prop::collection::vec(any::<u8>(), 1..300), shape in shapes(), bit in any::<prop::sample::Index>(), which in any::<prop::sample::Index>(),
    ) {
        let mut store = Store::new();
        let id = build(&mut store, &content, &shape);
        let (_, mut blocks) = path(&store, &id, 0, 0);
        let block = which.index(blocks.len());
        let at = bit.index(blocks[block].len() * 8);
        blocks[block][at / 8] ^= 1 << (at % 8);
        prop_assert!(verify(&id, 0, 0, &blocks).is_err());
        blocks[block][at / 8] ^= 1 << (at % 8);
        let mut name = id.to_bytes();
        let at = bit.index(name.len() * 8);
        name[at / 8] ^= 1 << (at % 8);
        let flipped = ContentId::parse(&name).and_then(|id| verify(&id, 0, 0, &blocks));
        prop_assert!(flipped.is_err());
    }

    #[test]
    fn no_block_may_be_missing_left_or_elsewhere(
        content in prop::collection::vec(any::<u8>(), 100..300), shape in shapes(), which in any::<prop::sample::Index>(),
    ) {
        let mut store = Store::new();
        let id = build(&mut store, &content, &shape);
        let (_, blocks) = path(&store, &id, 0, 0);
        let at = which.index(blocks.len());
        let mut missing = blocks.clone();
        missing.remove(at);
        prop_assert!(verify(&id, 0, 0, &missing).is_err());
        let more = [blocks.clone(), vec![blocks[at].clone()]].concat();
        prop_assert_eq!(verify(&id, 0, 0, &more), Err(EvidenceError::BlocksLeft));
        let mut swapped = blocks.clone();
        swapped.swap(0, at);
        prop_assert!(verify(&id, 0, 0, &swapped).is_err() || swapped == blocks);
    }

    #[test]
    fn arbitrary_blocks_never_panic(block in prop::collection::vec(any::<u8>(), 0..80)) {
        let id = ContentId::of(Codec::DagPb, HashFunction::Sha2_256, &block, &mut Tally::default()).unwrap();
        let _ = verify(&id, 0, 0, std::slice::from_ref(&block));
        let _ = ContentId::parse(&block);
    }
}

#[test]
fn nodes_that_contradict_themselves_are_refused() {
    let mut store = Store::new();
    let hash = HashFunction::Sha2_256;
    let leaf = add(&mut store, Codec::Raw, hash, b"content".to_vec());
    let mut refused = |block: Vec<u8>| {
        let id = add(&mut store, Codec::DagPb, hash, block.clone());
        let verdict = verify(&id, 0, 0, &[block, b"content".to_vec()]);
        assert!(matches!(verdict, Err(EvidenceError::UnixFs { .. } | EvidenceError::DagPb { .. })), "{verdict:?}");
    };
    let good = node(2, b"", &[(leaf, 7)]);
    refused(node(1, b"", &[(leaf, 7)]));
    refused(node(4, b"path", &[]));
    refused(node(2, b"", &[(leaf, 8)]));
    refused(node(2, b"", &[(leaf, 6)]));
    refused([good.clone(), field(1, &number(1, 2))].concat());
    refused(field(2, &field(1, &leaf.to_bytes())));
    refused(field(1, &[number(1, 2), number(3, 5)].concat()));
    refused([field(2, &field(1, &leaf.to_bytes())), field(1, &number(1, 2))].concat());
    refused([good, vec![0x0a]].concat());
}

#[test]
fn identifiers_of_both_versions_name_the_same_block() {
    let known = "QmT5NvUtoM5nWFfrQdVrFtvGfKFmG7AHE8P34isapyhCxX";
    let text = ContentId::parse(known.as_bytes()).unwrap();
    let binary = ContentId::parse(&text.to_bytes()).unwrap();
    assert_eq!((text, text.to_string().as_str()), (binary, known));
    assert_eq!(binary.to_bytes()[..2], [0x12, 0x20]);
    let refused = |bytes: &[u8]| assert!(ContentId::parse(bytes).is_err(), "{bytes:?}");
    refused(b"");
    refused(b"/ipfs/QmT5NvUtoM5nWFfrQdVrFtvGfKFmG7AHE8P34isapyhCxX");
    refused(&[text.to_bytes(), vec![0]].concat());
    refused(&text.to_bytes()[..33]);
    let sha = |code: &[u8], length: u8, digest: usize| [&[1, 0x55], code, &[length], &vec![7; digest]].concat();
    assert!(ContentId::parse(&sha(&[0x12], 32, 32)).is_ok());
    refused(&sha(&[0x12], 20, 20));
    refused(&sha(&[0x92, 0x00], 32, 32));
    assert_eq!(ContentId::parse(&sha(&[0x13], 64, 64)), Err(EvidenceError::UnsupportedHash { code: 0x13 }));
    let long = vec![b'b'; CONTENT_ID_BYTES_MAX + 1];
    assert!(matches!(ContentId::parse(&long), Err(EvidenceError::Limit { .. })));
    assert!(!matches!(ContentId::parse(&long[1..]), Err(EvidenceError::Limit { .. })));
}

#[test]
fn blocks_levels_and_ways_have_limits() {
    let single = |bytes: usize| {
        let mut store = Store::new();
        let id = add(&mut store, Codec::Raw, HashFunction::Sha2_256, vec![1; bytes]);
        verify(&id, 0, 1, &[vec![1; bytes]])
    };
    assert!(single(BLOCK_BYTES_MAX).is_ok());
    assert!(matches!(single(BLOCK_BYTES_MAX + 1), Err(EvidenceError::Limit { .. })));

    let chain = |levels: usize| {
        let mut store = Store::new();
        let mut id = add(&mut store, Codec::Raw, HashFunction::Sha2_256, vec![1]);
        for _ in 0..levels {
            id = add(&mut store, Codec::DagPb, HashFunction::Sha2_256, node(2, b"", &[(id, 1)]));
        }
        read_file(&id, 0, 0, &mut |id| store.get(id).map(Vec::as_slice), &mut Tally::default())
    };
    assert_eq!(chain(FILE_DEPTH_MAX), Ok(vec![1]));
    assert_eq!(chain(FILE_DEPTH_MAX + 1), Err(EvidenceError::UnixFs { reason: "too many levels" }));

    let wide = |leaves: usize| {
        let mut store = Store::new();
        let leaf = add(&mut store, Codec::Raw, HashFunction::Sha2_256, vec![1]);
        let halves: Vec<_> = [leaves / 2, leaves - leaves / 2]
            .map(|count| {
                let block = node(2, b"", &vec![(leaf, 1); count]);
                (add(&mut store, Codec::DagPb, HashFunction::Sha2_256, block), count as u64)
            })
            .to_vec();
        let root = add(&mut store, Codec::DagPb, HashFunction::Sha2_256, node(2, b"", &halves));
        read_file(&root, 0, 0, &mut |id| store.get(id).map(Vec::as_slice), &mut Tally::default()).map(|read| read.len())
    };
    assert_eq!(wide(BLOCKS_MAX - 3), Ok(BLOCKS_MAX - 3));
    assert!(matches!(wide(BLOCKS_MAX - 2), Err(EvidenceError::Limit { .. })));
}
