//! What was heard of each signer at a height, and what it may still say.
//!
//! A good signature is no licence to keep others busy: whoever holds a validator's key can sign for ever. So what one key
//! can cause at a height is bounded before a signature is checked, anything is written down, or a block is executed:
//!
//! ```text
//!   votes       the first of each round and kind        ┐  and so many second ones as prove that their author
//!   proposals   the first of a round                    ┘  signs twice
//!   bodies      two of a round: a correct proposer has one
//!   polkas      one of each round and block, proofs one of each round and kind
//!   anything    passed on again only after a while
//! ```
//!
//! Only what was verified is remembered, so nobody can take another's place. What is beyond is of no use to anybody: the
//! core counts one vote of a validator, and takes a block that two thirds want whoever else was proposed.
use crate::{
    evidence::EVIDENCE_PER_VALIDATOR_MAX,
    gossip::RoundProofKind,
    message::{SignedProposal, SignedVote},
    parts::PartsHead,
    signing::VoteKind,
    timing::REPEAT_MS,
};
use alloy_primitives::{Address, B256};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// Second votes of one validator that are looked at: as many as are kept as evidence.
pub(crate) const CONFLICTS_MAX: usize = EVIDENCE_PER_VALIDATOR_MAX;
/// Proposals of one round that are looked at: one, and another that proves that its author signs twice.
pub(crate) const PROPOSALS_PER_ROUND_MAX: usize = 2;
/// Signed heads of bodies of one round that are looked at: as many bodies are executed at most.
pub(crate) const HEADS_PER_ROUND_MAX: usize = 2;
/// The same content is passed on again after this time, milliseconds: correct nodes repeat more seldom.
pub(crate) const PASS_MS: u64 = REPEAT_MS / 2;
/// Contents whose last passing is remembered: votes of the largest set in a dozen rounds, and the parts of some bodies.
pub(crate) const PASSED_MAX: usize = 8_192;

/// A message, next to what was heard before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// Worth checking; to be noted if it holds.
    New,
    /// The very same was checked before.
    Repeated,
    /// Whatever it says, it says nothing that is wanted.
    Spent,
}

/// What was heard at a height. Rounds are bounded by those that this node has reached, and a few more.
#[derive(Debug, Clone, Default)]
pub(super) struct Heard {
    votes: BTreeMap<(u32, VoteKind, Address), SignedVote>,
    /// Second votes by validator.
    conflicts: BTreeMap<Address, usize>,
    proposals: BTreeMap<u32, Vec<SignedProposal>>,
    /// Heads by round, and whether the body under them was complete.
    heads: BTreeMap<u32, Vec<(PartsHead, bool)>>,
    polkas: BTreeSet<(u32, B256)>,
    proofs: BTreeSet<(RoundProofKind, u32)>,
    /// When a content was passed on last, milliseconds.
    passed: BTreeMap<B256, u64>,
}

impl Heard {
    /// Whether a vote may be news.
    pub(super) fn vote(&self, vote: &SignedVote) -> News {
        let conflicts = self.conflicts.get(&vote.validator).copied().unwrap_or(0);
        match self.votes.get(&(vote.round, vote.kind, vote.validator)) {
            None => News::New,
            Some(first) if first == vote => News::Repeated,
            // Another signature under the same words, or one proof more than is kept.
            Some(first) if first.block_hash == vote.block_hash || conflicts >= CONFLICTS_MAX => News::Spent,
            Some(_) => News::New,
        }
    }

    /// Remembers a vote that holds. Whether its author said something else before.
    pub(super) fn note_vote(&mut self, vote: &SignedVote) -> bool {
        match self.votes.entry((vote.round, vote.kind, vote.validator)) {
            Entry::Vacant(place) => {
                place.insert(*vote);
                false
            }
            Entry::Occupied(first) => {
                let is_second = first.get().block_hash != vote.block_hash;
                if is_second {
                    let conflicts = self.conflicts.entry(vote.validator).or_default();
                    *conflicts = conflicts.saturating_add(1);
                }
                is_second
            }
        }
    }

