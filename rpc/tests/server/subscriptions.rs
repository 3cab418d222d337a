//! WebSocket subscriptions and polling filters.

use super::harness::{Node, config, limited};
use alloy_primitives::B256;
use jsonrpsee::{
    core::client::{ClientT, Error, Subscription, SubscriptionClientT},
    rpc_params,
    ws_client::WsClient,
};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn subscribe(
    client: &WsClient,
    params: jsonrpsee::core::params::ArrayParams,
) -> Result<Subscription<Value>, Error> {
    client.subscribe("eth_subscribe", params, "eth_unsubscribe").await
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_logs_and_pooled_transactions_are_announced() {
    let node = Node::start().await;
    let client = node.ws().await;
    let mut heads = subscribe(&client, rpc_params!["newHeads"]).await.unwrap();
    let topic = B256::with_last_byte(0x2a);
    let mut logs = subscribe(&client, rpc_params!["logs", json!({"topics": [topic]})]).await.unwrap();
    let none = subscribe(&client, rpc_params!["logs", json!({"topics": [B256::ZERO]})]).await.unwrap();
    let mut hashes = subscribe(&client, rpc_params!["newPendingTransactions"]).await.unwrap();
    let mut full = subscribe(&client, rpc_params!["newPendingTransactions", true]).await.unwrap();

    let hash = node.send(node.logging(0)).await;
    assert_eq!(hashes.next().await.unwrap().unwrap(), hash);
    assert_eq!(full.next().await.unwrap().unwrap()["hash"], hash);
    let block = node.mine();
    let head = heads.next().await.unwrap().unwrap();
    assert_eq!((&head["hash"], &head["number"]), (&json!(block.block.hash), &json!("0x1")));
    let log = logs.next().await.unwrap().unwrap();
    assert_eq!((&log["transactionHash"], &log["topics"]), (&hash, &json!([topic])));
    let everything = node.call("eth_getLogs", json!([{"fromBlock": "0x0"}])).await;
    assert_eq!(everything, json!([log]));
    none.unsubscribe().await.unwrap();
    heads.unsubscribe().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_work_over_a_websocket_too() {
    let node = Node::start().await;
    let number: String = node.ws().await.request("eth_blockNumber", rpc_params![]).await.unwrap();
    assert_eq!(number, "0x0");
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_of_a_connection_are_bounded() {
    let node = Node::start_with(limited(|limits| limits.subscriptions_max = 2), |_| ()).await;
    let client = node.ws().await;
    let _first = subscribe(&client, rpc_params!["newHeads"]).await.unwrap();
    let second = subscribe(&client, rpc_params!["newHeads"]).await.unwrap();
    assert!(subscribe(&client, rpc_params!["newHeads"]).await.is_err());
    second.unsubscribe().await.unwrap();
    // The place is free once the task behind the subscription has seen its end.
    let again = tokio::time::timeout(Duration::from_secs(20), async {
        while subscribe(&client, rpc_params!["newHeads"]).await.is_err() {
            tokio::task::yield_now().await;
        }
    });
    again.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_need_a_websocket() {
    let node = Node::start().await;
    assert_eq!(node.error("eth_subscribe", json!(["newHeads"])).await.0, -32601);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_port_serves_both_transports_each_with_its_namespaces() {
    let mut config = config();
    let address = "127.0.0.1:0".parse().unwrap();
    (config.http, config.ws) = (Some(address), Some(address));
    config.http_api = vec!["eth".into()];
    config.ws_api = vec!["net".into()];
    let node = Node::start_with(config, |_| ()).await;
    assert_eq!(node.rpc.http, node.rpc.ws);
    assert_eq!(node.call("eth_blockNumber", json!([])).await, json!("0x0"));
    assert_eq!(node.error("net_version", json!([])).await.0, -32601);
    let client = node.ws().await;
    assert!(client.request::<String, _>("net_version", rpc_params![]).await.is_ok());
    assert!(client.request::<String, _>("eth_blockNumber", rpc_params![]).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn polling_filters_tell_everything_once() {
    let node = Node::start().await;
    let blocks = node.call("eth_newBlockFilter", json!([])).await;
    let logs = node.call("eth_newFilter", json!([{}])).await;
    let pending = node.call("eth_newPendingTransactionFilter", json!([])).await;
    assert_eq!(node.call("eth_getFilterChanges", json!([blocks])).await, json!([]));
    let hash = node.send(node.logging(0)).await;
    assert_eq!(node.call("eth_getFilterChanges", json!([pending])).await, json!([hash]));
    let block = node.mine();
    assert_eq!(node.call("eth_getFilterChanges", json!([blocks])).await, json!([block.block.hash]));
    assert_eq!(node.call("eth_getFilterChanges", json!([blocks])).await, json!([]));
    let found = node.call("eth_getFilterChanges", json!([logs])).await;
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(node.call("eth_getFilterChanges", json!([logs])).await, json!([]));
    assert_eq!(node.call("eth_getFilterLogs", json!([logs])).await, found);
    assert_eq!(node.error("eth_getFilterLogs", json!([blocks])).await.0, -32000);
    assert_eq!(node.call("eth_uninstallFilter", json!([logs])).await, json!(true));
    assert_eq!(node.error("eth_getFilterChanges", json!([logs])).await, (-32000, "filter not found".into()));
}

/// A WebSocket client that asks for logs and never reads an answer.
async fn deaf_subscriber(node: &Node) -> TcpStream {
    let mut stream = TcpStream::connect(node.rpc.ws.unwrap()).await.unwrap();
    let upgrade = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(upgrade.as_bytes()).await.unwrap();
    let mut answer = [0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(answer[..length].starts_with(b"HTTP/1.1 101"));
    // One masked text frame; the mask is zero.
    let call = br#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["logs"]}"#;
    let mut frame = vec![0x81, 0x80 | u8::try_from(call.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(call);
    stream.write_all(&frame).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_does_not_read_is_dropped() {
    let tight = limited(|limits| (limits.ws_messages_max, limits.ws_send_time_max) = (2, Duration::from_millis(20)));
    let node = Node::start_with(tight, |_| ()).await;
    // One log of 100,000 bytes: a few dozen announcements fill the sockets' buffers.
    node.send(node.creation(0, "0x602a620186a06000a100", 2_000_000)).await;
    let block = node.mine();
    assert_eq!(block.receipts[0].logs[0].data.data.len(), 100_000);
    let _deaf = deaf_subscriber(&node).await;
    while node.heads.receiver_count() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut announced = 0;
    while node.heads.receiver_count() > 0 {
        announced += 1;
        assert!(announced < 1_000, "still subscribed");
        let _ = node.heads.send(block.clone());
        while !node.heads.is_empty() && node.heads.receiver_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert!(announced > 2, "dropped before its queue was full");
}
