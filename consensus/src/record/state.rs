//! The content of a signing record.
use crate::signing::Signature;
use alloy_primitives::B256;

/// A step of a round in which a validator may sign once. In order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum SignedStep {
    /// Nothing was signed yet.
    #[default]
    Nothing = 0,
    /// A proposal.
    Proposal = 1,
    /// A prevote.
    Prevote = 2,
    /// A precommit.
    Precommit = 3,
}

impl SignedStep {
    /// The step that a byte of the record stands for.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        [Self::Nothing, Self::Proposal, Self::Prevote, Self::Precommit].into_iter().find(|step| *step as u8 == byte)
    }
}

/// A block and the round that made it count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockAtRound {
    /// The round.
    pub round: u32,
    /// The block.
    pub block_hash: B256,
}

/// What a validator signed last, and what binds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SigningState {
    /// Height of the last signature; 0 if there is none.
    pub height: u64,
    /// Its round.
    pub round: u32,
    /// Its step.
    pub step: SignedStep,
    /// The block it is for; zero for none.
    pub block_hash: B256,
    /// Digest that was signed.
    pub digest: B256,
    /// The signature.
    pub signature: Signature,
    /// Block that this validator precommitted last at this height.
    pub locked: Option<BlockAtRound>,
    /// Block that it last saw two thirds prevote at this height.
    pub valid: Option<BlockAtRound>,
    /// Records of this height's log on which the signature stands: the log may end after them, not before.
    pub log_records: u32,
    /// Nothing is signed up to this height.
    pub silent_through: u64,
}

impl SigningState {
    /// Place of the last signature. Later places compare greater.
    pub fn place(&self) -> (u64, u32, SignedStep) {
        (self.height, self.round, self.step)
    }
}
