//! Answers are read through the request's mapping: by gateways, or by the chain where the thing's own words are there.
use super::{
    CONTRACT, Device, OTHER, OWNER, RELAYER, harness, refusal,
    requests::{answer, ask, due, gateway, invalid_proof, prepared, read, report, status},
    send, trigger,
};
use crate::{
    precompiles::harness::{Harness, START},
    semantics::abi::ISemantics,
    things::{
        abi::IThings::{self, Agreement, Status},
        is_due,
    },
};
use alloy_primitives::{B256, Bytes, FixedBytes, I256, U256, keccak256};
use alloy_sol_types::SolValue;
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};

const NOW_MS: u64 = START * 1_000;
const PROPERTY: &str = "urn:temperature";
/// Fahrenheit, with a time of its own if there is one.
const PROGRAM: &str = r#"{"observations": [{"property": "urn:temperature", "value": "$.t", "unit": "[degF]",
    "time": {"path": "$.ms", "format": "unix-ms"}}]}"#;

/// A model of one temperature in tenths of a degree Celsius, and a mapping for it.
pub(super) fn define(harness: &mut Harness, program: &str) -> (B256, B256) {
    let property = ISemantics::Property {
        property: keccak256(PROPERTY),
        iri: PROPERTY.into(),
        kind: ISemantics::ValueKind::Number,
        unit: "Cel".into(),
        exponent: -1,
        minimum: I256::try_from(-1_000).unwrap(),
        maximum: I256::try_from(2_000).unwrap(),
    };
    let define = ISemantics::defineModelCall { iri: "urn:model".into(), properties: vec![property] };
    let model = harness.send(OWNER, SEMANTICS_ADDRESS, U256::ZERO, &define).unwrap();
    let format = ISemantics::Format::Json;
    let define = ISemantics::defineMappingCall { model, format, program: program.as_bytes().to_vec().into() };
    (model, harness.send(OWNER, SEMANTICS_ADDRESS, U256::ZERO, &define).unwrap())
}

/// What a gateway makes of an answer: the chain's own reading, as of time 0.
fn as_gateways_do(harness: &mut Harness, mapping: B256, thing: B256, payload: &[u8]) -> Bytes {
    let now = std::mem::take(&mut harness.evm.ctx.block.timestamp);
    let payload = Bytes::copy_from_slice(payload);
    let call = ISemantics::normalizeCall { mappingId: mapping, subject: thing, payload };
    let read = harness.send(OWNER, SEMANTICS_ADDRESS, U256::ZERO, &call).unwrap();
    harness.evm.ctx.block.timestamp = now;
    encoded(&read)
}

fn observation(thing: B256, tenths: i64, time_ms: u64) -> ISemantics::Observation {
    ISemantics::Observation {
        subject: thing,
        property: keccak256(PROPERTY),
        kind: ISemantics::ValueKind::Number,
        number: I256::try_from(tenths).unwrap(),
        exponent: -1,
        data: Bytes::new(),
        unit: "Cel".into(),
        timeMs: time_ms,
    }
}

fn encoded(observations: &[ISemantics::Observation]) -> Bytes {
    (observations.to_vec(),).abi_encode_params().into()
}

fn latest(harness: &mut Harness, thing: B256, model: B256) -> Option<(I256, u64)> {
    let call = ISemantics::latestCall { source: thing, subject: thing, model, property: keccak256(PROPERTY) };
    let latest = harness.send(OWNER, SEMANTICS_ADDRESS, U256::ZERO, &call).ok()?;
    Some((latest.number, latest.timeMs))
}

fn watch_above(harness: &mut Harness, thing: B256, model: B256, degrees: i64) {
    let grant = IThings::grantCall { thing, consumer: CONTRACT, operations: 0b1111, expiry: u64::MAX };
    send(harness, OWNER, &grant).unwrap();
    let trigger = IThings::Trigger {
        thing,
        model,
        property: keccak256(PROPERTY),
        threshold: I256::try_from(degrees).unwrap(),
        action: FixedBytes([9; 4]),
        maxFeePerGas: 0,
        ..trigger(IThings::TriggerKind::Threshold)
    };
    send(harness, CONTRACT, &IThings::watchCall { trigger }).unwrap();
}

/// Settles a request by signatures of gateways over a result, and answers what the callback gets.
fn settle(harness: &mut Harness, id: U256, gateways: &[u8], result: &[u8]) -> Bytes {
    let answers = gateways.iter().map(|number| answer(&gateway(*number), id, 0, result)).collect();
    report(harness, id, 0, result, answers).unwrap();
    send(harness, OTHER, &IThings::resultOfCall { requestId: id }).unwrap()
}

