//! `eth_simulateV1`: what it answers, and what it refuses. The recorded exchanges of the Execution APIs try the rest.
use super::harness::{Node, limited};
use alloy_primitives::{Address, hex};
use pervade_evm_ext::{SIMULATED_BLOCKS_MAX, TRANSFER_LOG_ADDRESS};
use pervade_rpc::limits::SIMULATED_CALLS_MAX;
use serde_json::{Value, json};
use std::time::Duration;

const RECEIVER: Address = Address::repeat_byte(0x77);

fn transfer(node: &Node, wei: &str) -> Value {
    json!({"from": node.signer.address(), "to": RECEIVER, "value": wei})
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_follow_each_other_and_leave_nothing_behind() {
    let node = Node::start().await;
    let head = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    let payload = json!({"blockStateCalls": [
        {"calls": [transfer(&node, "0x5"), transfer(&node, "0x6")]},
        {"blockOverrides": {"number": "0x3"}, "calls": [{"to": RECEIVER}]},
    ], "traceTransfers": true});
    let blocks = node.call("eth_simulateV1", json!([payload])).await;
    let numbers: Vec<_> = (0..3).map(|index| blocks[index]["number"].clone()).collect();
    assert_eq!(numbers, [json!("0x1"), json!("0x2"), json!("0x3")], "the gap is filled");
    assert_eq!(blocks[0]["parentHash"], head["hash"]);
    assert_eq!(blocks[1]["parentHash"], blocks[0]["hash"]);
    assert_ne!(blocks[0]["stateRoot"], head["stateRoot"]);
    let calls = &blocks[0]["calls"];
    assert_eq!((&calls[0]["status"], &calls[0]["gasUsed"]), (&json!("0x1"), &json!("0x5208")));
    assert_eq!(calls[1]["logs"][0]["address"], json!(TRANSFER_LOG_ADDRESS));
    assert_eq!(calls[1]["logs"][0]["data"], json!(format!("0x{:064x}", 6)));
    assert_eq!(calls[1]["logs"][0]["logIndex"], json!("0x1"), "counted in the block");
    assert_eq!(blocks[0]["logsBloom"], head["logsBloom"], "logs of transfers are in no receipt");
    assert_eq!(node.call("eth_getBalance", json!([RECEIVER, "latest"])).await, json!("0x0"));
    assert_eq!(node.call("eth_blockNumber", json!([])).await, json!("0x0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_transfer_leaves_no_log_and_a_later_block_sees_overridden_slots() {
    let node = Node::start().await;
    // Reverts if it gets value, else returns slot 0.
    let contract = Address::repeat_byte(0x55);
    let code = hex::encode_prefixed(hex!("34600c575f545f5260205ff35b5f5ffd"));
    let slot = json!({format!("0x{:064x}", 0): format!("0x{:064x}", 9)});
    let payload = json!({"blockStateCalls": [
        {"stateOverrides": {contract.to_string(): {"code": code, "stateDiff": slot}},
         "calls": [{"from": node.signer.address(), "to": contract, "value": "0x1"}]},
        {"calls": [{"to": contract}]},
    ], "traceTransfers": true});
    let blocks = node.call("eth_simulateV1", json!([payload])).await;
    let failed = &blocks[0]["calls"][0];
    assert_eq!((&failed["status"], &failed["logs"]), (&json!("0x0"), &json!([])));
    assert_eq!((&failed["error"]["code"], &failed["error"]["data"]), (&json!(3), &json!("0x")));
    assert_eq!(blocks[1]["calls"][0]["returnData"], json!(format!("0x{:064x}", 9)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_simulated_is_refused_with_the_codes_of_the_execution_apis() {
    let node = Node::start().await;
    let poor = json!({"from": Address::repeat_byte(0x99), "to": RECEIVER, "value": "0x1"});
    let nonce = json!({"from": node.signer.address(), "to": RECEIVER, "nonce": "0x5"});
    let simulate = |blocks: Value, validation: bool| {
        node.error("eth_simulateV1", json!([{"blockStateCalls": blocks, "validation": validation}, "latest"]))
    };
    assert_eq!(simulate(json!([]), false).await, (-32602, "empty input".into()));
    assert_eq!(simulate(json!([{"calls": [poor]}]), false).await.0, -38014);
    assert_eq!(simulate(json!([{"calls": [nonce]}]), true).await.0, -38011);
    assert_eq!(simulate(json!([{"blockOverrides": {"number": "0x0"}}]), false).await.0, -38020);
    assert_eq!(simulate(json!([{"blockOverrides": {"time": "0x0"}}]), false).await.0, -38021);
    let beyond = format!("{:#x}", SIMULATED_BLOCKS_MAX + 1);
    assert_eq!(simulate(json!([{"blockOverrides": {"number": beyond}}]), false).await.0, -38026);
    let many = vec![json!({}); SIMULATED_BLOCKS_MAX as usize + 1];
    assert_eq!(simulate(json!(many), false).await, (-38026, "too many blocks".into()));
    let gas = json!({"to": RECEIVER, "gas": "0x10000000000"});
    assert_eq!(simulate(json!([{"calls": [gas]}]), false).await.0, -38015);
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_a_simulation_are_bounded() {
    let node = Node::start().await;
    let payload =
        |calls: usize| json!([{"blockStateCalls": [{"calls": vec![json!({"to": RECEIVER, "gas": "0x0"}); calls]}]}]);
    // At the limit the first call's gas is what is wrong.
    assert_eq!(node.error("eth_simulateV1", payload(SIMULATED_CALLS_MAX)).await.0, -38013);
    assert_eq!(node.error("eth_simulateV1", payload(SIMULATED_CALLS_MAX + 1)).await.0, -32005);
}

#[tokio::test(flavor = "multi_thread")]
async fn overrides_replace_precompiles_and_move_them() {
    let node = Node::start().await;
    let (identity, moved) = (Address::with_last_byte(4), Address::repeat_byte(0x44));
    let call = |to: Address, overrides: Value| json!([{"to": to, "input": "0x1234"}, "latest", overrides]);
    assert_eq!(node.call("eth_call", call(identity, json!({}))).await, json!("0x1234"));
    // Code that returns 32 bytes of zeros.
    let replaced = json!({identity.to_string(): {"code": "0x60205ff3"}});
    assert_eq!(node.call("eth_call", call(identity, replaced)).await, json!(format!("0x{:064x}", 0)));
    let elsewhere = json!({identity.to_string(): {"movePrecompileToAddress": moved}});
    assert_eq!(node.call("eth_call", call(moved, elsewhere.clone())).await, json!("0x1234"));
    assert_eq!(node.call("eth_call", call(identity, elsewhere)).await, json!("0x"));
    let itself = json!({identity.to_string(): {"movePrecompileToAddress": identity}});
    let refused = node.error("eth_call", call(identity, itself)).await;
    assert_eq!(refused, (-32000, format!("account {identity} is already overridden")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_ends_at_its_time_limit_even_between_calls() {
    let node = Node::start_with(limited(|limits| limits.call_time_max = Duration::ZERO), |_| ()).await;
    let refused = node.error("eth_simulateV1", json!([{"blockStateCalls": [{}]}])).await;
    assert_eq!(refused, (-32000, "execution aborted (timeout = 0ms)".into()));
}
