//! Messages count once each, in any order, and only as their thing signed them.
use super::{CONTRACT, Device, OWNER, RELAYER, harness, refusal, send, trigger};
use crate::{
    precompiles::harness::START,
    semantics::abi::ISemantics,
    things::{
        abi::IThings,
        is_due,
        signatures::{DeviceMessage, digest, domain},
    },
};
use alloy_primitives::{B256, I256, U256, b256, hex, keccak256};
use pervade_chainspec::params::{
    BATCH_MESSAGES_MAX, OBSERVED_AHEAD_MS_MAX, PAYLOAD_BYTES_MAX, SEMANTICS_ADDRESS, THINGS_ADDRESS,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

const NOW_MS: u64 = START * 1_000;

fn publish(message: IThings::Message) -> IThings::publishCall {
    IThings::publishCall { message }
}

#[test]
fn a_message_counts_once_whoever_brings_it() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let message = device.message(1, 5, NOW_MS, b"21.5");
    send(&mut harness, RELAYER, &publish(message.clone())).unwrap();
    assert!(refusal(&mut harness, OWNER, &publish(message)).is(&IThings::Replayed { sequence: 5 }));
    let mut published = |sequence| {
        let call = IThings::isPublishedCall { thing: device.thing(), sequence };
        send(&mut harness, OWNER, &call).unwrap()
    };
    assert_eq!([4, 5, 6, 261].map(&mut published), [false, true, false, false]);
}

#[test]
fn what_the_thing_did_not_sign_is_refused() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let good = device.message(1, 5, NOW_MS, b"21.5");
    let changes: [fn(&mut IThings::Message); 5] = [
        |message| message.sequence = 6,
        |message| message.observedAtMs -= 1,
        |message| message.payload = b"99".to_vec().into(),
        |message| message.mappingId = B256::repeat_byte(1),
        |message| message.signature = message.signature[..64].to_vec().into(),
    ];
    for (index, change) in changes.iter().enumerate() {
        let mut message = good.clone();
        change(&mut message);
        let refused = send(&mut harness, RELAYER, &publish(message)).map(|_| ());
        // The last: without its recovery id the signature is as good.
        assert_eq!(refused.is_err(), index < 4, "{index}");
    }
    let old_generation = device.message(2, 7, NOW_MS, b"");
    assert!(refusal(&mut harness, RELAYER, &publish(old_generation)).is(&IThings::InvalidProof {}));
}

#[test]
fn clocks_may_be_ahead_by_half_a_minute_and_payloads_have_a_limit() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let latest = NOW_MS + OBSERVED_AHEAD_MS_MAX;
    send(&mut harness, RELAYER, &publish(device.message(1, 1, latest, b""))).unwrap();
    let early = refusal(&mut harness, RELAYER, &publish(device.message(1, 2, latest + 1, b"")));
    assert!(early.reason().contains("after the block"));
    let payload = vec![1; PAYLOAD_BYTES_MAX + 1];
    send(&mut harness, RELAYER, &publish(device.message(1, 3, NOW_MS, &payload[1..]))).unwrap();
    let limit = U256::from(PAYLOAD_BYTES_MAX);
    let exceeded = IThings::LimitExceeded { what: "payload".into(), limit };
    assert!(refusal(&mut harness, RELAYER, &publish(device.message(1, 4, NOW_MS, &payload))).is(&exceeded));
}

#[test]
fn a_batch_goes_on_after_what_it_skips_and_says_why() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let mut forged = device.message(1, 3, NOW_MS, b"a");
    forged.payload = b"b".to_vec().into();
    let mut mapped = device.message(1, 4, NOW_MS, b"a");
    mapped.mappingId = B256::repeat_byte(1);
    let messages = vec![
        device.message(1, 1, NOW_MS, b"a"),
        device.message(1, 1, NOW_MS, b"a"),
        forged,
        Device::new(8).message(1, 1, NOW_MS, b"a"),
        device.message(1, 9, NOW_MS + 60_000, b"a"),
        device.message(1, 10, NOW_MS, &vec![0; PAYLOAD_BYTES_MAX + 1]),
        device.message(1, 2, NOW_MS, b"a"),
    ];
    let codes = send(&mut harness, RELAYER, &IThings::publishBatchCall { messages }).unwrap();
    assert_eq!(codes, [0, 2, 4, 1, 3, 6, 0]);
    assert_eq!(harness.logs.len(), 7);
    let too_many = vec![device.message(1, 1, NOW_MS, b""); BATCH_MESSAGES_MAX + 1];
    refusal(&mut harness, RELAYER, &IThings::publishBatchCall { messages: too_many });
    let most = vec![device.message(1, 1, NOW_MS, b""); BATCH_MESSAGES_MAX];
    let codes = send(&mut harness, RELAYER, &IThings::publishBatchCall { messages: most }).unwrap();
    assert_eq!(codes, vec![2; BATCH_MESSAGES_MAX]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn each_sequence_is_accepted_exactly_once(sequences in prop::collection::vec(prop_oneof![0u64..600, any::<u64>()], 1..40)) {
        let (mut harness, device) = (harness(), Device::new(7));
        device.register(&mut harness);
        let mut seen = BTreeSet::new();
        for sequence in sequences {
            let accepted = send(&mut harness, RELAYER, &publish(device.message(1, sequence, NOW_MS, b""))).is_ok();
            prop_assert_eq!(accepted, seen.insert(sequence));
        }
    }
}

