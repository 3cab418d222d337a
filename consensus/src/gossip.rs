//! Gossip messages of agreement.
//!
//! ```text
//! offset  bytes  content
//! 0       1      version: 1
//! 1       1      kind: 1 vote, 2 proposal, 3 polka, 4 round proof, 5 block part
//! 2       2      repeat: anything that makes a repeated message differ from the one before, big-endian
//! 4       ...    the message in RLP
//!
//! vote, proposal  as the module `message` draws them
//! polka           [height, round, blockHash, [[address, signature], ...]]               prevotes of two thirds for a block
//! round proof     [kind, height, round, [[kind, blockHash, validator, signature], ...]] why a round may be entered:
//!                 kind 1: votes of a third in it; kind 2: precommits of two thirds in the round before
//! block part      see the module `parts`
//! ```
use crate::{
    certificate::CommitSignature,
    error::ConsensusError,
    message::{SignedProposal, SignedVote, check_round, decode_exact, vote_kind},
    parts::BlockPart,
    signing::{ChainIdentity, Signature, Verifier, VoteKind, digest},
    validators::ValidatorSet,
};
use alloy_primitives::{Address, B256, Keccak256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header, RlpDecodable, RlpEncodable};
use bytes::Bytes;
use pervade_chainspec::params;
use std::collections::BTreeSet;

/// Largest message of [`crate::Topic::Consensus`], bytes: a round proof with a prevote and a precommit of everybody.
pub const CONSENSUS_MESSAGE_BYTES_MAX: usize = 40 << 10;
/// Largest message of [`crate::Topic::BlockParts`], bytes: a part, its proof and its signed head.
pub const PART_MESSAGE_BYTES_MAX: usize = params::BLOCK_PART_BYTES + 1024;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 4;
/// Votes of one validator in a round proof: a prevote and a precommit.
const VOTES_PER_VALIDATOR_MAX: usize = 2;

/// A message between nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GossipMessage {
    Vote(SignedVote),
    Proposal(SignedProposal),
    Polka(Polka),
    RoundProof(RoundProof),
    Part(BlockPart),
}

/// More than two thirds prevoted a block in a round.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(crate) struct Polka {
    pub(crate) height: u64,
    pub(crate) round: u32,
    pub(crate) block_hash: B256,
    pub(crate) signatures: Vec<CommitSignature>,
}

/// Votes that justify entering a round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoundProof {
    pub(crate) kind: RoundProofKind,
    pub(crate) height: u64,
    pub(crate) round: u32,
    pub(crate) votes: Vec<SignedVote>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RoundProofKind {
    /// Votes of more than a third in this round.
    Skip = 1,
    /// Precommits of more than two thirds in this round: the next may begin.
    Precommits = 2,
}

impl GossipMessage {
    /// Height that it is about.
    pub(crate) fn height(&self) -> u64 {
        match self {
            Self::Vote(vote) => vote.height,
            Self::Proposal(proposal) => proposal.height,
            Self::Polka(polka) => polka.height,
            Self::RoundProof(proof) => proof.height,
            Self::Part(part) => part.head.height,
        }
    }

    /// The same for the same content, however often it is repeated. `bytes` is what the message was read from.
    pub(crate) fn content_id(&self, bytes: &[u8]) -> B256 {
        match self {
            // A root stands for all data under it.
            Self::Part(part) => {
                let mut hasher = Keccak256::new();
                hasher.update(part.head.root);
                hasher.update(part.head.signature);
                hasher.update(part.index.to_be_bytes());
                hasher.finalize()
            }
            _ => keccak256(bytes.get(HEAD_BYTES..).unwrap_or_default()),
        }
    }

    /// The bytes to send.
    pub(crate) fn encoded(&self, repeat: u16) -> Bytes {
        let kind = match self {
            Self::Vote(_) => 1,
            Self::Proposal(_) => 2,
            Self::Polka(_) => 3,
            Self::RoundProof(_) => 4,
            Self::Part(_) => 5,
        };
        let mut bytes = vec![VERSION, kind];
        bytes.extend(repeat.to_be_bytes());
        match self {
            Self::Vote(vote) => vote.encode(&mut bytes),
            Self::Proposal(proposal) => proposal.encode(&mut bytes),
            Self::Polka(polka) => polka.encode(&mut bytes),
            Self::RoundProof(proof) => proof.encode(&mut bytes),
            Self::Part(part) => part.encode(&mut bytes),
        }
        bytes.into()
    }

    /// Reads a message.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, ConsensusError> {
        let wrong = |reason| ConsensusError::Malformed { what: "gossip message", reason };
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>().ok_or_else(|| wrong("shorter than its head"))?;
        let [version, kind, _, _] = *head;
        if version != VERSION {
            return Err(wrong("unknown version"));
        }
        let limit = if kind == 5 { PART_MESSAGE_BYTES_MAX } else { CONSENSUS_MESSAGE_BYTES_MAX };
        if bytes.len() > limit {
            return Err(wrong("longer than any of its kind"));
        }
        Ok(match kind {
            1 => Self::Vote(decode_exact(rest, "vote")?),
            2 => Self::Proposal(decode_exact(rest, "proposal")?),
            3 => Self::Polka(Polka::decode_checked(rest)?),
            4 => Self::RoundProof(decode_exact(rest, "round proof")?),
            5 => Self::Part(decode_exact(rest, "block part")?),
            _ => return Err(wrong("unknown kind")),
        })
    }
}

