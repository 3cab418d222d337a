//! Data that its signers vouch for.
use super::{Signer, encode, flips, untagged};
use crate::{EvidenceError, KeyType, PublicKey, Tally, verify_quorum, verify_signed};
use coset::{TaggedCborSerializable, cbor::Value};

const DATA: &[u8] = b"{\"price\": 42}";

fn signers(count: u8) -> Vec<Signer> {
    let types = [KeyType::Secp256k1, KeyType::P256, KeyType::Ed25519];
    (1..=count).map(|seed| Signer::new(types[usize::from(seed) % 3], seed)).collect()
}

fn keys(signers: &[Signer]) -> Vec<PublicKey> {
    signers.iter().map(Signer::key).collect()
}

fn quorum(messages: &[Vec<u8>]) -> Vec<u8> {
    encode(&Value::Array(messages.iter().cloned().map(Value::Bytes).collect()))
}

#[test]
fn one_of_several_keys_suffices_and_every_turned_bit_is_noticed() {
    let signers = signers(4);
    let keys = keys(&signers);
    for signer in &signers {
        let message = signer.message(DATA).to_tagged_vec().unwrap();
        assert_eq!(verify_signed(&keys, &message, &mut Tally::default()).unwrap(), DATA);
        for flipped in flips(&message) {
            // An unprotected header is nobody's word; there is none here.
            assert!(verify_signed(&keys, &flipped, &mut Tally::default()).is_err());
        }
    }
    let stranger = Signer::new(KeyType::P256, 99).message(DATA).to_tagged_vec().unwrap();
    assert_eq!(verify_signed(&keys, &stranger, &mut Tally::default()), Err(EvidenceError::Signature));
}

#[test]
fn a_quorum_is_more_than_two_thirds_of_one_mind() {
    let signers = signers(6);
    let keys = keys(&signers);
    let said = |numbers: &[usize], data: &[u8]| -> Vec<Vec<u8>> {
        numbers.iter().map(|number| untagged(signers[*number].message(data))).collect()
    };
    let check = |messages: &[Vec<u8>]| verify_quorum(&keys, &quorum(messages), &mut Tally::default());
    assert_eq!(check(&said(&[5, 0, 2, 1, 4], DATA)).unwrap(), DATA);
    assert_eq!(
        check(&said(&[0, 1, 2, 3], DATA)),
        Err(EvidenceError::Signature),
        "four of six are no more than two thirds"
    );
    assert!(check(&said(&[0, 1, 2, 3, 3], DATA)).is_err(), "one twice");
    assert!(check(&[said(&[0, 1, 2, 3], DATA), said(&[4], b"other")].concat()).is_err());
    assert!(check(&said(&[0, 1, 2, 3, 4, 5, 0], DATA)).is_err(), "more than there are keys");
    assert!(check(&[]).is_err());
    // Messages as items, not in byte strings.
    let items: Vec<u8> = [&[0x85][..], &said(&[0, 1, 2, 3, 4], DATA).concat()].concat();
    assert_eq!(verify_quorum(&keys, &items, &mut Tally::default()).unwrap(), DATA);
    assert!(
        verify_quorum(&keys, &said(&[0], DATA)[0], &mut Tally::default()).is_err(),
        "one message is no array of such"
    );
}
