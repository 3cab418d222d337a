//! [`Funds`]: tells the operator when the gateway's account cannot pay, before requests expire for it.
use super::{limits::SAY_AGAIN, status::StatusBoard};
use std::time::Instant;

/// Whether the account can pay for what the gateway has to say.
#[derive(Debug, Default)]
pub(crate) struct Funds {
    /// When its lack was last logged.
    said: Option<Instant>,
}

impl Funds {
    /// Whether a node refused a transaction for its sender's lack of money.
    pub(crate) fn are_missing(refusal: &str) -> bool {
        refusal.contains("insufficient funds")
    }

    /// A transaction could not be paid. Shown at once, logged once in a while; `true` if it was logged.
    pub(crate) fn lack(&mut self, refusal: &str, board: &StatusBoard, now: Instant) -> bool {
        let account = board.get().account;
        board.update(|status| {
            status.unfunded = true;
            status.problem = format!("send money to {account}, which pays for reports and messages: {refusal}");
        });
        let is_due = self.said.is_none_or(|last| now.saturating_duration_since(last) >= SAY_AGAIN);
        if is_due {
            self.said = Some(now);
            tracing::error!(%account, reason = refusal, "the gateway's account cannot pay for its reports: send it money");
        }
        is_due
    }

    /// A transaction was paid.
    pub(crate) fn suffice(&self, board: &StatusBoard) {
        board.update(|status| {
            status.unfunded = false;
            status.problem.clear();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use std::time::Duration;

    const REFUSAL: &str = "insufficient funds for gas * price + value: balance 0, tx cost 147000, overshot 147000";

    #[test]
    fn a_lack_is_shown_with_account_and_sum_until_something_was_paid() {
        let (board, mut funds) = (StatusBoard::default(), Funds::default());
        let account = Address::repeat_byte(7);
        board.update(|status| status.account = account);
        assert!(Funds::are_missing(REFUSAL) && !Funds::are_missing("execution reverted: WrongStatus"));
        funds.lack(REFUSAL, &board, Instant::now());
        let status = board.get();
        assert!(status.unfunded);
        assert!(
            status.problem.contains(&account.to_string()) && status.problem.contains("147000"),
            "{}",
            status.problem
        );
        funds.suffice(&board);
        assert!(!board.get().unfunded && board.get().problem.is_empty());
    }

    #[test]
    fn a_lack_is_logged_once_in_a_while_however_often_it_shows() {
        let (board, mut funds, start) = (StatusBoard::default(), Funds::default(), Instant::now());
        assert!(funds.lack(REFUSAL, &board, start));
        assert!(!funds.lack(REFUSAL, &board, start + SAY_AGAIN - Duration::from_millis(1)));
        funds.suffice(&board);
        assert!(!funds.lack(REFUSAL, &board, start + SAY_AGAIN - Duration::from_millis(1)), "it comes and goes");
        assert!(funds.lack(REFUSAL, &board, start + SAY_AGAIN));
    }
}
