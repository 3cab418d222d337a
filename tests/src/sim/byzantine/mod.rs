//! Nodes that lie. Each runs the production machine, and an [`Adversary`] between it and the network.
//!
//! An adversary has its own key and no other, sees what its node receives, and decides who gets what. What it needs of the
//! wire format it writes by itself: see [`wire`].
mod amnesia;
mod bad_signatures;
mod colluder;
mod equivocating_proposer;
mod equivocating_voter;
mod false_beneficiary;
mod future_rounds;
mod garbage;
mod invalid_state_root;
pub mod wire;
mod withheld_parts;

use super::{coverage::Coverage, keys::ValidatorKey, random::Random};
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_consensus::{ChainIdentity, Signature, Signer, Topic, signing::digest};

/// What a lying node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Proposes two blocks in one round.
    EquivocatingProposer,
    /// Votes for two blocks in one step.
    EquivocatingVoter,
    /// Proposes blocks whose state root is not theirs.
    InvalidStateRoot,
    /// Keeps parts of its blocks from some, or from all.
    WithheldParts,
    /// Breaks its signatures, and forges others'.
    BadSignatures,
    /// Forgets what it has signed, and what it is locked on.
    Amnesia,
    /// Votes for rounds and heights that are not there yet.
    FutureRounds,
    /// Sends anything.
    Garbage,
    /// Proposes blocks that pay somebody else.
    FalseBeneficiary,
    /// Proposes two blocks to two halves, and votes for both, together with others of its kind.
    Colluder,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::EquivocatingProposer,
        Self::EquivocatingVoter,
        Self::InvalidStateRoot,
        Self::WithheldParts,
        Self::BadSignatures,
        Self::Amnesia,
        Self::FutureRounds,
        Self::Garbage,
        Self::FalseBeneficiary,
        Self::Colluder,
    ];

    /// The adversary.
    pub fn adversary(self) -> Box<dyn Adversary> {
        match self {
            Self::EquivocatingProposer => Box::<equivocating_proposer::EquivocatingProposer>::default(),
            Self::EquivocatingVoter => Box::<equivocating_voter::EquivocatingVoter>::default(),
            Self::InvalidStateRoot => Box::new(invalid_state_root::InvalidStateRoot),
            Self::WithheldParts => Box::new(withheld_parts::WithheldParts),
            Self::BadSignatures => Box::<bad_signatures::BadSignatures>::default(),
            Self::Amnesia => Box::new(amnesia::Amnesia),
            Self::FutureRounds => Box::new(future_rounds::FutureRounds),
            Self::Garbage => Box::<garbage::Garbage>::default(),
            Self::FalseBeneficiary => Box::new(false_beneficiary::FalseBeneficiary),
            Self::Colluder => Box::<colluder::Colluder>::default(),
        }
    }
}

/// What an adversary has at hand.
pub struct Tools<'a> {
    /// Its dice.
    pub random: &'a mut Random,
    /// To tell what it did.
    pub coverage: &'a mut Coverage,
    /// Its key.
    pub key: &'a ValidatorKey,
    /// Signs with that key.
    pub signer: &'a dyn Signer,
    /// The chain that signatures are for.
    pub chain: ChainIdentity,
    /// Number of nodes.
    pub nodes: usize,
    /// Its own place among them.
    pub own: usize,
    /// Places of all [`Kind::Colluder`]s.
    pub accomplices: &'a [usize],
}

/// Something that goes to somebody.
#[derive(Debug, Clone)]
pub struct Sent {
    /// To this node; `None`: to all.
    pub to: Option<usize>,
    /// Where.
    pub topic: Topic,
    /// The message.
    pub bytes: Bytes,
}

impl Sent {
    /// To all.
    pub fn all(topic: Topic, bytes: impl Into<Bytes>) -> Self {
        Self { to: None, topic, bytes: bytes.into() }
    }

    /// To one.
    pub fn one(to: usize, topic: Topic, bytes: impl Into<Bytes>) -> Self {
        Self { to: Some(to), topic, bytes: bytes.into() }
    }
}

impl Tools<'_> {
    /// Its signature of a message.
    pub fn sign(&self, message: &[u8]) -> Signature {
        self.signer.sign(digest(message))
    }

    /// The other nodes.
    pub fn others(&self) -> impl Iterator<Item = usize> + use<> {
        let own = self.own;
        (0..self.nodes).filter(move |node| *node != own)
    }

    /// The other nodes in two halves, drawn anew each time.
    pub fn halves(&mut self) -> (Vec<usize>, Vec<usize>) {
        let mut others: Vec<_> = self.others().collect();
        self.random.shuffle(&mut others);
        let second = others.split_off(others.len() / 2);
        (others, second)
    }
}

/// A block that an adversary has at its turn: hash and bytes.
pub type Candidate = (B256, Bytes);

/// A second block that follows the same parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Another {
    /// A second later, and empty.
    Later,
    /// That pays the node at the next place.
    PaysTheNext,
}

/// Stands between the machine of its node and the network. What it leaves out is as an honest node does it.
pub trait Adversary: Send {
    /// What is sent instead of a message that the machine publishes.
    fn publish(&mut self, _tools: &mut Tools<'_>, topic: Topic, bytes: Bytes) -> Vec<Sent> {
        vec![Sent::all(topic, bytes)]
    }

    /// It hears a message. What does it say to that?
    fn hear(&mut self, _tools: &mut Tools<'_>, _topic: Topic, _bytes: &Bytes) -> Vec<Sent> {
        Vec::new()
    }

    /// The second block that it wants at its turn, if any.
    fn another_block(&self) -> Option<Another> {
        None
    }

    /// The block that it proposes instead of the one it has built. `other` is the second one.
    fn build(&mut self, _tools: &mut Tools<'_>, built: Candidate, _other: Option<Candidate>) -> Candidate {
        built
    }

    /// Whether its node takes every block for valid, so that it votes for what it made up.
    fn is_gullible(&self) -> bool {
        false
    }

    /// What it answers to a request for blocks, instead of `answer`; `None`: nothing.
    fn respond(&mut self, _tools: &mut Tools<'_>, answer: Bytes) -> Option<Bytes> {
        Some(answer)
    }

    /// Whether it forgets log and signing record now: asked at every block.
    fn forgets(&mut self, _tools: &mut Tools<'_>) -> bool {
        false
    }
}
