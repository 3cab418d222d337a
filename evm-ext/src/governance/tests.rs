//! Governance by its own interface, on the real machine.
use super::{
    abi::IGovernance::{self, Action, ProposalStatus},
    enact_waiting, gateways_at, set_at, waiting_that_fits,
};
use crate::precompiles::harness::{CHAIN_ID, Failure, Harness, START};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolValue;
use pervade_chainspec::{
    PermissionRule, PervadeConfig, ValidatorConfig,
    params::{self, GOVERNANCE_ADDRESS, POWER_CHANGE_DIVISOR},
};
use proptest::prelude::*;

const DAY: u64 = 86_400;

fn account(number: u64) -> Address {
    Address::left_padding_from(&(0x1000 + number).to_be_bytes())
}

fn key(number: u64) -> Bytes {
    let signer = PrivateKeySigner::from_bytes(&B256::from(U256::from(number + 1))).unwrap();
    signer.credential().verifying_key().to_encoded_point(true).as_bytes().to_vec().into()
}

fn validator(number: u64, power: u64) -> ValidatorConfig {
    ValidatorConfig { account: account(number), public_key: key(number), power }
}

fn harness(powers: &[u64]) -> Harness {
    let set: Vec<_> = (0..).zip(powers).map(|(number, power)| validator(number, *power)).collect();
    let accounts: Vec<_> = (0..200).map(account).collect();
    Harness::new(set, &accounts)
}

fn propose(harness: &mut Harness, from: u64, action: Action, arguments: Vec<u8>) -> Result<U256, Failure> {
    let expiry = harness.block().1 + DAY;
    let call = IGovernance::proposeCall { action, arguments: arguments.into(), expiry };
    harness.send(account(from), GOVERNANCE_ADDRESS, U256::ZERO, &call)
}

fn set_validator(number: u64, power: u64) -> Vec<u8> {
    (account(number), key(number), power).abi_encode_params()
}

fn vote(harness: &mut Harness, from: u64, id: U256, support: bool) -> Result<(), Failure> {
    let call = IGovernance::voteCall { proposalId: id, support };
    harness.send(account(from), GOVERNANCE_ADDRESS, U256::ZERO, &call).map(|_| ())
}

fn status(harness: &mut Harness, id: U256) -> ProposalStatus {
    let call = IGovernance::proposalOfCall { proposalId: id };
    harness.send(account(0), GOVERNANCE_ADDRESS, U256::ZERO, &call).unwrap().status
}

fn set(harness: &mut Harness, number: u64) -> Vec<ValidatorConfig> {
    harness.as_protocol(GOVERNANCE_ADDRESS, |frame| set_at(frame, number)).unwrap()
}

