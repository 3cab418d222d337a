//! One run: prepare, submit, watch, verify.
use super::{
    Chain, Connection, LoadError, Report, Workload,
    process::{reset_peak, usage_of},
    verify::verify_receipts,
    wallet::{Call, Signed, Terms, Wallet},
    workload::Prepared,
};
use alloy_primitives::{TxKind, U256, hex};
use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// The well-known test mnemonic: both kinds of development node give its first accounts 10,000 ether.
pub const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Fee cap of a chain with fees, wei per gas: a hundred times the first base fee leaves room for 39 full blocks.
const FEE_CAP: u128 = 100_000_000_000;
/// Tip cap of a chain with fees, wei per gas.
const TIP_CAP: u128 = 1_000_000_000;
/// How often the watcher asks for a new block.
const WATCH: Duration = Duration::from_millis(20);
/// A run without a new transaction for so long has failed.
const STALL_S_MAX: u64 = 60;
/// CPU time is read this long after the last block: work that a node puts off belongs to it.
const SETTLE: Duration = Duration::from_secs(1);

/// What a run does.
#[derive(Debug, Clone, clap::Args)]
pub struct LoadOptions {
    /// JSON-RPC over HTTP
    #[arg(long, default_value = "http://127.0.0.1:8545")]
    pub url: String,
    /// What the senders do
    #[arg(long, value_enum, default_value = "transfers")]
    pub workload: Workload,
    /// Number of senders
    #[arg(long, default_value_t = 400)]
    pub senders: u32,
    /// Transactions (or reads) in all
    #[arg(long, default_value_t = 50_000)]
    pub count: u64,
    /// Calls of one JSON-RPC batch
    #[arg(long, default_value_t = 50)]
    pub batch: usize,
    /// Connections, each with one batch under way
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Process of the node: its CPU time and peak memory are reported
    #[arg(long)]
    pub pid: Option<u32>,
    /// Keys come from this mnemonic; account 0 pays for all
    #[arg(long, default_value = MNEMONIC)]
    pub mnemonic: String,
    /// Index of the first sender
    #[arg(long, default_value_t = 10)]
    pub first_sender: u32,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            url: "http://127.0.0.1:8545".into(),
            workload: Workload::Transfers,
            senders: 400,
            count: 50_000,
            batch: 50,
            connections: 4,
            pid: None,
            mnemonic: MNEMONIC.into(),
            first_sender: 10,
        }
    }
}

/// Runs the load and verifies every receipt and balance.
///
/// # Errors
/// [`LoadError`].
pub fn run(options: &LoadOptions) -> Result<Report, LoadError> {
    check(options)?;
    let mut chain = Chain::open(&options.url)?;
    let client = chain.client_version()?;
    let terms = terms(&mut chain)?;
    let mut owner = Wallet::derive(&options.mnemonic, 0, 1)?;
    let mut senders = Wallet::derive(&options.mnemonic, options.first_sender, options.senders)?;
    chain.load_nonces(&mut owner)?;
    let per_sender = options.count.div_ceil(u64::from(options.senders));
    if options.workload != Workload::Reads {
        fund(&mut chain, &mut owner[0], &senders, &terms, options.workload, per_sender)?;
    }
    let mut prepared = Prepared::new(options.workload, &mut chain, &mut owner[0], &senders, &terms)?;
    if options.workload == Workload::Reads {
        let batches = prepared.read_batches(options.count, options.batch);
        return measure_reads(options, client, batches);
    }
    chain.load_nonces(&mut senders)?;
    let signed = prepared.sign(&mut senders, per_sender, &terms)?;
    let batches = batches_by_connection(&signed, options);
    let expected = signed.iter().map(|own| own.len() as u64).sum();
    let report = measure(options, &mut chain, client, batches, expected)?;
    verify_receipts(&mut chain, report.blocks.clone(), &signed)?;
    prepared.verify(&mut chain)?;
    Ok(report)
}

