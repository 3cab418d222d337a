//! [`Job`]: one open request, and what its gateway does next. Decides; does nothing itself.
use super::{
    agreement::{Settlement, Standing, Words, judge, proof},
    attempt::{Evidence, Outcome},
    chain::{Request, RequestOperation},
    limits::{REPORT_AGAIN, SPEAK_AGAIN, TAKEOVER, WINDOW_SECONDS, WINDOW_SECONDS_LEFT_MIN},
    rotation::{self, Window},
    word::Word,
};
use alloy_primitives::{Address, Bytes};
use std::{collections::BTreeSet, time::Instant};

/// A moment, as the chain and as this process count it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Block time: the head's, and what has passed since it came, unix seconds.
    pub(crate) chain: u64,
    /// This process's.
    pub(crate) own: Instant,
}

/// What is to be done for a request now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask the thing; the attempt's number.
    Attempt(u32),
    /// Tell the other gateways this gateway's word.
    Speak(Word),
    /// Settle it.
    Report(Settlement),
    /// Take custody: the thing is offline.
    Custody,
}

/// One open request.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) request: Request,
    own: Address,
    words: Words,
    proved: Option<Settlement>,
    /// The last window in which this gateway tried.
    attempted: Option<u32>,
    running: bool,
    is_offline: bool,
    custody_taken: bool,
    spoken: Option<Instant>,
    ready: Option<Instant>,
    reported: Option<Instant>,
}

impl Job {
    pub(crate) fn new(request: Request, own: Address) -> Self {
        Self {
            request,
            own,
            words: Words::new(),
            proved: None,
            attempted: None,
            running: false,
            is_offline: false,
            custody_taken: false,
            spoken: None,
            ready: None,
            reported: None,
        }
    }

    /// Words of other gateways are wanted.
    pub(crate) fn listens(&self) -> bool {
        self.request.gateways.len() > 1
    }

    /// Reports do not count any more.
    pub(crate) fn is_over(&self, now: Moment) -> bool {
        now.chain > self.request.deadline.to::<u64>()
    }

    /// Takes a gateway's word; the later attempt's counts. Only for words that this gateway's signature was checked of.
    pub(crate) fn hear(&mut self, gateway: Address, word: Word) {
        if !self.request.gateways.contains(&gateway) || word.attempt > u32::from(self.request.max_attempts) {
            return;
        }
        let known = self.words.get(&gateway);
        if known.is_none_or(|known| (known.attempt, known.observed_at_ms) < (word.attempt, word.observed_at_ms)) {
            self.words.insert(gateway, word);
        }
    }

    fn window(&self, now: Moment) -> Option<Window> {
        let request = &self.request;
        Window::at(request.request_id, request.created.to(), request.max_attempts, now.chain)
    }

    fn is_last(&self, attempt: u32) -> bool {
        attempt >= u32::from(self.request.max_attempts)
    }

    /// What is to be done now, in this order. What is answered counts as done. Attempts begin only if they may.
    pub(crate) fn actions(&mut self, now: Moment, may_try: bool) -> Vec<Action> {
        let mut actions = Vec::new();
        let window = self.window(now);
        actions.extend(self.speech(now));
        if let Some((settlement, place)) = self.settlement(window, now) {
            let since = *self.ready.get_or_insert(now.own);
            let is_turn = now.own.saturating_duration_since(since) >= TAKEOVER.saturating_mul(place);
            let is_due = self.reported.is_none_or(|last| now.own.saturating_duration_since(last) >= REPORT_AGAIN);
            if is_turn && is_due {
                self.reported = Some(now.own);
                actions.push(Action::Report(settlement));
            }
            return actions;
        }
        self.ready = None;
        if let Some(window) = window.filter(|window| may_try && self.is_attempt_due(*window, now)) {
            self.running = true;
            self.attempted = Some(window.index);
            actions.push(Action::Attempt(window.attempt()));
        }
        if self.is_offline && !self.custody_taken && self.request.status == "pending" {
            self.custody_taken = true;
            actions.push(Action::Custody);
        }
        actions
    }

    fn speech(&mut self, now: Moment) -> Option<Action> {
        if !self.listens() {
            return None;
        }
        let word = self.words.get(&self.own)?;
        let is_due = self.spoken.is_none_or(|last| now.own.saturating_duration_since(last) >= SPEAK_AGAIN);
        is_due.then(|| {
            self.spoken = Some(now.own);
            Action::Speak(word.clone())
        })
    }

    /// What settles the request, and this gateway's place among those who may say so.
    fn settlement(&self, window: Option<Window>, now: Moment) -> Option<(Settlement, u32)> {
        if let Some(settlement) = &self.proved {
            let place = if self.request.agreement.is_of_many() { self.place() } else { 0 };
            return Some((settlement.clone(), place));
        }
        match self.standing(&self.words) {
            Standing::Open => None,
            Standing::Settled(settlement) => Some((settlement, self.place())),
            Standing::Impossible(settlement) => {
                let is_over = self.disagrees_in_one_attempt() || self.is_worth_giving_up(window, now);
                is_over.then(|| (settlement, self.place()))
            }
        }
    }

