//! COSE_Sign messages and their forms.
use super::{Signer, encode, map};
use crate::{EvidenceError, KeyType, Policy, Sign, Sign1, Tally, limits::SIGNATURES_MAX};
use coset::{
    CborSerializable, CoseSign, CoseSignBuilder, CoseSignature, CoseSignatureBuilder, HeaderBuilder, ProtectedHeader,
    TaggedCborSerializable, cbor::Value, iana,
};

const NONCE: [u8; 32] = [5; 32];

fn parse(bytes: &[u8]) -> Result<Sign, EvidenceError> {
    Sign::parse(bytes, &mut Tally::default())
}

fn accepted(signer: &Signer, bytes: &[u8]) -> bool {
    parse(bytes).is_ok_and(|message| message.verify(&signer.key(), &[], &mut Tally::default()).is_ok())
}

fn header(signer: &Signer) -> HeaderBuilder {
    HeaderBuilder::new().algorithm(signer.algorithm())
}

fn message(payload: &[u8]) -> CoseSignBuilder {
    CoseSignBuilder::new().payload(payload.to_vec())
}

fn sign(message: CoseSignBuilder, signer: &Signer, signature: CoseSignatureBuilder) -> CoseSignBuilder {
    message.add_created_signature(signature.build(), &[], |bytes| signer.sign_message(bytes))
}

/// Signed by all of them, with the usual headers.
fn signed(payload: &[u8], signers: &[Signer]) -> CoseSign {
    let usual = |signer: &Signer| CoseSignatureBuilder::new().protected(header(signer).build());
    signers.iter().fold(message(payload), |message, signer| sign(message, signer, usual(signer))).build()
}

/// Made by something that signs nothing: an algorithm that is not supported.
fn unsupported() -> CoseSignature {
    CoseSignatureBuilder::new().protected(HeaderBuilder::new().algorithm(iana::Algorithm::ES512).build()).build()
}

fn refused_message(bytes: &[u8]) -> bool {
    matches!(parse(bytes), Err(EvidenceError::Message { .. }))
}

#[test]
fn each_signer_of_several_is_recognised_and_nobody_else() {
    let bytes = signed(b"content", &Signer::all()).to_tagged_vec().unwrap();
    let message = parse(&bytes).unwrap();
    assert_eq!(message.payload(), b"content");
    for signer in Signer::all() {
        let mut tally = Tally::default();
        assert_eq!(message.verify(&signer.key(), &[], &mut tally), Ok(()));
        assert_eq!(tally.secp256k1 + tally.p256 + tally.ed25519, 1, "only signatures of the key's kind are checked");
        assert_eq!(message.verify(&signer.key(), b"aad", &mut tally), Err(EvidenceError::Signature));
        let stranger = Signer::new(signer.key_type(), 8);
        assert_eq!(message.verify(&stranger.key(), &[], &mut tally), Err(EvidenceError::Signature));
    }
}

#[test]
fn a_signature_counts_only_in_the_form_it_was_made_for() {
    let signer = Signer::new(KeyType::P256, 7);
    let one = signer.message(b"content");
    let several = signed(b"content", &[Signer::new(KeyType::P256, 7)]);
    let [part] = several.signatures.as_slice() else { panic!("one signature") };
    let mut moved = one.clone();
    moved.signature = part.signature.clone();
    let moved = Sign1::parse(&moved.to_vec().unwrap(), &mut Tally::default()).unwrap();
    assert_eq!(moved.verify(&signer.key(), &[], &mut Tally::default()), Err(EvidenceError::Signature));
    let mut moved = several.clone();
    moved.signatures[0].signature = one.signature;
    assert!(!accepted(&signer, &moved.to_vec().unwrap()));
}

#[test]
fn tags_say_the_form() {
    let signer = Signer::new(KeyType::Ed25519, 7);
    let several = signed(b"content", &[Signer::new(KeyType::Ed25519, 7)]).to_vec().unwrap();
    let one = signer.message(b"content").to_vec().unwrap();
    let tagged = |bytes: &[u8], tags: &[u64]| {
        let value: Value = coset::cbor::from_reader(bytes).unwrap();
        encode(&tags.iter().rev().fold(value, |value, tag| Value::Tag(*tag, Box::new(value))))
    };
    for tags in [&[][..], &[98], &[61, 98]] {
        assert!(accepted(&signer, &tagged(&several, tags)), "{tags:?}");
    }
    for tags in [&[97][..], &[18], &[998], &[61], &[98, 98], &[61, 61, 98], &[61, 18], &[98, 61], &[98, 18]] {
        assert!(!accepted(&signer, &tagged(&several, tags)), "{tags:?}");
    }
    for tags in [&[][..], &[98], &[18]] {
        assert!(parse(&tagged(&one, tags)).is_err(), "one signature: {tags:?}");
        assert!(Sign1::parse(&tagged(&several, tags), &mut Tally::default()).is_err(), "several: {tags:?}");
    }
}

