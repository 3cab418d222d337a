//! Proposals: made by validators, decided as soon as the votes suffice.
//!
//! ```text
//! Proposal at keccak256(id . 1):
//!   +0  bits 0-159 proposer, 160-167 action, 168-175 status, 176-239 expiry (unix seconds)
//!   +1  bytes arguments
//!   +2  bits 0-63 power in favour, 64-127 power against; kept when it is closed
//! ```
//! Statuses are those of the interface; an open proposal past its expiry counts as expired without a write.
use super::{
    PROPOSAL_COUNT, PROPOSALS, VOTES, WAITING, WAITING_PLACES,
    abi::IGovernance::{self, Action, ProposalStatus},
    actions::{Change, Outcome},
    validators::set_at,
};
use crate::precompiles::{
    Frame, PrecompileError,
    slots::{Field, offset},
};
use alloy_primitives::{Address, U256};
use pervade_chainspec::params::{GOVERNANCE_ADDRESS, PROPOSAL_ARGUMENTS_BYTES_MAX, PROPOSAL_SECONDS_MAX};

const PROPOSER: Field = Field::new(0, 160);
const ACTION: Field = Field::new(160, 8);
const STATUS: Field = Field::new(168, 8);
const EXPIRY: Field = Field::new(176, 64);
const POWER_FOR: Field = Field::new(0, 64);
const POWER_AGAINST: Field = Field::new(64, 64);
const QUEUE_HEAD: Field = Field::new(0, 64);
const QUEUE_TAIL: Field = Field::new(64, 64);
const IN_FAVOUR: U256 = U256::ONE;
const AGAINST: U256 = U256::from_limbs([2, 0, 0, 0]);

type Result<T> = std::result::Result<T, PrecompileError>;

struct Proposal {
    slot: U256,
    head: U256,
}

impl Proposal {
    fn load(frame: &mut Frame<'_>, id: U256) -> Result<Self> {
        let slot = frame.mapping_of(PROPOSALS, id)?;
        let head = frame.load(GOVERNANCE_ADDRESS, slot)?;
        match head.is_zero() {
            false => Ok(Self { slot, head }),
            true => Err(PrecompileError::custom(&IGovernance::UnknownProposal { proposalId: id })),
        }
    }

    fn status(&self, frame: &Frame<'_>) -> ProposalStatus {
        let stored = ProposalStatus::try_from(STATUS.get(self.head).byte(0)).unwrap_or(ProposalStatus::None);
        let over = frame.call().block_timestamp > EXPIRY.get_u64(self.head);
        if stored == ProposalStatus::Open && over { ProposalStatus::Expired } else { stored }
    }

    fn set_status(&mut self, frame: &mut Frame<'_>, status: ProposalStatus) -> Result<()> {
        self.head = STATUS.set_u64(self.head, u64::from(status as u8));
        frame.store(GOVERNANCE_ADDRESS, self.slot, self.head)
    }

    fn action(&self) -> Action {
        Action::try_from(ACTION.get(self.head).byte(0)).unwrap_or(Action::__Invalid)
    }

    fn arguments(&self, frame: &mut Frame<'_>) -> Result<Vec<u8>> {
        frame.load_bytes(GOVERNANCE_ADDRESS, offset(self.slot, 1))
    }

    fn change(&self, frame: &mut Frame<'_>) -> Result<Option<Change>> {
        let arguments = self.arguments(frame)?;
        Ok(Change::decode(self.action(), &arguments).ok())
    }
}

/// Votes as they count now: power in favour, against, and of the whole set.
struct Tally {
    in_favour: u64,
    against: u64,
    total: u64,
}

impl Tally {
    /// Looks at each validator's vote: what counts is the power of this moment, and former validators' votes do not.
    fn count(frame: &mut Frame<'_>, id: U256) -> Result<Self> {
        let votes = frame.mapping_of(VOTES, id)?;
        let mut tally = Self { in_favour: 0, against: 0, total: 0 };
        for validator in set_at(frame, frame.call().block_number)? {
            let slot = frame.mapping_of_account(votes, validator.account)?;
            let vote = frame.load(GOVERNANCE_ADDRESS, slot)?;
            tally.total = tally.total.saturating_add(validator.power);
            if vote == IN_FAVOUR {
                tally.in_favour = tally.in_favour.saturating_add(validator.power);
            } else if vote == AGAINST {
                tally.against = tally.against.saturating_add(validator.power);
            }
        }
        Ok(tally)
    }

    /// More than two thirds. A set's power is far below what `* 3` could overflow.
    fn carries(&self) -> bool {
        self.in_favour.saturating_mul(3) > self.total.saturating_mul(2)
    }

