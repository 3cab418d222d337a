//! Whatever stands in a genesis file, the answer is a chain or an error that names a field.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;

use network::{network, pervade_json};
use pervade_chainspec::{ChainSpec, ChainSpecError};
use proptest::prelude::*;
use serde_json::{Value, json};

fn read(json: &[u8]) -> Result<(), TestCaseError> {
    match ChainSpec::from_json("test.json", json) {
        Ok(spec) => {
            // A chain that was accepted answers without panicking too.
            for number in [0, 1, u64::MAX] {
                let forks = spec.forks_at(number, number, true);
                let _ = (forks.spec_id(), spec.next_base_fee(spec.genesis_header(), forks));
                let _ = spec.next_excess_blob_gas(spec.genesis_header(), forks);
            }
        }
        Err(ChainSpecError::Field { field, reason, .. }) => prop_assert!(!field.is_empty() && !reason.is_empty()),
        Err(error) => prop_assert!(false, "{error}"),
    }
    Ok(())
}

fn genesis() -> Value {
    let mut genesis = pervade_json(network());
    genesis["alloc"]["0x00000000000000000000000000000000000000ab"] =
        json!({"balance": "0x1", "nonce": "0x2", "code": "0x6000", "storage": {"0x01": "0x02"}});
    genesis
}

/// Every JSON pointer of the genesis.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| pointers(value, &format!("{at}/{key}"), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| pointers(value, &format!("{at}/{index}"), found));
        }
        _ => {}
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "0x[0-9a-f]{0,70}".prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,8}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..Default::default() })]

    #[test]
    fn any_value_in_any_field(choice in any::<prop::sample::Index>(), value in any_json()) {
        let mut genesis = genesis();
        let mut found = Vec::new();
        pointers(&genesis, "", &mut found);
        *genesis.pointer_mut(&found[choice.index(found.len())]).unwrap() = value;
        read(genesis.to_string().as_bytes())?;
    }

    #[test]
    fn any_byte_changed(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut json = genesis().to_string().into_bytes();
        let at = at.index(json.len());
        json[at] = byte;
        read(&json)?;
    }

    #[test]
    fn cut_anywhere(at in any::<prop::sample::Index>()) {
        let json = genesis().to_string().into_bytes();
        read(&json[..at.index(json.len())])?;
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read(&bytes)?;
    }
}

#[test]
fn deep_nesting_is_refused() {
    let json = "[".repeat(1_000_000);
    read(json.as_bytes()).unwrap();
    let json = format!("{{\"config\":{}", "{\"a\":".repeat(1_000_000));
    read(json.as_bytes()).unwrap();
}