#[test]
fn the_algorithm_of_every_signature_must_be_protected() {
    let signer = Signer::new(KeyType::P256, 7);
    let fine = || signed(b"content", &[Signer::new(KeyType::P256, 7)]);
    let with = |part: CoseSignatureBuilder| {
        let mut several = fine();
        several.signatures.extend(sign(message(b"content"), &signer, part).build().signatures);
        parse(&several.to_vec().unwrap())
    };
    let bare = CoseSignatureBuilder::new;
    assert!(with(bare().protected(header(&signer).build())).is_ok());
    assert_eq!(with(bare()), Err(EvidenceError::AlgorithmNotProtected));
    assert_eq!(with(bare().unprotected(header(&signer).build())), Err(EvidenceError::AlgorithmNotProtected));
    let both = with(bare().protected(header(&signer).build()).unprotected(header(&signer).build()));
    assert!(matches!(both, Err(EvidenceError::Message { .. })));
    let mut outer = fine();
    outer.unprotected = header(&signer).build();
    assert!(accepted(&signer, &outer.to_vec().unwrap()), "the message's own headers need no algorithm");
}

#[test]
fn signatures_that_are_not_supported_are_passed_over_if_there_are_others() {
    let signer = Signer::new(KeyType::P256, 7);
    let mut message = signed(b"content", &[Signer::new(KeyType::P256, 7)]);
    message.signatures.insert(0, unsupported());
    assert!(accepted(&signer, &message.clone().to_vec().unwrap()));
    message.signatures.truncate(1);
    let alone = parse(&message.to_vec().unwrap());
    assert_eq!(alone, Err(EvidenceError::UnsupportedAlgorithm { label: Some(-36) }));
}

#[test]
fn critical_headers_of_each_layer_must_be_understood() {
    let signer = Signer::new(KeyType::P256, 7);
    let known = |header: HeaderBuilder| header.key_id(b"id".to_vec()).add_critical(iana::HeaderParameter::Kid).build();
    let unknown = |header: HeaderBuilder| header.add_critical(iana::HeaderParameter::X5Chain).build();
    let with = |outer: coset::Header, inner: coset::Header| {
        let part = CoseSignatureBuilder::new().protected(inner);
        sign(message(b"content").protected(outer), &signer, part).build().to_vec().unwrap()
    };
    assert!(accepted(&signer, &with(known(HeaderBuilder::new()), known(header(&signer)))));
    assert!(refused_message(&with(unknown(HeaderBuilder::new()), header(&signer).build())));
    assert!(refused_message(&with(HeaderBuilder::new().build(), unknown(header(&signer)))));
}

#[test]
fn an_empty_map_is_signed_as_if_it_were_left_out() {
    let signer = Signer::new(KeyType::P256, 7);
    let mut message = signed(b"content", &[Signer::new(KeyType::P256, 7)]);
    message.protected = ProtectedHeader { original_data: Some(vec![0xa0]), ..ProtectedHeader::default() };
    assert!(accepted(&signer, &message.to_vec().unwrap()));
}

#[test]
fn lists_without_signatures_and_malformed_ones_are_refused() {
    let fine = signed(b"content", &[Signer::new(KeyType::P256, 7)]);
    let elements = || coset::AsCborValue::to_cbor_value(fine.clone()).unwrap().into_array().unwrap();
    let with = |place: usize, value: Value| {
        let mut elements = elements();
        elements[place] = value;
        parse(&encode(&Value::Array(elements))).unwrap_err()
    };
    let message = |error: EvidenceError| matches!(error, EvidenceError::Message { .. });
    assert!(message(with(3, Value::Array(vec![]))));
    assert!(message(with(3, Value::Array(vec![Value::Null]))));
    assert!(message(with(3, Value::Array(vec![Value::Array(vec![Value::Bytes(vec![]); 3])]))));
    assert!(message(with(3, Value::Array(vec![Value::Array(elements())]))), "four elements");
    assert!(message(with(3, Value::Map(vec![]))));
    assert!(message(with(0, Value::Null)));
    assert!(message(with(2, Value::Text("content".into()))));
    assert_eq!(with(2, Value::Null), EvidenceError::DetachedPayload);
    let twice = Value::Map(vec![(Value::from(-70_001), Value::Null), (Value::from(-70_001), Value::Null)]);
    assert!(message(with(1, twice)));
    let longer = Value::Array([elements(), vec![Value::Null]].concat());
    assert!(refused_message(&encode(&longer)));
}

#[test]
fn lengths_may_be_left_open() {
    let signer = Signer::new(KeyType::Ed25519, 7);
    let bytes = signed(b"content", &[Signer::new(KeyType::Ed25519, 7)]).to_vec().unwrap();
    assert_eq!((bytes[0], &bytes[1..3]), (0x84, &[0x40, 0xa0][..]));
    let open = [&[0x9f, 0x5f, 0xff, 0xbf, 0xff], &bytes[3..], &[0xff]].concat();
    assert!(accepted(&signer, &open));
    assert!(parse(&open[..open.len() - 1]).is_err());
}

