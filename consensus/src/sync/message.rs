//! Requests and answers of the sync protocol.
//!
//! ```text
//! request   1 byte kind, then RLP    1 head: nothing;  2 blocks: [from, count]
//! answer    1 byte kind, then RLP    1 head: [height of the last decided block];  2 blocks: [[certificate, body], ...]
//! ```
//! Certificates as [`crate::CommitCertificate`] draws them; an answer without blocks means that the peer has none to give.
use super::{SYNC_BATCH_MAX, SYNC_REQUEST_BYTES_MAX, SYNC_RESPONSE_BYTES_MAX};
use crate::{certificate::CommitCertificate, error::ConsensusError, message::decode_exact, wire::DecidedBlock};
use alloy_rlp::{Decodable, Encodable, Header, RlpDecodable, RlpEncodable};
use bytes::Bytes;
use pervade_chainspec::params;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SyncRequest {
    Head,
    Blocks { from: u64, count: u64 },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SyncResponse {
    Head(u64),
    Blocks(Vec<DecidedBlock>),
}

#[derive(RlpEncodable, RlpDecodable)]
struct BlocksFields {
    from: u64,
    count: u64,
}

#[derive(RlpEncodable, RlpDecodable)]
struct HeadFields {
    height: u64,
}

impl SyncRequest {
    pub(crate) fn encoded(&self) -> Bytes {
        let mut bytes = Vec::new();
        match self {
            Self::Head => bytes.push(1),
            Self::Blocks { from, count } => {
                bytes.push(2);
                BlocksFields { from: *from, count: *count }.encode(&mut bytes);
            }
        }
        bytes.into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ConsensusError> {
        let wrong = |reason| ConsensusError::Malformed { what: "sync request", reason };
        if bytes.len() > SYNC_REQUEST_BYTES_MAX {
            return Err(wrong("longer than any"));
        }
        match bytes.split_first() {
            Some((1, [])) => Ok(Self::Head),
            Some((2, rest)) => {
                let BlocksFields { from, count } = decode_exact(rest, "sync request")?;
                if from == 0 || count == 0 {
                    return Err(wrong("asks for the genesis block, or for nothing"));
                }
                Ok(Self::Blocks { from, count: count.min(SYNC_BATCH_MAX) })
            }
            _ => Err(wrong("unknown kind")),
        }
    }
}

impl SyncResponse {
    pub(crate) fn encoded(&self) -> Bytes {
        let mut bytes = Vec::new();
        match self {
            Self::Head(height) => {
                bytes.push(1);
                HeadFields { height: *height }.encode(&mut bytes);
            }
            Self::Blocks(blocks) => {
                bytes.push(2);
                blocks.encode(&mut bytes);
            }
        }
        bytes.into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ConsensusError> {
        let wrong = |reason| ConsensusError::Malformed { what: "sync answer", reason };
        if bytes.len() > SYNC_RESPONSE_BYTES_MAX {
            return Err(wrong("longer than any"));
        }
        match bytes.split_first() {
            Some((1, rest)) => Ok(Self::Head(decode_exact::<HeadFields>(rest, "sync answer")?.height)),
            Some((2, rest)) => {
                let blocks: Vec<DecidedBlock> = decode_exact(rest, "sync answer")?;
                if blocks.len() as u64 > SYNC_BATCH_MAX {
                    return Err(wrong("more blocks than may be asked for"));
                }
                Ok(Self::Blocks(blocks))
            }
            _ => Err(wrong("unknown kind")),
        }
    }
}

impl Encodable for DecidedBlock {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let payload_length = self.certificate.length().saturating_add(self.body.as_ref().length());
        Header { list: true, payload_length }.encode(out);
        self.certificate.encode(out);
        self.body.as_ref().encode(out);
    }

    fn length(&self) -> usize {
        let payload_length = self.certificate.length().saturating_add(self.body.as_ref().length());
        Header { list: true, payload_length }.length_with_payload()
    }
}

impl Decodable for DecidedBlock {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut payload = Header::decode_bytes(bytes, true)?;
        let certificate = CommitCertificate::decode(&mut payload)?;
        let body = Header::decode_bytes(&mut payload, false)?;
        let too_much =
            certificate.signatures.len() > params::VALIDATORS_MAX || body.len() > params::BLOCK_BODY_BYTES_MAX;
        if !payload.is_empty() || too_much {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        Ok(Self { certificate, body: Bytes::copy_from_slice(body) })
    }
}
