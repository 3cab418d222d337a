//! How long to wait for what. Not agreed on: nodes may differ, and stay safe.
//!
//! Waits grow with the round, because a network that is slower than they are short must be caught up with; and they are
//! capped, because a cluster that lost its quorum for an hour has to be back seconds after the quorum is. Rounds do not
//! even advance without a quorum, and votes are repeated at least every 1.25 seconds, so what passes from its return to the next block is
//! at most a repetition, the rest of a round, and a round.
use crate::notice::Step;

/// Wait for a proposal in round 0, milliseconds: to build a full block, send it, and execute it.
pub(crate) const PROPOSE_MS: u64 = 1_000;
/// The same, of a proposer that missed its last turns.
pub(crate) const PROPOSE_DEAD_MS: u64 = 250;
/// Longer by this with each round, milliseconds.
pub(crate) const PROPOSE_STEP_MS: u64 = 500;
/// No wait for a proposal is longer, milliseconds.
pub(crate) const PROPOSE_MS_MAX: u64 = 4_000;
/// Wait for more prevotes or precommits once two thirds are in but disagree, in round 0, milliseconds.
pub(crate) const VOTES_MS: u64 = 400;
/// Longer by this with each round, milliseconds.
pub(crate) const VOTES_STEP_MS: u64 = 200;
/// No wait for votes is longer, milliseconds.
pub(crate) const VOTES_MS_MAX: u64 = 1_500;
/// Votes are repeated after this while a round does not end, milliseconds; jitter is added, and the wait doubles each time.
pub(crate) const REPEAT_MS: u64 = 300;
/// No wait for a repetition is longer, milliseconds.
pub(crate) const REPEAT_MS_MAX: u64 = 1_000;
/// Largest jitter of a repetition, milliseconds: nodes do not repeat in step.
pub(crate) const REPEAT_JITTER_MS: u64 = 250;
/// Turns missed in a row after which a proposer is taken for dead.
pub(crate) const MISSED_TURNS_DEAD: u32 = 2;
/// A peer is ahead by one block: how long to expect to decide it ourselves before asking for it, milliseconds.
pub(crate) const SYNC_GRACE_MS: u64 = 300;
/// A sync request without an answer is given up after this, milliseconds: a response of the largest size at 2 MB/s.
pub(crate) const SYNC_TIMEOUT_MS: u64 = 8_000;
/// The same for a head, milliseconds: it is one number.
pub(crate) const HEAD_TIMEOUT_MS: u64 = 1_000;
/// Heads of peers are asked for this often, one peer at a time, milliseconds.
pub(crate) const HEAD_POLL_MS: u64 = 2_000;
/// A node that fetches blocks looks this often whether it may take part, milliseconds.
pub(crate) const CATCHING_UP_MS: u64 = 500;

const _: () = {
    assert!(PROPOSE_DEAD_MS < PROPOSE_MS && PROPOSE_MS <= PROPOSE_MS_MAX);
    let longest_round = PROPOSE_MS_MAX + 2 * VOTES_MS_MAX;
    assert!(REPEAT_MS_MAX + REPEAT_JITTER_MS + 2 * VOTES_MS_MAX + longest_round < 12_000);
};

/// Wait before votes are repeated once more, milliseconds, without jitter.
pub(crate) fn repeat_ms(repeated: u32) -> u64 {
    REPEAT_MS.saturating_mul(2_u64.saturating_pow(repeated)).min(REPEAT_MS_MAX)
}

/// Length of a wait, milliseconds.
pub(crate) fn wait_ms(step: Step, round: u32, proposer_is_dead: bool) -> u64 {
    let (base, step, longest) = match step {
        Step::Propose if proposer_is_dead => (PROPOSE_DEAD_MS, PROPOSE_STEP_MS, PROPOSE_MS_MAX),
        Step::Propose => (PROPOSE_MS, PROPOSE_STEP_MS, PROPOSE_MS_MAX),
        Step::Prevote | Step::Precommit => (VOTES_MS, VOTES_STEP_MS, VOTES_MS_MAX),
    };
    base.saturating_add(step.saturating_mul(round.into())).min(longest)
}
