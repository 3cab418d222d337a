//! New Pervade networks: what the builder writes is accepted, and every limit holds at its edge.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;

use alloy_consensus::BlockHeader;
use alloy_primitives::{Address, B256, U256, address, hex, keccak256};
use network::{KEYS, network, pervade_json, read, validator};
use pervade_chainspec::{
    Activation, BaseFeeRule, BeneficiaryRule, ChainSpec, NetworkParams, PermissionRule, PervadeConfig,
    encode_validator_set, params, validator_set_hash,
};
use serde_json::json;

#[test]
fn a_new_network_is_accepted_and_reads_back_as_built() {
    let mut network = network();
    network.permissions = PermissionRule::On;
    network.precompiles.things = Activation::Block(7);
    network.precompiles.governance = Activation::Time(9);
    network.beneficiary = BeneficiaryRule::Fixed { address: Address::repeat_byte(9) };
    network.base_fee = BaseFeeRule::Fixed { value: 12 };
    let built = ChainSpec::from_genesis(ChainSpec::new_network(network.clone()), None).unwrap();
    let spec = read(network.clone());
    assert_eq!(spec.genesis_hash(), built.genesis_hash());
    assert_eq!(spec.pervade(), built.pervade());
    let pervade = spec.pervade().unwrap();
    assert_eq!(pervade.validators, network.validators);
    assert_eq!(pervade.permissions, PermissionRule::On);
    assert_eq!(pervade.base_fee, BaseFeeRule::Fixed { value: 12 });
    assert_eq!(pervade.precompiles, network.precompiles);
    assert_eq!(spec.beneficiary(Address::ZERO), Address::repeat_byte(9));
    assert_eq!(spec.chain_id(), 4242);
    assert!(spec.genesis_is_merged());
    assert_eq!(spec.genesis().alloc[&Address::with_last_byte(0xaa)].balance, U256::from(1_000_000));
}

#[test]
fn the_genesis_header_has_the_fields_of_osaka() {
    let spec = read(network());
    let header = spec.genesis_header();
    assert_eq!(header.difficulty(), U256::ZERO);
    assert_eq!(header.base_fee_per_gas(), Some(params::INITIAL_BASE_FEE));
    assert_eq!(header.blob_gas_used(), Some(0));
    assert_eq!(header.parent_beacon_block_root(), Some(B256::ZERO));
    assert!(header.requests_hash().is_some() && header.withdrawals_root().is_some());
    assert_eq!(header.extra_data().as_ref(), validator_set_hash(&[validator(0)]).as_slice());
}

#[test]
fn the_section_may_leave_out_what_has_a_default() {
    let mut genesis = pervade_json(network());
    genesis["config"]["pervade"] = json!({"validators": [{"account": validator(0).account, "publicKey": KEYS[0]}]});
    let spec = ChainSpec::from_json("test.json", genesis.to_string().as_bytes()).unwrap();
    assert_eq!(spec.pervade(), Some(&PervadeConfig::new(vec![validator(0)], params::GAS_LIMIT_DEFAULT)));
}

#[test]
fn a_missing_base_fee_follows_the_rule() {
    for (rule, expected) in [
        (BaseFeeRule::Zero, 0),
        (BaseFeeRule::Fixed { value: 3 }, 3),
        (BaseFeeRule::Dynamic { minimum: 5 }, params::INITIAL_BASE_FEE),
        (BaseFeeRule::Dynamic { minimum: params::INITIAL_BASE_FEE + 1 }, params::INITIAL_BASE_FEE + 1),
    ] {
        let mut network = network();
        network.base_fee = rule;
        let mut genesis = pervade_json(network);
        genesis.as_object_mut().unwrap().remove("baseFeePerGas");
        let spec = ChainSpec::from_json("test.json", genesis.to_string().as_bytes()).unwrap();
        assert_eq!(spec.genesis_header().base_fee_per_gas(), Some(expected), "{rule:?}");
    }
}