fn check(options: &LoadOptions) -> Result<(), LoadError> {
    let positive = [
        ("--senders", u64::from(options.senders)),
        ("--count", options.count),
        ("--batch", options.batch as u64),
        ("--connections", options.connections as u64),
    ];
    match positive.iter().find(|(_, value)| *value == 0) {
        Some((option, _)) => Err(LoadError::Option { option, reason: "must be at least 1".into() }),
        None => Ok(()),
    }
}

fn terms(chain: &mut Chain) -> Result<Terms, LoadError> {
    let free = chain.gas_price()? == 0;
    Ok(Terms {
        chain_id: chain.chain_id()?,
        fee_cap: if free { 0 } else { FEE_CAP },
        tip_cap: if free { 0 } else { TIP_CAP },
    })
}

/// Gives each sender what its transactions can cost at most.
fn fund(
    chain: &mut Chain,
    owner: &mut Wallet,
    senders: &[Wallet],
    terms: &Terms,
    workload: Workload,
    per_sender: u64,
) -> Result<(), LoadError> {
    let each = U256::from(terms.fee_cap) * U256::from(workload.gas()) * U256::from(per_sender) + U256::from(per_sender);
    let addresses: Vec<_> = senders.iter().map(|sender| sender.address).collect();
    let mut gifts = Vec::new();
    for (address, balance) in addresses.iter().zip(chain.balances(&addresses)?) {
        if balance < each {
            let call =
                Call { to: TxKind::Call(*address), value: each - balance, gas: 21_000, input: Default::default() };
            gifts.push(owner.sign(terms, call)?);
        }
    }
    chain.include(&gifts).map(drop)
}

/// Each connection has its own senders, so that a sender's transactions arrive in nonce order; within a connection
/// senders take turns.
fn batches_by_connection(signed: &[Vec<Signed>], options: &LoadOptions) -> Vec<Vec<Vec<u8>>> {
    let per_connection = signed.len().div_ceil(options.connections);
    let connections = signed.chunks(per_connection).map(|senders| {
        let turns = senders.iter().map(Vec::len).max().unwrap_or(0);
        let in_turn: Vec<_> = (0..turns).flat_map(|turn| senders.iter().filter_map(move |own| own.get(turn))).collect();
        in_turn.chunks(options.batch).map(batch_body).collect()
    });
    connections.collect()
}

fn batch_body(transactions: &[&Signed]) -> Vec<u8> {
    let calls: Vec<_> = transactions
        .iter()
        .enumerate()
        .map(|(id, transaction)| {
            let encoded = hex::encode_prefixed(&transaction.encoded);
            format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"eth_sendRawTransaction","params":["{encoded}"]}}"#)
        })
        .collect();
    format!("[{}]", calls.join(",")).into_bytes()
}

fn measure(
    options: &LoadOptions,
    chain: &mut Chain,
    client: String,
    batches: Vec<Vec<Vec<u8>>>,
    expected: u64,
) -> Result<Report, LoadError> {
    let first = chain.block_number()? + 1;
    let before = start_usage(options)?;
    let (stop, failed) = (AtomicBool::new(false), AtomicBool::new(false));
    let ready = Barrier::new(batches.len() + 1);
    thread::scope(|scope| {
        let submitters: Vec<_> = batches
            .iter()
            .map(|batches| {
                scope.spawn(|| {
                    let result = submit(&options.url, batches, &ready, &stop);
                    failed.fetch_or(result.is_err(), Ordering::Relaxed);
                    result
                })
            })
            .collect();
        ready.wait();
        let start = Instant::now();
        let watched = watch(chain, first, expected, start, &failed);
        stop.store(true, Ordering::Relaxed);
        let mut submitted_s: f64 = 0.0;
        for submitter in submitters {
            let done =
                submitter.join().map_err(|_| LoadError::Verification { reason: "a submitter panicked".into() })??;
            submitted_s = submitted_s.max(done.duration_since(start).as_secs_f64());
        }
        let (last, elapsed) = watched?;
        let usage = end_usage(options, before)?;
        Ok(Report {
            client,
            workload: options.workload,
            count: expected,
            blocks: first..last + 1,
            elapsed_s: elapsed.as_secs_f64(),
            submitted_s,
            cpu_s: usage.map(|(cpu_s, _)| cpu_s),
            peak_mib: usage.map(|(_, peak_mib)| peak_mib),
        })
    })
}

