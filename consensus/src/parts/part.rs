//! A part, and what all parts of a body have in common.
use super::merkle;
use crate::{
    message::check_round,
    signing::{ChainIdentity, PublicKey, Signature, Verifier, digest},
};
use alloy_primitives::B256;
use alloy_rlp::{Decodable, Encodable, Header};
use bytes::Bytes;
use pervade_chainspec::params;

/// Longest path to the root: that of the largest body.
const PATH_MAX: usize = 16;
const _: () = assert!(params::BLOCK_BODY_BYTES_MAX.div_ceil(params::BLOCK_PART_BYTES) <= 1 << PATH_MAX);

/// What the proposer signs of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartsHead {
    pub(crate) height: u64,
    pub(crate) round: u32,
    pub(crate) block_hash: B256,
    pub(crate) root: B256,
    pub(crate) body_bytes: u32,
    pub(crate) signature: Signature,
}

/// A part of a body with its proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockPart {
    pub(crate) head: PartsHead,
    pub(crate) index: u32,
    pub(crate) path: Vec<B256>,
    pub(crate) data: Bytes,
}

impl PartsHead {
    /// The head of a body, and a way to sign it. The body is not empty and not beyond the limit.
    pub(crate) fn sign(
        height: u64,
        round: u32,
        block_hash: B256,
        body: &Bytes,
        chain: &ChainIdentity,
        sign: impl FnOnce(B256) -> Signature,
    ) -> Self {
        let root = tree(body).last().and_then(|level| level.first()).copied().unwrap_or_default();
        let body_bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        let signature = sign(digest(&chain.parts_bytes(height, round, block_hash, root, body_bytes)));
        Self { height, round, block_hash, root, body_bytes, signature }
    }

    /// Whether this key signed it.
    pub(crate) fn holds(&self, chain: &ChainIdentity, key: &PublicKey, verifier: &dyn Verifier) -> bool {
        let message = chain.parts_bytes(self.height, self.round, self.block_hash, self.root, self.body_bytes);
        verifier.verify(digest(&message), &self.signature, key)
    }

    /// Number of parts.
    pub(crate) fn parts(&self) -> usize {
        (self.body_bytes as usize).div_ceil(params::BLOCK_PART_BYTES)
    }

    /// Cuts a body into its parts.
    pub(crate) fn cut(&self, body: &Bytes) -> Vec<BlockPart> {
        let levels = tree(body);
        let mut parts = Vec::with_capacity(self.parts());
        let mut rest = body.clone();
        for index in 0..self.parts() {
            let data = rest.split_to(rest.len().min(params::BLOCK_PART_BYTES));
            let path = merkle::path(&levels, index);
            parts.push(BlockPart { head: *self, index: u32::try_from(index).unwrap_or(u32::MAX), path, data });
        }
        parts
    }
}

fn tree(body: &[u8]) -> Vec<Vec<B256>> {
    merkle::levels(body.chunks(params::BLOCK_PART_BYTES).map(merkle::leaf).collect())
}

impl BlockPart {
    /// Whether data and index belong under the root. Whether the root is signed is another question.
    pub(crate) fn is_under_root(&self) -> bool {
        let (index, count) = (self.index as usize, self.head.parts());
        let begin = index.saturating_mul(params::BLOCK_PART_BYTES);
        let expected = (self.head.body_bytes as usize).saturating_sub(begin).min(params::BLOCK_PART_BYTES);
        index < count
            && self.data.len() == expected
            && merkle::climb(merkle::leaf(&self.data), index, count, &self.path) == Some(self.head.root)
    }
}

impl Encodable for BlockPart {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let mut payload = Vec::with_capacity(self.data.len().saturating_add(512));
        self.head.height.encode(&mut payload);
        self.head.round.encode(&mut payload);
        self.head.block_hash.encode(&mut payload);
        self.head.root.encode(&mut payload);
        self.head.body_bytes.encode(&mut payload);
        self.head.signature.encode(&mut payload);
        self.index.encode(&mut payload);
        self.path.encode(&mut payload);
        self.data.as_ref().encode(&mut payload);
        Header { list: true, payload_length: payload.len() }.encode(out);
        out.put_slice(&payload);
    }
}

impl Decodable for BlockPart {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut payload = Header::decode_bytes(bytes, true)?;
        let payload = &mut payload;
        let head = PartsHead {
            height: u64::decode(payload)?,
            round: u32::decode(payload)?,
            block_hash: B256::decode(payload)?,
            root: B256::decode(payload)?,
            body_bytes: u32::decode(payload)?,
            signature: Signature::decode(payload)?,
        };
        check_round(head.round)?;
        let fits = (1..=params::BLOCK_BODY_BYTES_MAX).contains(&(head.body_bytes as usize));
        if !fits || head.block_hash == B256::ZERO {
            return Err(alloy_rlp::Error::Custom("an empty body, one beyond the limit, or of no block"));
        }
        let index = u32::decode(payload)?;
        let path = Vec::<B256>::decode(payload)?;
        let data = Header::decode_bytes(payload, false)?;
        if !payload.is_empty() || path.len() > PATH_MAX {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        Ok(Self { head, index, path, data: Bytes::copy_from_slice(data) })
    }
}
