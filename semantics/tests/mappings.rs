//! Mappings of every format, as their authors write them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use alloy_primitives::{B256, keccak256};
use pervade_semantics::{Counter, Error, Format, Mapping, Model, abi, json};

const NOW: u64 = 1_700_000_000_000;

fn model() -> Model {
    Model::parse(
        br#"{"iri":"urn:model","properties":[
        {"iri":"urn:t","unit":"Cel","exponent":-2,"minimum":-60,"maximum":150},
        {"iri":"urn:h","unit":"%","exponent":-1},
        {"iri":"urn:s","kind":"Text"},
        {"iri":"urn:b","kind":"Bool"},
        {"iri":"urn:d","kind":"Bytes"},
        {"iri":"urn:p","kind":"Position","unit":"deg"}]}"#,
    )
    .unwrap()
}

fn compile(format: Format, program: &str) -> Mapping {
    Mapping::compile(&model(), format, program.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

/// Observations as `property=value unit`.
fn shown(mapping: &Mapping, payload: &[u8]) -> Result<Vec<String>, Error> {
    let observations = mapping.normalize(B256::ZERO, payload, NOW, &mut Counter::default())?;
    let each = observations.iter().map(|observation| {
        let property =
            mapping.model().properties().iter().find(|property| property.id == observation.property).unwrap();
        let value = json::write(observation.to_value(&property.iri).get("value").unwrap());
        format!("{}={value} {}", property.iri.trim_start_matches("urn:"), observation.unit).trim_end().to_owned()
    });
    Ok(each.collect())
}

fn binary(program: &str, payload: &str) -> Vec<String> {
    let payload = hex::decode(payload.replace(' ', "")).unwrap();
    shown(&compile(Format::Binary, program), &payload).unwrap_or_else(|error| vec![error.to_string()])
}

#[test]
fn json_in_fahrenheit_is_celsius() {
    let mapping = compile(
        Format::Json,
        r#"{"observations":[
        {"property":"urn:t","value":"$.data.temp","unit":"[degF]","time":{"path":"$.ts","format":"unix-ms"},"when":{"path":"$.ok","equals":true}},
        {"property":"urn:s","value":"$.door","enum":{"0":"closed","1":"open"}}]}"#,
    );
    let payload = br#"{"data":{"temp":72.5},"ts":1600000000000,"ok":true,"door":1}"#;
    assert_eq!(shown(&mapping, payload).unwrap(), ["t=22.5 Cel", "s=\"open\""]);
    let observations = mapping.normalize(B256::ZERO, payload, NOW, &mut Counter::default()).unwrap();
    assert_eq!((observations[0].time_ms, observations[1].time_ms), (1_600_000_000_000, NOW));
    assert_eq!(shown(&mapping, br#"{"data":{"temp":72.5},"ok":false}"#).unwrap(), Vec::<String>::new());
    assert!(matches!(shown(&mapping, br#"{"ok":true,"data":{"temp":9999}}"#), Err(Error::OutOfRange { .. })));
    assert!(matches!(shown(&mapping, br#"{"door":7}"#), Err(Error::MalformedPayload { .. })));
}

#[test]
fn each_element_of_an_array_is_observed() {
    let mapping = compile(
        Format::Json,
        r#"{"observations":[{"property":"urn:t","each":"$.list","value":"@.v","absent":[-999,"n/a"],"subject":"@.id","unit":"K"}]}"#,
    );
    let payload = br#"{"list":[{"id":"a","v":273.15},{"id":"b","v":-999},{"id":"c","v":"300"},{"id":"d","v":"n/a"}]}"#;
    let observations = mapping.normalize(B256::ZERO, payload, NOW, &mut Counter::default()).unwrap();
    let subjects: Vec<_> = observations.iter().map(|observation| observation.subject).collect();
    assert_eq!(subjects, [keccak256("a"), keccak256("c")]);
    assert_eq!(shown(&mapping, payload).unwrap(), ["t=0 Cel", "t=26.85 Cel"]);
}

#[test]
fn three_machines_say_the_same() {
    let json = compile(Format::Json, r#"{"observations":[{"property":"urn:t","value":"$.tempF","unit":"[degF]"}]}"#);
    let senml = compile(Format::SenmlCbor, r#"{"observations":[{"property":"urn:t","value":"*spindle"}]}"#);
    let plc = compile(
        Format::Binary,
        r#"{"observations":[{"property":"urn:t","value":{"offset":4,"bits":16,"signed":true,"endian":"little","scale":0.1}}]}"#,
    );
    let pack = hex::decode("81a3006a6d313a7370696e646c6501614b02c48221198cbe").unwrap();
    assert_eq!(shown(&json, br#"{"tempF":188.06}"#).unwrap(), ["t=86.7 Cel"]);
    assert_eq!(shown(&senml, &pack).unwrap(), ["t=87.15 Cel"]);
    assert_eq!(shown(&plc, &hex::decode("00000000630300").unwrap()).unwrap(), ["t=86.7 Cel"]);
}

#[test]
fn positions_are_packed() {
    let mapping = compile(
        Format::Json,
        r#"{"observations":[{"property":"urn:p","position":{"latitude":"$.lat","longitude":{"value":"$.lon","scale":-1}}}]}"#,
    );
    assert_eq!(
        shown(&mapping, br#"{"lat":-33.8688,"lon":-151.2093}"#).unwrap(),
        [r#"p={"latitude":-33.8688,"longitude":151.2093} deg"#]
    );
    assert!(matches!(shown(&mapping, br#"{"lat":90.0000001,"lon":0}"#), Err(Error::OutOfRange { .. })));
    assert_eq!(shown(&mapping, br#"{"lat":1}"#).unwrap(), Vec::<String>::new());
}

#[test]
fn tag_length_value_is_a_repetition_with_a_switch() {
    let cayenne = r#"{"layout":[{"repeat":"rest","layout":[
        {"name":"channel","bits":8},{"name":"type","bits":8},
        {"switch":"type","cases":{
            "0x67":[{"name":"temperature","bits":16,"signed":true,"scale":"1/10"}],
            "0x68":[{"name":"humidity","bits":8,"scale":0.5}],
            "0x88":[{"name":"lat","bits":24,"signed":true,"scale":0.0001},{"name":"lon","bits":24,"signed":true,"scale":0.0001},{"bits":24}]
        },"otherwise":"stop"}]}],
        "observations":[
        {"property":"urn:t","value":"temperature","when":"channel == 3"},
        {"property":"urn:h","value":"humidity"},
        {"property":"urn:p","position":{"latitude":"lat","longitude":"lon"}}]}"#;
    assert_eq!(binary(cayenne, "03 67 0110 05 67 00ff 04 68 60"), ["t=27.2 Cel", "h=48 %"]);
    assert_eq!(binary(cayenne, "01 88 06765f f2960a 0003e8"), [r#"p={"latitude":42.3519,"longitude":-87.9094} deg"#]);
    assert_eq!(binary(cayenne, "04 68 60 ff ff 01"), ["h=48 %"]);
    assert!(binary(cayenne, "03 67 01")[0].contains("byte 2"));
}

#[test]
fn flags_lengths_windows_and_sentinels_are_read() {
    let program = r#"{"endian":"little","layout":[
        {"name":"flags","bits":8},
        {"when":"bit(flags,0)","then":[{"name":"t","bits":16,"signed":true,"absent":["0x7fff",32767],"scale":0.01}]},
        {"when":"bit(flags,1) && payload.remaining > 0","then":[{"name":"n","bits":8},{"window":"n","layout":[{"name":"s","bytes":"rest","type":"text"}]}]},
        {"name":"crc","bits":16,"optional":true}],
        "observations":[{"property":"urn:t","value":"t"},{"property":"urn:s","value":"s"},
        {"property":"urn:b","value":{"offset":0,"bits":8,"shift":2,"mask":1}}]}"#;
    assert_eq!(binary(program, "05 c409"), ["t=25 Cel", "b=true"]);
    assert_eq!(binary(program, "03 ff7f 03 616263 ffff"), ["s=\"abc\"", "b=false"]);
    assert_eq!(binary(program, "02 05 6162"), ["malformed payload at byte 2: a window is longer than the payload"]);
}

#[test]
fn kinds_of_numbers_are_read() {
    let field = |field: &str, payload: &str| {
        binary(&format!(r#"{{"observations":[{{"property":"urn:t","value":{field},"unit":"Cel"}}]}}"#), payload)
    };
    assert_eq!(field(r#"{"offset":0,"bits":16,"type":"bcd","scale":0.1}"#, "0235"), ["t=23.5 Cel"]);
    assert_eq!(field(r#"{"offset":0,"bits":16,"type":"sign-magnitude","scale":0.1}"#, "80eb"), ["t=-23.5 Cel"]);
    assert_eq!(field(r#"{"offset":0,"bits":32,"type":"float","endian":"little"}"#, "0000bc41"), ["t=23.5 Cel"]);
    assert_eq!(field(r#"{"offset":0,"bits":16,"type":"float"}"#, "4de0"), ["t=23.5 Cel"]);
    assert_eq!(field(r#"{"offset":0,"bits":16,"type":"float"}"#, "7e00"), Vec::<String>::new());
    assert_eq!(field(r#"{"offset":0,"bit":4,"bits":12,"signed":true,"scale":0.1}"#, "fffb"), ["t=-0.5 Cel"]);
    assert_eq!(field(r#"{"offset":-2,"bits":8,"mask":"0x7f","add":-32}"#, "00 b9 00"), ["t=25 Cel"]);
    assert_eq!(
        field(r#"{"offset":0,"bits":32,"endian":"little","mask":"0x0fffffff","signed":true}"#, "fbffff3f"),
        ["t=-5 Cel"]
    );
}

#[test]
fn formulas_of_sensor_words_are_exact() {
    let program = r#"{"layout":[{"bits":8},{"name":"device","bits":16},{"name":"flags","bits":16},
        {"when":"bit(flags,0)","then":[{"name":"x0","bits":16},{"name":"x1","bits":16},
            {"name":"temperature","compute":"175.72 * x0 / 65536 - 46.85"},{"name":"humidity","compute":"125 * x1 / 65536 - 6"}]}],
        "observations":[{"property":"urn:t","value":"temperature"},{"property":"urn:h","compute":"min(humidity, 100)"}]}"#;
    assert_eq!(binary(program, "02 0001 0003 6677 8888"), ["t=23.48 Cel", "h=60.7 %"]);
}

#[test]
fn history_is_a_scope_for_each_entry() {
    let program = r#"{"port":true,"layout":[{"when":"port == 3","then":[{"repeat":"rest","layout":[
        {"name":"at","bits":32},{"name":"t","bits":16,"signed":true,"scale":0.1}]}]}],
        "observations":[{"property":"urn:t","value":"t","time":{"path":"at","format":"unix-s"}}]}"#;
    let mapping = compile(Format::Binary, program);
    let payload = hex::decode("03 5f5e1000 00eb 5f5e1e10 ffff".replace(' ', "")).unwrap();
    let observations = mapping.normalize(B256::ZERO, &payload, NOW, &mut Counter::default()).unwrap();
    let times: Vec<_> = observations.iter().map(|observation| observation.time_ms).collect();
    assert_eq!(times, [1_600_000_000_000, 1_600_003_600_000]);
    assert_eq!(shown(&mapping, &hex::decode("02ffff").unwrap()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_repetition_counts_its_passes() {
    // Values that are so many minutes apart, the newest first.
    let program = r#"{"layout":[{"name":"minutes","bits":8},{"repeat":"rest","layout":[{"name":"t","bits":16,"signed":true},
        {"name":"ago","compute":"60 * minutes * repeat.index"}]}],
        "observations":[{"property":"urn:t","value":"t","time":{"path":"ago","format":"s-ago"}}]}"#;
    let payload = hex::decode("0a 0015 0014 fff0".replace(' ', "")).unwrap();
    let found = compile(Format::Binary, program).normalize(B256::ZERO, &payload, NOW, &mut Counter::default()).unwrap();
    let times: Vec<_> = found.iter().map(|observation| (NOW - observation.time_ms) / 60_000).collect();
    assert_eq!(times, [0, 10, 20]);

    // A bit says which of the values that follow count. An inner repetition counts for itself, and outside there is nothing to count.
    let program = r#"{"layout":[{"name":"outside","compute":"default(repeat.index, 7)"},{"name":"valid","bits":8},{"repeat":"4","layout":[
        {"repeat":"2","layout":[{"bits":4,"name":"n"},{"name":"twice","compute":"repeat.index"}]},
        {"name":"v","compute":"10 * outside + repeat.index"},{"name":"ok","compute":"bit(valid, repeat.index)"}]}],
        "observations":[{"property":"urn:t","value":"v","when":"ok"}]}"#;
    assert_eq!(binary(program, "05 01020304"), ["t=70 Cel", "t=72 Cel"]);
}

#[test]
fn senml_units_come_from_records() {
    let mapping = compile(
        Format::SenmlJson,
        r#"{"observations":[{"property":"urn:t","value":{"suffix":"temp"}},{"property":"urn:h","value":"dev:hum","required":true},
        {"property":"urn:p","position":{"latitude":{"unit":"lat"},"longitude":{"unit":"lon"}}}]}"#,
    );
    let pack = br#"[{"bn":"dev:","bt":1600000000,"n":"temp","u":"K","v":300.15},{"n":"hum","u":"%RH","v":40},{"n":"temp","v":1,"u":"Cel","t":60},
        {"n":"x","u":"lat","v":60.1},{"n":"x","u":"lon","v":24.3}]"#;
    let expected = ["t=27 Cel", "t=1 Cel", "h=40 %", r#"p={"latitude":60.1,"longitude":24.3} deg"#];
    assert_eq!(shown(&mapping, pack).unwrap(), expected);
    assert_eq!(shown(&mapping, br#"[{"n":"dev:temp","v":1}]"#), Err(Error::NoValue));
    assert!(matches!(shown(&mapping, br#"[{"n":"dev:hum","v":1,"u":"Cel"}]"#), Err(Error::Incommensurable { .. })));
}

#[test]
fn events_and_calls_of_contracts_are_read() {
    let event = compile(
        Format::AbiEvent,
        r#"{"event":"event Sealed(bytes32 indexed container, int32 temperature, string seal, address by)","subject":"container",
        "observations":[{"property":"urn:t","value":"temperature","scale":0.01},{"property":"urn:s","value":"seal"},{"property":"urn:d","value":"by"}]}"#,
    );
    let container = B256::repeat_byte(0xc0);
    let word = |hex: &str| format!("{hex:0>64}");
    let data = hex::decode(
        [word("f00").as_str(), &word("60"), &word(&"ab".repeat(20)), &word("3"), &format!("{:0<64}", "612d31")]
            .concat(),
    )
    .unwrap();
    let payload = abi::event_payload(&[event.signature().unwrap().hash(), container], &data);
    assert_eq!(
        shown(&event, &payload).unwrap(),
        ["t=38.4 Cel", "s=\"a-1\"", r#"d="0xabababababababababababababababababababab""#]
    );
    let observations = event.normalize(B256::ZERO, &payload, NOW, &mut Counter::default()).unwrap();
    assert!(observations.iter().all(|observation| observation.subject == container));
    let call = compile(
        Format::AbiCall,
        r#"{"call":"move(uint256 id, (int256 t, bool ok) reading)","observations":[{"property":"urn:t","value":"reading.t","subject":"id","when":{"path":"reading.ok","equals":true}}]}"#,
    );
    let hash = call.signature().unwrap().hash();
    let payload = [&hash[..4], &hex::decode([word("7"), word("19"), word("1")].concat()).unwrap()].concat();
    assert_eq!(shown(&call, &payload).unwrap(), ["t=25 Cel"]);
}

#[test]
fn epcis_events_are_about_each_of_their_identifiers() {
    let mapping = compile(
        Format::Epcis,
        r#"{"observations":[{"property":"urn:s","value":"$.why.bizStep"},
        {"property":"urn:t","each":"$.sensors","value":"@.value","unit":{"path":"@.unit"},"time":{"path":"@.time","format":"unix-ms"},"subject":"given",
         "when":{"path":"@.type","equals":"https://gs1.org/voc/Temperature"}}]}"#,
    );
    let payload = br#"{"type":"ObjectEvent","action":"OBSERVE","eventTime":"2020-05-08T15:00:00Z","eventTimeZoneOffset":"+01:00","bizStep":"shipping",
        "epcList":["urn:a:1","urn:a:2"],"sensorElementList":[{"sensorReport":[{"type":"Temperature","value":50,"uom":"FAH"},{"type":"Speed","value":1,"uom":"MTS"}]}]}"#;
    let observations = mapping.normalize(B256::ZERO, payload, NOW, &mut Counter::default()).unwrap();
    let subjects: Vec<_> = observations.iter().map(|observation| observation.subject).collect();
    assert_eq!(subjects, [keccak256("urn:a:1"), keccak256("urn:a:2"), B256::ZERO]);
    assert_eq!(shown(&mapping, payload).unwrap().last().unwrap(), "t=10 Cel");
}

#[test]
fn a_payload_is_written_in_another_vocabulary() {
    let from = compile(
        Format::Json,
        r#"{"observations":[{"property":"urn:t","value":"$.t","time":{"path":"$.ts","format":"unix-ms"}},{"property":"urn:b","value":"$.b"},{"property":"urn:s","value":"$.s"}]}"#,
    );
    let payload = br#"{"t":21.5,"b":true,"s":"open","ts":1600000000500}"#;
    let written = |format: Format, program: &str| {
        let to = compile(format, program);
        let observations = from.normalize(B256::ZERO, payload, NOW, &mut Counter::default()).unwrap();
        let written = to.write(&observations, &mut Counter::default());
        if let Ok(bytes) = &written {
            let again = to.normalize(B256::ZERO, bytes, NOW, &mut Counter::default()).unwrap();
            assert!(
                !again.is_empty()
                    && again.iter().all(|observation| observations.contains(observation) || observation.time_ms == NOW)
            );
        }
        written
    };
    let rules = r#"[{"property":"urn:t","value":"$.m[0].f","unit":"[degF]","time":{"path":"$.at","format":"rfc3339"},"when":{"path":"$.v","equals":2}},
        {"property":"urn:s","value":"$['m'][1]","enum":{"0":"closed","1":"open"}}]"#;
    let json = written(Format::Json, &format!(r#"{{"observations":{rules}}}"#)).unwrap();
    assert_eq!(String::from_utf8(json).unwrap(), r#"{"at":"2020-09-13T12:26:40.500Z","m":[{"f":70.7},1],"v":2}"#);
    assert!(written(Format::Cbor, &format!(r#"{{"observations":{rules}}}"#)).is_ok());
    let senml = r#"{"observations":[{"property":"urn:t","value":"d:t"},{"property":"urn:b","value":"d:b"}]}"#;
    let json = written(Format::SenmlJson, senml).unwrap();
    assert_eq!(
        String::from_utf8(json).unwrap(),
        r#"[{"n":"d:t","t":1600000000.5,"u":"Cel","v":21.5},{"n":"d:b","t":1700000000,"vb":true}]"#
    );
    assert!(written(Format::SenmlCbor, senml).is_ok());
    let packet = r#"{"layout":[{"name":"b","bits":1,"type":"bool"},{"bits":7},{"name":"t","bits":16,"signed":true,"scale":0.1,"endian":"little"}],
        "observations":[{"property":"urn:t","value":"t"},{"property":"urn:b","value":"b"}]}"#;
    assert_eq!(hex::encode(written(Format::Binary, packet).unwrap()), "80d700");
    let call = r#"{"call":"put(int16 t, bool b)","observations":[{"property":"urn:t","value":"t","scale":0.1},{"property":"urn:b","value":"b"}]}"#;
    assert_eq!(written(Format::AbiCall, call).unwrap().len(), 68);
    let thirds = r#"{"observations":[{"property":"urn:t","value":"$.t","scale":3}]}"#;
    assert_eq!(written(Format::Json, thirds), Err(Error::Inexact));
    let rounded = r#"{"observations":[{"property":"urn:t","value":"$.t","scale":3,"decimals":1}]}"#;
    let bytes = compile(Format::Json, rounded)
        .write(&from.normalize(B256::ZERO, payload, NOW, &mut Counter::default()).unwrap(), &mut Counter::default());
    assert_eq!(bytes.unwrap(), br#"{"t":7.2}"#);
}

#[test]
fn mistakes_in_documents_are_pointed_at() {
    for (format, program, at) in [
        (Format::Json, r#"{"observations":[}"#, "byte 17"),
        (Format::Json, r#"{"observations":[]}"#, "/observations"),
        (Format::Json, r#"{"observation":[]}"#, "/observation"),
        (Format::Json, r#"{"observations":[{"property":"urn:x","value":"$.a"}]}"#, "/observations/0/property"),
        (Format::Json, r#"{"observations":[{"property":"urn:t","value":"$.a","unit":"m"}]}"#, "/observations/0/unit"),
        (
            Format::Json,
            r#"{"observations":[{"property":"urn:t","value":"$.a","unit":"Celsius"}]}"#,
            "/observations/0/unit",
        ),
        (Format::Json, r#"{"observations":[{"property":"urn:t","value":"$.a[*]"}]}"#, "/observations/0/value"),
        (Format::Json, r#"{"observations":[{"property":"urn:t","value":"@.a"}]}"#, "/observations/0/value"),
        (Format::Json, r#"{"observations":[{"property":"urn:t"}]}"#, "/observations/0/value"),
        (Format::Json, r#"{"observations":[{"property":"urn:t","value":"$.a","scale":"x"}]}"#, "/observations/0/scale"),
        (Format::Json, r#"{"observations":[{"property":"urn:t","compute":"a +"}]}"#, "/observations/0/compute"),
        (
            Format::Json,
            r#"{"observations":[{"property":"urn:t","value":"$.a","time":{"path":"$.t","format":"unix"}}]}"#,
            "/observations/0/time/format",
        ),
        (Format::Json, r#"{"format":"Cbor","observations":[{"property":"urn:t","value":"$.a"}]}"#, "/format"),
        (Format::Binary, r#"{"observations":[{"property":"urn:t","value":"x"}]}"#, "/observations/0/value"),
        (
            Format::Binary,
            r#"{"observations":[{"property":"urn:t","value":{"bits":8}}]}"#,
            "/observations/0/value/offset",
        ),
        (
            Format::Binary,
            r#"{"layout":[{"name":"a","bits":12,"endian":"little"}],"observations":[{"property":"urn:t","value":"a"}]}"#,
            "/layout/0/endian",
        ),
        (
            Format::Binary,
            r#"{"layout":[{"switch":"a","cases":{"x":[]}}],"observations":[{"property":"urn:t","constant":1}]}"#,
            "/layout/0/cases/x",
        ),
        (
            Format::AbiEvent,
            r#"{"event":"E(uint a)","observations":[{"property":"urn:t","value":"b"}]}"#,
            "/observations/0/value",
        ),
        (Format::AbiCall, r#"{"call":"f(uint7 a)","observations":[{"property":"urn:t","value":"a"}]}"#, "/call"),
    ] {
        match Mapping::compile(&model(), format, program.as_bytes()) {
            Err(Error::InvalidMapping { at: place, .. }) => assert_eq!(place, at, "{program}"),
            other => panic!("{program}: {other:?}"),
        }
    }
}

#[test]
fn work_is_bounded_at_its_limits() {
    let mapping = compile(Format::Json, r#"{"observations":[{"property":"urn:t","each":"$","value":"@"}]}"#);
    let list = |count: usize| format!("[{}]", vec!["1"; count].join(","));
    assert_eq!(shown(&mapping, list(256).as_bytes()).unwrap().len(), 256);
    assert_eq!(shown(&mapping, list(257).as_bytes()), Err(Error::LimitExceeded { what: "observations", limit: 256 }));
    let endless = r#"{"layout":[{"repeat":"60000","layout":[{"name":"a","compute":"1"}]}],"observations":[{"property":"urn:s","constant":"x"}]}"#;
    assert_eq!(binary(endless, "00"), ["steps exceed the limit of 4096"]);
    let long = vec![b' '; 24 * 1024 + 1];
    assert!(matches!(shown(&mapping, &long), Err(Error::LimitExceeded { .. })));
}
