//! SenML's examples: packs, and what they are after resolution.
//!
//! `exN.*.resolved.json` is what every other `exN.*` pack resolves to. A pack without such a companion must resolve; a
//! resolved pack must be a pack that resolves to itself. SenML in XML and EXI are formats of their own, which are not read.
use super::Verdict;
use pervade_semantics::{
    Counter, Meter,
    senml::{self, Measurement, Record},
};
use serde_json::Value;
use std::{fs, path::Path};

/// Any moment: resolved times that depend on it are compared by their distances.
const NOW_MS: u64 = 1_000_000_000_000;

/// What a file says; none if it is no pack.
pub(super) fn run(file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
    let result = match file.extension()?.to_str()? {
        "json" if !file.to_str()?.contains(".schema") => check(file, content, senml::parse_json),
        "cbor" => check(file, content, senml::parse_cbor),
        _ => return None,
    };
    Some(vec![(String::new(), result)])
}

type Parse = fn(&[u8], u64, &mut dyn Meter) -> Result<Vec<Record>, pervade_semantics::Error>;

fn check(file: &Path, content: &[u8], parse: Parse) -> Result<(), Verdict> {
    let found = parse(content, NOW_MS, &mut Counter::default())?;
    let expected = match companion(file) {
        Some(expected) => expected,
        None => return Ok(()),
    };
    let expected: Vec<Value> = serde_json::from_str(&expected).map_err(|error| Verdict::Failed(error.to_string()))?;
    // The examples' own tool leaves records with data out.
    let known = |record: &&Record| !matches!(record.value, Some(Measurement::Data(_)));
    let found: Vec<_> = found.iter().filter(known).collect();
    // What "now" was for the examples' author, if it matters, is the distance to the first record's time.
    let (first, now) = match (expected.first().and_then(|record| record["t"].as_f64()), found.first()) {
        (Some(expected), Some(found)) => (expected, seconds(found)),
        _ => (0.0, 0.0),
    };
    let absolute = parse(content, NOW_MS + 1_000, &mut Counter::default())?.first().map(seconds) == Some(now);
    let shift = if absolute { 0.0 } else { first - now };
    if found.len() != expected.len() {
        return Err(Verdict::Failed(format!("{} records, not {}", found.len(), expected.len())));
    }
    for (position, (found, expected)) in found.iter().zip(&expected).enumerate() {
        let different = |member: &str| Err(Verdict::Failed(format!("record {position}: another {member}: {found:?}")));
        if Some(found.name.as_str()) != expected["n"].as_str() {
            return different("name");
        }
        if found.unit.as_deref() != expected["u"].as_str() {
            return different("unit");
        }
        if expected["t"].as_f64().is_some_and(|time| !close(seconds(found) + shift, time)) {
            return different("time");
        }
        let same = match &found.value {
            Some(Measurement::Number(number)) => {
                expected["v"].as_f64().is_some_and(|value| close(number.to_string().parse().unwrap_or(f64::NAN), value))
            }
            Some(Measurement::Text(text)) => expected["vs"].as_str() == Some(text),
            Some(Measurement::Bool(truth)) => expected["vb"].as_bool() == Some(*truth),
            Some(Measurement::Data(_)) | None => true,
        };
        if !same {
            return different("value");
        }
    }
    Ok(())
}

/// The resolved pack of the same example.
fn companion(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let example = name.split('.').next()?;
    fs::read_to_string(file.with_file_name(format!("{example}.gen.resolved.json"))).ok()
}

fn seconds(record: &Record) -> f64 {
    record.time.to_string().parse().unwrap_or(f64::NAN)
}

/// To the precision of a double's decimal notation.
fn close(left: f64, right: f64) -> bool {
    (left - right).abs() <= right.abs().max(1.0) * 1e-9
}
