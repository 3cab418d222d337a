//! Public keys and raw signatures.
use super::{Signer, encode};
use crate::{EvidenceError, Exhausted, KeyType, Meter, PublicKey, Tally, Work, limits::KEY_BYTES_MAX};
use alloy_primitives::{U256, hex};
use coset::cbor::Value;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};

/// Order of secp256k1 (SEC 2, 2.4.1).
const ORDER: [u8; 32] = hex!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141");

/// The same signature with the other `s`.
fn other_half(signature: &[u8]) -> Vec<u8> {
    let order = U256::from_be_bytes(ORDER);
    let s = U256::from_be_slice(&signature[32..64]);
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
    refused(hex!("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"));
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

/// Order of P-256 (SP 800-186, 3.2.1.3).
const P256_ORDER: [u8; 32] = hex!("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
/// Prime of its field.
const P256_FIELD: [u8; 32] = hex!("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");

/// What the library says that reads the keys.
fn other_library_accepts(key: &p256::ecdsa::VerifyingKey, digest: &[u8; 32], signature: &[u8]) -> bool {
    let signature = p256::ecdsa::Signature::from_slice(signature);
    signature.is_ok_and(|signature| key.verify_prehash(digest, &signature).is_ok())
}

#[test]
fn two_libraries_agree_on_p256_at_the_edges() {
    let Signer::P256(secret) = Signer::new(KeyType::P256, 7) else { panic!("P-256") };
    let key = Signer::new(KeyType::P256, 7).key();
    let agree = |digest: &[u8; 32], signature: &[u8]| {
        let ours = key.verify_digest(digest, signature, &mut Tally::default()).is_ok();
        assert_eq!(ours, other_library_accepts(secret.verifying_key(), digest, signature), "{digest:?} {signature:?}");
        ours
    };
    let order = U256::from_be_bytes(P256_ORDER);
    let near = [U256::ZERO, U256::from(1), order - U256::from(1), order, order + U256::from(1), U256::MAX];
    let digests = [U256::ZERO, U256::from(1), order - U256::from(1), order, U256::MAX].map(|n| n.to_be_bytes::<32>());
    for digest in &digests {
        let signature: p256::ecdsa::Signature = secret.sign_prehash(digest).unwrap();
        let signature = signature.to_vec();
        assert!(agree(digest, &signature));
        let (r, s) = signature.split_at(32);
        let other_half = (order - U256::from_be_slice(s)).to_be_bytes::<32>();
        assert!(agree(digest, &[r, &other_half].concat()), "both halves of s are taken");
        for edge in near.map(|edge| edge.to_be_bytes::<32>()) {
            assert!(!agree(digest, &[&edge[..], s].concat()));
            assert!(!agree(digest, &[r, &edge[..]].concat()));
            for second in near.map(|edge| edge.to_be_bytes::<32>()) {
                agree(digest, &[edge, second].concat());
            }
        }
        let unreduced = U256::from_be_slice(s).checked_add(order);
        assert!(unreduced.is_none_or(|s| !agree(digest, &[r, &s.to_be_bytes::<32>()].concat())));
        for length in [0, 32, 63] {
            assert!(!agree(digest, &signature[..length]));
        }
        assert!(!agree(digest, &[&signature[..], &[0]].concat()));
    }
}

#[test]
fn points_of_p256_that_are_none_are_refused() {
    let raw = Signer::new(KeyType::P256, 7).raw_key();
    let refused = |bytes: &[u8]| assert!(PublicKey::from_raw(KeyType::P256, bytes).is_err(), "{bytes:?}");
    refused(&[0]);
    refused(&[0; 33]);
    refused(&[0; 64]);
    refused(&[&[4u8][..], &[0; 64]].concat());
    refused(&[&[4], &P256_FIELD[..], &raw[33..]].concat());
    refused(&[&raw[..33], &P256_FIELD[..]].concat());
    refused(&[&[2], &P256_FIELD[..]].concat());
    refused(&[&[6], &raw[1..]].concat());
    // x = 5 has a point, and so has what is the same but for a multiple of the field's prime.
    let small = U256::from(5).to_be_bytes::<32>();
    let large = (U256::from(5) + U256::from_be_bytes(P256_FIELD)).to_be_bytes::<32>();
    assert!(PublicKey::from_raw(KeyType::P256, &[&[2], &small[..]].concat()).is_ok());
    refused(&[&[2], &large[..]].concat());
}