impl Polka {
    /// Reads a polka.
    pub(crate) fn decode_checked(bytes: &[u8]) -> Result<Self, ConsensusError> {
        let polka: Self = decode_exact(bytes, "polka")?;
        let wrong = |reason| ConsensusError::Malformed { what: "polka", reason };
        check_round(polka.round).map_err(|_| wrong("round beyond the limit"))?;
        if polka.signatures.len() > params::VALIDATORS_MAX || polka.block_hash == B256::ZERO {
            return Err(wrong("not of a block, or with too many signatures"));
        }
        Ok(polka)
    }

    /// Whether two thirds of the set prevoted so.
    pub(crate) fn holds(&self, chain: &ChainIdentity, validators: &ValidatorSet, verifier: &dyn Verifier) -> bool {
        let signers: BTreeSet<_> = self.signatures.iter().map(|signed| signed.address).collect();
        let power = power_of(&signers, validators);
        if signers.len() != self.signatures.len() || !power.is_some_and(|power| validators.is_quorum(power)) {
            return false;
        }
        let prevote = digest(&chain.vote_bytes(VoteKind::Prevote, self.height, self.round, self.block_hash));
        self.signatures.iter().all(|CommitSignature { address, signature }| {
            validators.get(address).is_some_and(|member| verifier.verify(prevote, signature, &member.public_key))
        })
    }
}

impl RoundProof {
    /// Whether enough of the set voted so.
    pub(crate) fn holds(&self, chain: &ChainIdentity, validators: &ValidatorSet, verifier: &dyn Verifier) -> bool {
        let signers: BTreeSet<_> = self.votes.iter().map(|vote| vote.validator).collect();
        // The core refuses two votes of one validator; it never makes such a proof.
        let Some(power) = power_of(&signers, validators).filter(|_| signers.len() == self.votes.len()) else {
            return false;
        };
        let enough = match self.kind {
            RoundProofKind::Skip => validators.has_honest(power),
            RoundProofKind::Precommits => {
                validators.is_quorum(power) && self.votes.iter().all(|vote| vote.kind == VoteKind::Precommit)
            }
        };
        enough && self.votes.iter().all(|vote| vote.holds(chain, validators, verifier))
    }
}

/// Power of these members; `None` if one is no member.
fn power_of(signers: &BTreeSet<Address>, validators: &ValidatorSet) -> Option<u64> {
    signers.iter().try_fold(0_u64, |power, address| Some(power.saturating_add(validators.get(address)?.power)))
}

#[derive(RlpEncodable, RlpDecodable)]
struct ProofVote {
    kind: u8,
    block_hash: B256,
    validator: Address,
    signature: Signature,
}

impl RoundProof {
    fn vote_fields(&self) -> Vec<ProofVote> {
        let fields = self.votes.iter().map(|vote| ProofVote {
            kind: vote.kind as u8,
            block_hash: vote.block_hash,
            validator: vote.validator,
            signature: vote.signature,
        });
        fields.collect()
    }
}

impl Encodable for RoundProof {
    fn encode(&self, out: &mut dyn alloy_rlp::BufMut) {
        let mut payload = Vec::new();
        (self.kind as u8).encode(&mut payload);
        self.height.encode(&mut payload);
        self.round.encode(&mut payload);
        self.vote_fields().encode(&mut payload);
        Header { list: true, payload_length: payload.len() }.encode(out);
        out.put_slice(&payload);
    }
}

impl Decodable for RoundProof {
    fn decode(bytes: &mut &[u8]) -> alloy_rlp::Result<Self> {
        let mut payload = Header::decode_bytes(bytes, true)?;
        let kind = match u8::decode(&mut payload)? {
            1 => RoundProofKind::Skip,
            2 => RoundProofKind::Precommits,
            _ => return Err(alloy_rlp::Error::Custom("no such round proof")),
        };
        let height = u64::decode(&mut payload)?;
        let round = u32::decode(&mut payload)?;
        check_round(round)?;
        let fields = Vec::<ProofVote>::decode(&mut payload)?;
        if !payload.is_empty() || fields.len() > params::VALIDATORS_MAX.saturating_mul(VOTES_PER_VALIDATOR_MAX) {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        let mut votes = Vec::with_capacity(fields.len());
        for ProofVote { kind, block_hash, validator, signature } in fields {
            let kind = vote_kind(kind).ok_or(alloy_rlp::Error::Custom("no such vote"))?;
            votes.push(SignedVote { kind, height, round, block_hash, validator, signature });
        }
        Ok(Self { kind, height, round, votes })
    }
}
