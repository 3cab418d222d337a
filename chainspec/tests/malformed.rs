//! Malformed genesis files: each is refused with the path of the field and a reason, never a panic.
mod network;

use network::{KEYS, network, pervade_json};
use pervade_chainspec::{ChainSpec, ChainSpecError, params};
use serde_json::{Value, json};

/// Refused at `field` with a reason that contains `reason`.
fn assert_refused(json: &[u8], field: &str, reason: &str) {
    match ChainSpec::from_json("test.json", json) {
        Err(ChainSpecError::Field { file, field: found, reason: found_reason }) => {
            assert_eq!(file, "test.json");
            assert_eq!(found, field, "reason: {found_reason}");
            assert!(found_reason.contains(reason), "{field}: {found_reason:?} lacks {reason:?}");
        }
        other => panic!("{field}: expected a refusal ({reason}), got {other:?}"),
    }
}

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

/// Sets the field at a JSON pointer, or removes it (`None`).
fn changed(mut genesis: Value, pointer: &str, value: Option<Value>) -> Vec<u8> {
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

#[test]
fn what_is_no_json_object_is_refused() {
    for (json, reason) in [
        (&b""[..], "EOF while parsing"),
        (b"{", "EOF while parsing"),
        (b"{\"config\": {},}", "trailing comma at line 1 column 15"),
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

#[test]
fn malformed_pervade_sections_are_refused() {
    let validators = "config.pervade.validators";
    let at = |rest: &str| format!("{validators}{rest}");
    let validator = |account: &str, key: &str| json!({"account": account, "publicKey": key});
    let account = "0x00000000000000000000000000000000000000b1";
    let one = |validator: Value| Some(json!([validator]));
    let (a, b) = (
        validator("0x00000000000000000000000000000000000000b1", KEYS[0]),
        validator("0x00000000000000000000000000000000000000b2", KEYS[1]),
    );
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
        ("validators", Some(json!([b, a])), "extraData".into(), ""),
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
        if path == "extraData" {
            continue; // the order of validators does not matter: see a_reordered_validator_list_keeps_its_hash
        }
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
