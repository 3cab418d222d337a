//! Governance: the validators' votes on who validates, gateways, parameters, permissions and forks.
//!
//! ```text
//! propose, vote --> votes at their power now --> more than 2/3 --> enact --> timelines, validator sets
//!                                                      |                       (from block N + 2)
//!                                                      '--> Waiting (too much power for one block) --> a later
//!                                                           block's tail enacts it
//! ```
//!
//! Storage of the account, in Solidity's layout:
//!
//! ```text
//! slot  content
//! 0     uint256 number of proposals; ids count from 1
//! 1     mapping(uint256 id => Proposal)              proposals.rs
//! 2     mapping(uint256 id => mapping(address => uint8 vote)), 1 in favour, 2 against
//! 3     waiting proposals: uint64 next to take, uint64 next free place
//! 4     mapping(uint64 place => uint256 id)
//! 5     uint256 number of validator sets since the genesis
//! 6     mapping(uint256 number => Validator sets)    validators.rs
//! 7     mapping(bytes32 parameter => Timeline)       timeline.rs
//! 8     mapping(address => Timeline) permissions
//! 9     address[] gateways that the chain has or had
//! 10    mapping(address => Timeline) whether it is a gateway
//! 11    mapping(bytes32 fork => Timeline) its time, unix seconds
//! ```
//!
//! Empty storage means what the chain specification says: the genesis state holds nothing of governance, and the
//! precompile may start at any block.
mod actions;
mod parameters;
mod proposals;
mod questions;
#[cfg(test)]
mod tests;
mod timeline;
mod validators;

pub use questions::{chain_settings, gateways, missing_permission, permissions, validator_set};
pub(crate) use questions::{chain_settings_in, fork_time_in, permissions_in, validator_set_in};

pub(crate) use actions::permissions_at;
pub(crate) use parameters::{Parameter, value_at};
pub(crate) use proposals::{enact_waiting, waiting_that_fits};
pub(crate) use validators::set_at;

use crate::precompiles::{Access, Frame, Precompile, PrecompileError};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use pervade_chainspec::params::{ENACTMENT_DELAY_BLOCKS, GOVERNANCE_ADDRESS, PAGE_ENTRIES_MAX};

#[allow(missing_docs)]
pub(crate) mod abi {
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/IGovernance.sol"
    );
}
use abi::IGovernance;

const PROPOSAL_COUNT: U256 = U256::ZERO;
const PROPOSALS: U256 = U256::from_limbs([1, 0, 0, 0]);
const VOTES: U256 = U256::from_limbs([2, 0, 0, 0]);
const WAITING: U256 = U256::from_limbs([3, 0, 0, 0]);
const WAITING_PLACES: U256 = U256::from_limbs([4, 0, 0, 0]);
const SET_COUNT: U256 = U256::from_limbs([5, 0, 0, 0]);
const SETS: U256 = U256::from_limbs([6, 0, 0, 0]);
const PARAMETERS: U256 = U256::from_limbs([7, 0, 0, 0]);
const PERMISSIONS: U256 = U256::from_limbs([8, 0, 0, 0]);
const GATEWAY_LIST: U256 = U256::from_limbs([9, 0, 0, 0]);
const GATEWAYS: U256 = U256::from_limbs([10, 0, 0, 0]);
const FORKS: U256 = U256::from_limbs([11, 0, 0, 0]);

/// The precompile.
pub(crate) struct Governance;

impl Precompile for Governance {
    fn call(&self, frame: &mut Frame<'_>) -> Result<Bytes, PrecompileError> {
        use IGovernance as abi;
        match frame.selector()? {
            abi::validatorsCall::SELECTOR => frame.answer(Access::View, |frame, _: abi::validatorsCall| {
                Ok(answer_set(set_at(frame, frame.call().block_number)?))
            }),
            abi::validatorsAtCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::validatorsAtCall| {
                let known = frame.call().block_number.saturating_add(ENACTMENT_DELAY_BLOCKS.saturating_sub(1));
                let number = u64::try_from(call.blockNumber).ok().filter(|number| *number <= known);
                let Some(number) = number else {
                    return Err(PrecompileError::reason(format!("not decided yet; known up to block {known}")));
                };
                Ok(answer_set(set_at(frame, number)?))
            }),
            abi::gatewaysCall::SELECTOR => {
                frame.answer(Access::View, |frame, _: abi::gatewaysCall| gateways_at(frame, frame.call().block_number))
            }
            abi::parameterCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::parameterCall| {
                let Some(parameter) = Parameter::named(call.name) else {
                    return Err(PrecompileError::reason("unknown parameter"));
                };
                let value = U256::from(value_at(frame, parameter, frame.call().block_number)?);
                let (minimum, maximum) = parameter.range();
                Ok(abi::parameterReturn { value, minimum: U256::from(minimum), maximum: U256::from(maximum) })
            }),
            abi::permissionsOfCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::permissionsOfCall| {
                permissions_at(frame, call.account, frame.call().block_number)
            }),
            abi::proposeCall::SELECTOR => frame.answer(Access::Write, proposals::propose),
            abi::voteCall::SELECTOR => frame.answer(Access::Write, proposals::vote),
            abi::proposalOfCall::SELECTOR => frame.answer(Access::View, proposals::proposal_of),
            abi::proposalsCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::proposalsCall| {
                let count: u64 = frame.load(GOVERNANCE_ADDRESS, PROPOSAL_COUNT)?.saturating_to();
                Ok(page_of_ids(count, call.cursor, call.limit))
            }),
            _ => Err(frame.unknown_function()),
        }
    }
}

/// The chain's gateways in a block, in the order in which they joined.
pub(crate) fn gateways_at(frame: &mut Frame<'_>, number: u64) -> Result<Vec<Address>, PrecompileError> {
    actions::gateways_at(frame, number)
}

fn answer_set(set: Vec<pervade_chainspec::ValidatorConfig>) -> Vec<IGovernance::Validator> {
    let answer = |v: pervade_chainspec::ValidatorConfig| IGovernance::Validator {
        account: v.account,
        publicKey: v.public_key,
        power: v.power,
    };
    set.into_iter().map(answer).collect()
}

fn page_of_ids(count: u64, cursor: U256, limit: U256) -> IGovernance::proposalsReturn {
    let first = cursor.saturating_to::<u64>().max(1);
    let entries = limit.saturating_to::<u64>().min(u64::try_from(PAGE_ENTRIES_MAX).unwrap_or(u64::MAX));
    let end = first.saturating_add(entries).min(count.saturating_add(1));
    let next = if end <= count && entries > 0 { end } else { 0 };
    IGovernance::proposalsReturn { proposalIds: (first..end).map(U256::from).collect(), next: U256::from(next) }
}
