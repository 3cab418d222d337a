//! [`Node`]: a dag-pb block and the UnixFS entry in it, as far as files need it.
//!
//! ```text
//! PBNode  2: PBLink ...  1: Data                   PBLink  1: identifier  2: name  3: size of the tree below
//! Data    1: kind  2: bytes  3: file size  4: sizes of the links' parts ...  (others are skipped)
//! ```
use crate::{ContentId, EvidenceError, Meter, Work};

/// What a UnixFS node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Bytes, an old form of a leaf.
    Raw,
    /// A directory.
    Directory,
    /// A file, or a part of one.
    File,
    /// Metadata.
    Metadata,
    /// A symbolic link.
    Symlink,
    /// A shard of a large directory.
    Shard,
}

/// A link to another block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link<'a> {
    /// Identifier in binary. Not read here: a node with a link that is not supported may still serve other ranges.
    pub id: &'a [u8],
    /// Name in a directory, empty in files.
    pub name: &'a [u8],
    /// Bytes of all blocks below, as the maker says; not checked.
    pub tree_bytes: Option<u64>,
}

impl Link<'_> {
    /// Its identifier.
    ///
    /// # Errors
    /// See [`ContentId::parse`].
    pub fn content_id(&self) -> Result<ContentId, EvidenceError> {
        ContentId::parse(self.id)
    }
}

/// A dag-pb node with a UnixFS entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node<'a> {
    /// What it is.
    pub kind: NodeKind,
    /// Its own bytes, before those of its links.
    pub data: &'a [u8],
    /// The whole size of a file, bytes.
    pub file_bytes: Option<u64>,
    /// Size of each link's part of a file, bytes.
    pub part_bytes: Vec<u64>,
    /// Links, in order.
    pub links: Vec<Link<'a>>,
}

impl<'a> Node<'a> {
    /// Decodes a block.
    ///
    /// # Errors
    /// [`EvidenceError::DagPb`], [`EvidenceError::Exhausted`].
    pub fn parse(block: &'a [u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        meter.spend(Work::Decode { bytes: block.len() })?;
        let mut links = Vec::new();
        let mut entry = None;
        let mut fields = Fields(block);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (2, Value::Bytes(link)) => links.push(parse_link(link)?),
                (1, Value::Bytes(data)) if entry.is_none() => entry = Some(data),
                _ => return Err(malformed("a field that a node does not have, or has twice")),
            }
        }
        let mut node = Self { kind: NodeKind::Raw, data: &[], file_bytes: None, part_bytes: Vec::new(), links };
        node.read_entry(entry.ok_or(malformed("no UnixFS entry"))?)?;
        Ok(node)
    }

    fn read_entry(&mut self, entry: &'a [u8]) -> Result<(), EvidenceError> {
        let mut kind = None;
        let mut data = None;
        let mut fields = Fields(entry);
        while let Some((number, value)) = fields.next()? {
            match (number, value) {
                (1, Value::Number(number)) if kind.is_none() => kind = Some(node_kind(number)?),
                (2, Value::Bytes(bytes)) if data.is_none() => data = Some(bytes),
                (3, Value::Number(size)) if self.file_bytes.is_none() => self.file_bytes = Some(size),
                (4, Value::Number(size)) => self.part_bytes.push(size),
                (4, Value::Bytes(packed)) => {
                    let mut packed = Fields(packed);
                    while !packed.0.is_empty() {
                        self.part_bytes.push(packed.varint()?);
                    }
                }
                (1..=4, _) => return Err(malformed("a UnixFS field of the wrong type, or twice")),
                // Hash type, fanout, mode, time: nothing of theirs changes what a file holds.
                _ => {}
            }
        }
        self.kind = kind.ok_or(malformed("no UnixFS kind"))?;
        self.data = data.unwrap_or_default();
        Ok(())
    }
}

fn node_kind(number: u64) -> Result<NodeKind, EvidenceError> {
    Ok(match number {
        0 => NodeKind::Raw,
        1 => NodeKind::Directory,
        2 => NodeKind::File,
        3 => NodeKind::Metadata,
        4 => NodeKind::Symlink,
        5 => NodeKind::Shard,
        _ => return Err(malformed("an unknown UnixFS kind")),
    })
}

fn parse_link(bytes: &[u8]) -> Result<Link<'_>, EvidenceError> {
    let (mut id, mut name, mut tree_bytes) = (None, None, None);
    let mut fields = Fields(bytes);
    while let Some((number, value)) = fields.next()? {
        match (number, value) {
            (1, Value::Bytes(bytes)) if id.is_none() => id = Some(bytes),
            (2, Value::Bytes(bytes)) if name.is_none() => name = Some(bytes),
            (3, Value::Number(size)) if tree_bytes.is_none() => tree_bytes = Some(size),
            _ => return Err(malformed("a field that a link does not have, or has twice")),
        }
    }
    Ok(Link { id: id.ok_or(malformed("a link without identifier"))?, name: name.unwrap_or_default(), tree_bytes })
}

/// Fields of a Protocol Buffers message that are still to be read.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes; no field that counts here has them.
    Fixed,
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, EvidenceError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = self.varint()?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(malformed("an unknown wire type")),
        };
        Ok(Some((key >> 3, value)))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], EvidenceError> {
        let length = usize::try_from(length).map_err(|_| malformed("a length beyond the end"))?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(malformed("a length beyond the end"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Result<u64, EvidenceError> {
        let (number, rest) = varint(self.0).ok_or(malformed("a malformed number"))?;
        self.0 = rest;
        Ok(number)
    }
}

/// An unsigned number of up to 64 bits in groups of seven, lowest first, in its shortest form, and what follows it.
pub(crate) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0u64;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        let group = u64::from(byte & 0x7f);
        let shift = u32::try_from(index).ok()?.checked_mul(7)?;
        let placed = group.checked_shl(shift)?;
        if placed.checked_shr(shift)? != group {
            return None;
        }
        number |= placed;
        if byte & 0x80 == 0 {
            let shortest = *byte != 0 || index == 0;
            return bytes.get(index.checked_add(1)?..).filter(|_| shortest).map(|rest| (number, rest));
        }
    }
    None
}

fn malformed(reason: &'static str) -> EvidenceError {
    EvidenceError::DagPb { reason }
}