    /// Whether a proposal may be news. `has_polka`: two thirds prevoted its block, so it is wanted whatever came before.
    pub(super) fn proposal(&self, proposal: &SignedProposal, has_polka: bool) -> News {
        let known = self.proposals.get(&proposal.round).map(Vec::as_slice).unwrap_or_default();
        let names_block = |other: &SignedProposal| other.block_hash == proposal.block_hash;
        let says_the_same = |other: &SignedProposal| names_block(other) && other.polka_round == proposal.polka_round;
        if known.contains(proposal) {
            News::Repeated
        } else if known.iter().any(says_the_same) {
            News::Spent
        } else if known.len() < PROPOSALS_PER_ROUND_MAX || (has_polka && !known.iter().any(names_block)) {
            News::New
        } else {
            News::Spent
        }
    }

    /// Remembers a proposal that holds. Whether its author said something else before.
    pub(super) fn note_proposal(&mut self, proposal: &SignedProposal) -> bool {
        let known = self.proposals.entry(proposal.round).or_default();
        if known.contains(proposal) {
            return false;
        }
        known.push(*proposal);
        known.len() > 1
    }

    /// Whether some proposal is for this block.
    pub(super) fn names(&self, block_hash: B256) -> bool {
        self.proposals.values().flatten().any(|proposal| proposal.block_hash == block_hash)
    }

    /// Whether a head of a body may be news.
    pub(super) fn head(&self, head: &PartsHead) -> News {
        let known = self.heads.get(&head.round).map(Vec::as_slice).unwrap_or_default();
        if known.iter().any(|(other, _)| other == head) {
            News::Repeated
        } else if known.len() < HEADS_PER_ROUND_MAX {
            News::New
        } else {
            News::Spent
        }
    }

    /// Remembers a head that holds.
    pub(super) fn note_head(&mut self, head: PartsHead) {
        let known = self.heads.entry(head.round).or_default();
        if !known.iter().any(|(other, _)| *other == head) {
            known.push((head, false));
        }
    }

    /// The body under a head is complete: it is not put together again.
    pub(super) fn finish(&mut self, head: &PartsHead) {
        let known = self.heads.get_mut(&head.round).map(Vec::as_mut_slice).unwrap_or_default();
        if let Some((_, is_complete)) = known.iter_mut().find(|(other, _)| other == head) {
            *is_complete = true;
        }
    }

    /// Whether the body under a head was complete.
    pub(super) fn is_finished(&self, head: &PartsHead) -> bool {
        self.heads.get(&head.round).is_some_and(|known| known.contains(&(*head, true)))
    }

    /// Whether a polka for this block in this round was checked before.
    pub(super) fn has_polka(&self, round: u32, block_hash: B256) -> bool {
        self.polkas.contains(&(round, block_hash))
    }

    /// Remembers a polka that holds.
    pub(super) fn note_polka(&mut self, round: u32, block_hash: B256) {
        self.polkas.insert((round, block_hash));
    }

    /// Whether a proof for this round was checked before.
    pub(super) fn has_proof(&self, kind: RoundProofKind, round: u32) -> bool {
        self.proofs.contains(&(kind, round))
    }

    /// Remembers a proof that holds.
    pub(super) fn note_proof(&mut self, kind: RoundProofKind, round: u32) {
        self.proofs.insert((kind, round));
    }

    /// Whether a content is to be passed on now, and remembers that it was.
    pub(super) fn passes(&mut self, content: B256, now_ms: u64) -> bool {
        if self.passed.get(&content).is_some_and(|last_ms| now_ms < last_ms.saturating_add(PASS_MS)) {
            return false;
        }
        if self.passed.len() >= PASSED_MAX && !self.passed.contains_key(&content) {
            // Each may pass once more, at worst.
            self.passed.clear();
        }
        self.passed.insert(content, now_ms);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Signer,
        tests::{CHAIN, address, signer, vote},
    };
    use bytes::Bytes;

    fn hash(number: usize) -> B256 {
        B256::left_padding_from(&(number + 1).to_be_bytes())
    }

    fn prevote(validator: u64, round: u32, number: usize) -> SignedVote {
        vote(validator, VoteKind::Prevote, 1, round, hash(number))
    }

    fn proposal(round: u32, number: usize, polka_round: Option<u32>) -> SignedProposal {
        let signature = signer(0).sign(hash(number));
        SignedProposal { height: 1, round, polka_round, block_hash: hash(number), proposer: address(0), signature }
    }

