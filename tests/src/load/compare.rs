//! Two nodes side by side: the same load, alternating, medians and ratios.
use super::{
    Chain, LoadError, LoadOptions, Report, Usage, Workload, print_reports, process::usage_of, report::table, run,
};
use std::{
    fs::File,
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longest start of a server.
const START_MAX: Duration = Duration::from_secs(20);
/// How long a fresh server is left alone before its idle memory is read.
const IDLE: Duration = Duration::from_secs(2);

/// What is compared, and how often.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareOptions {
    /// Program under test
    #[arg(long, default_value = "target/release/pervade")]
    pub pervade: PathBuf,
    /// The other program: anvil
    #[arg(long)]
    pub anvil: PathBuf,
    /// Runs of each, alternating
    #[arg(long, default_value_t = 5)]
    pub runs: usize,
    /// Loads to compare
    #[arg(long, value_enum, value_delimiter = ',', default_value = "transfers,erc20")]
    pub workloads: Vec<Workload>,
    /// Transactions of each run
    #[arg(long, default_value_t = 50_000)]
    pub count: u64,
    /// Number of senders
    #[arg(long, default_value_t = 400)]
    pub senders: u32,
    /// Calls of one JSON-RPC batch
    #[arg(long, default_value_t = 50)]
    pub batch: usize,
    /// Connections
    #[arg(long, default_value_t = 4)]
    pub connections: usize,
    /// Gas limit of both nodes' blocks
    #[arg(long, default_value_t = 1_000_000_000)]
    pub gas_limit: u64,
    /// Block period of pervade (anvil has one second); 0: a block as soon as there are transactions
    #[arg(long, default_value = "250ms")]
    pub period: String,
}

/// A node that was started for one run. Killed, and its data removed, when dropped.
pub struct Server {
    child: Child,
    url: String,
    idle: Usage,
    _directory: TempDir,
}

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Program {
    Pervade,
    Anvil,
}

/// Medians of one program under one load.
struct Medians {
    rate: f64,
    cpu_per_10k: f64,
    peak_mib: f64,
    idle_mib: f64,
}

/// Runs everything and prints the tables.
///
/// # Errors
/// [`LoadError`]: a run without a verified result ends the comparison.
pub fn compare(options: &CompareOptions) -> Result<(), LoadError> {
    println!(
        "pervade: on disk, {}; anvil: in memory, --block-time 1 --order fifo; gas limit {} for both; {} runs each, alternating\n",
        if options.period == "0" { "blocks on demand".into() } else { format!("a block each {}", options.period) },
        options.gas_limit,
        options.runs
    );
    let mut rows = Vec::new();
    for workload in &options.workloads {
        let mut results: [Vec<(Report, Usage)>; 2] = [Vec::new(), Vec::new()];
        for _ in 0..options.runs {
            for (results, program) in results.iter_mut().zip([Program::Pervade, Program::Anvil]) {
                let result = run_once(options, program, *workload)?;
                print_reports(std::slice::from_ref(&result.0));
                results.push(result);
            }
        }
        let [ours, theirs] = results.map(|results| medians(&results));
        rows.push(row(workload.name(), "pervade", &ours));
        rows.push(row(workload.name(), "anvil", &theirs));
        rows.push(vec![
            workload.name().into(),
            "ratio".into(),
            format!("{:.2}", ours.rate / theirs.rate),
            format!("{:.3}", ours.cpu_per_10k / theirs.cpu_per_10k),
            format!("{:.2}", ours.peak_mib / theirs.peak_mib),
            format!("{:.2}", ours.idle_mib / theirs.idle_mib),
        ]);
    }
    let head = ["workload", "medians", "included/s", "CPU s/10,000", "peak MiB", "idle MiB"];
    println!("\n{}", table(&head, &rows));
    println!("\naims: rate at least 2.50, CPU at most 0.333, peak memory at most 1.00 of anvil's; idle below 100 MiB");
    Ok(())
}

fn row(workload: &str, name: &str, medians: &Medians) -> Vec<String> {
    vec![
        workload.into(),
        name.into(),
        format!("{:.0}", medians.rate),
        format!("{:.3}", medians.cpu_per_10k),
        format!("{:.0}", medians.peak_mib),
        format!("{:.0}", medians.idle_mib),
    ]
}

fn run_once(options: &CompareOptions, program: Program, workload: Workload) -> Result<(Report, Usage), LoadError> {
    let server = Server::start(options, program)?;
    let load = LoadOptions {
        url: server.url.clone(),
        workload,
        senders: options.senders,
        count: options.count,
        batch: options.batch,
        connections: options.connections,
        pid: Some(server.child.id()),
        ..LoadOptions::default()
    };
    Ok((run(&load)?, server.idle))
}

fn medians(results: &[(Report, Usage)]) -> Medians {
    let median = |value: &dyn Fn(&(Report, Usage)) -> f64| {
        let mut values: Vec<f64> = results.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    };
    Medians {
        rate: median(&|(report, _)| report.rate()),
        cpu_per_10k: median(&|(report, _)| report.cpu_per_10k().unwrap_or(f64::NAN)),
        peak_mib: median(&|(report, _)| report.peak_mib.unwrap_or(f64::NAN)),
        idle_mib: median(&|(_, idle)| idle.resident_mib),
    }
}

impl Server {
    fn start(options: &CompareOptions, program: Program) -> Result<Self, LoadError> {
        let path = match program {
            Program::Pervade => &options.pervade,
            Program::Anvil => &options.anvil,
        };
        let fail = |reason: String| LoadError::Server { program: path.display().to_string(), reason };
        let directory = TempDir::new().map_err(|error| fail(error.to_string()))?;
        let log = File::create(directory.path().join("log")).map_err(|error| fail(error.to_string()))?;
        let port = free_port().map_err(|error| fail(error.to_string()))?.to_string();
        let gas_limit = options.gas_limit.to_string();
        let mut command = Command::new(path);
        match program {
            Program::Pervade => {
                command.args(["node", "--dev", "--log.quiet=true", "--ws=false", "--dev.period", &options.period]);
                command.args(["--dev.gaslimit", &gas_limit, "--http.port", &port]);
                command.arg("--datadir").arg(directory.path().join("data"));
            }
            Program::Anvil => {
                command.args(["--silent", "--block-time", "1", "--order", "fifo"]);
                command.args(["--gas-limit", &gas_limit, "--port", &port]);
            }
        }
        let errors = log.try_clone().map_err(|error| fail(error.to_string()))?;
        let child = command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn();
        let child = child.map_err(|error| fail(error.to_string()))?;
        let url = format!("http://127.0.0.1:{port}");
        let mut server = Self { child, url, idle: Usage::default(), _directory: directory };
        server.wait_until_it_answers(&fail)?;
        thread::sleep(IDLE);
        server.idle = usage_of(server.child.id())?;
        Ok(server)
    }

    fn wait_until_it_answers(&mut self, fail: &dyn Fn(String) -> LoadError) -> Result<(), LoadError> {
        let start = Instant::now();
        while Chain::open(&self.url).and_then(|mut chain| chain.block_number()).is_err() {
            if let Ok(Some(status)) = self.child.try_wait() {
                let log = std::fs::read_to_string(self._directory.path().join("log")).unwrap_or_default();
                return Err(fail(format!("ended with {status}: {log}")));
            }
            if start.elapsed() > START_MAX {
                return Err(fail("does not answer".into()));
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that nobody has now.
fn free_port() -> std::io::Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr().map(|address| address.port())
}
