//! Messages of others: verified here, once, then given to the core.
use super::{
    Machine,
    early::EarlyMessage,
    heard::News,
    height::{Height, Phase},
};
use crate::{
    PeerId,
    action::{Action, Offence, Verdict},
    core::{CoreInput, core_polka, core_proposal, core_round_certificate, core_vote},
    event::Topic,
    gossip::{GossipMessage, Polka, RoundProof, RoundProofKind},
    message::{SignedProposal, SignedVote},
    notice::{Notice, SilenceReason},
    record::SignedStep,
    signing::VoteKind,
};
use alloy_primitives::B256;
use arc_malachitebft_core_consensus::Input;
use bytes::Bytes;

/// Verified inputs that wait until the height begins: two votes and more of every validator.
pub(crate) const QUEUED_INPUTS_MAX: usize = 4096;
/// Rounds ahead of the current one from which votes are taken; the core's own bound.
pub(crate) const ROUNDS_AHEAD_MAX: u32 = 10;
/// Blocks proposed again that are remembered at a height: honest proposers have one or two.
pub(crate) const REPROPOSED_MAX: usize = 64;

/// Keeps an input until the height begins.
pub(super) fn queue(queued: &mut Vec<CoreInput>, input: CoreInput) {
    if queued.len() < QUEUED_INPUTS_MAX && !queued.contains(&input) {
        queued.push(input);
    }
}

impl Machine {
    /// A gossip message came in.
    pub(super) fn on_message(&mut self, id: u64, peer: PeerId, topic: Topic, bytes: Bytes) {
        let message = match GossipMessage::decode(&bytes) {
            Ok(message) if (topic == Topic::BlockParts) == matches!(message, GossipMessage::Part(_)) => message,
            _ => {
                self.verdict(id, Verdict::Reject);
                return self.actions.push(Action::Report { peer, offence: Offence::MalformedMessage });
            }
        };
        let current = self.current();
        let is_open = self.height.as_ref().is_some_and(|height| height.phase != Phase::Decided);
        if message.height() == current && is_open {
            let content = message.content_id(&bytes);
            let verdict = match self.on_current(message) {
                Verdict::Accept if !self.passes(content) => Verdict::Ignore,
                verdict => verdict,
            };
            match verdict {
                Verdict::Reject => self.actions.push(Action::Report { peer, offence: Offence::BadSignature }),
                Verdict::Ignore if topic == Topic::Consensus => self.on_useless(peer),
                _ => {}
            }
            return self.verdict(id, verdict);
        }
        if message.height() < current && topic == Topic::Consensus {
            self.on_useless(peer);
            return self.verdict(id, Verdict::Ignore);
        }
        // While a height is open, the one after it is early; between two heights, the next one is.
        let early = if is_open { current.saturating_add(1) } else { current };
        if message.height() > early {
            self.sync.poll_soon();
        }
        let is_kept = message.height() == early && self.early.push(EarlyMessage { id, peer, topic, bytes });
        if !is_kept {
            self.verdict(id, Verdict::Ignore);
        }
    }

    fn on_current(&mut self, message: GossipMessage) -> Verdict {
        match message {
            GossipMessage::Vote(vote) => self.on_vote(vote),
            GossipMessage::Proposal(proposal) => self.on_proposal(proposal),
            GossipMessage::Polka(polka) => self.on_polka(polka),
            GossipMessage::RoundProof(proof) => self.on_round_proof(proof),
            GossipMessage::Part(part) => self.on_part(part),
        }
    }

    fn on_vote(&mut self, vote: SignedVote) -> Verdict {
        let Some(height) = &self.height else { return Verdict::Ignore };
        if is_too_far(height, vote.round) {
            return Verdict::Ignore;
        }
        match height.heard.vote(&vote) {
            News::Repeated => return Verdict::Accept, // For those who missed it.
            News::Spent => return Verdict::Ignore,
            News::New => {}
        }
        if !vote.holds(&self.settings.chain, &height.set, self.verifier.as_ref()) {
            return Verdict::Reject;
        }
        if vote.validator == self.address {
            let step = match vote.kind {
                VoteKind::Prevote => SignedStep::Prevote,
                VoteKind::Precommit => SignedStep::Precommit,
            };
            self.on_own(step, vote.round, vote.digest(&self.settings.chain));
        }
        if self.height.as_mut().is_some_and(|height| height.heard.note_vote(&vote)) {
            self.on_fault(vote.validator);
        }
        self.feed(Input::Vote(core_vote(&vote)));
        self.on_woken(vote.validator);
        Verdict::Accept
    }

