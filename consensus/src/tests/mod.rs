//! Tests of single parts. Whole machines are tested in `tests/consensus`.
mod certificates;
mod decoders;
mod folder;
mod limits;
mod log_file;
mod signatures;
mod signing_record;
mod turns;
mod waits;

use crate::{
    CommitCertificate, CommitSignature, Secp256k1Signer, SignedVote, Signer, ValidatorSet, VoteKind,
    signing::{ChainIdentity, consensus_address, digest},
};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use pervade_chainspec::ValidatorConfig;

pub(crate) const CHAIN: ChainIdentity = ChainIdentity { chain_id: 1337, genesis_hash: B256::repeat_byte(0x11) };

pub(crate) fn signer(index: u64) -> Secp256k1Signer {
    Secp256k1Signer::new(&keccak256(index.to_be_bytes())).unwrap()
}

pub(crate) fn members(powers: &[u64]) -> Vec<ValidatorConfig> {
    let member = |(index, power): (usize, &u64)| ValidatorConfig {
        account: Address::repeat_byte(index as u8 + 1),
        public_key: Bytes::copy_from_slice(signer(index as u64).public_key().as_slice()),
        power: *power,
    };
    powers.iter().enumerate().map(member).collect()
}

pub(crate) fn set(powers: &[u64]) -> ValidatorSet {
    ValidatorSet::new(&members(powers)).unwrap()
}

pub(crate) fn address(index: u64) -> Address {
    consensus_address(&signer(index).public_key()).unwrap()
}

pub(crate) fn vote(index: u64, kind: VoteKind, height: u64, round: u32, block_hash: B256) -> SignedVote {
    let signature = signer(index).sign(digest(&CHAIN.vote_bytes(kind, height, round, block_hash)));
    SignedVote { kind, height, round, block_hash, validator: address(index), signature }
}

pub(crate) fn certificate(signers: &[u64], height: u64, round: u32, block_hash: B256) -> CommitCertificate {
    let sign = |index: &u64| CommitSignature {
        address: address(*index),
        signature: vote(*index, VoteKind::Precommit, height, round, block_hash).signature,
    };
    let mut signatures: Vec<_> = signers.iter().map(sign).collect();
    signatures.sort_by_key(|signed| signed.address);
    CommitCertificate { height, round, block_hash, signatures }
}
