//! Collects what went wrong over many bad inputs, so that one run shows all of it.
use pervade_tests::harness::ExitedCommand;

/// Exit status of a Rust program that panicked.
const PANIC_STATUS: i32 = 101;

/// Results of one kind of bad input.
#[derive(Default)]
pub struct Verdicts {
    seen: usize,
    wrong: Vec<String>,
}

impl Verdicts {
    /// One input was tried; `problem` says what was wrong about the reaction, if anything.
    pub fn add(&mut self, name: &str, problem: Option<String>) {
        self.seen += 1;
        self.wrong.extend(problem.map(|problem| format!("{name}: {problem}")));
    }

    /// Panics unless at least `least` inputs were tried and all were answered well.
    pub fn assert(self, kind: &str, least: usize) {
        println!("{} bad {kind}, {} answered badly", self.seen, self.wrong.len());
        assert!(self.wrong.is_empty(), "{} of {} bad {kind}:\n{}", self.wrong.len(), self.seen, self.wrong.join("\n"));
        assert!(self.seen >= least, "only {} bad {kind}", self.seen);
    }
}

/// What is wrong with how a command refused its input: it must fail, without a panic, and say each of `mentions`.
pub fn refusal_problem(exited: &ExitedCommand, mentions: &[&str]) -> Option<String> {
    let shown = format!("{}{}", exited.stdout, exited.stderr);
    if shown.contains("panicked") || exited.status.code() == Some(PANIC_STATUS) {
        return Some(format!("panicked: {shown}"));
    }
    match exited.status.code() {
        None => return Some(format!("died of a signal ({}): {shown}", exited.status)),
        Some(0) => return Some(format!("was accepted: {shown}")),
        Some(_) => {}
    }
    let missing: Vec<_> = mentions.iter().filter(|mention| !exited.stderr.contains(**mention)).collect();
    (!missing.is_empty()).then(|| format!("the error does not say {missing:?}: {}", exited.stderr.trim()))
}