    fn standing(&self, words: &Words) -> Standing {
        let request = &self.request;
        let rule = (request.agreement, !request.mapping_id.is_zero());
        judge(rule, request.gateways.len(), words, self.own)
    }

    /// Who carried it out is first; the others follow in rotation.
    fn place(&self) -> u32 {
        let request = &self.request;
        let place = |attempt| rotation::place(request.request_id, attempt, &request.gateways, self.own);
        if request.agreement.is_of_many() || request.agreement.is_of_thing() {
            return place(0).unwrap_or(u32::MAX);
        }
        match self.words.get(&self.own) {
            Some(_) => 0,
            None => place(0).map_or(u32::MAX, |place| place.saturating_add(1)),
        }
    }

    /// What was said in one and the same attempt cannot be brought together, whatever the silent ones say. Words of different
    /// attempts may differ only because the thing has changed: those who spoke early ask again.
    fn disagrees_in_one_attempt(&self) -> bool {
        let attempts: BTreeSet<u32> = self.words.values().map(|word| word.attempt).collect();
        attempts.into_iter().any(|attempt| {
            let of_it = self.words.iter().filter(|(_, word)| word.attempt == attempt);
            let of_it: Words = of_it.map(|(gateway, word)| (*gateway, word.clone())).collect();
            matches!(self.standing(&of_it), Standing::Impossible(_))
        })
    }

    /// No attempt is left that could still bring the gateways together.
    fn is_worth_giving_up(&self, window: Option<Window>, now: Moment) -> bool {
        let Some(window) = window else { return true };
        let all_new = self.words.values().all(|word| self.is_last(word.attempt));
        self.is_last(window.attempt()) && (all_new || now.chain >= window.begins.saturating_add(WINDOW_SECONDS))
    }

    fn is_attempt_due(&self, window: Window, now: Moment) -> bool {
        if self.running || self.attempted == Some(window.index) {
            return false;
        }
        let (request, gateways) = (&self.request, &self.request.gateways);
        if request.agreement.is_of_many() || gateways.len() == 1 {
            return true;
        }
        let is_chosen = rotation::place(request.request_id, window.attempt(), gateways, self.own) == Some(0)
            || self.is_asked_to_confirm(window.attempt());
        let has_time = window.ends.saturating_sub(now.chain) >= WINDOW_SECONDS_LEFT_MIN;
        is_chosen && (has_time || self.is_last(window.attempt()))
    }

    /// Another gateway says that a thing which signs has failed in this attempt. That takes the word of most of them, so each
    /// reads for itself; a command is left to those whose turn it is.
    fn is_asked_to_confirm(&self, attempt: u32) -> bool {
        self.request.agreement.is_of_thing()
            && self.request.operation == RequestOperation::ReadProperty
            && self.words.values().any(|word| word.attempt == attempt && word.code != 0)
    }

    /// The node did not answer: nothing is known of this attempt, which may be made again.
    pub(crate) fn attempt_lost(&mut self) {
        self.running = false;
        self.attempted = None;
    }

    /// Takes what an attempt came to. `sign` makes this gateway's word of a code and a result.
    pub(crate) fn attempt_done(
        &mut self,
        attempt: u32,
        outcome: &Outcome,
        sign: impl FnOnce(u16, Bytes) -> Option<Word>,
    ) {
        self.running = false;
        if let Some(evidence) = &outcome.evidence {
            self.proved = Some(self.settlement_by(evidence, outcome));
            return;
        }
        let others_may_do_better = outcome.transient
            || (outcome.is_of_this_gateway()
                && self.request.gateways.len() > 1
                && !self.request.agreement.is_of_many());
        if others_may_do_better && !self.is_last(attempt) {
            let speaks_for_all = !self.request.agreement.is_of_many() || self.place() == 0;
            self.is_offline |= outcome.transient && speaks_for_all;
            return;
        }
        if let Some(word) = sign(outcome.code, outcome.result.clone()) {
            self.hear(self.own, word);
            self.spoken = None;
        }
    }

    fn settlement_by(&self, evidence: &Evidence, outcome: &Outcome) -> Settlement {
        let word = match evidence {
            Evidence::SignedByThing { observed_at_ms, signature } => Some(Word {
                request: self.request.request_id,
                attempt: 0,
                code: outcome.code,
                result: outcome.result.clone(),
                observed_at_ms: *observed_at_ms,
                signature: signature.clone(),
            }),
            Evidence::Itself => None,
        };
        let proof = proof(word.iter(), false, self.own);
        Settlement { code: outcome.code, result: outcome.result.clone(), proof }
    }
}

#[cfg(test)]
mod tests;
