//! Public keys and raw signatures.
use super::{Signer, encode};
use crate::{EvidenceError, Exhausted, KeyType, Meter, PublicKey, Tally, Work, limits::KEY_BYTES_MAX};
use coset::cbor::Value;

/// Order of secp256k1 (SEC 2, 2.4.1).
const ORDER: [u8; 32] = alloy_primitives::hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

/// The same signature with the other `s`.
fn other_half(signature: &[u8]) -> Vec<u8> {
    let order = alloy_primitives::U256::from_be_bytes(ORDER);
    let s = alloy_primitives::U256::from_be_slice(&signature[32..64]);
    [&signature[..32], &(order - s).to_be_bytes::<32>()].concat()
}

#[test]
fn a_key_is_the_same_in_every_form() {
    for signer in Signer::all() {
        let raw = signer.raw_key();
        let key = signer.key();
        assert_eq!(PublicKey::from_cose(&encode(&signer.cose_key())), Ok(key.clone()));
        if signer.key_type() != KeyType::Ed25519 {
            assert_eq!(PublicKey::from_raw(signer.key_type(), &raw[1..]), Ok(key.clone()), "without prefix");
            let compressed = [&[2 + (raw[64] & 1)], &raw[1..33]].concat();
            assert_eq!(PublicKey::from_raw(signer.key_type(), &compressed), Ok(key.clone()));
            let hybrid = [&[6 + (raw[64] & 1)], &raw[1..]].concat();
            assert!(PublicKey::from_raw(signer.key_type(), &hybrid).is_err());
        }
        for length in 0..raw.len() {
            let cut = PublicKey::from_raw(signer.key_type(), &raw[..length]);
            assert!(cut.is_err() || length == 64 || length == 33 || cut == Ok(key.clone()), "{length}");
        }
    }
}

#[test]
fn keys_that_are_weak_or_not_canonical_are_refused() {
    let refused = |bytes: [u8; 32]| assert!(PublicKey::from_raw(KeyType::Ed25519, &bytes).is_err(), "{bytes:?}");
    let mut one = [0; 32];
    one[0] = 1;
    refused(one);
    refused([0; 32]);
    let mut not_canonical = [0xff; 32];
    not_canonical[31] = 0x7f;
    for low in 0xed..=0xff {
        not_canonical[0] = low;
        refused(not_canonical);
    }
    refused(alloy_primitives::hex!("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"));
    assert!(PublicKey::from_raw(KeyType::Secp256k1, &[0x11; 64]).is_err(), "not on the curve");
    assert!(PublicKey::from_raw(KeyType::P256, &[0; 64]).is_err(), "not on the curve");
}

#[test]
fn digests_are_signed_with_the_lower_half_and_messages_with_either() {
    let signer = Signer::new(KeyType::Secp256k1, 9);
    let digest = [0x42; 32];
    let signature = signer.sign_digest(&digest);
    let check = |signature: &[u8]| signer.key().verify_digest(&digest, signature, &mut Tally::default());
    assert_eq!(check(&signature), Ok(()));
    assert_eq!(check(&other_half(&signature)), Err(EvidenceError::Signature));
    let message = signer.sign_message(b"text");
    for signature in [message.clone(), other_half(&message)] {
        assert_eq!(signer.key().verify_message(b"text", &signature, &mut Tally::default()), Ok(()));
    }
}

#[test]
fn a_recovery_id_must_lead_to_the_key() {
    let signer = Signer::new(KeyType::Secp256k1, 9);
    let digest = [0x42; 32];
    let signature = signer.sign_digest(&digest);
    let accepted: Vec<u8> = (0..=255)
        .filter(|id| {
            let with_id = [&signature[..], &[*id]].concat();
            signer.key().verify_digest(&digest, &with_id, &mut Tally::default()).is_ok()
        })
        .collect();
    assert!(accepted == [0, 27] || accepted == [1, 28], "{accepted:?}");
    let id = accepted[0];
    let other = [other_half(&signature), vec![1 - id]].concat();
    assert!(signer.key().verify_digest(&digest, &other, &mut Tally::default()).is_err(), "the upper half");
}

#[test]
fn every_turned_bit_of_signature_and_digest_is_noticed() {
    for signer in Signer::all() {
        let digest = [0x42; 32];
        let signature = signer.sign_digest(&digest);
        assert_eq!(signer.key().verify_digest(&digest, &signature, &mut Tally::default()), Ok(()));
        for flipped in super::flips(&signature).step_by(5) {
            assert!(signer.key().verify_digest(&digest, &flipped, &mut Tally::default()).is_err());
        }
        for flipped in super::flips(&digest).step_by(5) {
            let flipped: [u8; 32] = flipped.try_into().unwrap();
            assert!(signer.key().verify_digest(&flipped, &signature, &mut Tally::default()).is_err());
        }
    }
}

#[test]
fn cose_keys_say_what_they_are_for() {
    let signer = Signer::new(KeyType::P256, 7);
    let with = |label: i64, value: Value| {
        let mut map = signer.cose_key().into_map().unwrap();
        map.retain(|(key, _)| *key != Value::from(label));
        map.push((Value::from(label), value));
        PublicKey::from_cose(&encode(&Value::Map(map)))
    };
    assert!(with(3, Value::from(-7)).is_ok(), "ES256");
    assert!(with(3, Value::from(-8)).is_err(), "EdDSA");
    assert!(with(4, Value::Array(vec![Value::from(2)])).is_ok(), "may verify");
    assert!(with(4, Value::Array(vec![Value::from(1)])).is_err(), "may only sign");
    assert!(with(-1, Value::from(8)).is_err(), "on the other curve it is no point");
    assert!(with(1, Value::from(4)).is_err(), "symmetric");
    assert!(with(2, Value::Bytes(vec![1; KEY_BYTES_MAX])).is_err(), "too long");
}

#[test]
fn a_cose_key_may_be_as_long_as_the_limit() {
    let signer = Signer::new(KeyType::Ed25519, 7);
    let of = |id_bytes: usize| {
        let mut map = signer.cose_key().into_map().unwrap();
        map.push((Value::from(2), Value::Bytes(vec![1; id_bytes])));
        encode(&Value::Map(map))
    };
    let id_bytes = KEY_BYTES_MAX - (of(300).len() - 300);
    assert_eq!(of(id_bytes).len(), KEY_BYTES_MAX);
    assert_eq!(PublicKey::from_cose(&of(id_bytes)), Ok(signer.key()));
    assert!(matches!(PublicKey::from_cose(&of(id_bytes + 1)), Err(EvidenceError::Limit { .. })));
}

#[test]
fn work_is_asked_for_before_it_is_done() {
    /// Pays for nothing, and notes what for.
    struct Broke(Vec<Work>);
    impl Meter for Broke {
        fn spend(&mut self, work: Work) -> Result<(), Exhausted> {
            self.0.push(work);
            Err(Exhausted)
        }
    }
    for signer in Signer::all() {
        let mut broke = Broke(Vec::new());
        let result = signer.key().verify_digest(&[1; 32], &[0; 64], &mut broke);
        assert_eq!(result, Err(EvidenceError::Exhausted(Exhausted)));
        assert_eq!(broke.0, [Work::Signature(signer.key_type())]);
    }
}