/// Accepted at the edge; refused one past it with the field's name.
fn assert_edges(field: &str, change: impl Fn(&mut NetworkParams, u64), inside: [u64; 2], outside: &[u64]) {
    for value in inside {
        let mut network = network();
        change(&mut network, value);
        read(network);
    }
    for value in outside {
        let mut network = network();
        change(&mut network, *value);
        let error = ChainSpec::from_genesis(ChainSpec::new_network(network), None).unwrap_err().to_string();
        assert!(error.starts_with(&format!("genesis: {field}: ")), "{value}: {error}");
    }
}

#[test]
fn limits_hold_at_the_edge_and_one_past_it() {
    use params::*;
    assert_edges(
        "config.pervade.gasLimit",
        |n, v| n.gas_limit = v,
        [GAS_LIMIT_MIN, GAS_LIMIT_MAX],
        &[GAS_LIMIT_MIN - 1, GAS_LIMIT_MAX + 1],
    );
    let both = |network: &mut NetworkParams, value| {
        network.block_period_ms = value;
        network.empty_block_period_ms = 0;
    };
    assert_edges("config.pervade.blockPeriodMs", both, [0, BLOCK_PERIOD_MS_MAX], &[BLOCK_PERIOD_MS_MAX + 1]);
    let empty = |network: &mut NetworkParams, value| network.empty_block_period_ms = value;
    let inside = [BLOCK_PERIOD_MS_DEFAULT, EMPTY_BLOCK_PERIOD_MS_MAX];
    let outside = [BLOCK_PERIOD_MS_DEFAULT - 1, EMPTY_BLOCK_PERIOD_MS_MAX + 1];
    assert_edges("config.pervade.emptyBlockPeriodMs", empty, inside, &outside);
    let share = |network: &mut NetworkParams, value| network.system_gas_share_percent = value;
    let (min, max) = (SYSTEM_GAS_SHARE_PERCENT_MIN, SYSTEM_GAS_SHARE_PERCENT_MAX);
    assert_edges("config.pervade.systemGasSharePercent", share, [min, max], &[min - 1, max + 1]);
    let fixed = |network: &mut NetworkParams, value| network.base_fee = BaseFeeRule::Fixed { value };
    assert_edges("config.pervade.baseFee.value", fixed, [1, BASE_FEE_MAX], &[0, BASE_FEE_MAX + 1]);
    let minimum = |network: &mut NetworkParams, minimum| network.base_fee = BaseFeeRule::Dynamic { minimum };
    assert_edges("config.pervade.baseFee.minimum", minimum, [0, BASE_FEE_MAX], &[BASE_FEE_MAX + 1]);
    let chain_id = |network: &mut NetworkParams, value| network.chain_id = value;
    assert_edges("config.chainId", chain_id, [1, CHAIN_ID_MAX], &[0, CHAIN_ID_MAX + 1]);
    let power = |network: &mut NetworkParams, value| network.validators[0].power = value;
    assert_edges("config.pervade.validators[0].power", power, [1, TOTAL_POWER_MAX], &[0, TOTAL_POWER_MAX + 1]);
    let two = |network: &mut NetworkParams, value| {
        network.validators[0].power = TOTAL_POWER_MAX - 1;
        network.validators.push(validator(1));
        network.validators[1].power = value;
    };
    assert_edges("config.pervade.validators[1].power", two, [1, 1], &[2, u64::MAX]);
}

#[test]
fn the_largest_validator_set_is_accepted_and_one_more_refused() {
    let set = |len: usize| {
        let validator = |index: usize| {
            let mut key = [0; 32];
            key[24..].copy_from_slice(&(index as u64 + 1).to_be_bytes());
            let secret = k256::SecretKey::from_slice(&key).unwrap();
            let mut validator = validator(0);
            validator.account = Address::from_word(keccak256(key));
            validator.public_key =
                k256::elliptic_curve::sec1::ToEncodedPoint::to_encoded_point(&secret.public_key(), true)
                    .as_bytes()
                    .to_vec()
                    .into();
            validator
        };
        let mut network = network();
        network.validators = (0..len).map(validator).collect();
        ChainSpec::from_genesis(ChainSpec::new_network(network), None)
    };
    assert!(set(params::VALIDATORS_MAX).is_ok());
    let error = set(params::VALIDATORS_MAX + 1).unwrap_err().to_string();
    assert_eq!(error, "genesis: config.pervade.validators: 129 validators; at most 128 are allowed");
}

