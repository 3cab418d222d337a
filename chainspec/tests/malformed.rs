//! Malformed geth genesis files: each is refused with the path of the field and a reason, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod refusal;

use pervade_chainspec::ChainSpec;
use refusal::{assert_refused, changed};
use serde_json::{Value, json};

fn geth() -> Value {
    json!({
        "config": {
            "chainId": 5, "homesteadBlock": 0, "eip150Block": 0, "eip155Block": 0, "eip158Block": 0, "byzantiumBlock": 0,
            "constantinopleBlock": 0, "petersburgBlock": 0, "istanbulBlock": 0, "berlinBlock": 0, "londonBlock": 0,
            "shanghaiTime": 10, "cancunTime": 20, "pragueTime": 30, "osakaTime": 40, "terminalTotalDifficulty": 0,
            "blobSchedule": {
                "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
                "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
                "osaka": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716}
            }
        },
        "gasLimit": "0x1c9c380", "difficulty": "0x0",
        "alloc": {"00000000000000000000000000000000000000aa": {"balance": "0x1"}}
    })
}

#[test]
fn what_is_no_json_object_is_refused() {
    for (json, reason) in [
        (&b""[..], "EOF while parsing"),
        (b"{", "EOF while parsing"),
        (b"{\"config\": {},}", "key must be a string at line 1 column 15"),
        (b"{\"config\": 1 \"alloc\": 2}", "expected `,` or `}` at line 1"),
        (b"{} {}", "trailing characters"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b"[]", "expected an object, found []"),
        (b"null", "expected an object, found null"),
        (b"\"genesis\"", "expected an object"),
        (b"12", "expected an object, found 12"),
        (b"{\"config\": nul}", "expected ident"),
    ] {
        assert_refused(json, "JSON", reason);
    }
    // A long value is not repeated whole.
    let long = format!("[{}]", "1,".repeat(100_000) + "1");
    let error = ChainSpec::from_json("test.json", long.as_bytes()).unwrap_err().to_string();
    assert!(error.len() < 200, "{} bytes", error.len());
}

