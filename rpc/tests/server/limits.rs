//! Every limit: at it, and one past it.

use super::harness::{Node, limited};
use jsonrpsee::core::client::ClientT;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_bounded() {
    let node = Node::start_with(limited(|limits| limits.request_bytes_max = 1_000), |_| ()).await;
    let body = |bytes: usize| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"}).to_string();
        format!("{call}{}", " ".repeat(bytes - call.len()))
    };
    assert_eq!(node.post(body(1_000)).await.0, 200);
    assert_eq!(node.post(body(1_001)).await.0, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_bounded() {
    let node = Node::start_with(limited(|limits| limits.batch_entries_max = 300), |_| ()).await;
    let batch = |n: usize| {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber"});
        json!(vec![call; n]).to_string()
    };
    let answers: Vec<Value> = serde_json::from_str(&node.post(batch(300)).await.1).unwrap();
    assert_eq!(answers.len(), 300);
    let refused: Value = serde_json::from_str(&node.post(batch(301)).await.1).unwrap();
    assert!(refused["error"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_bounded() {
    // The answer is {"jsonrpc":"2.0","id":1,"result":"0x0"}: 39 bytes.
    let node = Node::start_with(limited(|limits| limits.response_bytes_max = 39), |_| ()).await;
    assert_eq!(node.call("eth_blockNumber", json!([])).await, json!("0x0"));
    let node = Node::start_with(limited(|limits| limits.response_bytes_max = 38), |_| ()).await;
    assert_eq!(node.error("eth_blockNumber", json!([])).await.0, -32008);
}

#[tokio::test(flavor = "multi_thread")]
async fn websocket_connections_are_bounded() {
    let node = Node::start_with(limited(|limits| limits.connections_max = 1), |_| ()).await;
    let first = node.ws().await;
    let url = format!("ws://{}", node.rpc.ws.unwrap());
    assert!(jsonrpsee::ws_client::WsClientBuilder::default().build(url).await.is_err());
    assert!(first.request::<String, _>("eth_blockNumber", jsonrpsee::rpc_params![]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn log_queries_are_bounded_in_blocks_and_results() {
    let node =
        Node::start_with(limited(|limits| (limits.log_blocks_max, limits.log_results_max) = (4, 2)), |_| ()).await;
    node.mine_logs(4).await;
    let query = |from: u64, to: u64| json!([{"fromBlock": format!("{from:#x}"), "toBlock": format!("{to:#x}")}]);
    let found = node.call("eth_getLogs", query(1, 2)).await;
    assert_eq!(found.as_array().unwrap().len(), 2);
    assert_eq!(node.error("eth_getLogs", query(1, 3)).await.0, -32005);
    let none = json!([{"fromBlock": "0x1", "toBlock": "0x4", "topics": [alloy_primitives::B256::ZERO]}]);
    assert_eq!(node.call("eth_getLogs", none).await, json!([]));
    assert_eq!(node.error("eth_getLogs", query(0, 4)).await, (-32005, "block range is limited to 4".into()));
    assert_eq!(node.error("eth_getLogs", query(3, 2)).await.0, -32602);
    assert_eq!(node.error("eth_getLogs", query(3, 5)).await.0, -32602);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_are_bounded() {
    let node = Node::start_with(limited(|limits| limits.filters_max = 2), |_| ()).await;
    node.call("eth_newBlockFilter", json!([])).await;
    let second = node.call("eth_newFilter", json!([{}])).await;
    assert_eq!(node.error("eth_newBlockFilter", json!([])).await.0, -32005);
    node.call("eth_uninstallFilter", json!([second])).await;
    node.call("eth_newBlockFilter", json!([])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fee_history_is_cut_at_its_limit() {
    let node = Node::start().await;
    let history = node.call("eth_feeHistory", json!(["0xffff", "latest", []])).await;
    assert_eq!(history["gasUsedRatio"].as_array().unwrap().len(), 1);
    assert_eq!(node.call("eth_feeHistory", json!(["0x0", "latest", []])).await["oldestBlock"], json!("0x0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_of_one_request_are_bounded() {
    let node = Node::start().await;
    let address = node.signer.address();
    let keys = |n: usize| json!(vec!["0x1"; n]);
    let proof = node.call("eth_getProof", json!([address, keys(1_024), "latest"])).await;
    assert_eq!(proof["storageProof"].as_array().unwrap().len(), 1_024);
    assert_eq!(node.error("eth_getProof", json!([address, keys(1_025), "latest"])).await.0, -32602);
    let values = |n: usize| json!([{address.to_string(): keys(n)}]);
    node.call("eth_getStorageValues", values(1_024)).await;
    assert_eq!(node.error("eth_getStorageValues", values(1_025)).await.0, -32602);
    assert_eq!(node.error("eth_getStorageValues", json!([{}])).await, (-32602, "empty request".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn gas_of_a_call_is_capped() {
    let node = Node::start_with(limited(|limits| limits.call_gas_max = 1_000_000), |_| ()).await;
    // Returns GAS: what is left of the cap after the intrinsic cost.
    let gas = json!([{"to": "0x00000000000000000000000000000000000000cc", "gas": "0xffffffff"}, "latest",
        {"0x00000000000000000000000000000000000000cc": {"code": "0x5a60005260206000f3"}}]);
    let left = node.call("eth_call", gas).await;
    let left = u64::from_str_radix(left.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    assert!(left < 1_000_000 && left > 970_000, "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn time_of_a_call_is_capped() {
    let brief = limited(|limits| {
        limits.call_time_max = Duration::from_millis(50);
        limits.call_gas_max = u64::MAX / 2;
    });
    let node = Node::start_with(brief, |_| ()).await;
    let endless = json!([{"to": "0x00000000000000000000000000000000000000cc"}, "latest",
        {"0x00000000000000000000000000000000000000cc": {"code": "0x5b600056"}}]);
    let (code, message) = node.error("eth_call", endless).await;
    assert!(code == -32000 && message.contains("timeout"), "{message}");
}
