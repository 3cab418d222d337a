//! Validator sets and whose turn it is.
use super::{members, set};
use crate::{ConsensusError, ValidatorSet};
use std::collections::BTreeMap;

fn turns(powers: &[u64], from: u64, count: u64) -> BTreeMap<u64, u64> {
    let set = set(powers);
    let mut turns = BTreeMap::new();
    for height in from..from + count {
        let account = set.proposer(height, 0).account;
        *turns.entry(u64::from(account.0[0]) - 1).or_default() += 1;
    }
    turns
}

#[test]
fn equal_powers_take_turns() {
    let set = set(&[5, 5, 5, 5]);
    for height in 0..100 {
        let in_a_row: std::collections::BTreeSet<_> = (0..4).map(|round| set.proposer(height, round).address).collect();
        assert_eq!(in_a_row.len(), 4, "four rounds, four proposers");
        assert_eq!(set.proposer(height, 1), set.proposer(height + 1, 0));
    }
}

#[test]
fn turns_are_in_proportion_to_power() {
    assert_eq!(turns(&[1, 2, 3, 4], 0, 1000), BTreeMap::from([(0, 100), (1, 200), (2, 300), (3, 400)]));
    assert_eq!(turns(&[10, 20, 30, 40], 700, 10), BTreeMap::from([(0, 1), (1, 2), (2, 3), (3, 4)]));
    let uneven = turns(&[1, 1_000_000_007], 5, 1000);
    assert!(uneven.get(&0).copied().unwrap_or(0) <= 1, "{uneven:?}");
}

#[test]
fn turns_are_those_of_the_sequence_given_out_one_by_one() {
    let powers = [3_u64, 7, 1, 1, 12, 5];
    let set = set(&powers);
    let mut taken = vec![0_u128; powers.len()];
    for turn in 0..29 * 3 {
        // The sequence repeats with the sum of the powers.
        if turn % 29 == 0 {
            taken.fill(0);
        }
        let best = set.members().iter().enumerate().fold(0, |best, (index, member)| {
            let (power, divisor) = (u128::from(member.power), 2 * taken[index] + 1);
            let (best_power, best_divisor) = (u128::from(set.members()[best].power), 2 * taken[best] + 1);
            if power * best_divisor > best_power * divisor { index } else { best }
        });
        taken[best] += 1;
        assert_eq!(set.proposer(turn, 0), &set.members()[best], "turn {turn}");
    }
}

#[test]
fn the_largest_set_and_power_do_not_overflow() {
    let powers = vec![1 << 53; 128];
    let set = set(&powers);
    assert_eq!(set.total_power(), 1 << 60);
    set.proposer(u64::MAX, u32::MAX);
    let mut odd = powers;
    odd[5] -= 1;
    super::set(&odd).proposer(u64::MAX, 7);
}

#[test]
fn sets_nobody_could_decide_with_are_refused() {
    assert!(matches!(ValidatorSet::new(&[]), Err(ConsensusError::ValidatorSet { .. })));
    assert!(ValidatorSet::new(&members(&[1, 0])).is_err());
    assert!(ValidatorSet::new(&members(&[1 << 60, 1])).is_err());
    assert!(ValidatorSet::new(&members(&vec![1; 129])).is_err());
    let mut twice = members(&[1, 1]);
    twice[1].public_key = twice[0].public_key.clone();
    assert!(ValidatorSet::new(&twice).is_err());
    let mut no_key = members(&[1]);
    no_key[0].public_key = vec![2; 33].into();
    // x = 0x0202.. may or may not be on the curve; zero is not.
    no_key[0].public_key = vec![0; 33].into();
    assert!(matches!(ValidatorSet::new(&no_key), Err(ConsensusError::PublicKey { .. })));
}

#[test]
fn two_thirds_are_more_than_two_thirds() {
    let three = set(&[1, 1, 1]);
    assert!(!three.is_quorum(2) && three.is_quorum(3));
    let four = set(&[1, 1, 1, 1]);
    assert!(!four.is_quorum(2) && four.is_quorum(3));
    assert!(!four.has_honest(1) && four.has_honest(2));
}
