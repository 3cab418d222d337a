//! Between the machine and the core: inputs in, outputs carried out.
use super::{
    Machine,
    height::{Height, Phase},
    timers::Timer,
};
use crate::{
    action::Action,
    core::{CoreInput, CoreOutput, Outgoing, Tools},
    gossip::GossipMessage,
    log::{LogEntry, wait_step},
    notice::{Notice, SilenceReason, Step},
    record::SignedStep,
    signing::VoteKind,
    timing::{MISSED_TURNS_DEAD, REPEAT_JITTER_MS, repeat_ms, wait_ms},
};
use alloy_primitives::Address;
use arc_malachitebft_core_consensus::Input;
use arc_malachitebft_core_types::{Round, Timeout, TimeoutKind};

/// A proposer sends its block again at most this often a round: who lacks it then will fetch it when it is decided.
const RESTREAMS_PER_ROUND_MAX: u32 = 4;

impl Machine {
    /// Starts the core's first round.
    pub(super) fn start_core(&mut self, is_restart: bool) {
        let Some(height) = &mut self.height else { return };
        let mut tools = Tools { chain: &self.settings.chain, guard: self.guard.as_mut(), outputs: Vec::new() };
        let outputs = height.core.start(is_restart, &mut tools);
        self.carry_out(outputs);
    }

    /// Gives the core an input that was verified, or keeps it until the height has begun.
    pub(super) fn feed(&mut self, input: CoreInput) {
        let Some(height) = &mut self.height else { return };
        match height.phase {
            Phase::Waiting | Phase::Replaying => return super::gossip::queue(&mut height.queued, input),
            Phase::Decided => return,
            Phase::Running => {}
        }
        let mut tools = Tools { chain: &self.settings.chain, guard: self.guard.as_mut(), outputs: Vec::new() };
        let outputs = height.core.input(input, &mut tools);
        self.carry_out(outputs);
        self.judge_again();
    }

    fn carry_out(&mut self, outputs: Vec<CoreOutput>) {
        for output in outputs {
            self.carry_out_one(output);
        }
    }

    fn carry_out_one(&mut self, output: CoreOutput) {
        let Some(height) = &mut self.height else { return };
        let number = height.number;
        match output {
            CoreOutput::CancelAll => self.timers.cancel_rounds(),
            CoreOutput::Cancel(timeout) => {
                if let Some(timer) = round_timer(&timeout) {
                    self.timers.cancel(timer);
                }
            }
            CoreOutput::Schedule(timeout) => self.schedule_wait(&timeout),
            CoreOutput::Round { round, proposer } => self.on_round(round, proposer),
            CoreOutput::Publish(outgoing) => self.send(outgoing),
            CoreOutput::Restream { block_hash } => self.stream(block_hash),
            CoreOutput::Build { round } if !height.is_replay => self.ask_for_block(round),
            // A replay asks for a block where it ends, if it has none.
            CoreOutput::Build { .. } => {}
            CoreOutput::Log(input) => {
                if let Some(entry) = LogEntry::of_input(&input) {
                    self.record(&entry);
                }
            }
            CoreOutput::Decide(certificate) => self.decide(certificate),
            CoreOutput::Evidence(evidence) => {
                self.actions.extend(evidence.into_iter().map(Action::StoreEvidence));
            }
            CoreOutput::SignatureRefused { round } => {
                self.notice(Notice::SecondSignatureRefused { height: number, round });
                self.silence(SilenceReason::LogBehindRecord);
            }
            CoreOutput::Failed(reason) => {
                let is_replay = height.is_replay;
                self.notice(Notice::CoreRefused { height: number, reason });
                if is_replay {
                    self.silence(SilenceReason::LogDamaged);
                }
            }
        }
    }

    /// Asks the node for a block to propose.
    pub(super) fn ask_for_block(&mut self, round: u32) {
        let Some(height) = &self.height else { return };
        let budget_ms = wait_ms(Step::Propose, round, false);
        self.actions.push(Action::Build { height: height.number, round, budget_ms });
    }

    fn schedule_wait(&mut self, timeout: &Timeout) {
        let Some(timer) = round_timer(timeout) else { return };
        let wait_ms = match timer {
            Timer::Wait { step, round } => {
                let proposer = self.height.as_ref().map(|height| height.core.proposer(round)).unwrap_or_default();
                let missed = self.missed.get(&proposer).copied().unwrap_or(0);
                let is_over = |height: &Height| height.core.has_nil_precommits(round);
                // Two thirds precommitted nothing: nothing can be decided in this round, and there is nothing to wait for.
                if step == Step::Precommit && self.height.as_ref().is_some_and(is_over) {
                    0
                } else {
                    wait_ms(step, round, missed >= MISSED_TURNS_DEAD)
                }
            }
            _ => {
                let repeated = self.height.as_ref().map_or(0, |height| height.repeated);
                repeat_ms(repeated).saturating_add(self.random.below(REPEAT_JITTER_MS))
            }
        };
        self.timers.set(timer, self.now.monotonic_ms.saturating_add(wait_ms));
    }

