//! How long rounds wait.
use crate::{
    notice::Step,
    timing::{
        PROPOSE_DEAD_MS, PROPOSE_MS, PROPOSE_MS_MAX, REPEAT_MS, REPEAT_MS_MAX, VOTES_MS, VOTES_MS_MAX, repeat_ms,
        wait_ms,
    },
};

#[test]
fn waits_grow_with_the_round_up_to_their_caps() {
    for (step, first, longest) in [
        (Step::Propose, PROPOSE_MS, PROPOSE_MS_MAX),
        (Step::Prevote, VOTES_MS, VOTES_MS_MAX),
        (Step::Precommit, VOTES_MS, VOTES_MS_MAX),
    ] {
        assert_eq!(wait_ms(step, 0, false), first);
        let waits: Vec<_> = (0..50).map(|round| wait_ms(step, round, false)).collect();
        assert!(waits.is_sorted() && waits[1] > first, "{waits:?}");
        assert_eq!((waits[49], wait_ms(step, u32::MAX, false)), (longest, longest));
    }
}

#[test]
fn a_dead_proposer_is_waited_for_less_and_votes_are_not() {
    assert_eq!(wait_ms(Step::Propose, 0, true), PROPOSE_DEAD_MS);
    for round in 0..10 {
        assert!(wait_ms(Step::Propose, round, true) <= wait_ms(Step::Propose, round, false));
        assert_eq!(wait_ms(Step::Prevote, round, true), wait_ms(Step::Prevote, round, false));
    }
}

#[test]
fn repetitions_get_rarer_up_to_a_cap() {
    assert_eq!(repeat_ms(0), REPEAT_MS);
    assert_eq!((repeat_ms(10), repeat_ms(u32::MAX)), (REPEAT_MS_MAX, REPEAT_MS_MAX));
}
