//! Breaks its own signatures, and writes votes in the names of others.
use super::{Adversary, Sent, Tools, wire};
use crate::sim::{coverage::Path, keys::VALIDATOR_KEYS};
use alloy_primitives::{B256, keccak256};
use bytes::Bytes;
use pervade_consensus::{Topic, VoteKind};

/// Bytes of a signature.
const SIGNATURE_BYTES: usize = 65;

/// See the module.
#[derive(Default)]
pub struct BadSignatures {
    heard: u64,
}

impl Adversary for BadSignatures {
    fn publish(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: Bytes) -> Vec<Sent> {
        let (place, bit) = (tools.random.index(SIGNATURE_BYTES), tools.random.below(8));
        let broken = if let Some(mut vote) = wire::vote(&bytes) {
            vote.signature[place] ^= 1 << bit;
            wire::vote_message(&vote)
        } else if let Some(mut proposal) = wire::proposal(&bytes) {
            proposal.signature[place] ^= 1 << bit;
            wire::proposal_message(&proposal)
        } else {
            return vec![Sent::all(topic, bytes)];
        };
        tools.coverage.hit(Path::BadSignatures);
        let mut sent = vec![Sent::all(topic, broken)];
        if tools.random.per_mille(500) {
            sent.push(Sent::all(topic, bytes));
        }
        sent
    }

    /// Each proposal is answered with votes of everybody: for this block to one half, for none or another to the other.
    fn hear(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: &Bytes) -> Vec<Sent> {
        let Some(proposal) = wire::proposal(bytes) else { return Vec::new() };
        self.heard += 1;
        let other = if self.heard.is_multiple_of(2) { B256::ZERO } else { keccak256(proposal.block_hash) };
        let (first, second) = tools.halves();
        let mut sent = Vec::new();
        for (told, block_hash) in [(first, proposal.block_hash), (second, other)] {
            for key in VALIDATOR_KEYS.iter().take(tools.nodes).filter(|key| key.address != tools.key.address) {
                for kind in [VoteKind::Prevote, VoteKind::Precommit] {
                    let mut vote = wire::sign_vote(tools, kind, proposal.height, proposal.round, block_hash);
                    vote.validator = key.address;
                    let message = wire::vote_message(&vote);
                    sent.extend(told.iter().map(|to| Sent::one(*to, topic, message.clone())));
                }
            }
        }
        tools.coverage.hit(Path::BadSignatures);
        sent
    }
}
