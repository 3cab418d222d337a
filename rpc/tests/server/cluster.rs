//! What a node says of its cluster: the namespace `pervade`, peers, catching up, and transactions that are told on.
use crate::harness::{Node, config};
use alloy_primitives::{Address, Bytes, hex};
use parking_lot::Mutex;
use pervade_chainspec::{ValidatorConfig, encode_validator_set, validator_set_hash};
use pervade_evm_ext::{ProposalAttributes, propose_block};
use pervade_rpc::{ClusterStatus, ClusterView, PeerStatus, SyncProgress};
use pervade_storage::Seal;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

#[derive(Default)]
struct FixedCluster {
    progress: Option<SyncProgress>,
    published: Mutex<Vec<Bytes>>,
}

impl ClusterView for FixedCluster {
    fn status(&self) -> ClusterStatus {
        let peer = PeerStatus { peer_id: "peer".into(), head: 7, ..PeerStatus::default() };
        ClusterStatus {
            role: "validator",
            height: 3,
            round: 1,
            step: "prevote",
            peers: vec![peer],
            ..Default::default()
        }
    }
    fn syncing(&self) -> Option<SyncProgress> {
        self.progress
    }
    fn peer_count(&self) -> usize {
        20
    }
    fn publish(&self, encoded: Bytes) {
        self.published.lock().push(encoded);
    }
}

async fn start(cluster: Arc<FixedCluster>) -> Node {
    Node::start_with(config(), |context| context.cluster = Some(cluster)).await
}

/// Commits an empty block with this seal.
fn seal(node: &Node, seal: &Seal) {
    let parent = node.storage.head();
    let attributes = ProposalAttributes {
        timestamp: parent.header().timestamp + 1,
        proposer: Address::ZERO,
        time_max: Duration::from_secs(10),
    };
    let view = node.storage.latest_view();
    let mut none = node.pool.best(None);
    let proposal = propose_block(&node.spec, parent.header(), parent.hash, &view, &attributes, &mut none).unwrap();
    node.storage.commit_sealed(proposal.executed, seal).unwrap();
}

fn validators() -> Vec<ValidatorConfig> {
    let key = hex!("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
    vec![ValidatorConfig { account: Address::with_last_byte(0xb1), public_key: Bytes::copy_from_slice(&key), power: 3 }]
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_and_the_state_of_consensus_are_shown() {
    let node = start(Arc::default()).await;
    assert_eq!(node.call("net_peerCount", json!([])).await, "0x14");
    assert_eq!(node.call("eth_syncing", json!([])).await, false);
    let status = node.call("pervade_nodeStatus", json!([])).await;
    assert_eq!((&status["number"], &status["highest"], &status["lag"]), (&json!("0x0"), &json!("0x7"), &json!("0x7")));
    assert_eq!(status["cluster"]["step"], "prevote");
    assert_eq!(status["cluster"]["peers"][0]["head"], 7);
    assert_eq!(status["cluster"].get("clockSkewMs"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_catches_up_says_how_far_it_is() {
    let progress = Some(SyncProgress { starting: 1, current: 16, highest: 300 });
    let node = start(Arc::new(FixedCluster { progress, ..Default::default() })).await;
    let expected = json!({"startingBlock": "0x1", "currentBlock": "0x10", "highestBlock": "0x12c"});
    assert_eq!(node.call("eth_syncing", json!([])).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_transaction_is_told_to_the_network_and_a_refused_one_is_not() {
    let cluster = Arc::new(FixedCluster::default());
    let node = start(cluster.clone()).await;
    let raw = node.transfer(0);
    node.send(raw.clone()).await;
    node.error("eth_sendRawTransaction", json!([raw])).await;
    assert_eq!(*cluster.published.lock(), [hex::decode(raw).unwrap()]);
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_and_changes_of_the_validators_are_served_as_bytes() {
    let node = start(Arc::default()).await;
    let set = validators();
    let changed = Seal {
        certificate: Some(Bytes::from_static(b"two")),
        next_validators: Some(encode_validator_set(&set).into()),
    };
    seal(&node, &Seal { certificate: Some(Bytes::from_static(b"one")), next_validators: None });
    seal(&node, &changed);
    seal(&node, &Seal::default());

    let certified = node.call("pervade_getCommitCertificate", json!(["0x1"])).await;
    assert_eq!(certified["certificate"], hex::encode_prefixed(b"one"));
    let header = hex::decode(certified["header"].as_str().unwrap()).unwrap();
    assert_eq!(certified["hash"], alloy_primitives::keccak256(header).to_string());
    assert_eq!(node.call("pervade_getCommitCertificate", json!([])).await["certificate"], Value::Null);

    let changes = node.call("pervade_getValidatorChanges", json!(["0x0", "latest"])).await;
    assert_eq!(changes.as_array().unwrap().len(), 1);
    assert_eq!(
        (&changes[0]["number"], &changes[0]["certificate"]),
        (&json!("0x2"), &json!(hex::encode_prefixed(b"two")))
    );
    assert_eq!(changes[0]["nextValidators"][0]["power"], 3);
    assert_eq!(node.call("pervade_getValidatorChanges", json!(["0x3", "0x3"])).await, json!([]));

    // The set of block 2 decides from block 3 on.
    assert_eq!(node.call("pervade_getValidators", json!(["0x2"])).await["validators"], json!([]));
    let decided = node.call("pervade_getValidators", json!(["latest"])).await;
    assert_eq!((&decided["number"], &decided["hash"]), (&json!("0x3"), &json!(validator_set_hash(&set))));
    assert_eq!(node.error("pervade_getValidators", json!(["0x9"])).await.0, -32000);
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_listed_by_height() {
    let node = start(Arc::default()).await;
    for height in [5, 9] {
        node.storage.add_evidence(height, b"twice").unwrap();
    }
    let all = node.call("pervade_getEvidence", json!([])).await;
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!(node.call("pervade_getEvidence", json!(["0x6"])).await[0]["height"], "0x9");
    assert_eq!(node.call("pervade_getEvidence", json!(["0x0", "0x1"])).await.as_array().unwrap().len(), 1);
}
