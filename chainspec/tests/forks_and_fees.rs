//! Which rules hold for a block, and the fees it inherits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;

use alloy_consensus::Header;
use alloy_hardforks::{EthereumHardfork, EthereumHardforks, ForkCondition};
use alloy_primitives::U256;
use network::{network, read};
use pervade_chainspec::{BaseFeeRule, BlockForks, ChainSpec, params};
use revm::primitives::hardfork::SpecId;
use serde_json::{Value, json};

/// Each fork three blocks after the one before, the merge by difficulty, later forks by time.
fn chain() -> ChainSpec {
    with(json!({}))
}

fn with(config: Value) -> ChainSpec {
    let mut all = json!({
        "chainId": 7, "homesteadBlock": 0, "eip150Block": 3, "eip155Block": 6, "eip158Block": 6, "byzantiumBlock": 9,
        "constantinopleBlock": 12, "petersburgBlock": 15, "istanbulBlock": 18, "muirGlacierBlock": 21,
        "berlinBlock": 24, "londonBlock": 27, "arrowGlacierBlock": 30, "grayGlacierBlock": 33, "mergeNetsplitBlock": 36,
        "shanghaiTime": 390, "cancunTime": 420, "pragueTime": 450, "osakaTime": 480, "bpo1Time": 510, "bpo2Time": 540,
        "terminalTotalDifficulty": 4732352, "depositContractAddress": "0x00000000000000000000000000000000000000dd",
        "blobSchedule": {
            "cancun": {"target": 3, "max": 6, "baseFeeUpdateFraction": 3338477},
            "prague": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
            "osaka": {"target": 6, "max": 9, "baseFeeUpdateFraction": 5007716},
            "bpo1": {"target": 10, "max": 15, "baseFeeUpdateFraction": 8346193},
            "bpo2": {"target": 14, "max": 21, "baseFeeUpdateFraction": 11684671}
        }
    });
    for (key, value) in config.as_object().unwrap() {
        all[key] = value.clone();
    }
    let genesis = json!({"config": all, "gasLimit": "0x5f5e100", "difficulty": "0x20000", "alloc": {}});
    ChainSpec::from_json("test.json", genesis.to_string().as_bytes()).unwrap()
}

#[test]
fn each_block_runs_under_the_newest_fork_reached() {
    let spec = chain();
    for (number, timestamp, merged, expected) in [
        (0, 0, false, SpecId::HOMESTEAD),
        (2, 20, false, SpecId::HOMESTEAD),
        (3, 30, false, SpecId::TANGERINE),
        (6, 60, false, SpecId::SPURIOUS_DRAGON),
        (9, 90, false, SpecId::BYZANTIUM),
        (12, 120, false, SpecId::PETERSBURG),
        (15, 150, false, SpecId::PETERSBURG),
        (18, 180, false, SpecId::ISTANBUL),
        (23, 230, false, SpecId::ISTANBUL),
        (24, 240, false, SpecId::BERLIN),
        (27, 270, false, SpecId::LONDON),
        (36, 360, false, SpecId::LONDON),
        (36, 360, true, SpecId::MERGE),
        (38, 389, true, SpecId::MERGE),
        (39, 390, true, SpecId::SHANGHAI),
        (42, 420, true, SpecId::CANCUN),
        (45, 450, true, SpecId::PRAGUE),
        (48, 480, true, SpecId::OSAKA),
        (99, 999, true, SpecId::OSAKA),
        (99, 999, false, SpecId::LONDON),
    ] {
        assert_eq!(spec.forks_at(number, timestamp, merged).spec_id(), expected, "block {number}, merged {merged}");
    }
}

#[test]
fn a_chain_without_forks_stays_frontier() {
    let json = br#"{"config": {"chainId": 1}, "gasLimit": 5000, "difficulty": 1, "alloc": {}}"#;
    let spec = ChainSpec::from_json("test.json", json).unwrap();
    assert_eq!(spec.forks_at(u64::MAX, u64::MAX, false).spec_id(), SpecId::FRONTIER);
    assert_eq!(spec.schedule().activations().count(), 1);
}