/// When the last answer came.
fn submit(url: &str, batches: &[Vec<u8>], ready: &Barrier, stop: &AtomicBool) -> Result<Instant, LoadError> {
    let connection = Connection::open(url);
    ready.wait();
    let mut connection = connection?;
    for batch in batches {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let answer = connection.post(batch)?;
        if let Some(at) = answer.windows(8).position(|window| window == b"\"error\":") {
            let text = String::from_utf8_lossy(&answer[at..answer.len().min(at + 300)]).into_owned();
            return Err(LoadError::Rpc { method: "eth_sendRawTransaction".into(), message: text });
        }
    }
    Ok(Instant::now())
}

/// Counts included transactions until all are in; the last block, and when it was seen.
fn watch(
    chain: &mut Chain,
    first: u64,
    expected: u64,
    start: Instant,
    failed: &AtomicBool,
) -> Result<(u64, Duration), LoadError> {
    let (mut next, mut included) = (first, 0);
    let mut progress = Instant::now();
    loop {
        let head = chain.block_number()?;
        let seen = start.elapsed();
        while next <= head {
            let count = chain.transaction_count(next)?;
            if count > 0 {
                progress = Instant::now();
            }
            included += count;
            if included >= expected {
                return Ok((next, seen));
            }
            next += 1;
        }
        let waited_s = progress.elapsed().as_secs();
        if failed.load(Ordering::Relaxed) || waited_s > STALL_S_MAX {
            return Err(LoadError::Stalled { included, expected, waited_s });
        }
        thread::sleep(WATCH);
    }
}

fn measure_reads(options: &LoadOptions, client: String, batches: Vec<Vec<u8>>) -> Result<Report, LoadError> {
    let before = start_usage(options)?;
    let stop = AtomicBool::new(false);
    let per_connection = batches.len().div_ceil(options.connections);
    let shares: Vec<_> = batches.chunks(per_connection).collect();
    let ready = Barrier::new(shares.len() + 1);
    thread::scope(|scope| {
        let readers: Vec<_> =
            shares.iter().map(|share| scope.spawn(|| submit(&options.url, share, &ready, &stop))).collect();
        ready.wait();
        let start = Instant::now();
        for reader in readers {
            reader.join().map_err(|_| LoadError::Verification { reason: "a reader panicked".into() })??;
        }
        let elapsed_s = start.elapsed().as_secs_f64();
        let usage = end_usage(options, before)?;
        Ok(Report {
            client,
            workload: options.workload,
            count: options.count,
            blocks: 0..0,
            elapsed_s,
            submitted_s: elapsed_s,
            cpu_s: usage.map(|(cpu_s, _)| cpu_s),
            peak_mib: usage.map(|(_, peak_mib)| peak_mib),
        })
    })
}

/// CPU seconds so far.
fn start_usage(options: &LoadOptions) -> Result<Option<f64>, LoadError> {
    let Some(pid) = options.pid else { return Ok(None) };
    reset_peak(pid);
    Ok(Some(usage_of(pid)?.cpu_s))
}

/// CPU seconds since, and peak memory in MiB.
fn end_usage(options: &LoadOptions, before: Option<f64>) -> Result<Option<(f64, f64)>, LoadError> {
    let (Some(pid), Some(before)) = (options.pid, before) else { return Ok(None) };
    thread::sleep(SETTLE);
    let usage = usage_of(pid)?;
    Ok(Some((usage.cpu_s - before, usage.peak_mib)))
}
