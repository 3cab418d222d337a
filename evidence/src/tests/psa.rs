//! Attestation tokens that others made: PSA tokens (RFC 9783) of its appendix and of a verifier's test data.
use super::{encode, map};
use crate::{EvidenceError, Policy, Tally};
use alloy_primitives::hex;
use coset::cbor::Value;

/// RFC 9783, appendix A.1.
const RFC_9783: &[u8] = &hex!(
    "d28443a10126a0590100a8190100582101020202020202020202020202020202020202020202020202020202020202020219095c5820"
    "00000000000000000000000000000000000000000000000000000000000000000a582001010101010101010101010101010101010101"
    "0101010101010101010101010119095a1a7fffffff19095b19300019010978217461673a7073616365727469666965642e6f72672c32"
    "3032333a7073612374666d19010c48000000000000000019095f81a3055820040404040404040404040404040404040404040404040404"
    "04040404040404040258200303030303030303030303030303030303030303030303030303030303030303016450526f545840786e937a"
    "4c42667af3847399319ca95c7e7dbabdc9b50fdb8de3f6bff4ab82ff80c42140e2a488000219e3e10663193da69c75f52b798ea10b2f70"
    "41a90e8e5a"
);
const RFC_9783_KEY: [[u8; 32]; 2] = [
    hex!("4e5e22099e3bceb45b446d1355fd1dc3b545947b6fd7c1c89d886798c3726e8f"),
    hex!("80d70b840b256aac34a62ede1043364f044095f003474b91e0182092afb13f2e"),
];

/// Test data of Veraison's `evcli`: the profile of PSA 2.0, before the RFC.
const VERAISON: &[u8] = &hex!(
    "d28443a10126a0590174a91901097818687474703a2f2f61726d2e636f6d2f7073612f322e302e3019095a0119095b19300019095c5820"
    "505152535455565750515253545556575051525354555657505152535455565719095d5820deadbeefdeadbeefdeadbeefdeadbeefdead"
    "beefdeadbeefdeadbeefdeadbeef19095f82a30162424c0258200001020400010204000102040001020400010204000102040001020400"
    "010204055820519200ff519200ff519200ff519200ff519200ff519200ff519200ff519200ffa3016450526f5402582005060708050607"
    "08050607080506070805060708050607080506070805060708055820519200ff519200ff519200ff519200ff519200ff519200ff519200"
    "ff519200ff0a58200001020300010203000102030001020300010203000102030001020300010203190100582101a0a1a2a3a0a1a2a3a0"
    "a1a2a3a0a1a2a3a0a1a2a3a0a1a2a3a0a1a2a3a0a1a2a3190960781868747470733a2f2f7073612d76657269666965722e6f72675840db"
    "b4871fbb6ebcd573502e98a30743291628fa5286f056f6f848c2107f59abe0f9ee034cbd68d8e7ed1d7a073fbd1039d9637dbde057197f"
    "5b096669ea9a2b7b"
);
const VERAISON_KEY: [[u8; 32]; 2] = [
    hex!("30a0424cd21c2944838a2d75c92b37e76ea20d9f00893a3b4eee8a3c0aafec3e"),
    hex!("e04b65e92456d9888b52b379bdfbd51ee869ef1f0fc65b6659695b6cce081723"),
];

struct Case {
    token: &'static [u8],
    key: [[u8; 32]; 2],
    nonce: Vec<u8>,
    measurements: Vec<[u8; 32]>,
}

fn cases() -> [Case; 2] {
    [
        Case { token: RFC_9783, key: RFC_9783_KEY, nonce: vec![1; 32], measurements: vec![[3; 32]] },
        Case {
            token: VERAISON,
            key: VERAISON_KEY,
            nonce: [0, 1, 2, 3].repeat(8),
            measurements: vec![[0, 1, 2, 4].repeat(8).try_into().unwrap(), [5, 6, 7, 8].repeat(8).try_into().unwrap()],
        },
    ]
}

fn policy(key: &[[u8; 32]; 2], measurements: &[[u8; 32]], more: &[(i64, Value)]) -> Policy {
    let entries = [(1, 2), (-1, 1)].map(|(label, value)| (Value::from(label), Value::from(value)));
    let coordinates =
        [(-2, key[0]), (-3, key[1])].map(|(label, half)| (Value::from(label), Value::Bytes(half.to_vec())));
    let key = Value::Map([entries, coordinates].concat());
    let digests = measurements.iter().map(|digest| Value::Bytes(digest.to_vec())).collect();
    let mut entries =
        vec![(1, Value::Array(vec![key.clone(), Value::Bytes(encode(&key))])), (4, Value::Array(digests))];
    entries.extend_from_slice(more);
    Policy::parse(&map(&entries), &mut Tally::default()).unwrap()
}

#[test]
fn tokens_of_others_are_accepted() {
    for case in cases() {
        let policy = policy(&case.key, &case.measurements, &[]);
        let mut tally = Tally::default();
        let claims = policy.verify(case.token, &case.nonce, 1_700_000_000, &mut tally).unwrap();
        assert_eq!(claims.measurements, case.measurements);
        assert_eq!(claims.nonces, [case.nonce]);
        assert_eq!((tally.p256, tally.secp256k1, tally.ed25519), (1, 0, 0));
    }
}

#[test]
fn what_a_policy_asks_and_a_token_does_not_say_is_refused() {
    let now = 1_700_000_000;
    let [rfc, veraison] = cases();
    for case in cases() {
        let verify = |policy: Policy| policy.verify(case.token, &case.nonce, now, &mut Tally::default()).unwrap_err();
        let age = policy(&case.key, &case.measurements, &[(2, Value::from(u64::MAX))]);
        assert_eq!(verify(age), EvidenceError::Age { reason: "no time of issue" });
        assert_eq!(verify(policy(&case.key, &case.measurements, &[(3, Value::from(0))])), EvidenceError::DebugStatus);
        assert_eq!(verify(policy(&case.key, &case.measurements[1..], &[])), EvidenceError::Measurement);
        let fine = policy(&case.key, &case.measurements, &[]);
        let other_nonce = fine.verify(case.token, &[9; 32], now, &mut Tally::default());
        assert_eq!(other_nonce.unwrap_err(), EvidenceError::Nonce);
    }
    let stranger = policy(&veraison.key, &rfc.measurements, &[]);
    assert_eq!(stranger.verify(rfc.token, &rfc.nonce, now, &mut Tally::default()), Err(EvidenceError::Issuer));
}

#[test]
fn turned_bits_of_a_token_are_noticed() {
    for case in cases() {
        let policy = policy(&case.key, &case.measurements, &[]);
        for flipped in super::flips(case.token).step_by(3) {
            assert!(policy.verify(&flipped, &case.nonce, 1_700_000_000, &mut Tally::default()).is_err());
        }
    }
}
