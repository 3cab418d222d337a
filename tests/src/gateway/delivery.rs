//! Intermittent delivery: a confirmation that a dock publishes while everything between it and the contract fails.
use super::{
    Device, Protocol, Site,
    device::as_json,
    now_ms,
    site::{WAIT, ether},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolError, SolValue};
use eyre::ensure;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_evm_ext::things::IThings;
use serde_json::json;
use std::{
    fmt,
    path::Path,
    time::{Duration, Instant},
};

/// What a delivery costs, ether.
const PRICE: u64 = 5;
/// A deadline that is not reached, seconds from now.
const FAR: u64 = 3_600;
/// One that is.
const NEAR: u64 = 3;

alloy_sol_types::sol! {
    /// What the scenario calls of `Delivery.sol`.
    contract IDelivery {
        function begin() external payable;
        function payments() external view returns (uint256);
        function refunds() external view returns (uint256);
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryReport {
    /// How the confirmation travelled.
    pub protocol: Protocol,
    /// From the mended link to the payment.
    pub paid_after: Duration,
    /// From the start of the contract with the near deadline to the money's return.
    pub refunded_after: Duration,
    /// Altogether, with the start of all servers.
    pub elapsed: Duration,
    /// Of that, the broker's own start and restart.
    pub broker: Duration,
}

impl fmt::Display for DeliveryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, paid_after, refunded_after, elapsed, broker } = self;
        let [paid, refunded, all, broker] = [paid_after, refunded_after, elapsed, broker].map(Duration::as_secs_f64);
        write!(
            f,
            "{protocol:?}: paid once, {paid:.2} s after the link was mended; a silent dock's buyer has his money "
        )?;
        write!(
            f,
            "after {refunded:.2} s (deadline {NEAR} s); all in {all:.1} s, of which the broker's start and restart took {broker:.1} s"
        )
    }
}

/// Runs it.
///
/// # Errors
/// Somebody is paid too often, too little or not at all.
pub async fn intermittent_delivery(folder: &Path, protocol: Protocol) -> eyre::Result<DeliveryReport> {
    let begun = Instant::now();
    let mut site = Site::start(folder, protocol).await?;
    let (dock, silent) = (Device::new("dock"), Device::new("silent-dock"));
    site.register(&[&dock, &silent]).await?;
    let delivery = begin(&mut site, &dock, FAR).await?;

    // The dock confirms while the link is cut; then gateway, broker and node fail, and come back before the link does.
    site.link.cut();
    let signed = dock.signed(1, now_ms(), B256::ZERO, b"42 pallets, complete");
    let confirmation = as_json(&signed);
    site.publish(std::slice::from_ref(&confirmation)).await?;
    site.gateway.kill()?;
    let restarting = Instant::now();
    site.broker.restart().await?;
    let broker = site.broker_started_after + restarting.elapsed();
    site.restart_node().await?;
    site.gateway.start_again().await?;
    ensure!(paid(&site, delivery).await?.is_zero(), "paid before anybody could know");
    site.link.mend();
    let payments = IDelivery::paymentsCall {};
    let paid_after = site.owner.wait_for(delivery, &payments, WAIT, |count| *count == U256::ONE).await?;
    site.ensure_earned(PRICE, "the supplier did not get the price").await?;

    // The same confirmation again, through the broker and from anybody: nothing.
    site.gateway.kill()?;
    site.publish(&[confirmation.clone(), confirmation.clone()]).await?;
    site.gateway.start_again().await?;
    site.tell(std::slice::from_ref(&confirmation)).await?;
    ensure!(paid(&site, delivery).await? == U256::ONE, "paid again");
    site.ensure_earned(PRICE, "the supplier got more than the price").await?;
    ensure_replayed(&site, signed).await?;

    // A confirmation that does not come in time: the buyer has the money back, and a later one changes nothing.
    let started = Instant::now();
    let lost = begin(&mut site, &silent, NEAR).await?;
    let refunds = IDelivery::refundsCall {};
    site.owner.wait_for(lost, &refunds, WAIT, |count| *count == U256::ONE).await?;
    let refunded_after = started.elapsed();
    ensure!(site.owner.balance(lost).await?.is_zero(), "the contract keeps the money");
    site.tell(&[silent.message(1, b"42 pallets, late")]).await?;
    ensure!(paid(&site, lost).await?.is_zero(), "a confirmation after the refund is paid");
    ensure!(site.owner.view(lost, &refunds).await? == U256::ONE, "refunded again");
    site.ensure_earned(PRICE, "the supplier got more than the price").await?;
    Ok(DeliveryReport { protocol, paid_after, refunded_after, elapsed: begun.elapsed(), broker })
}

/// A contract with the price that waits for a dock, for so many seconds.
async fn begin(site: &mut Site, dock: &Device, seconds: u64) -> eyre::Result<Address> {
    let arguments = (site.supplier, dock.id(), now_ms() / 1_000 + seconds).abi_encode_params();
    let code = include_str!("../../contracts/Delivery.hex");
    let contract = site.deploy(code, arguments, PRICE, &[dock]).await?;
    site.owner.call(contract, &IDelivery::beginCall {}, ether(1)).await?;
    Ok(contract)
}

async fn paid(site: &Site, delivery: Address) -> eyre::Result<U256> {
    site.owner.view(delivery, &IDelivery::paymentsCall {}).await
}

/// The chain refuses a message that it has, whoever brings it.
async fn ensure_replayed(site: &Site, message: IThings::Message) -> eyre::Result<()> {
    let data = Bytes::from(IThings::publishCall { message }.abi_encode());
    let refused = site.owner.rpc.call("eth_call", json!([{ "to": THINGS_ADDRESS, "data": data }, "latest"])).await;
    let selector = hex::encode(IThings::Replayed::SELECTOR);
    let text = format!("{refused:?}");
    ensure!(refused.is_err() && text.contains(&selector), "a duplicate is not refused as replayed: {text}");
    Ok(())
}