#[test]
fn malformed_genesis_fields_are_refused() {
    let account = "/alloc/00000000000000000000000000000000000000aa";
    let path = |rest: &str| format!("alloc.00000000000000000000000000000000000000aa{rest}");
    let two = json!({"balance": "0x1", "storage": {"0x1": "0x1", "0x01": "0x2"}});
    for (pointer, value, field, reason) in [
        ("/config".to_owned(), None, "config".to_owned(), "required, but missing"),
        ("/config".into(), Some(Value::Null), "config".into(), "required, but missing"),
        ("/config".into(), Some(json!([])), "config".into(), "expected an object, found []"),
        ("/gasLimit".into(), None, "gasLimit".into(), "required, but missing"),
        ("/difficulty".into(), None, "difficulty".into(), "required, but missing"),
        ("/alloc".into(), None, "alloc".into(), "required, but missing"),
        ("/alloc".into(), Some(json!("0x")), "alloc".into(), "expected an object"),
        ("/gasLimit".into(), Some(json!("0x0")), "gasLimit".into(), "zero: no transaction would fit"),
        ("/gasLimit".into(), Some(json!("0x10000000000000000")), "gasLimit".into(), "exceeds 18446744073709551615"),
        ("/gasLimit".into(), Some(json!(-1)), "gasLimit".into(), "expected a whole number"),
        ("/gasLimit".into(), Some(json!(1.5)), "gasLimit".into(), "expected a whole number"),
        ("/gasLimit".into(), Some(json!("0x")), "gasLimit".into(), "expected a whole number"),
        ("/gasLimit".into(), Some(json!("")), "gasLimit".into(), "expected a whole number"),
        ("/gasLimit".into(), Some(json!("12ab")), "gasLimit".into(), "expected a whole number"),
        ("/gasLimit".into(), Some(json!("0xfg")), "gasLimit".into(), "expected a whole number"),
        ("/gasLimit".into(), Some(json!("+5")), "gasLimit".into(), "expected a whole number"),
        ("/gasLimit".into(), Some(json!(true)), "gasLimit".into(), "found true"),
        ("/difficulty".into(), Some(json!(format!("0x1{:064}", 0))), "difficulty".into(), "exceeds 256 bits"),
        ("/nonce".into(), Some(json!({})), "nonce".into(), "expected a whole number"),
        ("/timestamp".into(), Some(json!("soon")), "timestamp".into(), "found \"soon\""),
        ("/extraData".into(), Some(json!("0x1")), "extraData".into(), "an odd number of hex digits (1)"),
        ("/extraData".into(), Some(json!("0xzz")), "extraData".into(), "expected hexadecimal bytes"),
        ("/extraData".into(), Some(json!(7)), "extraData".into(), "expected a string of hexadecimal digits"),
        ("/mixHash".into(), Some(json!("0x00")), "mixHash".into(), "1 bytes; 32 are needed"),
        ("/coinbase".into(), Some(json!("0x00")), "coinbase".into(), "2 hex digits instead of 40"),
        ("/coinbase".into(), Some(json!("alice")), "coinbase".into(), "not an address"),
        ("/parentHash".into(), Some(json!("0x")), "parentHash".into(), "0 bytes; 32 are needed"),
        ("/number".into(), Some(json!("0x1")), "number".into(), "the genesis block is block 0"),
        ("/gasUsed".into(), Some(json!("0x5208")), "gasUsed".into(), "runs no transactions"),
        ("/baseFeePerGas".into(), Some(json!("0x10000000000000000")), "baseFeePerGas".into(), "64 bits"),
        ("/excessBlobGas".into(), Some(json!([])), "excessBlobGas".into(), "expected a whole number"),
        ("/blobGasUsed".into(), Some(json!("many")), "blobGasUsed".into(), "expected a whole number"),
        ("/alloc/0xzz".into(), Some(json!({"balance": "0x1"})), "alloc.0xzz".into(), "not an address"),
        ("/alloc/0x00".into(), Some(json!({"balance": "0x1"})), "alloc.0x00".into(), "2 hex digits instead of 40"),
        (account.into(), Some(json!("0x1")), path(""), "expected an object"),
        (account.into(), Some(json!({})), path(".balance"), "required, but missing"),
        (format!("{account}/balance"), Some(json!("1 ether")), path(".balance"), "expected a whole number"),
        (format!("{account}/nonce"), Some(json!("0x1ffffffffffffffff")), path(".nonce"), "64 bits"),
        (format!("{account}/code"), Some(json!("0x600")), path(".code"), "an odd number of hex digits"),
        (format!("{account}/storage"), Some(json!([1])), path(".storage"), "expected an object"),
        (format!("{account}/storage"), Some(json!({"0x1": 5})), path(".storage.0x1"), "expected a string"),
        (format!("{account}/storage"), Some(json!({"key": "0x1"})), path(".storage.key"), "not a storage key"),
        (
            format!("{account}/storage"),
            Some(json!({"0x1": format!("0x{:066}", 1)})),
            path(".storage.0x1"),
            "66 hex digits; a storage key or value has at most 64",
        ),
        (account.into(), Some(two), path(".storage.0x1"), "appears twice; keep one"),
    ] {
        assert_refused(&changed(geth(), &pointer, value), &field, reason);
    }
}

#[test]
fn an_account_in_two_spellings_is_refused() {
    let genesis = changed(geth(), "/alloc/0x00000000000000000000000000000000000000AA", Some(json!({"balance": "0x2"})));
    assert_refused(&genesis, "alloc.0x00000000000000000000000000000000000000AA", "appears twice; merge the two");
}

#[test]
fn a_field_that_appears_twice_is_refused() {
    let json = geth().to_string().replace("\"chainId\":5", "\"chainId\":5,\"chainId\":6");
    assert_refused(json.as_bytes(), "config.chainId", "appears twice");
}

