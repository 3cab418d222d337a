//! Callbacks that mean harm, on a running node: nobody else is harmed, users are served, and blocks come as before.
//! `Hostile` is `tests/contracts/Hostile.sol`.
use super::{Client, now_ms, site::ether};
use crate::harness::{NodeOptions, Rpc, RunningNode, dev_account, parse_quantity};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolEvent, SolValue};
use eyre::{ContextCompat, ensure};
use pervade_chainspec::params::{SYSTEM_ACCOUNT, THINGS_ADDRESS};
use pervade_evm_ext::things::IThings;
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    time::{Duration, Instant},
};

const CODE: &str = include_str!("../../contracts/Hostile.hex");
/// Time between blocks.
const PERIOD: Duration = Duration::from_millis(200);
const GAS_LIMIT: u64 = 200_000_000;
/// Part of a block's gas that is the protocol's own work: a fifth.
const SYSTEM_GAS_MAX: u64 = GAS_LIMIT / 5;
/// Triggers of each contract.
const TRIGGERS: usize = 2;
/// From the last contract to the first second at which everything is due.
const BEFORE_SECONDS: u64 = 12;
/// Everything is due again after this.
const INTERVAL_SECONDS: u64 = 10;
/// What is due has run by then, also where other work keeps the machine busy.
const LATE_SECONDS: u64 = 3;
const POLL: Duration = Duration::from_millis(5);

alloy_sol_types::sol! {
    /// What the contract's function does when the protocol calls it.
    #[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Deed { Nothing, Revert, BurnGas, ReturnMegabyte, SelfDestruct, CallEverything, Unwatch, Wake, Again }

    /// What the scenario calls of `Hostile.sol`.
    contract IHostile {
        function watch(uint64 firstTime) external payable returns (uint256);
        function calls() external view returns (uint256);
    }
}

/// Each deed, and whether its action succeeds.
const DEEDS: [(Deed, bool); 9] = [
    (Deed::Revert, false),
    (Deed::BurnGas, false),
    // Memory of a megabyte costs more than an action may.
    (Deed::ReturnMegabyte, false),
    (Deed::SelfDestruct, true),
    (Deed::CallEverything, true),
    (Deed::Unwatch, true),
    (Deed::Wake, true),
    (Deed::Again, true),
    // Last, so that its triggers are the last to be served.
    (Deed::Nothing, true),
];

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct HostileReport {
    /// Actions of the contracts that mean harm.
    pub hostile: usize,
    /// Of the one that does not.
    pub harmless: usize,
    /// Transactions of a user meanwhile, one after the other.
    pub transactions: usize,
    /// From sending one to its receipt: half of them took at most this.
    pub receipt: Duration,
    /// Between two blocks, half of them.
    pub interval: Duration,
    /// The longest time between two blocks.
    pub longest: Duration,
    /// Most gas of the protocol's work in a block.
    pub system_gas: u64,
}

impl fmt::Display for HostileReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hostile, harmless, transactions, receipt, interval, longest, system_gas } = self;
        let [receipt, interval, longest] = [receipt, interval, longest].map(Duration::as_millis);
        writeln!(
            f,
            "| hostile | harmless | user's transactions | p50 to receipt | blocks p50 | longest | system gas |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|")?;
        write!(
            f,
            "| {hostile} | {harmless} | {transactions} | {receipt} ms | {interval} ms | {longest} ms | \
             {system_gas} of {SYSTEM_GAS_MAX} |"
        )
    }
}

