//! Blocks of the current height: built, streamed, put together, judged.
//!
//! Two rules are for fresh proposals alone:
//!
//! - *Time*: the timestamp must lie in a window around our date at the moment when the body was complete, and not before the
//!   parent's.
//! - *Beneficiary*: where a block pays its proposer, it must pay the one who offered it first: whoever has signed the head of
//!   its parts, or proposed it without reference to an earlier round. Who proposes it again later has nothing of it.
//!
//! Both are opinions and no properties of the block: clocks differ, and so does what a node has seen. So they yield to two
//! thirds of prevotes for it, of which some are of honest validators that did judge it fresh. The mere claim of such votes, in
//! a proposal that refers to them, changes no opinion: it is kept back until they are here, since nothing may stand on
//! the claim before.
use super::{
    Machine,
    heard::News,
    height::{Body, BodyState, Height, Phase},
};
use crate::{
    action::{Action, BlockSource, Verdict},
    core::local_value,
    event::BlockVerdict,
    gossip::GossipMessage,
    log::{JudgedBlock, LogEntry},
    notice::{Notice, SilenceReason},
    parts::{BlockPart, PartOutcome, PartsHead},
};
use alloy_primitives::{Address, B256};
use arc_malachitebft_core_consensus::Input;
use bytes::Bytes;
use pervade_chainspec::params;
use std::collections::BTreeSet;

/// Bodies that are kept of a height. Beyond it the oldest goes that is neither locked nor being validated.
pub(crate) const BODIES_MAX: usize = 8;
/// Rounds ahead of the current one from which parts are taken.
const PART_ROUNDS_AHEAD_MAX: u32 = 2;

impl Machine {
    /// The node has built a block.
    pub(super) fn on_built(&mut self, number: u64, round: u32, block_hash: B256, bytes: Bytes) {
        let Some(height) = self.height.as_mut() else { return };
        let fits = (1..=params::BLOCK_BODY_BYTES_MAX).contains(&bytes.len()) && block_hash != B256::ZERO;
        let is_due = height.number == number && height.phase == Phase::Running && height.core.round() == Some(round);
        if !is_due || !fits {
            return;
        }
        make_room(height);
        // Another may have foreseen the block and shown it before: what counts is that it is ours.
        let is_logged = height.bodies.get(&block_hash).is_some_and(|body| body.is_logged);
        let body = Body {
            bytes,
            round,
            head: None,
            offered_by: BTreeSet::new(),
            complete_unix_ms: None,
            state: BodyState::Valid { timestamp_s: u64::MAX, paid: None },
            judged: Some(true),
            is_logged,
        };
        height.bodies.insert(block_hash, body);
        self.log_body(block_hash);
        self.feed(Input::Propose(local_value(number, round, block_hash)));
    }

    /// A part came in.
    pub(super) fn on_part(&mut self, part: BlockPart) -> Verdict {
        let Some(height) = &mut self.height else { return Verdict::Ignore };
        let (head, round) = (part.head, height.core.round().unwrap_or(0));
        let news = height.heard.head(&head);
        if news == News::Spent || head.round > round.saturating_add(PART_ROUNDS_AHEAD_MAX) {
            return Verdict::Ignore;
        }
        let proposer = height.set.proposer(height.number, head.round).clone();
        let holds = part.is_under_root()
            && (news == News::Repeated
                || head.holds(&self.settings.chain, &proposer.public_key, self.verifier.as_ref()));
        if !holds {
            return Verdict::Reject;
        }
        height.heard.note_head(head);
        self.on_proposer_alive(head.round, proposer.address);
        if head.round == 0 {
            self.begin();
        }
        let Some(height) = &mut self.height else { return Verdict::Ignore };
        if height.bodies.contains_key(&head.block_hash) {
            self.on_offered(head.block_hash, head.round);
            return Verdict::Accept; // For those who lack it.
        }
        if height.heard.is_finished(&head) {
            return Verdict::Ignore; // It was no block, or had to make room.
        }
        match height.assemblies.add(part, round) {
            PartOutcome::Kept | PartOutcome::Known => Verdict::Accept,
            PartOutcome::NoRoom => Verdict::Ignore,
            PartOutcome::Complete(bytes) => {
                self.on_body(head, bytes);
                Verdict::Accept
            }
        }
    }

