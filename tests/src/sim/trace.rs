//! [`Trace`]: the last things that happened, for whoever has to find out why.
use super::schedule::Micros;
use std::{collections::VecDeque, fmt};

/// Lines that are kept: some seconds of a seven-node cluster.
pub const TRACE_LINES_MAX: usize = 4_000;
/// Lines that a failure prints.
pub const TRACE_TAIL_LINES: usize = 120;

/// The last lines of a run, and a digest of all of them: two runs are the same if it is.
#[derive(Debug, Default)]
pub struct Trace {
    lines: VecDeque<String>,
    digest: u64,
    prints: bool,
}

impl Trace {
    /// A trace that also prints each line as it comes.
    pub fn printing() -> Self {
        Self { prints: true, ..Self::default() }
    }

    /// Adds a line.
    pub fn add(&mut self, now: Micros, line: fmt::Arguments<'_>) {
        let line = format!("{:>10.3} ms  {line}", now as f64 / 1_000.0);
        for byte in line.bytes() {
            // FNV-1a: fast, and nobody attacks it.
            self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.prints {
            println!("{line}");
        }
        if self.lines.len() == TRACE_LINES_MAX {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// A number that differs where two runs differ.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The last lines.
    pub fn tail(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().skip(self.lines.len().saturating_sub(TRACE_TAIL_LINES)).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_stay_and_the_digest_knows_all() {
        let (mut one, mut other) = (Trace::default(), Trace::default());
        for number in 0..=TRACE_LINES_MAX {
            one.add(1, format_args!("line {number}"));
            other.add(1, format_args!("line {}", number.max(1)));
        }
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.lines.len(), TRACE_LINES_MAX);
        assert_eq!(one.tail().count(), TRACE_TAIL_LINES);
        assert!(one.tail().last().unwrap().ends_with(&format!("line {TRACE_LINES_MAX}")));
    }
}
