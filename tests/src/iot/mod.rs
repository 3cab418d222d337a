//! Runner of others' test suites for what devices say: signatures, tokens, content.
//!
//! ```text
//! files --> suite by the nearest folder's name --> wycheproof: signature checks
//!                                                  cose:       COSE_Sign1, COSE_Sign
//!                                                  eat:        claims of attestation tokens
//!                                                  car, ipfs:  archives, blocks and files
//!                                                  wot-td:     Thing Descriptions
//!                                                  ucum:       units
//!                                                  jsonpath:   queries
//!                                                  senml:      packs
//!                                                  epcis:      events
//! ```
//!
//! A test passes if the product does what the suite says: what is valid is accepted, what is not is refused. Nothing is
//! special-cased by a test's name; tests are skipped by category only, and each category is one that the documentation
//! lists as not supported.
mod archive;
mod claims;
mod cose;
mod diagnostic;
mod epcis;
mod file;
mod jsonpath;
mod report;
mod senml;
mod ucum;
mod wot_td;
mod wycheproof;

pub use report::Report;

use eyre::WrapErr;
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

/// How to run.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Only files whose path contains this text.
    pub filter: Option<String>,
    /// The suite of all files, instead of telling it by folder.
    pub suite: Option<Suite>,
    /// Print tests that pass.
    pub verbose: bool,
}

/// Why a test did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Of a category that is not supported.
    Skipped(&'static str),
    /// With the cause.
    Failed(String),
}

impl<E: std::error::Error> From<E> for Verdict {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Whose tests a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Suite {
    /// Project Wycheproof: signatures.
    Wycheproof,
    /// The COSE working group's examples.
    Cose,
    /// The RATS working group's example payloads.
    Eat,
    /// go-car's archives.
    Car,
    /// The IPFS gateway conformance fixtures.
    Ipfs,
    /// Eclipse Thingweb's Thing Descriptions.
    WotTd,
    /// UCUM's functional tests.
    Ucum,
    /// The JSONPath compliance test suite.
    Jsonpath,
    /// Examples of SenML.
    Senml,
    /// GS1's examples of EPCIS 2.0.
    Epcis,
}

impl Suite {
    /// The suite that the nearest folder with a suite's name holds.
    fn of(file: &Path) -> Option<Self> {
        let named = |folder: &Path| {
            Some(match folder.file_name()?.to_str()? {
                "wycheproof" => Self::Wycheproof,
                "cose" => Self::Cose,
                "eat" => Self::Eat,
                "car" => Self::Car,
                "ipfs" => Self::Ipfs,
                "wot-td" => Self::WotTd,
                "ucum" => Self::Ucum,
                "jsonpath" => Self::Jsonpath,
                "senml" => Self::Senml,
                "epcis" => Self::Epcis,
                _ => return None,
            })
        };
        file.ancestors().skip(1).find_map(named)
    }

    /// Runs the tests of a file; none if it holds no tests.
    fn run(self, file: &Path, content: &[u8]) -> Option<Vec<(String, Result<(), Verdict>)>> {
        match self {
            Self::Wycheproof => wycheproof::run(file, content),
            Self::Cose => cose::run(file, content),
            Self::Eat => claims::run(file, content),
            Self::Car => archive::run(file, content),
            Self::Ipfs => self::file::run(file, content),
            Self::WotTd => wot_td::run(file, content),
            Self::Ucum => ucum::run(file, content),
            Self::Jsonpath => jsonpath::run(file, content),
            Self::Senml => senml::run(file, content),
            Self::Epcis => epcis::run(file, content),
        }
    }
}

/// Runs all tests below `paths`.
///
/// # Errors
/// A path that cannot be read.
pub fn run(paths: &[PathBuf], options: &Options) -> eyre::Result<Report> {
    let mut files = Vec::new();
    for path in paths {
        let path = path.canonicalize().wrap_err_with(|| format!("cannot find {}", path.display()))?;
        collect(&path, &mut files).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    }
    files.sort();
    let mut report = Report::default();
    for file in files {
        let place = file.display().to_string();
        if options.filter.as_ref().is_some_and(|text| !place.contains(text)) {
            continue;
        }
        let Some(suite) = options.suite.or_else(|| Suite::of(&file)) else { continue };
        let content = fs::read(&file).wrap_err_with(|| format!("cannot read {place}"))?;
        let results = catch_unwind(AssertUnwindSafe(|| suite.run(&file, &content)));
        match results {
            Ok(results) => {
                for (name, result) in results.into_iter().flatten() {
                    report.record(suite, &place, &name, result, options.verbose);
                }
            }
            Err(_) => report.record(suite, &place, "", Err(Verdict::Failed("panicked".into())), options.verbose),
        }
    }
    Ok(report)
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    } else {
        files.push(path.to_owned());
    }
    Ok(())
}

/// What a suite expects against what the product did.
fn expect<T, E: std::fmt::Display>(valid: bool, result: Result<T, E>) -> Result<(), Verdict> {
    match (valid, result) {
        (true, Err(error)) => Err(Verdict::Failed(format!("refused, though it is valid: {error}"))),
        (false, Ok(_)) => Err(Verdict::Failed("accepted, though it is not valid".into())),
        _ => Ok(()),
    }
}
