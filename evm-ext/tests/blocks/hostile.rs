//! What contracts do when the protocol calls them harms nobody else. `Hostile` is `tests/contracts/Hostile.sol`.
use crate::{
    network::{CHAIN_ID, ETHER, GWEI, Network, alice, bob, sign, transaction},
    system::{commit, slot},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, TxKind, U256, hex};
use alloy_sol_types::{SolCall, SolEvent, SolValue, sol};
use pervade_chainspec::{
    PrecompileActivations,
    params::{CALLBACK_GAS_MAX, SYSTEM_ACCOUNT},
};
use pervade_storage::{ExecutedBlock, StateReader};

sol!("../contracts/IThings.sol");

sol! {
    #![sol(all_derives)]
    enum Deed { Nothing, Revert, BurnGas, ReturnMegabyte, SelfDestruct, CallEverything, Unwatch, Wake, Again }
    function watch(uint64 firstTime) external payable returns (uint256);
}

const CODE: &str = include_str!("../../../tests/contracts/Hostile.hex");
/// Slots of the contract: how often it was called, and which of its calls succeeded.
const CALLS: u64 = 1;
const OUTCOMES: u64 = 2;

/// A network where a hostile contract's function and a harmless one's are due from the first second after the genesis.
fn with(deed: Deed) -> (Network, [Address; 2]) {
    let network = Network::with(|params| params.precompiles = PrecompileActivations::all_from_genesis());
    let contracts = [0, 1].map(|nonce| bob().address().create(nonce));
    let create = |nonce, deed: Deed| {
        let code = [hex::decode(CODE.trim()).unwrap(), U256::from(deed as u8).abi_encode()].concat();
        transaction(&bob(), nonce, TxKind::Create, U256::from(ETHER), 5_000_000, code)
    };
    let watch = |nonce, to| {
        let input = watchCall { firstTime: 1_001 }.abi_encode();
        transaction(&bob(), nonce, TxKind::Call(to), U256::from(ETHER), 2_000_000, input)
    };
    let transactions = [create(0, deed), create(1, Deed::Nothing), watch(2, contracts[0]), watch(3, contracts[1])];
    let (proposal, _) = network.propose(transactions);
    assert!(proposal.executed.receipts.iter().all(|receipt| receipt.success()), "{:?}", proposal.refused);
    commit(&network, &proposal.executed);
    (network, contracts)
}

/// The next block, checked as another validator does.
fn block(network: &Network, seconds: u64) -> ExecutedBlock {
    let transfer = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: network.storage.latest_view().account(&alice().address()).unwrap().unwrap().nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100 * GWEI,
        to: TxKind::Call(Address::repeat_byte(9)),
        value: U256::ONE,
        ..TxEip1559::default()
    };
    let (proposal, _) = network.propose_after(seconds, [sign(&alice(), transfer)]);
    commit(network, &proposal.executed);
    proposal.executed
}

/// Trigger and success of each action that ran.
fn triggered(executed: &ExecutedBlock) -> Vec<(u64, bool)> {
    let logs = executed.receipts.iter().flat_map(|receipt| &receipt.logs);
    let events = logs.filter_map(|log| IThings::Triggered::decode_log_data(&log.data).ok());
    events.map(|event| (event.triggerId.to(), event.succeeded)).collect()
}

#[test]
fn whatever_one_action_does_the_others_run_and_the_block_keeps_its_limits() {
    for (deed, succeeds) in [
        (Deed::Nothing, true),
        (Deed::Revert, false),
        (Deed::BurnGas, false),
        // Memory of a megabyte costs more than an action may.
        (Deed::ReturnMegabyte, false),
        (Deed::SelfDestruct, true),
    ] {
        let (network, [hostile, harmless]) = with(deed);
        let executed = block(&network, 1);
        assert_eq!(triggered(&executed), [(1, succeeds), (2, true)], "{deed:?}");
        assert!(executed.receipts.iter().all(|receipt| receipt.success()), "{deed:?}");
        let most = 21_000 + 2 * (u64::from(CALLBACK_GAS_MAX) + 524_000);
        assert!(executed.block.header().gas_used <= most, "{deed:?}: {}", executed.block.header().gas_used);
        assert_eq!(slot(&network, harmless, CALLS), U256::ONE, "{deed:?}");
        let kept = U256::from(u64::from(succeeds));
        assert_eq!(slot(&network, hostile, CALLS), kept, "{deed:?}");
        // It goes on in its own time, like the other one.
        assert_eq!(triggered(&block(&network, 10)), [(1, succeeds), (2, true)], "{deed:?}");
    }
}

#[test]
fn an_action_may_call_every_precompile_and_gets_no_further_than_anybody_else() {
    let (network, [hostile, _]) = with(Deed::CallEverything);
    let executed = block(&network, 1);
    assert_eq!(triggered(&executed), [(1, true), (2, true)]);
    assert_eq!(slot(&network, hostile, OUTCOMES), U256::from(0b111_1111), "the first seven of eleven calls");
    // The trigger that it set is due in the next block, behind nobody.
    let next = block(&network, 0);
    assert_eq!(triggered(&next), [(3, true)]);
}

#[test]
fn an_action_that_takes_its_own_trigger_back_runs_once_and_pays_for_it() {
    let (network, [hostile, _]) = with(Deed::Unwatch);
    assert_eq!(triggered(&block(&network, 1)), [(1, true), (2, true)]);
    assert_eq!(slot(&network, hostile, CALLS), U256::ONE);
    assert_eq!(triggered(&block(&network, 10)), [(2, true)]);
    let view = network.storage.latest_view();
    assert_eq!(view.account(&SYSTEM_ACCOUNT).unwrap().unwrap().nonce, 3);
}

#[test]
fn an_action_cannot_wake_its_own_trigger_and_what_it_sets_waits_for_the_next_block() {
    let (network, [hostile, _]) = with(Deed::Wake);
    assert_eq!(triggered(&block(&network, 1)), [(1, true), (2, true)]);
    assert_eq!(slot(&network, hostile, OUTCOMES), U256::ZERO, "it does not sleep while it runs");
    let (network, _) = with(Deed::Again);
    assert_eq!(triggered(&block(&network, 1)), [(1, true), (2, true)]);
    assert_eq!(triggered(&block(&network, 0)), [(3, true)], "once a block, not for ever in one");
    assert_eq!(triggered(&block(&network, 0)), [(4, true)]);
}
