//! Malformed Pervade networks: each is refused with the path of the field and a reason, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;
mod refusal;

use network::{KEYS, network, pervade_json};
use pervade_chainspec::params;
use refusal::{assert_refused, changed};
use serde_json::{Value, json};

#[test]
fn malformed_pervade_sections_are_refused() {
    let validators = "config.pervade.validators";
    let at = |rest: &str| format!("{validators}{rest}");
    let validator = |account: &str, key: &str| json!({"account": account, "publicKey": key});
    let account = "0x00000000000000000000000000000000000000b1";
    let one = |validator: Value| Some(json!([validator]));
    let a = validator(account, KEYS[0]);
    for (field, value, path, reason) in [
        ("validators", None, validators.to_owned(), "required, but missing"),
        ("validators", Some(json!({})), validators.into(), "expected an array"),
        ("validators", Some(json!([])), validators.into(), "no validators; name at least one"),
        ("validators", Some(json!([1])), at("[0]"), "expected an object, found 1"),
        ("validators", one(json!({"publicKey": KEYS[0]})), at("[0].account"), "required, but missing"),
        ("validators", one(json!({"account": account})), at("[0].publicKey"), "required, but missing"),
        (
            "validators",
            one(validator("0x0000000000000000000000000000000000000000", KEYS[0])),
            at("[0].account"),
            "the zero address",
        ),
        (
            "validators",
            one(validator("0x0000000000000000000000000000000000007101", KEYS[0])),
            at("[0].account"),
            "belongs to the protocol",
        ),
        (
            "validators",
            one(validator(&params::SYSTEM_ACCOUNT.to_string(), KEYS[0])),
            at("[0].account"),
            "belongs to the protocol",
        ),
        (
            "validators",
            one(validator(account, "0x")),
            at("[0].publicKey"),
            "0 bytes; a compressed secp256k1 key has 33",
        ),
        (
            "validators",
            one(validator(account, &format!("04{}", &KEYS[0][2..]))),
            at("[0].publicKey"),
            "not a point of secp256k1",
        ),
        (
            "validators",
            one(validator(account, &format!("02{}", "ff".repeat(32)))),
            at("[0].publicKey"),
            "not a point of secp256k1",
        ),
        ("validators", one(validator(account, "key")), at("[0].publicKey"), "hex digits"),
        (
            "validators",
            Some(json!([a, {"account": account, "publicKey": KEYS[1]}])),
            at("[1].account"),
            "already the account of validators[0]",
        ),
        (
            "validators",
            Some(json!([a, {"account": "0x00000000000000000000000000000000000000b2", "publicKey": KEYS[0]}])),
            at("[1].publicKey"),
            "already the key of validators[0]",
        ),
        (
            "validators",
            one(json!({"account": account, "publicKey": KEYS[0], "power": 0})),
            at("[0].power"),
            "zero; a validator has at least 1",
        ),
        (
            "validators",
            one(json!({"account": account, "publicKey": KEYS[0], "power": params::TOTAL_POWER_MAX + 1})),
            at("[0].power"),
            "scale it down",
        ),
        (
            "validators",
            one(json!({"account": account, "publicKey": KEYS[0], "pwer": 1})),
            at("[0].pwer"),
            "unknown field; known are account, publicKey, power",
        ),
        (
            "blockPeriod",
            Some(json!(500)),
            "config.pervade.blockPeriod".into(),
            "unknown field; known are validators, blockPeriodMs",
        ),
        ("blockPeriodMs", Some(json!(60_001)), "config.pervade.blockPeriodMs".into(), "at most 60000"),
        ("blockPeriodMs", Some(json!("fast")), "config.pervade.blockPeriodMs".into(), "expected a whole number"),
        ("emptyBlockPeriodMs", Some(json!(86_400_001)), "config.pervade.emptyBlockPeriodMs".into(), "at most 86400000"),
        (
            "emptyBlockPeriodMs",
            Some(json!(499)),
            "config.pervade.emptyBlockPeriodMs".into(),
            "below blockPeriodMs of 500",
        ),
        ("gasLimit", Some(json!(29_999_999)), "config.pervade.gasLimit".into(), "allowed are 30000000 to 10000000000"),
        ("gasLimit", Some(json!(10_000_000_001_u64)), "config.pervade.gasLimit".into(), "allowed are 30000000"),
        (
            "gasLimit",
            Some(json!(199_999_999)),
            "config.pervade.gasLimit".into(),
            "but the header's gasLimit is 200000000",
        ),
        ("systemGasSharePercent", Some(json!(4)), "config.pervade.systemGasSharePercent".into(), "allowed are 5 to 40"),
        (
            "systemGasSharePercent",
            Some(json!(41)),
            "config.pervade.systemGasSharePercent".into(),
            "allowed are 5 to 40",
        ),
        ("permissions", Some(json!("maybe")), "config.pervade.permissions".into(), "known are off, on"),
        ("permissions", Some(json!(true)), "config.pervade.permissions".into(), "expected a string"),
        ("baseFee", Some(json!("zero")), "config.pervade.baseFee".into(), "expected an object"),
        ("baseFee", Some(json!({})), "config.pervade.baseFee.kind".into(), "required, but missing"),
        (
            "baseFee",
            Some(json!({"kind": "free"})),
            "config.pervade.baseFee.kind".into(),
            "known are dynamic, fixed, zero",
        ),
        ("baseFee", Some(json!({"kind": "fixed"})), "config.pervade.baseFee.value".into(), "required, but missing"),
        (
            "baseFee",
            Some(json!({"kind": "fixed", "value": 0})),
            "config.pervade.baseFee.value".into(),
            "for a network without fees",
        ),
        (
            "baseFee",
            Some(json!({"kind": "zero", "minimum": 1})),
            "config.pervade.baseFee.minimum".into(),
            "unknown field; known are kind",
        ),
        (
            "baseFee",
            Some(json!({"kind": "dynamic", "minimum": params::BASE_FEE_MAX + 1})),
            "config.pervade.baseFee.minimum".into(),
            "at most",
        ),
        (
            "baseFee",
            Some(json!({"kind": "fixed", "value": params::BASE_FEE_MAX + 1})),
            "config.pervade.baseFee.value".into(),
            "at most",
        ),
        ("precompiles", Some(json!([])), "config.pervade.precompiles".into(), "expected an object"),
        (
            "precompiles",
            Some(json!({"oracle": {"block": 1}})),
            "config.pervade.precompiles.oracle".into(),
            "unknown field; known are things",
        ),
        (
            "precompiles",
            Some(json!({"things": {}})),
            "config.pervade.precompiles.things".into(),
            "give either block or time",
        ),
        (
            "precompiles",
            Some(json!({"things": {"block": 1, "time": 2}})),
            "config.pervade.precompiles.things".into(),
            "give either block or time",
        ),
        (
            "precompiles",
            Some(json!({"things": {"height": 1}})),
            "config.pervade.precompiles.things.height".into(),
            "unknown field",
        ),
        (
            "beneficiary",
            Some(json!({"kind": "nobody"})),
            "config.pervade.beneficiary.kind".into(),
            "known are proposer, fixed",
        ),
        (
            "beneficiary",
            Some(json!({"kind": "fixed"})),
            "config.pervade.beneficiary.address".into(),
            "required, but missing",
        ),
        (
            "beneficiary",
            Some(json!({"kind": "fixed", "address": params::SYSTEM_ACCOUNT})),
            "config.pervade.beneficiary.address".into(),
            "whose key is public",
        ),
        (
            "beneficiary",
            Some(json!({"kind": "proposer", "address": account})),
            "config.pervade.beneficiary.address".into(),
            "unknown field",
        ),
    ] {
        let genesis = changed(pervade_json(network()), &format!("/config/pervade/{field}"), value);
        assert_refused(&genesis, &path, reason);
    }
    let genesis = changed(pervade_json(network()), "/config/pervade", Some(json!("yes")));
    assert_refused(&genesis, "config.pervade", "expected an object, found \"yes\"");
}