#[test]
fn countersignatures_inside_each_other_are_not_followed() {
    let signer = Signer::new(KeyType::P256, 7);
    let mut inner = Vec::new();
    while inner.len() < 20_000 {
        let parts = Value::Array(vec![Value::Bytes(inner), Value::Map(vec![]), Value::Bytes(vec![])]);
        inner = map(&[(7, parts)]);
    }
    let Value::Map(nested) = coset::cbor::from_reader(&inner[..]).unwrap() else { panic!("a map") };
    let mut elements = signer.message(b"content").to_vec().unwrap();
    let mut value: Value = coset::cbor::from_reader(&elements[..]).unwrap();
    value.as_array_mut().unwrap()[1] = Value::Map(nested);
    elements = encode(&value);
    let message = Sign1::parse(&elements, &mut Tally::default()).unwrap();
    assert_eq!(message.verify(&signer.key(), &[], &mut Tally::default()), Ok(()));
}

#[test]
fn every_turned_bit_of_several_is_noticed() {
    let signer = Signer::new(KeyType::P256, 7);
    let bytes = signed(b"some content", &[Signer::new(KeyType::P256, 7)]).to_tagged_vec().unwrap();
    assert!(accepted(&signer, &bytes));
    assert!(super::flips(&bytes).all(|flipped| !accepted(&signer, &flipped)));
}

#[test]
fn as_many_signatures_as_the_limit() {
    let message = |count: usize| {
        let signers: Vec<_> = (1..=count).map(|seed| Signer::new(KeyType::Ed25519, seed as u8)).collect();
        parse(&signed(b"content", &signers).to_vec().unwrap())
    };
    assert!(message(SIGNATURES_MAX).is_ok());
    assert!(matches!(message(SIGNATURES_MAX + 1), Err(EvidenceError::Limit { .. })));
}

#[test]
fn a_token_is_believed_if_one_of_its_signers_is_an_issuer() {
    let issuer = Signer::new(KeyType::P256, 3);
    let policy = Policy::parse(&map(&[(1, Value::Array(vec![issuer.cose_key()]))]), &mut Tally::default()).unwrap();
    let claims = map(&[(10, Value::Bytes(NONCE.to_vec()))]);
    let checks = |signers: &[Signer], tagged: bool| {
        let token = signed(&claims, signers);
        let token = if tagged { token.to_tagged_vec() } else { token.to_vec() }.unwrap();
        let mut tally = Tally::default();
        policy.verify(&token, &NONCE, 0, &mut tally).map(|_| (tally.p256, tally.secp256k1, tally.ed25519))
    };
    let issuer = || Signer::new(KeyType::P256, 3);
    let stranger = |key_type| Signer::new(key_type, 4);
    for tagged in [true, false] {
        assert_eq!(checks(&[issuer()], tagged), Ok((1, 0, 0)));
        assert_eq!(checks(&[stranger(KeyType::P256), issuer()], tagged), Ok((2, 0, 0)), "each check is paid for");
        assert_eq!(checks(&[stranger(KeyType::Ed25519), issuer()], tagged), Ok((1, 0, 0)), "others are not checked");
        let strangers = [stranger(KeyType::P256), stranger(KeyType::Ed25519)];
        assert_eq!(checks(&strangers, tagged), Err(EvidenceError::Issuer));
    }
}

#[test]
fn every_check_of_a_signer_is_paid_for_before_it_is_done() {
    /// Pays for so many signatures.
    struct Purse(u64);
    impl crate::Meter for Purse {
        fn spend(&mut self, work: crate::Work) -> Result<(), crate::Exhausted> {
            if matches!(work, crate::Work::Signature(_)) {
                self.0 = self.0.checked_sub(1).ok_or(crate::Exhausted)?;
            }
            Ok(())
        }
    }
    let signers: Vec<_> = (10..14).map(|seed| Signer::new(KeyType::Ed25519, seed)).collect();
    let keys = signers.iter().skip(3).map(Signer::cose_key).collect();
    let policy = Policy::parse(&map(&[(1, Value::Array(keys))]), &mut Tally::default()).unwrap();
    let token = signed(&map(&[(10, Value::Bytes(NONCE.to_vec()))]), &signers).to_tagged_vec().unwrap();
    assert!(policy.verify(&token, &NONCE, 0, &mut Purse(4)).is_ok());
    assert_eq!(policy.verify(&token, &NONCE, 0, &mut Purse(3)), Err(EvidenceError::Exhausted(crate::Exhausted)));
}

#[test]
fn a_key_id_that_is_no_bytes_is_no_hint() {
    let signer = Signer::new(KeyType::P256, 7);
    let mut message = coset::AsCborValue::to_cbor_value(signer.message(b"content")).unwrap();
    for id in [Value::Text("somebody".into()), Value::Bytes(Vec::new()), Value::Null] {
        message.as_array_mut().unwrap()[1] = Value::Map(vec![(Value::from(4), id)]);
        let message = Sign1::parse(&encode(&message), &mut Tally::default()).unwrap();
        assert_eq!(message.key_id(), b"");
        assert_eq!(message.verify(&signer.key(), &[], &mut Tally::default()), Ok(()));
    }
}
