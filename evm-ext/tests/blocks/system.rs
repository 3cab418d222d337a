//! The tail of blocks: contracts' functions that the protocol calls, the same on every validator.
use crate::network::{ETHER, GWEI, Network, alice, bob, sign, transaction};
use alloy_consensus::{Transaction as _, TxEip1559, proofs::calculate_transaction_root};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, TxKind, U256, hex};
use alloy_sol_types::{SolCall, SolEvent, sol};
use pervade_chainspec::{
    Activation,
    params::{SYSTEM_ACCOUNT, THINGS_ADDRESS},
};
use pervade_evm_ext::{BlockError, execute_block, recover_block, validate_block};
use pervade_storage::{Block, ExecutedBlock, StateReader, Transaction};
use std::sync::Arc;

sol!("../contracts/IThings.sol");
use IThings::{Comparison, Trigger, TriggerKind};

/// Forwards what others call to the precompile; counts the precompile's own calls in slot 0 and keeps who called in
/// slot 1, then goes on with `then`.
pub(crate) fn contract(then: &str) -> Vec<u8> {
    let forward = format!("365f5f375f5f365f3473{}5af13d5f5f3e6032573d5ffd5b3d5ff3", hex::encode(THINGS_ADDRESS));
    hex::decode(format!("3361710114603657{forward}5b5f546001015f5533600155{then}")).unwrap()
}

pub(crate) fn create(nonce: u64, code: &[u8]) -> Transaction {
    crate::network::creation(&bob(), nonce, code)
}

pub(crate) fn network() -> Network {
    Network::with(|params| {
        params.precompiles.things = Activation::Block(0);
        params.precompiles.governance = Activation::Block(0);
    })
}

fn trigger(first_time: u64) -> Trigger {
    Trigger {
        kind: TriggerKind::Every,
        thing: B256::ZERO,
        otherThing: B256::ZERO,
        model: B256::ZERO,
        property: B256::ZERO,
        comparison: Comparison::Less,
        threshold: I256::ZERO,
        exponent: 0,
        hysteresis: U256::ZERO,
        radiusMetres: 0,
        maxAge: 0,
        firstTime: first_time,
        interval: 10,
        maxFirings: 0,
        action: FixedBytes([1, 2, 3, 4]),
        actionGas: 200_000,
        maxFeePerGas: 100 * GWEI,
    }
}

fn watch(nonce: u64, to: Address, of: Trigger) -> Transaction {
    let input: Bytes = IThings::watchCall { trigger: of }.abi_encode().into();
    transaction(&bob(), nonce, TxKind::Call(to), U256::from(ETHER), 2_000_000, input)
}

/// Checks a proposal as another validator does, and commits it.
pub(crate) fn commit(network: &Network, executed: &ExecutedBlock) {
    check(network, executed.block.block.clone()).unwrap();
    network.storage.commit(executed.clone()).unwrap();
}

fn check(network: &Network, block: Block) -> Result<(), BlockError> {
    let block = recover_block(block, &|_| None)?;
    let head = network.storage.head();
    validate_block(&network.spec, head.header(), U256::ZERO, &block, &network.storage)?;
    execute_block(&network.spec, &network.storage.latest_view(), Arc::new(block), true, U256::ZERO).map(|_| ())
}

pub(crate) fn slot(network: &Network, address: Address, slot: u64) -> U256 {
    network.storage.latest_view().storage(&address, &U256::from(slot)).unwrap()
}

/// A network with a contract whose function is due from block 2 on.
pub(crate) fn with_due_work(then: &str) -> (Network, Address) {
    let network = network();
    let contract_address = bob().address().create(0);
    let (proposal, _) = network.propose([create(0, &contract(then)), watch(1, contract_address, trigger(1_005))]);
    assert!(proposal.executed.receipts.iter().all(|receipt| receipt.success()), "{:?}", proposal.refused);
    commit(&network, &proposal.executed);
    (network, contract_address)
}

