//! The container's journey on four validators, each a process: every node tells it alike, whoever made the blocks, after its
//! index was built anew, and to whoever joins later.
use super::supply_chain::{
    CARRIER, CONTAINER, CUSTOMS, Cleared, Goods, Loaded, MODEL, OTHER, RETAILER, SENSOR, clearCall, loadCall,
    receiveGoodsCall,
};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, U256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};
use pervade_tests::{
    cluster::LocalCluster,
    harness::{DEV_CHAIN_ID, Fees, RunningNode, dev_account, parse_quantity, run_command, sign_call, sign_deploy},
    journey::{
        Device,
        abi::ISemantics::{self, Format},
        cleared, definition_id, deploy, loaded, model_call, received,
    },
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

const WAIT: Duration = Duration::from_secs(20);
/// Gas of a transaction: what it may cost at most is within the nodes' limit.
const GAS: u64 = 8_000_000;

/// A company with its account. Each of its transactions goes to the next validator.
struct Party {
    key: PrivateKeySigner,
    nonce: u64,
}

impl Party {
    fn new(index: u32) -> Self {
        Self { key: dev_account(index), nonce: 0 }
    }

    /// Sends, and waits until a block has it; answers its number.
    async fn submit(&mut self, cluster: &LocalCluster, (hash, raw): (B256, Bytes)) -> u64 {
        let node = cluster.node(self.nonce as usize % cluster.len());
        self.nonce += 1;
        node.rpc.call("eth_sendRawTransaction", json!([raw])).await.unwrap();
        let receipt = node.wait_for_receipt(&hash, WAIT).await.unwrap();
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        parse_quantity(&receipt["blockNumber"]).unwrap().to()
    }

    async fn call(&mut self, cluster: &LocalCluster, to: Address, call: &impl SolCall) -> u64 {
        let input = call.abi_encode().into();
        let signed = sign_call(&self.key, DEV_CHAIN_ID, self.nonce, to, input, GAS, Fees::default());
        self.submit(cluster, signed).await
    }

    /// Creates a contract; answers its address and what proves who created it.
    async fn create(&mut self, cluster: &LocalCluster, code: &[u8]) -> (Address, Bytes) {
        let (address, deployment) = (self.key.address().create(self.nonce), U256::from(self.nonce).abi_encode());
        let init = deploy(code).into();
        let signed = sign_deploy(&self.key, DEV_CHAIN_ID, self.nonce, init, GAS, Fees::default());
        self.submit(cluster, signed).await;
        (address, deployment.into())
    }

    async fn map(&mut self, cluster: &LocalCluster, model: B256, format: Format, program: &str) -> B256 {
        let call = ISemantics::defineMappingCall { model, format, program: program.as_bytes().to_vec().into() };
        self.call(cluster, SEMANTICS_ADDRESS, &call).await;
        definition_id(&call)
    }

    async fn bind_event(
        &mut self,
        cluster: &LocalCluster,
        topic0: B256,
        (emitter, deployment): (Address, Bytes),
        mapping: B256,
    ) {
        let call = ISemantics::bindEventCall { emitter, topic0, mappingId: mapping, deployment };
        self.call(cluster, SEMANTICS_ADDRESS, &call).await;
    }
}

/// What the sensor on a container says.
async fn measure(cluster: &LocalCluster, by: &mut Party, sensor: (&Device, B256), (sequence, fahrenheit): (u64, &str)) {
    let head = cluster.node(0).rpc.call("eth_getBlockByNumber", json!(["latest", false])).await.unwrap();
    let now_ms = parse_quantity(&head["timestamp"]).unwrap().to::<u64>() * 1_000;
    let payload = format!("{{\"container\":\"{CONTAINER}\",\"f\":{fahrenheit}}}");
    let message = sensor.0.message(sequence, now_ms, sensor.1, payload.as_bytes());
    by.call(cluster, THINGS_ADDRESS, &message).await;
}

fn load(container: B256, tenths: i64) -> loadCall {
    loadCall { container, tenthsFahrenheit: tenths.try_into().unwrap() }
}

/// Three companies, contracts that nobody made for the others, a sensor, and a stranger who copies a contract. The answer is the
/// last block of the journey.
async fn travel(cluster: &LocalCluster) -> u64 {
    let [mut carrier, mut customs, mut retailer, mut stranger] = [0, 1, 2, 3].map(Party::new);
    let definition = model_call(MODEL);
    retailer.call(cluster, SEMANTICS_ADDRESS, &definition).await;
    let model = definition_id(&definition);
    let of_carrier = carrier.create(cluster, &loaded(Loaded::SIGNATURE_HASH)).await;
    let of_customs = customs.create(cluster, &cleared(Cleared::SIGNATURE_HASH)).await;
    let (receiver, deployment) = retailer.create(cluster, &received()).await;
    let (copy, _) = stranger.create(cluster, &loaded(Loaded::SIGNATURE_HASH)).await;
    let (loading, clearing) = (of_carrier.0, of_customs.0);

    let mapping = carrier.map(cluster, model, Format::AbiEvent, CARRIER).await;
    carrier.bind_event(cluster, Loaded::SIGNATURE_HASH, of_carrier, mapping).await;
    let mapping = customs.map(cluster, model, Format::AbiEvent, CUSTOMS).await;
    customs.bind_event(cluster, Cleared::SIGNATURE_HASH, of_customs, mapping).await;
    let mapping = retailer.map(cluster, model, Format::AbiCall, RETAILER).await;
    let selector = FixedBytes(receiveGoodsCall::SELECTOR);
    let bind = ISemantics::bindCallCall { target: receiver, selector, mappingId: mapping, deployment };
    retailer.call(cluster, SEMANTICS_ADDRESS, &bind).await;
    let reads = carrier.map(cluster, model, Format::Json, SENSOR).await;
    let sensor = Device::on(DEV_CHAIN_ID, "urn:example:sensor");
    carrier.call(cluster, THINGS_ADDRESS, &sensor.register(carrier.key.address())).await;

    carrier.call(cluster, loading, &load(OTHER, 500)).await;
    carrier.call(cluster, loading, &load(CONTAINER, 410)).await;
    stranger.call(cluster, copy, &load(CONTAINER, 9_999)).await;
    measure(cluster, &mut customs, (&sensor, reads), (1, "42.8")).await;
    customs.call(cluster, clearing, &clearCall { container: CONTAINER, released: false }).await;
    measure(cluster, &mut stranger, (&sensor, reads), (2, "51.8")).await;
    customs.call(cluster, clearing, &clearCall { container: CONTAINER, released: true }).await;
    let goods = Goods { container: CONTAINER, centiKelvin: 27_715 };
    retailer.call(cluster, receiver, &receiveGoodsCall { order: U256::from(7), goods }).await
}

/// A node's trace of the container, up to a block that it must have. The index follows the blocks, and may be behind them.
async fn trace(node: &RunningNode, last: u64) -> Value {
    node.wait_for_height(last, WAIT).await.unwrap();
    let begun = Instant::now();
    let range = json!({ "fromBlock": "0x0", "toBlock": format!("{last:#x}") });
    loop {
        let page = node.rpc.call("pervade_trace", json!([CONTAINER, range])).await.unwrap();
        if page["toBlock"] == range["toBlock"] {
            assert_eq!(page["next"], Value::Null, "{page}");
            return page;
        }
        assert!(begun.elapsed() < WAIT, "the index does not come to block {last}: {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_every_validator_tells_the_same_journey_after_a_reindex_too() {
    let folder = tempfile::tempdir().unwrap();
    let mut cluster = LocalCluster::create(folder.path(), 4, 200).unwrap();
    cluster.start_all().await.unwrap();
    let last = travel(&cluster).await;

    let expected = trace(cluster.node(0), last).await;
    let said: Vec<_> = expected["observations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|said| {
            let text = |member: &Value| member.as_str().unwrap_or_default().to_owned();
            (text(&said["origin"]), said["observation"]["value"].clone())
        })
        .collect();
    let step = |origin: &str, value: Value| (origin.to_owned(), value);
    assert_eq!(
        said,
        [
            step("event", json!("loaded")),
            step("event", json!(5)),
            step("observed", json!(6)),
            step("event", json!("held")),
            step("observed", json!(11)),
            step("event", json!("released")),
            step("call", json!("received")),
            step("call", json!(4)),
        ],
        "{expected:#}"
    );
    let blocks: BTreeSet<_> =
        expected["observations"].as_array().unwrap().iter().map(|said| said["blockHash"].to_string()).collect();
    assert!(blocks.len() >= 6, "one step a block: {blocks:?}");
    for index in 1..4 {
        assert_eq!(trace(cluster.node(index), last).await, expected, "validator {index}");
    }

    // One builds its index anew while the others go on, and one joins who was not there.
    cluster.stop(3).await.unwrap();
    let (chain, datadir) = (cluster.genesis().to_owned(), cluster.datadir(3));
    let arguments = ["db", "reindex", "--chain"].map(std::ffi::OsString::from);
    let places = [chain.into_os_string(), "--datadir".into(), datadir.into_os_string()];
    let reindexed = run_command(arguments.into_iter().chain(places)).unwrap();
    assert!(reindexed.status.success(), "{}", reindexed.stderr);
    cluster.start(&[3]).await.unwrap();
    assert_eq!(trace(cluster.node(3), last).await, expected, "after a reindex");
    let follower = cluster.follower("follower").await.unwrap();
    assert_eq!(trace(&follower, last).await, expected, "a node that came later");
}
