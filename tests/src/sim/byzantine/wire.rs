//! The bytes of messages, written by hand.
//!
//! ```text
//! version 1, kind (1 vote, 2 proposal, 5 block part), repeat be16, RLP
//! block part: [height, round, blockHash, root, bodyBytes, signature, index, [], data]
//! ```
use super::Tools;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};
use bytes::Bytes;
use pervade_consensus::{SignedProposal, SignedVote, VoteKind};

/// A vote's message.
pub const VOTE: u8 = 1;
/// A proposal's message.
pub const PROPOSAL: u8 = 2;
/// A block part's message.
pub const PART: u8 = 5;
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 4;

/// Kind of a message.
pub fn kind(bytes: &[u8]) -> Option<u8> {
    bytes.get(1).copied()
}

/// The vote in a message.
pub fn vote(bytes: &[u8]) -> Option<SignedVote> {
    read(bytes, VOTE)
}

/// The proposal in a message.
pub fn proposal(bytes: &[u8]) -> Option<SignedProposal> {
    read(bytes, PROPOSAL)
}

fn read<T: Decodable>(bytes: &[u8], expected: u8) -> Option<T> {
    let mut rest = bytes.get(HEAD_BYTES..).filter(|_| kind(bytes) == Some(expected))?;
    T::decode(&mut rest).ok()
}

/// A message of a vote.
pub fn vote_message(vote: &SignedVote) -> Bytes {
    message(VOTE, vote)
}

/// A message of a proposal.
pub fn proposal_message(proposal: &SignedProposal) -> Bytes {
    message(PROPOSAL, proposal)
}

fn message(kind: u8, content: &dyn Encodable) -> Bytes {
    let mut bytes = vec![VERSION, kind, 0, 0];
    content.encode(&mut bytes);
    bytes.into()
}

/// A vote by the adversary's own key.
pub fn sign_vote(tools: &Tools<'_>, kind: VoteKind, height: u64, round: u32, block_hash: B256) -> SignedVote {
    let signature = tools.sign(&tools.chain.vote_bytes(kind, height, round, block_hash));
    SignedVote { kind, height, round, block_hash, validator: tools.key.address, signature }
}

/// A fresh proposal by the adversary's own key.
pub fn sign_proposal(tools: &Tools<'_>, height: u64, round: u32, block_hash: B256) -> SignedProposal {
    let signature = tools.sign(&tools.chain.proposal_bytes(height, round, None, block_hash));
    SignedProposal { height, round, polka_round: None, block_hash, proposer: tools.key.address, signature }
}

/// The only part of a body that fits into one, under the adversary's own key.
pub fn single_part(tools: &Tools<'_>, height: u64, round: u32, block_hash: B256, body: &[u8]) -> Bytes {
    let root = keccak256([&[0], body].concat());
    let body_bytes = body.len() as u32;
    let signature = tools.sign(&tools.chain.parts_bytes(height, round, block_hash, root, body_bytes));
    let mut payload = Vec::new();
    height.encode(&mut payload);
    round.encode(&mut payload);
    block_hash.encode(&mut payload);
    root.encode(&mut payload);
    body_bytes.encode(&mut payload);
    signature.encode(&mut payload);
    0u32.encode(&mut payload);
    Vec::<B256>::new().encode(&mut payload);
    body.encode(&mut payload);
    let mut bytes = vec![VERSION, PART, 0, 0];
    Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    bytes.extend(payload);
    bytes.into()
}
