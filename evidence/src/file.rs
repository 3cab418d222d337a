//! Ranges of files, read from blocks that anybody may have sent.
//!
//! ```text
//!                 root  [0, 600)                 range [250, 500): root, b, b1, c, c0
//!            ┌──────┼──────────┐                 in depth-first order; a, b0 and c1 are not looked at
//!         a [0,200) b [200,400) c [400,600)
//!                   ├ b0 [200,300)
//!                   └ b1 [300,400) ...
//! ```
//!
//! The root's hash fixes every size below it, so what is skipped cannot move what is read. A block that is read must have
//! the size that its parent gave it.
use crate::{
    Codec, ContentId, EvidenceError, Meter, Node, NodeKind,
    error::limit,
    limits::{BLOCK_BYTES_MAX, BLOCKS_MAX, FILE_DEPTH_MAX},
};
use std::ops::Range;

/// Reads `length` bytes at `offset` of the file `id` (0: all to its end) out of the blocks on the way, in depth-first
/// order, a block that is met twice being there twice. No block may be missing, and none may be left.
///
/// # Errors
/// [`EvidenceError::BlockMismatch`], [`EvidenceError::BlockMissing`], [`EvidenceError::BlocksLeft`],
/// [`EvidenceError::DagPb`], [`EvidenceError::UnixFs`], [`EvidenceError::UnsupportedCodec`],
/// [`EvidenceError::UnsupportedHash`], [`EvidenceError::ContentId`], [`EvidenceError::Range`],
/// [`EvidenceError::Limit`], [`EvidenceError::Exhausted`].
pub fn verify_file(
    id: &ContentId,
    offset: u64,
    length: u64,
    blocks: &[&[u8]],
    meter: &mut dyn Meter,
) -> Result<Vec<u8>, EvidenceError> {
    let mut left = blocks.iter();
    let read = read_file(id, offset, length, &mut |_| left.next().copied(), meter)?;
    if left.next().is_some() { Err(EvidenceError::BlocksLeft) } else { Ok(read) }
}

/// As [`verify_file`], asking `source` for each block on the way, in depth-first order.
///
/// # Errors
/// Those of [`verify_file`], but for blocks that are left.
pub fn read_file<'a>(
    id: &ContentId,
    offset: u64,
    length: u64,
    source: &mut dyn FnMut(&ContentId) -> Option<&'a [u8]>,
    meter: &mut dyn Meter,
) -> Result<Vec<u8>, EvidenceError> {
    let mut reader = Reader { source, meter, blocks: 0, read: Vec::new() };
    let root = reader.part(id)?;
    let size_bytes = root.size;
    let end = if length == 0 { Some(size_bytes) } else { offset.checked_add(length) };
    let range = match end {
        Some(end) if end <= size_bytes && offset <= end => offset..end,
        _ => return Err(EvidenceError::Range { size_bytes }),
    };
    reader.walk(&root, 0, &range, FILE_DEPTH_MAX)?;
    Ok(reader.read)
}

struct Reader<'s, 'a> {
    source: &'s mut dyn FnMut(&ContentId) -> Option<&'a [u8]>,
    meter: &'s mut dyn Meter,
    blocks: usize,
    read: Vec<u8>,
}

/// A block of a file.
struct Part<'a> {
    /// Its own bytes.
    data: &'a [u8],
    /// What follows them, each with its size in bytes.
    children: Vec<(crate::Link<'a>, u64)>,
    size: u64,
}

impl<'a> Reader<'_, 'a> {
    fn fetch(&mut self, id: &ContentId) -> Result<&'a [u8], EvidenceError> {
        self.blocks = self.blocks.saturating_add(1);
        limit("blocks on the way", self.blocks, BLOCKS_MAX)?;
        let block = (self.source)(id).ok_or(EvidenceError::BlockMissing)?;
        limit("bytes of a block", block.len(), BLOCK_BYTES_MAX)?;
        id.check(block, self.meter)?;
        Ok(block)
    }

    fn part(&mut self, id: &ContentId) -> Result<Part<'a>, EvidenceError> {
        let block = self.fetch(id)?;
        match id.codec() {
            Codec::Raw => Ok(Part { data: block, children: Vec::new(), size: length(block) }),
            Codec::DagPb => node_part(Node::parse(block, self.meter)?),
            Codec::Other(code) => Err(EvidenceError::UnsupportedCodec { code }),
        }
    }

    /// Takes what lies in `range` of a part that begins at `start`.
    fn walk(&mut self, part: &Part<'a>, start: u64, range: &Range<u64>, depth: usize) -> Result<(), EvidenceError> {
        let mut at = start;
        let own = overlap(at, length(part.data), range).and_then(|own| part.data.get(own));
        self.read.extend_from_slice(own.unwrap_or_default());
        at = at.saturating_add(length(part.data));
        for (link, size) in &part.children {
            if overlap(at, *size, range).is_some() {
                let below = depth.checked_sub(1).ok_or(EvidenceError::UnixFs { reason: "too many levels" })?;
                let child = self.part(&link.content_id()?)?;
                if child.size != *size {
                    return Err(EvidenceError::UnixFs { reason: "a part of another size than its parent says" });
                }
                self.walk(&child, at, range, below)?;
            }
            at = at.saturating_add(*size);
        }
        Ok(())
    }
}

fn node_part(node: Node<'_>) -> Result<Part<'_>, EvidenceError> {
    if !matches!(node.kind, NodeKind::File | NodeKind::Raw) {
        return Err(EvidenceError::UnixFs { reason: "not a file" });
    }
    if node.links.len() != node.part_bytes.len() {
        return Err(EvidenceError::UnixFs { reason: "not one size for each link" });
    }
    let parts = node.part_bytes.iter().try_fold(length(node.data), |sum, part| sum.checked_add(*part));
    let size = parts.ok_or(EvidenceError::UnixFs { reason: "sizes beyond 64 bits" })?;
    if node.file_bytes.is_some_and(|stated| stated != size) {
        return Err(EvidenceError::UnixFs { reason: "file size is not the sum of its parts" });
    }
    Ok(Part { data: node.data, children: node.links.into_iter().zip(node.part_bytes).collect(), size })
}

/// Which of `size` bytes at `start` lie in `range`; none if none do.
fn overlap(start: u64, size: u64, range: &Range<u64>) -> Option<Range<usize>> {
    let from = range.start.max(start).saturating_sub(start);
    let to = range.end.min(start.saturating_add(size)).saturating_sub(start);
    if from < to { Some(usize::try_from(from).ok()?..usize::try_from(to).ok()?) } else { None }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
