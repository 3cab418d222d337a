//! Policies and what they refuse.
use super::{Signer, encode, map};
use crate::{
    Claims, DebugStatus, EvidenceError, KeyType, Policy, Tally,
    limits::{
        NONCE_BYTES_MAX, NONCE_BYTES_MIN, POLICY_BYTES_MAX, POLICY_DEBUG_STATUSES_MAX, POLICY_ISSUERS_MAX,
        POLICY_MEASUREMENTS_MAX, TOKEN_AHEAD_S_MAX, TOKEN_MEASUREMENTS_MAX, TOKEN_NONCES_MAX,
    },
};
use coset::{CoseSign1Builder, HeaderBuilder, TaggedCborSerializable, cbor::Value};
use sha2::{Digest, Sha256};

const NOW_S: u64 = 1_000_000;
const NONCE: [u8; 32] = [5; 32];

fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

fn policy(signer: &Signer, more: &[(i64, Value)]) -> Vec<u8> {
    let mut entries = vec![(1, Value::Array(vec![signer.cose_key()]))];
    entries.extend_from_slice(more);
    map(&entries)
}

/// Verifies a token with the nonce and `claims` under a policy with `more`.
fn verify(more: &[(i64, Value)], claims: &[(i64, Value)]) -> Result<Claims, EvidenceError> {
    let signer = Signer::new(KeyType::Ed25519, 3);
    let policy = Policy::parse(&policy(&signer, more), &mut Tally::default())?;
    let mut all = vec![(10, bytes(&NONCE))];
    all.extend_from_slice(claims);
    policy.verify(&signer.token(&all), &NONCE, NOW_S, &mut Tally::default())
}

#[test]
fn age_counts_from_issue_to_the_block() {
    let age = [(2, Value::from(100))];
    let issued = |at: u64| verify(&age, &[(6, Value::from(at))]).map(|claims| claims.issued_s);
    assert_eq!(issued(NOW_S - 100), Ok(Some(NOW_S - 100)));
    assert_eq!(issued(NOW_S - 101), Err(EvidenceError::Age { reason: "too old" }));
    assert!(issued(NOW_S + TOKEN_AHEAD_S_MAX).is_ok());
    assert_eq!(issued(NOW_S + TOKEN_AHEAD_S_MAX + 1), Err(EvidenceError::Age { reason: "from the future" }));
    assert_eq!(verify(&age, &[]), Err(EvidenceError::Age { reason: "no time of issue" }));
    assert!(verify(&[], &[(6, Value::from(1))]).is_ok(), "no age asked for");
    assert!(matches!(verify(&[], &[(6, Value::Float(1.0))]), Err(EvidenceError::Claim { label: 6, .. })));
}

#[test]
fn tokens_are_good_from_and_until() {
    assert!(verify(&[], &[(4, Value::from(NOW_S + 1))]).is_ok());
    assert_eq!(verify(&[], &[(4, Value::from(NOW_S))]), Err(EvidenceError::Age { reason: "expired" }));
    assert!(verify(&[], &[(5, Value::from(NOW_S))]).is_ok());
    let late = NOW_S + TOKEN_AHEAD_S_MAX + 1;
    assert_eq!(verify(&[], &[(5, Value::from(late))]), Err(EvidenceError::Age { reason: "from the future" }));
}

#[test]
fn debugging_must_be_disabled_as_much_as_asked() {
    for least in 0..=4 {
        for status in 0..=4 {
            let at_least = verify(&[(3, Value::from(least))], &[(263, Value::from(status))]);
            assert_eq!(at_least.is_ok(), status >= least, "{least} {status}");
            let exactly = verify(&[(3, Value::Array(vec![Value::from(least)]))], &[(263, Value::from(status))]);
            assert_eq!(exactly.is_ok(), status == least, "{least} {status}");
        }
        assert_eq!(verify(&[(3, Value::from(least))], &[]), Err(EvidenceError::DebugStatus));
    }
    assert!(matches!(verify(&[], &[(263, Value::from(5))]), Err(EvidenceError::Claim { label: 263, .. })));
    assert!(DebugStatus::Enabled < DebugStatus::DisabledFullyAndPermanently);
}

#[test]
fn all_measurements_must_be_accepted() {
    let body = b"an evidence of software".to_vec();
    let digest = Sha256::digest(&body).to_vec();
    let entry = Value::Array(vec![Value::from(258), Value::Bytes(body)]);
    let component = Value::Map(vec![(Value::from(2), bytes(&[8; 32])), (Value::from(5), bytes(&[9; 32]))]);
    let both = [(273, Value::Array(vec![entry])), (2399, Value::Array(vec![component]))];
    let accepted = |digests: &[&[u8]]| {
        let digests = Value::Array(digests.iter().map(|digest| bytes(digest)).collect());
        verify(&[(4, digests)], &both).map(|claims| claims.measurements.len())
    };
    assert_eq!(accepted(&[&digest, &[8; 32], &[7; 32]]), Ok(2));
    assert_eq!(accepted(&[&digest]), Err(EvidenceError::Measurement));
    assert_eq!(accepted(&[]), Err(EvidenceError::Measurement));
    let none = verify(&[(4, Value::Array(vec![bytes(&[8; 32])]))], &[]);
    assert_eq!(none, Err(EvidenceError::Measurement), "a token without measurements");
}

