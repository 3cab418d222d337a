//! The IPFS gateway conformance fixtures: every block of an archive hashes to its identifier, every file in it is read,
//! whole and by ranges, and a turned bit is noticed.
use super::Verdict;
use pervade_evidence::{
    CarReader, Codec, ContentId, EvidenceError, Node, NodeKind, Tally, limits::BLOCK_BYTES_MAX, read_file, verify_file,
};
use serde_json::Value;
use std::{collections::BTreeMap, fs, path::Path};

const NAMES: &str = "IPNS record: names are not resolved";
const LARGE: &str = "block of more than 32 KiB";
const HASH: &str = "block with a hash function that is not supported";
const PARTIAL: &str = "file whose blocks are not all in the archive";

type Store = BTreeMap<ContentId, Vec<u8>>;

pub(super) fn run(file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    match file.extension()?.to_str()? {
        "ipns-record" => Some(vec![(String::new(), Err(Verdict::Skipped(NAMES)))]),
        "car" => Some(match read(content) {
            Ok((store, others)) => {
                let mut results = vec![("blocks".to_owned(), Ok(()))];
                results.extend(others.into_iter().map(|id| (id, Err(Verdict::Skipped(HASH)))));
                results.extend(store.keys().filter_map(|id| check(id, &store)));
                results.extend(described(file, &store));
                results
            }
            Err(error) => vec![("blocks".to_owned(), Err(error.into()))],
        }),
        _ => None,
    }
}

/// Blocks, and identifiers of those that cannot be checked.
fn read(archive: &[u8]) -> Result<(Store, Vec<String>), EvidenceError> {
    let mut tally = Tally::default();
    let mut reader = CarReader::new(archive, &mut tally)?;
    let (mut store, mut others) = (Store::new(), Vec::new());
    while let Some(block) = reader.next_block()? {
        match block.check(&mut tally) {
            Ok(id) => drop(store.insert(id, block.bytes.to_vec())),
            Err(EvidenceError::UnsupportedHash { .. }) => others.push(hex::encode(block.id)),
            Err(error) => return Err(error),
        }
    }
    Ok((store, others))
}

/// A block that is the root of a file, or of a part of one; none for others.
fn check(id: &ContentId, store: &Store) -> Option<(String, Result<(), Verdict>)> {
    let block = store.get(id)?;
    let is_file = match id.codec() {
        Codec::Raw => true,
        Codec::DagPb => match Node::parse(block, &mut Tally::default()) {
            Ok(node) => matches!(node.kind, NodeKind::File | NodeKind::Raw),
            Err(error) => return Some((id.to_string(), Err(error.into()))),
        },
        Codec::Other(_) => false,
    };
    is_file.then(|| (id.to_string(), check_file(id, store)))
}

fn check_file(id: &ContentId, store: &Store) -> Result<(), Verdict> {
    let (whole, blocks) = match path(id, 0, 0, store) {
        Err(EvidenceError::Limit { max: BLOCK_BYTES_MAX, .. }) => return Err(Verdict::Skipped(LARGE)),
        Err(EvidenceError::UnsupportedHash { .. }) => return Err(Verdict::Skipped(HASH)),
        Err(EvidenceError::BlockMissing) => return Err(Verdict::Skipped(PARTIAL)),
        read => read?,
    };
    let size = whole.len();
    for (from, to) in
        [(0, size), (0, size / 2), (size / 3, size), (size / 2, size / 2 + 1), (size.saturating_sub(1), size)]
    {
        if from >= to || to > size {
            continue;
        }
        let (offset, length) = (from as u64, (to - from) as u64);
        let (read, blocks) = path(id, offset, length, store)?;
        let blocks: Vec<_> = blocks.iter().map(Vec::as_slice).collect();
        let verified = verify_file(id, offset, length, &blocks, &mut Tally::default())?;
        if read != whole[from..to] || verified != read {
            return Err(Verdict::Failed(format!("bytes {from} to {to} differ from those of the whole file")));
        }
    }
    for (index, block) in blocks.iter().enumerate() {
        for bit in [0, block.len() * 4, (block.len() * 8).saturating_sub(1)] {
            let mut flipped = blocks.clone();
            let Some(byte) = flipped[index].get_mut(bit / 8) else { continue };
            *byte ^= 1 << (bit % 8);
            let flipped: Vec<_> = flipped.iter().map(Vec::as_slice).collect();
            if verify_file(id, 0, 0, &flipped, &mut Tally::default()).is_ok() {
                return Err(Verdict::Failed(format!("a turned bit {bit} of block {index} was not noticed")));
            }
        }
    }
    Ok(())
}

/// Bytes of a file, and the blocks on the way to them.
fn path(id: &ContentId, offset: u64, length: u64, store: &Store) -> Result<(Vec<u8>, Vec<Vec<u8>>), EvidenceError> {
    let mut blocks = Vec::new();
    let mut source = |id: &ContentId| {
        let block = store.get(id)?;
        blocks.push(block.clone());
        Some(block.as_slice())
    };
    let read = read_file(id, offset, length, &mut source, &mut Tally::default())?;
    Ok((read, blocks))
}

/// A node that stands beside its archive in DAG-JSON: the same links must be read.
fn described(file: &Path, store: &Store) -> Option<(String, Result<(), Verdict>)> {
    let text = fs::read(file.with_extension("json")).ok()?;
    let described: Value = serde_json::from_slice(&text).ok()?;
    let expected: Vec<_> = described["Links"]
        .as_array()?
        .iter()
        .map(|link| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&link["Hash"]["/"]), text(&link["Name"]), link["Tsize"].as_u64())
        })
        .collect();
    let links = |id: &ContentId| {
        let node = Node::parse(store.get(id)?, &mut Tally::default()).ok()?;
        let link = |link: &pervade_evidence::Link<'_>| {
            let name = String::from_utf8_lossy(link.name).into_owned();
            Some((link.content_id().ok()?.to_string(), name, link.tree_bytes))
        };
        node.links.iter().map(link).collect::<Option<Vec<_>>>()
    };
    let found = store.keys().filter(|id| id.codec() == Codec::DagPb).any(|id| links(id).as_ref() == Some(&expected));
    let result = if found { Ok(()) } else { Err(Verdict::Failed("no node has the links that are described".into())) };
    Some(("description".to_owned(), result))
}
