//! Questions about the state.
use crate::network::{ETHER, GWEI, Network, PROPOSER, alice, bob, creation};
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use pervade_chainspec::{
    BaseFeeRule,
    params::{SYSTEM_ACCOUNT, THINGS_ADDRESS},
};
use pervade_evm_ext::{
    AccountOverride, BlockOverrides, CallEnvironment, CallOutcome, CallRequest, ExecutionError, StateOverrides, call,
    create_access_list, estimate_gas, revert_reason,
};
use pervade_storage::{RecoveredBlock, StateView};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

/// Returns the word at slot 0 plus calldata's first word, having written it back.
const ADDER: &[u8] = &hex!("5f355f5401805f555f5260205ff3");
/// Reverts with `Error("no")`.
const REVERTER: &[u8] = &hex!(
    "7f08c379a0000000000000000000000000000000000000000000000000000000005f52602060045260026024527f6e6f00000000000000000000000000000000000000000000000000000000000060445260645ffd"
);
/// JUMPDEST PUSH0 JUMP.
const LOOP: &[u8] = &hex!("5b5f56");
/// Returns NUMBER, TIMESTAMP, BASEFEE, COINBASE, CALLER's balance, each a word.
const CONTEXT: &[u8] = &hex!("435f52426020524860405241606052333160805260a05ff3");

struct Fixture {
    network: Network,
    head: Arc<RecoveredBlock>,
    view: StateView,
    contracts: Vec<Address>,
}

impl Fixture {
    fn new() -> Self {
        let network = Network::new(BaseFeeRule::default());
        let codes = [ADDER, REVERTER, LOOP, CONTEXT];
        network.produce((0..).zip(codes).map(|(nonce, code)| creation(&alice(), nonce, code)));
        let contracts = (0..codes.len() as u64).map(|nonce| alice().address().create(nonce)).collect();
        let (head, view) = (network.storage.head(), network.storage.latest_view());
        Self { network, head, view, contracts }
    }

    fn environment(&self) -> CallEnvironment<'_> {
        CallEnvironment {
            spec: &self.network.spec,
            view: &self.view,
            header: self.head.header(),
            block_overrides: BlockOverrides::default(),
            state_overrides: StateOverrides::new(),
            gas_max: 50_000_000,
            time_max: Duration::from_secs(60),
        }
    }

    fn to(&self, contract: usize) -> CallRequest {
        CallRequest { to: Some(self.contracts[contract]), ..CallRequest::default() }
    }
}

fn words(outcome: &CallOutcome) -> Vec<U256> {
    match outcome {
        CallOutcome::Success { output } => output.chunks(32).map(U256::from_be_slice).collect(),
        other => panic!("{other:?}"),
    }
}

fn input(word: u64) -> Bytes {
    U256::from(word).to_be_bytes_vec().into()
}

#[test]
fn a_call_changes_nothing() {
    let fixture = Fixture::new();
    let request = CallRequest { input: input(5), ..fixture.to(0) };
    for _ in 0..2 {
        let result = call(&fixture.environment(), &request).unwrap();
        assert_eq!(words(&result.outcome), [U256::from(5)]);
    }
}

#[test]
fn a_revert_carries_its_reason() {
    let fixture = Fixture::new();
    let result = call(&fixture.environment(), &fixture.to(1)).unwrap();
    let CallOutcome::Revert { output } = result.outcome else { panic!("{result:?}") };
    assert_eq!(revert_reason(&output).as_deref(), Some("no"));
    let error = estimate_gas(&fixture.environment(), &fixture.to(1)).unwrap_err();
    assert!(matches!(error, ExecutionError::Reverted { output: same } if same == output));
}

