//! Asserts how a genesis file is refused.
use pervade_chainspec::{ChainSpec, ChainSpecError};
use serde_json::Value;

/// Refused at `field` with a reason that contains `reason`.
pub fn assert_refused(json: &[u8], field: &str, reason: &str) {
    match ChainSpec::from_json("test.json", json) {
        Err(ChainSpecError::Field { file, field: found, reason: found_reason }) => {
            assert_eq!(file, "test.json");
            assert_eq!(found, field, "reason: {found_reason}");
            assert!(found_reason.contains(reason), "{field}: {found_reason:?} lacks {reason:?}");
        }
        other => panic!("{field}: expected a refusal ({reason}), got {other:?}"),
    }
}

/// Sets the field at a JSON pointer, or removes it (`None`).
pub fn changed(mut genesis: Value, pointer: &str, value: Option<Value>) -> Vec<u8> {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = genesis.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(fields), Some(value)) => drop(fields.insert(key.to_owned(), value)),
        (Value::Object(fields), None) => drop(fields.remove(key).unwrap()),
        (Value::Array(items), Some(value)) => items[key.parse::<usize>().unwrap()] = value,
        _ => panic!("no field at {pointer}"),
    }
    genesis.to_string().into_bytes()
}
