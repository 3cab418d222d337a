//! Proposed blocks are valid ones, and nothing else is.
use crate::network::{ETHER, GWEI, Network, alice, bob, creation, sign, transaction};
use alloy_consensus::{Transaction as _, TxEip1559};
use alloy_primitives::{Address, B256, TxKind, U256, keccak256};
use pervade_chainspec::BaseFeeRule;
use pervade_evm_ext::{BlockError, execute_block, recover_block, validate_block};
use pervade_storage::{Block, RecoveredBlock, StateReader};
use std::sync::Arc;

fn transfer(nonce: u64, wei: u64) -> pervade_storage::Transaction {
    transaction(&alice(), nonce, TxKind::Call(Address::repeat_byte(9)), U256::from(wei), 21_000, vec![])
}

/// Validates and executes a block on the head as another validator does.
fn check(network: &Network, block: Block) -> Result<(), BlockError> {
    let block = recover_block(block, &|_| None)?;
    let head = network.storage.head();
    validate_block(&network.spec, head.header(), U256::ZERO, &block, &network.storage)?;
    execute_block(&network.spec, &network.storage.latest_view(), Arc::new(block), true, U256::ZERO).map(|_| ())
}

fn field(result: Result<(), BlockError>) -> &'static str {
    match result {
        Err(BlockError::Invalid { field, .. }) => field,
        Err(BlockError::Transaction { .. }) => "transaction",
        other => panic!("{other:?}"),
    }
}

/// Makes one field of a block wrong.
type Breakage = fn(&mut Block);

#[test]
fn a_proposal_is_what_validators_compute() {
    let network = Network::new(BaseFeeRule::default());
    for round in 0..3u64 {
        let first = round * 3;
        let transactions = [
            transfer(first, 5),
            creation(&alice(), first + 1, &[0x5f, 0x5f, 0xa0]),
            transaction(&alice(), first + 2, TxKind::Call(alice().address().create(1)), U256::ZERO, 50_000, vec![]),
        ];
        let (proposal, _) = network.propose(transactions);
        let executed = proposal.executed;
        let block = Block::clone(&executed.block.block);
        check(&network, block.clone()).unwrap();
        let recovered = recover_block(block, &|_| None).unwrap();
        assert_eq!(recovered, RecoveredBlock::clone(&executed.block));
        let view = network.storage.latest_view();
        let again = execute_block(&network.spec, &view, executed.block.clone(), true, U256::ZERO).unwrap();
        assert_eq!(again.receipts, executed.receipts);
        assert_eq!(again.state.state_root, executed.state.state_root);
        network.storage.commit(executed).unwrap();
    }
    let view = network.storage.latest_view();
    assert_eq!(view.account(&Address::repeat_byte(9)).unwrap().unwrap().balance, U256::from(15));
    assert_eq!(network.storage.receipts(2).unwrap().unwrap()[2].logs.len(), 1);
}

#[test]
fn an_empty_block_has_the_protocols_header() {
    let network = Network::new(BaseFeeRule::Zero);
    let genesis = network.storage.head();
    let block = network.produce([]).block;
    let header = block.header();
    assert_eq!(header.mix_hash, keccak256(genesis.hash));
    assert_eq!(header.extra_data, genesis.header().extra_data);
    assert_eq!(header.parent_beacon_block_root, Some(B256::ZERO));
    assert_eq!((header.blob_gas_used, header.excess_blob_gas), (Some(0), Some(0)));
    assert_eq!((header.base_fee_per_gas, header.gas_limit), (Some(0), genesis.header().gas_limit));
    assert_eq!(header.timestamp, genesis.header().timestamp, "neighbours may share a timestamp");
}

#[test]
fn invalid_candidates_are_refused_and_leave_no_trace() {
    let network = Network::new(BaseFeeRule::default());
    let too_much =
        transaction(&bob(), 0, TxKind::Call(Address::ZERO), U256::from(ETHER) * U256::from(11), 21_000, vec![]);
    let (proposal, queue) = network.propose([transfer(7, 1), too_much.clone(), transfer(0, 1)]);
    assert_eq!(proposal.executed.block.block.body.transactions.len(), 1);
    assert_eq!(queue.refused, 2);
    let refused: Vec<_> = proposal.refused.iter().map(|(hash, _)| *hash).collect();
    assert_eq!(refused, [*too_much.tx_hash()], "a nonce gap closes later: no reason to drop it");
    check(&network, proposal.executed.block.block.clone()).unwrap();
}

