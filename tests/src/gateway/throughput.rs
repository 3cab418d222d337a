//! How fast messages and answers come through a gateway.
use super::{Client, Device, GatewayProcess, HttpService, Mosquitto, allow, gateway_key};
use crate::harness::{NodeOptions, RunningNode, dev_account, free_ports};
use alloy_primitives::U256;
use alloy_sol_types::SolValue;
use eyre::ensure;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_evm_ext::things::IThings;
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

const WAIT: Duration = Duration::from_secs(120);
const TOPIC: &str = "meter/readings";

alloy_sol_types::sol! {
    /// What is called of `Shipping.sol`.
    contract IAsker {
        function ask(string calldata device) external;
        function lastRequest() external view returns (uint256);
    }
}

/// A figure.
#[derive(Debug)]
pub struct Pace {
    /// How many.
    pub count: u64,
    /// In which time altogether.
    pub elapsed: Duration,
    /// Half of them took at most this, where each was timed.
    pub median: Duration,
}

impl std::fmt::Display for Pace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (seconds, median_ms) = (self.elapsed.as_secs_f64(), self.median.as_millis());
        write!(f, "{} in {seconds:.2} s: {:.0} a second", self.count, self.count as f64 / seconds)?;
        if median_ms > 0 { write!(f, ", p50 {median_ms} ms") } else { Ok(()) }
    }
}

/// Signed messages of one device, from the first `PUBLISH` at a real broker until the chain has all.
///
/// # Errors
/// They do not come in time.
pub async fn messages(folder: &Path, count: u64) -> eyre::Result<Pace> {
    let [broker_port] = free_ports()?;
    let broker = Mosquitto::start(&folder.join("broker"), broker_port)?;
    let options = NodeOptions::dev(&folder.join("node")).arg("--dev.period").arg("200ms");
    let node = RunningNode::start(&options.arg("--dev.gaslimit").arg("200000000")).await?;
    let config = allow("mqtt", "broker.test", "127.0.0.1", broker_port);
    let _gateway = GatewayProcess::start(&folder.join("gateway"), 0, node.rpc.url(), &config).await?;
    let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
    let meter = Device::new("meter");
    let href = format!("mqtt://broker.test:{broker_port}/{TOPIC}");
    let events = json!({ "events": { "reading": { "forms": [{ "href": href, "op": "subscribeevent" }] } } });
    meter.register(&mut owner, &events, &[gateway_key(0).address()]).await?;
    let asked = |sequence: u64| IThings::isPublishedCall { thing: meter.id(), sequence };
    let warm = Instant::now();
    loop {
        broker.publish("warm", vec![(TOPIC.into(), meter.message(0, b"warm"))]).await?;
        let soon = Duration::from_millis(500);
        if owner.wait_for(THINGS_ADDRESS, &asked(0), soon, |is| *is).await.is_ok() {
            break;
        }
        ensure!(warm.elapsed() < WAIT, "nothing comes through");
    }
    let all = (1..=count).map(|sequence| (TOPIC.into(), meter.message(sequence, b"{\"kWh\": 12345.678}"))).collect();
    let begun = Instant::now();
    broker.publish("meter", all).await?;
    // In any order: the last one may come before others.
    for sequence in (1..=count).rev() {
        owner.wait_for(THINGS_ADDRESS, &asked(sequence), WAIT, |is| *is).await?;
    }
    Ok(Pace { count, elapsed: begun.elapsed(), median: Duration::ZERO })
}

/// From a request in a block to its callback in a block, one after the other, with a service that answers at once.
///
/// # Errors
/// An answer does not come in time.
pub async fn requests(folder: &Path, count: u64, period_ms: u64) -> eyre::Result<Pace> {
    let service = HttpService::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "420").await?;
    let config = allow("http", "carrier.test", "127.0.0.1", service.address.port());
    super::write_gateway(folder, 0, &config)?;
    let options = NodeOptions::of_folder(&folder.join("data"), folder).arg("--dev");
    let options = super::GATEWAY_ARGUMENTS.iter().fold(options, |options, argument| options.arg(argument));
    let node = RunningNode::start(&options.arg("--dev.period").arg(format!("{period_ms}ms"))).await?;
    let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
    let carrier = Device::new("carrier");
    let href = format!("http://carrier.test:{}/ShipmentCost{{?device}}", service.address.port());
    let property = json!({ "uriVariables": { "device": { "type": "string" } }, "forms": [{ "href": href }] });
    let affordances = json!({ "properties": { "shipmentCost": property } });
    let accounts: Vec<_> = [gateway_key(0).address()].to_vec();
    carrier.register(&mut owner, &affordances, &accounts).await?;
    let arguments = (carrier.id(), U256::ZERO, U256::from(1)).abi_encode_params();
    let shipping = owner.deploy(include_str!("../../contracts/Shipping.hex"), arguments, U256::ZERO).await?;
    carrier.grant(&mut owner, shipping).await?;
    let money = U256::from(10).pow(U256::from(19));
    owner.call(THINGS_ADDRESS, &IThings::fundCall { account: shipping }, money).await?;
    let begun = Instant::now();
    let mut times = Vec::new();
    for _ in 0..count {
        owner.call(shipping, &IAsker::askCall { device: "VerticalPump".into() }, U256::ZERO).await?;
        let request = owner.view(shipping, &IAsker::lastRequestCall {}).await?;
        let status = IThings::statusOfCall { requestId: request };
        let ended = |found: &IThings::statusOfReturn| found.status == IThings::Status::Fulfilled;
        times.push(owner.wait_for(THINGS_ADDRESS, &status, WAIT, ended).await?);
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    Ok(Pace { count, elapsed: begun.elapsed(), median })
}
