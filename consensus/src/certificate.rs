//! The proof that a block is decided.
//!
//! Encoded in RLP: `[height, round, blockHash, [[address, signature], ...]]`, signatures in strictly ascending order of
//! consensus address. Each is of a precommit for that block, height and round, as [`crate::signing`] draws it. Two nodes may
//! hold different certificates of the same block: who signed is not part of the chain.
use crate::{
    error::ConsensusError,
    signing::{ChainIdentity, Signature, Verifier, VoteKind, digest},
    validators::ValidatorSet,
};
use alloy_primitives::{Address, B256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use pervade_chainspec::params;

/// Largest encoded certificate, bytes: of [`params::VALIDATORS_MAX`] signatures of 89 bytes each, and the fields before them.
pub const CERTIFICATE_BYTES_MAX: usize = 12 << 10;

/// More than two thirds of the power precommitted this block.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct CommitCertificate {
    /// Height of the block.
    pub height: u64,
    /// Round in which it was decided.
    pub round: u32,
    /// Its hash.
    pub block_hash: B256,
    /// Precommits for it.
    pub signatures: Vec<CommitSignature>,
}

/// One validator's precommit in a certificate.
#[derive(Debug, Clone, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct CommitSignature {
    /// Consensus address of the signer.
    pub address: Address,
    /// Its signature.
    pub signature: Signature,
}

impl CommitCertificate {
    /// The encoding that is stored and sent.
    pub fn encoded(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length());
        self.encode(&mut bytes);
        bytes
    }

    /// Reads an encoding; nothing may follow it.
    ///
    /// # Errors
    /// [`ConsensusError::Malformed`].
    pub fn decode_exact(bytes: &[u8]) -> Result<Self, ConsensusError> {
        let wrong = |reason| ConsensusError::Malformed { what: "certificate", reason };
        if bytes.len() > CERTIFICATE_BYTES_MAX {
            return Err(wrong("longer than the largest set can make it"));
        }
        let mut rest = bytes;
        let certificate = Self::decode(&mut rest).map_err(|_| wrong("not in RLP as documented"))?;
        if !rest.is_empty() {
            return Err(wrong("bytes follow it"));
        }
        if certificate.signatures.len() > params::VALIDATORS_MAX {
            return Err(wrong("more signatures than a set has members"));
        }
        Ok(certificate)
    }

    /// Checks that more than two thirds of `validators` precommitted this block on `chain`.
    ///
    /// # Errors
    /// Which rule does not hold: order, membership, signature or power.
    pub fn verify(
        &self,
        chain: &ChainIdentity,
        validators: &ValidatorSet,
        verifier: &dyn Verifier,
    ) -> Result<(), ConsensusError> {
        let height = self.height;
        let mut signed = 0_u64;
        let mut previous: Option<Address> = None;
        for CommitSignature { address, .. } in &self.signatures {
            if previous.is_some_and(|previous| previous >= *address) {
                return Err(ConsensusError::CertificateOrder { height, address: *address });
            }
            previous = Some(*address);
            let member =
                validators.get(address).ok_or(ConsensusError::CertificateSigner { height, address: *address })?;
            signed = signed.saturating_add(member.power);
        }
        // Power first: signatures are what costs.
        if self.block_hash == B256::ZERO || !validators.is_quorum(signed) {
            return Err(ConsensusError::CertificatePower { height, signed, total: validators.total_power() });
        }
        let precommit = digest(&chain.vote_bytes(VoteKind::Precommit, height, self.round, self.block_hash));
        for CommitSignature { address, signature } in &self.signatures {
            let holds =
                validators.get(address).is_some_and(|member| verifier.verify(precommit, signature, &member.public_key));
            if !holds {
                return Err(ConsensusError::CertificateSignature { height, address: *address });
            }
        }
        Ok(())
    }

    /// As [`Self::verify`], for one block.
    ///
    /// # Errors
    /// [`ConsensusError::CertificateForOther`], or as [`Self::verify`].
    pub fn verify_block(
        &self,
        height: u64,
        block_hash: B256,
        chain: &ChainIdentity,
        validators: &ValidatorSet,
        verifier: &dyn Verifier,
    ) -> Result<(), ConsensusError> {
        if self.height != height || self.block_hash != block_hash {
            return Err(ConsensusError::CertificateForOther { height: self.height, block_hash: self.block_hash });
        }
        self.verify(chain, validators, verifier)
    }

    /// Members of the set whose signature is not here.
    pub fn missing(&self, validators: &ValidatorSet) -> Vec<Address> {
        let signed = |address: &Address| self.signatures.iter().any(|signature| signature.address == *address);
        validators.members().iter().map(|member| member.address).filter(|address| !signed(address)).collect()
    }
}
