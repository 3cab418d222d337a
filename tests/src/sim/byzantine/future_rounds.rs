//! Votes and proposes for rounds and heights that nobody has reached.
use super::{Adversary, Sent, Tools, wire};
use crate::sim::coverage::Path;
use alloy_primitives::{B256, keccak256};
use bytes::Bytes;
use pervade_consensus::{Topic, VoteKind};

/// See the module.
pub struct FutureRounds;

impl Adversary for FutureRounds {
    fn publish(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: Bytes) -> Vec<Sent> {
        let mut sent = vec![Sent::all(topic, bytes.clone())];
        let Some(vote) = wire::vote(&bytes) else { return sent };
        tools.coverage.hit(Path::FutureRounds);
        let height = vote.height + tools.random.below(5);
        let round = match tools.random.below(4) {
            0 => vote.round + 1,
            1 => vote.round + tools.random.between(2, 20) as u32,
            2 => tools.random.number() as u32,
            _ => u32::MAX,
        };
        let hash = *tools.random.pick(&[B256::ZERO, vote.block_hash, keccak256(vote.block_hash)]);
        for kind in [VoteKind::Prevote, VoteKind::Precommit] {
            let ahead = wire::sign_vote(tools, kind, height, round, hash);
            sent.push(Sent::all(Topic::Consensus, wire::vote_message(&ahead)));
        }
        if hash != B256::ZERO {
            let proposal = wire::sign_proposal(tools, height, round, hash);
            sent.push(Sent::all(Topic::Consensus, wire::proposal_message(&proposal)));
        }
        sent
    }
}
