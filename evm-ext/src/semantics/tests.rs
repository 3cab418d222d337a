use super::{ISemantics as abi, Semantics};
use crate::precompiles::{
    Precompile,
    harness::{Failure, Harness, START, forwarder},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, U256, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEvent, SolValue};
use pervade_chainspec::{PervadeConfig, ValidatorConfig, params};

const AT: Address = params::SEMANTICS_ADDRESS;
const AUTHOR: Address = Address::repeat_byte(0xa1);
const DEVICE: Address = Address::repeat_byte(0xde);
const STRANGER: Address = Address::repeat_byte(0x57);
/// Forwards whatever it is sent, by DELEGATECALL and STATICCALL.
const DELEGATE: Address = Address::repeat_byte(0xd1);
const STATIC: Address = Address::repeat_byte(0xd2);
const TEMPERATURE: &str = "urn:temperature";
const SUBJECT: B256 = B256::repeat_byte(0x5b);

fn harness() -> Harness {
    let validator = ValidatorConfig { account: AUTHOR, public_key: Bytes::from(vec![2; 33]), power: 1 };
    let chain = PervadeConfig::new(vec![validator], params::GAS_LIMIT_DEFAULT);
    let own: &[(Address, &'static dyn Precompile)] = &[(AT, &Semantics)];
    let (delegate, fixed) = (forwarder(AT, 0xf4), forwarder(AT, 0xfa));
    Harness::with_precompiles(
        chain,
        &[AUTHOR, DEVICE, STRANGER],
        &[(DELEGATE, &delegate[..]), (STATIC, &fixed[..])],
        own,
    )
}

fn property(iri: &str, unit: &str, exponent: i8, kind: abi::ValueKind) -> abi::Property {
    abi::Property {
        property: keccak256(iri),
        iri: iri.into(),
        kind,
        unit: unit.into(),
        exponent,
        minimum: I256::MIN,
        maximum: I256::MAX,
    }
}

fn model(chain: &mut Harness) -> B256 {
    let properties = vec![
        property(TEMPERATURE, "Cel", -2, abi::ValueKind::Number),
        property("urn:seal", "", 0, abi::ValueKind::Text),
    ];
    let call = abi::defineModelCall { iri: "urn:model".into(), properties };
    chain.send(AUTHOR, AT, U256::ZERO, &call).unwrap()
}

fn mapping(chain: &mut Harness, format: abi::Format, program: &str) -> Result<B256, Failure> {
    let model = model(chain);
    let call = abi::defineMappingCall { model, format, program: program.as_bytes().to_vec().into() };
    chain.send(AUTHOR, AT, U256::ZERO, &call)
}

const FAHRENHEIT: &str = r#"{"observations":[{"property":"urn:temperature","value":"$.f","unit":"[degF]"},{"property":"urn:seal","value":"$.seal"}]}"#;

fn record(chain: &mut Harness, from: Address, id: B256, payload: &str) -> Result<U256, Failure> {
    let call = abi::recordCall { mappingId: id, subject: SUBJECT, payload: payload.as_bytes().to_vec().into() };
    chain.send(from, AT, U256::ZERO, &call)
}

fn latest(chain: &mut Harness, source: Address, model: B256, property: &str) -> Result<abi::Observation, Failure> {
    let property = keccak256(property);
    let call = abi::latestCall { source: source.into_word(), subject: SUBJECT, model, property };
    chain.send(AUTHOR, AT, U256::ZERO, &call)
}

#[test]
fn models_are_named_by_their_content_and_defined_once() {
    let mut chain = harness();
    let id = model(&mut chain);
    assert_eq!(chain.logs.len(), 1);
    let answer = chain.send(AUTHOR, AT, U256::ZERO, &abi::modelOfCall { model: id }).unwrap();
    assert_eq!(id, keccak256((answer.iri.clone(), answer.properties.clone()).abi_encode_params()));
    assert_eq!((answer.iri.as_str(), answer.properties.len()), ("urn:model", 2));
    assert_eq!(model(&mut chain), id);
    assert!(chain.logs.is_empty());
    let missing = chain.send(AUTHOR, AT, U256::ZERO, &abi::modelOfCall { model: SUBJECT }).unwrap_err();
    assert!(missing.is(&abi::UnknownModel { model: SUBJECT }));
    let wrong = abi::defineModelCall {
        iri: "urn:m".into(),
        properties: vec![property("urn:t", "Celsius", 0, abi::ValueKind::Number)],
    };
    let Failure::Revert(output) = chain.send(AUTHOR, AT, U256::ZERO, &wrong).unwrap_err() else { panic!() };
    assert!(abi::InvalidModel::abi_decode(&output).unwrap().reason.starts_with("properties/0/unit"));
}

#[test]
fn mappings_are_checked_when_they_are_defined() {
    let mut chain = harness();
    let id = mapping(&mut chain, abi::Format::Json, FAHRENHEIT).unwrap();
    let answer = chain.send(AUTHOR, AT, U256::ZERO, &abi::mappingOfCall { mappingId: id }).unwrap();
    assert_eq!(id, keccak256((answer.model, answer.format, answer.program.clone()).abi_encode_params()));
    assert_eq!(answer.program.to_vec(), FAHRENHEIT.as_bytes());
    let wrong = FAHRENHEIT.replace("[degF]", "m");
    let Failure::Revert(output) = mapping(&mut chain, abi::Format::Json, &wrong).unwrap_err() else { panic!() };
    assert!(abi::InvalidMapping::abi_decode(&output).unwrap().reason.starts_with("/observations/0/unit"));
    let unknown = abi::normalizeCall { mappingId: SUBJECT, subject: SUBJECT, payload: Bytes::new() };
    assert!(chain.send(AUTHOR, AT, U256::ZERO, &unknown).unwrap_err().is(&abi::UnknownMapping { mappingId: SUBJECT }));
}

#[test]
fn records_keep_the_callers_latest_value_and_nobody_elses() {
    let mut chain = harness();
    let id = mapping(&mut chain, abi::Format::Json, FAHRENHEIT).unwrap();
    let of = model(&mut chain);
    assert_eq!(
        record(&mut chain, DEVICE, id, r#"{"f":72.5,"seal":"a text that is longer than thirty-one bytes"}"#).unwrap(),
        U256::from(2)
    );
    let events: Vec<_> = chain.logs.iter().map(|log| abi::Observed::decode_log(log).unwrap()).collect();
    assert_eq!(events[0].source, DEVICE.into_word());
    assert_eq!(events[0].observation.number, I256::try_from(2_250).unwrap());
    let found = latest(&mut chain, DEVICE, of, TEMPERATURE).unwrap();
    assert_eq!((found.number, found.exponent, found.unit.as_str()), (I256::try_from(2_250).unwrap(), -2, "Cel"));
    assert_eq!(found.timeMs, START * 1_000);
    assert_eq!(
        latest(&mut chain, DEVICE, of, "urn:seal").unwrap().data,
        b"a text that is longer than thirty-one bytes"[..]
    );
    // Another account's records, and a look-alike model, are kept apart.
    record(&mut chain, STRANGER, id, r#"{"f":32}"#).unwrap();
    assert_eq!(latest(&mut chain, DEVICE, of, TEMPERATURE).unwrap(), found);
    assert_eq!(latest(&mut chain, STRANGER, of, TEMPERATURE).unwrap().number, I256::ZERO);
    assert!(latest(&mut chain, DEVICE, SUBJECT, TEMPERATURE).unwrap_err().is(&abi::NoValue {}));
}

#[test]
fn the_latest_value_never_goes_back_in_time() {
    let mut chain = harness();
    let program =
        r#"{"observations":[{"property":"urn:temperature","value":"$.c","time":{"path":"$.t","format":"unix-s"}}]}"#;
    let id = mapping(&mut chain, abi::Format::Json, program).unwrap();
    let of = model(&mut chain);
    record(&mut chain, DEVICE, id, r#"{"c":1,"t":1600000010}"#).unwrap();
    record(&mut chain, DEVICE, id, r#"{"c":2,"t":1600000009}"#).unwrap();
    assert_eq!(latest(&mut chain, DEVICE, of, TEMPERATURE).unwrap().number, I256::try_from(100).unwrap());
    record(&mut chain, DEVICE, id, r#"{"c":3,"t":1600000010}"#).unwrap();
    assert_eq!(latest(&mut chain, DEVICE, of, TEMPERATURE).unwrap().number, I256::try_from(300).unwrap());
}

#[test]
fn a_payload_is_translated_between_mappings_of_one_model() {
    let mut chain = harness();
    let from = mapping(&mut chain, abi::Format::Json, FAHRENHEIT).unwrap();
    let to = mapping(
        &mut chain,
        abi::Format::Json,
        r#"{"observations":[{"property":"urn:temperature","value":"$.kelvin","unit":"K"}]}"#,
    )
    .unwrap();
    let call = abi::translateCall { from, to, subject: SUBJECT, payload: br#"{"f":212}"#.to_vec().into() };
    assert_eq!(chain.send(AUTHOR, AT, U256::ZERO, &call).unwrap().to_vec(), br#"{"kelvin":373.15}"#);
}

#[test]
fn numbers_convert_exactly_or_say_that_they_do_not() {
    let mut chain = harness();
    let number = |number: i64| I256::try_from(number).unwrap();
    let exact = |value: i64, from: &str, to: &str, digits: i8| abi::convertCall {
        number: number(value),
        exponent: 0,
        from: from.into(),
        to: to.into(),
        toExponent: digits,
    };
    assert_eq!(chain.send(AUTHOR, AT, U256::ZERO, &exact(100, "Cel", "[degF]", 0)).unwrap(), number(212));
    assert!(chain.send(AUTHOR, AT, U256::ZERO, &exact(100, "[degF]", "Cel", -2)).unwrap_err().is(&abi::Inexact {}));
    let rounded = abi::convertRoundedCall {
        number: number(100),
        exponent: 0,
        from: "[degF]".into(),
        to: "Cel".into(),
        toExponent: -2,
    };
    assert_eq!(chain.send(AUTHOR, AT, U256::ZERO, &rounded).unwrap(), number(3_778));
    let other = abi::Incommensurable { from: "m".into(), to: "s".into() };
    assert!(chain.send(AUTHOR, AT, U256::ZERO, &exact(1, "m", "s", 0)).unwrap_err().is(&other));
    let Failure::Revert(output) = chain.send(AUTHOR, AT, U256::ZERO, &exact(1, "B[W]", "W", 0)).unwrap_err() else {
        panic!()
    };
    assert!(abi::InvalidMapping::abi_decode(&output).unwrap().reason.contains("B[W] is defined by the function lg"));
}

#[test]
fn values_are_extracted_from_documents() {
    let mut chain = harness();
    let mut extract = |path: &str| {
        let document = br#"{"a":[1.50,"x",true]}"#.to_vec().into();
        chain.send(AUTHOR, AT, U256::ZERO, &abi::extractCall { format: abi::Format::Json, document, path: path.into() })
    };
    let found = extract("$.a[0]").unwrap();
    assert_eq!(
        (found.kind, found.value),
        (abi::ValueKind::Number, (I256::try_from(15).unwrap(), -1i8).abi_encode().into())
    );
    assert_eq!(extract("$.a[1]").unwrap().value.to_vec(), b"x");
    assert_eq!(extract("$.a[2]").unwrap().value.to_vec(), true.abi_encode());
    assert!(extract("$.b").unwrap_err().is(&abi::NoValue {}));
}

#[test]
fn contracts_are_bound_by_themselves_and_by_who_shows_to_have_made_them() {
    let mut chain = harness();
    let program = r#"{"event":"event Sealed(bytes32 indexed box, int32 t)","subject":"box","observations":[{"property":"urn:temperature","value":"t"}]}"#;
    let id = mapping(&mut chain, abi::Format::AbiEvent, program).unwrap();
    let topic0 = keccak256("Sealed(bytes32,int32)");
    let made = AUTHOR.create(7);
    let salt = B256::repeat_byte(1);
    let salted = AUTHOR.create2(salt, SUBJECT);
    let bind = |emitter: Address, deployment: Vec<u8>| abi::bindEventCall {
        emitter,
        topic0,
        mappingId: id,
        deployment: deployment.into(),
    };
    let by_nonce = bind(made, U256::from(7).abi_encode());
    let by_salt = bind(salted, (salt, SUBJECT).abi_encode());
    for call in [&by_nonce, &by_salt] {
        chain.send(AUTHOR, AT, U256::ZERO, call).unwrap();
        let bound = abi::bindingOfCall { contract_: call.emitter, topicOrSelector: topic0 };
        assert_eq!(chain.send(AUTHOR, AT, U256::ZERO, &bound).unwrap(), id);
    }
    for (caller, call) in [
        (STRANGER, &by_nonce),
        (STRANGER, &by_salt),
        (AUTHOR, &bind(made, U256::from(8).abi_encode())),
        (AUTHOR, &bind(made, Vec::new())),
    ] {
        assert!(chain.send(caller, AT, U256::ZERO, call).err().unwrap().is(&abi::NotAuthorized { caller }));
    }
    chain.send(STRANGER, AT, U256::ZERO, &bind(STRANGER, Vec::new())).unwrap();
    let unbind = abi::unbindEventCall { emitter: made, topic0, deployment: by_nonce.deployment.clone() };
    assert!(chain.send(STRANGER, AT, U256::ZERO, &unbind).is_err());
    chain.send(AUTHOR, AT, U256::ZERO, &unbind).unwrap();
    let bound = abi::bindingOfCall { contract_: made, topicOrSelector: topic0 };
    assert_eq!(chain.send(AUTHOR, AT, U256::ZERO, &bound).unwrap(), B256::ZERO);
    let wrong = abi::bindEventCall { topic0: SUBJECT, ..by_nonce };
    assert!(chain.send(AUTHOR, AT, U256::ZERO, &wrong).is_err());
}

#[test]
fn calls_are_bound_by_selector() {
    let mut chain = harness();
    let program = r#"{"call":"seal(bytes32 box, int32 t)","subject":"box","observations":[{"property":"urn:temperature","value":"t"}]}"#;
    let id = mapping(&mut chain, abi::Format::AbiCall, program).unwrap();
    let selector = FixedBytes::<4>::from_slice(&keccak256("seal(bytes32,int32)")[..4]);
    let call = abi::bindCallCall { target: DEVICE, selector, mappingId: id, deployment: Bytes::new() };
    chain.send(DEVICE, AT, U256::ZERO, &call).unwrap();
    let key = B256::right_padding_from(selector.as_slice());
    let bound = abi::bindingOfCall { contract_: DEVICE, topicOrSelector: key };
    assert_eq!(chain.send(AUTHOR, AT, U256::ZERO, &bound).unwrap(), id);
    let json = mapping(&mut chain, abi::Format::Json, FAHRENHEIT).unwrap();
    assert!(chain.send(DEVICE, AT, U256::ZERO, &abi::bindCallCall { mappingId: json, ..call }).is_err());
}

#[test]
fn static_and_delegated_calls_read_and_do_not_write() {
    let mut chain = harness();
    let id = mapping(&mut chain, abi::Format::Json, FAHRENHEIT).unwrap();
    let payload: Bytes = br#"{"f":50}"#.to_vec().into();
    let read = abi::normalizeCall { mappingId: id, subject: SUBJECT, payload: payload.clone() }.abi_encode();
    let write = abi::recordCall { mappingId: id, subject: SUBJECT, payload }.abi_encode();
    assert!(chain.transact(AUTHOR, STATIC, U256::ZERO, read.into()).is_ok());
    for contract in [STATIC, DELEGATE] {
        let failure = chain.transact(AUTHOR, contract, U256::ZERO, write.clone().into()).unwrap_err();
        assert!(failure.reason().contains("cannot write"), "{failure:?}");
    }
    assert!(
        chain
            .transact(AUTHOR, AT, U256::ZERO, vec![1, 2, 3, 4].into())
            .unwrap_err()
            .reason()
            .contains("unknown function")
    );
}

#[test]
fn work_is_paid_before_it_is_done_whether_or_not_it_was_done_before() {
    let mut chain = harness();
    let id = mapping(&mut chain, abi::Format::Json, FAHRENHEIT).unwrap();
    let call = |payload: &str| abi::normalizeCall {
        mappingId: id,
        subject: SUBJECT,
        payload: payload.as_bytes().to_vec().into(),
    };
    chain.send(AUTHOR, AT, U256::ZERO, &call(r#"{"f":50}"#)).unwrap();
    let first = chain.gas_used;
    chain.send(AUTHOR, AT, U256::ZERO, &call(r#"{"f":50}"#)).unwrap();
    assert_eq!(chain.gas_used, first);
    let long = format!(r#"{{"f":50,"x":"{}"}}"#, "y".repeat(10_000));
    chain.send(AUTHOR, AT, U256::ZERO, &call(&long)).unwrap();
    assert!(chain.gas_used > first + 10_000 * 12, "{} after {first}", chain.gas_used);
    chain.gas_limit = first - 1;
    assert_eq!(chain.send(AUTHOR, AT, U256::ZERO, &call(r#"{"f":50}"#)), Err(Failure::Halt));
    let error = abi::MalformedPayload { offset: U256::from(5) };
    chain.gas_limit = 1 << 40;
    assert!(chain.send(AUTHOR, AT, U256::ZERO, &call(r#"{"f":}"#)).unwrap_err().is(&error));
}
