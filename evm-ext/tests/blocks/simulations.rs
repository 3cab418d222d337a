//! Simulated blocks are those that would be decided.
use crate::{
    network::{Network, alice},
    system::with_due_work,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::{BaseFeeRule, params::SYSTEM_ACCOUNT};
use pervade_evm_ext::{
    AccountOverride, BlockOverrides, BlockRequest, CallRequest, SimulatedBlock, SimulationEnvironment, SimulationError,
    simulate,
};
use std::{collections::BTreeMap, time::Duration};

/// Simulates on the block of this number.
fn run(
    network: &Network,
    base: u64,
    time_max: Duration,
    blocks: Vec<BlockRequest>,
) -> Result<Vec<SimulatedBlock>, SimulationError> {
    let header = network.storage.header(base).unwrap().unwrap();
    let environment = SimulationEnvironment {
        spec: &network.spec,
        view: &network.storage.view_at(base).unwrap(),
        base_hash: header.hash_slow(),
        base: &header,
        gas_max: 50_000_000,
        time_max,
        trace_transfers: false,
        validation: true,
    };
    simulate(&environment, blocks)
}

const LONG: Duration = Duration::from_secs(60);

fn hashes(blocks: Vec<SimulatedBlock>) -> Vec<B256> {
    blocks.into_iter().map(|block| block.block.hash).collect()
}

#[test]
fn a_block_with_due_work_is_the_one_that_a_proposer_makes() {
    let (network, _) = with_due_work("00");
    let (proposal, _) = network.propose_after(5, []);
    let expected = &proposal.executed.block;
    let header = expected.header();
    let overrides = BlockOverrides {
        time: Some(header.timestamp),
        coinbase: Some(header.beneficiary),
        random: Some(header.mix_hash),
        ..BlockOverrides::default()
    };
    let request = BlockRequest { block_overrides: overrides, ..BlockRequest::default() };
    let blocks = run(&network, network.storage.head().header().number, LONG, vec![request]).unwrap();
    let [simulated] = blocks.as_slice() else { panic!("one block") };
    assert_eq!(simulated.block.senders, [SYSTEM_ACCOUNT]);
    assert_eq!(simulated.block.block.body.transactions[0].gas_price(), Some(0));
    assert_eq!(simulated.block.block, expected.block);
    assert_eq!(simulated.block.hash, expected.hash);
}

fn payment(wei: u64) -> BlockRequest {
    let call = CallRequest {
        from: Some(alice().address()),
        to: Some(Address::repeat_byte(9)),
        value: Some(U256::from(wei)),
        gas: Some(21_000),
        max_fee_per_gas: Some(100_000_000_000),
        ..CallRequest::default()
    };
    BlockRequest { calls: vec![call], ..BlockRequest::default() }
}

#[test]
fn an_old_block_is_built_upon_as_when_it_was_the_head() {
    let network = Network::new(BaseFeeRule::default());
    let (blocks, empty) = (|| vec![payment(5), payment(7)], Vec::new());
    let then = hashes(run(&network, 0, LONG, blocks()).unwrap());
    for wei in [1, 2, 3] {
        let nonce = wei - 1;
        let transfer = crate::network::transaction(
            &alice(),
            nonce,
            Address::repeat_byte(9).into(),
            U256::from(wei),
            21_000,
            empty.clone(),
        );
        network.produce([transfer]);
    }
    assert_eq!(hashes(run(&network, 0, LONG, blocks()).unwrap()), then);
}

#[test]
fn an_override_of_nothing_creates_nothing() {
    let network = Network::new(BaseFeeRule::default());
    let with = |account: Option<AccountOverride>| {
        let mut block = payment(5);
        block.state_overrides.extend(account.map(|account| (Address::repeat_byte(0x55), account)));
        run(&network, 0, LONG, vec![block]).unwrap()[0].block.header().state_root
    };
    let plain = with(None);
    assert_eq!(with(Some(AccountOverride::default())), plain);
    assert_eq!(with(Some(AccountOverride { state_diff: Some(BTreeMap::new()), ..AccountOverride::default() })), plain);
    assert_ne!(with(Some(AccountOverride { balance: Some(U256::ONE), ..AccountOverride::default() })), plain);
}

#[test]
fn the_work_of_the_protocol_ends_at_the_time_limit_too() {
    // Jumps until its gas is spent, in a function that is due.
    let (network, _) = with_due_work("5b6003580356");
    let head = network.storage.head();
    let due = || BlockRequest {
        block_overrides: BlockOverrides { time: Some(head.header().timestamp + 5), ..BlockOverrides::default() },
        ..BlockRequest::default()
    };
    let number = head.header().number;
    // Limits at which time runs out before, in, and after that function: there is a block, or the limit is told.
    for micros in (0..3_000).step_by(50) {
        if let Err(refused) = run(&network, number, Duration::from_micros(micros), vec![due()]) {
            assert_eq!(refused.to_string(), format!("execution aborted (timeout = {}ms)", micros / 1_000), "{micros}");
        }
    }
    assert!(run(&network, number, LONG, vec![due()]).is_ok());
}
