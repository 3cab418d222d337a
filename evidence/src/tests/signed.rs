//! COSE_Sign1 messages and their forms.
use super::{Signer, encode, untagged};
use crate::{EvidenceError, KeyType, Sign1, Tally, limits::TOKEN_BYTES_MAX};
use coset::{CoseSign1Builder, HeaderBuilder, ProtectedHeader, TaggedCborSerializable, cbor::Value, iana};

fn parse(bytes: &[u8]) -> Result<Sign1, EvidenceError> {
    Sign1::parse(bytes, &mut Tally::default())
}

fn accepted(signer: &Signer, bytes: &[u8]) -> bool {
    parse(bytes).is_ok_and(|message| message.verify(&signer.key(), &[], &mut Tally::default()).is_ok())
}

#[test]
fn each_algorithm_is_checked_with_its_kind_of_key() {
    for signer in Signer::all() {
        let bytes = untagged(signer.message(b"content"));
        let message = parse(&bytes).unwrap();
        assert_eq!(message.payload(), b"content");
        let mut tally = Tally::default();
        assert_eq!(message.verify(&signer.key(), &[], &mut tally), Ok(()));
        assert_eq!(tally.secp256k1 + tally.p256 + tally.ed25519, 1);
        assert!(tally.hashed_words > 0);
        for other in Signer::all().iter().filter(|other| other.key_type() != signer.key_type()) {
            assert_eq!(message.verify(&other.key(), &[], &mut tally), Err(EvidenceError::Signature));
        }
        let stranger = Signer::new(signer.key_type(), 8);
        assert_eq!(message.verify(&stranger.key(), &[], &mut tally), Err(EvidenceError::Signature));
    }
}

#[test]
fn what_both_sides_know_is_signed_too() {
    let signer = Signer::new(KeyType::P256, 7);
    let protected = HeaderBuilder::new().algorithm(iana::Algorithm::ES256).build();
    let builder = CoseSign1Builder::new().protected(protected).payload(b"content".to_vec());
    let message = builder.create_signature(b"aad", |bytes| signer.sign_message(bytes)).build();
    let message = parse(&untagged(message)).unwrap();
    assert_eq!(message.verify(&signer.key(), b"aad", &mut Tally::default()), Ok(()));
    assert_eq!(message.verify(&signer.key(), b"", &mut Tally::default()), Err(EvidenceError::Signature));
}

#[test]
fn tags_may_stand_before_it() {
    let signer = Signer::new(KeyType::Ed25519, 7);
    let bare = untagged(signer.message(b"content"));
    let tagged = |tags: &[u64]| {
        let mut value: Value = coset::cbor::from_reader(&bare[..]).unwrap();
        for tag in tags.iter().rev() {
            value = Value::Tag(*tag, Box::new(value));
        }
        accepted(&signer, &encode(&value))
    };
    assert!(tagged(&[]) && tagged(&[18]) && tagged(&[61, 18]));
    for others in [&[17][..], &[98], &[998], &[61], &[18, 18], &[61, 61, 18], &[61, 17], &[18, 61]] {
        assert!(!tagged(others), "{others:?}");
    }
}

#[test]
fn the_algorithm_must_be_protected() {
    let signer = Signer::new(KeyType::P256, 7);
    let header = HeaderBuilder::new().algorithm(iana::Algorithm::ES256).build();
    let bare = || CoseSign1Builder::new().payload(b"content".to_vec());
    let outside = signer.signed(bare().unprotected(header.clone()));
    assert_eq!(parse(&untagged(outside)), Err(EvidenceError::AlgorithmNotProtected));
    assert_eq!(parse(&untagged(signer.signed(bare()))), Err(EvidenceError::AlgorithmNotProtected));
    let both = signer.signed(bare().protected(header.clone()).unprotected(header));
    assert!(matches!(parse(&untagged(both)), Err(EvidenceError::Message { .. })));
    let empty = ProtectedHeader { original_data: Some(vec![0xa0]), ..ProtectedHeader::default() };
    let mut message = signer.signed(bare());
    message.protected = empty;
    assert_eq!(parse(&untagged(message)), Err(EvidenceError::AlgorithmNotProtected));
}

#[test]
fn algorithms_that_are_not_supported_are_named() {
    let signer = Signer::new(KeyType::P256, 7);
    for algorithm in [iana::Algorithm::ES384, iana::Algorithm::PS256, iana::Algorithm::HMAC_256_256] {
        let header = HeaderBuilder::new().algorithm(algorithm).build();
        let message = signer.signed(CoseSign1Builder::new().protected(header).payload(vec![1]));
        assert!(matches!(parse(&untagged(message)), Err(EvidenceError::UnsupportedAlgorithm { label: Some(_) })));
    }
}

#[test]
fn critical_headers_must_be_understood() {
    let signer = Signer::new(KeyType::P256, 7);
    let message = |header: HeaderBuilder| {
        let header = header.algorithm(iana::Algorithm::ES256).build();
        accepted(&signer, &untagged(signer.signed(CoseSign1Builder::new().protected(header).payload(vec![1]))))
    };
    assert!(message(HeaderBuilder::new().key_id(b"id".to_vec()).add_critical(iana::HeaderParameter::Kid)));
    assert!(!message(HeaderBuilder::new().add_critical(iana::HeaderParameter::X5Chain)));
    let private = coset::RegisteredLabelWithPrivate::PrivateUse(-70_001);
    assert!(!message(HeaderBuilder::new().add_critical_label(private).value(-70_001, Value::Null)));
    assert!(message(HeaderBuilder::new().value(-70_001, Value::Null)), "not critical");
}

#[test]
fn a_detached_payload_is_refused() {
    let signer = Signer::new(KeyType::P256, 7);
    let mut message = signer.message(b"content");
    message.payload = None;
    assert_eq!(parse(&untagged(message)), Err(EvidenceError::DetachedPayload));
}

#[test]
fn every_turned_bit_is_noticed() {
    for signer in Signer::all() {
        let bytes = signer.message(b"some content").to_tagged_vec().unwrap();
        assert!(accepted(&signer, &bytes));
        assert!(super::flips(&bytes).all(|flipped| !accepted(&signer, &flipped)));
    }
}

#[test]
fn a_message_may_be_as_long_as_the_limit() {
    let signer = Signer::new(KeyType::Ed25519, 7);
    let of = |payload: usize| untagged(signer.message(&vec![1; payload]));
    let payload = TOKEN_BYTES_MAX - (of(20_000).len() - 20_000);
    assert_eq!(of(payload).len(), TOKEN_BYTES_MAX);
    assert!(accepted(&signer, &of(payload)));
    assert!(matches!(parse(&of(payload + 1)), Err(EvidenceError::Limit { .. })));
}
