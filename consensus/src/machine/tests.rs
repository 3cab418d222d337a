//! How a validator votes on fresh proposals, and what is on disk by then.
mod flood;

use super::{
    Machine, Settings,
    blocks::late_or_early,
    gossip::REPROPOSED_MAX,
    height::{Height, Phase},
};
use crate::{
    Action, BlockVerdict, CommitSignature, Event, Now, PeerId, Secp256k1Verifier, SignedProposal, SignedVote, Signer,
    StartHeight, Topic, VoteKind,
    files::Recovered,
    gossip::{GossipMessage, Polka},
    log::{LogEntry, RecoveredLog},
    notice::{Notice, SilenceReason, Step},
    parts::PartsHead,
    record::{BlockAtRound, SignedStep, SigningState},
    signing::digest,
    tests::{CHAIN, address, members, set, signer, vote},
};
use alloy_primitives::{Address, B256, keccak256};
use bytes::Bytes;
use pervade_chainspec::params::{PROPOSAL_AGE_MS_MAX, PROPOSAL_AHEAD_MS_MAX};
use std::sync::Arc;

const NOW_S: u64 = 1_700_000_000;
const POWERS: [u64; 4] = [1; 4];
const HEIGHT: u64 = 1;

/// A validator of four whose turn comes last, at the beginning of its first height.
struct Bench {
    machine: Machine,
    own: u64,
    /// All that its machine wanted done.
    actions: Vec<Action>,
}

/// Whose turn a round is.
fn turn(round: u32) -> u64 {
    let proposer = set(&POWERS).proposer(HEIGHT, round).address;
    (0..4).find(|index| address(*index) == proposer).unwrap()
}

fn account(index: u64) -> Address {
    Address::repeat_byte(index as u8 + 1)
}

impl Bench {
    fn new() -> Self {
        Self::after(Recovered::default())
    }

    /// Goes on where its files ended.
    fn after(recovered: Recovered) -> Self {
        let settings = Settings { chain: CHAIN, block_period_ms: 100, empty_block_period_ms: 1_000, seed: 1 };
        let own = turn(3);
        let verifier = Arc::new(Secp256k1Verifier::default());
        let machine = Machine::new(settings, Some(Box::new(signer(own))), verifier, recovered);
        let mut bench = Self { machine, own, actions: Vec::new() };
        let (height, parent_timestamp_s) = (HEIGHT, NOW_S - 20);
        bench.step(Event::StartHeight(StartHeight { height, parent_timestamp_s, validators: members(&POWERS) }));
        bench
    }

    fn step(&mut self, event: Event) {
        self.step_at(1_000, event);
    }

    fn step_at(&mut self, monotonic_ms: u64, event: Event) {
        let now = Now { monotonic_ms, unix_ms: NOW_S * 1_000 };
        self.actions.extend(self.machine.step(now, event));
    }

    fn hear(&mut self, message: &GossipMessage) {
        self.hear_at(1_000, message);
    }

    fn hear_at(&mut self, monotonic_ms: u64, message: &GossipMessage) {
        let topic = if matches!(message, GossipMessage::Part(_)) { Topic::BlockParts } else { Topic::Consensus };
        let peer = PeerId::new(vec![1]);
        self.step_at(monotonic_ms, Event::Message { id: 1, peer, topic, bytes: message.encoded(0) });
    }

    /// The proposer of a round shows a block.
    fn show(&mut self, round: u32, block: &(B256, Bytes)) {
        let head = PartsHead::sign(HEIGHT, round, block.0, &block.1, &CHAIN, |digest| signer(turn(round)).sign(digest));
        for part in head.cut(&block.1) {
            self.hear(&GossipMessage::Part(part));
        }
    }

    fn propose(&mut self, round: u32, block_hash: B256, polka_round: Option<u32>) {
        let proposer = turn(round);
        let signature = signer(proposer).sign(digest(&CHAIN.proposal_bytes(HEIGHT, round, polka_round, block_hash)));
        let proposer = address(proposer);
        let proposal = SignedProposal { height: HEIGHT, round, polka_round, block_hash, proposer, signature };
        self.hear(&GossipMessage::Proposal(proposal));
    }

    fn validated(&mut self, block_hash: B256, timestamp_s: u64, paid: Option<Address>) {
        let verdict = BlockVerdict::Valid { timestamp_s, paid };
        self.step(Event::Validated { height: HEIGHT, block_hash, verdict });
    }

    /// Two others: with this one, more than two thirds.
    fn others(&self) -> impl Iterator<Item = u64> + use<> {
        let own = self.own;
        (0..4).filter(move |index| *index != own).take(2)
    }

