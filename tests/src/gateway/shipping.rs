//! Shipping cost: the paper's own query, asked by a contract through four gateways, some of which lie.
use super::{Client, Device, GATEWAY_ARGUMENTS, HttpService, allow, gateway_key, proved_slot, write_gateway};
use crate::{
    cluster::LocalCluster,
    harness::{dev_account, free_ports, parse_quantity},
};
use alloy_primitives::{Address, U256};
use alloy_sol_types::SolValue;
use eyre::ensure;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_evm_ext::things::IThings;
use serde_json::json;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

const GATEWAYS: u32 = 4;
const TRUTH: u64 = 420;
const OTHER_TRUTH: u64 = 421;
const FALLBACK: u64 = 999;
const ANSWER_MAX: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);
/// The gateways do not agree.
const NO_AGREEMENT: u16 = 6;
/// Time between blocks of the validators, milliseconds.
const PERIOD_MS: u64 = 200;

alloy_sol_types::sol! {
    /// What the scenario calls of `Shipping.sol`.
    contract IShipping {
        function ask(string calldata device) external;
        function price() external view returns (uint256);
        function failure() external view returns (uint16);
        function lastRequest() external view returns (uint256);
    }
}

/// What came of it.
#[derive(Debug)]
pub struct ShippingReport {
    /// From the question to the stored price, all honest.
    pub honest: Duration,
    /// The same with one gateway that lies.
    pub one_lies: Duration,
    /// From the question to the fallback, with two that lie differently.
    pub two_lie: Duration,
}

impl fmt::Display for ShippingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [honest, one, two] = [self.honest, self.one_lies, self.two_lie].map(|time| time.as_millis());
        writeln!(f, "| all honest | one lies | two lie: code 6, fallback | block interval |")?;
        writeln!(f, "|---|---|---|---|")?;
        write!(f, "| {honest} ms | {one} ms | {two} ms | {PERIOD_MS} ms |")
    }
}

/// Runs it.
///
/// # Errors
/// Something is not as it must be.
pub async fn shipping_cost(folder: &Path) -> eyre::Result<ShippingReport> {
    // Each gateway sees the service at an address of its own, so that what it brings can be made a lie.
    let [port] = free_ports()?;
    let mut services = Vec::new();
    for index in 0..GATEWAYS {
        let address = SocketAddr::from((Ipv4Addr::new(127, 0, 1, 10 + index as u8), port));
        services.push(HttpService::start(address, &TRUTH.to_string()).await?);
    }
    let mut cluster = LocalCluster::create(folder, GATEWAYS as usize, PERIOD_MS)?;
    for (index, service) in services.iter().enumerate() {
        let config = allow("http", "carrier.test", &service.address.ip().to_string(), port);
        write_gateway(&cluster.folder(index), index as u32, &config)?;
    }
    cluster.start_with(&[0, 1, 2, 3], &GATEWAY_ARGUMENTS).await?;

    let mut owner = Client::new(cluster.node(0).rpc.url(), dev_account(0)).await?;
    let carrier = Device::new("carrier");
    let href = format!("http://carrier.test:{port}/ShipmentCost{{?device}}");
    let affordances = json!({ "properties": { "shipmentCost": {
        "type": "integer", "readOnly": true, "uriVariables": { "device": { "type": "string" } },
        "forms": [{ "href": href, "contentType": "text/plain", "op": "readproperty" }],
    } } });
    let gateways: Vec<_> = (0..GATEWAYS).map(|index| gateway_key(index).address()).collect();
    carrier.register(&mut owner, &affordances, &gateways).await?;
    let arguments = (carrier.id(), U256::from(FALLBACK), U256::from(GATEWAYS)).abi_encode_params();
    let shipping = owner.deploy(include_str!("../../contracts/Shipping.hex"), arguments, U256::ZERO).await?;
    carrier.grant(&mut owner, shipping).await?;
    let ether = U256::from(10).pow(U256::from(18));
    owner.call(THINGS_ADDRESS, &IThings::fundCall { account: shipping }, ether).await?;

    let mut ask = async |price: u64, code: u16| -> eyre::Result<Duration> {
        owner.call(shipping, &IShipping::askCall { device: "VerticalPump".into() }, U256::ZERO).await?;
        let request = owner.view(shipping, &IShipping::lastRequestCall {}).await?;
        let status = IThings::statusOfCall { requestId: request };
        let wanted = if code == 0 { IThings::Status::Fulfilled } else { IThings::Status::Failed };
        let took = owner.wait_for(THINGS_ADDRESS, &status, ANSWER_MAX, |found| found.status == wanted).await?;
        let found = owner.view(shipping, &IShipping::priceCall {}).await?;
        ensure!(found == U256::from(price), "the price is {found}, not {price}");
        ensure!(owner.view(shipping, &IShipping::failureCall {}).await? == code, "another failure than {code}");
        Ok(took)
    };
    let honest = ask(TRUTH, 0).await?;
    for service in &services {
        let asked = service.replies.lock().asked.clone();
        ensure!(asked.contains_key("/ShipmentCost?device=VerticalPump"), "a gateway did not ask: {asked:?}");
        service.say(200, &OTHER_TRUTH.to_string());
    }
    services[3].say(200, "1");
    let one_lies = ask(OTHER_TRUTH, 0).await?;
    ensure_proved(&cluster, shipping, OTHER_TRUTH).await?;
    services[2].say(200, "2");
    let two_lie = ask(FALLBACK, NO_AGREEMENT).await?;

    ensure_proved(&cluster, shipping, FALLBACK).await?;
    // The gateway hears of a block after the node has it.
    let begun = Instant::now();
    loop {
        let status = cluster.node(1).rpc.call("pervade_gatewayStatus", json!([])).await?;
        if status["account"] == json!(gateways[1]) && status["openRequests"] == 0 {
            break;
        }
        ensure!(begun.elapsed() < ANSWER_MAX, "{status}");
        tokio::time::sleep(POLL).await;
    }
    Ok(ShippingReport { honest, one_lies, two_lie })
}

/// Every other node proves the price to whoever has the header of its head.
async fn ensure_proved(cluster: &LocalCluster, shipping: Address, price: u64) -> eyre::Result<()> {
    let head = parse_quantity(&cluster.node(0).rpc.call("eth_blockNumber", json!([])).await?)?;
    for index in 1..cluster.len() {
        let node = cluster.node(index);
        node.wait_for_height(head.saturating_to(), ANSWER_MAX).await?;
        let proved = proved_slot(&node.rpc, shipping, U256::ZERO).await?;
        ensure!(proved == U256::from(price), "validator {index} proves {proved}, not {price}");
    }
    Ok(())
}