#[test]
fn what_does_not_fit_into_the_block_waits() {
    let network = Network::new(BaseFeeRule::default());
    let big = |nonce, gas| transaction(&alice(), nonce, TxKind::Call(Address::ZERO), U256::ZERO, gas, vec![]);
    // Each uses 21,000 of its limit; the limit must fit into what is left of 30 million.
    let (proposal, queue) = network.propose([big(0, 16_000_000), big(1, 16_000_000), big(2, 16_000_000)]);
    assert_eq!((proposal.executed.block.block.body.transactions.len(), queue.refused), (3, 0));
    let burn = creation(&bob(), 0, &[0x5b, 0x5f, 0x56]); // JUMPDEST PUSH0 JUMP: an endless loop
    network.produce([burn]);
    let looping = TxKind::Call(bob().address().create(0));
    let burn = |nonce| transaction(&bob(), nonce, looping, U256::ZERO, 16_000_000, vec![]);
    let (proposal, queue) = network.propose([burn(1), burn(2), transfer(0, 1)]);
    let gas: Vec<_> = proposal.executed.block.block.body.transactions.iter().map(|tx| tx.gas_limit()).collect();
    assert_eq!((gas, queue.refused, proposal.refused.len()), (vec![16_000_000, 21_000], 1, 0));
}

#[test]
fn a_free_network_takes_transactions_without_money() {
    let network = Network::new(BaseFeeRule::Zero);
    let nobody = alloy_signer_local::PrivateKeySigner::from_bytes(&B256::repeat_byte(3)).unwrap();
    let free = TxEip1559 {
        chain_id: crate::network::CHAIN_ID,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(9)),
        ..TxEip1559::default()
    };
    let executed = network.produce([sign(&nobody, free)]);
    assert!(executed.receipts[0].success());
}

#[test]
fn every_header_field_is_checked() {
    let network = Network::new(BaseFeeRule::default());
    let (proposal, _) = network.propose([transfer(0, 1)]);
    let good = proposal.executed.block.block.clone();
    check(&network, good.clone()).unwrap();
    let broken: [(&str, Breakage); 19] = [
        ("number", |block| block.header.number += 1),
        ("timestamp", |block| block.header.timestamp -= 1),
        ("gasLimit", |block| block.header.gas_limit += 1),
        ("gasUsed", |block| block.header.gas_used += 1),
        ("mixHash", |block| block.header.mix_hash = B256::ZERO),
        ("extraData", |block| block.header.extra_data = vec![7; 32].into()),
        ("extraData", |block| block.header.extra_data = vec![7; 33].into()),
        ("difficulty", |block| block.header.difficulty = U256::ONE),
        ("nonce", |block| block.header.nonce = [1; 8].into()),
        ("baseFeePerGas", |block| block.header.base_fee_per_gas = Some(GWEI as u64 + 1)),
        ("excessBlobGas", |block| block.header.excess_blob_gas = None),
        ("parentBeaconBlockRoot", |block| block.header.parent_beacon_block_root = Some(B256::repeat_byte(1))),
        ("requestsHash", |block| block.header.requests_hash = None),
        ("requestsHash", |block| block.header.requests_hash = Some(B256::ZERO)),
        ("stateRoot", |block| block.header.state_root = B256::ZERO),
        ("receiptsRoot", |block| block.header.receipts_root = B256::ZERO),
        ("logsBloom", |block| block.header.logs_bloom.0[0] ^= 1),
        ("transactionsRoot", |block| block.body.transactions.clear()),
        ("withdrawalsRoot", |block| block.body.withdrawals = None),
    ];
    for (name, breaks) in broken {
        let mut block = good.clone();
        breaks(&mut block);
        assert_eq!(field(check(&network, block)), name);
    }
}

#[test]
fn the_system_account_sends_only_what_the_protocol_computes() {
    let network = Network::new(BaseFeeRule::Zero);
    let key = pervade_chainspec::params::SYSTEM_ACCOUNT_KEY;
    let system = alloy_signer_local::PrivateKeySigner::from_bytes(&key).unwrap();
    let free = TxEip1559 {
        chain_id: crate::network::CHAIN_ID,
        gas_limit: 21_000,
        to: TxKind::Call(Address::repeat_byte(9)),
        ..TxEip1559::default()
    };
    let transaction = sign(&system, free);
    let (proposal, queue) = network.propose([transaction.clone()]);
    assert_eq!((queue.refused, proposal.refused.len()), (1, 1));
    let mut block = proposal.executed.block.block.clone();
    block.body.transactions.push(transaction);
    block.header.transactions_root = alloy_consensus::proofs::calculate_transaction_root(&block.body.transactions);
    assert_eq!(field(check(&network, block)), "transactions");
}
