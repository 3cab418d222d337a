//! [`ContentId`]: the name of a block by its hash (CID, version 0 and 1).
use crate::{EvidenceError, Meter, Work, error::limit, limits::CONTENT_ID_BYTES_MAX};
use alloy_primitives::keccak256;
use cid::Cid;
use sha2::{Digest, Sha256};
use std::fmt;

/// A content identifier with a hash function that is supported.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentId {
    cid: Cid,
    hash: HashFunction,
}

/// How a block hashes to its identifier (multicodec table).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum HashFunction {
    /// 0x00: the digest is the block.
    Identity,
    /// 0x12: SHA2-256.
    Sha2_256,
    /// 0x1b: Keccak-256.
    Keccak256,
    /// 0x1e: BLAKE3 with 32 bytes of output.
    Blake3,
}

/// What a block holds (multicodec table).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// 0x55: bytes of a file.
    Raw,
    /// 0x70: a node of a tree.
    DagPb,
    /// Anything else: its code.
    Other(u64),
}

const RAW: u64 = 0x55;
const DAG_PB: u64 = 0x70;
/// Digest of the supported functions, bytes.
const DIGEST_BYTES: usize = 32;

impl ContentId {
    /// Reads an identifier, either in binary, or in text as `Qm…` (version 0) or with a multibase prefix (version 1).
    /// The two cannot be taken for each other: binary begins with 0x01 or 0x12.
    ///
    /// # Errors
    /// [`EvidenceError::ContentId`], [`EvidenceError::UnsupportedHash`], [`EvidenceError::Limit`].
    pub fn parse(bytes: &[u8]) -> Result<Self, EvidenceError> {
        limit("bytes of a content identifier", bytes.len(), CONTENT_ID_BYTES_MAX)?;
        if matches!(bytes.first(), Some(0x01 | 0x12)) {
            let (id, rest) = Self::split(bytes)?;
            return if rest.is_empty() { Ok(id) } else { Err(malformed("bytes after its end")) };
        }
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("neither binary nor text"))?;
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/') {
            return Err(malformed("not only letters and digits"));
        }
        Self::supported(Cid::try_from(text).map_err(|_| malformed("no identifier of version 0 or 1"))?)
    }

    /// Reads a binary identifier at the beginning of `bytes`, and returns what follows it.
    ///
    /// # Errors
    /// [`EvidenceError::ContentId`], [`EvidenceError::UnsupportedHash`].
    pub fn split(bytes: &[u8]) -> Result<(Self, &[u8]), EvidenceError> {
        let mut rest = bytes;
        let cid = Cid::read_bytes(&mut rest).map_err(|_| malformed("no identifier of version 0 or 1"))?;
        // The same identifier must not have two forms: numbers longer than they need be.
        if !bytes.starts_with(&cid.to_bytes()) {
            return Err(malformed("not in canonical form"));
        }
        Ok((Self::supported(cid)?, rest))
    }

    fn supported(cid: Cid) -> Result<Self, EvidenceError> {
        let multihash = cid.hash();
        let hash = match multihash.code() {
            0x00 => HashFunction::Identity,
            0x12 => HashFunction::Sha2_256,
            0x1b => HashFunction::Keccak256,
            0x1e => HashFunction::Blake3,
            code => return Err(EvidenceError::UnsupportedHash { code }),
        };
        // A shortened digest is a weaker one.
        if hash != HashFunction::Identity && multihash.digest().len() != DIGEST_BYTES {
            return Err(malformed("digest is not 32 bytes"));
        }
        Ok(Self { cid, hash })
    }

    /// An identifier of version 1 for a block.
    ///
    /// # Errors
    /// [`EvidenceError::Exhausted`]; [`EvidenceError::ContentId`] for an identity of more than 64 bytes.
    pub fn of(codec: Codec, hash: HashFunction, block: &[u8], meter: &mut dyn Meter) -> Result<Self, EvidenceError> {
        let codec = match codec {
            Codec::Raw => RAW,
            Codec::DagPb => DAG_PB,
            Codec::Other(code) => code,
        };
        let digest = hash.digest(block, meter)?;
        let multihash =
            multihash::Multihash::wrap(hash.code(), &digest).map_err(|_| malformed("digest of more than 64 bytes"))?;
        Ok(Self { cid: Cid::new_v1(codec, multihash), hash })
    }

    /// What its block holds.
    pub fn codec(&self) -> Codec {
        match self.cid.codec() {
            RAW => Codec::Raw,
            DAG_PB => Codec::DagPb,
            other => Codec::Other(other),
        }
    }

    /// How its block is hashed.
    pub fn hash(&self) -> HashFunction {
        self.hash
    }

    /// In binary.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.cid.to_bytes()
    }

    /// Checks that `block` is what it names.
    ///
    /// # Errors
    /// [`EvidenceError::BlockMismatch`], [`EvidenceError::Exhausted`].
    pub fn check(&self, block: &[u8], meter: &mut dyn Meter) -> Result<(), EvidenceError> {
        if self.hash.digest(block, meter)? == self.cid.hash().digest() {
            Ok(())
        } else {
            Err(EvidenceError::BlockMismatch)
        }
    }
}

impl HashFunction {
    fn code(self) -> u64 {
        match self {
            Self::Identity => 0x00,
            Self::Sha2_256 => 0x12,
            Self::Keccak256 => 0x1b,
            Self::Blake3 => 0x1e,
        }
    }

    fn digest(self, block: &[u8], meter: &mut dyn Meter) -> Result<Vec<u8>, EvidenceError> {
        meter.spend(Work::Hash { bytes: block.len() })?;
        Ok(match self {
            Self::Identity => block.to_vec(),
            Self::Sha2_256 => Sha256::digest(block).to_vec(),
            Self::Keccak256 => keccak256(block).to_vec(),
            Self::Blake3 => blake3::hash(block).as_bytes().to_vec(),
        })
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cid.fmt(f)
    }
}

impl fmt::Debug for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cid.fmt(f)
    }
}

fn malformed(reason: &'static str) -> EvidenceError {
    EvidenceError::ContentId { reason }
}
