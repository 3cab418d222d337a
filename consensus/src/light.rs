//! Verification without a node's trust: from a set that is known to the head, along the headers where the set changes.
//!
//! The `extraData` of each header is the hash of the set that decides the *next* block. So whoever knows the set that
//! decides a height can check any later header up to and including the next change: more than two thirds of that set have
//! signed it, and its `extraData` commits to the set after it.
//!
//! ```text
//! genesis (trusted)          header 700                        header 4200                       head
//! extraData = hash(A) ─────► signed by A, extraData = hash(B) ─► signed by B, extraData = hash(C) ─► signed by C
//! ```
//!
//! What is assumed: at no height has more than a third of a set's power been in the hands of liars, **including the keys of
//! sets that are no longer in office**: with the keys of two thirds of an old set another history can be signed from there.
//! A client that begins at a newer [`LightState`] it trusts is not exposed to sets before it.
use crate::{
    certificate::CommitCertificate,
    error::ConsensusError,
    signing::{ChainIdentity, Verifier},
    validators::ValidatorSet,
};
use alloy_primitives::B256;
use pervade_chainspec::ValidatorConfig;

/// A header with its proof. `block_hash` and `extra_data` are of one header: the caller hashes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightStep {
    /// Height of the header.
    pub height: u64,
    /// Hash of the header.
    pub block_hash: B256,
    /// Its `extraData`, as a hash.
    pub extra_data: B256,
    /// Proof that it is decided.
    pub certificate: CommitCertificate,
    /// Members of the set that `extra_data` names, where it is not the one that decided this header.
    pub next_validators: Option<Vec<ValidatorConfig>>,
}

/// A header that is believed, and the set that decides the next one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LightState {
    /// Height of the header.
    pub height: u64,
    /// Its hash.
    pub block_hash: B256,
    /// Who decides what follows, until the next change.
    pub validators: ValidatorSet,
}

impl LightState {
    /// Begins at a header that is trusted for another reason: the genesis file, or a checkpoint.
    ///
    /// # Errors
    /// [`ConsensusError::LightStep`] if `extra_data`, the header's, is not the hash of `validators`, or the set is none.
    pub fn begin(
        height: u64,
        block_hash: B256,
        extra_data: B256,
        validators: &[ValidatorConfig],
    ) -> Result<Self, ConsensusError> {
        let validators = set_named(height, extra_data, validators)?;
        Ok(Self { height, block_hash, validators })
    }

    /// Goes to a later header. Headers between may be left out if none of them changes the set.
    ///
    /// # Errors
    /// What does not hold: the state stays as it was.
    pub fn advance(
        &mut self,
        step: &LightStep,
        chain: &ChainIdentity,
        verifier: &dyn Verifier,
    ) -> Result<(), ConsensusError> {
        let refuse = |reason| Err(ConsensusError::LightStep { height: step.height, reason });
        if step.height <= self.height {
            return refuse("not after the one before");
        }
        step.certificate.verify_block(step.height, step.block_hash, chain, &self.validators, verifier)?;
        if step.extra_data != self.validators.hash() {
            let Some(next) = &step.next_validators else {
                return refuse("it changes the validator set, and the new set is not given");
            };
            self.validators = set_named(step.height, step.extra_data, next)?;
        }
        self.height = step.height;
        self.block_hash = step.block_hash;
        Ok(())
    }
}

fn set_named(height: u64, extra_data: B256, members: &[ValidatorConfig]) -> Result<ValidatorSet, ConsensusError> {
    let set = ValidatorSet::new(members)?;
    if set.hash() != extra_data {
        return Err(ConsensusError::LightStep { height, reason: "its extraData is not the hash of the given set" });
    }
    Ok(set)
}
