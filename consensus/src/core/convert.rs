//! Between the core's types and ours.
use super::context::{BlockValue, CoreContext, CoreProposal, CoreVote, Height, Name};
use crate::{
    Equivocation, SignedProposal, SignedVote,
    certificate::CommitSignature,
    gossip::{Polka, RoundProof, RoundProofKind},
    signing::VoteKind,
};
use alloy_primitives::{Address, B256};
use arc_malachitebft_core_consensus::{LocallyProposedValue, MisbehaviorEvidence, ProposedValue};
use arc_malachitebft_core_types::{
    self as core, NilOrVal, PolkaCertificate, PolkaSignature, Round, RoundCertificate, RoundCertificateType,
    RoundSignature, SignedMessage, Validity, VoteType,
};

pub(crate) fn core_round(round: Option<u32>) -> Round {
    round.map_or(Round::Nil, Round::new)
}

pub(crate) fn plain_round(round: Round) -> Option<u32> {
    round.as_u32()
}

/// A judged block as the core takes it.
pub(crate) fn value_of(
    height: u64,
    round: Round,
    valid_round: Round,
    proposer: Address,
    block_hash: B256,
    validity: Validity,
) -> ProposedValue<CoreContext> {
    let (height, value, proposer) = (Height(height), BlockValue(block_hash), Name(proposer));
    ProposedValue { height, round, valid_round, proposer, value, validity }
}

/// Proposer and hash of a judged block.
pub(crate) fn value_parts(proposed: &ProposedValue<CoreContext>) -> (Address, B256) {
    (proposed.proposer.0, proposed.value.0)
}

/// A block that this node built, as the core takes it.
pub(crate) fn local_value(height: u64, round: u32, block_hash: B256) -> LocallyProposedValue<CoreContext> {
    LocallyProposedValue { height: Height(height), round: Round::new(round), value: BlockValue(block_hash) }
}

fn nil_or(block_hash: B256) -> NilOrVal<B256> {
    if block_hash == B256::ZERO { NilOrVal::Nil } else { NilOrVal::Val(block_hash) }
}

/// Zero for nil.
pub(crate) fn hash_or_zero(value: &NilOrVal<B256>) -> B256 {
    match value {
        NilOrVal::Nil => B256::ZERO,
        NilOrVal::Val(block_hash) => *block_hash,
    }
}

fn core_kind(kind: VoteKind) -> VoteType {
    match kind {
        VoteKind::Prevote => VoteType::Prevote,
        VoteKind::Precommit => VoteType::Precommit,
    }
}

pub(crate) fn plain_kind(kind: VoteType) -> VoteKind {
    match kind {
        VoteType::Prevote => VoteKind::Prevote,
        VoteType::Precommit => VoteKind::Precommit,
    }
}

pub(crate) fn core_vote(vote: &SignedVote) -> core::SignedVote<CoreContext> {
    let message = CoreVote {
        kind: core_kind(vote.kind),
        height: Height(vote.height),
        round: Round::new(vote.round),
        value: nil_or(vote.block_hash),
        validator: Name(vote.validator),
    };
    SignedMessage::new(message, vote.signature)
}

pub(crate) fn plain_vote(vote: &core::SignedVote<CoreContext>) -> SignedVote {
    SignedVote {
        kind: plain_kind(vote.message.kind),
        height: vote.message.height.0,
        round: vote.message.round.as_u32().unwrap_or(0),
        block_hash: hash_or_zero(&vote.message.value),
        validator: vote.message.validator.0,
        signature: vote.signature,
    }
}

pub(crate) fn core_proposal(proposal: &SignedProposal) -> core::SignedProposal<CoreContext> {
    let message = CoreProposal {
        height: Height(proposal.height),
        round: Round::new(proposal.round),
        value: BlockValue(proposal.block_hash),
        polka_round: core_round(proposal.polka_round),
        proposer: Name(proposal.proposer),
    };
    SignedMessage::new(message, proposal.signature)
}

pub(crate) fn plain_proposal(proposal: &core::SignedProposal<CoreContext>) -> SignedProposal {
    SignedProposal {
        height: proposal.message.height.0,
        round: proposal.message.round.as_u32().unwrap_or(0),
        polka_round: proposal.message.polka_round.as_u32(),
        block_hash: proposal.message.value.0,
        proposer: proposal.message.proposer.0,
        signature: proposal.signature,
    }
}

pub(crate) fn core_polka(polka: &Polka) -> PolkaCertificate<CoreContext> {
    let signatures = polka.signatures.iter();
    PolkaCertificate {
        height: Height(polka.height),
        round: Round::new(polka.round),
        value_id: polka.block_hash,
        polka_signatures: signatures
            .map(|signed| PolkaSignature::new(Name(signed.address), signed.signature))
            .collect(),
    }
}

pub(crate) fn plain_polka(polka: &PolkaCertificate<CoreContext>) -> Polka {
    let signatures = polka.polka_signatures.iter();
    Polka {
        height: polka.height.0,
        round: polka.round.as_u32().unwrap_or(0),
        block_hash: polka.value_id,
        signatures: signatures
            .map(|signed| CommitSignature { address: signed.address.0, signature: signed.signature })
            .collect(),
    }
}

pub(crate) fn core_round_certificate(proof: &RoundProof) -> RoundCertificate<CoreContext> {
    let votes = proof.votes.iter();
    RoundCertificate {
        height: Height(proof.height),
        round: Round::new(proof.round),
        cert_type: match proof.kind {
            RoundProofKind::Skip => RoundCertificateType::Skip,
            RoundProofKind::Precommits => RoundCertificateType::Precommit,
        },
        round_signatures: votes
            .map(|vote| {
                RoundSignature::new(core_kind(vote.kind), nil_or(vote.block_hash), Name(vote.validator), vote.signature)
            })
            .collect(),
    }
}

pub(crate) fn plain_round_certificate(certificate: &RoundCertificate<CoreContext>) -> RoundProof {
    let (height, round) = (certificate.height.0, certificate.round.as_u32().unwrap_or(0));
    let votes = certificate.round_signatures.iter();
    RoundProof {
        height,
        round,
        kind: match certificate.cert_type {
            RoundCertificateType::Skip => RoundProofKind::Skip,
            RoundCertificateType::Precommit => RoundProofKind::Precommits,
        },
        votes: votes
            .map(|signed| SignedVote {
                kind: plain_kind(signed.vote_type),
                height,
                round,
                block_hash: hash_or_zero(&signed.value_id),
                validator: signed.address.0,
                signature: signed.signature,
            })
            .collect(),
    }
}

/// Pairs of what a validator signed twice.
pub(crate) fn evidence(found: &MisbehaviorEvidence<CoreContext>) -> Vec<Equivocation> {
    let votes = found.votes.iter().flat_map(|(_, pairs)| pairs);
    let votes = votes.map(|(a, b)| Equivocation::of_votes(plain_vote(a), plain_vote(b)));
    let proposals = found.proposals.iter().flat_map(|(_, pairs)| pairs);
    let proposals = proposals.map(|(a, b)| Equivocation::of_proposals(plain_proposal(a), plain_proposal(b)));
    votes.chain(proposals).collect()
}
