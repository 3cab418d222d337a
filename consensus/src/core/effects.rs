//! Answers the core's effects: signatures on the spot, everything else as an output for the machine.
//!
//! The core asks for signatures to be verified, too; it is told that they are, because every input was verified by the
//! machine before, once, where the verdict over a gossip message needs it.
use super::{
    CoreInput,
    context::{CoreContext, CoreProposal, CoreVote},
    convert::{plain_polka, plain_proposal, plain_round, plain_round_certificate, plain_vote},
};
use crate::{
    Equivocation, SignedProposal, SignedVote,
    certificate::{CommitCertificate, CommitSignature},
    gossip::{Polka, RoundProof},
    record::{SignedStep, SigningGuard},
    signing::{ChainIdentity, Signature, VoteKind},
};
use alloy_primitives::{Address, B256};
use arc_malachitebft_core_consensus::{Effect, LivenessMsg, Resumable, Resume, SignedConsensusMsg, VoteExtensionError};
use arc_malachitebft_core_types::{CertificateError, SignedMessage, Timeout};

/// What the core wants done.
pub(crate) enum CoreOutput {
    /// End all waits.
    CancelAll,
    /// End one wait.
    Cancel(Timeout),
    /// Begin a wait.
    Schedule(Timeout),
    /// A round begins.
    Round { round: u32, proposer: Address },
    /// Tell the others.
    Publish(Outgoing),
    /// Send this block to the others again.
    Restream { block_hash: B256 },
    /// Build a block for this round.
    Build { round: u32 },
    /// Write this to the log.
    Log(CoreInput),
    /// It is decided.
    Decide(CommitCertificate),
    /// Somebody signed twice.
    Evidence(Vec<Equivocation>),
    /// The guard did not sign.
    SignatureRefused { round: u32 },
    /// The input could not be processed.
    Failed(String),
}

/// A message of ours, or one that we repeat.
pub(crate) enum Outgoing {
    Vote(SignedVote),
    Proposal(SignedProposal),
    Polka(Polka),
    RoundProof(RoundProof),
}

/// What answering effects needs.
pub(crate) struct Tools<'a> {
    pub(crate) chain: &'a ChainIdentity,
    pub(crate) guard: Option<&'a mut SigningGuard>,
    pub(crate) outputs: Vec<CoreOutput>,
}

/// The guard refused, or the core asked for what is never used here.
#[derive(Debug)]
pub(crate) struct Unanswered;

