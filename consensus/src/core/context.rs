//! Our types in the shape that Malachite's core asks for.
use crate::{
    signing::{PublicKey, Signature},
    validators,
};
use alloy_primitives::{Address, B256};
use arc_malachitebft_core_types as core;
use core::{LinearTimeouts, NilOrVal, Round, SignedExtension, VoteType};
use std::{fmt, sync::Arc};

/// Ties the types together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CoreContext;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Height(pub(crate) u64);

impl fmt::Display for Height {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl core::Height for Height {
    const ZERO: Self = Self(0);
    const INITIAL: Self = Self(1);

    fn increment_by(&self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    fn decrement_by(&self, n: u64) -> Option<Self> {
        self.0.checked_sub(n).map(Self)
    }

    fn as_u64(&self) -> u64 {
        self.0
    }
}

/// A validator's consensus address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name(pub(crate) Address);

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl core::Address for Name {}

/// What is agreed on: a block, by its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BlockValue(pub(crate) B256);

impl core::Value for BlockValue {
    type Id = B256;

    fn id(&self) -> B256 {
        self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoreVote {
    pub(crate) kind: VoteType,
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) value: NilOrVal<B256>,
    pub(crate) validator: Name,
}

impl core::Vote<CoreContext> for CoreVote {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &NilOrVal<B256> {
        &self.value
    }

    fn take_value(self) -> NilOrVal<B256> {
        self.value
    }

    fn vote_type(&self) -> VoteType {
        self.kind
    }

    fn validator_address(&self) -> &Name {
        &self.validator
    }

    fn extension(&self) -> Option<&SignedExtension<CoreContext>> {
        None
    }

    fn take_extension(&mut self) -> Option<SignedExtension<CoreContext>> {
        None
    }

    fn extend(self, _extension: SignedExtension<CoreContext>) -> Self {
        self
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoreProposal {
    pub(crate) height: Height,
    pub(crate) round: Round,
    pub(crate) value: BlockValue,
    pub(crate) polka_round: Round,
    pub(crate) proposer: Name,
}

impl core::Proposal<CoreContext> for CoreProposal {
    fn height(&self) -> Height {
        self.height
    }

    fn round(&self) -> Round {
        self.round
    }

    fn value(&self) -> &BlockValue {
        &self.value
    }

    fn take_value(self) -> BlockValue {
        self.value
    }

    fn pol_round(&self) -> Round {
        self.polka_round
    }

    fn validator_address(&self) -> &Name {
        &self.proposer
    }
}

/// The core never sees parts: see [`crate::parts`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoPart;

impl core::ProposalPart<CoreContext> for NoPart {
    fn is_first(&self) -> bool {
        true
    }

    fn is_last(&self) -> bool {
        true
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CoreValidator {
    name: Name,
    public_key: PublicKey,
    power: u64,
}

impl core::Validator<CoreContext> for CoreValidator {
    fn address(&self) -> &Name {
        &self.name
    }

    fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    fn voting_power(&self) -> u64 {
        self.power
    }
}

/// A validator set; cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoreSet {
    set: Arc<validators::ValidatorSet>,
    members: Arc<Vec<CoreValidator>>,
}

impl CoreSet {
    pub(crate) fn new(set: Arc<validators::ValidatorSet>) -> Self {
        let members = set.members().iter().map(|member| CoreValidator {
            name: Name(member.address),
            public_key: member.public_key,
            power: member.power,
        });
        Self { members: Arc::new(members.collect()), set }
    }
}

impl core::ValidatorSet<CoreContext> for CoreSet {
    fn count(&self) -> usize {
        self.members.len()
    }

    fn total_voting_power(&self) -> u64 {
        self.set.total_power()
    }

    fn get_by_address(&self, address: &Name) -> Option<&CoreValidator> {
        let index = self.members.binary_search_by_key(address, |member| member.name).ok()?;
        self.members.get(index)
    }

    fn get_by_index(&self, index: usize) -> Option<&CoreValidator> {
        self.members.get(index)
    }
}

/// Signatures as the core carries them around; it makes and checks none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scheme;

impl core::SigningScheme for Scheme {
    type DecodingError = &'static str;
    type Signature = Signature;
    type PublicKey = PublicKey;
    type PrivateKey = ();

    fn decode_signature(bytes: &[u8]) -> Result<Signature, &'static str> {
        Signature::try_from(bytes).map_err(|_| "a signature has 65 bytes")
    }

    fn encode_signature(signature: &Signature) -> Vec<u8> {
        signature.to_vec()
    }

    fn decode_public_key(bytes: &[u8]) -> Result<PublicKey, &'static str> {
        PublicKey::try_from(bytes).map_err(|_| "a public key has 33 bytes")
    }

    fn encode_public_key(public_key: &PublicKey) -> Vec<u8> {
        public_key.to_vec()
    }
}

impl core::Context for CoreContext {
    type Address = Name;
    type Height = Height;
    type ProposalPart = NoPart;
    type Proposal = CoreProposal;
    type Validator = CoreValidator;
    type ValidatorSet = CoreSet;
    type Timeouts = LinearTimeouts;
    type Value = BlockValue;
    type Vote = CoreVote;
    type Extension = ();
    type SigningScheme = Scheme;

    fn select_proposer<'a>(&self, set: &'a CoreSet, height: Height, round: Round) -> &'a CoreValidator {
        let turn = set.set.proposer(height.0, round.as_u32().unwrap_or(0)).address;
        let index = set.members.iter().position(|member| member.name.0 == turn).unwrap_or(0);
        // Members are those of the set, which is never empty.
        #[allow(clippy::indexing_slicing)]
        &set.members[index]
    }

    fn new_proposal(
        &self,
        height: Height,
        round: Round,
        value: BlockValue,
        polka_round: Round,
        proposer: Name,
    ) -> CoreProposal {
        CoreProposal { height, round, value, polka_round, proposer }
    }

    fn new_prevote(&self, height: Height, round: Round, value: NilOrVal<B256>, validator: Name) -> CoreVote {
        CoreVote { kind: VoteType::Prevote, height, round, value, validator }
    }

    fn new_precommit(&self, height: Height, round: Round, value: NilOrVal<B256>, validator: Name) -> CoreVote {
        CoreVote { kind: VoteType::Precommit, height, round, value, validator }
    }
}
