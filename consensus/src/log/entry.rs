//! What a record of the log says.
//!
//! ```text
//! offset  bytes  content
//! 0       1      kind
//! 1       ...    1 vote, 2 proposal, 3 polka: RLP, as in gossip
//!                4 block judged: RLP [round, validRound, proposer, blockHash, verdict]; validRound 0: none, r + 1: round r;
//!                  verdict 1 valid, 0 not
//!                5 wait ended: RLP [step, round]; step 1 propose, 2 prevote, 3 precommit
//!                6 body of a block: 32 bytes of hash, then the body
//! ```
use crate::{
    core::{CoreContext, CoreInput, core_polka, core_proposal, core_round, core_vote, plain_polka, plain_proposal},
    core::{plain_round, plain_vote, value_of, value_parts},
    error::ConsensusError,
    gossip::Polka,
    message::{SignedProposal, SignedVote, check_round, decode_exact},
    notice::Step,
};
use alloy_primitives::{Address, B256};
use alloy_rlp::{Encodable, RlpDecodable, RlpEncodable};
use arc_malachitebft_core_consensus::{Input, ProposedValue};
use arc_malachitebft_core_types::{Round, Timeout, TimeoutKind, Validity, ValueOrigin};
use bytes::Bytes;

/// A record's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum LogEntry {
    Vote(SignedVote),
    Proposal(SignedProposal),
    Polka(Polka),
    Judged(JudgedBlock),
    WaitEnded { step: Step, round: u32 },
    Body { block_hash: B256, body: Bytes },
}

/// A block that this node has built or validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JudgedBlock {
    pub(crate) round: u32,
    pub(crate) valid_round: Option<u32>,
    pub(crate) proposer: Address,
    pub(crate) block_hash: B256,
    pub(crate) is_valid: bool,
}

#[derive(RlpEncodable, RlpDecodable)]
struct JudgedFields {
    round: u32,
    valid_round: u32,
    proposer: Address,
    block_hash: B256,
    verdict: u8,
}

#[derive(RlpEncodable, RlpDecodable)]
struct WaitFields {
    step: u8,
    round: u32,
}

impl LogEntry {
    /// The payload of a record.
    pub(crate) fn encoded(&self) -> Bytes {
        let mut bytes = Vec::new();
        match self {
            Self::Vote(vote) => {
                bytes.push(1);
                vote.encode(&mut bytes);
            }
            Self::Proposal(proposal) => {
                bytes.push(2);
                proposal.encode(&mut bytes);
            }
            Self::Polka(polka) => {
                bytes.push(3);
                polka.encode(&mut bytes);
            }
            Self::Judged(judged) => {
                bytes.push(4);
                let fields = JudgedFields {
                    round: judged.round,
                    valid_round: judged.valid_round.map_or(0, |round| round.saturating_add(1)),
                    proposer: judged.proposer,
                    block_hash: judged.block_hash,
                    verdict: judged.is_valid.into(),
                };
                fields.encode(&mut bytes);
            }
            Self::WaitEnded { step, round } => {
                bytes.push(5);
                let step = match step {
                    Step::Propose => 1,
                    Step::Prevote => 2,
                    Step::Precommit => 3,
                };
                WaitFields { step, round: *round }.encode(&mut bytes);
            }
            Self::Body { block_hash, body } => {
                bytes.push(6);
                bytes.extend(block_hash);
                bytes.extend(body);
            }
        }
        bytes.into()
    }