#[test]
fn any_of_a_tokens_nonces_may_be_the_one() {
    let several = Value::Array(vec![bytes(&[1; 8]), bytes(&NONCE)]);
    let signer = Signer::new(KeyType::Ed25519, 3);
    let policy = Policy::parse(&policy(&signer, &[]), &mut Tally::default()).unwrap();
    let verify = |nonces: Value| policy.verify(&signer.token(&[(10, nonces)]), &NONCE, NOW_S, &mut Tally::default());
    assert!(verify(several).is_ok());
    assert_eq!(verify(bytes(&NONCE[..31])), Err(EvidenceError::Nonce));
    assert_eq!(policy.verify(&signer.token(&[]), &NONCE, NOW_S, &mut Tally::default()), Err(EvidenceError::Nonce));
    let of = |length: usize| Claims::parse(&map(&[(10, Value::Bytes(vec![1; length]))]), &mut Tally::default()).is_ok();
    assert!(of(NONCE_BYTES_MIN) && of(NONCE_BYTES_MAX));
    assert!(!of(NONCE_BYTES_MIN - 1) && !of(NONCE_BYTES_MAX + 1));
}

#[test]
fn a_key_id_says_which_issuer() {
    let signer = Signer::new(KeyType::P256, 3);
    let other = Signer::new(KeyType::P256, 4);
    let named = |signer: &Signer, id: &[u8]| {
        let mut key = signer.cose_key().into_map().unwrap();
        key.push((Value::from(2), bytes(id)));
        Value::Map(key)
    };
    let policy = map(&[(1, Value::Array(vec![named(&other, b"b"), named(&signer, b"a")]))]);
    let policy = Policy::parse(&policy, &mut Tally::default()).unwrap();
    let token = |id: &[u8]| {
        let protected = HeaderBuilder::new().algorithm(signer.algorithm()).build();
        let unprotected = HeaderBuilder::new().key_id(id.to_vec()).build();
        let claims = map(&[(10, bytes(&NONCE))]);
        let message = CoseSign1Builder::new().protected(protected).unprotected(unprotected).payload(claims);
        signer.signed(message).to_tagged_vec().unwrap()
    };
    let checks = |token: &[u8]| {
        let mut tally = Tally::default();
        policy.verify(token, &NONCE, NOW_S, &mut tally).map(|_| tally.p256)
    };
    assert_eq!(checks(&token(b"a")), Ok(1), "only the key of that id is tried");
    assert_eq!(checks(&token(b"b")), Err(EvidenceError::Issuer), "a wrong hint");
    assert_eq!(checks(&signer.token(&[(10, bytes(&NONCE))])), Ok(2), "without a hint all are");
}

#[test]
fn a_policy_with_an_error_is_refused() {
    let signer = Signer::new(KeyType::P256, 3);
    let refused = |encoded: &[u8]| assert!(Policy::parse(encoded, &mut Tally::default()).is_err(), "{encoded:?}");
    assert!(Policy::parse(&policy(&signer, &[]), &mut Tally::default()).is_ok());
    refused(&policy(&signer, &[(5, Value::from(1))]));
    refused(&policy(&signer, &[(1, Value::Array(vec![signer.cose_key()]))]));
    refused(&policy(&signer, &[(2, Value::from(-1))]));
    refused(&policy(&signer, &[(3, Value::from(5))]));
    refused(&policy(&signer, &[(4, bytes(&[1; 32]))]));
    refused(&policy(&signer, &[(4, Value::Array(vec![bytes(&[1; 65])]))]));
    refused(&map(&[(1, Value::Array(vec![]))]));
    refused(&map(&[]));
    refused(&encode(&Value::Array(vec![])));
    refused(&[policy(&signer, &[]), vec![0]].concat());
}

#[test]
fn policies_and_tokens_have_limits() {
    let parse = |encoded: &[u8]| Policy::parse(encoded, &mut Tally::default());
    let is_limit = |result: Result<Policy, EvidenceError>| matches!(result, Err(EvidenceError::Limit { .. }));
    let issuers = |count: usize| {
        let signer = Signer::new(KeyType::Ed25519, 3);
        map(&[(1, Value::Array(vec![signer.cose_key(); count]))])
    };
    assert!(parse(&issuers(POLICY_ISSUERS_MAX)).is_ok());
    assert!(is_limit(parse(&issuers(POLICY_ISSUERS_MAX + 1))));
    let signer = Signer::new(KeyType::Ed25519, 3);
    let digests = |count: usize| policy(&signer, &[(4, Value::Array(vec![bytes(&[1; 20]); count]))]);
    assert!(parse(&digests(POLICY_MEASUREMENTS_MAX)).is_ok());
    assert!(is_limit(parse(&digests(POLICY_MEASUREMENTS_MAX + 1))));
    let statuses = |count: usize| policy(&signer, &[(3, Value::Array(vec![Value::from(1); count]))]);
    assert!(parse(&statuses(POLICY_DEBUG_STATUSES_MAX)).is_ok());
    assert!(is_limit(parse(&statuses(POLICY_DEBUG_STATUSES_MAX + 1))));
    assert!(is_limit(parse(&vec![0; POLICY_BYTES_MAX + 1])));

    let claims = |label: i64, value: Value, count: usize| {
        Claims::parse(&map(&[(label, Value::Array(vec![value; count]))]), &mut Tally::default())
    };
    let component = Value::Map(vec![(Value::from(2), bytes(&[8; 32]))]);
    assert!(claims(2399, component.clone(), TOKEN_MEASUREMENTS_MAX).is_ok());
    assert!(matches!(claims(2399, component, TOKEN_MEASUREMENTS_MAX + 1), Err(EvidenceError::Limit { .. })));
    assert!(claims(10, bytes(&NONCE), TOKEN_NONCES_MAX).is_ok());
    assert!(matches!(claims(10, bytes(&NONCE), TOKEN_NONCES_MAX + 1), Err(EvidenceError::Limit { .. })));
}