/// Lets contracts do their worst, twice, all at once.
///
/// # Errors
/// Somebody is harmed: an action does not run, or too late; a user waits; blocks keep no limits or come late.
pub async fn hostile_callbacks(folder: &Path) -> eyre::Result<HostileReport> {
    let options = NodeOptions::dev(&folder.join("node")).arg("--dev.period").arg(format!("{}ms", PERIOD.as_millis()));
    let node = RunningNode::start(&options.arg("--dev.gaslimit").arg(GAS_LIMIT.to_string())).await?;
    let mut owner = Client::new(node.rpc.url(), dev_account(0)).await?;
    let mut contracts = BTreeMap::new();
    for (deed, _) in DEEDS {
        let contract = owner.deploy(CODE, U256::from(deed as u8).abi_encode(), ether(1)).await?;
        contracts.insert(contract, deed);
    }
    let first = now_ms() / 1_000 + BEFORE_SECONDS;
    for contract in contracts.keys() {
        for _ in 0..TRIGGERS {
            owner.call(*contract, &IHostile::watchCall { firstTime: first }, ether(1)).await?;
        }
    }
    ensure!(now_ms() / 1_000 < first, "the machine is too busy: watching took longer than {BEFORE_SECONDS} s");

    let from = height(&node.rpc).await?;
    let end_ms = (first + INTERVAL_SECONDS + LATE_SECONDS) * 1_000;
    let user = Client::new(node.rpc.url(), dev_account(2)).await?;
    let (intervals, receipts) = tokio::try_join!(watch_blocks(&node.rpc, end_ms), use_chain(user, end_ms))?;

    let ran = actions(&node.rpc, &contracts).await?;
    for (deed, succeeds) in DEEDS {
        let of_deed: Vec<_> = ran.iter().filter(|action| action.deed == deed).collect();
        ensure!(of_deed.iter().all(|action| action.succeeded == succeeds), "{deed:?}: {of_deed:?}");
        let rounds = if deed == Deed::Unwatch { 1 } else { 2 };
        ensure!(of_deed.len() >= rounds * TRIGGERS, "{deed:?} ran {} times", of_deed.len());
    }
    let harmless: Vec<_> = ran.iter().filter(|action| action.deed == Deed::Nothing).collect();
    ensure!(harmless.len() == 2 * TRIGGERS, "the harmless contract's actions ran {} times", harmless.len());
    for action in &harmless {
        let late = action.time.saturating_sub(first) % INTERVAL_SECONDS;
        ensure!(late < LATE_SECONDS, "a harmless action ran {late} s late");
    }
    let (contract, _) = contracts.iter().find(|(_, deed)| **deed == Deed::Nothing).wrap_err("it was deployed")?;
    let calls = owner.view(*contract, &IHostile::callsCall {}).await?;
    ensure!(calls == U256::from(harmless.len()), "the harmless contract counts {calls} calls");

    let to = height(&node.rpc).await?;
    let system_gas = most_system_gas(&node.rpc, from, to).await?;
    ensure!(system_gas <= SYSTEM_GAS_MAX, "{system_gas} gas of the protocol's work in a block");
    let report = HostileReport {
        hostile: ran.len() - harmless.len(),
        harmless: harmless.len(),
        transactions: receipts.len(),
        receipt: median(receipts),
        longest: intervals.iter().max().copied().unwrap_or_default(),
        interval: median(intervals),
        system_gas,
    };
    ensure!(report.interval < PERIOD * 5 / 4, "blocks come late:\n{report}");
    ensure!(report.receipt < PERIOD * 3, "users wait:\n{report}");
    Ok(report)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn height(rpc: &Rpc) -> eyre::Result<u64> {
    Ok(parse_quantity(&rpc.call("eth_blockNumber", json!([])).await?)?.to())
}

/// Times between blocks until an hour, unix milliseconds.
async fn watch_blocks(rpc: &Rpc, end_ms: u64) -> eyre::Result<Vec<Duration>> {
    let mut intervals = Vec::new();
    let (mut head, mut since) = (height(rpc).await?, None);
    while now_ms() < end_ms {
        let now = height(rpc).await?;
        if now > head {
            let seen = Instant::now();
            if let Some(since) = since.replace(seen) {
                intervals.push(seen.duration_since(since) / u32::try_from(now - head)?);
            }
            head = now;
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(intervals)
}

/// One transaction after the other until an hour, unix milliseconds: how long each took to its receipt.
async fn use_chain(mut user: Client, end_ms: u64) -> eyre::Result<Vec<Duration>> {
    let mut times = Vec::new();
    while now_ms() < end_ms {
        let begun = Instant::now();
        user.call(THINGS_ADDRESS, &IThings::fundCall { account: user.address() }, U256::ONE).await?;
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// An action that ran.
#[derive(Debug)]
struct Action {
    deed: Deed,
    succeeded: bool,
    /// Of its block, unix seconds.
    time: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Log {
    topics: Vec<B256>,
    data: Bytes,
    block_timestamp: U256,
}

/// The actions of these contracts that ran, in their order.
async fn actions(rpc: &Rpc, contracts: &BTreeMap<Address, Deed>) -> eyre::Result<Vec<Action>> {
    let kinds = [IThings::Watched::SIGNATURE_HASH, IThings::Triggered::SIGNATURE_HASH];
    let filter = json!({ "fromBlock": "0x0", "toBlock": "latest", "address": THINGS_ADDRESS, "topics": [kinds] });
    let logs: Vec<Log> = serde_json::from_value(rpc.call("eth_getLogs", json!([filter])).await?)?;
    let (mut owners, mut ran) = (BTreeMap::new(), Vec::new());
    for log in logs {
        let trigger = log.topics[1];
        if log.topics[0] == IThings::Watched::SIGNATURE_HASH {
            owners.insert(trigger, contracts[&Address::from_word(log.topics[3])]);
        } else {
            let (_, succeeded) = IThings::Triggered::abi_decode_data(&log.data)?;
            ran.push(Action { deed: owners[&trigger], succeeded, time: log.block_timestamp.to() });
        }
    }
    Ok(ran)
}

/// Most gas of system transactions in one of these blocks.
async fn most_system_gas(rpc: &Rpc, from: u64, to: u64) -> eyre::Result<u64> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Receipt {
        from: Address,
        gas_used: U256,
    }
    let mut most = 0;
    for number in from..=to {
        let receipts = rpc.call("eth_getBlockReceipts", json!([U256::from(number)])).await?;
        let receipts: Vec<Receipt> = serde_json::from_value(receipts)?;
        let own = receipts.iter().filter(|receipt| receipt.from == SYSTEM_ACCOUNT);
        most = most.max(own.map(|receipt| receipt.gas_used.to::<u64>()).sum());
    }
    Ok(most)
}