    /// A wait of the current round is over.
    pub(super) fn on_wait_ended(&mut self, step: Step, round: u32) {
        let Some(height) = self.height.as_ref().filter(|height| height.phase == Phase::Running) else { return };
        let number = height.number;
        self.notice(Notice::Timeout { height: number, round, step });
        let entry = LogEntry::WaitEnded { step, round };
        if let Some(input) = entry.to_input(number) {
            self.feed(input);
        }
    }

    /// The current round lasts: say again what was said.
    pub(super) fn on_repeat(&mut self, round: u32) {
        let Some(height) = self.height.as_mut().filter(|height| height.phase == Phase::Running) else { return };
        let own = height.own_proposal.filter(|own| Some(own.round) == height.core.round());
        let own = own.filter(|_| height.repeated < RESTREAMS_PER_ROUND_MAX);
        height.repeated = height.repeated.saturating_add(1);
        if let Some(proposal) = own {
            self.stream(proposal.block_hash);
            self.publish(&GossipMessage::Proposal(proposal));
        }
        self.feed(Input::TimeoutElapsed(Timeout::rebroadcast(Round::new(round))));
    }

    fn on_round(&mut self, round: u32, proposer: Address) {
        self.count_missed_turn(round);
        let Some(height) = &mut self.height else { return };
        height.repeated = 0;
        let (number, ours) = (height.number, proposer == self.address);
        self.notice(Notice::Round { height: number, round, proposer, ours });
    }

    /// Counts the turn before `round` as missed, once, if its proposer was not heard of.
    pub(super) fn count_missed_turn(&mut self, round: u32) {
        let Some(last) = round.checked_sub(1) else { return };
        let Some(height) = &mut self.height else { return };
        if height.is_replay || height.proposed.contains(&last) || height.missed >= Some(last) {
            return;
        }
        height.missed = Some(last);
        let (number, proposer) = (height.number, height.core.proposer(last));
        let missed = self.missed.entry(proposer).or_default();
        *missed = missed.saturating_add(1);
        let in_a_row = *missed;
        self.notice(Notice::MissedTurn { height: number, round: last, proposer, in_a_row });
    }

    /// The proposer of a round was heard of. A faulty one has to show a good block before that counts.
    pub(super) fn on_proposer_alive(&mut self, round: u32, proposer: Address) {
        if self.faulty.contains(&proposer) {
            return;
        }
        self.missed.remove(&proposer);
        if let Some(height) = &mut self.height {
            height.proposed.insert(round);
        }
    }

    /// A validator proved to be faulty: it signed twice, or showed what is no block. Its turns of this height count as missed,
    /// so that the others soon wait for it no longer than for a dead one.
    pub(super) fn on_fault(&mut self, validator: Address) {
        self.faulty.insert(validator);
        if let Some(height) = &mut self.height {
            let core = &height.core;
            height.proposed.retain(|round| core.proposer(*round) != validator);
        }
    }

    /// A validator showed a good block.
    pub(super) fn on_good_turn(&mut self, proposer: &Address) {
        self.faulty.remove(proposer);
        self.missed.remove(proposer);
    }

    /// Sends what the core wants sent; with a proposal of ours, its block.
    fn send(&mut self, outgoing: Outgoing) {
        let Some(height) = &mut self.height else { return };
        let message = match outgoing {
            Outgoing::Vote(vote) => {
                if vote.validator == self.address {
                    let step = match vote.kind {
                        VoteKind::Prevote => SignedStep::Prevote,
                        VoteKind::Precommit => SignedStep::Precommit,
                    };
                    height.own.insert((step, vote.round, vote.digest(&self.settings.chain)));
                }
                GossipMessage::Vote(vote)
            }
            Outgoing::Proposal(proposal) => {
                if proposal.proposer == self.address {
                    let digest = proposal.digest(&self.settings.chain);
                    height.own.insert((SignedStep::Proposal, proposal.round, digest));
                    height.own_proposal = Some(proposal);
                    height.proposed.insert(proposal.round);
                    if proposal.polka_round.is_none() {
                        self.stream(proposal.block_hash);
                    }
                }
                GossipMessage::Proposal(proposal)
            }
            Outgoing::Polka(polka) => GossipMessage::Polka(polka),
            Outgoing::RoundProof(proof) => GossipMessage::RoundProof(proof),
        };
        self.publish(&message);
    }
}

/// The timer of a wait of the core.
fn round_timer(timeout: &Timeout) -> Option<Timer> {
    let round = timeout.round.as_u32()?;
    match timeout.kind {
        TimeoutKind::Rebroadcast => Some(Timer::Repeat { round }),
        kind => wait_step(kind).map(|step| Timer::Wait { step, round }),
    }
}