    /// Two others vote for nothing in a round: this one follows.
    fn go_to(&mut self, round: u32) {
        for other in self.others() {
            self.hear(&GossipMessage::Vote(vote(other, VoteKind::Prevote, HEIGHT, round, B256::ZERO)));
        }
        assert_eq!(self.machine.status().round, round);
    }

    /// Its prevotes: round and block.
    fn prevotes(&self) -> Vec<(u32, B256)> {
        let own = address(self.own);
        let votes = self.actions.iter().filter_map(own_vote).filter(|vote| vote.validator == own);
        votes.filter(|vote| vote.kind == VoteKind::Prevote).map(|vote| (vote.round, vote.block_hash)).collect()
    }
}

fn own_vote(action: &Action) -> Option<SignedVote> {
    let Action::Publish { bytes, .. } = action else { return None };
    match GossipMessage::decode(bytes).unwrap() {
        GossipMessage::Vote(vote) => Some(vote),
        _ => None,
    }
}

fn block() -> (B256, Bytes) {
    let body = Bytes::from_static(b"a block");
    (keccak256(&body), body)
}

#[test]
fn the_body_and_the_judgement_are_on_disk_before_the_prevote_leaves() {
    let (mut bench, block) = (Bench::new(), block());
    bench.show(0, &block);
    bench.propose(0, block.0, None);
    bench.validated(block.0, NOW_S, Some(account(turn(0))));
    assert_eq!(bench.prevotes(), [(0, block.0)]);
    let voted = bench.actions.iter().position(|action| own_vote(action).is_some()).unwrap();
    let written = bench.actions[..voted].iter().filter_map(|action| match action {
        Action::Persist(persist) => Some(persist),
        _ => None,
    });
    let records: Vec<_> = written.clone().flat_map(|persist| &persist.records).map(LogEntry::decode).collect();
    let has = |wanted: &dyn Fn(&LogEntry) -> bool| records.iter().any(|entry| wanted(entry.as_ref().unwrap()));
    assert!(has(&|entry| matches!(entry, LogEntry::Body { block_hash, .. } if *block_hash == block.0)));
    assert!(has(&|entry| matches!(entry, LogEntry::Judged(judged) if judged.is_valid)));
    assert_eq!(written.last().unwrap().signed.unwrap().block_hash, block.0);
}

#[test]
fn lock_and_valid_block_are_on_disk_before_the_precommit_leaves() {
    let (mut bench, block) = (Bench::new(), block());
    bench.show(0, &block);
    bench.propose(0, block.0, None);
    bench.validated(block.0, NOW_S, Some(account(turn(0))));
    for other in bench.others() {
        bench.hear(&GossipMessage::Vote(vote(other, VoteKind::Prevote, HEIGHT, 0, block.0)));
    }
    let is_precommit = |action: &Action| own_vote(action).is_some_and(|vote| vote.kind == VoteKind::Precommit);
    let voted = bench.actions.iter().position(is_precommit).unwrap();
    let signed = bench.actions[..voted].iter().rev().find_map(|action| match action {
        Action::Persist(persist) => persist.signed,
        _ => None,
    });
    let signed = signed.unwrap();
    assert_eq!(signed.locked.map(|locked| (locked.round, locked.block_hash)), Some((0, block.0)));
    assert_eq!(signed.valid.map(|valid| (valid.round, valid.block_hash)), Some((0, block.0)));
}

#[test]
fn a_log_that_does_not_lead_to_the_recorded_lock_silences_its_height() {
    let locked = Some(BlockAtRound { round: 0, block_hash: block().0 });
    let signing = SigningState { height: HEIGHT, step: SignedStep::Precommit, locked, ..SigningState::default() };
    let records = vec![LogEntry::WaitEnded { step: Step::Propose, round: 0 }.encoded()];
    let log = RecoveredLog { height: HEIGHT, records, torn_bytes: 0, damaged: false };
    let bench = Bench::after(Recovered { log, signing: Some(signing) });
    let silent = Notice::Silent { height: HEIGHT, reason: SilenceReason::LogBehindRecord };
    assert!(bench.actions.contains(&Action::Notice(silent)), "{:?}", bench.actions);
    assert_eq!(bench.prevotes(), []);
}

