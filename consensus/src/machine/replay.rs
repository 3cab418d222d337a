//! After a restart: what the log holds of the current height is taken in again.
//!
//! First the node validates the blocks of the log, so that it has their outcomes again; then the core gets every input in
//! the order in which it got it before, and so comes to the same votes, lock and round. Votes that are in the log are sent
//! again with the signatures they had. If that does not lead to the lock that the signing record holds, the log is not to
//! be trusted, and the node stays silent at this height.
use super::{
    Machine,
    height::{Body, BodyState, Phase},
};
use crate::{
    action::{Action, BlockSource},
    core::{CoreInput, local_value},
    gossip::GossipMessage,
    log::LogEntry,
    message::SignedProposal,
    notice::SilenceReason,
    record::SignedStep,
    signing::VoteKind,
};
use alloy_primitives::{B256, keccak256};
use arc_malachitebft_core_consensus::Input;
use std::collections::BTreeSet;

impl Machine {
    /// Takes the log of this height, if there is one, and has its blocks validated.
    pub(super) fn begin_replay(&mut self) {
        let log = std::mem::take(&mut self.recovered.log);
        let Some(height) = self.height.as_mut().filter(|height| height.may_sign) else { return };
        if log.height != height.number || log.records.is_empty() {
            return;
        }
        let Ok(entries) = log.records.iter().map(LogEntry::decode).collect::<Result<Vec<_>, _>>() else {
            return self.silence(SilenceReason::LogDamaged);
        };
        height.records = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        height.logged = log.records.iter().map(keccak256).collect();
        height.phase = Phase::Replaying;
        let number = height.number;
        for entry in &entries {
            if let LogEntry::Body { block_hash, body } = entry
                && !height.bodies.contains_key(block_hash)
            {
                let known = Body {
                    bytes: body.clone(),
                    round: 0,
                    head: None,
                    offered_by: BTreeSet::new(),
                    complete_unix_ms: None,
                    state: BodyState::Validating,
                    judged: None,
                    is_logged: true,
                };
                height.bodies.insert(*block_hash, known);
                let (block_hash, body) = (*block_hash, body.clone());
                self.actions.push(Action::Validate { height: number, block_hash, body, source: BlockSource::Log });
            }
        }
        height.replay = entries;
        self.learn_signatures();
        self.continue_replay();
    }

    /// The log is written before the record: a signature in it may be one that the record does not know yet.
    fn learn_signatures(&mut self) {
        let (Some(height), Some(guard)) = (&mut self.height, &mut self.guard) else { return };
        let chain = &self.settings.chain;
        for entry in &height.replay {
            let (round, step, block_hash, digest, signature) = match entry {
                LogEntry::Vote(vote) if vote.validator == self.address => {
                    let step = match vote.kind {
                        VoteKind::Prevote => SignedStep::Prevote,
                        VoteKind::Precommit => SignedStep::Precommit,
                    };
                    (vote.round, step, vote.block_hash, vote.digest(chain), vote.signature)
                }
                LogEntry::Proposal(own) if own.proposer == self.address => {
                    (own.round, SignedStep::Proposal, own.block_hash, own.digest(chain), own.signature)
                }
                _ => continue,
            };
            height.own.insert((step, round, digest));
            guard.learn(height.number, round, step, block_hash, digest, signature);
        }
    }

    /// Goes on once all blocks of the log have their verdict.
    pub(super) fn continue_replay(&mut self) {
        let Some(height) = self.height.as_mut().filter(|height| height.phase == Phase::Replaying) else { return };
        if height.bodies.values().any(|body| body.state == BodyState::Validating) {
            return;
        }
        let entries = std::mem::take(&mut height.replay);
        let inputs: Vec<CoreInput> = entries.iter().filter_map(|entry| entry.to_input(height.number)).collect();
        for entry in &entries {
            match entry {
                LogEntry::Judged(judged) => {
                    if let Some(body) = height.bodies.get_mut(&judged.block_hash) {
                        body.judged = Some(judged.is_valid);
                        body.round = judged.round;
                    }
                }
                LogEntry::Vote(vote) => {
                    height.heard.note_vote(vote);
                }
                LogEntry::Proposal(proposal) => {
                    height.heard.note_proposal(proposal);
                    height.proposed.insert(proposal.round);
                    if proposal.polka_round.is_some() {
                        height.note_reproposed(proposal.block_hash);
                    }
                }
                _ => {}
            }
        }
        if height.may_sign {
            self.last_begun_ms = Some(self.now.monotonic_ms);
            height.begun_ms = Some(self.now.monotonic_ms);
            height.phase = Phase::Running;
            height.is_replay = true;
            self.start_core(true);
            self.replay(inputs);
            if let Some(height) = &mut self.height {
                height.is_replay = false;
            }
            self.check_lock();
            self.resume_proposal(&entries);
        } else if let Some(height) = &mut self.height {
            height.phase = Phase::Waiting;
            self.begin();
        }
        self.feed_queued();
    }

    fn replay(&mut self, inputs: Vec<CoreInput>) {
        if let Some(height) = &mut self.height {
            height.core.begin_replay(&inputs);
        }
        for input in inputs {
            self.feed(input);
        }
        if let Some(height) = &mut self.height {
            height.core.end_replay();
        }
    }

    /// The lock that came out must be the one that went in.
    fn check_lock(&mut self) {
        let (Some(height), Some(guard)) = (&self.height, &self.guard) else { return };
        let state = guard.state();
        let recorded = state.locked.filter(|_| state.height == height.number);
        let is_behind = recorded.is_some_and(|recorded| {
            height.core.locked().is_none_or(|(round, block_hash)| {
                round < recorded.round || (round == recorded.round && block_hash != recorded.block_hash)
            })
        });
        if is_behind {
            self.silence(SilenceReason::LogBehindRecord);
        }
    }

    /// Sends the proposal of the current round again if it was signed, or makes one if it is still our turn.
    fn resume_proposal(&mut self, entries: &[LogEntry]) {
        let Some(height) = self.height.as_ref().filter(|height| height.phase == Phase::Running) else { return };
        let Some(round) = height.core.round().filter(|_| height.may_sign) else { return };
        if height.core.proposer(round) != self.address {
            return;
        }
        let number = height.number;
        if let Some(proposal) = own_proposal(entries, round, self.address) {
            if let Some(height) = &mut self.height {
                height.own_proposal = Some(proposal);
            }
            self.stream(proposal.block_hash);
            return self.publish(&GossipMessage::Proposal(proposal));
        }
        if !height.core.is_proposing() {
            return;
        }
        match built_block(entries, round, self.address).filter(|block_hash| height.bodies.contains_key(block_hash)) {
            Some(block_hash) => self.feed(Input::Propose(local_value(number, round, block_hash))),
            None => self.ask_for_block(round),
        }
    }
}

/// Our proposal of a round, if it was signed.
fn own_proposal(entries: &[LogEntry], round: u32, own: alloy_primitives::Address) -> Option<SignedProposal> {
    entries.iter().find_map(|entry| match entry {
        LogEntry::Proposal(proposal) if proposal.proposer == own && proposal.round == round => Some(*proposal),
        _ => None,
    })
}

/// The block that we built for a round.
fn built_block(entries: &[LogEntry], round: u32, own: alloy_primitives::Address) -> Option<B256> {
    entries.iter().find_map(|entry| match entry {
        LogEntry::Judged(judged) if judged.proposer == own && judged.round == round && judged.is_valid => {
            Some(judged.block_hash)
        }
        _ => None,
    })
}