impl Tools<'_> {
    /// Answers one effect.
    pub(crate) fn answer(&mut self, effect: Effect<CoreContext>) -> Result<Resume<CoreContext>, Unanswered> {
        let proceed = Ok(Resume::Continue);
        match effect {
            Effect::CancelAllTimeouts(_) => self.push(CoreOutput::CancelAll),
            Effect::CancelTimeout(timeout, _) => self.push(CoreOutput::Cancel(timeout)),
            Effect::ScheduleTimeout(timeout, _) => self.push(CoreOutput::Schedule(timeout)),
            Effect::StartRound(_, round, proposer, _, _) => {
                let round = plain_round(round).unwrap_or(0);
                self.push(CoreOutput::Round { round, proposer: proposer.0 });
            }
            Effect::PublishConsensusMsg(message, _) => {
                let message = match message {
                    SignedConsensusMsg::Vote(vote) => Outgoing::Vote(plain_vote(&vote)),
                    SignedConsensusMsg::Proposal(proposal) => Outgoing::Proposal(plain_proposal(&proposal)),
                };
                self.push(CoreOutput::Publish(message));
            }
            Effect::PublishLivenessMsg(message, _) => {
                let message = match message {
                    LivenessMsg::Vote(vote) => Outgoing::Vote(plain_vote(&vote)),
                    LivenessMsg::PolkaCertificate(polka) => Outgoing::Polka(plain_polka(&polka)),
                    LivenessMsg::SkipRoundCertificate(proof) => Outgoing::RoundProof(plain_round_certificate(&proof)),
                };
                self.push(CoreOutput::Publish(message));
            }
            Effect::RepublishVote(vote, _) => self.push(CoreOutput::Publish(Outgoing::Vote(plain_vote(&vote)))),
            Effect::RepublishRoundCertificate(proof, _) => {
                self.push(CoreOutput::Publish(Outgoing::RoundProof(plain_round_certificate(&proof))));
            }
            Effect::GetValue(_, round, _, _) => {
                self.push(CoreOutput::Build { round: plain_round(round).unwrap_or(0) });
            }
            Effect::RestreamProposal(_, _, _, _, block_hash, _) => self.push(CoreOutput::Restream { block_hash }),
            Effect::Decide(certificate, _, _) => {
                let mut signatures: Vec<_> = certificate
                    .commit_signatures
                    .iter()
                    .map(|signed| CommitSignature { address: signed.address.0, signature: signed.signature })
                    .collect();
                signatures.sort_by_key(|signed| signed.address);
                self.push(CoreOutput::Decide(CommitCertificate {
                    height: certificate.height.0,
                    round: plain_round(certificate.round).unwrap_or(0),
                    block_hash: certificate.value_id,
                    signatures,
                }));
            }
            Effect::Finalize(_, _, evidence, _) => {
                self.push(CoreOutput::Evidence(super::convert::evidence(&evidence)));
            }
            Effect::WalAppend(_, input, _) => self.push(CoreOutput::Log(input)),
            Effect::SignVote(vote, resume) => {
                let signature = self.sign_vote(&vote)?;
                return Ok(resume.resume_with(SignedMessage::new(vote, signature)));
            }
            Effect::SignProposal(proposal, resume) => {
                let signature = self.sign_proposal(&proposal)?;
                return Ok(resume.resume_with(SignedMessage::new(proposal, signature)));
            }
            // The machine gives the core nothing from outside that it has not verified, and the log holds nothing else.
            Effect::VerifySignature(_, _, resume) => return Ok(resume.resume_with(true)),
            Effect::VerifyCommitCertificate(_, _, _, resume) => return Ok(resume.resume_with(Ok(()))),
            Effect::VerifyPolkaCertificate(_, _, _, resume) => return Ok(resume.resume_with(Ok(()))),
            Effect::VerifyRoundCertificate(_, _, _, resume) => return Ok(resume.resume_with(Ok(()))),
            // Catch-up is ours, and votes carry no extensions: the core has no reason to ask.
            Effect::VerifyExtendedCommitCertificate(_, _, _, _, resume) => {
                return Ok(resume.resume_with(Err(CertificateError::VerificationError(None))));
            }
            Effect::VerifyVoteExtension(_, _, _, _, _, _, resume) => {
                return Ok(resume.resume_with(Err(VoteExtensionError::InvalidVoteExtension)));
            }
            Effect::ExtendVote(_, _, _, _, resume) => return Ok(resume.resume_with(None)),
            Effect::CertVerifiedSyncValue(..) | Effect::CertRejectedSyncValue(..) => {}
        }
        proceed
    }

    fn push(&mut self, output: CoreOutput) {
        self.outputs.push(output);
    }

    fn sign_vote(&mut self, vote: &CoreVote) -> Result<Signature, Unanswered> {
        let plain = plain_vote(&SignedMessage::new(vote.clone(), Signature::ZERO));
        let step = match plain.kind {
            VoteKind::Prevote => SignedStep::Prevote,
            VoteKind::Precommit => SignedStep::Precommit,
        };
        self.sign(plain.height, plain.round, step, plain.block_hash, plain.digest(self.chain))
    }

    fn sign_proposal(&mut self, proposal: &CoreProposal) -> Result<Signature, Unanswered> {
        let plain = plain_proposal(&SignedMessage::new(proposal.clone(), Signature::ZERO));
        self.sign(plain.height, plain.round, SignedStep::Proposal, plain.block_hash, plain.digest(self.chain))
    }

    fn sign(
        &mut self,
        height: u64,
        round: u32,
        step: SignedStep,
        block_hash: B256,
        digest: B256,
    ) -> Result<Signature, Unanswered> {
        let signed = self.guard.as_mut().and_then(|guard| guard.sign(height, round, step, block_hash, digest).ok());
        if signed.is_none() {
            self.push(CoreOutput::SignatureRefused { round });
        }
        signed.ok_or(Unanswered)
    }
}
