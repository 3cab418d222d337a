//! Mapping documents and payloads for them: compiled or refused, and the same observations each time.
//!
//! Input: a byte for the format, two for the length of the document (big endian), the document, the payload.
#![no_main]
use alloy_primitives::B256;
use libfuzzer_sys::fuzz_target;
use pervade_semantics::{Counter, Format, Mapping, Model};
use std::sync::LazyLock;

/// Any time.
const NOW_MS: u64 = 1_700_000_000_000;

static MODELS: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let documents: [&[u8]; 5] = [
        include_bytes!("../../contracts/models/climate/model.json"),
        include_bytes!("../../contracts/models/custody/model.json"),
        include_bytes!("../../contracts/models/energy-meter/model.json"),
        include_bytes!("../../contracts/models/machine-state/model.json"),
        include_bytes!("../../contracts/models/position/model.json"),
    ];
    documents.into_iter().map(|document| Model::parse(document).expect("a ready model")).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let [format, high, low, rest @ ..] = bytes else { return };
    let Some(format) = Format::ALL.get(usize::from(*format)) else { return };
    let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
    let (document, payload) = rest.split_at(length);
    for mapping in MODELS.iter().filter_map(|model| Mapping::compile(model, *format, document).ok()) {
        check(&mapping, payload);
    }
});

fn check(mapping: &Mapping, payload: &[u8]) {
    let read = |work: &mut Counter| mapping.normalize(B256::ZERO, payload, NOW_MS, work);
    let (mut first, mut second) = (Counter::default(), Counter::default());
    let observations = read(&mut first);
    assert_eq!(observations, read(&mut second));
    assert_eq!(first, second, "the same work");
    if let Ok(observations) = observations {
        let _ = mapping.write(&observations, &mut first);
    }
}
