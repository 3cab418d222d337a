//! Gas against what it pays for: nanoseconds and bytes on disk of every function of the four precompiles, at small inputs
//! and the worst, next to loops of cold SLOADs and SSTOREs on the same state.
//!
//! ```text
//! state of N accounts ──► loops ─────────────────────► ns a gas: what is fair
//!                    └──► cases of each precompile ──► ns a gas ──► ratio
//! journey::worst      ──► inputs found by a search ──► ns a gas ──► ratio
//! ```
mod database;
mod evidence;
mod governance;
mod machine;
mod semantics;
mod size;
mod solidity;
mod things;

use crate::{journey::worst, load::table};
use alloy_primitives::{Address, Bytes};
use machine::{Loop, Machine, Measured};
use std::{path::PathBuf, time::Duration};

/// A function may take so many times what the loops take for its gas.
const RATIO_MAX: f64 = 3.0;
/// Transactions of each loop.
const LOOP_TRANSACTIONS: u64 = 12;

/// What is measured.
#[derive(Debug, Clone, clap::Args)]
pub struct GasOptions {
    /// Accounts of the state, and slots of the contract that the loops go over
    #[arg(long, default_value_t = 1_000_000)]
    pub accounts: u64,
    /// Rows of the large table and entries of the large series
    #[arg(long, default_value_t = 1_000_000)]
    pub rows: u64,
    /// Only functions whose name contains this
    #[arg(long, default_value = "")]
    pub only: String,
    /// Seconds of the search for the worst inputs of Semantics
    #[arg(long, default_value_t = 60)]
    pub search_seconds: u64,
    /// Seed of the search
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Fails if a function takes more than three times what the loops take for its gas
    #[arg(long)]
    pub strict: bool,
    /// Folder for databases (default: the system's temporary folder)
    #[arg(long)]
    pub directory: Option<PathBuf>,
}

/// Calls of one function that are measured together.
struct Case {
    /// Name of the precompile and of its function.
    function: &'static str,
    /// Which input.
    input: String,
    /// What it is measured against.
    against: Loop,
    to: Address,
    /// Made before, not measured.
    before: Vec<Bytes>,
    calls: Vec<Bytes>,
    /// How many fit into a transaction.
    per_transaction: usize,
    /// Made by the second caller.
    by_voter: bool,
}

impl Case {
    fn new(function: &'static str, input: impl Into<String>, against: Loop, to: Address) -> Self {
        Self {
            function,
            input: input.into(),
            against,
            to,
            before: Vec::new(),
            calls: Vec::new(),
            per_transaction: 1,
            by_voter: false,
        }
    }

    fn before(mut self, calls: impl IntoIterator<Item = Bytes>) -> Self {
        self.before.extend(calls);
        self
    }

    fn calls(mut self, per_transaction: usize, calls: impl IntoIterator<Item = Bytes>) -> Self {
        self.per_transaction = per_transaction;
        self.calls.extend(calls);
        self
    }

    fn by_voter(mut self) -> Self {
        self.by_voter = true;
        self
    }
}

/// A measured case.
struct Row {
    case: Case,
    measured: Measured,
    ratio: f64,
}

impl Row {
    fn name(&self) -> String {
        format!("{} ({}): {:.1}", self.case.function, self.case.input, self.ratio)
    }
}

/// Nanoseconds and bytes that the loops take for a gas.
struct Reference {
    load: Measured,
    overwrite: Measured,
    fill: Measured,
}

impl Reference {
    fn measure(machine: &mut Machine) -> eyre::Result<Self> {
        // The first round only warms what is not warm.
        machine.run_loop(Loop::Load, 2)?;
        Ok(Self {
            load: machine.run_loop(Loop::Load, LOOP_TRANSACTIONS)?,
            overwrite: machine.run_loop(Loop::Overwrite, LOOP_TRANSACTIONS)?,
            fill: machine.run_loop(Loop::Fill, LOOP_TRANSACTIONS)?,
        })
    }

    fn of(&self, kind: Loop) -> Measured {
        match kind {
            Loop::Load => self.load,
            Loop::Overwrite => self.overwrite,
            Loop::Fill => self.fill,
        }
    }
}

