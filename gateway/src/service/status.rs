//! What a gateway shows of itself: `pervade_gatewayStatus`, and its metrics.
use super::limits::FAILURES_SHOWN_MAX;
use alloy_primitives::{Address, U256};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;
use serde::Serialize;
use std::{collections::VecDeque, sync::Arc};

/// A gateway's state of the moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GatewayStatus {
    /// Its account, which requests and things name.
    pub account: Address,
    /// Wei of the account; it pays for reports and messages.
    pub balance: U256,
    /// Newest block that it has looked at.
    pub head: u64,
    /// Open requests that name it.
    pub open_requests: usize,
    /// Attempts under way.
    pub attempts: usize,
    /// Its transactions that are in no block yet.
    pub transactions: u64,
    /// Things whose messages it takes.
    pub subscriptions: usize,
    /// Messages of things that are not on the chain yet.
    pub messages: usize,
    /// Its account could not pay for the last transaction that it had to send.
    pub unfunded: bool,
    /// What keeps it from working, and what to do; empty if nothing does.
    pub problem: String,
    /// What failed last, the newest first.
    pub failures: VecDeque<AttemptFailure>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttemptFailure {
    /// The request.
    pub request_id: U256,
    /// The attempt, from 1.
    pub attempt: u32,
    /// Failure code.
    pub code: u16,
    /// Why, in words.
    pub reason: String,
}

/// The status, shared between the service and those who show it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct StatusBoard(Arc<Mutex<GatewayStatus>>);

impl StatusBoard {
    /// As it stands.
    pub fn get(&self) -> GatewayStatus {
        self.0.lock().clone()
    }

    pub(crate) fn update(&self, change: impl FnOnce(&mut GatewayStatus)) {
        let mut status = self.0.lock();
        change(&mut status);
        gauge!("pervade_gateway_open_requests").set(status.open_requests as f64);
        gauge!("pervade_gateway_attempts_running").set(status.attempts as f64);
        gauge!("pervade_gateway_transactions_waiting").set(status.transactions as f64);
        gauge!("pervade_gateway_subscriptions").set(status.subscriptions as f64);
        gauge!("pervade_gateway_messages_waiting").set(status.messages as f64);
        gauge!("pervade_gateway_unfunded").set(if status.unfunded { 1.0 } else { 0.0 });
    }

    pub(crate) fn failed(&self, failure: AttemptFailure) {
        let mut status = self.0.lock();
        status.failures.push_front(failure);
        status.failures.truncate(FAILURES_SHOWN_MAX);
    }
}

/// Says what the metrics mean, to a recorder that is installed.
pub fn describe_metrics() {
    describe_gauge!("pervade_gateway_open_requests", "Open requests that name this gateway");
    describe_gauge!("pervade_gateway_attempts_running", "Attempts under way");
    describe_gauge!("pervade_gateway_transactions_waiting", "Transactions of the gateway in no block yet");
    describe_gauge!("pervade_gateway_subscriptions", "Things whose messages this gateway takes");
    describe_gauge!("pervade_gateway_messages_waiting", "Messages of things that are not on the chain yet");
    describe_gauge!("pervade_gateway_unfunded", "1 if the account could not pay for the last transaction, else 0");
    describe_counter!("pervade_gateway_attempts_total", "Attempts at requests, by failure code (0: a result)");
    describe_counter!("pervade_gateway_reports_total", "Reports sent, by outcome");
    describe_counter!("pervade_gateway_messages_total", "Messages of things, by outcome");
}

pub(super) fn count_attempt(code: u16) {
    counter!("pervade_gateway_attempts_total", "code" => code.to_string()).increment(1);
}

pub(super) fn count_report(outcome: &'static str) {
    counter!("pervade_gateway_reports_total", "outcome" => outcome).increment(1);
}

pub(super) fn count_messages(outcome: &'static str, count: usize) {
    counter!("pervade_gateway_messages_total", "outcome" => outcome).increment(count as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_failures_are_kept_up_to_the_limit() {
        let board = StatusBoard::default();
        for attempt in 0..u32::try_from(FAILURES_SHOWN_MAX).unwrap() + 1 {
            board.failed(AttemptFailure { request_id: U256::ONE, attempt, code: 1, reason: String::new() });
        }
        let failures = board.get().failures;
        assert_eq!(failures.len(), FAILURES_SHOWN_MAX);
        assert_eq!((failures[0].attempt, failures[FAILURES_SHOWN_MAX - 1].attempt), (32, 1));
    }
}
