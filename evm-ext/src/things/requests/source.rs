//! Where the answer of a request comes from, and what besides the agreement must prove it.
//!
//! ```text
//! Request, from +13:
//!   Provider   +13 its identifier
//!   Content    +13 bits 0-63 offset, 64-95 length; +14 bytes identifier of the content, binary
//! ```
use super::Request;
use crate::{
    database,
    precompiles::{Frame, slots::Field},
    things::{
        Result,
        signatures::{Fetch, digest_in},
    },
};
use alloy_primitives::{B256, Bytes, U256};

pub(super) const OFFSET: Field = Field::new(0, 64);
pub(super) const LENGTH: Field = Field::new(64, 32);

/// Where the answer of a request comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The thing: the agreement alone decides.
    Thing,
    /// A thing whose answers a provider of the Contract Database proves besides.
    Provider(B256),
    /// Anybody who has the blocks.
    Content(ContentRange),
}

/// Bytes of a file by its content identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentRange {
    /// Content identifier (CIDv0, CIDv1), binary.
    pub cid: Bytes,
    /// First byte.
    pub offset: u64,
    /// Bytes; 0 for all to the end.
    pub length: u32,
}

impl Source {
    /// Number in a request's head.
    pub(super) fn kind(&self) -> u64 {
        match self {
            Self::Thing => 0,
            Self::Provider(_) => 1,
            Self::Content(_) => 2,
        }
    }

    /// What its fields stand in, beside the content identifier.
    pub(super) fn word(&self) -> U256 {
        match self {
            Self::Thing => U256::ZERO,
            Self::Provider(provider) => U256::from_be_bytes(provider.0),
            Self::Content(range) => LENGTH.set_u64(OFFSET.set_u64(U256::ZERO, range.offset), u64::from(range.length)),
        }
    }

    /// Takes the proof off a result.
    pub(super) fn data(&self, frame: &mut Frame<'_>, request: U256, result: &Bytes) -> Result<Bytes> {
        match self {
            Self::Thing => Ok(result.clone()),
            Self::Provider(provider) => {
                let nonce = digest_in(frame, &Fetch { requestId: request })?;
                database::proved_data(frame, *provider, nonce, result)
            }
            Self::Content(range) => database::content_data(frame, range, result),
        }
    }
}

impl Request {
    /// Whether whoever has the content settles it: no signature is needed.
    pub(super) fn is_content(&self, frame: &mut Frame<'_>) -> Result<bool> {
        Ok(matches!(self.source(frame)?, Source::Content(_)))
    }
}
