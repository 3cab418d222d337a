//! A height: when it begins, and what is known of it.
//!
//! A height does not begin because the one before has ended. It begins when a block would not be empty, or when the wait
//! for an empty block is over, and not before the block period has passed. Until then every node is quiet: no timer of a
//! round runs, so nobody loses patience with a proposer that rightly waits. All compute the same end of the wait from the
//! parent's timestamp. Who begins earlier, because a transaction reached it first, is followed: at the proposal of the
//! height's proposer, or at votes of more than a third of the power, since one of those is honest.
use super::{Machine, heard::Heard, sets, timers::Timer};
use crate::{
    action::{Action, Verdict},
    core::{Core, CoreInput},
    event::StartHeight,
    message::SignedProposal,
    notice::{Notice, SilenceReason},
    parts::{Assemblies, PartsHead},
    record::SignedStep,
    sync::Fetched,
    timing::CATCHING_UP_MS,
    validators::ValidatorSet,
};
use alloy_primitives::{Address, B256};
use bytes::Bytes;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Where a height is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not begun.
    Waiting,
    /// Blocks of the log are being validated, then the log is taken in again.
    Replaying,
    /// In rounds.
    Running,
    /// Over.
    Decided,
}

/// What is known of a height.
pub(super) struct Height {
    pub(super) number: u64,
    pub(super) parent_timestamp_s: u64,
    pub(super) set: Arc<ValidatorSet>,
    pub(super) core: Core,
    pub(super) phase: Phase,
    pub(super) may_sign: bool,
    /// Inputs are those of the log.
    pub(super) is_replay: bool,
    pub(super) begun_ms: Option<u64>,
    /// Checked inputs that came before the height began.
    pub(super) queued: Vec<CoreInput>,
    /// Who has voted at this height before it began here.
    pub(super) woken_by: BTreeSet<Address>,
    pub(super) bodies: BTreeMap<B256, Body>,
    pub(super) assemblies: Assemblies,
    /// Blocks that were proposed again, with a reference to an earlier polka, which need not be there.
    pub(super) reproposed: BTreeSet<B256>,
    /// Blocks of which a polka was shown.
    pub(super) polkas: BTreeSet<B256>,
    /// Rounds whose proposer was heard of.
    pub(super) proposed: BTreeSet<u32>,
    /// The last round whose turn was counted as missed.
    pub(super) missed: Option<u32>,
    /// What its signers said, and may still say.
    pub(super) heard: Heard,
    /// What this node has signed: step, round, digest.
    pub(super) own: BTreeSet<(SignedStep, u32, B256)>,
    pub(super) own_proposal: Option<SignedProposal>,
    /// Repetitions in the current round.
    pub(super) repeated: u32,
    /// Records of this height's log.
    pub(super) records: u32,
    /// Hashes of the payloads that are replayed.
    pub(super) logged: BTreeSet<B256>,
    pub(super) replay: Vec<crate::log::LogEntry>,
    /// The block that catch-up is validating.
    pub(super) syncing: Option<Fetched>,
    /// Two thirds decided what is invalid here.
    pub(super) is_stuck: bool,
}

/// A block of this height.
#[derive(Debug, Clone)]
pub(super) struct Body {
    pub(super) bytes: Bytes,
    pub(super) round: u32,
    pub(super) head: Option<PartsHead>,
    /// Accounts of the proposers who offered it as their own.
    pub(super) offered_by: BTreeSet<Address>,
    /// The date when it was complete, or offered by another proposer; `None` if we built it or our log has it.
    pub(super) complete_unix_ms: Option<u64>,
    pub(super) state: BodyState,
    /// What the core was told of it.
    pub(super) judged: Option<bool>,
    pub(super) is_logged: bool,
}

/// What the node said of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyState {
    /// Nothing yet.
    Validating,
    /// It is valid.
    Valid { timestamp_s: u64, paid: Option<Address> },
    /// It is not.
    Invalid,
}

