//! A validator's key in the wrong hands: what its holder can make others do.
use super::{Bench, CHAIN, HEIGHT, NOW_S, POWERS, account, address, block, signer, turn, vote};
use crate::{
    Action, BlockVerdict, Event, Offence, SignedVote, Signer, StartHeight, Verdict, VoteKind,
    gossip::GossipMessage,
    log::LogEntry,
    machine::{
        heard::{CONFLICTS_MAX, HEADS_PER_ROUND_MAX, PASS_MS, PROPOSALS_PER_ROUND_MAX},
        patience::USELESS_PER_VALIDATOR_S,
    },
    notice::Notice,
    parts::PartsHead,
    tests::members,
};
use alloy_primitives::{B256, keccak256};
use bytes::Bytes;

fn hash(number: usize) -> B256 {
    B256::left_padding_from(&(number + 1).to_be_bytes())
}

impl Bench {
    fn count(&self, wanted: impl Fn(&Action) -> bool) -> usize {
        self.actions.iter().filter(|action| wanted(action)).count()
    }

    fn verdicts(&self, wanted: Verdict) -> usize {
        self.count(|action| matches!(action, Action::Verdict { verdict, .. } if *verdict == wanted))
    }

    fn logged(&self, wanted: impl Fn(&LogEntry) -> bool) -> usize {
        let persists = self.actions.iter().filter_map(|action| match action {
            Action::Persist(persist) => Some(&persist.records),
            _ => None,
        });
        persists.flatten().filter(|record| LogEntry::decode(record).is_ok_and(|entry| wanted(&entry))).count()
    }

    fn logged_votes_of(&self, validator: u64) -> usize {
        self.logged(|entry| matches!(entry, LogEntry::Vote(vote) if vote.validator == address(validator)))
    }
}

/// Prevotes of one validator for many blocks in the first round.
fn flood(bench: &mut Bench, validator: u64, count: usize) {
    for number in 0..count {
        bench.hear(&GossipMessage::Vote(vote(validator, VoteKind::Prevote, HEIGHT, 0, hash(number))));
    }
}

#[test]
fn of_a_flood_of_votes_one_counts_a_few_are_evidence_and_the_rest_is_dropped() {
    let (mut bench, liar) = (Bench::new(), turn(1));
    bench.propose(0, block().0, None);
    bench.actions.clear();
    flood(&mut bench, liar, 100);
    assert_eq!(bench.verdicts(Verdict::Accept), 1 + CONFLICTS_MAX);
    assert_eq!(bench.verdicts(Verdict::Ignore), 100 - 1 - CONFLICTS_MAX);
    assert_eq!(bench.logged_votes_of(liar), 1 + CONFLICTS_MAX);
    // Not even its signature is looked at any more: a bad one would be refused.
    let unsigned = SignedVote { signature: Default::default(), ..vote(liar, VoteKind::Prevote, HEIGHT, 0, hash(999)) };
    bench.hear(&GossipMessage::Vote(unsigned));
    assert_eq!(bench.verdicts(Verdict::Reject), 0);
    bench.hear(&GossipMessage::Vote(vote(liar, VoteKind::Precommit, HEIGHT, 0, hash(0))));
    assert_eq!(bench.verdicts(Verdict::Accept), 2 + CONFLICTS_MAX, "its one vote of another kind counts");
}

#[test]
fn a_flood_before_a_height_begins_takes_no_place_of_others() {
    let (mut bench, liar, other) = (Bench::new(), turn(1), turn(2));
    flood(&mut bench, liar, 100);
    bench.hear(&GossipMessage::Vote(vote(other, VoteKind::Prevote, HEIGHT, 0, B256::ZERO)));
    assert_eq!(bench.verdicts(Verdict::Accept), 2 + CONFLICTS_MAX);
    assert_eq!(bench.logged_votes_of(liar), 1 + CONFLICTS_MAX);
    assert_eq!(bench.logged_votes_of(other), 1);
}

#[test]
fn the_evidence_of_a_flood_is_as_much_as_is_kept() {
    let (mut bench, liar) = (Bench::new(), turn(1));
    bench.propose(0, block().0, None);
    flood(&mut bench, liar, 100);
    let next = StartHeight { height: HEIGHT + 1, parent_timestamp_s: NOW_S, validators: members(&POWERS) };
    bench.step(Event::StartHeight(next));
    let evidence =
        |action: &Action| matches!(action, Action::StoreEvidence(found) if found.validator() == address(liar));
    assert_eq!(bench.count(evidence), CONFLICTS_MAX);
}

#[test]
fn whoever_brings_more_than_a_correct_peer_can_is_reported() {
    let (mut bench, liar) = (Bench::new(), turn(1));
    let borne = USELESS_PER_VALIDATOR_S as usize * POWERS.len();
    let is_report = |action: &Action| matches!(action, Action::Report { offence: Offence::Useless, .. });
    flood(&mut bench, liar, 1 + CONFLICTS_MAX + borne);
    assert_eq!(bench.count(is_report), 0);
    flood(&mut bench, liar, 1);
    assert_eq!(bench.count(is_report), 1, "a repetition that comes too soon is of no use either");
}

