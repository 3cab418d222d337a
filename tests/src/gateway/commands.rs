//! Command once: a contract opens lockers while the gateways that do it are killed at random.
use super::{Client, Device, GatewayProcess, HttpService, allow, gateway_key, site::ether};
use crate::harness::{NodeOptions, RunningNode, dev_account};
use alloy_primitives::{Address, U256};
use eyre::{bail, ensure};
use pervade_chainspec::params::{THING_REQUESTS_MAX, THINGS_ADDRESS};
use pervade_evm_ext::things::IThings;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::json;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::{Duration, Instant},
};

const GATEWAYS: u32 = 3;
/// Lockers that one transaction asks for.
const ASKED_AT_ONCE: u64 = 10;
const POLL: Duration = Duration::from_millis(50);
/// Between opening a locker and saying so: time for a gateway to be killed in.
const OPENING: Duration = Duration::from_millis(200);
/// For the callbacks of all, ether.
const FUNDS: u64 = 100;

alloy_sol_types::sol! {
    /// What the scenario calls of `Lockers.sol`.
    contract ILockers {
        function open(bytes32 wall, uint256 first, uint256 count) external;
        function done() external view returns (uint256);
        function failed() external view returns (uint256);
    }
}

/// How it is run.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CommandOptions {
    /// Commands
    #[arg(long, default_value_t = 1_000)]
    pub count: u64,
    /// Time between two kills, milliseconds, on average
    #[arg(long, default_value_t = 2_000)]
    pub every_ms: u64,
    /// Decides who is killed, and when
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Longest time for all, seconds
    #[arg(long, default_value_t = 1_800)]
    pub seconds: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct CommandReport {
    /// Commands that the contract gave.
    pub commands: u64,
    /// Callbacks with a gateway's signed word that it was carried out.
    pub receipts: u64,
    /// Callbacks that say that it failed or expired.
    pub failures: u64,
    /// Lockers that were opened, each once.
    pub opened: u64,
    /// Times that the device was told again what it had done.
    pub repeated: u64,
    /// Gateways killed.
    pub kills: u64,
    /// For all of it.
    pub elapsed: Duration,
}

impl fmt::Display for CommandReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| commands | receipts | failures | opened | told again | kills | time |")?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        let Self { commands, receipts, failures, opened, repeated, kills, elapsed } = self;
        let seconds = elapsed.as_secs_f64();
        write!(f, "| {commands} | {receipts} | {failures} | {opened} | {repeated} | {kills} | {seconds:.0} s |")
    }
}

/// Runs it with three gateways.
///
/// # Errors
/// A locker was opened twice, or not although there is a receipt; or a command has neither a receipt nor a failure in time.
pub async fn command_once(folder: &Path, options: CommandOptions) -> eyre::Result<CommandReport> {
    println!("seed {}", options.seed);
    let device = HttpService::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), "opened").await?;
    device.replies.lock().delay = OPENING;
    let node = NodeOptions::dev(&folder.join("node")).arg("--dev.period").arg("200ms");
    let node = RunningNode::start(&node.arg("--dev.gaslimit").arg("200000000")).await?;
    let config = allow("http", "lockers.test", "127.0.0.1", device.address.port());
    let mut gateways = Vec::new();
    for index in 0..GATEWAYS {
        let home = folder.join(format!("gateway{index}"));
        gateways.push(GatewayProcess::start(&home, index, node.rpc.url(), &config).await?);
    }
    let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
    let lockers = owner.deploy(include_str!("../../contracts/Lockers.hex"), Vec::new(), U256::ZERO).await?;
    owner.call(THINGS_ADDRESS, &IThings::fundCall { account: lockers }, ether(FUNDS)).await?;

    let begun = Instant::now();
    let mut kills = 0;
    let giving = async {
        give(&mut owner, lockers, device.address.port(), options.count).await?;
        outcome(&owner, lockers, options, begun).await
    };
    let (receipts, failures) = tokio::select! {
        done = giving => done?,
        failed = kill_at_random(&mut gateways, options, &mut kills) => return Err(failed),
    };
    let elapsed = begun.elapsed();
    let replies = device.replies.lock();
    let twice: Vec<_> = replies.carried_out.iter().filter(|(_, times)| **times > 1).collect();
    ensure!(twice.is_empty(), "done more than once, under several keys: {twice:?}");
    let (keys, opened) = (replies.keys.len() as u64, replies.carried_out.len() as u64);
    ensure!(keys == opened, "{keys} keys opened {opened} lockers");
    ensure!(receipts <= opened && opened <= options.count, "{receipts} receipts for {opened} opened lockers");
    ensure!(receipts + failures == options.count, "{receipts} receipts and {failures} failures");
    let repeated = replies.keys.values().sum::<u64>() - keys;
    Ok(CommandReport { commands: options.count, receipts, failures, opened, repeated, kills, elapsed })
}

/// Registers as many walls as their limits of open requests ask for, and has the contract open all lockers.
async fn give(owner: &mut Client, lockers: Address, port: u16, count: u64) -> eyre::Result<()> {
    let accounts: Vec<_> = (0..GATEWAYS).map(|index| gateway_key(index).address()).collect();
    let mut given = 0;
    while given < count {
        let wall = Device::new(&format!("wall-{given}"));
        let href = format!("http://lockers.test:{port}/{given}/open");
        let affordances = json!({ "actions": { "open": { "forms": [{ "href": href }] } } });
        wall.register(owner, &affordances, &accounts).await?;
        wall.grant(owner, lockers).await?;
        let of_wall = (count - given).min(THING_REQUESTS_MAX);
        for first in (0..of_wall).step_by(ASKED_AT_ONCE as usize) {
            let count = U256::from(ASKED_AT_ONCE.min(of_wall - first));
            let open = ILockers::openCall { wall: wall.id(), first: U256::from(first), count };
            owner.call(lockers, &open, U256::ZERO).await?;
        }
        given += of_wall;
    }
    Ok(())
}

/// Waits until every command has a receipt or a failure. Returns how many of each.
async fn outcome(
    owner: &Client,
    lockers: Address,
    options: CommandOptions,
    begun: Instant,
) -> eyre::Result<(u64, u64)> {
    loop {
        let done: u64 = owner.view(lockers, &ILockers::doneCall {}).await?.to();
        let failed: u64 = owner.view(lockers, &ILockers::failedCall {}).await?.to();
        if done + failed >= options.count {
            return Ok((done, failed));
        }
        if begun.elapsed() > Duration::from_secs(options.seconds) {
            bail!("{done} done and {failed} failed of {} after {} s", options.count, options.seconds);
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Kills one gateway after the other and starts it again; returns only if one does not come back.
async fn kill_at_random(gateways: &mut [GatewayProcess], options: CommandOptions, kills: &mut u64) -> eyre::Report {
    let mut rng = StdRng::seed_from_u64(options.seed);
    loop {
        let pause = rng.random_range(options.every_ms / 2..=options.every_ms.saturating_mul(3) / 2);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let victim = rng.random_range(0..gateways.len());
        if let Err(error) = gateways[victim].kill() {
            return error;
        }
        *kills += 1;
        let away = rng.random_range(0..=options.every_ms);
        tokio::time::sleep(Duration::from_millis(away)).await;
        if let Err(error) = gateways[victim].start_again().await {
            return error;
        }
    }
}
