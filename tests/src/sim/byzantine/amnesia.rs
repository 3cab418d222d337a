//! Starts again with neither log nor signing record whenever it likes: it has never signed, and is locked on nothing.
use super::{Adversary, Sent, Tools, wire};
use crate::sim::coverage::Path;
use bytes::Bytes;
use pervade_consensus::{Topic, VoteKind};

/// See the module.
pub struct Amnesia;

impl Adversary for Amnesia {
    fn forgets(&mut self, tools: &mut Tools<'_>) -> bool {
        let forgets = tools.random.per_mille(200);
        if forgets {
            tools.coverage.hit(Path::Amnesia);
        }
        forgets
    }

    /// Votes for whatever is proposed, whatever it was locked on.
    fn hear(&mut self, tools: &mut Tools<'_>, topic: Topic, bytes: &Bytes) -> Vec<Sent> {
        let Some(proposal) = wire::proposal(bytes).filter(|_| tools.random.per_mille(200)) else { return Vec::new() };
        let vote = wire::sign_vote(tools, VoteKind::Prevote, proposal.height, proposal.round, proposal.block_hash);
        vec![Sent::all(topic, wire::vote_message(&vote))]
    }
}