    fn on_proposal(&mut self, proposal: SignedProposal) -> Verdict {
        let Some(height) = &self.height else { return Verdict::Ignore };
        if is_too_far(height, proposal.round) {
            return Verdict::Ignore;
        }
        let has_polka = height.has_polka(proposal.block_hash);
        match height.heard.proposal(&proposal, has_polka) {
            News::Repeated => return Verdict::Accept,
            News::Spent => return Verdict::Ignore,
            News::New => {}
        }
        let turn = height.set.proposer(height.number, proposal.round).address;
        let holds =
            proposal.proposer == turn && proposal.holds(&self.settings.chain, &height.set, self.verifier.as_ref());
        if !holds {
            return Verdict::Reject;
        }
        if proposal.proposer == self.address {
            self.on_own(SignedStep::Proposal, proposal.round, proposal.digest(&self.settings.chain));
        }
        if self.height.as_mut().is_some_and(|height| height.heard.note_proposal(&proposal)) {
            self.on_fault(proposal.proposer);
        }
        self.on_proposer_alive(proposal.round, proposal.proposer);
        if proposal.round == 0 {
            self.begin();
        }
        if proposal.polka_round.is_none() {
            self.on_offered(proposal.block_hash, proposal.round);
        } else if let Some(height) = &mut self.height {
            height.note_reproposed(proposal.block_hash);
        }
        self.feed(Input::Proposal(core_proposal(&proposal)));
        Verdict::Accept
    }

    fn on_polka(&mut self, polka: Polka) -> Verdict {
        let Some(height) = &self.height else { return Verdict::Ignore };
        if height.heard.has_polka(polka.round, polka.block_hash) {
            return Verdict::Ignore;
        }
        if !polka.holds(&self.settings.chain, &height.set, self.verifier.as_ref()) {
            return Verdict::Reject;
        }
        self.begin();
        if let Some(height) = &mut self.height {
            height.heard.note_polka(polka.round, polka.block_hash);
            height.polkas.insert(polka.block_hash);
        }
        // Before the core hears of it: it would vote on what it was told of the block so far.
        self.judge_again();
        self.feed(Input::PolkaCertificate(core_polka(&polka)));
        Verdict::Accept
    }

    fn on_round_proof(&mut self, proof: RoundProof) -> Verdict {
        let Some(height) = &self.height else { return Verdict::Ignore };
        let round = height.core.round().unwrap_or(0);
        let is_past = match proof.kind {
            RoundProofKind::Skip => proof.round <= round,
            RoundProofKind::Precommits => proof.round < round,
        };
        if is_past || height.heard.has_proof(proof.kind, proof.round) {
            return Verdict::Ignore;
        }
        if !proof.holds(&self.settings.chain, &height.set, self.verifier.as_ref()) {
            return Verdict::Reject;
        }
        if let Some(height) = &mut self.height {
            height.heard.note_proof(proof.kind, proof.round);
        }
        self.begin();
        self.feed(Input::RoundCertificate(core_round_certificate(&proof)));
        Verdict::Accept
    }

    /// Whether a content is worth passing on now.
    fn passes(&mut self, content: B256) -> bool {
        let now_ms = self.now.monotonic_ms;
        self.height.as_mut().is_some_and(|height| height.heard.passes(content, now_ms))
    }

    /// A peer brought what is of no use. One that does nothing else is not correct.
    fn on_useless(&mut self, peer: PeerId) {
        let validators = self.height.as_ref().map_or(1, |height| height.set.members().len());
        if !self.patience.bear(&peer, self.now.monotonic_ms, validators) {
            self.actions.push(Action::Report { peer, offence: Offence::Useless });
        }
    }

    /// A message with our own signature came back. If it is not one of ours, somebody else has our key.
    fn on_own(&mut self, step: SignedStep, round: u32, digest: B256) {
        let Some(height) = &self.height else { return };
        // A node that lost its log does not know what it signed.
        if !height.may_sign || height.own.contains(&(step, round, digest)) {
            return;
        }
        let number = height.number;
        self.key_is_elsewhere = true;
        self.notice(Notice::KeyInUseElsewhere { height: number, round });
        self.silence(SilenceReason::KeyInUseElsewhere);
    }
}

impl Height {
    /// Whether two thirds prevoted a block in some round, as far as was seen here.
    pub(super) fn has_polka(&self, block_hash: B256) -> bool {
        self.polkas.contains(&block_hash) || self.core.has_polka(block_hash)
    }

    /// Takes note of a proposal that refers to a polka. Without room for it, it is judged as any other.
    pub(super) fn note_reproposed(&mut self, block_hash: B256) {
        if self.reproposed.len() < REPROPOSED_MAX {
            self.reproposed.insert(block_hash);
        }
    }
}

/// Whether a round is beyond what is taken now.
fn is_too_far(height: &Height, round: u32) -> bool {
    round > height.core.round().unwrap_or(0).saturating_add(ROUNDS_AHEAD_MAX)
}
