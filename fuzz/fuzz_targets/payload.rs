//! Payloads of devices: the parsers end, and what they read is read the same after it was written.
#![no_main]
use libfuzzer_sys::fuzz_target;
use pervade_semantics::{
    cbor, epcis, json, jsonpath::Query, limits::DEPTH_MAX, number::Decimal, senml, ucum::Unit, Counter,
};

/// Any time.
const NOW_MS: u64 = 1_700_000_000_000;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(value) = json::parse(bytes, DEPTH_MAX) {
        assert_eq!(json::parse(json::write(&value).as_bytes(), DEPTH_MAX).as_ref(), Ok(&value));
    }
    if let Ok(value) = cbor::parse(bytes, DEPTH_MAX) {
        let written = cbor::write(&value);
        let again = cbor::parse(&written, DEPTH_MAX).expect("written by us");
        assert_eq!(cbor::write(&again), written);
    }
    let _ = senml::parse_json(bytes, NOW_MS, &mut Counter::default());
    let _ = senml::parse_cbor(bytes, NOW_MS, &mut Counter::default());
    let _ = epcis::parse(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Decimal::parse(text);
        let _ = Query::parse(text);
        let _ = Unit::parse(text);
    }
});
