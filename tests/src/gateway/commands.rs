//! Command once: a contract opens lockers while the gateways that do it are killed at random.
use super::{Client, Device, GatewayProcess, HttpService, allow, gateway_key};
use crate::harness::{NodeOptions, RunningNode, dev_account};
use alloy_primitives::{Address, U256};
use eyre::ensure;
use pervade_chainspec::params::{THING_REQUESTS_MAX, THINGS_ADDRESS};
use pervade_evm_ext::things::IThings;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

/// Lockers that one transaction asks for.
const ASKED_AT_ONCE: u64 = 20;
const POLL: Duration = Duration::from_millis(50);

alloy_sol_types::sol! {
    /// What the scenario calls of `Lockers.sol`.
    contract ILockers {
        function open(bytes32 wall, uint256 first, uint256 count) external;
        function done() external view returns (uint256);
        function failed() external view returns (uint256);
    }
}

/// What came of it.
#[derive(Debug)]
pub struct CommandReport {
    /// Commands that contracts gave.
    pub commands: u64,
    /// Callbacks with a signed receipt.
    pub receipts: u64,
    /// Callbacks that say that it failed or expired.
    pub failures: u64,
    /// Commands that reached the device, by their keys.
    pub carried_out: u64,
    /// Times that a device was told again what it had done.
    pub repeated: u64,
    /// Gateways killed.
    pub kills: u64,
    /// For all of it.
    pub elapsed: Duration,
}

impl std::fmt::Display for CommandReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "| commands | receipts | failures | carried out | repeated | kills | time |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        let Self { commands, receipts, failures, carried_out, repeated, kills, elapsed } = self;
        let seconds = elapsed.as_secs_f64();
        write!(f, "| {commands} | {receipts} | {failures} | {carried_out} | {repeated} | {kills} | {seconds:.0} s |")
    }
}

/// Runs it with so many commands, three gateways, and one of them killed every `every`.
///
/// # Errors
/// A command was not carried out exactly once by its key, or has neither a receipt nor a failure within `time_max`.
pub async fn command_once(
    folder: &Path,
    commands: u64,
    every: Duration,
    seed: u64,
    time_max: Duration,
) -> eyre::Result<CommandReport> {
    println!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let device = HttpService::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "opened").await?;
    let node = RunningNode::start(&NodeOptions::dev(&folder.join("node")).arg("--dev.period").arg("200ms")).await?;
    let config = allow("http", "lockers.test", "127.0.0.1", device.address.port());
    let mut gateways = Vec::new();
    for index in 0..3 {
        let home = folder.join(format!("gateway{index}"));
        gateways.push(GatewayProcess::start(&home, index, node.rpc.url(), &config).await?);
    }
    let accounts: Vec<Address> = (0..3).map(|index| gateway_key(index).address()).collect();
    let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
    let lockers = owner.deploy(include_str!("../../contracts/Lockers.hex"), Vec::new(), U256::ZERO).await?;
    let money = U256::from(100) * U256::from(10).pow(U256::from(18));
    owner.call(THINGS_ADDRESS, &IThings::fundCall { account: lockers }, money).await?;

    let href = format!("http://lockers.test:{}/open", device.address.port());
    let affordances = json!({ "actions": { "open": { "forms": [{ "href": href }] } } });
    let begun = Instant::now();
    let mut given = 0;
    while given < commands {
        // As many walls as their limits of open requests ask for.
        let wall = Device::new(&format!("wall-{given}"));
        wall.register(&mut owner, &affordances, &accounts).await?;
        wall.grant(&mut owner, lockers).await?;
        let of_wall = (commands - given).min(THING_REQUESTS_MAX);
        for first in (0..of_wall).step_by(ASKED_AT_ONCE as usize) {
            let count = U256::from(ASKED_AT_ONCE.min(of_wall - first));
            let open = ILockers::openCall { wall: wall.id(), first: U256::from(first), count };
            owner.call(lockers, &open, U256::ZERO).await?;
        }
        given += of_wall;
    }

    let (mut kills, mut last_kill) = (0, Instant::now());
    let (receipts, failures) = loop {
        let done: u64 = owner.view(lockers, &ILockers::doneCall {}).await?.to();
        let failed: u64 = owner.view(lockers, &ILockers::failedCall {}).await?.to();
        if done + failed >= commands {
            break (done, failed);
        }
        ensure!(begun.elapsed() < time_max, "{done} done and {failed} failed of {commands} after {time_max:?}");
        if last_kill.elapsed() >= every {
            let victim = rng.random_range(0..gateways.len());
            gateways[victim].kill()?;
            gateways[victim].start_again().await?;
            kills += 1;
            last_kill = Instant::now();
        }
        tokio::time::sleep(POLL).await;
    };
    let elapsed = begun.elapsed();
    let replies = device.replies.lock();
    let told: u64 = replies.keys.values().sum();
    let keys = replies.keys.len() as u64;
    ensure!(keys >= receipts, "{receipts} receipts for {keys} commands at the device");
    ensure!(replies.carried_out == keys, "{} carried out for {keys} keys", replies.carried_out);
    ensure!(receipts + failures == commands, "{receipts} receipts and {failures} failures for {commands} commands");
    let repeated = told - keys;
    Ok(CommandReport { commands, receipts, failures, carried_out: keys, repeated, kills, elapsed })
}