#[test]
fn the_same_content_is_passed_on_once_in_a_while() {
    let (mut bench, other) = (Bench::new(), turn(1));
    let said = GossipMessage::Vote(vote(other, VoteKind::Prevote, HEIGHT, 0, hash(0)));
    bench.hear_at(1_000, &said);
    bench.hear_at(1_000 + PASS_MS - 1, &said);
    assert_eq!((bench.verdicts(Verdict::Accept), bench.verdicts(Verdict::Ignore)), (1, 1));
    bench.hear_at(1_000 + PASS_MS, &said);
    assert_eq!(bench.verdicts(Verdict::Accept), 2);
}

#[test]
fn proposals_and_bodies_of_one_turn_are_looked_at_up_to_their_limits() {
    let mut bench = Bench::new();
    for number in 0..10_u8 {
        let body = Bytes::from(vec![number]);
        let block = (keccak256(&body), body);
        bench.show(0, &block);
        bench.propose(0, block.0, None);
    }
    let validate = |action: &Action| matches!(action, Action::Validate { .. });
    assert_eq!(bench.count(validate), HEADS_PER_ROUND_MAX);
    assert_eq!(bench.verdicts(Verdict::Accept), HEADS_PER_ROUND_MAX + PROPOSALS_PER_ROUND_MAX);
    assert_eq!(bench.logged(|entry| matches!(entry, LogEntry::Proposal(_))), PROPOSALS_PER_ROUND_MAX);
}

#[test]
fn bytes_that_are_no_block_are_put_together_once() {
    let (mut bench, block) = (Bench::new(), block());
    let validate = |action: &Action| matches!(action, Action::Validate { .. });
    for _ in 0..3 {
        bench.show(0, &block);
        bench.step(Event::Validated { height: HEIGHT, block_hash: block.0, verdict: BlockVerdict::Mismatch });
    }
    assert_eq!(bench.count(validate), 1);
}

#[test]
fn a_body_that_is_proposed_again_comes_whatever_its_first_proposer_showed() {
    let (mut bench, block) = (Bench::new(), block());
    for number in 0..HEADS_PER_ROUND_MAX as u8 {
        let junk = Bytes::from(vec![number; 3]);
        bench.show(0, &(keccak256(&junk), junk));
    }
    let validate = |action: &Action| matches!(action, Action::Validate { block_hash, .. } if *block_hash == block.0);
    bench.show(0, &block);
    assert_eq!(bench.count(validate), 0);
    bench.go_to(1);
    bench.show(1, &block);
    assert_eq!(bench.count(validate), 1, "under the head of the one who proposes it again");
}

#[test]
fn a_block_proposed_again_is_not_refused_because_its_parts_came_first() {
    let (mut bench, block) = (Bench::new(), block());
    bench.go_to(1);
    bench.show(1, &block);
    // It pays the one who proposed it first.
    bench.validated(block.0, NOW_S, Some(account(turn(0))));
    bench.propose(1, block.0, Some(0));
    assert_eq!(bench.prevotes(), [], "the polka may be on its way");
    let own = bench.own;
    for index in (0..4).filter(|index| *index != own) {
        bench.hear(&GossipMessage::Vote(vote(index, VoteKind::Prevote, HEIGHT, 0, block.0)));
    }
    assert_eq!(bench.prevotes(), [(1, block.0)]);
}

#[test]
fn the_turn_of_a_proposer_that_shows_no_block_counts_as_missed() {
    let (mut bench, block) = (Bench::new(), block());
    bench.show(0, &block);
    bench.propose(0, block.0, None);
    bench.step(Event::Validated { height: HEIGHT, block_hash: block.0, verdict: BlockVerdict::Invalid });
    bench.go_to(1);
    let missed = Notice::MissedTurn { height: HEIGHT, round: 0, proposer: address(turn(0)), in_a_row: 1 };
    assert!(bench.actions.contains(&Action::Notice(missed)), "{:?}", bench.actions);
}

#[test]
fn who_proposes_a_block_again_signs_for_its_parts() {
    let (mut bench, block) = (Bench::new(), block());
    bench.show(0, &block);
    bench.propose(0, block.0, None);
    bench.validated(block.0, NOW_S, None);
    let own = bench.own;
    for other in bench.others() {
        bench.hear(&GossipMessage::Vote(vote(other, VoteKind::Prevote, HEIGHT, 0, block.0)));
    }
    for round in 1..=3 {
        for other in bench.others() {
            bench.hear(&GossipMessage::Vote(vote(other, VoteKind::Precommit, HEIGHT, round, B256::ZERO)));
        }
    }
    assert_eq!((bench.machine.status().round, turn(3)), (3, own));
    let heads = bench.actions.iter().filter_map(|action| match action {
        Action::Publish { bytes, .. } => match GossipMessage::decode(bytes).unwrap() {
            GossipMessage::Part(part) => Some(part.head),
            _ => None,
        },
        _ => None,
    });
    let expected = PartsHead::sign(HEIGHT, 3, block.0, &block.1, &CHAIN, |digest| signer(own).sign(digest));
    assert_eq!(heads.collect::<Vec<_>>(), [expected]);
}