#[test]
fn constantinople_alone_has_net_gas_metering_until_petersburg() {
    let spec = chain();
    assert!(!spec.forks_at(11, 110, false).has_net_gas_metering());
    assert!(spec.forks_at(12, 120, false).has_net_gas_metering());
    assert!(!spec.forks_at(15, 150, false).has_net_gas_metering());
}

#[test]
fn the_executor_sees_paris_by_difficulty_and_later_forks_only_after_it() {
    let spec = chain();
    let before = spec.forks_at(40, 500, false);
    let after = spec.forks_at(40, 500, true);
    assert_eq!(before.ethereum_fork_activation(EthereumHardfork::Paris), ForkCondition::Never);
    assert!(after.is_paris_active_at_block(40));
    assert!(!before.is_cancun_active_at_timestamp(500));
    assert!(after.is_cancun_active_at_timestamp(500) && after.is_osaka_active_at_timestamp(500));
    assert_eq!(after.ethereum_fork_activation(EthereumHardfork::Amsterdam), ForkCondition::Never);
    assert_eq!(after.ethereum_fork_activation(EthereumHardfork::Berlin), ForkCondition::Block(24));
    assert_eq!(after.ethereum_fork_activation(EthereumHardfork::Frontier), ForkCondition::Block(0));
    assert!(after.deposit_contract().is_some());
}

#[test]
fn the_dao_fork_happens_only_with_support() {
    let dao = |support: bool| with(json!({"daoForkBlock": 2, "daoForkSupport": support}));
    let activation = |spec: &ChainSpec| spec.forks_at(2, 0, false).ethereum_fork_activation(EthereumHardfork::Dao);
    assert_eq!(activation(&dao(true)), ForkCondition::Block(2));
    assert_eq!(activation(&dao(false)), ForkCondition::Never);
    assert_eq!(dao(true).forks_at(2, 0, false).spec_id(), SpecId::HOMESTEAD);
}

#[test]
fn blob_parameters_follow_the_schedule_and_the_fork() {
    let spec = chain();
    let blobs = |timestamp| {
        let params = spec.forks_at(50, timestamp, true).blob_params()?;
        Some((params.target_blob_count, params.max_blob_count, params.max_blobs_per_tx, params.blob_base_cost))
    };
    assert_eq!(blobs(419), None);
    assert_eq!(blobs(420), Some((3, 6, 6, 0)));
    assert_eq!(blobs(450), Some((6, 9, 9, 0)));
    assert_eq!(blobs(480), Some((6, 9, 6, 8192)));
    assert_eq!(blobs(510), Some((10, 15, 6, 8192)));
    assert_eq!(blobs(540), Some((14, 21, 6, 8192)));
    assert_eq!(spec.forks_at(50, 540, false).blob_params(), None);
}

#[test]
fn a_file_without_blob_schedule_has_mainnets() {
    let spec = with(json!({"blobSchedule": null, "bpo1Time": null, "bpo2Time": null}));
    let params = spec.forks_at(50, 480, true).blob_params().unwrap();
    assert_eq!((params.target_blob_count, params.max_blob_count, params.update_fraction), (6, 9, 5_007_716));
}

fn parent(base_fee: Option<u64>, gas_used: u64, gas_limit: u64) -> Header {
    Header { base_fee_per_gas: base_fee, gas_used, gas_limit, ..Default::default() }
}

#[test]
fn base_fee_moves_as_eip_1559_says() {
    let spec = chain();
    let london = spec.forks_at(27, 270, false);
    for (base_fee, gas_used, gas_limit, expected) in [
        (1_000_000_000, 10_000_000, 10_000_000, 1_125_000_000),
        (1_000_000_000, 10_000_000, 12_000_000, 1_083_333_333),
        (1_049_238_967, 0, 2_000_000, 918_084_097),
        (1_072_671_875, 9_000_000, 10_000_000, 1_179_939_062),
        (7, 5_000_000, 10_000_000, 7),
        (0, 10_000_000, 18_000_000, 1),
        (0, 0, 18_000_000, 0),
        (u64::MAX, 10_000_000, 10_000_000, u64::MAX),
        (9, 1, 1, 9),
    ] {
        let next = spec.next_base_fee(&parent(Some(base_fee), gas_used, gas_limit), london);
        assert_eq!(next, Some(expected), "{base_fee} {gas_used}/{gas_limit}");
    }
}

