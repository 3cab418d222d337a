//! Proposes two blocks in one round, each to one half, and votes for both. Some hear of both.
use super::{Adversary, Another, Candidate, Sent, Tools, wire};
use crate::sim::coverage::Path;
use bytes::Bytes;
use pervade_consensus::{Topic, VoteKind};

/// Of those who are told of the one block, so many of a thousand are told of the other too.
const HEARS_BOTH_PER_MILLE: u64 = 300;

/// See the module.
#[derive(Default)]
pub struct EquivocatingProposer {
    /// Block that the machine proposes, and the other one.
    blocks: Option<(Candidate, Candidate)>,
}

impl Adversary for EquivocatingProposer {
    fn another_block(&self) -> Option<Another> {
        Some(Another::Later)
    }

    fn build(&mut self, _: &mut Tools<'_>, built: Candidate, other: Option<Candidate>) -> Candidate {
        self.blocks = other.filter(|other| other.0 != built.0).map(|other| (built.clone(), other));
        built
    }

    fn publish(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: Bytes) -> Vec<Sent> {
        let proposal = wire::proposal(&bytes);
        let Some((proposal, (built, other))) = proposal.zip(self.blocks.as_ref()) else {
            return vec![Sent::all(topic, bytes)];
        };
        if proposal.block_hash != built.0 {
            return vec![Sent::all(topic, bytes)];
        }
        tools.coverage.hit(Path::EquivocatingProposer);
        let (height, round) = (proposal.height, proposal.round);
        let vote = |kind| (Topic::Consensus, wire::vote_message(&wire::sign_vote(tools, kind, height, round, other.0)));
        let proposal = wire::proposal_message(&wire::sign_proposal(tools, height, round, other.0));
        let messages = [
            (Topic::Consensus, proposal),
            (Topic::BlockParts, wire::single_part(tools, height, round, other.0, &other.1)),
            vote(VoteKind::Prevote),
            vote(VoteKind::Precommit),
        ];
        let (first, mut second) = tools.halves();
        let mut sent = Vec::new();
        for to in first {
            sent.push(Sent::one(to, topic, bytes.clone()));
            if tools.random.per_mille(HEARS_BOTH_PER_MILLE) {
                second.push(to);
            }
        }
        for to in second {
            sent.extend(messages.iter().map(|(topic, message)| Sent::one(to, *topic, message.clone())));
        }
        sent
    }
}
