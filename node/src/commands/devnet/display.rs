//! The status line: live on a terminal, a line now and then elsewhere.
use super::child::Validator;
use alloy_primitives::U64;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

/// Longest wait for a validator's answer: the line must stay alive when one hangs.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(400);
/// Time between two lines where there is no terminal.
const LINE_PERIOD: Duration = Duration::from_secs(10);

/// What one validator answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    height: u64,
    round: u64,
    peers: usize,
}

/// Shows how the network is.
pub(super) struct Display {
    bar: Option<ProgressBar>,
    shown: Option<Instant>,
    begun: Option<(Instant, u64)>,
}

impl Display {
    pub(super) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            let style = ProgressStyle::with_template("{spinner} {wide_msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar
        });
        Self { bar, shown: None, begun: None }
    }

    /// Shows what validators answered, in their order; `None` for one that did not.
    pub(super) fn show(&mut self, answers: &[Option<Answer>]) {
        let now = Instant::now();
        let height = best(answers);
        // The pace counts from the first block that is seen, not from the start of the processes.
        let (since, from) = match self.begun {
            Some(begun) => begun,
            None => (now, height),
        };
        if height > 0 {
            self.begun = Some((since, from));
        }
        let line = line(answers, height.saturating_sub(from), now.saturating_duration_since(since));
        match &self.bar {
            Some(bar) => {
                bar.set_message(line);
                bar.tick();
            }
            None if self.shown.is_none_or(|shown| shown.elapsed() >= LINE_PERIOD) => {
                println!("{line}");
                self.shown = Some(now);
            }
            None => {}
        }
    }

    /// Says something once.
    pub(super) fn say(&self, message: &str) {
        match &self.bar {
            Some(bar) => bar.println(message),
            None => println!("{message}"),
        }
    }

    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Asks all validators at once.
pub(super) async fn ask(validators: &[Validator]) -> Vec<Option<Answer>> {
    let questions: Vec<_> = validators
        .iter()
        .map(|validator| {
            let remote = validator.remote.clone();
            tokio::spawn(async move {
                remote.call_within::<Value>("pervade_nodeStatus", json!([]), ANSWER_TIME_MAX).await.ok()
            })
        })
        .collect();
    let mut answers = Vec::new();
    for question in questions {
        answers.push(question.await.ok().flatten().map(|status| answer(&status)));
    }
    answers
}

fn answer(status: &Value) -> Answer {
    let height = status["number"].as_str().and_then(|number| number.parse::<U64>().ok());
    Answer {
        height: height.map_or(0, |height| height.to()),
        round: status["cluster"]["round"].as_u64().unwrap_or_default(),
        peers: status["cluster"]["peers"].as_array().map_or(0, Vec::len),
    }
}

fn best(answers: &[Option<Answer>]) -> u64 {
    answers.iter().flatten().map(|answer| answer.height).max().unwrap_or_default()
}

fn line(answers: &[Option<Answer>], blocks: u64, elapsed: Duration) -> String {
    let height = best(answers);
    let round = answers.iter().flatten().map(|answer| answer.round).max().unwrap_or_default();
    let running = answers.iter().flatten().count();
    let each: Vec<String> = answers
        .iter()
        .map(|answer| match answer {
            Some(Answer { height: own, peers, .. }) if *own == height => format!("ok, {peers} peers"),
            Some(answer) => format!("{} behind", height - answer.height),
            None => "down".to_owned(),
        })
        .collect();
    let pace = blocks as f64 / elapsed.as_secs_f64().max(1.0);
    let (all, each) = (answers.len(), each.join(" | "));
    format!("block {height}, round {round}, {pace:.1} blocks/s, {running} of {all} validators: {each}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_who_is_in_step_behind_and_down() {
        let answer = |height| Some(Answer { height, round: 0, peers: 3 });
        let text = line(&[answer(12), answer(10), None, answer(12)], 8, Duration::from_secs(4));
        let each = "ok, 3 peers | 2 behind | down | ok, 3 peers";
        assert_eq!(text, format!("block 12, round 0, 2.0 blocks/s, 3 of 4 validators: {each}"));
    }

    #[test]
    fn an_answer_is_read_from_the_status() {
        let status = json!({"number": "0x1f", "cluster": {"round": 2, "peers": [{}, {}]}});
        assert_eq!(answer(&status), Answer { height: 31, round: 2, peers: 2 });
        assert_eq!(answer(&json!({})), Answer { height: 0, round: 0, peers: 0 });
    }
}
