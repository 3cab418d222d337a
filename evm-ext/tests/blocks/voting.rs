//! Votes change what headers say and who may send, two blocks later, on every validator.
use crate::network::{Network, PROPOSER, alice, bob, transaction};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolValue, sol};
use pervade_chainspec::{
    Activation, PermissionRule, ValidatorConfig,
    params::{GAS_LIMIT_MIN, GOVERNANCE_ADDRESS},
    validator_set_hash,
};
use pervade_evm_ext::{
    execute_block,
    governance::{chain_settings, permissions, validator_set},
    recover_block, validate_block,
};
use pervade_storage::{ExecutedBlock, Transaction};
use std::sync::Arc;

sol!("../contracts/IGovernance.sol");
use IGovernance::Action;

/// The network's one validator.
fn validator() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(0x55)).unwrap()
}

fn network(permissions: PermissionRule) -> Network {
    Network::with(|params| {
        params.validators[0].account = validator().address();
        params.funded.push((validator().address(), U256::from(crate::network::ETHER)));
        params.precompiles.governance = Activation::Block(0);
        params.permissions = permissions;
    })
}

fn propose(nonce: u64, action: Action, arguments: Vec<u8>) -> Transaction {
    let call = IGovernance::proposeCall { action, arguments: arguments.into(), expiry: 5_000 };
    let input: Bytes = call.abi_encode().into();
    transaction(&validator(), nonce, TxKind::Call(GOVERNANCE_ADDRESS), U256::ZERO, 2_000_000, input)
}

/// Proposes, checks as another validator does, commits.
fn produce(network: &Network, transactions: impl IntoIterator<Item = Transaction>) -> ExecutedBlock {
    let (proposal, _) = network.propose(transactions);
    assert!(proposal.executed.receipts.iter().all(|receipt| receipt.success()));
    let block = recover_block(proposal.executed.block.block.clone(), &|_| None).unwrap();
    let head = network.storage.head();
    validate_block(&network.spec, head.header(), U256::ZERO, &block, &network.storage).unwrap();
    execute_block(&network.spec, &network.storage.latest_view(), Arc::new(block), true, U256::ZERO).unwrap();
    network.storage.commit(proposal.executed.clone()).unwrap();
    proposal.executed
}

#[test]
fn a_header_names_the_set_that_decides_the_next_block() {
    let network = network(PermissionRule::Off);
    let first = network.spec.pervade().unwrap().validators.clone();
    let key: Bytes = hex!("02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5").into();
    let arguments = (PROPOSER, key.clone(), 5u64).abi_encode_params();
    let blocks = [
        produce(&network, [propose(0, Action::SetValidator, arguments)]),
        produce(&network, []),
        produce(&network, []),
    ];
    let second = [first.clone(), vec![ValidatorConfig { account: PROPOSER, public_key: key, power: 5 }]].concat();
    let hashes = blocks.map(|executed| executed.block.block.header.extra_data.clone());
    let (before, after) = (validator_set_hash(&first), validator_set_hash(&second));
    assert_eq!(hashes, [before, after, after].map(Bytes::from), "enacted in block 1, decides block 3");
    let set = |number| validator_set(&network.spec, network.storage.latest_view(), number).unwrap();
    assert_eq!([1, 2, 3].map(|number| set(number).len()), [1, 1, 2]);
}

#[test]
fn the_gas_limit_follows_the_vote() {
    let network = network(PermissionRule::Off);
    let name = B256::right_padding_from(b"gasLimit");
    let arguments = (name, U256::from(GAS_LIMIT_MIN + 7)).abi_encode_params();
    let limits = [
        produce(&network, [propose(0, Action::SetParameter, arguments)]),
        produce(&network, []),
        produce(&network, []),
    ]
    .map(|executed| executed.block.block.header.gas_limit);
    assert_eq!(limits, [GAS_LIMIT_MIN, GAS_LIMIT_MIN, GAS_LIMIT_MIN + 7]);
    let settings = chain_settings(&network.spec, network.storage.latest_view(), 4).unwrap().unwrap();
    assert_eq!(settings.gas_limit, GAS_LIMIT_MIN + 7);
}

#[test]
fn only_those_with_permission_send_and_create() {
    let network = network(PermissionRule::On);
    let transfer = |nonce| transaction(&alice(), nonce, TxKind::Call(PROPOSER), U256::ONE, 21_000, vec![]);
    let (proposal, queue) = network.propose([transfer(0)]);
    assert_eq!((queue.refused, proposal.refused.len()), (1, 1));
    assert!(proposal.refused[0].1.contains("may not send transactions"), "{}", proposal.refused[0].1);
    let permit =
        |nonce, account: Address, bits: u64| propose(nonce, Action::SetPermission, (account, bits).abi_encode_params());
    produce(&network, [permit(0, alice().address(), 1), permit(1, bob().address(), 3)]);
    produce(&network, []);
    let create = |signer: &PrivateKeySigner, nonce| crate::network::creation(signer, nonce, &[0]);
    let (proposal, _) = network.propose([transfer(0), create(&alice(), 1), create(&bob(), 0)]);
    assert_eq!(proposal.executed.block.senders, [alice().address(), bob().address()]);
    assert!(proposal.refused[0].1.contains("may not create contracts"), "{}", proposal.refused[0].1);
    let view = network.storage.latest_view();
    assert_eq!(permissions(&network.spec, &view, bob().address(), 3).unwrap(), 3);
    assert_eq!(permissions(&network.spec, &view, validator().address(), 3).unwrap(), 15);
}
