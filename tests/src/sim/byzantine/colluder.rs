//! Several who know each other: whoever of them proposes shows one block to one half of the honest and another to the other
//! half, and all of them vote for both, each before the half that has seen it. Below a third of the power that is two double
//! signatures more; above it, it is a fork.
use super::{Adversary, Another, Candidate, Sent, Tools, wire};
use crate::sim::{coverage::Path, keys::VALIDATOR_KEYS};
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_consensus::{Topic, VoteKind};
use std::collections::BTreeSet;

/// Longest body that travels in one part, bytes.
const SINGLE_PART_BYTES_MAX: usize = 60_000;

/// See the module.
#[derive(Default)]
pub struct Colluder {
    /// What it has built at its turn.
    blocks: Option<(Candidate, Candidate)>,
    /// Height and round of the last proposal of one of them, and its blocks.
    heard: (u64, u32, BTreeSet<B256>),
    /// Height and round for which its votes for two blocks are out.
    doubled: Option<(u64, u32)>,
}

/// Which of two blocks, in order of their hashes, an honest node is shown: all of them come to the same without a word.
fn side(tools: &Tools<'_>, node: usize) -> usize {
    (0..node).filter(|other| !tools.accomplices.contains(other)).count() % 2
}

fn vote(tools: &Tools<'_>, kind: VoteKind, height: u64, round: u32, hash: B256) -> (Topic, Bytes) {
    (Topic::Consensus, wire::vote_message(&wire::sign_vote(tools, kind, height, round, hash)))
}

impl Colluder {
    /// Both blocks to the others of its kind, to each honest node its own.
    fn split(&self, tools: &mut Tools<'_>, height: u64, round: u32, blocks: [&Candidate; 2]) -> Vec<Sent> {
        tools.coverage.hit(Path::Colluder);
        let messages = blocks.map(|(hash, body)| {
            let proposal = wire::proposal_message(&wire::sign_proposal(tools, height, round, *hash));
            [
                (Topic::BlockParts, wire::single_part(tools, height, round, *hash, body)),
                (Topic::Consensus, proposal),
                vote(tools, VoteKind::Prevote, height, round, *hash),
                vote(tools, VoteKind::Precommit, height, round, *hash),
            ]
        });
        let mut sent = Vec::new();
        for to in tools.others() {
            let own = side(tools, to);
            for (block, messages) in messages.iter().enumerate() {
                if block == own || tools.accomplices.contains(&to) {
                    sent.extend(messages.iter().map(|(topic, bytes)| Sent::one(to, *topic, bytes.clone())));
                }
            }
        }
        sent
    }
}

impl Adversary for Colluder {
    fn another_block(&self) -> Option<Another> {
        Some(Another::Later)
    }

    fn build(&mut self, _: &mut Tools<'_>, built: Candidate, other: Option<Candidate>) -> Candidate {
        let fits = |block: &Candidate| block.1.len() <= SINGLE_PART_BYTES_MAX;
        let other = other.filter(|other| other.0 != built.0 && fits(other) && fits(&built));
        self.blocks = other.map(|other| (built.clone(), other));
        built
    }

    fn publish(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: Bytes) -> Vec<Sent> {
        if wire::vote(&bytes).is_some_and(|vote| self.doubled == Some((vote.height, vote.round))) {
            return Vec::new();
        }
        let proposal = wire::proposal(&bytes).filter(|proposal| proposal.polka_round.is_none());
        let Some((proposal, (built, other))) = proposal.zip(self.blocks.as_ref()) else {
            return vec![Sent::all(topic, bytes)];
        };
        if proposal.block_hash != built.0 {
            return vec![Sent::all(topic, bytes)];
        }
        let blocks = if built.0 < other.0 { [built, other] } else { [other, built] };
        let sent = self.split(tools, proposal.height, proposal.round, blocks);
        self.doubled = Some((proposal.height, proposal.round));
        sent
    }

    fn hear(&mut self, tools: &mut Tools<'_>, _: Topic, bytes: &Bytes) -> Vec<Sent> {
        let Some(proposal) = wire::proposal(bytes) else { return Vec::new() };
        let is_ours = tools.accomplices.iter().any(|place| VALIDATOR_KEYS[*place].address == proposal.proposer);
        let (height, round) = (proposal.height, proposal.round);
        if !is_ours || self.doubled == Some((height, round)) {
            return Vec::new();
        }
        if (self.heard.0, self.heard.1) != (height, round) {
            self.heard = (height, round, BTreeSet::new());
        }
        self.heard.2.insert(proposal.block_hash);
        let blocks: Vec<_> = self.heard.2.iter().copied().collect();
        let [first, second] = blocks[..] else { return Vec::new() };
        tools.coverage.hit(Path::Colluder);
        self.doubled = Some((height, round));
        let honest = tools.others().filter(|to| !tools.accomplices.contains(to));
        let votes = honest.flat_map(|to| {
            let hash = [first, second][side(tools, to)];
            [VoteKind::Prevote, VoteKind::Precommit].map(|kind| {
                let (topic, bytes) = vote(tools, kind, height, round, hash);
                Sent::one(to, topic, bytes)
            })
        });
        votes.collect()
    }
}
