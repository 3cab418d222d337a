//! Encounter: a delivery where no satellite reaches, proved by two devices that heard each other's nonces.
use super::{
    Device, Protocol, Site, now_ms,
    site::{WAIT, ether},
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolValue;
use eyre::ensure;
use serde_json::{Value, json};
use std::{fmt, path::Path, time::Duration};

/// What the delivery costs, ether.
const PRICE: u64 = 2;
/// Older than the contract takes, milliseconds.
const STALE_MS: u64 = 31_000;

alloy_sol_types::sol! {
    /// What the scenario calls of `Encounter.sol`.
    contract IEncounter {
        function arm() external payable;
        function delivered() external view returns (bool);
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct EncounterReport {
    /// From both messages at the broker to the supplier's money.
    pub paid_after: Duration,
    /// Messages of both devices.
    pub messages: u64,
}

impl fmt::Display for EncounterReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.paid_after.as_secs_f64();
        write!(f, "{} messages, one encounter, paid {seconds:.2} s after it", self.messages)
    }
}

/// Runs it.
///
/// # Errors
/// Something else than an encounter is taken for one, or an encounter is not.
pub async fn encounter(folder: &Path) -> eyre::Result<EncounterReport> {
    let mut site = Site::start(folder, Protocol::Mqtt).await?;
    let model = include_str!("../../../contracts/examples/encounter.model.json");
    let mapping = include_str!("../../../contracts/examples/encounter.mapping.json");
    let (model, mapping) = site.owner.define(model, mapping).await?;
    let (courier, door) = (Device::new("courier"), Device::new("door"));
    site.register(&[&courier, &door]).await?;
    let arguments = (model, courier.id(), door.id(), site.supplier).abi_encode_params();
    let code = include_str!("../../contracts/Encounter.hex");
    let contract = site.deploy(code, arguments, PRICE, &[&courier, &door]).await?;
    site.owner.call(contract, &IEncounter::armCall {}, ether(1)).await?;
    let mut radio = Radio { mapping, sequence: 0 };

    // The courier heard the door, the door heard nobody.
    let heard = radio.hears(&courier, "c1", (&door, "d1"), now_ms());
    let alone = radio.says(&door, "d1", None, now_ms());
    site.tell(&[heard.clone(), alone]).await?;
    // The door did, but half a minute ago; and everything again.
    let stale = radio.hears(&door, "d1", (&courier, "c1"), now_ms() - STALE_MS);
    site.tell(std::slice::from_ref(&stale)).await?;
    site.tell(&[stale, heard]).await?;
    ensure!(site.firings(contract).await? == 0, "one side alone is an encounter");
    // Somebody else's word for the door's.
    let mut forged = radio.hears(&Device::new("stranger"), "d1", (&courier, "c1"), now_ms());
    forged["thing"] = json!(door.id());
    site.tell(&[forged]).await?;
    ensure!(site.firings(contract).await? == 0, "a stranger's word is the door's");
    // Both say that they heard the other one, but the door only guessed its nonce.
    let fresh = radio.hears(&courier, "c2", (&door, "d2"), now_ms());
    let guessed = radio.hears(&door, "d2", (&courier, "c1"), now_ms());
    site.tell(&[fresh, guessed]).await?;
    ensure!(site.firings(contract).await? == 1, "both said so, and the contract was not asked");
    ensure!(!delivered(&site, contract).await?, "a guessed nonce is an encounter");
    site.ensure_earned(0, "the supplier is paid without an encounter").await?;

    // Now they meet.
    let met =
        [radio.hears(&courier, "c3", (&door, "d3"), now_ms()), radio.hears(&door, "d3", (&courier, "c3"), now_ms())];
    site.publish(&met).await?;
    let paid_after = site.owner.wait_for(contract, &IEncounter::deliveredCall {}, WAIT, |is| *is).await?;
    site.ensure_earned(PRICE, "the supplier did not get the price").await?;
    // Again, as it was and anew.
    site.tell(&met).await?;
    let again =
        [radio.hears(&courier, "c4", (&door, "d4"), now_ms()), radio.hears(&door, "d4", (&courier, "c4"), now_ms())];
    site.tell(&again).await?;
    site.ensure_earned(PRICE, "the supplier is paid again").await?;
    Ok(EncounterReport { paid_after, messages: radio.sequence })
}

/// Makes messages of beacons.
struct Radio {
    mapping: B256,
    sequence: u64,
}

impl Radio {
    /// A device sends its nonce, and says whom it heard send which.
    fn says(&mut self, device: &Device, nonce: &str, heard: Option<(&Device, &str)>, observed_at_ms: u64) -> Value {
        self.sequence += 1;
        let payload = match heard {
            None => json!({ "nonce": nonce }),
            Some((other, heard)) => json!({ "nonce": nonce, "heard": heard, "from": other.id() }),
        };
        device.say(self.sequence, observed_at_ms, self.mapping, payload.to_string().as_bytes())
    }

    fn hears(&mut self, device: &Device, nonce: &str, heard: (&Device, &str), observed_at_ms: u64) -> Value {
        self.says(device, nonce, Some(heard), observed_at_ms)
    }
}

async fn delivered(site: &Site, contract: Address) -> eyre::Result<bool> {
    site.owner.view(contract, &IEncounter::deliveredCall {}).await
}