    /// Two thirds cannot be exceeded any more.
    fn is_lost(&self) -> bool {
        self.total.saturating_sub(self.against).saturating_mul(3) <= self.total.saturating_mul(2)
    }

    fn word(&self) -> U256 {
        POWER_AGAINST.set_u64(POWER_FOR.set_u64(U256::ZERO, self.in_favour), self.against)
    }
}

pub(super) fn propose(frame: &mut Frame<'_>, call: IGovernance::proposeCall) -> Result<U256> {
    let proposer = authorized(frame)?;
    let invalid =
        |reason: &str| Err(PrecompileError::custom(&IGovernance::InvalidProposal { reason: reason.to_owned() }));
    if call.arguments.len() > PROPOSAL_ARGUMENTS_BYTES_MAX {
        return invalid(&format!("arguments of more than {PROPOSAL_ARGUMENTS_BYTES_MAX} bytes"));
    }
    let now = frame.call().block_timestamp;
    if call.expiry <= now {
        return invalid("expired before anybody can vote");
    }
    if call.expiry.saturating_sub(now) > PROPOSAL_SECONDS_MAX {
        return invalid(&format!("expires in more than {PROPOSAL_SECONDS_MAX} seconds"));
    }
    let change = match Change::decode(call.action, &call.arguments) {
        Ok(change) => change,
        Err(reason) => return invalid(&reason),
    };
    if let Err(reason) = change.check(frame)? {
        return invalid(&reason);
    }
    let id = frame.load(GOVERNANCE_ADDRESS, PROPOSAL_COUNT)?.saturating_add(U256::ONE);
    frame.store(GOVERNANCE_ADDRESS, PROPOSAL_COUNT, id)?;
    let slot = frame.mapping_of(PROPOSALS, id)?;
    let head = PROPOSER.set_address(U256::ZERO, proposer);
    let head = ACTION.set_u64(head, u64::from(call.action as u8));
    let head = STATUS.set_u64(head, u64::from(ProposalStatus::Open as u8));
    let head = EXPIRY.set_u64(head, call.expiry);
    frame.store(GOVERNANCE_ADDRESS, slot, head)?;
    frame.store_bytes(GOVERNANCE_ADDRESS, offset(slot, 1), &call.arguments)?;
    let (action, arguments) = (call.action, call.arguments);
    frame.emit(GOVERNANCE_ADDRESS, &IGovernance::Proposed { proposalId: id, proposer, action, arguments })?;
    cast(frame, id, Proposal { slot, head }, proposer, true)?;
    Ok(id)
}

pub(super) fn vote(frame: &mut Frame<'_>, call: IGovernance::voteCall) -> Result<IGovernance::voteReturn> {
    let account = authorized(frame)?;
    let proposal = Proposal::load(frame, call.proposalId)?;
    let status = proposal.status(frame);
    if status != ProposalStatus::Open {
        return Err(PrecompileError::custom(&IGovernance::WrongStatus { status }));
    }
    cast(frame, call.proposalId, proposal, account, call.support)?;
    Ok(IGovernance::voteReturn {})
}

fn authorized(frame: &mut Frame<'_>) -> Result<Address> {
    let caller = frame.call().caller;
    match set_at(frame, frame.call().block_number)?.iter().any(|validator| validator.account == caller) {
        true => Ok(caller),
        false => Err(PrecompileError::custom(&IGovernance::NotAuthorized { caller })),
    }
}

fn cast(frame: &mut Frame<'_>, id: U256, mut proposal: Proposal, account: Address, support: bool) -> Result<()> {
    let votes = frame.mapping_of(VOTES, id)?;
    let slot = frame.mapping_of_account(votes, account)?;
    if !frame.load(GOVERNANCE_ADDRESS, slot)?.is_zero() {
        return Err(PrecompileError::custom(&IGovernance::AlreadyVoted { account }));
    }
    frame.store(GOVERNANCE_ADDRESS, slot, if support { IN_FAVOUR } else { AGAINST })?;
    frame.emit(GOVERNANCE_ADDRESS, &IGovernance::Voted { proposalId: id, account, support })?;
    let tally = Tally::count(frame, id)?;
    if tally.is_lost() {
        frame.store(GOVERNANCE_ADDRESS, offset(proposal.slot, 2), tally.word())?;
        return proposal.set_status(frame, ProposalStatus::Rejected);
    }
    if !tally.carries() {
        return Ok(());
    }
    // In their order: nobody overtakes those who wait.
    let queue = frame.load(GOVERNANCE_ADDRESS, WAITING)?;
    let others_wait = QUEUE_HEAD.get(queue) != QUEUE_TAIL.get(queue) && proposal.action() == Action::SetValidator;
    if others_wait {
        return wait(frame, id, proposal);
    }
    match enact(frame, id, &mut proposal, &tally)? {
        Outcome::MustWait => wait(frame, id, proposal),
        _ => Ok(()),
    }
}