#[test]
fn what_a_mapping_reads_is_kept_as_the_things_word_and_wakes_its_watchers() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let thing = device.thing();
    let grant = IThings::grantCall { thing, consumer: CONTRACT, operations: 8, expiry: u64::MAX };
    send(&mut harness, OWNER, &grant).unwrap();
    let property = ISemantics::Property {
        property: keccak256("urn:temperature"),
        iri: "urn:temperature".into(),
        kind: ISemantics::ValueKind::Number,
        unit: "Cel".into(),
        exponent: -1,
        minimum: I256::MIN,
        maximum: I256::MAX,
    };
    let define = ISemantics::defineModelCall { iri: "urn:model".into(), properties: vec![property] };
    let model = harness.send(OWNER, SEMANTICS_ADDRESS, U256::ZERO, &define).unwrap();
    let program = r#"{"observations":[{"property":"urn:temperature","value":"$.t","unit":"Cel"}]}"#;
    let format = ISemantics::Format::Json;
    let define = ISemantics::defineMappingCall { model, format, program: program.as_bytes().into() };
    let mapping = harness.send(OWNER, SEMANTICS_ADDRESS, U256::ZERO, &define).unwrap();
    let trigger = IThings::Trigger {
        thing,
        model,
        property: keccak256("urn:temperature"),
        threshold: I256::try_from(30).unwrap(),
        maxFeePerGas: 0,
        ..trigger(IThings::TriggerKind::Threshold)
    };
    send(&mut harness, CONTRACT, &IThings::watchCall { trigger }).unwrap();
    let messages = vec![
        device.mapped_message(1, 1, NOW_MS, mapping, br#"{"t": 29.9}"#),
        device.mapped_message(1, 2, NOW_MS, mapping, br#"{"t": 31"#),
    ];
    let codes = send(&mut harness, RELAYER, &IThings::publishBatchCall { messages }).unwrap();
    assert_eq!(codes, [0, 5]);
    assert!(!harness.as_protocol(THINGS_ADDRESS, is_due).unwrap());
    let message = device.mapped_message(1, 2, NOW_MS + 1, mapping, br#"{"t": 30.1}"#);
    send(&mut harness, RELAYER, &publish(message)).unwrap();
    assert!(harness.as_protocol(THINGS_ADDRESS, is_due).unwrap());
    let latest =
        ISemantics::latestCall { source: thing, subject: thing, model, property: keccak256("urn:temperature") };
    let latest = harness.send(OWNER, SEMANTICS_ADDRESS, U256::ZERO, &latest).unwrap();
    assert_eq!((latest.number, latest.exponent, latest.timeMs), (I256::try_from(301).unwrap(), -1, NOW_MS + 1));
}

/// The vector of `docs/devices.md`.
#[test]
fn a_device_signs_the_bytes_that_the_book_shows() {
    let device = Device::new(7);
    let signed = DeviceMessage {
        thing: keccak256("urn:example:device:7"),
        generation: 1,
        sequence: 5,
        observedAtMs: 1_700_000_000_000,
        mappingId: B256::ZERO,
        payloadHash: keccak256("21.5"),
    };
    let digest = digest(&signed, 1337);
    assert_eq!(domain(1337).separator(), b256!("b969771ef068a515afaf8d572e42cb7e8cd0d6ccee996408ee372bd761f3a2a8"));
    assert_eq!(digest, b256!("2aed3f621e4c3615e9173bc1c9dc1b9a730919d2c4daf6ed2a7c5da945c05409"));
    let signature = hex!(
        "b7f2e479885837080df06b9c0a19700a8a5ded4dff9525342d34708411d6c3b5"
        "3fe49fbe40dd3ef33dabc307d77eb4576e0f8ff823e43ae056dc6e76f9aa3f6c1c"
    );
    assert_eq!(device.sign(digest)[..], signature);
}