#[test]
fn an_endless_call_ends_at_its_gas_or_its_time() {
    let fixture = Fixture::new();
    let request = CallRequest { gas: Some(100_000), ..fixture.to(2) };
    let result = call(&fixture.environment(), &request).unwrap();
    assert_eq!(result.outcome, CallOutcome::Halt { message: "out of gas".into(), out_of_gas: true });

    let mut environment = fixture.environment();
    environment.gas_max = u64::MAX / 2;
    environment.time_max = Duration::from_millis(50);
    let started = Instant::now();
    let error = call(&environment, &fixture.to(2)).unwrap_err();
    assert!(matches!(error, ExecutionError::Timeout { limit_ms: 50 }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[test]
fn overrides_replace_block_and_state() {
    let fixture = Fixture::new();
    let mut environment = fixture.environment();
    let sender = Address::repeat_byte(0x55);
    environment.block_overrides = BlockOverrides {
        number: Some(U256::from(1000)),
        time: Some(2000),
        coinbase: Some(Address::repeat_byte(4)),
        ..BlockOverrides::default()
    };
    let funded = AccountOverride { balance: Some(U256::from(ETHER)), ..AccountOverride::default() };
    environment.state_overrides.insert(sender, funded);
    let request = CallRequest { from: Some(sender), ..fixture.to(3) };
    let seen = words(&call(&environment, &request).unwrap().outcome);
    let coinbase = U256::from_be_slice(Address::repeat_byte(4).as_slice());
    assert_eq!(seen, [U256::from(1000), U256::from(2000), U256::ZERO, coinbase, U256::from(ETHER)]);

    let slots = BTreeMap::from([(U256::ZERO, U256::from(40))]);
    let state = AccountOverride { state_diff: Some(slots), ..AccountOverride::default() };
    environment.state_overrides.insert(fixture.contracts[0], state);
    let request = CallRequest { input: input(2), ..fixture.to(0) };
    assert_eq!(words(&call(&environment, &request).unwrap().outcome), [U256::from(42)]);

    let code = AccountOverride { code: Some(CONTEXT.into()), ..AccountOverride::default() };
    environment.state_overrides.insert(fixture.contracts[2], code);
    assert_eq!(words(&call(&environment, &fixture.to(2)).unwrap().outcome).len(), 5);
}

#[test]
fn a_moved_precompile_answers_elsewhere_only() {
    let fixture = Fixture::new();
    let identity = Address::with_last_byte(4);
    let elsewhere = Address::repeat_byte(0x44);
    let ask = |environment: &CallEnvironment<'_>, to| {
        let request = CallRequest { to: Some(to), input: input(9), ..CallRequest::default() };
        call(environment, &request).unwrap().outcome
    };
    let mut environment = fixture.environment();
    assert_eq!(words(&ask(&environment, identity)), [U256::from(9)]);
    let moved = AccountOverride { move_precompile_to: Some(elsewhere), ..AccountOverride::default() };
    environment.state_overrides.insert(identity, moved);
    assert_eq!(words(&ask(&environment, elsewhere)), [U256::from(9)]);
    assert!(words(&ask(&environment, identity)).is_empty());
    let wrong = AccountOverride { move_precompile_to: Some(elsewhere), ..AccountOverride::default() };
    environment.state_overrides = StateOverrides::from([(elsewhere, wrong)]);
    let error = call(&environment, &CallRequest::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("account {elsewhere} is not a precompile"));
}

#[test]
fn nobody_asks_in_the_name_of_the_system_account_but_in_a_precompiles() {
    let fixture = Fixture::new();
    let from = |account| CallRequest { from: Some(account), ..fixture.to(0) };
    let environment = fixture.environment();
    let refusal = format!("invalid sender: {SYSTEM_ACCOUNT} is the system account");
    assert_eq!(call(&environment, &from(SYSTEM_ACCOUNT)).unwrap_err().to_string(), refusal);
    assert_eq!(estimate_gas(&environment, &from(SYSTEM_ACCOUNT)).unwrap_err().to_string(), refusal);
    assert_eq!(create_access_list(&environment, &from(SYSTEM_ACCOUNT)).unwrap_err().to_string(), refusal);
    // As what calls them, an author tries callbacks out.
    assert!(call(&environment, &from(THINGS_ADDRESS)).is_ok());
}

#[test]
fn invalid_questions_are_refused_in_geths_words() {
    let fixture = Fixture::new();
    let refuse = |request: CallRequest| call(&fixture.environment(), &request).unwrap_err().to_string();
    let poor = Address::repeat_byte(0x55);
    let message = refuse(CallRequest { from: Some(poor), value: Some(U256::ONE), ..fixture.to(0) });
    assert_eq!(message, format!("insufficient funds for gas * price + value: address {poor} have 0 want 1"));
    let message = refuse(CallRequest { gas: Some(1000), ..fixture.to(0) });
    assert_eq!(message, "intrinsic gas too low: have 1000, want 21000");
    let both = CallRequest { gas_price: Some(1), max_fee_per_gas: Some(1), ..fixture.to(0) };
    assert_eq!(refuse(both), "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified");
    let cheap = CallRequest { from: Some(bob().address()), gas_price: Some(1), ..fixture.to(0) };
    assert!(refuse(cheap).starts_with("max fee per gas less than block base fee: address 0x"));
    let other = CallRequest { chain_id: Some(1), ..fixture.to(0) };
    assert_eq!(refuse(other), "chainId does not match node's (have=1, want=77)");
}

#[test]
fn estimates_suffice_and_are_near() {
    let fixture = Fixture::new();
    let environment = fixture.environment();
    let transfer = CallRequest {
        from: Some(bob().address()),
        to: Some(PROPOSER),
        value: Some(U256::from(1)),
        ..CallRequest::default()
    };
    assert_eq!(estimate_gas(&environment, &transfer).unwrap(), 21_000);

    let request = CallRequest { from: Some(bob().address()), input: input(5), ..fixture.to(0) };
    let estimate = estimate_gas(&environment, &request).unwrap();
    let used = call(&environment, &request).unwrap().gas_used;
    assert!((used..used + used / 20).contains(&estimate), "{estimate} for {used}");
    let enough = call(&environment, &CallRequest { gas: Some(estimate), ..request.clone() }).unwrap();
    assert!(matches!(enough.outcome, CallOutcome::Success { .. }));

    // Ten ether buy this much gas at this price, which is too little.
    let dear = CallRequest { gas_price: Some(u128::from(ETHER) / 2_200), ..request };
    let error = estimate_gas(&environment, &dear).unwrap_err();
    assert_eq!(error.to_string(), "gas required exceeds allowance (22000)");
    let endless = estimate_gas(&environment, &fixture.to(2)).unwrap_err();
    assert_eq!(endless.to_string(), "gas required exceeds allowance (16777216)");
}

#[test]
fn an_access_list_names_what_is_touched() {
    let fixture = Fixture::new();
    let request = CallRequest {
        from: Some(bob().address()),
        input: input(5),
        max_fee_per_gas: Some(100 * GWEI),
        max_priority_fee_per_gas: Some(GWEI),
        ..fixture.to(0)
    };
    let result = create_access_list(&fixture.environment(), &request).unwrap();
    assert_eq!(result.error, None);
    assert_eq!(result.access_list.0.len(), 1);
    assert_eq!(result.access_list.0[0].address, fixture.contracts[0]);
    assert_eq!(result.access_list.0[0].storage_keys, [B256::ZERO]);
    // With the list the call touches nothing cold, so its gas is what was told.
    let again = CallRequest { access_list: Some(result.access_list), ..request };
    assert_eq!(call(&fixture.environment(), &again).unwrap().gas_used, result.gas_used);

    let result = create_access_list(&fixture.environment(), &fixture.to(1)).unwrap();
    assert_eq!(result.error.as_deref(), Some("execution reverted"));
}
