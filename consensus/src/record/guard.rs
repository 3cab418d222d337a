//! Decides whether a signature may be made.
use super::{SignedStep, SigningState};
use crate::{
    error::ConsensusError,
    signing::{PublicKey, Signature, Signer},
};
use alloy_primitives::B256;
use std::fmt;

/// A signer that cannot sign twice.
pub struct SigningGuard {
    signer: Box<dyn Signer>,
    state: SigningState,
}

impl SigningGuard {
    /// Guards `signer`, which has signed `state` last.
    pub fn new(signer: Box<dyn Signer>, state: SigningState) -> Self {
        Self { signer, state }
    }

    /// The key.
    pub fn public_key(&self) -> PublicKey {
        self.signer.public_key()
    }

    /// What was signed last.
    pub fn state(&self) -> &SigningState {
        &self.state
    }

    /// Changes what goes with the last signature: lock, valid block, records of the log.
    pub fn state_mut(&mut self) -> &mut SigningState {
        &mut self.state
    }

    /// Signs `digest`, which is for `block_hash`, at a place in time. The state must be on disk before the signature leaves.
    ///
    /// # Errors
    /// [`ConsensusError::SecondSignature`] unless the place is after the last one, or the request is the last one again.
    pub fn sign(
        &mut self,
        height: u64,
        round: u32,
        step: SignedStep,
        block_hash: B256,
        digest: B256,
    ) -> Result<Signature, ConsensusError> {
        let last = self.state.place();
        if (height, round, step) == last && digest == self.state.digest {
            return Ok(self.state.signature);
        }
        if (height, round, step) <= last || height <= self.state.silent_through {
            let SigningState { height: signed_height, round: signed_round, .. } = self.state;
            return Err(ConsensusError::SecondSignature { height, round, signed_height, signed_round });
        }
        let signature = self.signer.sign(digest);
        self.advance(height, round, step, block_hash, digest, signature);
        Ok(signature)
    }

    /// Signs the head under which a block is streamed. That is no vote: two of them bind nobody to anything.
    pub fn sign_stream(&self, digest: B256) -> Signature {
        self.signer.sign(digest)
    }

    /// Takes note of a signature of this key that was found elsewhere, in the log. Never moves back.
    pub fn learn(
        &mut self,
        height: u64,
        round: u32,
        step: SignedStep,
        block_hash: B256,
        digest: B256,
        signature: Signature,
    ) {
        if (height, round, step) > self.state.place() {
            self.advance(height, round, step, block_hash, digest, signature);
        }
    }

    fn advance(
        &mut self,
        height: u64,
        round: u32,
        step: SignedStep,
        block_hash: B256,
        digest: B256,
        signature: Signature,
    ) {
        if height != self.state.height {
            // Locks and records are of one height.
            self.state = SigningState { silent_through: self.state.silent_through, ..SigningState::default() };
        }
        self.state = SigningState { height, round, step, block_hash, digest, signature, ..self.state };
    }
}

impl fmt::Debug for SigningGuard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningGuard").field("state", &self.state).finish_non_exhaustive()
    }
}
