//! Semantics, at 0x…7103.
use super::{
    Case,
    machine::{Loop, Machine},
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use pervade_chainspec::params::SEMANTICS_ADDRESS;
use pervade_semantics::limits::{PAYLOAD_BYTES_MAX, PROGRAM_BYTES_MAX, PROPERTIES_MAX};

mod abi {
    #![allow(missing_docs)]
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/ISemantics.sol"
    );
}
use abi::ISemantics::{self, Format, Property, ValueKind};

const TO: Address = SEMANTICS_ADDRESS;
const SUBJECT: B256 = B256::repeat_byte(0x5b);
/// Rules of the largest mapping, and so values of the largest payload.
const RULES: usize = 64;

pub(super) fn cases(machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let many = models(PROPERTIES_MAX, 0);
    let model = model_id(&many);
    machine.call(TO, &[many.abi_encode().into()], 1)?;
    let small = mapping(model, Format::Json, &program(1, 0));
    let large = mapping(model, Format::Json, &program(RULES, 0));
    let kelvin = mapping(model, Format::Json, &program(1, 1));
    let calls: Vec<Bytes> = [&small, &large, &kelvin].map(|call| call.abi_encode().into()).to_vec();
    machine.call(TO, &calls, 1)?;
    let ids = [&small, &large, &kelvin].map(mapping_id);
    let mut cases = documents(model, &large);
    cases.extend(readings(machine.caller, model, ids));
    cases.extend(numbers());
    cases.extend(bindings(machine)?);
    Ok(cases)
}

fn documents(model: B256, large: &ISemantics::defineMappingCall) -> Vec<Case> {
    let define =
        |properties: usize, from: u64| (from..from + 24).map(move |n| models(properties, n).abi_encode().into());
    let define_mapping = |rules: usize| {
        let call = move |n| mapping(model, Format::Json, &program(rules, n)).abi_encode().into();
        (10..34).map(call)
    };
    let padded = |n: u64| {
        let mut text = program(RULES, 100 + n);
        text.push_str(&" ".repeat(PROGRAM_BYTES_MAX - text.len()));
        mapping(model, Format::Json, &text).abi_encode().into()
    };
    let of = ISemantics::modelOfCall { model }.abi_encode();
    let mapping_of = ISemantics::mappingOfCall { mappingId: mapping_id(large) }.abi_encode();
    let properties = format!("{PROPERTIES_MAX} properties");
    vec![
        Case::new("semantics.defineModel", "1 property", Loop::Fill, TO).calls(8, define(1, 100)),
        Case::new("semantics.defineModel", properties.clone(), Loop::Fill, TO).calls(2, define(PROPERTIES_MAX, 200)),
        Case::new("semantics.modelOf", properties, Loop::Load, TO).calls(1, vec![of.into(); 40]),
        Case::new("semantics.defineMapping", "1 rule", Loop::Fill, TO).calls(8, define_mapping(1)),
        Case::new("semantics.defineMapping", format!("{RULES} rules"), Loop::Fill, TO).calls(2, define_mapping(RULES)),
        Case::new("semantics.defineMapping", "24 KiB", Loop::Fill, TO).calls(2, (0..24).map(padded)),
        Case::new("semantics.mappingOf", format!("{RULES} rules"), Loop::Load, TO)
            .calls(1, vec![mapping_of.into(); 40]),
    ]
}

