//! Intermittent delivery: a confirmation that a dock publishes while everything between it and the contract fails.
use super::{Client, Device, GatewayProcess, Mosquitto, allow, gateway_key};
use crate::harness::{NodeOptions, RunningNode, dev_account, free_ports};
use alloy_primitives::{Address, U256};
use alloy_sol_types::{SolCall, SolValue};
use eyre::ensure;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_evm_ext::things::IThings;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const WAIT: Duration = Duration::from_secs(90);
const TOPIC: &str = "dock/delivered";
const EXPIRES_AFTER_S: u64 = 8;

alloy_sol_types::sol! {
    /// What the scenario calls of `Delivery.sol`.
    contract IDelivery {
        function begin() external payable;
        function payments() external view returns (uint256);
        function refunds() external view returns (uint256);
    }
}

/// What came of it.
#[derive(Debug)]
pub struct DeliveryReport {
    /// From the gateway's return to the payment.
    pub paid_after: Duration,
    /// Contracts that were paid, paid back, and paid twice.
    pub outcome: (U256, U256),
}

fn ether(count: u64) -> U256 {
    U256::from(count) * U256::from(10).pow(U256::from(18))
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

/// Runs it.
///
/// # Errors
/// Something is not as it must be.
pub async fn intermittent_delivery(folder: &Path) -> eyre::Result<DeliveryReport> {
    let [broker_port] = free_ports()?;
    let mut broker = Mosquitto::start(&folder.join("broker"), broker_port)?;
    let options = NodeOptions::dev(&folder.join("node"));
    let mut node = RunningNode::start(&options).await?;
    let ports = node.ports;
    let config = allow("mqtt", "broker.test", "127.0.0.1", broker_port);
    let mut gateway = GatewayProcess::start(&folder.join("gateway"), 0, node.rpc.url(), &config).await?;
    let mut buyer = Client::new(node.rpc.url(), dev_account(0)).await?;
    let supplier = dev_account(3).address();

    let (dock, other, probe) = (Device::new("dock"), Device::new("silent-dock"), Device::new("probe"));
    let events = |topic: &str| {
        let href = format!("mqtt://broker.test:{broker_port}/{topic}");
        json!({ "events": { "delivered": { "forms": [{ "href": href, "op": "subscribeevent" }] } } })
    };
    let gateways = [gateway_key(0).address()];
    dock.register(&mut buyer, &events(TOPIC), &gateways).await?;
    other.register(&mut buyer, &events("silent"), &gateways).await?;
    probe.register(&mut buyer, &json!({}), &gateways).await?;
    let delivery = begin(&mut buyer, &dock, supplier, now_s() + 3_600).await?;

    // The broker keeps messages for a gateway that has been there once.
    published(&broker, &buyer, &probe, 1).await?;
    let before = buyer.balance(supplier).await?;

    // Everything fails while the dock confirms.
    gateway.kill()?;
    let confirmation = dock.message(1, b"42 pallets, complete");
    broker.publish("dock", vec![(TOPIC.into(), confirmation.clone())]).await?;
    broker.restart()?;
    node.kill()?;
    node = RunningNode::start_at(&options, ports).await?;
    gateway.start_again().await?;
    let payments = IDelivery::paymentsCall {};
    let paid_after = buyer.wait_for(delivery, &payments, WAIT, |count| *count == U256::from(1)).await?;
    ensure!(buyer.balance(supplier).await? == before + ether(5), "the supplier is not paid exactly");

    // The same confirmation again, from the broker and from anybody: nothing.
    gateway.kill()?;
    broker
        .publish("dock-again", vec![(TOPIC.into(), confirmation.clone()), (TOPIC.into(), confirmation.clone())])
        .await?;
    gateway.start_again().await?;
    published(&broker, &buyer, &probe, 2).await?;
    ensure!(buyer.view(delivery, &payments).await? == U256::from(1), "paid again");
    ensure!(buyer.balance(supplier).await? == before + ether(5), "the supplier is paid again");
    ensure_replayed(&buyer, &dock, &confirmation).await?;

    // A confirmation that never comes: the buyer's money comes back.
    let lost = begin(&mut buyer, &other, supplier, now_s() + EXPIRES_AFTER_S).await?;
    let refunds = IDelivery::refundsCall {};
    buyer.wait_for(lost, &refunds, WAIT, |count| *count == U256::from(1)).await?;
    ensure!(buyer.balance(lost).await?.is_zero(), "the contract keeps the money");
    let outcome = (buyer.view(delivery, &payments).await?, buyer.view(lost, &refunds).await?);
    drop(node);
    Ok(DeliveryReport { paid_after, outcome })
}

/// A contract with five ether that waits for a dock.
async fn begin(buyer: &mut Client, dock: &Device, supplier: Address, deadline: u64) -> eyre::Result<Address> {
    let arguments = (supplier, dock.id(), deadline).abi_encode_params();
    let contract = buyer.deploy(include_str!("../../contracts/Delivery.hex"), arguments, ether(5)).await?;
    dock.grant(buyer, contract).await?;
    buyer.call(contract, &IDelivery::beginCall {}, ether(1)).await?;
    Ok(contract)
}

/// A message of the probe goes all the way through the dock's topic: so has whatever came before it there.
async fn published(broker: &Mosquitto, client: &Client, probe: &Device, sequence: u64) -> eyre::Result<()> {
    let asked = IThings::isPublishedCall { thing: probe.id(), sequence };
    let message = probe.message(sequence, b"probe");
    let publisher = format!("probe-{sequence}");
    let sending = async {
        // Until the gateway has been there, the broker drops what it gets.
        loop {
            broker.publish(&publisher, vec![(TOPIC.into(), message.clone())]).await?;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        #[allow(unreachable_code)]
        Ok::<(), eyre::Report>(())
    };
    tokio::select! {
        failed = sending => failed,
        found = client.wait_for(THINGS_ADDRESS, &asked, WAIT, |is| *is) => found.map(drop),
    }
}

/// The chain refuses a message that it has.
async fn ensure_replayed(client: &Client, dock: &Device, message: &[u8]) -> eyre::Result<()> {
    let json: Value = serde_json::from_slice(message)?;
    let call = IThings::publishCall {
        message: IThings::Message {
            thing: dock.id(),
            sequence: 1,
            observedAtMs: json["observedAtMs"].as_u64().unwrap_or_default(),
            mappingId: Default::default(),
            payload: serde_json::from_value(json["payload"].clone())?,
            signature: serde_json::from_value(json["signature"].clone())?,
        },
    };
    let data = alloy_primitives::Bytes::from(call.abi_encode());
    let refused = client.rpc.call("eth_call", json!([{ "to": THINGS_ADDRESS, "data": data }, "latest"])).await;
    let selector = hex::encode(<IThings::Replayed as alloy_sol_types::SolError>::SELECTOR);
    let text = format!("{refused:?}");
    ensure!(refused.is_err() && text.contains(&selector), "a duplicate is not refused as replayed: {text}");
    Ok(())
}