fn enact(frame: &mut Frame<'_>, id: U256, proposal: &mut Proposal, tally: &Tally) -> Result<Outcome> {
    let outcome = match proposal.change(frame)? {
        Some(change) => change.enact(frame)?,
        None => Outcome::Void,
    };
    match &outcome {
        Outcome::MustWait => return Ok(outcome),
        Outcome::Void => proposal.set_status(frame, ProposalStatus::Rejected)?,
        Outcome::Enacted(block) => {
            proposal.set_status(frame, ProposalStatus::Enacted)?;
            let effective = U256::from(*block);
            frame.emit(GOVERNANCE_ADDRESS, &IGovernance::Enacted { proposalId: id, effectiveBlock: effective })?;
        }
    }
    frame.store(GOVERNANCE_ADDRESS, offset(proposal.slot, 2), tally.word())?;
    Ok(outcome)
}

fn wait(frame: &mut Frame<'_>, id: U256, mut proposal: Proposal) -> Result<()> {
    proposal.set_status(frame, ProposalStatus::Waiting)?;
    let queue = frame.load(GOVERNANCE_ADDRESS, WAITING)?;
    let tail = QUEUE_TAIL.get(queue);
    let place = frame.mapping_of(WAITING_PLACES, tail)?;
    frame.store(GOVERNANCE_ADDRESS, place, id)?;
    frame.store(GOVERNANCE_ADDRESS, WAITING, QUEUE_TAIL.set(queue, tail.saturating_add(U256::ONE)))
}

/// The proposal that has waited longest, if its turn has come: its change fits into this block, or it does not carry
/// any more.
pub(crate) fn waiting_that_fits(frame: &mut Frame<'_>) -> Result<Option<U256>> {
    let queue = frame.load(GOVERNANCE_ADDRESS, WAITING)?;
    let head = QUEUE_HEAD.get(queue);
    if head == QUEUE_TAIL.get(queue) {
        return Ok(None);
    }
    let place = frame.mapping_of(WAITING_PLACES, head)?;
    let id = frame.load(GOVERNANCE_ADDRESS, place)?;
    let proposal = Proposal::load(frame, id)?;
    if !Tally::count(frame, id)?.carries() {
        return Ok(Some(id));
    }
    let Some(Change::Validator { account, public_key, power }) = proposal.change(frame)? else { return Ok(Some(id)) };
    let next = frame.call().block_number.saturating_add(1);
    let before = set_at(frame, next)?;
    let (_, latest) = super::validators::latest(frame)?;
    let after = super::validators::changed(frame, &latest, account, &public_key, power)?;
    // What cannot be any more is taken off the queue.
    let fits = after.map_or(true, |after| {
        super::validators::may_follow(&before, &after) || !super::validators::may_follow(&latest, &after)
    });
    Ok(fits.then_some(id))
}

/// Enacts the proposal that [`waiting_that_fits`] named, in the block's tail.
pub(crate) fn enact_waiting(frame: &mut Frame<'_>, id: U256) -> Result<()> {
    let queue = frame.load(GOVERNANCE_ADDRESS, WAITING)?;
    let head = QUEUE_HEAD.get(queue);
    frame.store(GOVERNANCE_ADDRESS, WAITING, QUEUE_HEAD.set(queue, head.saturating_add(U256::ONE)))?;
    let place = frame.mapping_of(WAITING_PLACES, head)?;
    frame.store(GOVERNANCE_ADDRESS, place, U256::ZERO)?;
    let mut proposal = Proposal::load(frame, id)?;
    let tally = Tally::count(frame, id)?;
    if !tally.carries() {
        return proposal.set_status(frame, ProposalStatus::Open);
    }
    enact(frame, id, &mut proposal, &tally).map(|_| ())
}

pub(super) fn proposal_of(
    frame: &mut Frame<'_>,
    call: IGovernance::proposalOfCall,
) -> Result<IGovernance::proposalOfReturn> {
    let proposal = Proposal::load(frame, call.proposalId)?;
    let status = proposal.status(frame);
    let powers = match status {
        ProposalStatus::Enacted | ProposalStatus::Rejected => {
            frame.load(GOVERNANCE_ADDRESS, offset(proposal.slot, 2))?
        }
        _ => Tally::count(frame, call.proposalId)?.word(),
    };
    Ok(IGovernance::proposalOfReturn {
        proposer: PROPOSER.get_address(proposal.head),
        action: proposal.action(),
        arguments: proposal.arguments(frame)?.into(),
        expiry: EXPIRY.get_u64(proposal.head),
        powerFor: POWER_FOR.get_u64(powers),
        powerAgainst: POWER_AGAINST.get_u64(powers),
        status,
    })
}
