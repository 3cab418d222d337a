//! The example contracts: a first version, a second one, and the data of both.
use super::*;
use crate::precompiles::harness::CHAIN_ID;
use alloy_primitives::TxKind;
use alloy_sol_types::sol;
use revm::{DatabaseCommit, ExecuteEvm, context::TxEnv, context::result::ExecutionResult};

sol! {
    interface IMyContract {
        error NotUpgrader(address caller);
        error AlreadyHandedOver(address successor);
        function database() external view returns (bytes32);
        function isActive() external view returns (bool);
        function handOver(address next) external;
        function register(bytes32 sensor, string calldata place) external;
        function record(bytes32 sensor, uint64 timeMs, int64 value) external;
        function latest(bytes32 sensor) external view returns (uint64 timeMs, int64 value);
        function sensors(uint256 cursor, uint256 limit) external view returns (bytes32[] memory keys, uint256 next);
        function setAlarm(bytes32 sensor, int64 above) external;
        event Alarm(bytes32 indexed sensor, uint64 timeMs, int64 value);
    }
}
use IMyContract as contract;

/// Deploys an example with the database of the version before.
fn deploy(harness: &mut Harness, code: &str, inherited: B256) -> Address {
    let code = hex::decode(code.trim()).unwrap();
    let transaction = TxEnv {
        caller: ALICE,
        kind: TxKind::Create,
        data: [code, inherited.to_vec()].concat().into(),
        gas_limit: 10_000_000,
        chain_id: Some(CHAIN_ID),
        ..TxEnv::default()
    };
    let output = harness.evm.transact(transaction).unwrap();
    harness.evm.ctx.journaled_state.database.commit(output.state);
    match output.result {
        ExecutionResult::Success { output, .. } => *output.address().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_second_version_goes_on_with_the_data_and_the_first_is_shut_out() {
    let mut harness = Harness::new(Vec::new(), &[ALICE, BOB]);
    let first = deploy(&mut harness, include_str!("../../../../tests/contracts/MyContractDB.hex"), B256::ZERO);
    let call = |harness: &mut Harness, from, to, call: Vec<u8>| harness.transact(from, to, U256::ZERO, call.into());
    let sensor = key(7);
    let register = contract::registerCall { sensor, place: "cold room".into() }.abi_encode();
    call(&mut harness, BOB, first, register).unwrap();
    let record = |at, value| contract::recordCall { sensor, timeMs: at, value }.abi_encode();
    call(&mut harness, BOB, first, record(1_000, -40)).unwrap();

    let database = harness.send(BOB, first, U256::ZERO, &contract::databaseCall {}).unwrap();
    let second = deploy(&mut harness, include_str!("../../../../tests/contracts/MyContractDBV2.hex"), database);
    let too_early = call(&mut harness, BOB, second, record(2_000, 1)).unwrap_err();
    assert!(too_early.is(&abi::NotAuthorized { caller: second }), "not before it is handed over");
    let hand_over = contract::handOverCall { next: second }.abi_encode();
    let stranger = call(&mut harness, BOB, first, hand_over.clone()).unwrap_err();
    assert!(stranger.is(&contract::NotUpgrader { caller: BOB }));
    call(&mut harness, ALICE, first, hand_over.clone()).unwrap();
    let again = call(&mut harness, ALICE, first, hand_over).unwrap_err();
    assert!(again.is(&contract::AlreadyHandedOver { successor: second }));

    let shut_out = call(&mut harness, BOB, first, record(3_000, 1)).unwrap_err();
    assert!(shut_out.is(&abi::NotAuthorized { caller: first }));
    assert!(!harness.send(BOB, first, U256::ZERO, &contract::isActiveCall {}).unwrap());
    let latest = harness.send(BOB, second, U256::ZERO, &contract::latestCall { sensor }).unwrap();
    assert_eq!((latest.timeMs, latest.value), (1_000, -40), "the data of the first version");
    call(&mut harness, BOB, second, contract::setAlarmCall { sensor, above: 5 }.abi_encode()).unwrap();
    call(&mut harness, BOB, second, record(4_000, 6)).unwrap();
    let alarm = harness.logs.last().unwrap();
    assert_eq!((alarm.address, alarm.data.topics()[1]), (second, sensor));
    let first_read = harness.send(BOB, first, U256::ZERO, &contract::latestCall { sensor }).unwrap();
    assert_eq!((first_read.timeMs, first_read.value), (4_000, 6), "reading is free to all");
    let page = contract::sensorsCall { cursor: U256::ZERO, limit: U256::from(9) };
    assert_eq!(harness.send(BOB, second, U256::ZERO, &page).unwrap().keys, [sensor]);
}