    /// A body is complete: have it validated.
    fn on_body(&mut self, head: PartsHead, bytes: Bytes) {
        let Some(height) = &mut self.height else { return };
        height.heard.finish(&head);
        make_room(height);
        let body = Body {
            bytes: bytes.clone(),
            round: head.round,
            head: Some(head),
            offered_by: BTreeSet::from([height.set.proposer(height.number, head.round).account]),
            complete_unix_ms: Some(self.now.unix_ms),
            state: BodyState::Validating,
            judged: None,
            is_logged: false,
        };
        height.bodies.insert(head.block_hash, body);
        let (number, block_hash) = (height.number, head.block_hash);
        self.actions.push(Action::Validate { height: number, block_hash, body: bytes, source: BlockSource::Proposal });
    }

    /// The proposer of a round offers a block as its own. One that another had offered before is judged anew: whoever foresees
    /// what a validator will propose, and shows it early, must not have it refused.
    pub(super) fn on_offered(&mut self, block_hash: B256, round: u32) {
        let Some(height) = &mut self.height else { return };
        let account = height.set.proposer(height.number, round).account;
        let Some(body) = height.bodies.get_mut(&block_hash).filter(|body| body.judged != Some(true)) else { return };
        if body.offered_by.insert(account) {
            body.complete_unix_ms = body.complete_unix_ms.map(|_| self.now.unix_ms);
        }
        if height.phase == Phase::Running || height.phase == Phase::Waiting {
            self.judge(block_hash);
        }
    }

    /// The node has looked at a block.
    pub(super) fn on_validated(&mut self, number: u64, block_hash: B256, verdict: BlockVerdict) {
        let Some(height) = self.height.as_mut() else { return };
        if height.number != number || height.phase == Phase::Decided {
            return;
        }
        if height.syncing.as_ref().is_some_and(|fetched| fetched.block.certificate.block_hash == block_hash) {
            return self.on_synced_validated(verdict);
        }
        let is_replay = height.phase == Phase::Replaying;
        let Some(body) = height.bodies.get_mut(&block_hash) else { return };
        if body.state != BodyState::Validating {
            return;
        }
        let round = body.round;
        let proposer = height.core.proposer(round);
        match verdict {
            BlockVerdict::Valid { timestamp_s, paid } => body.state = BodyState::Valid { timestamp_s, paid },
            BlockVerdict::Invalid => {
                body.state = BodyState::Invalid;
                self.notice(Notice::InvalidProposal { height: number, round, block_hash });
            }
            // The block may be fine and come again, whole.
            BlockVerdict::Mismatch => {
                height.bodies.remove(&block_hash);
                self.notice(Notice::InvalidProposal { height: number, round, block_hash });
            }
        }
        if !is_replay {
            if !matches!(verdict, BlockVerdict::Valid { .. }) {
                self.on_fault(proposer);
            }
            return self.judge(block_hash);
        }
        if !matches!(verdict, BlockVerdict::Valid { .. }) {
            self.silence(SilenceReason::LoggedBlockInvalid);
        }
        self.continue_replay();
    }

    /// Tells the core what we think of a block, if that is new.
    fn judge(&mut self, block_hash: B256) {
        let Some(height) = &mut self.height else { return };
        let number = height.number;
        let has_polka = height.has_polka(block_hash);
        // Whether it is fresh or proposed again, its proposal says, which may come after its parts.
        let is_fresh = height.heard.names(block_hash) && !height.reproposed.contains(&block_hash);
        let parent_timestamp_s = height.parent_timestamp_s;
        let Some(body) = height.bodies.get_mut(&block_hash) else { return };
        let (is_valid, objection) = match (body.state, body.complete_unix_ms) {
            (BodyState::Validating, _) => return,
            (BodyState::Invalid, _) => (false, None),
            (BodyState::Valid { timestamp_s, paid }, Some(date_ms)) if !has_polka => {
                let objection = body.objection(timestamp_s, date_ms, paid);
                (objection.is_none() && timestamp_s >= parent_timestamp_s, objection)
            }
            (BodyState::Valid { .. }, _) => (true, None),
        };
        // Once valid, always valid; and the same again is nothing new.
        if body.judged == Some(true) || body.judged == Some(is_valid) {
            return;
        }
        // Said to have a polka, it may be shown to have one: a "no" could not be taken back before the vote.
        if objection.is_some() && !is_fresh {
            return;
        }
        body.judged = Some(is_valid);
        let round = body.round;
        let proposer = height.core.proposer(round);
        match objection {
            Some(Objection::Clock { offset_ms }) => {
                self.notice(Notice::ClockSkew { height: number, proposer, offset_ms });
            }
            Some(Objection::Beneficiary) => self.notice(Notice::WrongBeneficiary { height: number, round, block_hash }),
            None => {}
        }
        if is_valid {
            self.on_good_turn(&proposer);
            self.log_body(block_hash);
        }
        let judged = JudgedBlock { round, valid_round: None, proposer, block_hash, is_valid };
        self.feed(judged.input(number));
    }

