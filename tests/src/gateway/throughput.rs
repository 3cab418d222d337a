//! How fast messages and answers come through a gateway.
use super::{
    Client, Device, GATEWAY_ARGUMENTS, HttpService, Protocol, Site, allow, gateway_key, now_ms,
    site::{WAIT, ether},
    write_gateway,
};
use crate::{
    harness::{NodeOptions, RunningNode, dev_account, parse_quantity},
    journey::abi::ISemantics,
    load::usage_of,
};
use alloy_primitives::{Bytes, I256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use eyre::ensure;
use pervade_chainspec::params::{SEMANTICS_ADDRESS, THINGS_ADDRESS};
use pervade_evidence::{KeyType, PublicKey, Tally};
use pervade_evm_ext::things::IThings;
use serde_json::json;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

/// Longest wait for all messages.
const ALL_MAX: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(5);
/// Messages that are looked for in one batch of calls.
const PAGE: usize = 100;
/// The property that the meter measures.
const ENERGY: &str = "http://qudt.org/vocab/quantitykind/ActiveEnergy";
/// Messages that CPU time is stated for.
const UNIT: f64 = 10_000.0;

alloy_sol_types::sol! {
    /// What is called of `Shipping.sol`.
    contract IAsker {
        function ask(string calldata device) external;
        function lastRequest() external view returns (uint256);
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ThroughputOptions {
    /// Messages of a device
    #[arg(long, default_value_t = 10_000)]
    pub messages: u64,
    /// Requests of a contract, one after the other
    #[arg(long, default_value_t = 50)]
    pub requests: u64,
    /// Time between blocks of the requests' chain, milliseconds
    #[arg(long, default_value_t = 200)]
    pub period_ms: u64,
}

/// The figures of one run.
#[derive(Debug, Clone, Copy)]
pub struct ThroughputReport {
    /// Messages.
    pub messages: MessagePace,
    /// Requests.
    pub requests: RequestPace,
}

/// From MQTT to `latest`.
#[derive(Debug, Clone, Copy)]
pub struct MessagePace {
    /// How many.
    pub count: u64,
    /// From the first one at the broker until `latest` says what the newest one said.
    pub elapsed: Duration,
    /// Node and gateway meanwhile, seconds.
    pub cpu_s: [f64; 2],
    /// What checking as many signatures takes by itself, on one core, seconds.
    pub signatures_s: f64,
}

/// From a request in a block to its callback in a block.
#[derive(Debug, Clone, Copy)]
pub struct RequestPace {
    /// How many.
    pub count: u64,
    /// Half of them took at most this.
    pub median: Duration,
    /// The slowest.
    pub longest: Duration,
    /// Time between blocks.
    pub period: Duration,
}

impl fmt::Display for ThroughputReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MessagePace { count, elapsed, cpu_s: [node, gateway], signatures_s } = self.messages;
        let per_unit = |seconds: f64| seconds * UNIT / count as f64;
        writeln!(
            f,
            "| messages | a second | CPU s per 10,000: node | gateway | signatures alone | signatures a second and core |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|")?;
        let pace = count as f64 / elapsed.as_secs_f64();
        let [node, gateway, alone] = [node, gateway, signatures_s].map(per_unit);
        let limit = UNIT / alone;
        writeln!(f, "| {count} | {pace:.0} | {node:.2} | {gateway:.2} | {alone:.2} | {limit:.0} |\n")?;
        let RequestPace { count, median, longest, period } = self.requests;
        writeln!(f, "| requests | p50, request to callback | longest | block interval |")?;
        writeln!(f, "|---|---|---|---|")?;
        let [median, longest, period] = [median, longest, period].map(|time| time.as_millis());
        write!(f, "| {count} | {median} ms | {longest} ms | {period} ms |")
    }
}

/// Measures both.
///
/// # Errors
/// A message or an answer does not come.
pub async fn throughput(folder: &Path, options: ThroughputOptions) -> eyre::Result<ThroughputReport> {
    let messages = messages(&folder.join("messages"), options.messages).await?;
    let requests = requests(&folder.join("requests"), options.requests, options.period_ms).await?;
    Ok(ThroughputReport { messages, requests })
}

/// Signed messages of one device, from a real broker until the chain's latest value is the newest one's.
async fn messages(folder: &Path, count: u64) -> eyre::Result<MessagePace> {
    let mut site = Site::start(folder, Protocol::Mqtt).await?;
    let model = include_str!("../../../contracts/models/energy-meter/model.json");
    let mapping = include_str!("../../../contracts/models/energy-meter/tasmota-energy.mapping.json");
    let (model, mapping) = site.owner.define(model, mapping).await?;
    let meter = Device::new("meter");
    site.register(&[&meter]).await?;
    // One reading a millisecond, the newest now; the meter has counted one watt-hour in each.
    let first_ms = now_ms() - count;
    let readings: Vec<_> = (1..=count)
        .map(|reading| {
            let payload = format!(r#"{{"ENERGY":{{"Total":{}.{:03}}}}}"#, reading / 1_000, reading % 1_000);
            meter.say(reading, first_ms + reading, mapping, payload.as_bytes())
        })
        .collect();
    let signatures_s = check_signatures(&meter, count)?;
    let cpu_s = |site: &Site| -> eyre::Result<[f64; 2]> {
        Ok([usage_of(site.node.pid())?.cpu_s, usage_of(site.gateway.pid())?.cpu_s])
    };
    let before = cpu_s(&site)?;
    let begun = Instant::now();
    site.publish(&readings).await?;
    let latest = ISemantics::latestCall { source: meter.id(), subject: meter.id(), model, property: keccak256(ENERGY) };
    let newest = I256::try_from(count)?;
    site.owner.wait_for(SEMANTICS_ADDRESS, &latest, ALL_MAX, |found| found.number == newest).await?;
    // The newest one may have come before others: until the gateway holds none.
    while site.gateway.status().await?["messages"] != json!(0) {
        ensure!(begun.elapsed() < ALL_MAX, "the gateway still holds messages after {ALL_MAX:?}");
        tokio::time::sleep(POLL).await;
    }
    let elapsed = begun.elapsed();
    let after = cpu_s(&site)?;
    let numbers: Vec<u64> = (1..=count).collect();
    for page in numbers.chunks(PAGE) {
        let calls = page.iter().map(|sequence| {
            let data = IThings::isPublishedCall { thing: meter.id(), sequence: *sequence }.abi_encode();
            ("eth_call", json!([{ "to": THINGS_ADDRESS, "data": Bytes::from(data) }, "latest"]))
        });
        for (sequence, answer) in page.iter().zip(site.owner.rpc.batch(calls.collect()).await?) {
            ensure!(parse_quantity(&answer?)? == U256::ONE, "message {sequence} is not published");
        }
    }
    Ok(MessagePace { count, elapsed, cpu_s: [after[0] - before[0], after[1] - before[1]], signatures_s })
}

/// Checks as many signatures of the device as the chain does, on one core. Returns how long it took, seconds.
fn check_signatures(device: &Device, count: u64) -> eyre::Result<f64> {
    let key = PublicKey::from_raw(KeyType::Secp256k1, &device.public_key())?;
    let digests = (0..count).map(|number| keccak256(number.to_be_bytes()));
    let signed = digests.map(|digest| Ok((digest, device.sign(digest)?))).collect::<eyre::Result<Vec<_>>>()?;
    let mut tally = Tally::default();
    let begun = Instant::now();
    for (digest, signature) in &signed {
        key.verify_digest(&digest.0, signature, &mut tally)?;
    }
    ensure!(tally.secp256k1 == count, "{} signatures were checked of {count}", tally.secp256k1);
    Ok(begun.elapsed().as_secs_f64())
}

/// From a request in a block to its callback in a block, one after the other, with a service that answers at once.
async fn requests(folder: &Path, count: u64, period_ms: u64) -> eyre::Result<RequestPace> {
    let service = HttpService::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "420").await?;
    service.replies.lock().delay = Duration::from_millis(1);
    let config = allow("http", "carrier.test", "127.0.0.1", service.address.port());
    write_gateway(folder, 0, &config)?;
    let options = NodeOptions::of_folder(&folder.join("data"), folder).arg("--dev");
    let options = GATEWAY_ARGUMENTS.iter().fold(options, |options, argument| options.arg(argument));
    let node = RunningNode::start(&options.arg("--dev.period").arg(format!("{period_ms}ms"))).await?;
    let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
    let carrier = Device::new("carrier");
    let href = format!("http://carrier.test:{}/ShipmentCost{{?device}}", service.address.port());
    let property = json!({ "uriVariables": { "device": { "type": "string" } }, "forms": [{ "href": href }] });
    let affordances = json!({ "properties": { "shipmentCost": property } });
    carrier.register(&mut owner, &affordances, &[gateway_key(0).address()]).await?;
    let arguments = (carrier.id(), U256::ZERO, U256::ONE).abi_encode_params();
    let shipping = owner.deploy(include_str!("../../contracts/Shipping.hex"), arguments, U256::ZERO).await?;
    carrier.grant(&mut owner, shipping).await?;
    owner.call(THINGS_ADDRESS, &IThings::fundCall { account: shipping }, ether(10)).await?;
    let mut times = Vec::new();
    for _ in 0..count {
        owner.call(shipping, &IAsker::askCall { device: "VerticalPump".into() }, U256::ZERO).await?;
        let in_block = Instant::now();
        let request = owner.view(shipping, &IAsker::lastRequestCall {}).await?;
        let status = IThings::statusOfCall { requestId: request };
        let ended = |found: &IThings::statusOfReturn| found.status == IThings::Status::Fulfilled;
        owner.wait_for(THINGS_ADDRESS, &status, WAIT, ended).await?;
        times.push(in_block.elapsed());
    }
    times.sort();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let longest = times.last().copied().unwrap_or_default();
    Ok(RequestPace { count, median, longest, period: Duration::from_millis(period_ms) })
}
