//! Where gas has no price, quotas keep payers apart.
use super::{CONTRACT, OTHER, OWNER, RELAYER, refusal, send, trigger};
use crate::{
    governance::abi::IGovernance,
    precompiles::harness::{Harness, START, forwarder},
    things::{abi::IThings, begin, end, plan, promote, quotas},
};
use alloy_primitives::{Address, B256, U256, hex};
use alloy_sol_types::SolValue;
use pervade_chainspec::{
    BaseFeeRule, PermissionRule, PervadeConfig, ValidatorConfig,
    params::{
        CALLBACK_GAS_MAX, GOVERNANCE_ADDRESS, PERMISSION_QUOTA, QUOTA_GAS_MIN, QUOTA_PERIOD_SECONDS, THINGS_ADDRESS,
    },
};

/// Another contract that forwards.
const SECOND: Address = Address::repeat_byte(0xc3);

fn free(permissions: PermissionRule) -> Harness {
    let public_key = hex!("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798").into();
    let mut chain = PervadeConfig::new(vec![ValidatorConfig { account: OWNER, public_key, power: 1 }], 200_000_000);
    chain.base_fee = BaseFeeRule::Zero;
    chain.permissions = permissions;
    let code = forwarder(THINGS_ADDRESS, 0xf1);
    Harness::with_code(chain, &[OWNER, OTHER, RELAYER], &[(CONTRACT, &code), (SECOND, &code)])
}

fn govern(harness: &mut Harness, action: IGovernance::Action, arguments: Vec<u8>) {
    let expiry = harness.block().1 + 60;
    let call = IGovernance::proposeCall { action, arguments: arguments.into(), expiry };
    harness.send(OWNER, GOVERNANCE_ADDRESS, U256::ZERO, &call).unwrap();
    harness.next_block(0);
    harness.next_block(0);
}

fn watch() -> IThings::watchCall {
    let trigger = IThings::Trigger {
        firstTime: START,
        actionGas: CALLBACK_GAS_MAX,
        maxFeePerGas: 0,
        ..trigger(IThings::TriggerKind::AtTime)
    };
    IThings::watchCall { trigger }
}

/// Runs a block's due work, each with so much gas; answers who was called.
fn due(harness: &mut Harness, gas_used: u64) -> Vec<Address> {
    let items = harness.as_protocol_with_logs(THINGS_ADDRESS, |frame| {
        promote(frame)?;
        plan(frame, 1 << 40)
    });
    let mut called = Vec::new();
    for (item, _) in items.unwrap() {
        let done = harness.as_protocol_with_logs(THINGS_ADDRESS, |frame| {
            let Some(callback) = begin(frame, item)? else { return Ok(()) };
            called.push(callback.to);
            end(frame, item, true, gas_used)
        });
        done.unwrap();
    }
    called
}

#[test]
fn what_exceeds_a_payers_quota_waits_for_the_next_period_and_others_go_on() {
    let mut harness = free(PermissionRule::Off);
    let name = B256::right_padding_from(b"quotaGas");
    let one = U256::from(QUOTA_GAS_MIN);
    govern(&mut harness, IGovernance::Action::SetParameter, (name, one).abi_encode_params());
    for _ in 0..3 {
        send(&mut harness, CONTRACT, &watch()).unwrap();
    }
    harness.send(OWNER, SECOND, U256::ZERO, &watch()).unwrap();
    assert_eq!(due(&mut harness, u64::from(CALLBACK_GAS_MAX)), [CONTRACT, SECOND]);
    assert!(due(&mut harness, 0).is_empty(), "nothing is left of the quota");
    let left = QUOTA_PERIOD_SECONDS - START % QUOTA_PERIOD_SECONDS;
    harness.next_block(left - 1);
    assert!(due(&mut harness, 0).is_empty());
    harness.next_block(1);
    // What an action did not use counts for the next one.
    assert_eq!(due(&mut harness, 0), [CONTRACT]);
    assert!(due(&mut harness, 0).is_empty(), "its overhead counts too: the largest does not fit any more");
    harness.next_block(QUOTA_PERIOD_SECONDS);
    assert_eq!(due(&mut harness, 0), [CONTRACT]);
}

#[test]
fn gas_is_taken_and_given_back_to_the_last_unit_and_only_without_prices() {
    let mut harness = free(PermissionRule::Off);
    let most = pervade_chainspec::params::QUOTA_GAS_DEFAULT;
    let steps = harness.as_protocol(THINGS_ADDRESS, |frame| {
        let mut steps = vec![quotas::allows(frame, OTHER, most)?, quotas::allows(frame, OTHER, most + 1)?];
        quotas::take(frame, OTHER, most)?;
        steps.push(quotas::allows(frame, OTHER, 1)?);
        quotas::give_back(frame, OTHER, 7)?;
        steps.extend([quotas::allows(frame, OTHER, 7)?, quotas::allows(frame, OTHER, 8)?]);
        steps.push(quotas::allows(frame, RELAYER, most)?);
        Ok(steps)
    });
    assert_eq!(steps.unwrap(), [true, false, false, true, false, true]);
    let mut priced = super::harness();
    assert!(priced.as_protocol(THINGS_ADDRESS, |frame| quotas::allows(frame, OTHER, u64::MAX)).unwrap());
}

#[test]
fn where_permissions_are_on_the_contract_or_whoever_calls_it_needs_one() {
    let mut harness = free(PermissionRule::On);
    let from_other = |harness: &mut Harness| harness.send(OTHER, CONTRACT, U256::ZERO, &watch()).map(|_| ());
    // Validators' accounts have all permissions.
    send(&mut harness, CONTRACT, &watch()).unwrap();
    let refused = from_other(&mut harness).unwrap_err();
    assert!(refused.is(&IThings::NotAuthorized { caller: CONTRACT }));
    for account in [OTHER, CONTRACT] {
        let set = |bits: u8| (account, U256::from(bits)).abi_encode_params();
        govern(&mut harness, IGovernance::Action::SetPermission, set(PERMISSION_QUOTA));
        from_other(&mut harness).unwrap();
        govern(&mut harness, IGovernance::Action::SetPermission, set(0));
        assert!(from_other(&mut harness).is_err());
    }
    refusal(&mut harness, OTHER, &watch());
}
