//! Asset tracking: an escrow pays when a container has come to the retailer, by what both say of where they are.
use super::{
    Device, Protocol, Site, now_ms,
    site::{WAIT, ether},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolValue;
use eyre::{ContextCompat, ensure};
use pervade_chainspec::params::{SYSTEM_ACCOUNT, THINGS_ADDRESS};
use pervade_evm_ext::things::IThings;
use serde_json::{Value, json};
use std::{fmt, path::Path, time::Duration};

/// What the goods cost, ether.
const PRICE: u64 = 3;
/// Seconds until the customer may have the money back.
const LIFE: u64 = 3_600;
/// Where the retailer is, degrees.
const RETAILER: (f64, f64) = (52.52, 13.405);
/// Metres of a degree of latitude there.
const METRES_A_DEGREE: f64 = 111_267.0;
/// Older than the contract takes, milliseconds.
const STALE_MS: u64 = 61_000;

alloy_sol_types::sol! {
    /// What the scenario calls of `AssetTracking.sol`.
    contract IAssetTracking {
        function arm() external payable;
        function trigger() external view returns (uint256);
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct TrackingReport {
    /// From the last message at the broker to the supplier's money.
    pub paid_after: Duration,
    /// Messages of both devices, valid or not.
    pub messages: u64,
    /// Times that the trigger fired: once at each arrival.
    pub firings: u32,
}

impl fmt::Display for TrackingReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { paid_after, messages, firings } = self;
        let seconds = paid_after.as_secs_f64();
        write!(
            f,
            "{messages} messages, {firings} arrivals, one payment, {seconds:.2} s after the message that told of it"
        )
    }
}

/// Runs it.
///
/// # Errors
/// The supplier is paid for anything else than the first arrival, or not once for that.
pub async fn asset_tracking(folder: &Path) -> eyre::Result<TrackingReport> {
    let mut site = Site::start(folder, Protocol::Mqtt).await?;
    let model = include_str!("../../../contracts/models/position/model.json");
    let mapping = include_str!("../../../contracts/models/position/owntracks.mapping.json");
    let (_, mapping) = site.owner.define(model, mapping).await?;
    let (container, retailer) = (Device::new("container"), Device::new("retailer"));
    site.register(&[&container, &retailer]).await?;
    let arguments = (container.id(), retailer.id(), site.supplier, now_ms() / 1_000 + LIFE).abi_encode_params();
    let code = include_str!("../../contracts/AssetTracking.hex");
    let escrow = site.deploy(code, arguments, PRICE, &[&container, &retailer]).await?;
    site.owner.call(escrow, &IAssetTracking::armCall {}, ether(1)).await?;
    let mut tracker = Tracker { mapping, sequence: 0 };

    // Stale, apart, wrongly signed, replayed, and replayed under another number: nothing.
    let stale = tracker.at(&container, 10.0, now_ms() - STALE_MS);
    let here = tracker.at(&retailer, 0.0, now_ms());
    site.tell(&[here, stale.clone()]).await?;
    let apart = tracker.at(&container, 1_000.0, now_ms());
    site.tell(&[apart]).await?;
    let mut forged = tracker.at(&Device::new("stranger"), 10.0, now_ms());
    forged["thing"] = json!(container.id());
    let mut renumbered = stale.clone();
    tracker.sequence += 1;
    renumbered["sequence"] = json!(tracker.sequence);
    site.tell(&[forged, stale, renumbered]).await?;
    site.ensure_earned(0, "the supplier is paid, and the goods are not there").await?;
    ensure!(site.firings(escrow).await? == 0, "the goods have arrived without being there");

    // There: one payment, which nobody sent.
    let here = tracker.at(&retailer, 0.0, now_ms());
    site.tell(&[here]).await?;
    let there = tracker.at(&container, 10.0, now_ms());
    site.publish(&[there]).await?;
    let trigger = site.owner.view(escrow, &IAssetTracking::triggerCall {}).await?;
    let asked = IThings::triggerOfCall { triggerId: trigger };
    let paid_after = site.owner.wait_for(THINGS_ADDRESS, &asked, WAIT, |found| found.firings == 1).await?;
    site.settle().await?;
    site.ensure_earned(PRICE, "the supplier did not get the price").await?;
    ensure_paid_by_the_protocol(&site, escrow).await?;

    // Over the border and back, and truly away and back: no second payment.
    for metres in [49.0, 55.0, 45.0, 65.0, 50.0] {
        let moved = tracker.at(&container, metres, now_ms());
        site.tell(&[moved]).await?;
    }
    ensure!(site.firings(escrow).await? == 1, "jitter across the border is an arrival");
    for (place, metres) in [(&container, 200.0), (&retailer, 0.0), (&container, 10.0)] {
        let moved = tracker.at(place, metres, now_ms());
        site.tell(&[moved]).await?;
    }
    site.ensure_earned(PRICE, "the supplier is paid again").await?;
    ensure_paid_by_the_protocol(&site, escrow).await?;
    Ok(TrackingReport { paid_after, messages: tracker.sequence, firings: site.firings(escrow).await? })
}

/// Makes messages of OwnTracks.
struct Tracker {
    mapping: B256,
    sequence: u64,
}

impl Tracker {
    /// A device is so many metres north of the retailer.
    fn at(&mut self, device: &Device, metres: f64, observed_at_ms: u64) -> Value {
        self.sequence += 1;
        let (latitude, longitude) = (RETAILER.0 + metres / METRES_A_DEGREE, RETAILER.1);
        let seconds = observed_at_ms / 1_000;
        let payload = format!(r#"{{"_type":"location","lat":{latitude:.7},"lon":{longitude:.7},"tst":{seconds}}}"#);
        device.say(self.sequence, observed_at_ms, self.mapping, payload.as_bytes())
    }
}

/// The escrow paid once, in a transaction of the system account.
async fn ensure_paid_by_the_protocol(site: &Site, escrow: Address) -> eyre::Result<()> {
    let filter = json!([{
        "address": escrow, "fromBlock": "0x0", "toBlock": "latest", "topics": [keccak256("Arrived(uint64,uint256)")]
    }]);
    let logs = site.owner.rpc.call("eth_getLogs", filter).await?;
    let [log] = logs.as_array().map(Vec::as_slice).unwrap_or_default() else { eyre::bail!("not one payment: {logs}") };
    let paid = U256::from_str_radix(log["data"].as_str().and_then(|data| data.get(66..)).wrap_err("no data")?, 16)?;
    ensure!(paid == ether(PRICE), "{paid} wei were paid");
    let transaction = site.owner.rpc.call("eth_getTransactionByHash", json!([log["transactionHash"]])).await?;
    let from: Address = serde_json::from_value(transaction["from"].clone())?;
    ensure!(from == SYSTEM_ACCOUNT, "{from} sent the payment");
    Ok(())
}
