//! Genesis files as geth reads them: block 0 has the hash that other clients computed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use alloy_consensus::BlockHeader;
use alloy_primitives::{Address, B256, U256, address, b256};
use pervade_chainspec::{ChainSpec, params};
use serde_json::{Value, json};

fn read(json: &str) -> ChainSpec {
    ChainSpec::from_json("test.json", json.as_bytes()).unwrap()
}

fn assert_block_0(json: &str, state_root: B256, hash: B256) -> ChainSpec {
    let spec = read(json);
    assert_eq!(spec.genesis_header().state_root, state_root);
    assert_eq!(spec.genesis_hash(), hash);
    assert!(spec.pervade().is_none());
    spec
}

#[test]
fn london_genesis_has_the_known_hash() {
    let spec = assert_block_0(
        include_str!("genesis/london.json"),
        b256!("7270a4a14022bdd3f8a99f742bdb59f04a305ee6bc077b1245e36bd07eded182"),
        b256!("462b4f3d82468ed02d1588971e2f9120fd991731e459cb89dad42a7dfc992b49"),
    );
    assert_eq!(spec.genesis_header().base_fee_per_gas(), Some(7));
    assert_eq!(spec.genesis_header().withdrawals_root(), None);
    assert!(!spec.genesis_is_merged());
}

#[test]
fn cancun_genesis_has_the_known_hash() {
    let spec = assert_block_0(
        include_str!("genesis/cancun.json"),
        b256!("dbda37b1c497ccfddd63bebf338dd6c5a2c147efe9a5ef26d911c93a489dd023"),
        b256!("3f423ef5eb592b3733cb96f483a5c4dc88a17e071b743a16981ac8d39a19891f"),
    );
    assert_eq!(spec.genesis_header().excess_blob_gas(), Some(0));
    assert_eq!(spec.genesis_header().requests_hash(), None);
    assert!(spec.genesis_is_merged());
}

#[test]
fn osaka_genesis_has_the_known_hash() {
    assert_block_0(
        include_str!("genesis/osaka.json"),
        b256!("51d08a0b5f5d33c8e522bdba4376cfe5050d63174e1fc22f40583cebbb1f339a"),
        b256!("10ada61aa429631c02622f4d65e9bb983130ed37d2c86fdb1185ff634061ed86"),
    );
}

#[test]
fn a_written_genesis_reads_back_as_the_same_block() {
    let spec = read(include_str!("genesis/osaka.json"));
    let written = serde_json::to_vec(spec.genesis()).unwrap();
    assert_eq!(ChainSpec::from_json("again", &written).unwrap().genesis_hash(), spec.genesis_hash());
}

#[test]
fn a_genesis_that_alloy_parsed_is_the_same_block() {
    let json = include_str!("genesis/osaka.json");
    let parsed = ChainSpec::from_genesis(serde_json::from_str(json).unwrap(), None).unwrap();
    assert_eq!(parsed.genesis_hash(), read(json).genesis_hash());
}

fn minimal() -> Value {
    json!({"config": {"chainId": 5}, "gasLimit": "0x2fefd8", "difficulty": "0x20000", "alloc": {}})
}

fn with(changes: Value) -> ChainSpec {
    let mut genesis = minimal();
    for (key, value) in changes.as_object().unwrap() {
        genesis[key] = value.clone();
    }
    read(&genesis.to_string())
}

#[test]
fn decimal_and_hexadecimal_quantities_are_the_same() {
    let account = address!("00000000000000000000000000000000000000aa");
    let hexadecimal = with(json!({
        "gasLimit": "0x5f5e100", "nonce": "0x2a", "timestamp": "0x10",
        "alloc": {"0x00000000000000000000000000000000000000aa": {"balance": "0x64", "nonce": "0x1"}}
    }));
    let decimal = with(json!({
        "gasLimit": 100_000_000, "nonce": "42", "timestamp": 16,
        "alloc": {"00000000000000000000000000000000000000AA": {"balance": "100", "nonce": 1}}
    }));
    assert_eq!(hexadecimal.genesis_hash(), decimal.genesis_hash());
    assert_eq!(decimal.genesis().alloc[&account].balance, U256::from(100));
}

