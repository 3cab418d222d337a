//! Many requests and triggers: limits hold, payers take turns, and what is not due costs nothing.
use pervade_tests::components::{DueOptions, measure_due};

#[test]
fn slow_what_is_due_at_once_runs_in_turn_within_the_limits_of_blocks() {
    // The benchmark fails if order or limits do not hold.
    let options = DueOptions { waiting: vec![0, 400], due: 3_000, requesters: 120, blocks: 30, directory: None };
    measure_due(&options).unwrap();
}