fn readings(caller: Address, model: B256, [small, large, kelvin]: [B256; 3]) -> Vec<Case> {
    let normalize = |mapping: B256, payload: String| -> Bytes {
        ISemantics::normalizeCall { mappingId: mapping, subject: SUBJECT, payload: payload.into_bytes().into() }
            .abi_encode()
            .into()
    };
    let record = |mapping: B256, payload: fn(u64) -> String, count: u64| -> Vec<Bytes> {
        let call = |n: u64| ISemantics::recordCall {
            mappingId: mapping,
            subject: keccak256(n.to_be_bytes()),
            payload: payload(n).into_bytes().into(),
        };
        (0..count).map(|n| call(n).abi_encode().into()).collect()
    };
    let translate = ISemantics::translateCall {
        from: small,
        to: kelvin,
        subject: SUBJECT,
        payload: payload(1, 7).into_bytes().into(),
    };
    let latest = (0..400u64).map(|n| {
        let (subject, property) = (keccak256(n.to_be_bytes()), property_id(0));
        ISemantics::latestCall { source: caller.into_word(), subject, model, property }.abi_encode().into()
    });
    let case = |function, input: &str, against| Case::new(function, input, against, TO);
    let all = format!("{RULES} values");
    let full = normalize(large, padded_payload());
    vec![
        case("semantics.normalize", "1 value", Loop::Load).calls(4, vec![normalize(small, payload(1, 7)); 400]),
        case("semantics.normalize", &all, Loop::Load).calls(4, vec![normalize(large, payload(RULES, 7)); 80]),
        case("semantics.normalize", "24 KiB", Loop::Load).calls(4, vec![full; 40]),
        case("semantics.translate", "1 value", Loop::Load).calls(4, vec![translate.abi_encode().into(); 200]),
        case("semantics.record", "1 value", Loop::Fill).calls(50, record(small, |n| payload(1, n), 400)),
        case("semantics.record", &all, Loop::Fill).calls(2, record(large, |n| payload(RULES, n), 24)),
        case("semantics.record again", "1 value", Loop::Overwrite).calls(50, record(small, |n| payload(1, n + 1), 400)),
        case("semantics.latest", "", Loop::Load).calls(50, latest),
    ]
}

