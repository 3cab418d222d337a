//! One bit of one file of a stopped validator turned, and the validator started: it notices and says which file, or it does
//! not matter; and it never signs a second time.
//!
//! ```text
//!   cluster under load ──► quorum lost at height H + 1 ──► kill -9 ──► template of its folder
//!   each round: copy of the template ──► one bit ──► start, alone with a spy ──► ends with a message?
//!                                                         │ answers
//!                                                         ├─► everything it serves is what it was
//!                                                         └─► everything it signs is what it had signed
//! ```
//! The template was killed in the middle of a height at which it had voted: a node that has forgotten that votes again
//! when its patience ends.
mod files;
mod spy;
mod template;

use super::progress::Progress;
use crate::harness::RunningNode;
use eyre::WrapErr;
use files::{Flip, KINDS, Kind, copy_folder, flip_one_bit};
use rand::{SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    time::{Duration, Instant},
};
use template::Template;

/// Patience with a node that may have forgotten what it signed: the wait for an empty block, for a proposal, and a vote.
const FORGETFUL_WAIT: Duration = Duration::from_secs(5);
/// Time between two looks at what the spy heard.
const POLL: Duration = Duration::from_millis(20);
/// Rounds between two lines about how far it is.
const TOLD_ROUNDS: usize = 20;

/// What became of a flipped bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It answers as before, and signs what it had signed, or nothing.
    Harmless,
    /// It refused to start, with a message that leads to the file.
    RefusedAtStart,
    /// It noticed when it read the place, and its log leads to the file.
    NoticedInUse,
    /// Anything else: what happened.
    Failed {
        /// What happened, with the end of the log.
        what: String,
    },
}

/// Outcomes of one kind of file.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// See [`Outcome::Harmless`].
    pub harmless: usize,
    /// See [`Outcome::RefusedAtStart`].
    pub refused: usize,
    /// See [`Outcome::NoticedInUse`].
    pub noticed: usize,
    /// See [`Outcome::Failed`].
    pub failed: usize,
}

/// What many flips showed.
#[derive(Debug, Clone, Default)]
pub struct FlipReport {
    /// By kind of file; kinds without a file are missing.
    pub kinds: BTreeMap<&'static str, Tally>,
    /// What must not be, with file and bit.
    pub failures: Vec<String>,
}

/// Turns one bit in each of `rounds` copies of a validator's folder; kinds of files take turns, `seed` decides the bits.
///
/// # Errors
/// The machinery failed. What a validator does wrong is in the report.
pub async fn flips(dir: &Path, rounds: usize, seed: u64) -> eyre::Result<FlipReport> {
    let progress = Progress::begin("flips");
    let template = Template::make(&dir.join("cluster")).await?;
    let mut random = StdRng::seed_from_u64(seed);
    let mut report = FlipReport::default();
    let kinds: Vec<&Kind> = KINDS.iter().filter(|kind| kind.has_files(&template.folder)).collect();
    for (round, kind) in (0..rounds).zip(kinds.iter().cycle()) {
        let folder = dir.join("copy");
        copy_folder(&template.folder, &folder)?;
        let flip = flip_one_bit(kind, &folder, &mut random)?;
        let outcome = try_out(&template, &folder, kind, &flip).await.wrap_err_with(|| format!("round {round}"))?;
        let tally = report.kinds.entry(kind.name).or_default();
        match &outcome {
            Outcome::Harmless => tally.harmless += 1,
            Outcome::RefusedAtStart => tally.refused += 1,
            Outcome::NoticedInUse => tally.noticed += 1,
            Outcome::Failed { what } => {
                tally.failed += 1;
                report.failures.push(format!("round {round}, {flip}: {what}"));
            }
        }
        std::fs::remove_dir_all(&folder)?;
        if (round + 1) % TOLD_ROUNDS == 0 || round + 1 == rounds {
            progress.say(format_args!("{} of {rounds} rounds, {} did harm", round + 1, report.failures.len()));
        }
    }
    Ok(report)
}

async fn try_out(template: &Template, folder: &Path, kind: &Kind, flip: &Flip) -> eyre::Result<Outcome> {
    template.spy.forget();
    let mut node = match RunningNode::start(&template.options(folder)).await {
        Ok(node) => node,
        Err(error) => return Ok(judge_end(&format!("{error:#}"), kind, flip)),
    };
    let mut wrong = template.compare(&node.rpc).await;
    if wrong.is_none() {
        wait_for_signatures(template, kind).await;
    }
    // It may have ended meanwhile: then its log says why.
    let ended = !node.is_running();
    if !ended {
        node.kill()?;
    }
    let log = node.log();
    if let Some(second) = template.spy.second_signature(&template.signed) {
        return Ok(Outcome::Failed { what: format!("it signed a second time: {second}") });
    }
    if log.contains("panicked") {
        return Ok(Outcome::Failed { what: format!("it panicked:\n{}", node.log_tail()) });
    }
    if ended && wrong.is_none() {
        wrong = Some(template::Wrong::NoAnswer { reason: "it ended".into() });
    }
    Ok(match wrong {
        None => Outcome::Harmless,
        Some(template::Wrong::NoAnswer { .. }) if kind.is_named(flip, &log) => Outcome::NoticedInUse,
        Some(wrong) => Outcome::Failed { what: format!("{wrong}:\n{}", node.log_tail()) },
    })
}

/// A node that ended at its start did well if it said why.
fn judge_end(message: &str, kind: &Kind, flip: &Flip) -> Outcome {
    let failed = |what: &str| Outcome::Failed { what: format!("{what}:\n{message}") };
    if message.contains("panicked") {
        failed("it panicked")
    } else if !message.contains("ended at start (exit status") {
        failed("it neither started nor ended")
    } else if !kind.is_named(flip, message) {
        failed("its message does not lead to the file")
    } else {
        Outcome::RefusedAtStart
    }
}

/// A node that remembers repeats at once what it had signed. One that has forgotten takes longer, and is waited for where
/// it may have.
async fn wait_for_signatures(template: &Template, kind: &Kind) {
    let begun = Instant::now();
    while begun.elapsed() < FORGETFUL_WAIT && (kind.holds_signatures || !template.spy.has_heard()) {
        tokio::time::sleep(POLL).await;
    }
}

impl fmt::Display for FlipReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| file | bits | harmless | refused at start | noticed in use | failed |")?;
        write!(f, "|---|---|---|---|---|---|")?;
        for (name, Tally { harmless, refused, noticed, failed }) in &self.kinds {
            let bits = harmless + refused + noticed + failed;
            write!(f, "\n| {name} | {bits} | {harmless} | {refused} | {noticed} | {failed} |")?;
        }
        for failure in &self.failures {
            write!(f, "\n\n{failure}")?;
        }
        Ok(())
    }
}
