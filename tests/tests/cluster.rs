//! Four validators as real processes: they agree, survive kills, and take others along. Longer runs are `slow_`, and in
//! `cargo run -p pervade-tests --bin cluster`.
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::ChainSpec;
use pervade_node::{commands::verify::verify, remote::Remote};
use pervade_tests::{
    cluster::{LocalCluster, kill_under_load, latency, one_dead, recovery, rejoin},
    harness::{DEV_CHAIN_ID, Fees, RunningNode, dev_account, parse_quantity, sign_transfer},
};
use serde_json::{Value, json};
use std::time::Duration;

const WAIT: Duration = Duration::from_secs(20);
const RECEIVER: Address = Address::repeat_byte(9);

/// Sends the first account's next transfer; the answer is its hash.
async fn transfer(node: &RunningNode, nonce: u64) -> B256 {
    let (hash, raw) = sign_transfer(&dev_account(0), DEV_CHAIN_ID, nonce, RECEIVER, U256::from(1), Fees::default());
    node.rpc.call("eth_sendRawTransaction", json!([raw])).await.unwrap();
    hash
}

/// Number of the block that a receipt is of.
fn block_of(receipt: &Value) -> u64 {
    parse_quantity(&receipt["blockNumber"]).unwrap().to()
}

#[tokio::test(flavor = "multi_thread")]
async fn four_validators_agree_survive_a_kill_and_take_a_follower_along() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = LocalCluster::create(folder.path(), 4, 200).unwrap();
    cluster.start_all().await.unwrap();

    // A transaction of one node is in a block of all.
    let hash = transfer(cluster.node(0), 0).await;
    let receipt = cluster.node(3).wait_for_receipt(&hash, WAIT).await.unwrap();
    assert_eq!(receipt["status"], "0x1");
    let included = block_of(&receipt);
    for index in 0..4 {
        cluster.node(index).wait_for_height(included, WAIT).await.unwrap();
    }
    cluster.assert_same_block(included).await.unwrap();

    // Three of four go on without the killed one, which comes back to what they decided.
    cluster.kill(2).unwrap();
    let hash = transfer(cluster.node(0), 1).await;
    cluster.node(1).wait_for_receipt(&hash, WAIT).await.unwrap();
    cluster.start(&[2]).await.unwrap();
    cluster.node(2).wait_for_receipt(&hash, WAIT).await.unwrap();

    // A node without a key starts from nothing, follows, and hands transactions on.
    let follower = cluster.follower("follower").await.unwrap();
    follower.wait_for_receipt(&hash, WAIT).await.unwrap();
    let hash = transfer(&follower, 2).await;
    for index in 0..4 {
        cluster.node(index).wait_for_receipt(&hash, WAIT).await.unwrap();
    }
    let receipt = follower.wait_for_receipt(&hash, WAIT).await.unwrap();
    cluster.assert_same_block(block_of(&receipt)).await.unwrap();

    // What any of them shows can be proved from the genesis file alone.
    let spec = ChainSpec::read(cluster.genesis()).unwrap();
    let proved = verify(&Remote::new(follower.rpc.url()), &spec, None).await.unwrap();
    assert!(proved.header.number >= included);
    let status = cluster.node(1).rpc.call("pervade_nodeStatus", json!([])).await.unwrap();
    assert_eq!((&status["validators"], &status["cluster"]["role"]), (&json!(4), &json!("validator")));
    assert!(status["cluster"]["peers"].as_array().unwrap().len() >= 3, "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_killing_one_after_the_other_under_load_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let time = Duration::from_secs(60);
    let report = kill_under_load(folder.path(), time, Duration::from_secs(3), 50).await.unwrap();
    println!("{report}");
    assert_eq!(report.lost, 0);
    assert!(report.kills > 3 && report.blocks > 30, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_receipt_is_on_another_node_soon() {
    let folder = tempfile::tempdir().unwrap();
    let report = latency(folder.path(), Duration::from_secs(20), 100).await.unwrap();
    println!("{} receipts: {}", report.seen, report.latencies);
    assert_eq!(report.seen, report.acknowledged.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_one_dead_validator_of_four_hardly_slows_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let report = one_dead(folder.path(), 40).await.unwrap();
    println!("{report:?}");
    assert!(report.one_dead < report.healthy * 3 / 2, "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_validator_that_lost_everything_rejoins() {
    let folder = tempfile::tempdir().unwrap();
    let report = rejoin(folder.path(), 300).await.unwrap();
    println!("{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_network_that_lost_half_of_its_disks_is_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    println!("{:?}", recovery(folder.path()).await.unwrap());
}