#[test]
fn the_validator_set_is_encoded_as_drawn() {
    let mut set = [validator(1), validator(0)];
    set[0].power = 0x0102_0304_0506_0708;
    let expected = [
        "01",                                                                 // version
        "00000002",                                                           // validators
        "00000000000000000000000000000000000000b1",                           // account
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798", // public key
        "0000000000000001",                                                   // power
        "00000000000000000000000000000000000000b2",
        "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5",
        "0102030405060708",
    ]
    .concat();
    assert_eq!(hex::encode(encode_validator_set(&set)), expected);
    assert_eq!(validator_set_hash(&set), keccak256(hex::decode(expected).unwrap()));
}

#[test]
fn a_reordered_validator_list_keeps_its_hash_and_a_changed_one_does_not() {
    let hash = validator_set_hash(&[validator(0), validator(1)]);
    assert_eq!(validator_set_hash(&[validator(1), validator(0)]), hash);
    let mut other = [validator(0), validator(1)];
    other[1].power = 2;
    assert_ne!(validator_set_hash(&other), hash);
    assert_ne!(validator_set_hash(&[validator(0)]), hash);
}

#[test]
fn the_system_account_belongs_to_its_published_key() {
    assert_eq!(params::SYSTEM_ACCOUNT_KEY, keccak256("pervade system account"));
    let secret = k256::SecretKey::from_slice(params::SYSTEM_ACCOUNT_KEY.as_slice()).unwrap();
    let point = k256::elliptic_curve::sec1::ToEncodedPoint::to_encoded_point(&secret.public_key(), false);
    assert_eq!(Address::from_raw_public_key(&point.as_bytes()[1..]), params::SYSTEM_ACCOUNT);
    assert_eq!(params::SYSTEM_ACCOUNT, address!("c0abf8222b10f1940c7e020a0499a3463cda0713"));
}

#[test]
fn precompiles_answer_from_their_activation_on() {
    let mut config = PervadeConfig::new(vec![validator(0)], params::GAS_LIMIT_DEFAULT);
    config.precompiles.things = Activation::Block(10);
    config.precompiles.semantics = Activation::Time(1_000);
    assert!(!config.precompile_active(params::THINGS_ADDRESS, 9, u64::MAX));
    assert!(config.precompile_active(params::THINGS_ADDRESS, 10, 0));
    assert!(!config.precompile_active(params::SEMANTICS_ADDRESS, u64::MAX, 999));
    assert!(config.precompile_active(params::SEMANTICS_ADDRESS, 0, 1_000));
    assert!(!config.precompile_active(params::GOVERNANCE_ADDRESS, u64::MAX, u64::MAX));
    assert!(!config.precompile_active(Address::ZERO, u64::MAX, u64::MAX));
}

#[test]
fn the_system_share_leaves_room_for_the_largest_transaction() {
    let mut config = PervadeConfig::new(vec![validator(0)], params::GAS_LIMIT_MIN);
    assert_eq!(config.system_gas(), params::GAS_LIMIT_MIN / 5);
    config.system_gas_share_percent = params::SYSTEM_GAS_SHARE_PERCENT_MAX;
    assert!(config.gas_limit - config.system_gas() >= params::TRANSACTION_GAS_MAX);
}

#[test]
fn money_for_one_account_twice_adds_up() {
    let mut network = network();
    network.funded.push((Address::with_last_byte(0xaa), U256::from(1)));
    network.funded.push((params::THINGS_ADDRESS, U256::from(5)));
    let spec = read(network);
    assert_eq!(spec.genesis().alloc[&Address::with_last_byte(0xaa)].balance, U256::from(1_000_001));
    assert_eq!(spec.genesis().alloc[&params::THINGS_ADDRESS].balance, U256::from(5));
}
