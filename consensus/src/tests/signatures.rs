//! What is signed, and how.
use super::{CHAIN, address, signer};
use crate::{
    Secp256k1Verifier, Signer, Verifier, VoteKind,
    signing::{Signature, digest},
};
use alloy_primitives::{B256, U256, hex};

#[test]
fn signed_messages_are_as_documented_byte_by_byte() {
    let hash = B256::repeat_byte(0x22);
    let chain = "0000000000000539".to_owned() + &"11".repeat(32);
    let place = "0000000000000102".to_owned() + "00000003";
    let vote = hex::encode(CHAIN.vote_bytes(VoteKind::Precommit, 0x102, 3, hash));
    assert_eq!(vote, hex::encode(b"pervade:vote:v1\0") + &chain + &place + "02" + &"22".repeat(32));
    let fresh = hex::encode(CHAIN.proposal_bytes(0x102, 3, None, hash));
    assert_eq!(fresh, hex::encode(b"pervade:prop:v1\0") + &chain + &place + "ffffffff" + &"22".repeat(32));
    let again = hex::encode(CHAIN.proposal_bytes(0x102, 3, Some(1), hash));
    assert_eq!(again, hex::encode(b"pervade:prop:v1\0") + &chain + &place + "00000001" + &"22".repeat(32));
    let parts = hex::encode(CHAIN.parts_bytes(0x102, 3, hash, B256::repeat_byte(0x33), 0x10000));
    let tail = "22".repeat(32) + &"33".repeat(32) + "00010000";
    assert_eq!(parts, hex::encode(b"pervade:part:v1\0") + &chain + &place + &tail);
}

#[test]
fn ecrecover_gives_the_consensus_address() {
    for index in 0..20 {
        let digest = digest(&CHAIN.vote_bytes(VoteKind::Precommit, index, 0, B256::repeat_byte(1)));
        let signature = signer(index).sign(digest);
        // Another implementation, k256, as contracts have it in the EVM.
        let parsed = alloy_primitives::Signature::from_raw(signature.as_slice()).unwrap();
        assert_eq!(parsed.recover_address_from_prehash(&digest).unwrap(), address(index));
        assert!(signature[64] == 27 || signature[64] == 28);
        assert_eq!(signature, signer(index).sign(digest), "the same digest, the same bytes");
    }
}

#[test]
fn only_one_form_of_a_signature_is_taken() {
    let verifier = Secp256k1Verifier::default();
    let digest = digest(b"anything");
    let good = signer(1).sign(digest);
    let key = signer(1).public_key();
    assert!(verifier.verify(digest, &good, &key));
    assert!(!verifier.verify(digest, &good, &signer(2).public_key()));
    assert!(!verifier.verify(super::digest(b"another"), &good, &key));
    // The same signature with s in the upper half.
    let order = U256::from_be_bytes(hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"));
    let mut high = good.0;
    let s = U256::from_be_slice(&high[32..64]);
    high[32..64].copy_from_slice(&(order - s).to_be_bytes::<32>());
    high[64] = 55 - high[64];
    assert!(!verifier.verify(digest, &Signature::from(high), &key));
    for v in [0, 1, 26, 29, 255] {
        let mut other = good.0;
        other[64] = v;
        assert!(!verifier.verify(digest, &Signature::from(other), &key), "v = {v}");
    }
}
