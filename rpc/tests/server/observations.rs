//! Traces, observations, receipt proofs, and their subscriptions.

use super::harness::{LOGGING_CODE, Node};
use alloy_consensus::TxReceipt;
use alloy_primitives::{Address, B256, Bytes, Log, LogData, U256, address, keccak256};
use jsonrpsee::{core::client::SubscriptionClientT, rpc_params};
use pervade_rpc::ObservedBlock;
use pervade_storage::{BlockObservations, ObservationRecord, Origin};
use serde_json::{Value, json};
use std::sync::Arc;

const THINGS: Address = address!("0000000000000000000000000000000000007101");
const BOX: B256 = B256::repeat_byte(0xb0);

fn record(number: u64, origin: Origin) -> ObservationRecord {
    ObservationRecord {
        origin,
        transaction: 0,
        log: (origin != Origin::Call).then_some(0),
        source: B256::with_last_byte(number as u8),
        mapping_id: B256::repeat_byte(9),
        subject: BOX,
        property: keccak256("urn:t"),
        kind: 0,
        number: U256::from(number * 100 + 5),
        exponent: -2,
        time_ms: 1_000 * number,
        unit: "Cel".into(),
        data: Bytes::new(),
    }
}

/// Five blocks with a log each; each says two things of one box, one as a log and one as a call.
async fn observed() -> Node {
    let node = Node::start().await;
    node.mine_logs(5).await;
    node.storage.begin_observations(1).unwrap();
    for number in 1..=5 {
        node.storage.put_observations(number, &said(number)).unwrap();
    }
    node
}

fn said(number: u64) -> BlockObservations {
    let observations = vec![record(number, Origin::Event), record(number, Origin::Call)];
    BlockObservations { observations, bindings: Vec::new() }
}