#[test]
fn null_counts_as_absent() {
    let nulls = json!({
        "config": {"chainId": 5, "homesteadBlock": null, "amsterdamTime": null, "blobSchedule": null, "pervade": null},
        "baseFeePerGas": null, "excessBlobGas": null, "blobGasUsed": null, "parentHash": null, "number": null,
        "alloc": {"00000000000000000000000000000000000000aa": {"balance": "0x1", "code": null, "storage": null}}
    });
    let without = json!({"alloc": {"00000000000000000000000000000000000000aa": {"balance": "0x1"}}});
    assert_eq!(with(nulls).genesis_hash(), with(without).genesis_hash());
}

#[test]
fn what_geth_ignores_is_ignored() {
    let spec = with(json!({
        "config": {"chainId": 5, "ethash": {}, "clique": {"period": 15, "epoch": 30000}, "eip150Hash": "0x00", "note": 1},
        "gasUsed": "0x0", "comment": "hello",
        "alloc": {"00000000000000000000000000000000000000aa": {"balance": "0x1", "secretKey": "0xzz"}}
    }));
    assert_eq!(spec.chain_id(), 5);
}

#[test]
fn a_total_difficulty_beyond_64_bits_keeps_its_digits() {
    let json = minimal()
        .to_string()
        .replace("\"chainId\":5", "\"chainId\":5,\"terminalTotalDifficulty\":58750000000000000000001");
    let expected = U256::from(58_750_000_000_000_000_000_001_u128);
    assert_eq!(read(&json).terminal_total_difficulty(), Some(expected));
    let quoted = with(json!({"config": {"chainId": 5, "terminalTotalDifficulty": "58750000000000000000001"}}));
    assert_eq!(quoted.terminal_total_difficulty(), Some(expected));
}

#[test]
fn a_passed_total_difficulty_without_its_value_is_zero() {
    let spec = with(json!({"config": {"chainId": 5, "terminalTotalDifficultyPassed": true}}));
    assert_eq!(spec.terminal_total_difficulty(), Some(U256::ZERO));
    assert_eq!(with(json!({})).terminal_total_difficulty(), None);
}

#[test]
fn short_and_unprefixed_storage_is_padded_on_the_left() {
    let spec = with(json!({"alloc": {"aa000000000000000000000000000000000000aa": {
        "balance": "0x0", "storage": {"0x01": "0x02", "03": "0x0000000000000000000000000000000000000000000000000000000000000004", "5": ""}
    }}}));
    let account = &spec.genesis().alloc[&address!("aa000000000000000000000000000000000000aa")];
    let slots: Vec<_> = account.storage_slots().collect();
    let word = |number: u64| B256::from(U256::from(number));
    assert_eq!(slots, [(word(1), U256::from(2)), (word(3), U256::from(4)), (word(5), U256::ZERO)]);
}

#[test]
fn base_fee_of_a_london_genesis_is_a_gwei_unless_the_file_says_otherwise() {
    let forks = |extra: Value| {
        let mut genesis: Value = serde_json::from_str(include_str!("genesis/london.json")).unwrap();
        genesis["baseFeePerGas"] = extra;
        read(&genesis.to_string()).genesis_header().base_fee_per_gas
    };
    assert_eq!(forks(Value::Null), Some(params::INITIAL_BASE_FEE));
    assert_eq!(forks(json!("0x0")), Some(0));
    assert_eq!(with(json!({"baseFeePerGas": "0x7"})).genesis_header().base_fee_per_gas, None);
}

#[test]
fn a_chain_without_validators_gives_the_fees_to_whom_the_block_says() {
    let proposer = Address::repeat_byte(7);
    assert_eq!(with(json!({})).beneficiary(proposer), proposer);
}

#[test]
fn a_missing_file_is_an_error_that_names_it() {
    let error = ChainSpec::read("no/such/genesis.json".as_ref()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read no/such/genesis.json: "), "{error}");
}

#[test]
fn a_file_is_read_from_disk() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), minimal().to_string()).unwrap();
    assert_eq!(ChainSpec::read(file.path()).unwrap().chain_id(), 5);
}
