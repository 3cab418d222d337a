//! Certificates, evidence, and the walk of a light client.
use super::{CHAIN, certificate, members, set, vote};
use crate::{
    ChainIdentity, CommitCertificate, ConsensusError, Equivocation, Secp256k1Verifier, VoteKind,
    light::{LightState, LightStep},
};
use alloy_primitives::{B256, hex};

const HASH: B256 = B256::repeat_byte(0x22);

fn check(certificate: &CommitCertificate) -> Result<(), ConsensusError> {
    certificate.verify(&CHAIN, &set(&[1, 1, 1, 1]), &Secp256k1Verifier::default())
}

#[test]
fn three_of_four_decide_and_two_do_not() {
    check(&certificate(&[0, 1, 2], 5, 1, HASH)).unwrap();
    check(&certificate(&[0, 1, 2, 3], 5, 1, HASH)).unwrap();
    let two = check(&certificate(&[0, 1], 5, 1, HASH));
    assert!(matches!(two, Err(ConsensusError::CertificatePower { signed: 2, total: 4, .. })));
}

#[test]
fn nothing_of_a_certificate_can_be_changed() {
    let good = certificate(&[0, 1, 2], 5, 1, HASH);
    for spoilt in [
        CommitCertificate { height: 6, ..good.clone() },
        CommitCertificate { round: 0, ..good.clone() },
        CommitCertificate { block_hash: B256::repeat_byte(0x23), ..good.clone() },
    ] {
        assert!(matches!(check(&spoilt), Err(ConsensusError::CertificateSignature { .. })));
    }
    let mut twice = good.clone();
    twice.signatures.push(twice.signatures[2].clone());
    assert!(matches!(check(&twice), Err(ConsensusError::CertificateOrder { .. })));
    let stranger = certificate(&[0, 1, 9], 5, 1, HASH);
    assert!(matches!(check(&stranger), Err(ConsensusError::CertificateSigner { .. })));
    let elsewhere = ChainIdentity { chain_id: 1338, ..CHAIN };
    let verifier = Secp256k1Verifier::default();
    assert!(good.verify(&elsewhere, &set(&[1, 1, 1, 1]), &verifier).is_err());
    // Prevotes are no precommits.
    let mut prevotes = good;
    for (index, signed) in prevotes.signatures.iter_mut().enumerate() {
        signed.signature = vote(index as u64, VoteKind::Prevote, 5, 1, HASH).signature;
    }
    assert!(check(&prevotes).is_err());
}

#[test]
fn a_certificate_is_encoded_as_documented() {
    let mut one = certificate(&[0], 5, 1, HASH);
    one.signatures[0].signature = [0x44; 65].into();
    one.signatures[0].address = [0x33; 20].into();
    let expected = "f87f".to_owned()
        + "05"
        + "01"
        + "a0"
        + &"22".repeat(32)
        + "f85a"
        + "f858"
        + "94"
        + &"33".repeat(20)
        + "b841"
        + &"44".repeat(65);
    let encoded = one.encoded();
    assert_eq!(hex::encode(&encoded), expected);
    assert_eq!(CommitCertificate::decode_exact(&encoded).unwrap(), one);
    let mut longer = encoded;
    longer.push(0);
    assert!(CommitCertificate::decode_exact(&longer).is_err());
}

#[test]
fn the_largest_certificate_fits_its_limit() {
    let mut largest = certificate(&[0], u64::MAX, u32::MAX, HASH);
    largest.signatures = vec![largest.signatures[0].clone(); 128];
    let encoded = largest.encoded();
    assert!(encoded.len() <= crate::CERTIFICATE_BYTES_MAX);
    CommitCertificate::decode_exact(&encoded).unwrap();
    largest.signatures.push(largest.signatures[0].clone());
    assert!(CommitCertificate::decode_exact(&largest.encoded()).is_err());
}

#[test]
fn evidence_must_prove_something() {
    let verifier = Secp256k1Verifier::default();
    let set = set(&[1, 1, 1, 1]);
    let a = vote(1, VoteKind::Prevote, 5, 0, HASH);
    let b = vote(1, VoteKind::Prevote, 5, 0, B256::ZERO);
    let found = Equivocation::of_votes(a, b);
    found.verify(&CHAIN, &set, &verifier).unwrap();
    assert_eq!(found, Equivocation::of_votes(b, a), "one pair, one form");
    assert_eq!(Equivocation::decode_exact(&found.encoded()).unwrap(), found);
    assert!(found.encoded().len() <= crate::EVIDENCE_BYTES_MAX);
    for nothing in [
        Equivocation::of_votes(a, a),
        Equivocation::of_votes(a, vote(2, VoteKind::Prevote, 5, 0, B256::ZERO)),
        Equivocation::of_votes(a, vote(1, VoteKind::Precommit, 5, 0, B256::ZERO)),
        Equivocation::of_votes(a, vote(1, VoteKind::Prevote, 5, 1, B256::ZERO)),
        Equivocation::of_votes(a, crate::SignedVote { block_hash: B256::repeat_byte(9), ..a }),
    ] {
        assert!(nothing.verify(&CHAIN, &set, &verifier).is_err(), "{nothing:?}");
    }
}

#[test]
fn a_light_client_follows_the_sets_and_nobody_else() {
    let verifier = Secp256k1Verifier::default();
    let (first, second) = (members(&[1, 1, 1, 1]), members(&[1, 1, 1, 1, 1, 1, 1]));
    let hash = pervade_chainspec::validator_set_hash;
    let genesis = LightState::begin(0, B256::repeat_byte(1), hash(&first), &first).unwrap();
    assert!(LightState::begin(0, B256::repeat_byte(1), hash(&first), &second).is_err());
    let change = LightStep {
        height: 700,
        block_hash: HASH,
        extra_data: hash(&second),
        certificate: certificate(&[0, 1, 2], 700, 0, HASH),
        next_validators: Some(second.clone()),
    };
    let head = LightStep {
        height: 900,
        extra_data: hash(&second),
        certificate: certificate(&[2, 3, 4, 5, 6], 900, 2, HASH),
        next_validators: None,
        ..change.clone()
    };
    let mut state = genesis.clone();
    state.advance(&change, &CHAIN, &verifier).unwrap();
    assert_eq!(state.validators.hash(), hash(&second));
    state.advance(&head, &CHAIN, &verifier).unwrap();
    assert_eq!((state.height, state.block_hash), (900, HASH));
    assert!(state.advance(&head, &CHAIN, &verifier).is_err(), "not after the one before");
    // Without the change, the new set is nobody.
    assert!(genesis.clone().advance(&head, &CHAIN, &verifier).is_err());
    let unnamed = LightStep { next_validators: None, ..change.clone() };
    assert!(genesis.clone().advance(&unnamed, &CHAIN, &verifier).is_err());
    let other = LightStep { next_validators: Some(members(&[1, 1, 1, 1, 9])), ..change.clone() };
    assert!(genesis.clone().advance(&other, &CHAIN, &verifier).is_err());
    let elsewhere = LightStep { block_hash: B256::repeat_byte(3), ..change };
    assert!(genesis.clone().advance(&elsewhere, &CHAIN, &verifier).is_err());
}
