//! [`Report`]: counts, and failures as they happen.
use super::Verdict;
use std::{collections::BTreeMap, fmt};

/// Totals of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// Tests that passed.
    pub passed: usize,
    /// Tests that failed.
    pub failed: usize,
    /// Tests that were skipped, by category.
    pub skipped: BTreeMap<&'static str, Vec<String>>,
}

impl Report {
    /// Counts a result and prints it if it is worth it.
    pub(super) fn record(&mut self, file: &str, name: &str, result: Result<(), Verdict>, verbose: bool) {
        match result {
            Ok(()) => {
                self.passed += 1;
                if verbose {
                    println!("ok      {file} {name}");
                }
            }
            Err(Verdict::Failed(cause)) => {
                self.failed += 1;
                println!("FAILED  {file} {name}\n        {cause}");
            }
            Err(Verdict::Skipped(category)) => {
                let place = if name.is_empty() { file.to_owned() } else { format!("{file} {name}") };
                self.skipped.entry(category).or_default().push(place);
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (category, places) in &self.skipped {
            writeln!(f, "skipped, {category}: {}", places.len())?;
            for place in places {
                writeln!(f, "        {place}")?;
            }
        }
        let skipped: usize = self.skipped.values().map(Vec::len).sum();
        write!(f, "{} passed, {} failed, {skipped} skipped", self.passed, self.failed)
    }
}