fn numbers() -> Vec<Case> {
    let convert = |number: I256, exponent: i8, from: &str, to: &str| -> Bytes {
        let call =
            ISemantics::convertRoundedCall { number, exponent, from: from.into(), to: to.into(), toExponent: -60 };
        call.abi_encode().into()
    };
    let exact = ISemantics::convertCall {
        number: I256::unchecked_from(100),
        exponent: 0,
        from: "Cel".into(),
        to: "[degF]".into(),
        toExponent: 0,
    };
    // As many factors as a unit has room for, and one with a long prefix chain on the other side.
    let long = ["[ft_i]"; 30].join(".");
    let metres = ["m"; 30].join(".");
    let extract = |document: String, path: &str| -> Bytes {
        let document = document.into_bytes().into();
        ISemantics::extractCall { format: Format::Json, document, path: path.into() }.abi_encode().into()
    };
    let deep = format!("$.{}", ["a"; 14].join("."));
    let nested = format!("{}1{}", r#"{"a":"#.repeat(14), "}".repeat(14));
    let wide = format!("[{}1]", "1,".repeat(PAYLOAD_BYTES_MAX / 2 - 2));
    let last = format!("$[{}]", PAYLOAD_BYTES_MAX / 2 - 2);
    let case = |function, input: &str| Case::new(function, input, Loop::Load, TO);
    vec![
        case("semantics.convert", "Cel to [degF]").calls(100, vec![exact.abi_encode().into(); 1_000]),
        case("semantics.convertRounded", "60 digits").calls(100, vec![convert(I256::MAX, -60, "[degF]", "Cel"); 1_000]),
        case("semantics.convertRounded", "30 factors")
            .calls(10, vec![convert(I256::unchecked_from(7), -60, &long, &metres); 100]),
        case("semantics.extract", "small").calls(100, vec![extract(r#"{"a":[1.50,"x"]}"#.into(), "$.a[0]"); 1_000]),
        case("semantics.extract", "14 levels").calls(100, vec![extract(nested, &deep); 400]),
        case("semantics.extract", "24 KiB").calls(4, vec![extract(wide, &last); 40]),
    ]
}

fn bindings(machine: &mut Machine) -> eyre::Result<Vec<Case>> {
    let model = models(1, 1);
    machine.call(TO, &[model.abi_encode().into()], 1)?;
    let program = format!(
        r#"{{"event":"event Sealed(bytes32 indexed box, int32 t)","subject":"box","observations":[{{"property":"{}","value":"t"}}]}}"#,
        iri(0)
    );
    let event = mapping(model_id(&model), Format::AbiEvent, &program);
    machine.call(TO, &[event.abi_encode().into()], 1)?;
    let program = program
        .replace(r#""event":"event Sealed(bytes32 indexed box, int32 t)""#, r#""call":"seal(bytes32 box, int32 t)""#);
    let function = mapping(model_id(&model), Format::AbiCall, &program);
    machine.call(TO, &[function.abi_encode().into()], 1)?;
    let (function_id, selector) = (mapping_id(&function), first_four(keccak256("seal(bytes32,int32)")));
    let (id, topic0) = (mapping_id(&event), keccak256("Sealed(bytes32,int32)"));
    // Made by the caller, as the nonce shows.
    let made = |nonce: u64| (machine.caller.create(nonce), Bytes::from(U256::from(nonce).abi_encode()));
    let bind = (0..400).map(|n| {
        let (emitter, deployment) = made(n);
        ISemantics::bindEventCall { emitter, topic0, mappingId: id, deployment }.abi_encode().into()
    });
    let of = (0..400)
        .map(|n| ISemantics::bindingOfCall { contract_: made(n).0, topicOrSelector: topic0 }.abi_encode().into());
    let unbind = (0..400).map(|n| {
        let (emitter, deployment) = made(n);
        ISemantics::unbindEventCall { emitter, topic0, deployment }.abi_encode().into()
    });
    let bind_call = (0..400).map(|n| {
        let (target, deployment) = made(n);
        ISemantics::bindCallCall { target, selector, mappingId: function_id, deployment }.abi_encode().into()
    });
    let unbind_call = (0..400).map(|n| {
        let (target, deployment) = made(n);
        ISemantics::unbindCallCall { target, selector, deployment }.abi_encode().into()
    });
    Ok(vec![
        Case::new("semantics.bindCall", "", Loop::Fill, TO).calls(50, bind_call.collect::<Vec<_>>()),
        Case::new("semantics.unbindCall", "", Loop::Overwrite, TO).calls(50, unbind_call.collect::<Vec<_>>()),
        Case::new("semantics.bindEvent", "", Loop::Fill, TO).calls(50, bind.collect::<Vec<_>>()),
        Case::new("semantics.bindingOf", "", Loop::Load, TO).calls(50, of.collect::<Vec<_>>()),
        Case::new("semantics.unbindEvent", "", Loop::Overwrite, TO).calls(50, unbind.collect::<Vec<_>>()),
    ])
}

fn first_four(hash: B256) -> FixedBytes<4> {
    FixedBytes([hash[0], hash[1], hash[2], hash[3]])
}

fn iri(number: usize) -> String {
    format!("urn:example:property:{number}")
}

fn property_id(number: usize) -> B256 {
    keccak256(iri(number))
}

/// A model that no other number gives.
fn models(properties: usize, number: u64) -> ISemantics::defineModelCall {
    let property = |index| Property {
        property: property_id(index),
        iri: iri(index),
        kind: ValueKind::Number,
        unit: "Cel".into(),
        exponent: -2,
        minimum: I256::MIN,
        maximum: I256::MAX,
    };
    let properties = (0..properties).map(property).collect();
    ISemantics::defineModelCall { iri: format!("urn:example:model:{number}"), properties }
}

fn model_id(call: &ISemantics::defineModelCall) -> B256 {
    keccak256((call.iri.clone(), call.properties.clone()).abi_encode_params())
}

/// A program that reads as many values; different for each number.
fn program(rules: usize, number: u64) -> String {
    let unit = if number == 1 { "K" } else { "[degF]" };
    let rule = |index| format!(r#"{{"property":"{}","value":"$.v{number}x{index}","unit":"{unit}"}}"#, iri(index));
    format!(r#"{{"observations":[{}]}}"#, (0..rules).map(rule).collect::<Vec<_>>().join(","))
}

/// A payload that program 0 reads.
fn payload(values: usize, seed: u64) -> String {
    let value = |index| format!(r#""v0x{index}":{}.25"#, (seed + index as u64) % 100);
    format!("{{{}}}", (0..values).map(value).collect::<Vec<_>>().join(","))
}

/// The same with a text that nobody reads.
fn padded_payload() -> String {
    let read = payload(RULES, 7);
    let text = "x".repeat(PAYLOAD_BYTES_MAX - read.len() - 16);
    format!(r#"{{"text":"{text}",{}"#, read.trim_start_matches('{'))
}

fn mapping(model: B256, format: Format, program: &str) -> ISemantics::defineMappingCall {
    ISemantics::defineMappingCall { model, format, program: program.as_bytes().to_vec().into() }
}

fn mapping_id(call: &ISemantics::defineMappingCall) -> B256 {
    keccak256((call.model, call.format, call.program.clone()).abi_encode_params())
}
