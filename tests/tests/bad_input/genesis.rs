//! Malformed genesis files.
use crate::{
    mutate::{broken_texts, missing_fields, with_field, wrong_values},
    verdict::{Verdicts, refusal_problem},
};
use pervade_tests::harness::{NodeOptions, RunningNode, run_command};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// The genesis file of a development network, as the node itself wrote it.
pub async fn valid_genesis(folder: &Path) -> Value {
    let datadir = folder.join("dev");
    RunningNode::start(&NodeOptions::dev(&datadir)).await.unwrap().stop().await.unwrap();
    serde_json::from_slice(&fs::read(datadir.join("genesis.json")).unwrap()).unwrap()
}

fn check(file: &Path) -> pervade_tests::harness::ExitedCommand {
    run_command(["genesis".as_ref(), "check".as_ref(), file.as_os_str()]).unwrap()
}

/// Only the first account of `alloc` and one validator are changed: the others are read the same way.
fn is_wanted(path: &str, first_account: &str) -> bool {
    !path.starts_with("/alloc/") || path.starts_with(&format!("/alloc/{first_account}/"))
}

#[tokio::test]
async fn malformed_genesis_files_are_refused_with_file_and_field() {
    let folder = tempfile::tempdir().unwrap();
    let mut valid = valid_genesis(folder.path()).await;
    let account = json!({"balance": "0x1", "nonce": "0x1", "code": "0x6000", "storage": {format!("0x{:064x}", 1): format!("0x{:064x}", 2)}});
    let first_account = "0x0000000000000000000000000000000000000aaa";
    valid["alloc"] = with_field(&valid["alloc"], first_account, account);
    valid["config"]["pervade"]["precompiles"] = json!({"things": {"block": 5}});
    let file = folder.path().join("genesis.json");
    fs::write(&file, valid.to_string()).unwrap();
    let accepted = check(&file);
    assert!(accepted.status.success(), "the valid file is refused: {}", accepted.stderr);

    let mut verdicts = Verdicts::default();
    let mut judge = |name: &str, bytes: &[u8], field: &str| {
        fs::write(&file, bytes).unwrap();
        verdicts.add(name, refusal_problem(&check(&file), &["genesis.json", field]));
    };
    for mutant in wrong_values(&valid, |path| is_wanted(path, first_account)) {
        judge(&mutant.name, mutant.text.as_bytes(), &mutant.field);
    }
    let required = [
        "/config",
        "/config/chainId",
        "/gasLimit",
        "/difficulty",
        "/alloc",
        "/config/pervade/validators",
        "/config/pervade/validators/0/account",
        "/config/pervade/validators/0/publicKey",
        "/config/pervade/baseFee/kind",
        "/alloc/0x0000000000000000000000000000000000000aaa/balance",
    ];
    for mutant in missing_fields(&valid, &required) {
        judge(&mutant.name, mutant.text.as_bytes(), &mutant.field);
    }
    for (name, bytes) in broken_texts(&valid.to_string()) {
        judge(&name, &bytes, "");
    }
    for (name, pointer, value, field) in contradictions(&valid) {
        let mut changed = valid.clone();
        *changed.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        judge(name, changed.to_string().as_bytes(), field);
    }
    let twice = valid.to_string().replacen(
        "\"alloc\":{",
        "\"alloc\":{\"0x0000000000000000000000000000000000000AAA\":{\"balance\":\"0x1\"},",
        1,
    );
    judge("an account twice", twice.as_bytes(), "alloc");
    verdicts.assert("genesis files", 150);
}

#[test]
fn a_genesis_file_that_cannot_be_read_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut verdicts = Verdicts::default();
    verdicts.add("missing", refusal_problem(&check(&folder.path().join("none.json")), &["none.json"]));
    verdicts.add("a folder", refusal_problem(&check(folder.path()), &[folder.path().to_str().unwrap()]));
    verdicts.assert("genesis paths", 2);
}