    #[test]
    fn second_votes_are_news_up_to_the_limit_over_all_rounds_and_spent_after() {
        let mut heard = Heard::default();
        for round in 0..2 {
            assert_eq!(heard.vote(&prevote(0, round, 0)), News::New);
            assert!(!heard.note_vote(&prevote(0, round, 0)));
        }
        for number in 1..=CONFLICTS_MAX {
            let second = prevote(0, number as u32 % 2, number);
            assert_eq!(heard.vote(&second), News::New);
            assert!(heard.note_vote(&second));
        }
        assert_eq!(heard.vote(&prevote(0, 1, 99)), News::Spent);
        assert_eq!(heard.vote(&prevote(0, 0, 0)), News::Repeated, "the first stays the first");
        assert_eq!(heard.vote(&prevote(0, 2, 0)), News::New, "its vote in another round counts");
        assert_eq!(heard.vote(&prevote(1, 0, 99)), News::New, "others have nothing to do with it");
    }

    #[test]
    fn another_signature_under_the_same_words_is_spent() {
        let mut heard = Heard::default();
        heard.note_vote(&prevote(0, 0, 0));
        let signature = signer(0).sign(hash(7));
        assert_eq!(heard.vote(&SignedVote { signature, ..prevote(0, 0, 0) }), News::Spent);
        heard.note_proposal(&proposal(0, 0, None));
        assert_eq!(heard.proposal(&SignedProposal { signature, ..proposal(0, 0, None) }, true), News::Spent);
    }

    #[test]
    fn two_proposals_of_a_round_are_news_and_a_third_only_with_a_polka() {
        let mut heard = Heard::default();
        for number in 0..PROPOSALS_PER_ROUND_MAX {
            assert_eq!(heard.proposal(&proposal(3, number, None), false), News::New);
            assert_eq!(heard.note_proposal(&proposal(3, number, None)), number > 0);
        }
        assert_eq!(heard.proposal(&proposal(3, 0, None), false), News::Repeated);
        assert_eq!(heard.proposal(&proposal(3, 9, None), false), News::Spent);
        assert_eq!(heard.proposal(&proposal(3, 0, Some(1)), true), News::Spent, "its block is proposed already");
        assert_eq!(heard.proposal(&proposal(3, 9, None), true), News::New);
        assert_eq!(heard.proposal(&proposal(4, 9, None), false), News::New, "another round");
    }

    #[test]
    fn two_heads_of_a_round_are_news_and_what_is_complete_stays_so() {
        let mut heard = Heard::default();
        let head = |round, number| {
            PartsHead::sign(1, round, hash(number), &Bytes::from_static(b"body"), &CHAIN, |digest| {
                signer(0).sign(digest)
            })
        };
        for number in 0..HEADS_PER_ROUND_MAX {
            assert_eq!(heard.head(&head(0, number)), News::New);
            heard.note_head(head(0, number));
            heard.note_head(head(0, number));
        }
        assert_eq!(heard.head(&head(0, 1)), News::Repeated);
        assert_eq!(heard.head(&head(0, 9)), News::Spent);
        assert_eq!(heard.head(&head(1, 9)), News::New, "another round");
        assert!(!heard.is_finished(&head(0, 0)));
        heard.finish(&head(0, 0));
        assert!(heard.is_finished(&head(0, 0)) && !heard.is_finished(&head(0, 1)));
    }

    #[test]
    fn a_content_passes_again_after_a_while_and_the_memory_is_bounded() {
        let mut heard = Heard::default();
        assert!(heard.passes(hash(0), 1_000));
        assert!(!heard.passes(hash(0), 1_000 + PASS_MS - 1));
        assert!(heard.passes(hash(0), 1_000 + PASS_MS));
        for number in 1..PASSED_MAX {
            assert!(heard.passes(hash(number), 2_000));
        }
        assert_eq!(heard.passed.len(), PASSED_MAX);
        assert!(!heard.passes(hash(1), 2_000), "at the limit nothing is forgotten");
        assert!(heard.passes(hash(PASSED_MAX), 2_000));
        assert_eq!(heard.passed.len(), 1);
    }
}