fn values(page: &Value) -> Vec<Value> {
    page["observations"].as_array().unwrap().iter().map(|entry| entry["observation"]["value"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_has_block_transaction_raw_log_and_canonical_form() {
    let node = observed().await;
    let page = node.call("pervade_trace", json!([BOX])).await;
    assert_eq!((&page["fromBlock"], &page["toBlock"], &page["next"]), (&json!("0x1"), &json!("0x5"), &Value::Null));
    assert_eq!(values(&page).len(), 10);
    let block = node.storage.block(2).unwrap().unwrap();
    let (event, call) = (&page["observations"][2], &page["observations"][3]);
    assert_eq!((&event["blockNumber"], &event["blockHash"]), (&json!("0x2"), &json!(block.hash)));
    assert_eq!(event["transactionHash"], json!(block.block.body.transactions[0].tx_hash()));
    assert_eq!((&event["origin"], &event["from"]), (&json!("event"), &json!(node.signer.address())));
    assert_eq!((&event["log"]["logIndex"], event.get("input")), (&json!("0x0"), None));
    assert_eq!(event["log"]["topics"], json!([B256::with_last_byte(0x2a)]));
    let said = &event["observation"];
    assert_eq!((&said["value"], &said["unit"], &said["exponent"]), (&json!(2.05), &json!("Cel"), &json!(-2)));
    assert_eq!((&said["kind"], &said["timeMs"], &said["iri"]), (&json!("number"), &json!("0x7d0"), &Value::Null));
    assert_eq!((&call["origin"], &call["input"], call.get("log")), (&json!("call"), &json!(LOGGING_CODE), None));
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_paged_and_filtered() {
    let node = observed().await;
    let mut cursor = Value::Null;
    let mut all = Vec::new();
    loop {
        let range = json!({"limit": "0x3", "cursor": cursor, "fromBlock": "0x2", "toBlock": "latest"});
        let page = node.call("pervade_trace", json!([BOX, range])).await;
        assert!(values(&page).len() <= 3);
        all.extend(values(&page));
        cursor = page["next"].clone();
        if cursor.is_null() {
            break;
        }
    }
    assert_eq!(all, [2.05, 2.05, 3.05, 3.05, 4.05, 4.05, 5.05, 5.05]);
    let sources = [B256::with_last_byte(4), B256::with_last_byte(1)];
    let found =
        node.call("pervade_getObservations", json!([{"source": sources, "property": keccak256("urn:t")}])).await;
    assert_eq!(values(&found), [1.05, 1.05, 4.05, 4.05]);
    assert_eq!(
        values(&node.call("pervade_getObservations", json!([{"subject": B256::ZERO}])).await),
        Vec::<Value>::new()
    );
    assert_eq!(values(&node.call("pervade_getObservations", json!([])).await).len(), 10);
    for (wrong, code) in [
        (json!([]), -32602),
        (json!([BOX, {"fromBlock": "0x3", "toBlock": "0x2"}]), -32602),
        (json!([BOX, {"toBlock": "0x6"}]), -32602),
        (json!([BOX, {"cursor": format!("{:#x}", U256::MAX)}]), -32602),
        (json!([BOX, {"from": "0x1"}]), -32602),
    ] {
        assert_eq!(node.error("pervade_trace", wrong.clone()).await.0, code, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_index_a_question_says_so() {
    let node = Node::start().await;
    let (code, message) = node.error("pervade_trace", json!([BOX])).await;
    assert_eq!(code, -32000);
    assert!(message.contains("no index of observations"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_is_behind_says_how_far_it_is() {
    let node = observed().await;
    node.send(node.logging(5)).await;
    node.mine();
    let page = node.call("pervade_trace", json!([BOX])).await;
    assert_eq!((&page["toBlock"], values(&page).len()), (&json!("0x5"), 10));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_proof_leads_from_the_header_to_the_receipt() {
    let node = observed().await;
    let block = node.storage.block(3).unwrap().unwrap();
    let hash = *block.block.body.transactions[0].tx_hash();
    let proof = node.call("pervade_getReceiptProof", json!([hash])).await;
    let bytes = |value: &Value| -> Bytes { value.as_str().unwrap().parse().unwrap() };
    assert_eq!(keccak256(bytes(&proof["header"])), block.hash);
    assert_eq!(proof["receiptsRoot"], json!(block.header().receipts_root));
    let nodes: Vec<Bytes> = proof["proof"].as_array().unwrap().iter().map(bytes).collect();
    assert_eq!(keccak256(&nodes[0]), block.header().receipts_root);
    let receipt = node.storage.receipts(3).unwrap().unwrap()[0].clone().into_with_bloom();
    assert_eq!(bytes(&proof["receipt"]), alloy_eips::Encodable2718::encoded_2718(&receipt));
    assert_eq!(node.call("pervade_getReceiptProof", json!([B256::ZERO])).await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn observations_are_announced_to_those_whose_filter_they_fit() {
    let node = observed().await;
    let client = node.ws().await;
    let mut boxes = client
        .subscribe::<Value, _>(
            "pervade_subscribe",
            rpc_params!["observations", json!({"subject": BOX})],
            "pervade_unsubscribe",
        )
        .await
        .unwrap();
    let source = B256::with_last_byte(2);
    let mut second = client
        .subscribe::<Value, _>(
            "pervade_subscribe",
            rpc_params!["observations", json!({"source": [source]})],
            "pervade_unsubscribe",
        )
        .await
        .unwrap();
    for number in 1..=2 {
        node.observed.send(Arc::new(ObservedBlock { number, observations: said(number).observations })).unwrap();
    }
    let trace = node.call("pervade_trace", json!([BOX])).await;
    for index in 0..4 {
        assert_eq!(boxes.next().await.unwrap().unwrap(), trace["observations"][index]);
    }
    assert_eq!(second.next().await.unwrap().unwrap(), trace["observations"][2]);
    boxes.unsubscribe().await.unwrap();
    assert!(
        client.subscribe::<Value, _>("pervade_subscribe", rpc_params!["heads"], "pervade_unsubscribe").await.is_err()
    );
    assert_eq!(node.error("pervade_subscribe", json!(["requests"])).await.0, -32601, "needs a WebSocket");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_announced_as_they_come_to_another_status() {
    let node = observed().await;
    let client = node.ws().await;
    let (thing, requester) = (B256::repeat_byte(7), Address::repeat_byte(8));
    let filter = json!({"thing": thing, "requestId": "0x5"});
    let mut requests = client
        .subscribe::<Value, _>("pervade_subscribe", rpc_params!["requests", filter], "pervade_unsubscribe")
        .await
        .unwrap();
    node.send(node.logging(5)).await;
    let mut block = node.mine();
    let log = |signature: &str, topics: &[B256], data: Vec<u8>| {
        let topics = [&[keccak256(signature)][..], topics].concat();
        Log { address: THINGS, data: LogData::new_unchecked(topics, data.into()) }
    };
    let id = |number: u8| B256::with_last_byte(number);
    let requested = "Requested(uint256,bytes32,address)";
    let changed = "StatusChanged(uint256,uint8,uint16,bytes32)";
    let data = [[0; 31].to_vec(), vec![6], vec![9; 32]].concat();
    let mut receipts = (*block.receipts).clone();
    receipts[0].logs = vec![
        log(requested, &[id(4), thing, requester.into_word()], Vec::new()),
        log(requested, &[id(5), thing, requester.into_word()], Vec::new()),
        log(changed, &[id(5), id(5)], data),
    ];
    block.receipts = Arc::new(receipts);
    node.heads.send(block.clone()).unwrap();
    let made = requests.next().await.unwrap().unwrap();
    assert_eq!(
        (&made["requestId"], &made["status"], &made["logIndex"]),
        (&json!("0x5"), &json!("pending"), &json!("0x1"))
    );
    assert_eq!((&made["thing"], &made["requester"]), (&json!(thing), &json!(requester)));
    let failed = requests.next().await.unwrap().unwrap();
    assert_eq!((&failed["status"], &failed["code"]), (&json!("failed"), &json!(6)));
    assert_eq!((&failed["thing"], &failed["resultHash"]), (&json!(thing), &json!(B256::repeat_byte(9))));
    assert_eq!(failed["blockHash"], json!(block.block.hash));
}
