//! Proof that a validator signed two things where it may sign one.
//!
//! Encoded in RLP as `[kind, first, second]`: kind 1 two signed votes, 2 two signed proposals, as [`crate::message`] draws
//! them. The one with the smaller encoding comes first, so that the same pair is the same bytes on every node.
use crate::{
    error::ConsensusError,
    message::{SignedProposal, SignedVote, decode_exact},
    signing::{ChainIdentity, Verifier},
    validators::ValidatorSet,
};
use alloy_primitives::Address;
use alloy_rlp::{Decodable, Encodable, Header};

/// Largest encoded evidence, bytes.
pub const EVIDENCE_BYTES_MAX: usize = 512;
/// Pairs kept of one validator and height: one proves it, a few show how.
pub const EVIDENCE_PER_VALIDATOR_MAX: usize = 3;

/// Two signatures of one validator, each enough to exclude the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Equivocation {
    /// Two votes of the same kind, height and round for different blocks.
    Votes {
        /// The one.
        first: SignedVote,
        /// The other.
        second: SignedVote,
    },
    /// Two different proposals of the same height and round.
    Proposals {
        /// The one.
        first: SignedProposal,
        /// The other.
        second: SignedProposal,
    },
}

impl Equivocation {
    /// Two votes as evidence, in canonical order.
    pub fn of_votes(a: SignedVote, b: SignedVote) -> Self {
        let (first, second) = if alloy_rlp::encode(a) <= alloy_rlp::encode(b) { (a, b) } else { (b, a) };
        Self::Votes { first, second }
    }

    /// Two proposals as evidence, in canonical order.
    pub fn of_proposals(a: SignedProposal, b: SignedProposal) -> Self {
        let (first, second) = if alloy_rlp::encode(a) <= alloy_rlp::encode(b) { (a, b) } else { (b, a) };
        Self::Proposals { first, second }
    }

    /// Consensus address of the one who did it.
    pub fn validator(&self) -> Address {
        match self {
            Self::Votes { first, .. } => first.validator,
            Self::Proposals { first, .. } => first.proposer,
        }
    }

    /// Height at which it was done.
    pub fn height(&self) -> u64 {
        match self {
            Self::Votes { first, .. } => first.height,
            Self::Proposals { first, .. } => first.height,
        }
    }

    /// Round in which it was done.
    pub fn round(&self) -> u32 {
        match self {
            Self::Votes { first, .. } => first.round,
            Self::Proposals { first, .. } => first.round,
        }
    }

    /// The encoding that is stored and shown.
    pub fn encoded(&self) -> Vec<u8> {
        match self {
            Self::Votes { first, second } => encode_pair(1, first, second),
            Self::Proposals { first, second } => encode_pair(2, first, second),
        }
    }

    /// Reads an encoding; nothing may follow it.
    ///
    /// # Errors
    /// [`ConsensusError::Malformed`].
    pub fn decode_exact(bytes: &[u8]) -> Result<Self, ConsensusError> {
        if bytes.len() > EVIDENCE_BYTES_MAX {
            return Err(ConsensusError::Malformed { what: "evidence", reason: "longer than two signed messages" });
        }
        decode_exact(bytes, "evidence")
    }

    /// Checks that it proves what it says, against the set that decided its height.
    ///
    /// # Errors
    /// [`ConsensusError::Evidence`].
    pub fn verify(
        &self,
        chain: &ChainIdentity,
        validators: &ValidatorSet,
        verifier: &dyn Verifier,
    ) -> Result<(), ConsensusError> {
        let refuse = |reason| Err(ConsensusError::Evidence { reason });
        let (same_place, differ, holds) = match self {
            Self::Votes { first: a, second: b } => (
                (a.kind, a.height, a.round, a.validator) == (b.kind, b.height, b.round, b.validator),
                a.block_hash != b.block_hash,
                a.holds(chain, validators, verifier) && b.holds(chain, validators, verifier),
            ),
            Self::Proposals { first: a, second: b } => (
                (a.height, a.round, a.proposer) == (b.height, b.round, b.proposer),
                (a.block_hash, a.polka_round) != (b.block_hash, b.polka_round),
                a.holds(chain, validators, verifier) && b.holds(chain, validators, verifier),
            ),
        };
        if !same_place {
            return refuse("the two were not signed by one validator for one place");
        }
        if !differ {
            return refuse("the two say the same");
        }
        if !holds { refuse("a signature does not hold") } else { Ok(()) }
    }
}

impl Decodable for Equivocation {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut payload = Header::decode_bytes(bytes, true)?;
        let equivocation = match u8::decode(&mut payload)? {
            1 => Self::Votes { first: Decodable::decode(&mut payload)?, second: Decodable::decode(&mut payload)? },
            2 => Self::Proposals { first: Decodable::decode(&mut payload)?, second: Decodable::decode(&mut payload)? },
            _ => return Err(alloy_rlp::Error::Custom("no such evidence")),
        };
        if payload.is_empty() { Ok(equivocation) } else { Err(alloy_rlp::Error::UnexpectedLength) }
    }
}

fn encode_pair(kind: u8, first: &impl Encodable, second: &impl Encodable) -> Vec<u8> {
    let mut payload = Vec::new();
    kind.encode(&mut payload);
    first.encode(&mut payload);
    second.encode(&mut payload);
    let mut bytes = Vec::new();
    Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    bytes.extend(payload);
    bytes
}
