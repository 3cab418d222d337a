//! Who a thing is, whose, and who may use it.
use super::{CONTRACT, Device, OTHER, OWNER, RELAYER, harness, refusal, send};
use crate::{
    precompiles::harness::CHAIN_ID,
    things::{
        abi::IThings::{self, KeyType},
        signatures::{Register, digest},
    },
};
use alloy_primitives::{Address, B256, Bytes};
use pervade_chainspec::params::{DESCRIPTION_BYTES_MAX, REQUEST_GATEWAYS_MAX, THING_ID_BYTES_MAX};

#[test]
fn a_registered_thing_is_as_it_was_registered() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let thing = send(&mut harness, OTHER, &IThings::thingOfCall { thing: device.thing() }).unwrap();
    assert_eq!((thing.id, thing.owner, thing.generation), (device.id.clone(), OWNER, 1));
    assert_eq!((thing.keyType, thing.key), (KeyType::Secp256k1, device.key()));
    assert_eq!(thing.description[..], *device.description().as_bytes());
    assert!(refusal(&mut harness, OWNER, &device.registration(OWNER)).is(&IThings::NotAuthorized { caller: OWNER }));
    let unknown = IThings::thingOfCall { thing: B256::ZERO };
    assert!(refusal(&mut harness, OWNER, &unknown).is(&IThings::UnknownThing { thing: B256::ZERO }));
}

#[test]
fn an_id_cannot_be_taken_without_the_things_key() {
    let (mut harness, device) = (harness(), Device::new(7));
    let stolen = device.registration(OWNER);
    assert!(refusal(&mut harness, OTHER, &stolen).is(&IThings::InvalidProof {}), "signed for another owner");
    let mut other_key = device.registration(OWNER);
    other_key.key = Device::new(8).key();
    assert!(refusal(&mut harness, OWNER, &other_key).is(&IThings::InvalidProof {}));
    let mut flipped = device.registration(OWNER);
    let mut bytes = flipped.possession.to_vec();
    bytes[40] ^= 1;
    flipped.possession = bytes.into();
    assert!(refusal(&mut harness, OWNER, &flipped).is(&IThings::InvalidProof {}));
}

#[test]
fn keys_of_all_three_kinds_prove_possession() {
    use ed25519_dalek::Signer as _;
    use p256::ecdsa::signature::hazmat::PrehashSigner as _;
    let digest = digest(&Register { id: "urn:x:1".into(), owner: OWNER }, CHAIN_ID);
    let description = Device { id: "urn:x:1".into(), signer: Device::new(1).signer }.description();
    let p256 = p256::ecdsa::SigningKey::from_slice(&[9; 32]).unwrap();
    let p256_signature: p256::ecdsa::Signature = p256.sign_prehash(digest.as_slice()).unwrap();
    let ed25519 = ed25519_dalek::SigningKey::from_bytes(&[9; 32]);
    let cases: [(KeyType, Bytes, Bytes); 2] = [
        (
            KeyType::P256,
            p256.verifying_key().to_encoded_point(true).as_bytes().to_vec().into(),
            p256_signature.to_bytes().to_vec().into(),
        ),
        (
            KeyType::Ed25519,
            ed25519.verifying_key().to_bytes().into(),
            ed25519.sign(digest.as_slice()).to_bytes().into(),
        ),
    ];
    for (kind, key, possession) in cases {
        let mut harness = harness();
        let call = IThings::registerCall {
            id: "urn:x:1".into(),
            keyType: kind,
            key,
            description: description.clone().into_bytes().into(),
            possession,
        };
        send(&mut harness, OWNER, &call).unwrap();
        let mut wrong_kind = call;
        wrong_kind.keyType = KeyType::Secp256k1;
        wrong_kind.id = "urn:x:2".into();
        refusal(&mut harness, OWNER, &wrong_kind);
    }
}

