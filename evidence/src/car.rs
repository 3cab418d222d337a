//! [`CarReader`]: content-addressable archives, as IPFS gateways and tools write them.
//!
//! ```text
//! version 1   varint length │ CBOR {"roots": [CID ...], "version": 1}
//!             varint length │ CID │ block          one section a block, to the end
//! version 2   0a a1 67 "version" 02 │ 16 characteristics │ 8 data offset │ 8 data size │ 8 index offset   (little endian)
//!             ... version 1 at the data offset ... index, which is not read
//! ```
use crate::{
    ContentId, EvidenceError, Meter, Work, cbor,
    dag_pb::varint,
    error::limit,
    limits::{CAR_HEADER_BYTES_MAX, CAR_SECTION_BYTES_MAX},
};
use coset::cbor::Value;

/// Version of the archive's outer form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CarVersion {
    /// 1: header and blocks.
    One,
    /// 2: a version 1 inside, and an index.
    Two,
}

/// A block of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CarBlock<'a> {
    /// Its identifier in binary; [`ContentId::parse`] says whether it is supported.
    pub id: &'a [u8],
    /// Its bytes, not checked yet.
    pub bytes: &'a [u8],
}

impl CarBlock<'_> {
    /// Checks the block and returns its identifier.
    ///
    /// # Errors
    /// [`EvidenceError::UnsupportedHash`], [`EvidenceError::ContentId`], [`EvidenceError::BlockMismatch`],
    /// [`EvidenceError::Exhausted`].
    pub fn check(&self, meter: &mut dyn Meter) -> Result<ContentId, EvidenceError> {
        let id = ContentId::parse(self.id)?;
        id.check(self.bytes, meter)?;
        Ok(id)
    }
}

/// An archive whose blocks are still to be read, one by one.
#[derive(Debug, Clone)]
pub struct CarReader<'a> {
    version: CarVersion,
    roots: Vec<Vec<u8>>,
    rest: &'a [u8],
}

const PRAGMA_V2: [u8; 11] = *b"\x0a\xa1gversion\x02";
const CHARACTERISTICS_BYTES: usize = 16;
const TAG_CID: u64 = 42;

impl<'a> CarReader<'a> {
    /// Reads the header.
    ///
    /// # Errors
    /// [`EvidenceError::Car`], [`EvidenceError::Limit`], [`EvidenceError::Exhausted`].
    pub fn new(archive: &'a [u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        let (version, inner) = match archive.strip_prefix(&PRAGMA_V2) {
            Some(after) => (CarVersion::Two, inner_of_v2(archive, after)?),
            None => (CarVersion::One, archive),
        };
        let (header, rest) = section(inner, CAR_HEADER_BYTES_MAX)?.ok_or(malformed("no header"))?;
        meter.spend(Work::Decode { bytes: header.len() })?;
        Ok(Self { version, roots: roots(header)?, rest })
    }

    /// Version of the outer form.
    pub fn version(&self) -> CarVersion {
        self.version
    }

    /// Identifiers, in binary, that the archive is about.
    pub fn roots(&self) -> &[Vec<u8>] {
        &self.roots
    }

    /// The next block, or none at the end.
    ///
    /// # Errors
    /// [`EvidenceError::Car`], [`EvidenceError::ContentId`], [`EvidenceError::Limit`].
    pub fn next_block(&mut self) -> Result<Option<CarBlock<'a>>, EvidenceError> {
        let Some((section, rest)) = section(self.rest, CAR_SECTION_BYTES_MAX)? else { return Ok(None) };
        self.rest = rest;
        let mut bytes = section;
        cid::Cid::read_bytes(&mut bytes).map_err(|_| malformed("a section without identifier"))?;
        let id_bytes = section.len().saturating_sub(bytes.len());
        let id = section.get(..id_bytes).ok_or(malformed("a section without identifier"))?;
        Ok(Some(CarBlock { id, bytes }))
    }
}

fn inner_of_v2<'a>(archive: &'a [u8], after_pragma: &'a [u8]) -> Result<&'a [u8], EvidenceError> {
    let short = malformed("header of version 2 is cut off");
    let fields = after_pragma.get(CHARACTERISTICS_BYTES..).ok_or(short.clone())?;
    let number = |index: usize| {
        let from = index.saturating_mul(8);
        let bytes: [u8; 8] = fields.get(from..from.saturating_add(8))?.try_into().ok()?;
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    let (Some(offset), Some(size)) = (number(0), number(1)) else { return Err(short) };
    let header_bytes = PRAGMA_V2.len().saturating_add(CHARACTERISTICS_BYTES).saturating_add(3 * 8);
    if offset < header_bytes {
        return Err(malformed("data inside the header of version 2"));
    }
    let end = offset.checked_add(size).ok_or(malformed("data beyond the end"))?;
    archive.get(offset..end).ok_or(malformed("data beyond the end"))
}

/// What a length stands before, and what follows; none at the end.
fn section(bytes: &[u8], bytes_max: usize) -> Result<Option<(&[u8], &[u8])>, EvidenceError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (length, rest) = varint(bytes).ok_or(malformed("a malformed length"))?;
    let length = usize::try_from(length).map_err(|_| malformed("a length beyond the end"))?;
    if length == 0 {
        return Err(malformed("an empty section"));
    }
    limit("bytes of a section of a CAR", length, bytes_max)?;
    rest.split_at_checked(length).map(Some).ok_or(malformed("a length beyond the end"))
}

fn roots(header: &[u8]) -> Result<Vec<Vec<u8>>, EvidenceError> {
    let Value::Map(map) = cbor::decode("header of a CAR", header)? else { return Err(malformed("header is no map")) };
    cbor::labels(&map).ok_or(malformed("header has a key twice"))?;
    let mut found = (None, None);
    for (key, value) in map {
        match key.as_text() {
            Some("version") => found.0 = cbor::unsigned(&value),
            Some("roots") => found.1 = Some(value),
            _ => return Err(malformed("header has an unknown key")),
        }
    }
    let (Some(1), Some(Value::Array(roots))) = found else {
        return Err(malformed("neither version 1 with roots nor version 2"));
    };
    roots.into_iter().map(root).collect()
}

/// DAG-CBOR's form of a link: tag 42, a byte zero, the identifier.
fn root(value: Value) -> Result<Vec<u8>, EvidenceError> {
    let Value::Tag(TAG_CID, inner) = value else { return Err(malformed("a root that is no link")) };
    match inner.as_bytes().and_then(|bytes| bytes.strip_prefix(&[0])) {
        Some(id) => Ok(id.to_vec()),
        None => Err(malformed("a root that is no link")),
    }
}

fn malformed(reason: &'static str) -> EvidenceError {
    EvidenceError::Car { reason }
}