#[test]
fn a_due_action_is_the_last_transaction_of_the_block_and_calls_in_the_precompiles_name() {
    let (network, contract) = with_due_work("00");
    let (early, _) = network.propose_after(4, []);
    assert!(early.executed.block.block.body.transactions.is_empty());
    let transfer = transaction(&alice(), 0, TxKind::Call(Address::repeat_byte(9)), U256::ONE, 21_000, vec![]);
    let (proposal, _) = network.propose_after(5, [transfer]);
    let block = &proposal.executed.block;
    let tail = &block.block.body.transactions[1];
    assert_eq!(block.senders, [alice().address(), SYSTEM_ACCOUNT]);
    assert_eq!((tail.nonce(), tail.gas_price(), tail.to()), (0, Some(0), Some(THINGS_ADDRESS)));
    assert_eq!(tail.input()[..], [&[1][..], &[0; 30], &[1]].concat());
    let receipt = &proposal.executed.receipts[1];
    assert!(receipt.success());
    let triggered = IThings::Triggered::decode_log_data(&receipt.logs.last().unwrap().data).unwrap();
    assert!(triggered.succeeded && triggered.firing == 1);
    commit(&network, &proposal.executed);
    assert_eq!(slot(&network, contract, 0), U256::ONE);
    assert_eq!(slot(&network, contract, 1), U256::from_be_slice(THINGS_ADDRESS.as_slice()));
    let view = network.storage.latest_view();
    let paid = U256::from(ETHER) - view.account(&THINGS_ADDRESS).unwrap().unwrap().balance;
    assert!(paid > U256::ZERO && paid < U256::from(ETHER / 100), "{paid}");
    assert_eq!(view.account(&SYSTEM_ACCOUNT).unwrap().unwrap().nonce, 1);
    let (next, _) = network.propose_after(9, []);
    assert!(next.executed.block.block.body.transactions.is_empty());
    let (next, _) = network.propose_after(10, []);
    assert_eq!(next.executed.block.block.body.transactions[0].nonce(), 1);
    commit(&network, &next.executed);
    assert_eq!(slot(&network, contract, 0), U256::from(2));
}

#[test]
fn a_callback_that_fails_harms_nothing_else() {
    // Reverting; burning all gas; returning a megabyte; destroying itself.
    for then in ["5f5ffd", "fe", "6210000080f3", "33ff"] {
        let (network, contract) = with_due_work(then);
        let (proposal, _) = network.propose_after(5, []);
        let receipt = &proposal.executed.receipts[0];
        assert!(receipt.success(), "{then}");
        let triggered = IThings::Triggered::decode_log_data(&receipt.logs.last().unwrap().data).unwrap();
        let fails = matches!(then, "5f5ffd" | "fe" | "6210000080f3");
        assert_eq!(triggered.succeeded, !fails, "{then}");
        assert!(receipt.cumulative_gas_used <= 724_000, "{then}: {}", receipt.cumulative_gas_used);
        commit(&network, &proposal.executed);
        assert_eq!(slot(&network, contract, 0), U256::from(u64::from(!fails)), "{then}");
    }
}

#[test]
fn a_block_without_its_tail_or_with_another_is_invalid() {
    let (network, _) = with_due_work("00");
    let (proposal, _) = network.propose_after(5, []);
    let good = proposal.executed.block.block.clone();
    check(&network, good.clone()).unwrap();
    let tail = good.body.transactions[0].clone();
    let again = [tail.clone(), tail];
    for transactions in [vec![], again.to_vec()] {
        let mut block = good.clone();
        block.body.transactions = transactions;
        block.header.transactions_root = calculate_transaction_root(&block.body.transactions);
        let error = check(&network, block).unwrap_err();
        assert!(matches!(error, BlockError::Invalid { field: "transactions", .. }), "{error}");
    }
}

#[test]
fn users_leave_the_systems_share_free_while_work_is_due() {
    let (network, _) = with_due_work("00");
    let big = |nonce| transaction(&alice(), nonce, TxKind::Call(Address::ZERO), U256::ZERO, 16_000_000, vec![]);
    let burn = hex::decode("60015b600157").unwrap();
    let (burner, loops) = (create(2, &burn), bob().address().create(2));
    let (proposal, _) = network.propose([burner]);
    commit(&network, &proposal.executed);
    let burning = |nonce, gas| {
        let burning = TxEip1559 {
            chain_id: crate::network::CHAIN_ID,
            nonce,
            gas_limit: gas,
            max_fee_per_gas: 100 * GWEI,
            to: TxKind::Call(loops),
            ..TxEip1559::default()
        };
        sign(&alice(), burning)
    };
    // 30 million in all; 6 million are the system's: after 14 burnt, 10 are left to users, not 16.
    let (without, refused) = network.propose([burning(0, 14_000_000), big(1)]);
    assert_eq!((without.executed.block.block.body.transactions.len(), refused.refused), (2, 0));
    let (with, refused) = network.propose_after(5, [burning(0, 14_000_000), big(1)]);
    let transactions = &with.executed.block.block.body.transactions;
    assert_eq!((transactions.len(), refused.refused), (2, 1));
    assert_eq!(with.executed.block.senders[1], SYSTEM_ACCOUNT);
    commit(&network, &with.executed);
}
