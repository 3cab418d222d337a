//! Votes twice in each step: for what its machine votes for, and for something else it has heard of.
use super::{Adversary, Sent, Tools, wire};
use crate::sim::coverage::Path;
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_consensus::Topic;
use std::collections::BTreeSet;

/// Blocks of the current height that it remembers.
const BLOCKS_MAX: usize = 4;

/// See the module.
#[derive(Default)]
pub struct EquivocatingVoter {
    height: u64,
    heard: BTreeSet<B256>,
}

impl EquivocatingVoter {
    fn note(&mut self, height: u64, block_hash: B256) {
        if height > self.height {
            self.height = height;
            self.heard.clear();
        }
        if height == self.height && self.heard.len() < BLOCKS_MAX {
            self.heard.insert(block_hash);
        }
    }
}

impl Adversary for EquivocatingVoter {
    fn hear(&mut self, _: &mut Tools<'_>, _: Topic, bytes: &Bytes) -> Vec<Sent> {
        if let Some(proposal) = wire::proposal(bytes) {
            self.note(proposal.height, proposal.block_hash);
        }
        Vec::new()
    }

    fn publish(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: Bytes) -> Vec<Sent> {
        let Some(vote) = wire::vote(&bytes).filter(|vote| vote.validator == tools.key.address) else {
            return vec![Sent::all(topic, bytes)];
        };
        self.note(vote.height, vote.block_hash);
        let mut choices: Vec<_> = self.heard.iter().copied().chain([B256::ZERO]).collect();
        choices.retain(|hash| *hash != vote.block_hash);
        let Some(other) = choices.get(tools.random.index(choices.len())) else { return vec![Sent::all(topic, bytes)] };
        tools.coverage.hit(Path::EquivocatingVoter);
        let other = wire::vote_message(&wire::sign_vote(tools, vote.kind, vote.height, vote.round, *other));
        if tools.random.per_mille(300) {
            return vec![Sent::all(topic, bytes), Sent::all(topic, other)];
        }
        let (first, second) = tools.halves();
        let first = first.into_iter().map(|to| Sent::one(to, topic, bytes.clone()));
        first.chain(second.into_iter().map(|to| Sent::one(to, topic, other.clone()))).collect()
    }
}
