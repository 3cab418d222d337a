//! What most scenarios begin with: a development node, a gateway, a broker, and a link between these two.
use super::{BROKER_HOST, Broker, Client, Device, GatewayProcess, Link, Protocol, allow, gateway_key};
use crate::harness::{NodeOptions, RunningNode, dev_account, parse_quantity};
use alloy_primitives::{Address, U256};
use eyre::ensure;
use pervade_chainspec::params::THINGS_ADDRESS;
use pervade_evm_ext::things::IThings;
use serde_json::{Value, json};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// The topic, or queue, that everything is published to.
const TOPIC: &str = "site";
/// Longest wait for one thing to happen.
pub(super) const WAIT: Duration = Duration::from_secs(90);
/// Before a probe that did not come through is sent again.
const PROBE_AGAIN: Duration = Duration::from_millis(500);
const BLOCK_PERIOD: &str = "200ms";
const GAS_LIMIT: &str = "200000000";

alloy_sol_types::sol! {
    /// What contracts with one trigger have in common.
    contract IWatcher {
        function trigger() external view returns (uint256);
    }
}

/// A place with devices, whose radio station publishes what they say at a broker.
#[derive(Debug)]
pub struct Site {
    /// The broker.
    pub broker: Broker,
    /// How long it took to start.
    pub broker_started_after: Duration,
    /// Between gateway and broker.
    pub link: Link,
    /// The node.
    pub node: RunningNode,
    /// The gateway.
    pub gateway: GatewayProcess,
    /// Who owns the devices and deploys contracts.
    pub owner: Client,
    /// Who is paid for what happens here.
    pub supplier: Address,
    /// What the supplier had at the start, wei.
    wealth: U256,
    options: NodeOptions,
    station: Device,
    probes: u64,
}

impl Site {
    /// Starts everything, and waits until messages come through.
    ///
    /// # Errors
    /// Something does not start.
    pub async fn start(folder: &Path, protocol: Protocol) -> eyre::Result<Self> {
        Self::start_with(folder, protocol, "").await
    }

    /// [`Self::start`] with a gateway that may do more: what is added to its configuration.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_with(folder: &Path, protocol: Protocol, more: &str) -> eyre::Result<Self> {
        let begun = Instant::now();
        let broker = Broker::start(protocol, &folder.join("broker")).await?;
        let broker_started_after = begun.elapsed();
        let link = Link::to(broker.port()).await?;
        let options = NodeOptions::dev(&folder.join("node")).arg("--dev.period").arg(BLOCK_PERIOD);
        let options = options.arg("--dev.gaslimit").arg(GAS_LIMIT);
        let node = RunningNode::start(&options).await?;
        let config = allow(protocol.scheme(), BROKER_HOST, "127.0.0.1", link.port) + more;
        let gateway = GatewayProcess::start(&folder.join("gateway"), 0, node.rpc.url(), &config).await?;
        let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
        let station = Device::new("station");
        let form = protocol.form(link.port, TOPIC);
        station.register(&mut owner, &json!({ "events": { "heard": { "forms": [form] } } }), &[account()]).await?;
        let supplier = dev_account(3).address();
        let wealth = owner.balance(supplier).await?;
        let mut site = Self {
            broker,
            broker_started_after,
            link,
            node,
            gateway,
            owner,
            supplier,
            wealth,
            options,
            station,
            probes: 0,
        };
        site.settle().await?;
        Ok(site)
    }

    /// Registers devices that the station hears.
    ///
    /// # Errors
    /// The chain refuses one.
    pub async fn register(&mut self, devices: &[&Device]) -> eyre::Result<()> {
        for device in devices {
            device.register(&mut self.owner, &json!({}), &[account()]).await?;
        }
        Ok(())
    }

    /// The station publishes what devices said.
    ///
    /// # Errors
    /// The broker does not take it.
    pub async fn publish(&self, messages: &[Value]) -> eyre::Result<()> {
        let bodies = messages.iter().map(|message| message.to_string().into_bytes()).collect();
        self.broker.publish(TOPIC, bodies).await
    }

    /// Publishes these, and waits until all that came of them has happened.
    ///
    /// # Errors
    /// Nothing comes through.
    pub async fn tell(&mut self, messages: &[Value]) -> eyre::Result<()> {
        self.publish(messages).await?;
        self.settle().await
    }

    /// A message of the station itself goes all the way: so has whatever was published before it. Then two more blocks pass,
    /// whose tails did what was due.
    ///
    /// # Errors
    /// Nothing comes through.
    pub async fn settle(&mut self) -> eyre::Result<()> {
        self.probes += 1;
        let probe = self.station.message(self.probes, b"probe");
        let asked = IThings::isPublishedCall { thing: self.station.id(), sequence: self.probes };
        let sending = async {
            loop {
                // A broker drops what nobody has asked it for yet.
                if let Err(error) = self.publish(std::slice::from_ref(&probe)).await {
                    return error;
                }
                tokio::time::sleep(PROBE_AGAIN).await;
            }
        };
        tokio::select! {
            error = sending => return Err(error),
            found = self.owner.wait_for(THINGS_ADDRESS, &asked, WAIT, |is| *is) => found?,
        };
        let head = parse_quantity(&self.owner.rpc.call("eth_blockNumber", json!([])).await?)?;
        self.node.wait_for_height(head.saturating_to::<u64>() + 2, WAIT).await.map(drop)
    }

    /// `kill -9` of the node, and a new start on the same ports.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn restart_node(&mut self) -> eyre::Result<()> {
        self.node.kill()?;
        self.node = RunningNode::start_at(&self.options, self.node.ports).await?;
        Ok(())
    }

    /// Creates a contract with a price in it, ether, which may do everything with these devices.
    ///
    /// # Errors
    /// The chain refuses it.
    pub async fn deploy(
        &mut self,
        code: &str,
        arguments: Vec<u8>,
        price: u64,
        devices: &[&Device],
    ) -> eyre::Result<Address> {
        let contract = self.owner.deploy(code, arguments, ether(price)).await?;
        for device in devices {
            device.grant(&mut self.owner, contract).await?;
        }
        Ok(contract)
    }

    /// How often the trigger of a contract has fired.
    ///
    /// # Errors
    /// The node does not answer.
    pub async fn firings(&self, contract: Address) -> eyre::Result<u32> {
        let trigger = self.owner.view(contract, &IWatcher::triggerCall {}).await?;
        let asked = IThings::triggerOfCall { triggerId: trigger };
        Ok(self.owner.view(THINGS_ADDRESS, &asked).await?.firings)
    }

    /// The supplier has so many ether more than at the start.
    ///
    /// # Errors
    /// That is not so: with this text.
    pub async fn ensure_earned(&self, earned: u64, otherwise: &str) -> eyre::Result<()> {
        let found = self.owner.balance(self.supplier).await?;
        ensure!(found == self.wealth + ether(earned), "{otherwise}: {found} wei, {} at the start", self.wealth);
        Ok(())
    }

    /// Puts ether on a contract's account for callbacks and triggers.
    ///
    /// # Errors
    /// The chain refuses it.
    pub async fn fund(&mut self, contract: Address, amount: u64) -> eyre::Result<()> {
        self.owner.call(THINGS_ADDRESS, &IThings::fundCall { account: contract }, ether(amount)).await.map(drop)
    }
}

/// The gateway's account.
fn account() -> Address {
    gateway_key(0).address()
}

/// So many ether, in wei.
pub(super) fn ether(count: u64) -> U256 {
    U256::from(count) * U256::from(10).pow(U256::from(18))
}
