//! The models and mappings that come with the project do what their examples say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use alloy_primitives::B256;
use pervade_semantics::{Counter, Format, Mapping, Model, json};
use std::{fs, path::Path};

/// Time of observations whose payload has none.
const NOW: u64 = 1_700_000_000_000;
const NOW_TEXT: &str = "2023-11-14T22:13:20.000Z";

fn value(path: &Path) -> json::Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    json::parse(&text, 64).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_mapping_reads_its_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts/models");
    let mut mappings = 0;
    for folder in fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        let model = Model::parse(&fs::read(folder.join("model.json")).unwrap())
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut devices = 0;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let Some(name) =
                path.file_name().unwrap().to_str().unwrap().strip_suffix(".mapping.json").map(str::to_owned)
            else {
                continue;
            };
            let format = value(&path).get("format").and_then(json::Value::as_text).and_then(Format::of).unwrap();
            let mapping = Mapping::compile(&model, format, &fs::read(&path).unwrap())
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            let payload = fs::read(folder.join(format!("{name}.payload.json"))).unwrap_or_else(|_| {
                hex::decode(fs::read_to_string(folder.join(format!("{name}.payload.hex"))).unwrap().trim()).unwrap()
            });
            let found = mapping.normalize(B256::ZERO, &payload, NOW, &mut Counter::default());
            let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
            let expected = value(&folder.join(format!("{name}.expected.json")));
            let expected = expected.as_array().unwrap();
            let shown: Vec<_> = found
                .iter()
                .map(|observation| {
                    let iri =
                        &model.properties().iter().find(|property| property.id == observation.property).unwrap().iri;
                    let value = observation.to_value(iri);
                    let text = |member: &str| value.get(member).unwrap().as_text().unwrap().to_owned();
                    (
                        iri.rsplit('/').next().unwrap().to_owned(),
                        json::write(value.get("value").unwrap()),
                        text("unit"),
                        text("time"),
                    )
                })
                .collect();
            let expected: Vec<_> = expected
                .iter()
                .map(|value| {
                    let text = |member: &str, default: &str| {
                        value.get(member).and_then(json::Value::as_text).unwrap_or(default).to_owned()
                    };
                    (
                        text("property", ""),
                        json::write(value.get("value").unwrap()),
                        text("unit", ""),
                        text("time", NOW_TEXT),
                    )
                })
                .collect();
            assert_eq!(shown, expected, "{name}");
            devices += 1;
        }
        assert!(devices >= 2, "{}: {devices} device formats", folder.display());
        mappings += devices;
    }
    assert!(mappings >= 10, "{mappings} mappings");
}