/// Well-formed values that cannot be: name, place, value, field that the error must name.
fn contradictions(valid: &Value) -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let config = &valid["config"];
    let pervade = &config["pervade"];
    let validator = &pervade["validators"][0];
    let alloc = &valid["alloc"];
    let with_alloc = |key: &str, value: Value| with_field(alloc, key, value);
    vec![
        ("no validators", "/config/pervade/validators", json!([]), "validators"),
        ("a validator twice", "/config/pervade/validators", json!([validator, validator]), "validators"),
        ("power zero", "/config/pervade/validators/0/power", json!(0), "power"),
        (
            "a key of 32 bytes",
            "/config/pervade/validators/0/publicKey",
            json!(format!("0x{}", "02".repeat(32))),
            "publicKey",
        ),
        (
            "a key off the curve",
            "/config/pervade/validators/0/publicKey",
            json!(format!("0x02{}", "ff".repeat(32))),
            "publicKey",
        ),
        (
            "the zero account",
            "/config/pervade/validators/0/account",
            json!(format!("0x{}", "00".repeat(20))),
            "account",
        ),
        ("an unknown field", "/config/pervade", with_field(pervade, "blockPeriod", json!(1)), "blockPeriod"),
        (
            "an unknown field of a validator",
            "/config/pervade/validators/0",
            with_field(validator, "weight", json!(1)),
            "weight",
        ),
        ("an unknown fee rule", "/config/pervade/baseFee", json!({"kind": "free"}), "baseFee"),
        ("a fixed fee without value", "/config/pervade/baseFee", json!({"kind": "fixed"}), "value"),
        ("a dynamic fee with value", "/config/pervade/baseFee", json!({"kind": "dynamic", "value": 7}), "value"),
        (
            "an activation by block and time",
            "/config/pervade/precompiles/things",
            json!({"block": 1, "time": 1}),
            "things",
        ),
        ("an unknown precompile", "/config/pervade/precompiles", json!({"oracle": {"block": 1}}), "oracle"),
        ("a share above 100 %", "/config/pervade/systemGasSharePercent", json!(101), "systemGasSharePercent"),
        ("an hour between blocks and more", "/config/pervade/blockPeriodMs", json!(u64::MAX), "blockPeriodMs"),
        ("a gas limit of one", "/gasLimit", json!("0x1"), "gasLimit"),
        ("a gas limit beyond 64 bits", "/gasLimit", json!("0x10000000000000000"), "gasLimit"),
        ("chain id zero", "/config/chainId", json!(0), "chainId"),
        ("London before Berlin", "/config/berlinBlock", json!(5), "berlinBlock"),
        ("a fork of the future", "/config", with_field(config, "amsterdamTime", json!(0)), "amsterdamTime"),
        ("a fork nobody knows", "/config", with_field(config, "atlantisBlock", json!(0)), "atlantisBlock"),
        ("proof of work", "/difficulty", json!("0x20000"), "difficulty"),
        ("another validator set's hash", "/extraData", json!(format!("0x{}", "11".repeat(32))), "extraData"),
        ("extra data of 33 bytes", "/extraData", json!(format!("0x{}", "11".repeat(33))), "extraData"),
        ("a short address", "/alloc", with_alloc("0x12", json!({"balance": "0x1"})), "alloc"),
        ("an address of words", "/alloc", with_alloc("treasury", json!({"balance": "0x1"})), "alloc"),
        (
            "a balance beyond 256 bits",
            "/alloc",
            with_alloc(
                "0x00000000000000000000000000000000000000bb",
                json!({"balance": format!("0x1{}", "0".repeat(64))}),
            ),
            "balance",
        ),
        (
            "code of half a byte",
            "/alloc",
            with_alloc("0x00000000000000000000000000000000000000bb", json!({"balance": "0x1", "code": "0x123"})),
            "code",
        ),
        (
            "a slot of 33 bytes",
            "/alloc",
            with_alloc(
                "0x00000000000000000000000000000000000000bb",
                json!({"balance": "0x1", "storage": {format!("0x{}", "11".repeat(33)): "0x01"}}),
            ),
            "storage",
        ),
        ("no precompile accounts", "/alloc", json!({}), "alloc"),
    ]
}
