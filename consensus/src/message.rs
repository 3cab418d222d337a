//! What validators sign, with its signature, as it is sent, logged and kept as evidence.
//!
//! RLP, integers without leading zeros:
//!
//! ```text
//! signed vote      [kind, height, round, blockHash, validator, signature]        kind 1 prevote, 2 precommit; zero hash: nil
//! signed proposal  [height, round, polkaRound, blockHash, proposer, signature]   polkaRound 0: none, r + 1: round r
//! ```
use crate::{
    error::ConsensusError,
    signing::{ChainIdentity, Signature, Verifier, VoteKind, digest},
    validators::ValidatorSet,
};
use alloy_primitives::{Address, B256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};

/// Highest round that is read. At a round a second it is beyond a year of one height.
pub const ROUND_MAX: u32 = 1 << 25;

/// A vote with its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedVote {
    /// Which of the two votes of a round.
    pub kind: VoteKind,
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// The block, or zero: no block in this round.
    pub block_hash: B256,
    /// Consensus address of the voter.
    pub validator: Address,
    /// Its signature.
    pub signature: Signature,
}

/// A proposal with its signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignedProposal {
    /// Height.
    pub height: u64,
    /// Round.
    pub round: u32,
    /// Earlier round whose prevotes justify proposing this block again.
    pub polka_round: Option<u32>,
    /// The block.
    pub block_hash: B256,
    /// Consensus address of the proposer.
    pub proposer: Address,
    /// Its signature.
    pub signature: Signature,
}

impl SignedVote {
    /// What is signed.
    pub fn digest(&self, chain: &ChainIdentity) -> B256 {
        digest(&chain.vote_bytes(self.kind, self.height, self.round, self.block_hash))
    }

    /// Whether a member of the set signed it.
    pub fn holds(&self, chain: &ChainIdentity, validators: &ValidatorSet, verifier: &dyn Verifier) -> bool {
        let member = validators.get(&self.validator);
        member.is_some_and(|member| verifier.verify(self.digest(chain), &self.signature, &member.public_key))
    }
}

impl SignedProposal {
    /// What is signed.
    pub fn digest(&self, chain: &ChainIdentity) -> B256 {
        digest(&chain.proposal_bytes(self.height, self.round, self.polka_round, self.block_hash))
    }

    /// Whether a member of the set signed it. Whose turn it was is not asked.
    pub fn holds(&self, chain: &ChainIdentity, validators: &ValidatorSet, verifier: &dyn Verifier) -> bool {
        let member = validators.get(&self.proposer);
        member.is_some_and(|member| verifier.verify(self.digest(chain), &self.signature, &member.public_key))
    }
}

#[derive(RlpEncodable, RlpDecodable)]
struct VoteFields {
    kind: u8,
    height: u64,
    round: u32,
    block_hash: B256,
    validator: Address,
    signature: Signature,
}

#[derive(RlpEncodable, RlpDecodable)]
struct ProposalFields {
    height: u64,
    round: u32,
    polka_round: u32,
    block_hash: B256,
    proposer: Address,
    signature: Signature,
}

impl From<&SignedVote> for VoteFields {
    fn from(vote: &SignedVote) -> Self {
        let SignedVote { kind, height, round, block_hash, validator, signature } = *vote;
        Self { kind: kind as u8, height, round, block_hash, validator, signature }
    }
}

impl From<&SignedProposal> for ProposalFields {
    fn from(proposal: &SignedProposal) -> Self {
        let SignedProposal { height, round, polka_round, block_hash, proposer, signature } = *proposal;
        let polka_round = polka_round.map_or(0, |round| round.saturating_add(1));
        Self { height, round, polka_round, block_hash, proposer, signature }
    }
}

impl Encodable for SignedVote {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        VoteFields::from(self).encode(out);
    }

    fn length(&self) -> usize {
        VoteFields::from(self).length()
    }
}

impl Decodable for SignedVote {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let VoteFields { kind, height, round, block_hash, validator, signature } = VoteFields::decode(bytes)?;
        let kind = vote_kind(kind).ok_or(alloy_rlp::Error::Custom("no such vote"))?;
        check_round(round)?;
        Ok(Self { kind, height, round, block_hash, validator, signature })
    }
}

impl Encodable for SignedProposal {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        ProposalFields::from(self).encode(out);
    }

    fn length(&self) -> usize {
        ProposalFields::from(self).length()
    }
}

impl Decodable for SignedProposal {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let ProposalFields { height, round, polka_round, block_hash, proposer, signature } =
            ProposalFields::decode(bytes)?;
        check_round(round)?;
        let polka_round = polka_round.checked_sub(1);
        if polka_round.is_some_and(|polka_round| polka_round >= round) {
            return Err(alloy_rlp::Error::Custom("justified by a round that had not been"));
        }
        if block_hash == B256::ZERO {
            return Err(alloy_rlp::Error::Custom("a proposal of no block"));
        }
        Ok(Self { height, round, polka_round, block_hash, proposer, signature })
    }
}

/// The vote that a byte stands for.
pub(crate) fn vote_kind(byte: u8) -> Option<VoteKind> {
    match byte {
        1 => Some(VoteKind::Prevote),
        2 => Some(VoteKind::Precommit),
        _ => None,
    }
}

/// Refuses rounds beyond [`ROUND_MAX`].
pub(crate) fn check_round(round: u32) -> alloy_rlp::Result<()> {
    if round > ROUND_MAX { Err(alloy_rlp::Error::Custom("round beyond the limit")) } else { Ok(()) }
}

/// Decodes an object that fills its bytes.
pub(crate) fn decode_exact<T: Decodable>(bytes: &[u8], what: &'static str) -> Result<T, ConsensusError> {
    let mut rest = bytes;
    let object =
        T::decode(&mut rest).map_err(|_| ConsensusError::Malformed { what, reason: "not in RLP as documented" })?;
    if rest.is_empty() { Ok(object) } else { Err(ConsensusError::Malformed { what, reason: "bytes follow it" }) }
}