#[test]
fn a_fresh_block_must_pay_the_one_who_proposes_it() {
    for (paid, expected) in [
        (Some(account(turn(0))), block().0),
        (Some(account(turn(1))), B256::ZERO),
        (Some(Address::ZERO), B256::ZERO),
        // The chain names another beneficiary: no business of this rule.
        (None, block().0),
    ] {
        let (mut bench, block) = (Bench::new(), block());
        bench.show(0, &block);
        bench.propose(0, block.0, None);
        bench.validated(block.0, NOW_S, paid);
        assert_eq!(bench.prevotes(), [(0, expected)], "{paid:?}");
    }
}

#[test]
fn a_block_that_another_showed_before_is_not_refused() {
    let (mut bench, block) = (Bench::new(), block());
    // Whoever is next foresees the block, and shows it in its own name.
    bench.show(1, &block);
    bench.validated(block.0, NOW_S, Some(account(turn(0))));
    bench.show(0, &block);
    bench.propose(0, block.0, None);
    assert_eq!(bench.prevotes(), [(0, block.0)]);
}

#[test]
fn who_proposes_anothers_block_again_as_its_own_gets_no_vote() {
    let (mut bench, block) = (Bench::new(), block());
    bench.go_to(1);
    bench.show(1, &block);
    bench.propose(1, block.0, None);
    bench.validated(block.0, NOW_S, Some(account(turn(0))));
    assert_eq!(bench.prevotes().last(), Some(&(1, B256::ZERO)));
}

#[test]
fn the_mere_claim_of_a_polka_excuses_nothing() {
    for (timestamp_s, paid) in [(NOW_S + 60, turn(1)), (NOW_S, turn(0))] {
        let (mut bench, block) = (Bench::new(), block());
        bench.go_to(1);
        bench.show(1, &block);
        bench.propose(1, block.0, Some(0));
        bench.validated(block.0, timestamp_s, Some(account(paid)));
        bench.go_to(2);
        bench.show(2, &block);
        bench.propose(2, block.0, None);
        assert!(bench.prevotes().iter().all(|(_, block_hash)| *block_hash != block.0), "{:?}", bench.prevotes());
    }
}

#[test]
fn a_polka_that_is_shown_excuses_date_and_beneficiary() {
    for polka_first in [false, true] {
        let (mut bench, block) = (Bench::new(), block());
        bench.go_to(1);
        let signed = (0..4).filter(|index| *index != bench.own).map(|index| CommitSignature {
            address: address(index),
            signature: vote(index, VoteKind::Prevote, HEIGHT, 0, block.0).signature,
        });
        let mut signatures: Vec<_> = signed.collect();
        signatures.sort_by_key(|signed| signed.address);
        let polka = GossipMessage::Polka(Polka { height: HEIGHT, round: 0, block_hash: block.0, signatures });
        if polka_first {
            bench.hear(&polka);
        }
        bench.show(1, &block);
        bench.propose(1, block.0, Some(0));
        bench.validated(block.0, NOW_S - 15, Some(account(turn(0))));
        if !polka_first {
            assert_eq!(bench.prevotes(), [], "nobody has seen a polka yet");
            bench.hear(&polka);
        }
        assert_eq!(bench.prevotes(), [(1, block.0)], "polka first: {polka_first}");
    }
}

#[test]
fn a_timestamp_is_taken_at_the_ends_of_the_window_and_not_beyond() {
    let date_ms = NOW_S * 1_000;
    assert_eq!(late_or_early(NOW_S, date_ms + PROPOSAL_AGE_MS_MAX), None);
    assert_eq!(late_or_early(NOW_S, date_ms + PROPOSAL_AGE_MS_MAX + 1), Some(-(PROPOSAL_AGE_MS_MAX as i64) - 1));
    assert_eq!(late_or_early(NOW_S, date_ms - PROPOSAL_AHEAD_MS_MAX), None);
    assert_eq!(late_or_early(NOW_S, date_ms - PROPOSAL_AHEAD_MS_MAX - 1), Some(PROPOSAL_AHEAD_MS_MAX as i64 + 1));
    assert!(late_or_early(u64::MAX, 0).is_some() && late_or_early(0, u64::MAX).is_some());
}

#[test]
fn blocks_proposed_again_are_remembered_up_to_a_limit() {
    let mut bench = Bench::new();
    bench.go_to(1);
    let height: &mut Height = bench.machine.height.as_mut().unwrap();
    assert_eq!(height.phase, Phase::Running);
    for number in 0..REPROPOSED_MAX {
        assert_eq!(height.reproposed.len(), number);
        height.note_reproposed(B256::left_padding_from(&number.to_be_bytes()));
    }
    height.note_reproposed(B256::repeat_byte(0xff));
    assert_eq!(height.reproposed.len(), REPROPOSED_MAX);
    assert!(!height.reproposed.contains(&B256::repeat_byte(0xff)));
}