#[test]
fn gateways_read_the_answer_and_the_chain_keeps_what_they_agree_on() {
    let (mut harness, device) = prepared(4);
    let thing = device.thing();
    let (model, mapping) = define(&mut harness, PROGRAM);
    watch_above(&mut harness, thing, model, 30);
    let of = IThings::Request { mappingId: mapping, ..read(&device, Agreement::Identical) };
    let id = ask(&mut harness, of.clone()).unwrap();
    let said = as_gateways_do(&mut harness, mapping, thing, br#"{"t": 80.6}"#);
    assert_eq!(said, encoded(&[observation(thing, 270, 0)]), "no time of its own");
    let result = settle(&mut harness, id, &[0, 1, 2], &said);
    assert_eq!(result, encoded(&[observation(thing, 270, NOW_MS)]), "the gateways' own time");
    assert_eq!(latest(&mut harness, thing, model), Some((I256::try_from(270).unwrap(), NOW_MS)));
    let status = send(&mut harness, OTHER, &IThings::statusOfCall { requestId: id }).unwrap();
    assert_eq!(status.resultHash, keccak256(&result));
    let input = [&[1; 4][..], &(id, result).abi_encode_params()].concat();
    assert_eq!(due(&mut harness, true), [Bytes::from(input)]);

    // A hotter one wakes the trigger; its own time is kept.
    let id = ask(&mut harness, of).unwrap();
    let payload = format!(r#"{{"t": 95, "ms": {}}}"#, NOW_MS + 5);
    let said = as_gateways_do(&mut harness, mapping, thing, payload.as_bytes());
    settle(&mut harness, id, &[3, 1, 2], &said);
    assert_eq!(latest(&mut harness, thing, model), Some((I256::try_from(350).unwrap(), NOW_MS + 5)));
    let called = due(&mut harness, true);
    assert_eq!(called.iter().map(|input| input[0]).collect::<Vec<_>>(), [1, 9], "result, then action");
}

#[test]
fn what_is_not_canonical_settles_nothing_however_many_signed_it() {
    let (mut harness, device) = prepared(4);
    let (thing, (model, mapping)) = (device.thing(), define(&mut harness, PROGRAM));
    let of = IThings::Request { mappingId: mapping, ..read(&device, Agreement::Identical) };
    let id = ask(&mut harness, of).unwrap();
    let good = observation(thing, 270, NOW_MS);
    let wrong = [
        Bytes::from_static(b"27"),
        encoded(&[ISemantics::Observation { exponent: 0, ..good.clone() }]),
        encoded(&[ISemantics::Observation { unit: "K".into(), ..good.clone() }]),
        encoded(&[ISemantics::Observation { property: keccak256("urn:other"), ..good.clone() }]),
        encoded(&[observation(thing, 2_001, NOW_MS)]),
        encoded(&[observation(thing, 270, NOW_MS + 30_001)]),
        [&encoded(std::slice::from_ref(&good))[..], &[1]].concat().into(),
    ];
    for (place, result) in wrong.iter().enumerate() {
        let answers = [0, 1, 2].map(|number| answer(&gateway(number), id, 0, result)).to_vec();
        let refused = report(&mut harness, id, 0, result, answers);
        assert_eq!(refused, Err(invalid_proof()), "{place}");
    }
    assert_eq!(latest(&mut harness, thing, model), None);
    settle(&mut harness, id, &[0, 1, 2], &encoded(&[good]));
}

#[test]
fn the_median_is_taken_of_what_the_mapping_reads() {
    let (mut harness, device) = prepared(4);
    let (thing, (model, mapping)) = (device.thing(), define(&mut harness, PROGRAM));
    let of = IThings::Request { mappingId: mapping, ..read(&device, Agreement::Median) };
    let id = ask(&mut harness, of).unwrap();
    let values = [215, 212, 214].map(|tenths| encoded(&[observation(thing, tenths, 0)]));
    let answers =
        || -> Vec<_> { (0u8..).zip(&values).map(|(number, value)| answer(&gateway(number), id, 0, value)).collect() };
    assert_eq!(report(&mut harness, id, 0, &values[0], answers()), Err(invalid_proof()));
    report(&mut harness, id, 0, &values[2], answers()).unwrap();
    assert_eq!(latest(&mut harness, thing, model), Some((I256::try_from(214).unwrap(), NOW_MS)));
}

#[test]
fn what_a_device_signs_is_read_here_and_code_8_says_that_it_cannot_be() {
    let (mut harness, device) = prepared(0);
    let (thing, (model, mapping)) = (device.thing(), define(&mut harness, PROGRAM));
    let of = IThings::Request { mappingId: mapping, ..read(&device, Agreement::Device) };
    let settle = |harness: &mut Harness, payload: &[u8]| {
        let id = ask(harness, of.clone()).unwrap();
        report(harness, id, 0, payload, vec![answer(&device.signer, id, 0, payload)]).unwrap();
        id
    };
    let id = settle(&mut harness, br#"{"t": 212}"#);
    let result = send(&mut harness, OTHER, &IThings::resultOfCall { requestId: id }).unwrap();
    assert_eq!(result, encoded(&[observation(thing, 1_000, NOW_MS)]));
    assert_eq!(latest(&mut harness, thing, model), Some((I256::try_from(1_000).unwrap(), NOW_MS)));
    let future = format!(r#"{{"t": 32, "ms": {}}}"#, NOW_MS + 30_001);
    for payload in [&br#"{"t": "hot"}"#[..], b"not JSON", br#"{"t": 1000000}"#, future.as_bytes()] {
        let id = settle(&mut harness, payload);
        assert_eq!(status(&mut harness, id), (Status::Settled, 8));
        let calls = due(&mut harness, true);
        let input = [&[2; 4][..], &(id, U256::from(8)).abi_encode_params()].concat();
        assert_eq!(calls.last(), Some(&Bytes::from(input)));
        assert_eq!(status(&mut harness, id), (Status::Failed, 8));
    }
    assert_eq!(latest(&mut harness, thing, model), Some((I256::try_from(1_000).unwrap(), NOW_MS)));
}

#[test]
fn what_a_mapping_makes_longer_than_asked_for_fails_with_code_5() {
    let (mut harness, device) = prepared(0);
    let (_, mapping) = define(&mut harness, PROGRAM);
    let length = encoded(&[observation(device.thing(), 0, 0)]).len() as u32;
    for (most, code) in [(length, 0), (length - 1, 5)] {
        let of = IThings::Request { mappingId: mapping, maxResultBytes: most, ..read(&device, Agreement::Device) };
        let id = ask(&mut harness, of).unwrap();
        let payload = br#"{"t": 212}"#;
        report(&mut harness, id, 0, payload, vec![answer(&device.signer, id, 0, payload)]).unwrap();
        assert_eq!(status(&mut harness, id), (Status::Settled, code));
    }
}

#[test]
fn where_a_description_names_the_mapping_no_other_one_speaks_for_the_thing() {
    let (mut harness, device) = prepared(0);
    let (thing, (model, mapping)) = (device.thing(), define(&mut harness, PROGRAM));
    let other = define(&mut harness, &PROGRAM.replace("[degF]", "Cel")).1;
    let named = device.description().replacen(r#""type": "number""#, &format!(r#""pervade:mapping": "{mapping}""#), 1);
    let update = IThings::updateCall { thing, description: named.into_bytes().into() };
    send(&mut harness, OWNER, &update).unwrap();
    watch_above(&mut harness, thing, model, 90);
    for (mapping, is_kept) in [(other, false), (mapping, true)] {
        let of = IThings::Request { mappingId: mapping, ..read(&device, Agreement::Device) };
        let id = ask(&mut harness, of).unwrap();
        let payload = br#"{"t": 200}"#;
        report(&mut harness, id, 0, payload, vec![answer(&device.signer, id, 0, payload)]).unwrap();
        assert_eq!(status(&mut harness, id), (Status::Settled, 0), "the requester gets its answer");
        assert_eq!(latest(&mut harness, thing, model).is_some(), is_kept);
        assert_eq!(due(&mut harness, true).len(), if is_kept { 2 } else { 1 });
    }
}

#[test]
fn a_later_generation_is_not_spoken_for() {
    let (mut harness, device) = prepared(1);
    let (thing, (model, mapping)) = (device.thing(), define(&mut harness, PROGRAM));
    let of = IThings::Request { mappingId: mapping, ..read(&device, Agreement::Gateway) };
    let id = ask(&mut harness, of).unwrap();
    send(&mut harness, OWNER, &IThings::retireCall { thing }).unwrap();
    device.register(&mut harness);
    settle(&mut harness, id, &[0], &encoded(&[observation(thing, 1, 0)]));
    assert_eq!(latest(&mut harness, thing, model), None);
}

#[test]
fn a_mapping_must_be_defined_when_it_is_asked_for() {
    let (mut harness, device) = prepared(1);
    let unknown = IThings::Request { mappingId: B256::repeat_byte(1), ..read(&device, Agreement::Gateway) };
    let refused = ask(&mut harness, unknown).unwrap_err();
    assert!(refused.is(&IThings::InvalidRequest { reason: "no mapping has this id".into() }));
}

#[test]
fn a_message_that_speaks_of_the_future_is_skipped() {
    let (mut harness, device) = (harness(), Device::new(7));
    device.register(&mut harness);
    let (model, mapping) = define(&mut harness, PROGRAM);
    let message = |sequence, ms: u64| {
        let payload = format!(r#"{{"t": 50, "ms": {ms}}}"#);
        IThings::publishCall { message: device.mapped_message(1, sequence, NOW_MS, mapping, payload.as_bytes()) }
    };
    assert!(refusal(&mut harness, RELAYER, &message(1, NOW_MS + 30_001)).reason().contains("future"));
    assert_eq!(latest(&mut harness, device.thing(), model), None);
    send(&mut harness, RELAYER, &message(1, NOW_MS + 30_000)).unwrap();
    assert!(latest(&mut harness, device.thing(), model).is_some());
    assert!(!harness.as_protocol(THINGS_ADDRESS, is_due).unwrap());
}
