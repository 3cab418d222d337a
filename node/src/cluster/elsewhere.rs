//! Signatures of this validator's key that this data directory does not know of.
//!
//! The signing record knows the height of the last signature. A block above it that carries one all the same was signed by
//! another process with this key, or by this one before somebody put back an old copy of the record. Either way nobody here
//! knows what the key has signed, and the node must not sign. It shows while the node catches up, when it signs nothing yet:
//! so a validator does not start where its key is alive elsewhere.
use crate::NodeError;
use alloy_primitives::Address;
use pervade_consensus::{CommitCertificate, SigningState};

/// What this node's key has signed, as far as its record knows.
#[derive(Debug, Default)]
pub(super) struct OwnSignatures {
    /// Consensus address of the key; `None`: a follower.
    key: Option<Address>,
    /// Height of the last signature; 0: none.
    height: u64,
    /// The key may have signed anything up to here.
    silent_through: u64,
}

impl OwnSignatures {
    /// As the record was found.
    pub(super) fn new(key: Option<Address>, recorded: Option<SigningState>) -> Self {
        let mut signatures = Self { key, ..Self::default() };
        signatures.note(recorded.as_ref());
        signatures
    }

    /// The record has moved on.
    pub(super) fn note(&mut self, recorded: Option<&SigningState>) {
        if let Some(state) = recorded {
            (self.height, self.silent_through) = (state.height, state.silent_through);
        }
    }

    /// Looks for the key among those who decided a block.
    ///
    /// # Errors
    /// [`NodeError::KeyElsewhere`].
    pub(super) fn check(&self, decided: &CommitCertificate) -> Result<(), NodeError> {
        // A record that has signed nothing is new: what its key did before is not in it.
        let is_known = self.height == 0 || decided.height <= self.height.max(self.silent_through);
        let signed = |key| decided.signatures.iter().any(|signature| signature.address == key);
        if is_known || !self.key.is_some_and(signed) {
            return Ok(());
        }
        Err(NodeError::KeyElsewhere { height: decided.height, recorded: self.height })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use pervade_consensus::CommitSignature;

    const OWN: Address = Address::repeat_byte(1);

    fn decided_by(height: u64, address: Address) -> CommitCertificate {
        let signatures = vec![CommitSignature { address, signature: Default::default() }];
        CommitCertificate { height, round: 0, block_hash: B256::ZERO, signatures }
    }

    fn signatures(height: u64, silent_through: u64) -> OwnSignatures {
        OwnSignatures::new(Some(OWN), Some(SigningState { height, silent_through, ..SigningState::default() }))
    }

    #[test]
    fn a_signature_above_the_record_is_somebody_elses() {
        let known = signatures(7, 0);
        assert!(known.check(&decided_by(7, OWN)).is_ok());
        let error = known.check(&decided_by(8, OWN)).unwrap_err();
        assert!(matches!(error, NodeError::KeyElsewhere { height: 8, recorded: 7 }), "{error}");
        assert!(known.check(&decided_by(8, Address::repeat_byte(2))).is_ok());
    }

    #[test]
    fn what_the_record_cannot_know_is_no_proof() {
        assert!(signatures(0, 0).check(&decided_by(9, OWN)).is_ok(), "a new record");
        assert!(signatures(5, 9).check(&decided_by(9, OWN)).is_ok(), "silent so far");
        assert!(signatures(5, 9).check(&decided_by(10, OWN)).is_err());
        assert!(OwnSignatures::new(None, None).check(&decided_by(9, OWN)).is_ok(), "a follower");
    }

    #[test]
    fn the_record_moves_on_with_each_signature() {
        let mut known = signatures(7, 0);
        known.note(None);
        known.note(Some(&SigningState { height: 8, ..SigningState::default() }));
        assert!(known.check(&decided_by(8, OWN)).is_ok());
    }
}
