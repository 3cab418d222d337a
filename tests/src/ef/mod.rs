//! Runner of Ethereum's conformance tests (ethereum/tests and execution-spec-tests fixtures).
//!
//! ```text
//! files --> kind by content --> blockchain: chainspec, RLP, validate_block, execute_block, storage (commit, unwind)
//!                               state:      chainspec, storage, BlockExecutor, StateView::update
//!                               trie:       storage's trie
//!                               RLP:        alloy_rlp, strictly
//!                               transaction: decoding and check_transaction
//! ```
//!
//! A test passes if the product does what the test says; nothing is special-cased by test name. Tests are skipped by
//! category only, and each category is counted.
mod blockchain;
mod json;
mod network;
mod report;
mod rlp;
mod state;
mod store;
mod transaction;
mod trie;

pub use report::Report;

use eyre::WrapErr;
use serde_json::Value;
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only tests whose file or name contains this text.
    pub filter: Option<String>,
    /// Files that run at a time.
    pub threads: usize,
    /// Print tests that pass.
    pub verbose: bool,
}

/// Why a test did not pass.
#[derive(Debug)]
pub enum Verdict {
    /// Of a category that is not for this version.
    Skipped(&'static str),
    /// With the cause.
    Failed(String),
}

impl<E: std::error::Error> From<E> for Verdict {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Skipped: rules that come after Osaka.
pub const LATER_FORK: &str = "fork later than Osaka";
/// Skipped: JSON without any known kind of test in it, or no JSON at all.
pub const NO_TEST: &str = "file that is no test";

/// Runs all tests below `paths`.
///
/// # Errors
/// A path that cannot be read.
pub fn run(paths: &[PathBuf], options: &Options) -> eyre::Result<Report> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, &mut files).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    }
    files.sort();
    let next = AtomicUsize::new(0);
    let report = Mutex::new(Report::default());
    thread::scope(|scope| {
        for _ in 0..options.threads.max(1) {
            scope.spawn(|| {
                while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run_file(file, options, &report);
                }
            });
        }
    });
    Ok(report.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "json") {
        files.push(path.to_owned());
    } else {
        fs::metadata(path)?;
    }
    Ok(())
}

fn run_file(file: &Path, options: &Options, report: &Mutex<Report>) {
    let place = file.display().to_string();
    let record = |name: &str, result: Result<(), Verdict>| {
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        report.record(&place, name, result, options.verbose);
    };
    let text = match fs::read(file) {
        Ok(text) => text,
        Err(error) => return record("", Err(Verdict::Failed(error.to_string()))),
    };
    let tests = match serde_json::from_slice(&text) {
        Ok(Value::Object(tests)) => tests,
        _ => return record("", Err(Verdict::Skipped(NO_TEST))),
    };
    drop(text);
    let secure = file.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("secure"));
    let mut kinds = 0usize;
    for (name, test) in &tests {
        let Some(kind) = Kind::of(test) else { continue };
        kinds += 1;
        if options.filter.as_ref().is_some_and(|text| !place.contains(text) && !name.contains(text)) {
            continue;
        }
        let run = AssertUnwindSafe(|| match kind {
            Kind::Blockchain => vec![(name.clone(), blockchain::run(test))],
            Kind::State => state::run(name, test),
            Kind::Transaction => transaction::run(name, test),
            Kind::Trie => vec![(name.clone(), trie::run(test, secure))],
            Kind::TrieOrder => vec![(name.clone(), trie::run_order(test))],
            Kind::Rlp => vec![(name.clone(), rlp::run(test))],
        });
        match catch_unwind(run) {
            Ok(results) => results.into_iter().for_each(|(name, result)| record(&name, result)),
            Err(_) => record(name, Err(Verdict::Failed("panicked".into()))),
        }
    }
    if kinds == 0 {
        record("", Err(Verdict::Skipped(NO_TEST)));
    }
}

/// What a test is, told by its fields.
enum Kind {
    Blockchain,
    State,
    Transaction,
    Trie,
    TrieOrder,
    Rlp,
}

impl Kind {
    fn of(test: &Value) -> Option<Self> {
        let test = test.as_object()?;
        let has = |field: &str| test.contains_key(field);
        Some(match () {
            () if has("blocks") && has("genesisBlockHeader") => Self::Blockchain,
            () if has("post") && has("transaction") && has("env") => Self::State,
            () if has("result") && has("txbytes") => Self::Transaction,
            () if has("in") && has("root") => Self::Trie,
            () if has("in") && has("tests") => Self::TrieOrder,
            () if has("in") && has("out") => Self::Rlp,
            () => return None,
        })
    }
}