#[test]
fn base_fee_begins_with_london() {
    let spec = chain();
    assert_eq!(spec.next_base_fee(&parent(None, 0, 1_000_000), spec.forks_at(26, 260, false)), None);
    let first = spec.next_base_fee(&parent(None, 1_000_000, 1_000_000), spec.forks_at(27, 270, false));
    assert_eq!(first, Some(params::INITIAL_BASE_FEE));
}

#[test]
fn base_fee_of_a_network_follows_its_rule() {
    let next = |rule, base_fee, gas_used| {
        let mut network = network();
        network.base_fee = rule;
        let spec = read(network);
        spec.next_base_fee(&parent(Some(base_fee), gas_used, 40_000_000), spec.forks_at(1, 1, true)).unwrap()
    };
    assert_eq!(next(BaseFeeRule::Dynamic { minimum: 950 }, 1_000, 0), 950);
    assert_eq!(next(BaseFeeRule::Dynamic { minimum: 800 }, 1_000, 0), 875);
    assert_eq!(next(BaseFeeRule::Dynamic { minimum: 800 }, 1_000, 40_000_000), 1_125);
    assert_eq!(next(BaseFeeRule::Fixed { value: 42 }, 42, 40_000_000), 42);
    assert_eq!(next(BaseFeeRule::Zero, 0, 40_000_000), 0);
}

const BLOB_GAS: u64 = 131_072;

fn blobs(excess: u64, used: u64, base_fee: u64) -> Header {
    Header {
        excess_blob_gas: Some(excess),
        blob_gas_used: Some(used),
        base_fee_per_gas: Some(base_fee),
        ..Default::default()
    }
}

fn next_excess(spec: &ChainSpec, parent: &Header, timestamp: u64) -> Option<u64> {
    spec.next_excess_blob_gas(parent, spec.forks_at(50, timestamp, true))
}

#[test]
fn excess_blob_gas_falls_by_the_childs_target() {
    let spec = chain();
    assert_eq!(next_excess(&spec, &blobs(0, 0, 7), 419), None);
    assert_eq!(next_excess(&spec, &Header::default(), 420), Some(0));
    assert_eq!(next_excess(&spec, &blobs(0, 3 * BLOB_GAS, 7), 420), Some(0));
    assert_eq!(next_excess(&spec, &blobs(BLOB_GAS, 3 * BLOB_GAS, 7), 420), Some(BLOB_GAS));
    assert_eq!(next_excess(&spec, &blobs(BLOB_GAS, 6 * BLOB_GAS, 7), 450), Some(BLOB_GAS));
    assert_eq!(next_excess(&spec, &blobs(u64::MAX, 6 * BLOB_GAS, 7), 420), Some(u64::MAX - 3 * BLOB_GAS));
}

#[test]
fn excess_blob_gas_does_not_fall_while_blobs_are_below_the_reserve_price() {
    let spec = chain();
    // Blob fee 1: the reserve is passed when 8192 * base fee > 131072, so from 17 wei on.
    let parent = |base_fee| blobs(10 * BLOB_GAS, 6 * BLOB_GAS, base_fee);
    assert_eq!(next_excess(&spec, &parent(16), 480), Some(10 * BLOB_GAS));
    assert_eq!(next_excess(&spec, &parent(17), 480), Some(12 * BLOB_GAS));
    assert_eq!(next_excess(&spec, &parent(17), 479), Some(10 * BLOB_GAS));
    assert_eq!(next_excess(&spec, &parent(17), 510), Some(12 * BLOB_GAS));
    // Below the target nothing is left over, whatever the price.
    assert_eq!(next_excess(&spec, &blobs(0, 5 * BLOB_GAS, 1_000), 480), Some(0));
}

#[test]
fn a_schedule_may_be_seen_from_any_block() {
    let spec = chain();
    let forks: BlockForks<'_> = spec.forks_at(u64::MAX, u64::MAX, true);
    assert_eq!(forks.spec_id(), SpecId::OSAKA);
    assert_eq!(spec.terminal_total_difficulty(), Some(U256::from(4_732_352)));
}