/// Measures everything and prints the tables.
///
/// # Errors
/// Whatever storage or execution cannot do; with `strict`, a function that takes more than its gas pays for.
pub fn measure(options: &GasOptions) -> eyre::Result<()> {
    let mut machine = Machine::new(options.directory.as_deref(), options.accounts)?;
    let reference = Reference::measure(&mut machine)?;
    println!(
        "loops over {} slots of a state of {} accounts; times of the processor",
        options.accounts, options.accounts
    );
    println!("{}\n", print_loops(&reference));
    let (mut rows, mut failures) = (Vec::new(), 0);
    for cases in [database::cases, semantics::cases, things::cases, governance::cases] {
        for case in cases(&mut machine)? {
            if case.function.contains(&options.only) {
                match run(&mut machine, &reference, case) {
                    Ok(row) => rows.push(row),
                    Err(error) => {
                        println!("not measured: {error:#}");
                        failures += 1;
                    }
                }
            }
        }
    }
    println!("functions of the precompiles, without the transaction and the calling\n{}\n", print(&rows));
    if options.only.is_empty() {
        println!("the Contract Database next to a contract's own storage\n{}\n", solidity::measure(&mut machine)?);
        println!("ten rows and {}\n{}\n", options.rows, size::measure(&mut machine, options.rows)?);
    }
    let mut too_cheap: Vec<_> = rows.iter().filter(|row| row.ratio > RATIO_MAX).map(Row::name).collect();
    if options.only.is_empty() && options.search_seconds > 0 {
        let found = worst::search(options.seed, Duration::from_secs(options.search_seconds));
        println!("worst inputs of Semantics, after {} s from seed {}", options.search_seconds, options.seed);
        for input in &found {
            let ratio = input.ns_per_gas() / reference.load.ns_per_gas();
            println!("{ratio:>5.2} {input}");
            if ratio > RATIO_MAX {
                too_cheap.push(format!("semantics.{} (found): {ratio:.1}", input.function));
            }
        }
    }
    for name in &too_cheap {
        println!("too cheap: {name} times the time of its gas");
    }
    eyre::ensure!(failures == 0, "{failures} functions could not be measured");
    eyre::ensure!(!options.strict || too_cheap.is_empty(), "{} functions are too cheap", too_cheap.len());
    Ok(())
}

fn run(machine: &mut Machine, reference: &Reference, mut case: Case) -> eyre::Result<Row> {
    eprint!("\r\x1b[K{} ({})", case.function, case.input);
    let before = std::mem::take(&mut case.before);
    if !before.is_empty() {
        machine.call(case.to, &before, case.per_transaction)?;
    }
    let caller = if case.by_voter { machine.voter } else { machine.caller };
    let measured = machine
        .measure_by(caller, case.to, &case.calls, case.per_transaction)
        .map_err(|error| error.wrap_err(format!("{} ({})", case.function, case.input)))?;
    let measured = if case.against == Loop::Load { measured.reading() } else { measured };
    let ratio = measured.ns_per_gas() / reference.of(case.against).ns_per_gas();
    Ok(Row { case, measured, ratio })
}

fn print_loops(reference: &Reference) -> String {
    let rows = [
        ("cold SLOAD", &reference.load),
        ("cold SSTORE, value to value", &reference.overwrite),
        ("cold SSTORE, nothing to value", &reference.fill),
    ];
    let cells = rows.map(|(name, measured)| {
        vec![
            name.to_owned(),
            measured.gas.to_string(),
            format!("{:.2}", measured.ns_per_gas()),
            format!("{:.4}", measured.disk_bytes.max(0.0) / measured.gas as f64),
        ]
    });
    table(&["loop", "gas", "ns/gas", "disk bytes/gas"], &cells)
}

fn print(rows: &[Row]) -> String {
    let cells: Vec<_> = rows
        .iter()
        .map(|Row { case, measured, ratio }| {
            let calls = case.calls.len() as f64;
            vec![
                case.function.to_owned(),
                case.input.clone(),
                format!("{:.0}", measured.gas as f64 / calls),
                format!("{:.1}", measured.ns() / calls / 1e3),
                format!("{:.2}", measured.ns_per_gas()),
                format!("{ratio:.2}"),
                match case.against {
                    Loop::Load => "SLOAD".to_owned(),
                    Loop::Overwrite | Loop::Fill => "SSTORE".to_owned(),
                },
                match case.against {
                    Loop::Load => "-".to_owned(),
                    _ => format!("{:.4}", measured.disk_bytes.max(0.0) / measured.gas as f64),
                },
            ]
        })
        .collect();
    let head = ["function", "input", "gas", "us", "ns/gas", "ratio", "of", "disk bytes/gas"];
    table(&head, &cells)
}