#[test]
fn a_pervade_genesis_at_odds_with_its_section_is_refused() {
    let alloc = |address: &str| format!("/alloc/0x{address}");
    let (beacon, history) = ("000f3df6d732807ef1319fb7b8bb8522d0beac02", "0000f90827f1c53a10cb7a02335b175320002935");
    let (withdrawals, consolidations) =
        ("00000961ef480eb55e80d19ad83579a64c007002", "0000bbddc7ce488642fb579f8b00f3a590007251");
    let things = "0000000000000000000000000000000000007101";
    let system = format!("{:x}", params::SYSTEM_ACCOUNT);
    for (pointer, value, field, reason) in [
        (
            "/config/chainId".to_owned(),
            Some(json!(0)),
            "config.chainId".to_owned(),
            "allowed are 1 to 9223372036854775771",
        ),
        ("/config/chainId".into(), Some(json!(params::CHAIN_ID_MAX + 1)), "config.chainId".into(), "allowed are 1 to"),
        ("/config/terminalTotalDifficulty".into(), None, "config.terminalTotalDifficulty".into(), "must be 0"),
        (
            "/config/terminalTotalDifficulty".into(),
            Some(json!(5)),
            "config.terminalTotalDifficulty".into(),
            "must be 0",
        ),
        ("/config/osakaTime".into(), None, "config.osakaTime".into(), "starts with Osaka's rules"),
        ("/config/osakaTime".into(), Some(json!(1)), "config.osakaTime".into(), "starts with Osaka's rules"),
        (
            "/config/londonBlock".into(),
            Some(json!(1)),
            "config.londonBlock".into(),
            "starts with Osaka's rules; set it to 0",
        ),
        ("/config/daoForkBlock".into(), Some(json!(0)), "config.daoForkBlock".into(), "remove it"),
        (
            "/config/depositContractAddress".into(),
            Some(json!(params::THINGS_ADDRESS)),
            "config.depositContractAddress".into(),
            "no beacon chain",
        ),
        ("/difficulty".into(), Some(json!("0x1")), "difficulty".into(), "must be 0"),
        ("/nonce".into(), Some(json!("0x1")), "nonce".into(), "must be 0"),
        ("/parentHash".into(), Some(json!(format!("0x{}", "11".repeat(32)))), "parentHash".into(), "no parent"),
        ("/blobGasUsed".into(), Some(json!("0x1")), "blobGasUsed".into(), "no blobs"),
        ("/excessBlobGas".into(), Some(json!("0x1")), "excessBlobGas".into(), "no blobs"),
        (
            "/extraData".into(),
            Some(json!("0x")),
            "extraData".into(),
            "must be the hash of config.pervade.validators; set it to 0x",
        ),
        ("/baseFeePerGas".into(), Some(json!("0x1")), "baseFeePerGas".into(), "at odds with config.pervade.baseFee"),
        (
            "/gasLimit".into(),
            Some(json!(30_000_001)),
            "config.pervade.gasLimit".into(),
            "the header's gasLimit is 30000001",
        ),
        (alloc(beacon), None, format!("alloc.0x{beacon}"), "EIP-4788"),
        (alloc(history), None, format!("alloc.0x{history}"), "EIP-2935"),
        (alloc(withdrawals), None, format!("alloc.0x{withdrawals}"), "EIP-7002"),
        (alloc(consolidations), Some(json!({"balance": "0x0"})), format!("alloc.0x{consolidations}"), "EIP-7251"),
        (
            alloc(things),
            None,
            format!("alloc.0x{things}"),
            "must have the code 0x5f5ffd; `pervade genesis new` writes it",
        ),
        (
            alloc(things),
            Some(json!({"balance": "0x0", "nonce": 1, "code": "0x00"})),
            format!("alloc.0x{things}"),
            "must have the code",
        ),
        (
            alloc(things),
            Some(json!({"balance": "0x0", "code": "0x5f5ffd"})),
            format!("alloc.0x{things}.nonce"),
            "must have the nonce 1",
        ),
        (
            alloc(&system),
            Some(json!({"balance": "0x0", "nonce": 1})),
            format!("alloc.0x{system}"),
            "starts with nonce 0",
        ),
        (alloc(&system), Some(json!({"balance": "0x0", "code": "0x00"})), format!("alloc.0x{system}"), "without code"),
    ] {
        assert_refused(&changed(pervade_json(network()), &pointer, value), &field, reason);
    }
}