#[test]
fn descriptions_are_checked_and_bounded() {
    let (mut harness, device) = (harness(), Device::new(7));
    let mut call = device.registration(OWNER);
    let room = DESCRIPTION_BYTES_MAX - call.description.len();
    let padded = |more: usize| format!("{}{}", device.description(), " ".repeat(room + more)).into_bytes().into();
    call.description = padded(1);
    let limit = alloy_primitives::U256::from(DESCRIPTION_BYTES_MAX);
    let exceeded = IThings::LimitExceeded { what: "description".into(), limit };
    assert!(refusal(&mut harness, OWNER, &call).is(&exceeded));
    call.description = padded(0);
    send(&mut harness, OWNER, &call).unwrap();
    let update = |description: &str| IThings::updateCall {
        thing: device.thing(),
        description: description.as_bytes().to_vec().into(),
    };
    let other = device.description().replace(&device.id, "urn:other");
    let reason = format!("id differs from the registered id {}", device.id);
    assert!(refusal(&mut harness, OWNER, &update(&other)).is(&IThings::InvalidDescription { reason }));
    send(&mut harness, OWNER, &update(&device.description())).unwrap();
    let mut long = device.registration(OWNER);
    long.id = "x".repeat(THING_ID_BYTES_MAX + 1);
    refusal(&mut harness, OWNER, &long);
}

#[test]
fn only_its_owner_changes_a_thing() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let thing = device.thing();
    let transfer = IThings::transferThingCall { thing, owner: OTHER };
    assert!(refusal(&mut harness, OTHER, &transfer).is(&IThings::NotAuthorized { caller: OTHER }));
    send(&mut harness, OWNER, &transfer).unwrap();
    let rotate = IThings::rotateKeyCall { thing, keyType: KeyType::Secp256k1, key: Device::new(8).key() };
    assert!(refusal(&mut harness, OWNER, &rotate).is(&IThings::NotAuthorized { caller: OWNER }));
    send(&mut harness, OTHER, &rotate).unwrap();
    let found = send(&mut harness, OWNER, &IThings::thingOfCall { thing }).unwrap();
    assert_eq!((found.owner, found.key), (OTHER, Device::new(8).key()));
}

#[test]
fn a_retired_thing_comes_back_with_a_new_generation_and_without_grants() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let thing = device.thing();
    let grant = IThings::grantCall { thing, consumer: OTHER, operations: 0b1111, expiry: u64::MAX };
    send(&mut harness, OWNER, &grant).unwrap();
    let grant_of = IThings::grantOfCall { thing, consumer: OTHER };
    assert_eq!(send(&mut harness, OWNER, &grant_of).unwrap().operations, 0b1111);
    send(&mut harness, OWNER, &IThings::retireCall { thing }).unwrap();
    assert!(refusal(&mut harness, OWNER, &grant_of).is(&IThings::UnknownThing { thing }));
    device.register(&mut harness);
    assert_eq!(send(&mut harness, OWNER, &IThings::thingOfCall { thing }).unwrap().generation, 2);
    assert_eq!(send(&mut harness, OWNER, &grant_of).unwrap().operations, 0);
    let unknown_bit = IThings::grantCall { thing, consumer: OTHER, operations: 16, expiry: 1 };
    refusal(&mut harness, OWNER, &unknown_bit);
}

#[test]
fn gateways_are_assigned_once_each_and_bounded() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let thing = device.thing();
    let assign = |count: usize| IThings::assignGatewaysCall {
        thing,
        gateways: (0..count).map(|i| Address::left_padding_from(&(i as u64 + 1).to_be_bytes())).collect(),
    };
    refusal(&mut harness, OWNER, &assign(REQUEST_GATEWAYS_MAX + 1));
    for count in [REQUEST_GATEWAYS_MAX, 3, 0] {
        let call = assign(count);
        send(&mut harness, OWNER, &call).unwrap();
        let found = send(&mut harness, RELAYER, &IThings::gatewaysOfCall { thing }).unwrap();
        assert_eq!(found, call.gateways);
    }
    let twice = IThings::assignGatewaysCall { thing, gateways: vec![CONTRACT, CONTRACT] };
    assert!(refusal(&mut harness, OWNER, &twice).reason().contains("twice"));
}