fn invalid(result: Result<U256, Failure>) -> String {
    match result {
        Err(Failure::Revert(output)) => {
            <IGovernance::InvalidProposal as alloy_sol_types::SolError>::abi_decode(&output).unwrap().reason
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_change_holds_two_blocks_after_more_than_two_thirds_agreed() {
    let mut harness = harness(&[1, 1, 1]);
    let before = set(&mut harness, 1);
    let id = propose(&mut harness, 0, Action::SetValidator, set_validator(3, 1)).unwrap();
    vote(&mut harness, 1, id, true).unwrap();
    assert_eq!(status(&mut harness, id), ProposalStatus::Open, "exactly two thirds are not more");
    vote(&mut harness, 2, id, true).unwrap();
    assert_eq!(status(&mut harness, id), ProposalStatus::Enacted);
    let sets = [1, 2, 3, 1_000].map(|number| set(&mut harness, number));
    assert_eq!(sets, [before.clone(), before, sets[3].clone(), sets[3].clone()]);
    assert_eq!(sets[3], [0, 1, 2, 3].map(|number| validator(number, 1)));
    let at = |number: u64| IGovernance::validatorsAtCall { blockNumber: U256::from(number) };
    assert_eq!(harness.send(account(9), GOVERNANCE_ADDRESS, U256::ZERO, &at(2)).unwrap().len(), 3);
    let early = harness.send(account(9), GOVERNANCE_ADDRESS, U256::ZERO, &at(3)).map(|_| ()).unwrap_err();
    assert!(early.reason().contains("known up to block 2"), "a vote in this block may still change it");
}

#[test]
fn only_validators_propose_and_vote_once() {
    let mut harness = harness(&[1, 1, 1, 1]);
    let stranger = propose(&mut harness, 7, Action::SetValidator, set_validator(7, 1)).unwrap_err();
    assert!(stranger.is(&IGovernance::NotAuthorized { caller: account(7) }));
    let id = propose(&mut harness, 0, Action::SetValidator, set_validator(7, 1)).unwrap();
    assert!(vote(&mut harness, 0, id, true).unwrap_err().is(&IGovernance::AlreadyVoted { account: account(0) }));
    assert!(vote(&mut harness, 8, id, true).unwrap_err().is(&IGovernance::NotAuthorized { caller: account(8) }));
    let unknown = U256::from(2);
    let refusal = vote(&mut harness, 1, unknown, true).unwrap_err();
    assert!(refusal.is(&IGovernance::UnknownProposal { proposalId: unknown }));
    vote(&mut harness, 1, id, false).unwrap();
    vote(&mut harness, 2, id, false).unwrap();
    let refusal = vote(&mut harness, 3, id, true).unwrap_err();
    assert!(refusal.is(&IGovernance::WrongStatus { status: ProposalStatus::Rejected }));
    assert_eq!(status(&mut harness, id), ProposalStatus::Rejected, "a third against cannot be overcome");
}

#[test]
fn votes_count_at_the_power_of_their_enactment() {
    let mut harness = harness(&[3, 3, 1]);
    let id = propose(&mut harness, 2, Action::SetGateway, (account(50), true).abi_encode_params()).unwrap();
    let heavier = propose(&mut harness, 0, Action::SetValidator, set_validator(2, 30)).unwrap();
    vote(&mut harness, 1, heavier, true).unwrap();
    harness.next_block(1);
    harness.next_block(1);
    // 2 has 30 of 36 now, and one more vote makes its own count.
    vote(&mut harness, 1, id, true).unwrap();
    assert_eq!(status(&mut harness, id), ProposalStatus::Enacted);
    let gateways = |harness: &mut Harness, number| {
        harness.as_protocol(GOVERNANCE_ADDRESS, |frame| gateways_at(frame, number)).unwrap()
    };
    assert_eq!(gateways(&mut harness, 4), Vec::<Address>::new());
    assert_eq!(gateways(&mut harness, 5), [account(50)]);
}

#[test]
fn at_most_a_third_of_the_power_changes_in_a_block_and_the_rest_waits_in_order() {
    let mut harness = harness(&[4, 4, 4, 1]);
    let reason = invalid(propose(&mut harness, 0, Action::SetValidator, set_validator(9, 5)));
    assert!(reason.contains("more than a third"), "5 on top of 13: {reason}");
    let ids: Vec<_> = (4..7)
        .map(|number| propose(&mut harness, 0, Action::SetValidator, set_validator(number, 4)).unwrap())
        .collect();
    for id in &ids {
        vote(&mut harness, 1, *id, true).unwrap();
        vote(&mut harness, 2, *id, true).unwrap();
    }
    let statuses = |harness: &mut Harness| ids.iter().map(|id| status(harness, *id)).collect::<Vec<_>>();
    use ProposalStatus::{Enacted, Waiting};
    assert_eq!(statuses(&mut harness), [Enacted, Waiting, Waiting]);
    let next = |harness: &mut Harness| harness.as_protocol(GOVERNANCE_ADDRESS, waiting_that_fits).unwrap();
    assert_eq!(next(&mut harness), None, "not in the same block");
    for (block, id) in ids.iter().enumerate().skip(1) {
        harness.next_block(0);
        assert_eq!(next(&mut harness), Some(*id));
        enact_as_tail(&mut harness, *id);
        assert_eq!(status(&mut harness, *id), Enacted);
        assert_eq!(set(&mut harness, 3 + block as u64).len(), 5 + block);
    }
    assert_eq!(next(&mut harness), None);
}

/// The tail runs in a transaction; here the log that it writes is left out.
fn enact_as_tail(harness: &mut Harness, id: U256) {
    harness.as_protocol_with_logs(GOVERNANCE_ADDRESS, |frame| enact_waiting(frame, id)).unwrap();
}

#[test]
fn small_sets_change_at_once_and_a_key_can_be_rotated_in_a_set_of_four() {
    let mut small = harness(&[1, 1, 1]);
    let id = propose(&mut small, 0, Action::SetValidator, set_validator(9, 100)).unwrap();
    vote(&mut small, 1, id, true).unwrap();
    vote(&mut small, 2, id, true).unwrap();
    assert_eq!(status(&mut small, id), ProposalStatus::Enacted);

    let mut four = harness(&[1, 1, 1, 1]);
    let rotation = (account(0), key(99), 1u64).abi_encode_params();
    let id = propose(&mut four, 0, Action::SetValidator, rotation).unwrap();
    vote(&mut four, 1, id, true).unwrap();
    vote(&mut four, 2, id, true).unwrap();
    assert_eq!(set(&mut four, 3)[0].public_key, key(99));
}

#[test]
fn wrong_proposals_say_why() {
    let mut harness = harness(&[1, 1, 1, 1]);
    let long_key = (account(9), Bytes::from(vec![2; 34]), 1u64).abi_encode_params();
    let taken_key = (account(9), key(1), 1u64).abi_encode_params();
    let parameter =
        |name: &str, value: u64| (B256::right_padding_from(name.as_bytes()), U256::from(value)).abi_encode_params();
    for (action, arguments, expected) in [
        (Action::SetValidator, vec![], "arguments"),
        (Action::SetValidator, long_key, "publicKey"),
        (Action::SetValidator, taken_key, "already the key"),
        (Action::SetValidator, set_validator(9, 0), "is no validator"),
        (Action::SetValidator, set_validator(9, 1 << 60), "power"),
        (Action::SetGateway, (account(9), false).abi_encode_params(), "is no gateway"),
        (Action::SetGateway, (Address::ZERO, true).abi_encode_params(), "belongs to the protocol"),
        (Action::SetParameter, parameter("gasLimits", 1), "unknown parameter"),
        (Action::SetParameter, parameter("gasLimit", params::GAS_LIMIT_MIN - 1), "gasLimit must be"),
        (Action::SetParameter, parameter("gasLimit", params::GAS_LIMIT_MAX + 1), "gasLimit must be"),
        (Action::SetParameter, parameter("blockPeriodMs", 10_001), "not below blockPeriodMs"),
        (Action::SetPermission, (account(9), 16u64).abi_encode_params(), "0 to 15"),
        (Action::ScheduleFork, ("osaka".to_owned(), START + DAY).abi_encode_params(), "unknown fork"),
        (Action::ScheduleFork, ("things".to_owned(), START + 3_599).abi_encode_params(), "too soon"),
        (Action::SetGateway, vec![0; params::PROPOSAL_ARGUMENTS_BYTES_MAX + 1], "more than 1024 bytes"),
    ] {
        let reason = invalid(propose(&mut harness, 0, action, arguments));
        assert!(reason.contains(expected), "{action:?}: {reason}");
    }
    for (expiry, expected) in [(START, "before"), (START + params::PROPOSAL_SECONDS_MAX + 1, "expires in more")] {
        let arguments = set_validator(9, 1).into();
        let call = IGovernance::proposeCall { action: Action::SetValidator, arguments, expiry };
        let reason = invalid(harness.send(account(0), GOVERNANCE_ADDRESS, U256::ZERO, &call));
        assert!(reason.contains(expected), "{reason}");
    }
}

#[test]
fn votes_after_the_expiry_do_not_count() {
    let mut harness = harness(&[1, 1, 1, 1]);
    let id = propose(&mut harness, 0, Action::SetValidator, set_validator(9, 1)).unwrap();
    vote(&mut harness, 1, id, true).unwrap();
    harness.next_block(DAY + 1);
    let refusal = vote(&mut harness, 2, id, true).unwrap_err();
    assert!(refusal.is(&IGovernance::WrongStatus { status: ProposalStatus::Expired }));
}

#[test]
fn parameters_change_from_the_second_block_on() {
    let mut harness = harness(&[1]);
    let name = B256::right_padding_from(b"gasLimit");
    let value = U256::from(params::GAS_LIMIT_MIN);
    propose(&mut harness, 0, Action::SetParameter, (name, value).abi_encode_params()).unwrap();
    let read = |harness: &mut Harness| {
        let answer = harness.send(account(5), GOVERNANCE_ADDRESS, U256::ZERO, &IGovernance::parameterCall { name });
        answer.unwrap().value
    };
    let before = U256::from(params::GAS_LIMIT_DEFAULT);
    let mut seen = vec![read(&mut harness)];
    for _ in 0..2 {
        harness.next_block(1);
        seen.push(read(&mut harness));
    }
    assert_eq!(seen, [before, before, value]);
}

#[test]
fn where_permissions_are_on_validators_have_all_and_others_what_was_voted() {
    let mut chain = PervadeConfig::new(vec![validator(0, 1)], params::GAS_LIMIT_DEFAULT);
    chain.permissions = PermissionRule::On;
    let mut harness = Harness::with_code(chain, &[account(0), account(1)], &[]);
    let of = |harness: &mut Harness, number| {
        let call = IGovernance::permissionsOfCall { account: account(number) };
        harness.send(account(0), GOVERNANCE_ADDRESS, U256::ZERO, &call).unwrap()
    };
    assert_eq!((of(&mut harness, 0), of(&mut harness, 1)), (params::PERMISSIONS_ALL, 0));
    propose(&mut harness, 0, Action::SetPermission, (account(1), 1u64).abi_encode_params()).unwrap();
    propose(&mut harness, 0, Action::SetPermission, (account(0), 0u64).abi_encode_params()).unwrap();
    harness.next_block(1);
    harness.next_block(1);
    assert_eq!((of(&mut harness, 0), of(&mut harness, 1)), (params::PERMISSIONS_ALL, 1));
}

#[test]
fn proposals_are_listed_in_pages() {
    let mut harness = harness(&[1, 1, 1, 1]);
    for _ in 0..5 {
        propose(&mut harness, 0, Action::SetValidator, set_validator(9, 1)).unwrap();
    }
    let mut page = |cursor: u64, limit: u64| {
        let call = IGovernance::proposalsCall { cursor: U256::from(cursor), limit: U256::from(limit) };
        let page = harness.send(account(0), GOVERNANCE_ADDRESS, U256::ZERO, &call).unwrap();
        let ids: Vec<u64> = page.proposalIds.iter().map(|id| id.to()).collect();
        (ids, page.next.to::<u64>())
    };
    assert_eq!(page(0, 2), (vec![1, 2], 3));
    assert_eq!(page(3, 3), (vec![3, 4, 5], 0));
    assert_eq!(page(3, 2), (vec![3, 4], 5));
    assert_eq!(page(6, 2), (vec![], 0));
    assert_eq!(page(1, u64::MAX), (vec![1, 2, 3, 4, 5], 0));
}

#[test]
fn the_chain_has_a_bounded_number_of_gateways() {
    let mut harness = harness(&[1]);
    let gateway = |number: usize, serves| (account(number as u64), serves).abi_encode_params();
    for number in 0..params::GATEWAYS_MAX {
        propose(&mut harness, 0, Action::SetGateway, gateway(number, true)).unwrap();
    }
    let reason = invalid(propose(&mut harness, 0, Action::SetGateway, gateway(params::GATEWAYS_MAX, true)));
    assert!(reason.contains("has 64 gateways"), "{reason}");
    propose(&mut harness, 0, Action::SetGateway, gateway(3, false)).unwrap();
    harness.next_block(1);
    harness.next_block(1);
    propose(&mut harness, 0, Action::SetGateway, gateway(params::GATEWAYS_MAX, true)).unwrap();
    harness.next_block(1);
    harness.next_block(1);
    let gateways = harness.send(account(0), GOVERNANCE_ADDRESS, U256::ZERO, &IGovernance::gatewaysCall {}).unwrap();
    let expected: Vec<_> = (0..=params::GATEWAYS_MAX as u64).filter(|number| *number != 3).map(account).collect();
    assert_eq!(gateways.len(), params::GATEWAYS_MAX);
    assert!(expected.iter().all(|account| gateways.contains(account)));
}

#[test]
fn the_interface_has_the_selectors_that_clients_know() {
    use alloy_sol_types::SolCall;
    assert_eq!(CHAIN_ID, 77);
    assert_eq!(IGovernance::validatorsCall::SIGNATURE, "validators()");
    assert_eq!(IGovernance::proposeCall::SIGNATURE, "propose(uint8,bytes,uint64)");
    assert_eq!(IGovernance::proposalOfCall::SIGNATURE, "proposalOf(uint256)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever is proposed and carried, no two neighbouring sets differ by more than a third of the power.
    #[test]
    fn neighbouring_sets_share_most_of_their_power(
        powers in prop::collection::vec(1u64..20, 4..7),
        steps in prop::collection::vec((0u64..9, 0u64..20, any::<bool>()), 1..12),
    ) {
        let mut harness = harness(&powers);
        for (number, power, next) in steps {
            let number_now = harness.block().0;
            let voters = set(&mut harness, number_now);
            let from = voters[0].account;
            let expiry = harness.block().1 + DAY;
            let arguments = set_validator(number, power).into();
            let call = IGovernance::proposeCall { action: Action::SetValidator, arguments, expiry };
            if let Ok(id) = harness.send(from, GOVERNANCE_ADDRESS, U256::ZERO, &call) {
                for voter in voters.iter().skip(1) {
                    let call = IGovernance::voteCall { proposalId: id, support: true };
                    let _ = harness.send(voter.account, GOVERNANCE_ADDRESS, U256::ZERO, &call);
                }
            }
            if next {
                harness.next_block(0);
                if let Some(id) = harness.as_protocol(GOVERNANCE_ADDRESS, waiting_that_fits).unwrap() {
                    enact_as_tail(&mut harness, id);
                }
            }
        }
        let last = harness.block().0 + 2;
        for number in 1..last {
            let (before, after) = (set(&mut harness, number), set(&mut harness, number + 1));
            if before.len() < 4 {
                continue;
            }
            let total: u64 = before.iter().map(|v| v.power).sum();
            let lost: u64 = before.iter().map(|v| {
                let kept = after.iter().find(|a| a.account == v.account && a.public_key == v.public_key);
                v.power - kept.map_or(0, |a| a.power.min(v.power))
            }).sum();
            prop_assert!(lost * POWER_CHANGE_DIVISOR <= total, "block {number}: {before:?} -> {after:?}");
        }
    }
}
