//! [`Report`]: counts by suite, and failures as they happen.
use super::{Suite, Verdict};
use std::{collections::BTreeMap, fmt};

/// Totals of a run.
#[derive(Debug, Default)]
pub struct Report {
    suites: BTreeMap<String, Counts>,
    skipped: BTreeMap<(String, &'static str), Vec<String>>,
}

#[derive(Debug, Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    /// Tests that passed.
    pub fn passed(&self) -> usize {
        self.suites.values().map(|counts| counts.passed).sum()
    }

    /// Tests that failed.
    pub fn failed(&self) -> usize {
        self.suites.values().map(|counts| counts.failed).sum()
    }

    /// Tests that were skipped.
    pub fn skipped(&self) -> usize {
        self.suites.values().map(|counts| counts.skipped).sum()
    }

    /// Counts a result and prints it if it is worth it.
    pub(super) fn record(&mut self, suite: Suite, file: &str, name: &str, result: Result<(), Verdict>, verbose: bool) {
        let suite = format!("{suite:?}").to_lowercase();
        let counts = self.suites.entry(suite.clone()).or_default();
        let place = if name.is_empty() { file.to_owned() } else { format!("{file} {name}") };
        match result {
            Ok(()) => {
                counts.passed += 1;
                if verbose {
                    println!("ok      {place}");
                }
            }
            Err(Verdict::Failed(cause)) => {
                counts.failed += 1;
                println!("FAILED  {place}\n        {cause}");
            }
            Err(Verdict::Skipped(category)) => {
                counts.skipped += 1;
                self.skipped.entry((suite, category)).or_default().push(place);
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((suite, category), places) in &self.skipped {
            writeln!(f, "skipped, {suite}, {category}: {}", places.len())?;
        }
        for (suite, Counts { passed, failed, skipped }) in &self.suites {
            writeln!(f, "{suite}: {passed} passed, {failed} failed, {skipped} skipped")?;
        }
        write!(f, "{} passed, {} failed, {} skipped", self.passed(), self.failed(), self.skipped())
    }
}
