//! Four validators as real processes: they agree, survive kills, and take others along. Longer runs are `slow_`, and in
//! `cargo run -p pervade-tests --bin cluster`.
use alloy_primitives::{Address, B256, Bytes, FixedBytes, I256, U256, hex};
use alloy_sol_types::SolCall;
use pervade_chainspec::ChainSpec;
use pervade_node::{commands::verify::verify, remote::Remote};
use pervade_tests::{
    cluster::{LocalCluster, flips, hostile, kill_under_load, latency, members, one_dead, partition, recovery, rejoin},
    harness::{
        Change, DEV_CHAIN_ID, Fees, RunningNode, dev_account, parse_quantity, sign_call, sign_deploy, sign_transfer,
    },
};
use serde_json::{Value, json};
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

mod abi {
    #![allow(missing_docs, reason = "generated from the interface")]
    alloy_sol_types::sol!("../contracts/IThings.sol");
}
use abi::IThings;

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

/// Until a node has at least so many peers.
async fn wait_for_peers(node: &RunningNode, count: usize) {
    let begun = Instant::now();
    loop {
        let status = node.rpc.call("pervade_nodeStatus", json!([])).await.unwrap();
        if status["cluster"]["peers"].as_array().unwrap().len() >= count {
            return;
        }
        assert!(begun.elapsed() < WAIT, "{status}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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
    // Links after a restart come when peers dial again.
    wait_for_peers(cluster.node(1), 3).await;
}

/// Hands what it is called with, and all it has, to Thing Communication.
const FORWARDER: [u8; 16] = hex!("365f5f375f5f365f476171015af15000");
const THINGS: &str = "0x0000000000000000000000000000000000007101";

/// A [`FORWARDER`] with an ether, deployed: its address, once it is there.
async fn forwarder(node: &RunningNode, nonce: u64) -> Address {
    let (owner, ether, fees) = (dev_account(0), U256::from(10).pow(U256::from(18)), Fees::default());
    let address = owner.address().create(nonce + 1);
    let (_, raw) = sign_transfer(&owner, DEV_CHAIN_ID, nonce, address, ether, fees);
    node.rpc.call("eth_sendRawTransaction", json!([raw])).await.unwrap();
    let length = u8::try_from(FORWARDER.len()).unwrap();
    // PUSH1 length, DUP1, PUSH1 offset, PUSH0, CODECOPY, PUSH0, RETURN.
    let creation = [&[0x60, length, 0x80, 0x60, 9, 0x5f, 0x39, 0x5f, 0xf3][..], &FORWARDER].concat();
    let (hash, raw) = sign_deploy(&owner, DEV_CHAIN_ID, nonce + 1, creation.into(), 200_000, fees);
    node.rpc.call("eth_sendRawTransaction", json!([raw])).await.unwrap();
    let receipt = node.wait_for_receipt(&hash, WAIT).await.unwrap();
    assert_eq!(receipt["status"], "0x1");
    address
}

/// A call of `to` at `time`, Unix seconds.
fn at_time(time: u64) -> Bytes {
    let trigger = IThings::Trigger {
        kind: IThings::TriggerKind::AtTime,
        thing: B256::ZERO,
        otherThing: B256::ZERO,
        model: B256::ZERO,
        property: B256::ZERO,
        comparison: IThings::Comparison::Less,
        threshold: I256::ZERO,
        exponent: 0,
        hysteresis: U256::ZERO,
        radiusMetres: 0,
        maxAge: 0,
        firstTime: time,
        interval: 0,
        maxFirings: 0,
        action: FixedBytes([1; 4]),
        actionGas: 100_000,
        maxFeePerGas: 1_000_000_000_000,
    };
    IThings::watchCall { trigger }.abi_encode().into()
}

/// Unix time of a node's head.
async fn head_time(node: &RunningNode) -> u64 {
    let head = node.rpc.call("eth_getBlockByNumber", json!(["latest", false])).await.unwrap();
    parse_quantity(&head["timestamp"]).unwrap().to()
}

async fn height(node: &RunningNode) -> u64 {
    parse_quantity(&node.rpc.call("eth_blockNumber", json!([])).await.unwrap()).unwrap().to()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_chain_of_one_validator_is_followed_and_paced_by_votes_and_due_work() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = LocalCluster::create(folder.path(), 1, 200).unwrap();
    cluster.start_all().await.unwrap();
    let follower = cluster.follower("follower").await.unwrap();
    let validator = cluster.signer(0).unwrap();
    let (gift, node) = (U256::from(10).pow(U256::from(18)), cluster.node(0));
    let (hash, raw) = sign_transfer(&dev_account(0), DEV_CHAIN_ID, 0, validator.address(), gift, Fees::default());
    follower.rpc.call("eth_sendRawTransaction", json!([raw])).await.unwrap();
    node.wait_for_receipt(&hash, WAIT).await.unwrap();
    let asker = forwarder(node, 1).await;

    // Blocks come without transactions, until the vote that ends it holds.
    node.wait_for_height(height(node).await + 2, WAIT).await.unwrap();
    let enacted = Change::parameter("emptyBlockPeriodMs", 0).pass(&node.rpc, &[&validator], WAIT).await.unwrap();
    node.wait_for_height(enacted + 1, WAIT).await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(height(node).await, enacted + 1, "no empty block, and nobody restarted");

    // What is due makes one.
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 4;
    let (account, fees) = (dev_account(0), Fees::default());
    let (hash, raw) = sign_call(&account, DEV_CHAIN_ID, 3, asker, at_time(time), 3_000_000, fees);
    node.rpc.call("eth_sendRawTransaction", json!([raw])).await.unwrap();
    let receipt = node.wait_for_receipt(&hash, WAIT).await.unwrap();
    assert_eq!(receipt["logs"][0]["address"], THINGS, "{receipt}");
    let asked = block_of(&receipt);
    assert_eq!(height(node).await, asked);
    node.wait_for_height(asked + 1, WAIT).await.unwrap();
    let made = head_time(node).await;
    assert!((time..time + 3).contains(&made), "due at {time}, made at {made}");
    let block = node.rpc.call("eth_getBlockByNumber", json!(["latest", false])).await.unwrap();
    assert_eq!(block["transactions"].as_array().unwrap().len(), 1, "the action: {block}");

    // The follower has it all, and its blocks prove themselves.
    follower.wait_for_height(asked + 1, WAIT).await.unwrap();
    let spec = ChainSpec::read(cluster.genesis()).unwrap();
    let proved = verify(&Remote::new(follower.rpc.url()), &spec, None).await.unwrap();
    assert_eq!(proved.header.number, asked + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_an_old_copy_of_a_signing_record_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = LocalCluster::create(folder.path(), 4, 200).unwrap();
    cluster.start_all().await.unwrap();
    cluster.node(3).wait_for_height(2, WAIT).await.unwrap();
    cluster.stop(3).await.unwrap();
    let (data, copy) = (cluster.datadir(3), folder.path().join("copy"));
    let copied = |from: &Path, to: &Path| {
        let status = Command::new("cp").arg("-r").args([from, to]).status().unwrap();
        assert!(status.success());
    };
    copied(&data, &copy);
    cluster.start(&[3]).await.unwrap();
    let wanted = height(cluster.node(0)).await + 6;
    cluster.node(3).wait_for_height(wanted, WAIT).await.unwrap();
    cluster.stop(3).await.unwrap();

    std::fs::remove_dir_all(&data).unwrap();
    copied(&copy, &data);
    // It may answer before it has seen that.
    let mut answered = cluster.start(&[3]).await.is_ok();
    for _ in 0..2_000 {
        answered = answered && cluster.node_mut(3).is_running();
        if !answered {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!answered, "it still runs");
    let log = std::fs::read_to_string(data.with_extension("log")).unwrap();
    assert!(log.contains("another process signs with this key"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_nodes_come_and_validators_go_by_vote_under_load() {
    let folder = tempfile::tempdir().unwrap();
    let report = members(folder.path(), 30).await.unwrap();
    println!("{report}");
    assert_eq!(report.lost, 0, "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_a_flipped_bit_is_noticed_or_does_not_matter() {
    let folder = tempfile::tempdir().unwrap();
    let seed = rand::random();
    println!("seed {seed}");
    let report = flips(folder.path(), 32, seed).await.unwrap();
    println!("{report}");
    assert_eq!(report.failures, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_peers_that_mean_harm_do_not_stop_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let seed = rand::random();
    println!("seed {seed}");
    let report = hostile(folder.path(), Duration::from_secs(10), seed).await.unwrap();
    println!("{report}");
    for attack in &report.attacks {
        let [before, most, _] = attack.memory_mib;
        assert!(most < before + 500.0, "{report}");
    }
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

/// After a cut a network is back within this time of its quorum, whatever TCP and the dialling of peers wait for.
const QUORUM_BACK_MAX: Duration = Duration::from_secs(10);

/// Needs root, for network namespaces. The cut lasts long enough for connections to be given up.
#[tokio::test(flavor = "multi_thread")]
async fn slow_halves_that_were_cut_and_leaders_that_were_cut_off_are_soon_back() {
    let folder = tempfile::tempdir().unwrap();
    let report = partition(folder.path(), Duration::from_secs(20)).await.unwrap();
    println!("{report}");
    assert!(report.halves_joined < QUORUM_BACK_MAX, "{report}");
    assert!(report.three > 10, "{report}");
    assert!(report.one_joined < QUORUM_BACK_MAX, "{report}");
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