    /// Reads a record's payload.
    pub(crate) fn decode(payload: &Bytes) -> Result<Self, ConsensusError> {
        let wrong = |reason| ConsensusError::Malformed { what: "log entry", reason };
        let (kind, rest) = payload.split_first().ok_or_else(|| wrong("empty"))?;
        Ok(match kind {
            1 => Self::Vote(decode_exact(rest, "logged vote")?),
            2 => Self::Proposal(decode_exact(rest, "logged proposal")?),
            3 => Self::Polka(Polka::decode_checked(rest)?),
            4 => {
                let fields: JudgedFields = decode_exact(rest, "logged block")?;
                check_round(fields.round).map_err(|_| wrong("round beyond the limit"))?;
                Self::Judged(JudgedBlock {
                    round: fields.round,
                    valid_round: fields.valid_round.checked_sub(1),
                    proposer: fields.proposer,
                    block_hash: fields.block_hash,
                    is_valid: fields.verdict == 1,
                })
            }
            5 => {
                let WaitFields { step, round } = decode_exact(rest, "logged wait")?;
                check_round(round).map_err(|_| wrong("round beyond the limit"))?;
                let step = match step {
                    1 => Step::Propose,
                    2 => Step::Prevote,
                    3 => Step::Precommit,
                    _ => return Err(wrong("no such step")),
                };
                Self::WaitEnded { step, round }
            }
            6 => {
                let hash = rest.first_chunk::<32>().ok_or_else(|| wrong("a body without its hash"))?;
                Self::Body { block_hash: B256::from(*hash), body: payload.slice(33..) }
            }
            _ => return Err(wrong("unknown kind")),
        })
    }

    /// What to log of an input; `None` for what is not logged.
    pub(crate) fn of_input(input: &CoreInput) -> Option<Self> {
        Some(match input {
            Input::Vote(vote) => Self::Vote(plain_vote(vote)),
            Input::Proposal(proposal) => Self::Proposal(plain_proposal(proposal)),
            Input::PolkaCertificate(polka) => Self::Polka(plain_polka(polka)),
            Input::ProposedValue(proposed, _) => {
                let (proposer, block_hash) = value_parts(proposed);
                Self::Judged(JudgedBlock {
                    round: plain_round(proposed.round).unwrap_or(0),
                    valid_round: plain_round(proposed.valid_round),
                    proposer,
                    block_hash,
                    is_valid: proposed.validity.is_valid(),
                })
            }
            Input::TimeoutElapsed(timeout) => {
                let step = wait_step(timeout.kind)?;
                Self::WaitEnded { step, round: plain_round(timeout.round).unwrap_or(0) }
            }
            _ => return None,
        })
    }

    /// The input that was logged; `None` for a body.
    pub(crate) fn to_input(&self, height: u64) -> Option<CoreInput> {
        Some(match self {
            Self::Vote(vote) => Input::Vote(core_vote(vote)),
            Self::Proposal(proposal) => Input::Proposal(core_proposal(proposal)),
            Self::Polka(polka) => Input::PolkaCertificate(core_polka(polka)),
            Self::Judged(judged) => judged.input(height),
            Self::WaitEnded { step, round } => {
                let kind = match step {
                    Step::Propose => TimeoutKind::Propose,
                    Step::Prevote => TimeoutKind::Prevote,
                    Step::Precommit => TimeoutKind::Precommit,
                };
                Input::TimeoutElapsed(Timeout::new(Round::new(*round), kind))
            }
            Self::Body { .. } => return None,
        })
    }
}

impl JudgedBlock {
    /// As the core takes it.
    pub(crate) fn input(&self, height: u64) -> CoreInput {
        let proposed: ProposedValue<CoreContext> = value_of(
            height,
            Round::new(self.round),
            core_round(self.valid_round),
            self.proposer,
            self.block_hash,
            Validity::from_bool(self.is_valid),
        );
        Input::ProposedValue(proposed, ValueOrigin::Consensus)
    }
}

/// The step of a wait that is logged.
pub(crate) fn wait_step(kind: TimeoutKind) -> Option<Step> {
    match kind {
        TimeoutKind::Propose => Some(Step::Propose),
        TimeoutKind::Prevote => Some(Step::Prevote),
        TimeoutKind::Precommit => Some(Step::Precommit),
        TimeoutKind::Rebroadcast | TimeoutKind::FinalizeHeight(_) => None,
    }
}
