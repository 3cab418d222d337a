//! The crates depend in one direction:
//!
//! ```text
//! chainspec <- storage <-+
//! semantics, evidence  <-+- evm-ext <- txpool <- rpc <- node <- tests
//!                              ^------ gateway <--------+
//! chainspec <- p2p, consensus <-------------------------+
//! ```
use serde_json::Value;
use std::{collections::BTreeMap, process::Command};

/// From the bottom up: a crate may depend on those before it.
const LAYERS: [&str; 12] = [
    "pervade-chainspec",
    "pervade-storage",
    "pervade-semantics",
    "pervade-evidence",
    "pervade-evm-ext",
    "pervade-txpool",
    "pervade-p2p",
    "pervade-consensus",
    "pervade-gateway",
    "pervade-rpc",
    "pervade-node",
    "pervade-tests",
];

/// Crates that may know no more than these: they are pure, or must work without a node.
const NARROW: [(&str, &[&str]); 4] = [
    ("pervade-semantics", &[]),
    ("pervade-evidence", &[]),
    ("pervade-p2p", &["pervade-chainspec"]),
    ("pervade-consensus", &["pervade-chainspec"]),
];

/// Crates of the workspace, each with those it depends on, development and build dependencies included.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let name = |value: &Value| value["name"].as_str().expect("a name").to_owned();
    let packages = metadata["packages"].as_array().expect("packages").iter();
    packages
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("dependencies");
            (name(package), dependencies.iter().map(name).filter(|name| name.starts_with("pervade-")).collect())
        })
        .collect()
}

fn layer(name: &str) -> usize {
    let found = LAYERS.iter().position(|layer| *layer == name);
    found.unwrap_or_else(|| panic!("{name} has no place among the layers: give it one here and in ARCHITECTURE.md"))
}

#[test]
fn crates_depend_only_on_those_below_them() {
    for (name, dependencies) in dependencies() {
        for dependency in dependencies {
            assert!(layer(&dependency) < layer(&name), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn what_must_stand_alone_stands_alone() {
    let dependencies = dependencies();
    for (name, allowed) in NARROW {
        let found = dependencies.get(name).unwrap_or_else(|| panic!("{name} is not in the workspace"));
        let other: Vec<_> = found.iter().filter(|dependency| !allowed.contains(&dependency.as_str())).collect();
        assert!(other.is_empty(), "{name} must not depend on {other:?}");
    }
}

#[test]
fn every_layer_exists() {
    let dependencies = dependencies();
    for name in LAYERS {
        assert!(dependencies.contains_key(name), "{name} is not in the workspace");
    }
}
