//! What the machine notices: log lines, metrics, and the view.
use super::view::LocalView;
use crate::metrics;
use alloy_primitives::Address;
use pervade_consensus::{Notice, SilenceReason, Step};

/// From this difference of clocks on, an operator is warned, milliseconds: proposals are refused at a second ahead.
const CLOCK_SKEW_WARNING_MS: u64 = 500;

/// Name of a step in status and metrics.
fn step_name(step: Step) -> &'static str {
    match step {
        Step::Propose => "propose",
        Step::Prevote => "prevote",
        Step::Precommit => "precommit",
    }
}

/// Why a validator is silent, for people.
fn silence(reason: SilenceReason) -> &'static str {
    match reason {
        SilenceReason::HeightForbidden => "its signing record does not know what it signed up to here",
        SilenceReason::LogDamaged => "the log of agreement, consensus/log, is damaged",
        SilenceReason::LogBehindRecord => {
            "the log of agreement, consensus/log, lacks what the signing record stands on"
        }
        SilenceReason::LoggedBlockInvalid => "a block in the log of agreement, consensus/log, is not valid here",
        SilenceReason::KeyInUseElsewhere => "another process signs with its key",
    }
}

/// Tells operators. `own` is this node's consensus address.
pub(super) fn notice(notice: &Notice, own: Option<Address>, view: &LocalView) {
    match notice {
        Notice::Round { height, round, proposer, ours } => {
            metrics::round(*height, *round);
            if view.update(|agreement| agreement.silence.ends(*height)) {
                tracing::info!(height, "this validator signs again");
            }
            if *round > 0 {
                tracing::info!(height, round, %proposer, ours, "another round");
            }
        }
        Notice::Timeout { height, round, step } => {
            metrics::timeout(step_name(*step));
            tracing::debug!(height, round, step = step_name(*step), "timeout");
        }
        Notice::MissedTurn { height, round, proposer, in_a_row } => {
            metrics::missed_turn();
            tracing::warn!(height, round, %proposer, in_a_row, "a proposer missed its turn");
        }
        Notice::Decided { elapsed_ms, missing, .. } => {
            let missed = *elapsed_ms > 0 && own.is_some_and(|own| missing.contains(&own));
            metrics::decided(*elapsed_ms, missing.len(), missed);
            view.update(|agreement| {
                agreement.missed_blocks = agreement.missed_blocks.saturating_add(u64::from(missed));
            });
        }
        Notice::ClockSkew { height, proposer, offset_ms } => {
            view.update(|agreement| agreement.clock_skew_ms = Some(*offset_ms));
            metrics::clock_skew(*offset_ms);
            if offset_ms.unsigned_abs() > CLOCK_SKEW_WARNING_MS {
                tracing::warn!(height, %proposer, offset_ms, "the proposer's clock and this host's differ: is NTP running?");
            }
        }
        Notice::InvalidProposal { height, round, block_hash } => {
            metrics::invalid_proposal();
            tracing::warn!(height, round, %block_hash, "an invalid block was proposed");
        }
        Notice::WrongBeneficiary { height, round, block_hash } => {
            metrics::invalid_proposal();
            tracing::warn!(height, round, %block_hash, "a block was proposed whose fees go to another than its proposer");
        }
        Notice::Syncing { height, target } => tracing::debug!(height, target, "fetching blocks"),
        Notice::Silent { height, reason } => {
            // A node that catches up passes many such heights: one line for all of them.
            if view.update(|agreement| agreement.silence.begins(*height, *reason)) {
                tracing::warn!(height, reason = silence(*reason), "this validator does not sign at this height");
            }
        }
        Notice::SecondSignatureRefused { height, round } => {
            tracing::error!(height, round, "refused to sign twice: this validator is silent for this height");
        }
        Notice::KeyInUseElsewhere { height, round } => {
            tracing::error!(
                height,
                round,
                "another process signs with this validator's key: stop one of the two at once"
            );
        }
        Notice::DecidedBlockInvalid { height, block_hash } => {
            tracing::error!(height, %block_hash, "the network decided a block that is invalid here: update or repair this node");
        }
        Notice::CoreRefused { height, reason } => tracing::warn!(height, reason, "the agreement core refused an input"),
    }
}