#[test]
fn malformed_configurations_are_refused() {
    let later = "not a fork that this version knows";
    for (pointer, value, field, reason) in [
        ("/config/chainId", None, "config.chainId", "required, but missing"),
        ("/config/chainId", Some(json!("mainnet")), "config.chainId", "expected a whole number"),
        ("/config/homesteadBlock", Some(json!("never")), "config.homesteadBlock", "expected a whole number"),
        ("/config/londonBlock", Some(json!(1e30)), "config.londonBlock", "expected a whole number"),
        ("/config/daoForkSupport", Some(json!("yes")), "config.daoForkSupport", "expected true or false"),
        (
            "/config/terminalTotalDifficulty",
            Some(json!("big")),
            "config.terminalTotalDifficulty",
            "expected a whole number",
        ),
        ("/config/depositContractAddress", Some(json!("0x1")), "config.depositContractAddress", "not an address"),
        ("/config/amsterdamTime", Some(json!(50)), "config.amsterdamTime", later),
        ("/config/bpo6Time", Some(json!(50)), "config.bpo6Time", later),
        ("/config/londonblockBlock", Some(json!(0)), "config.londonblockBlock", later),
        ("/config/verkleTime", Some(json!(0)), "config.verkleTime", later),
        ("/config/enableVerkleAtGenesis", Some(json!(true)), "config.enableVerkleAtGenesis", "only Merkle Patricia"),
        ("/config/blobSchedule", Some(json!(1)), "config.blobSchedule", "expected an object"),
        ("/config/blobSchedule/tokyo", Some(json!({})), "config.blobSchedule.tokyo", "unknown fork; known are cancun"),
        ("/config/blobSchedule/prague", None, "config.blobSchedule.prague", "required, since config.pragueTime is set"),
        ("/config/bpo1Time", Some(json!(50)), "config.blobSchedule.bpo1", "required, since config.bpo1Time is set"),
        ("/config/blobSchedule/osaka/max", None, "config.blobSchedule.osaka.max", "required, but missing"),
        ("/config/blobSchedule/osaka/max", Some(json!(0)), "config.blobSchedule.osaka.max", "allowed are 1 to 65536"),
        (
            "/config/blobSchedule/osaka/max",
            Some(json!(65_537)),
            "config.blobSchedule.osaka.max",
            "allowed are 1 to 65536",
        ),
        (
            "/config/blobSchedule/osaka/target",
            Some(json!(10)),
            "config.blobSchedule.osaka.target",
            "above the maximum of 9",
        ),
        (
            "/config/blobSchedule/cancun/baseFeeUpdateFraction",
            Some(json!(0)),
            "config.blobSchedule.cancun.baseFeeUpdateFraction",
            "the blob fee divides by it",
        ),
    ] {
        assert_refused(&changed(geth(), pointer, value), field, reason);
    }
}

#[test]
fn forks_out_of_order_or_with_gaps_are_refused() {
    for (pointer, value, field, reason) in [
        ("/config/byzantiumBlock", None, "config.constantinopleBlock", "set config.byzantiumBlock too"),
        ("/config/londonBlock", None, "config.shanghaiTime", "set config.londonBlock too"),
        ("/config/pragueTime", None, "config.osakaTime", "set config.pragueTime too"),
        (
            "/config/homesteadBlock",
            Some(json!(7)),
            "config.eip150Block",
            "block 0 comes before config.homesteadBlock at 7",
        ),
        ("/config/daoForkBlock", Some(json!(7)), "config.eip150Block", "comes before config.daoForkBlock at 7"),
        ("/config/muirGlacierBlock", Some(json!(7)), "config.berlinBlock", "comes before config.muirGlacierBlock at 7"),
        ("/config/cancunTime", Some(json!(31)), "config.pragueTime", "time 30 comes before config.cancunTime at 31"),
        ("/config/bpo1Time", Some(json!(39)), "config.bpo1Time", "time 39 comes before config.osakaTime at 40"),
        ("/config/eip158Block", Some(json!(1)), "config.byzantiumBlock", "comes before config.eip158Block at 1"),
    ] {
        assert_refused(&changed(geth(), pointer, value), field, reason);
    }
    let mut genesis = geth();
    for fork in [
        "eip158Block",
        "byzantiumBlock",
        "constantinopleBlock",
        "petersburgBlock",
        "istanbulBlock",
        "berlinBlock",
        "londonBlock",
    ] {
        genesis["config"][fork] = json!(3);
    }
    assert_refused(genesis.to_string().as_bytes(), "config.eip158Block", "differs from config.eip155Block");
}