impl Machine {
    /// The parent is durable: work on the next height.
    pub(super) fn on_start_height(&mut self, start: StartHeight) {
        let number = start.height;
        let set = match ValidatorSet::new(&start.validators) {
            Ok(set) => set,
            Err(error) => {
                let reason = error.to_string();
                return self.notice(Notice::CoreRefused { height: number, reason });
            }
        };
        if let Some(height) = &mut self.height {
            let evidence = height.core.take_evidence();
            self.actions.extend(evidence.into_iter().map(Action::StoreEvidence));
        }
        self.faulty.retain(|address| set.get(address).is_some());
        let silence = self.silence_at(number, &set);
        let may_sign = self.guard.is_some() && silence.is_none() && set.get(&self.address).is_some();
        let (set, core_set) = sets(set);
        self.height = Some(Height {
            number,
            parent_timestamp_s: start.parent_timestamp_s,
            core: Core::new(number, core_set, self.address, may_sign),
            set,
            phase: Phase::Waiting,
            may_sign,
            is_replay: false,
            begun_ms: None,
            queued: Vec::new(),
            woken_by: BTreeSet::new(),
            bodies: BTreeMap::new(),
            assemblies: Assemblies::default(),
            reproposed: BTreeSet::new(),
            polkas: BTreeSet::new(),
            proposed: BTreeSet::new(),
            missed: None,
            heard: Heard::default(),
            own: BTreeSet::new(),
            own_proposal: None,
            repeated: 0,
            records: 0,
            logged: BTreeSet::new(),
            replay: Vec::new(),
            syncing: None,
            is_stuck: false,
        });
        if let Some(reason) = silence {
            self.notice(Notice::Silent { height: number, reason });
        }
        self.work_is_pending = false;
        self.timers.cancel_rounds();
        self.sync.on_height(number);
        self.begin_replay();
        self.schedule_begin();
        for early in self.early.take() {
            self.on_message(early.id, early.peer, early.topic, early.bytes);
        }
    }

    /// Why this key must not sign at a height, if so.
    fn silence_at(&self, number: u64, set: &ValidatorSet) -> Option<SilenceReason> {
        let state = self.guard.as_ref()?.state();
        set.get(&self.address)?;
        if self.key_is_elsewhere {
            Some(SilenceReason::KeyInUseElsewhere)
        } else if self.damaged_height.is_some_and(|damaged| number <= damaged) {
            Some(SilenceReason::LogDamaged)
        } else if number < state.height || number <= state.silent_through {
            Some(SilenceReason::HeightForbidden)
        } else {
            None
        }
    }

    /// A block would not be empty.
    pub(super) fn on_work_pending(&mut self) {
        self.work_is_pending = true;
        self.schedule_begin();
    }

    /// Sets the time at which the height begins if nobody else begins it.
    fn schedule_begin(&mut self) {
        let Some(height) = self.height.as_ref().filter(|height| height.phase == Phase::Waiting) else { return };
        let now_ms = self.now.monotonic_ms;
        let period_ms = self.settings.block_period_ms;
        let earliest_ms = self.last_begun_ms.map_or(now_ms, |begun_ms| begun_ms.saturating_add(period_ms).max(now_ms));
        let empty_ms = self.settings.empty_block_period_ms;
        let end_unix_ms = height.parent_timestamp_s.saturating_mul(1000).saturating_add(empty_ms);
        let left_ms = end_unix_ms.saturating_sub(self.now.unix_ms).min(empty_ms);
        if self.work_is_pending {
            self.timers.set(Timer::Begin, earliest_ms);
        } else if empty_ms > 0 {
            self.timers.set(Timer::Begin, now_ms.saturating_add(left_ms).max(earliest_ms));
        } else {
            self.timers.cancel(Timer::Begin);
        }
    }

    /// The wait is over.
    pub(super) fn on_begin_due(&mut self) {
        let is_waiting = self.height.as_ref().is_some_and(|height| height.phase == Phase::Waiting);
        if is_waiting && self.sync.is_catching_up(self.current()) {
            // This height is history elsewhere: a round of it would be for nothing.
            self.timers.set(Timer::Begin, self.now.monotonic_ms.saturating_add(CATCHING_UP_MS));
        } else if is_waiting {
            self.begin();
        }
    }

    /// Takes note of a vote before the height began, and begins with enough of them.
    pub(super) fn on_woken(&mut self, voter: Address) {
        let Some(height) = self.height.as_mut().filter(|height| height.phase == Phase::Waiting) else { return };
        height.woken_by.insert(voter);
        let power = height.woken_by.iter().filter_map(|address| height.set.get(address));
        let power = power.fold(0_u64, |sum, member| sum.saturating_add(member.power));
        if height.set.has_honest(power) {
            self.begin();
        }
    }

    /// Begins the first round.
    pub(super) fn begin(&mut self) {
        let Some(height) = self.height.as_mut().filter(|height| height.phase == Phase::Waiting) else { return };
        height.phase = Phase::Running;
        height.begun_ms = Some(self.now.monotonic_ms);
        self.last_begun_ms = Some(self.now.monotonic_ms);
        self.timers.cancel(Timer::Begin);
        self.start_core(false);
        self.feed_queued();
    }

    /// Gives the core what came before it began.
    pub(super) fn feed_queued(&mut self) {
        let queued = self.height.as_mut().map(|height| std::mem::take(&mut height.queued)).unwrap_or_default();
        for input in queued {
            self.feed(input);
        }
    }

    /// Answers a gossip message.
    pub(super) fn verdict(&mut self, id: u64, verdict: Verdict) {
        self.verdicts.push(Action::Verdict { id, verdict });
    }
}
