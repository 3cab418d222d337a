//! Transactions in.

use super::harness::{GAS_PRICE, Node, limited};
use alloy_primitives::U256;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_submissions_is_answered_in_order() {
    let node = Node::start().await;
    let calls: Vec<Value> = (0..50)
        .map(|n| json!({"jsonrpc": "2.0", "id": n, "method": "eth_sendRawTransaction", "params": [node.transfer(n)]}))
        .collect();
    let answers: Vec<Value> = serde_json::from_str(&node.post(json!(calls).to_string()).await.1).unwrap();
    let ids: Vec<_> = answers.iter().map(|answer| answer["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (0..50).collect::<Vec<_>>());
    assert!(answers.iter().all(|answer| answer["result"].is_string()), "{answers:?}");
    let block = node.mine();
    let hashes: Vec<_> = block.block.block.body.transactions.iter().map(|tx| json!(tx.tx_hash())).collect();
    assert_eq!(answers.iter().map(|answer| answer["result"].clone()).collect::<Vec<_>>(), hashes);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_have_geths_words() {
    let node = Node::start().await;
    node.send(node.transfer(0)).await;
    assert_eq!(node.error("eth_sendRawTransaction", json!([node.transfer(0)])).await, (-32000, "already known".into()));
    node.mine();
    let (code, message) = node.error("eth_sendRawTransaction", json!([node.transfer(0)])).await;
    assert!(code == -32000 && message.starts_with("nonce too low"), "{message}");
    for (params, code) in [(json!([]), -32602), (json!(["0x1"]), -32602), (json!(["0x"]), -32000), (json!([5]), -32602)]
    {
        assert_eq!(node.error("eth_sendRawTransaction", params).await.0, code);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_synchronous_submission_waits_for_the_receipt() {
    let node = Node::start().await;
    let raw = node.transfer(0);
    let (receipt, ()) = tokio::join!(node.call("eth_sendRawTransactionSync", json!([raw, 10_000])), async {
        node.pool.wait_for_pending().await;
        node.mine();
    });
    assert_eq!((&receipt["status"], &receipt["blockNumber"]), (&json!("0x1"), &json!("0x1")));

    let late = node.answer("eth_sendRawTransactionSync", json!([node.transfer(1), "0x5"])).await;
    let pending = node.call("eth_getBlockByNumber", json!(["latest", false])).await;
    assert_eq!((&late["error"]["code"], pending["transactions"].as_array().unwrap().len()), (&json!(4), 1));
    let hash = late["error"]["data"].clone();
    assert_eq!(node.call("eth_getTransactionByHash", json!([hash])).await["nonce"], json!("0x1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fee_at_the_cap_passes_and_one_past_it_is_refused() {
    let fee = U256::from(GAS_PRICE) * U256::from(21_000);
    let node = Node::start_with(limited(|limits| limits.transaction_fee_max = fee), |_| ()).await;
    node.send(node.transfer(0)).await;
    let node = Node::start_with(limited(|limits| limits.transaction_fee_max = fee - U256::from(1)), |_| ()).await;
    let (code, message) = node.error("eth_sendRawTransaction", json!([node.transfer(0)])).await;
    assert!(code == -32000 && message.contains("exceeds the configured cap"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_wait_of_a_synchronous_submission_is_capped() {
    let short = limited(|limits| limits.sync_time_max = Duration::from_millis(20));
    let node = Node::start_with(short, |_| ()).await;
    assert_eq!(node.error("eth_sendRawTransactionSync", json!([node.transfer(0), 60_000])).await.0, 4);
}
