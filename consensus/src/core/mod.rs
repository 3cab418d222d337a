//! Malachite's core, driven by hand: inputs in, outputs out, signatures and checks answered on the spot.
mod context;
mod convert;
mod effects;

pub(crate) use context::{CoreContext, CoreSet};
pub(crate) use convert::{
    core_polka, core_proposal, core_round, core_round_certificate, core_vote, local_value, plain_polka, plain_proposal,
    plain_round, plain_vote, value_of, value_parts,
};
pub(crate) use effects::{CoreOutput, Outgoing, Tools};

use alloy_primitives::{Address, B256};
use arc_malachitebft_core_consensus::{Error, Input, MisbehaviorEvidence, Params, State, process};
use arc_malachitebft_core_types::{Round, Threshold, ThresholdParams, ValuePayload, VoteType};
use arc_malachitebft_metrics::Metrics;
use context::{Height, Name};

pub(crate) type CoreInput = Input<CoreContext>;

/// Inputs that the core itself may hold back. It never does: the machine gives it one height at a time.
const CORE_QUEUE: usize = 1;

/// The core at one height.
pub(crate) struct Core {
    state: State<CoreContext>,
    metrics: Metrics,
}

impl Core {
    /// A core for this height and set, which signs as `address` if `may_sign`.
    pub(crate) fn new(height: u64, set: CoreSet, address: Address, may_sign: bool) -> Self {
        let parameters = Params {
            address: Name(address),
            threshold_params: ThresholdParams::default(),
            // Never the mode without parts: it takes every proposal for valid.
            value_payload: ValuePayload::ProposalAndParts,
            enabled: may_sign,
        };
        let state = State::new(CoreContext, Height(height), set, parameters, CORE_QUEUE, CORE_QUEUE);
        Self { state, metrics: Metrics::new() }
    }

    /// Starts the height's first round.
    pub(crate) fn start(&mut self, is_restart: bool, tools: &mut Tools<'_>) -> Vec<CoreOutput> {
        let (height, set) = (self.state.height(), self.state.validator_set().clone());
        self.input(Input::StartHeight(height, set, is_restart, None, Default::default()), tools)
    }

    /// Gives the core an input.
    pub(crate) fn input(&mut self, input: CoreInput, tools: &mut Tools<'_>) -> Vec<CoreOutput> {
        let (state, metrics) = (&mut self.state, &self.metrics);
        let result: Result<(), Error<CoreContext>> = process!(
            input: input,
            state: state,
            metrics: metrics,
            with: effect => tools.answer(effect)
        );
        let mut outputs = std::mem::take(&mut tools.outputs);
        // A refused signature ends the input's processing; that is no fault of the core.
        if let Err(error) = result
            && !outputs.iter().any(|output| matches!(output, CoreOutput::SignatureRefused { .. }))
        {
            outputs.push(CoreOutput::Failed(error.to_string()));
        }
        outputs
    }

    /// Tells the core what its log holds before that is given to it again.
    pub(crate) fn begin_replay(&mut self, inputs: &[CoreInput]) {
        self.state.index_wal_entries(inputs.iter());
    }

    /// From here on inputs are new.
    pub(crate) fn end_replay(&mut self) {
        self.state.reset_entries_index();
    }

    /// Ends signing at this height.
    pub(crate) fn silence(&mut self) {
        self.state.params.enabled = false;
    }

    /// The current round; `None` before the first.
    pub(crate) fn round(&self) -> Option<u32> {
        plain_round(self.state.round())
    }

    /// Whether the current round still waits for its proposal.
    pub(crate) fn is_proposing(&self) -> bool {
        self.state.driver.step_is_propose()
    }

    /// The step of the current round, in words.
    pub(crate) fn step(&self) -> &'static str {
        if self.state.driver.step_is_propose() {
            "propose"
        } else if self.state.driver.step_is_prevote() {
            "prevote"
        } else if self.state.driver.step_is_precommit() {
            "precommit"
        } else if self.state.driver.step_is_commit() {
            "decided"
        } else {
            "waiting"
        }
    }

    /// Block and round of the lock.
    pub(crate) fn locked(&self) -> Option<(u32, B256)> {
        let locked = self.state.driver.round_state().locked.as_ref()?;
        Some((plain_round(locked.round)?, locked.value.0))
    }

    /// Block and round of the valid value.
    pub(crate) fn valid(&self) -> Option<(u32, B256)> {
        let valid = self.state.driver.round_state().valid.as_ref()?;
        Some((plain_round(valid.round)?, valid.value.0))
    }

    /// Whether two thirds prevoted this block in some round.
    pub(crate) fn has_polka(&self, block_hash: B256) -> bool {
        self.state.driver.polka_certificates().iter().any(|polka| polka.value_id == block_hash)
    }

    /// Whether two thirds precommitted no block in this round.
    pub(crate) fn has_nil_precommits(&self, round: u32) -> bool {
        self.state.driver.votes().is_threshold_met(&Round::new(round), VoteType::Precommit, Threshold::Nil)
    }

    /// Evidence collected so far, which is then forgotten here.
    pub(crate) fn take_evidence(&mut self) -> Vec<crate::Equivocation> {
        let votes = self.state.driver.take_vote_evidence();
        let proposals = self.state.driver.take_proposal_evidence();
        convert::evidence(&MisbehaviorEvidence { proposals, votes })
    }

    /// Whose turn a round is.
    pub(crate) fn proposer(&self, round: u32) -> Address {
        self.state.get_proposer(self.state.height(), Round::new(round)).0
    }
}