    /// Judges again what was refused, or kept back, for a rule of fresh proposals, where two thirds see it otherwise.
    pub(super) fn judge_again(&mut self) {
        let is_open = |height: &&Height| height.phase == Phase::Running && !height.is_replay;
        let Some(height) = self.height.as_ref().filter(is_open) else { return };
        let refused = height.bodies.iter().filter(|(_, body)| body.judged != Some(true));
        let refused = refused.filter(|(_, body)| matches!(body.state, BodyState::Valid { .. }));
        let refused: Vec<B256> = refused.map(|(block_hash, _)| *block_hash).collect();
        for block_hash in refused {
            self.judge(block_hash);
        }
    }

    /// Writes a block's body to the log before anything stands on it.
    fn log_body(&mut self, block_hash: B256) {
        let body = self.height.as_mut().and_then(|height| height.bodies.get_mut(&block_hash));
        let Some(body) = body.filter(|body| !body.is_logged) else { return };
        body.is_logged = true;
        let entry = LogEntry::Body { block_hash, body: body.bytes.clone() };
        self.record(&entry);
    }

    /// Sends the parts of a block: under a head of ours if it is our turn, else under the one they came with. Who proposes a
    /// block again signs for its parts: the first proposer may have used up what others take of its round.
    pub(super) fn stream(&mut self, block_hash: B256) {
        let (Some(height), Some(guard)) = (&mut self.height, &self.guard) else { return };
        let (number, round) = (height.number, height.core.round().unwrap_or(0));
        let is_our_turn = height.core.proposer(round) == self.address;
        let Some(body) = height.bodies.get_mut(&block_hash) else { return };
        let is_of_this_turn = body.head.is_some_and(|head| head.round == round);
        if !is_of_this_turn && is_our_turn && height.may_sign {
            let sign = |digest| guard.sign_stream(digest);
            let head = PartsHead::sign(number, round, block_hash, &body.bytes, &self.settings.chain, sign);
            body.head = Some(head);
            height.heard.note_head(head);
        }
        let Some(head) = body.head else { return };
        for part in head.cut(&body.bytes.clone()) {
            self.publish(&GossipMessage::Part(part));
        }
    }
}

/// What speaks against a fresh proposal of a valid block.
enum Objection {
    /// Its timestamp is so far from our date, milliseconds.
    Clock { offset_ms: i64 },
    /// It pays somebody who has not offered it.
    Beneficiary,
}

impl Body {
    fn objection(&self, timestamp_s: u64, date_ms: u64, paid: Option<Address>) -> Option<Objection> {
        if paid.is_some_and(|account| !self.offered_by.contains(&account)) {
            return Some(Objection::Beneficiary);
        }
        late_or_early(timestamp_s, date_ms).map(|offset_ms| Objection::Clock { offset_ms })
    }
}

/// How far a timestamp is from a date, milliseconds, if that is too far.
pub(super) fn late_or_early(timestamp_s: u64, date_ms: u64) -> Option<i64> {
    let timestamp_ms = timestamp_s.saturating_mul(1000);
    let earliest_ms = date_ms.saturating_sub(params::PROPOSAL_AGE_MS_MAX);
    let latest_ms = date_ms.saturating_add(params::PROPOSAL_AHEAD_MS_MAX);
    if (earliest_ms..=latest_ms).contains(&timestamp_ms) {
        return None;
    }
    let offset = i128::from(timestamp_ms).saturating_sub(i128::from(date_ms));
    Some(i64::try_from(offset).unwrap_or(if offset < 0 { i64::MIN } else { i64::MAX }))
}

/// Lets the oldest body go that nothing holds, if there are too many.
fn make_room(height: &mut Height) {
    if height.bodies.len() < BODIES_MAX {
        return;
    }
    let held = [height.core.locked(), height.core.valid()].map(|held| held.map(|(_, block_hash)| block_hash));
    let free = height.bodies.iter().filter(|(block_hash, _)| !held.contains(&Some(**block_hash)));
    let free = free.filter(|(_, body)| body.state != BodyState::Validating);
    let oldest = free.min_by_key(|(_, body)| body.round).map(|(block_hash, _)| *block_hash);
    if let Some(block_hash) = oldest {
        height.bodies.remove(&block_hash);
    }
}
