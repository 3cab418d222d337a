//! Thing Communication: the registry of things, what they publish, what contracts ask of them, and contracts' functions
//! that run by themselves.
//!
//! ```text
//! publish --> messages --> observations --> triggers --.
//!                           time --> wheel -------------+--> queue --> tail of the block --> contract
//! request --> report (agreements) ---------------------'
//! ```
//!
//! Storage of the account, in Solidity's layout:
//!
//! ```text
//! slot  content
//! 0     mapping(bytes32 => Thing)                               registry.rs
//! 1     uint256 number of triggers; ids count from 1
//! 2     mapping(uint256 => Trigger)                             triggers.rs
//! 3     mapping(address => Balance)                             balances.rs
//! 4-7   the queue of due work                                   queue.rs
//! 8-9   what is due at a time                                   wheel.rs
//! 10    mapping(thing => mapping(model => mapping(property => uint256[] triggers)))
//! 11    mapping(thing => Position)                              triggers.rs
//! 12    mapping(thing => mapping(thing => uint64 encounter, unix ms))
//! 13    uint256 number of requests; ids count from 1
//! 14    mapping(uint256 => Request)                             requests.rs
//! 15    mapping(address => uint256 open requests)
//! 16    mapping(address => Quota)                              quotas.rs
//! 17    mapping(uint64 second => mapping(address => items))    wheel.rs
//! ```
mod balances;
mod description;
mod events;
mod geodesy;
mod messages;
mod observations;
mod questions;
mod queue;
mod quotas;
mod registry;
mod requests;
mod signatures;
mod tail;
#[cfg(test)]
mod tests;
mod triggers;
mod wheel;

pub use description::check as check_description;
pub use events::{RequestEvent, request_event};
pub use questions::{RequestRecord, ThingRecord, next_due_time, request, requests, requests_of_gateway, thing};
pub use requests::{ContentRange, SignedAnswer};
pub use signatures::{Answer, Custody, DeviceMessage, Fetch, Register, digest, domain};

pub(crate) use queue::Item;
pub(crate) use requests::{Source, fetch};
pub(crate) use tail::{Callback, begin, end, is_due, plan, promote};

use crate::precompiles::{Access, Frame, Precompile, PrecompileError};
use alloy_primitives::{Bytes, U256};
use alloy_sol_types::{SolCall, SolError};
use pervade_chainspec::params::CALLBACK_OVERHEAD_GAS;
use tail::INTRINSIC_GAS;

#[allow(missing_docs)]
pub(crate) mod abi {
    alloy_sol_types::sol!(
        #![sol(all_derives)]
        "../contracts/IThings.sol"
    );
}
pub use abi::IThings;

const fn slot(place: u64) -> U256 {
    U256::from_limbs([place, 0, 0, 0])
}
const THINGS: U256 = slot(0);
const TRIGGER_COUNT: U256 = slot(1);
const TRIGGERS: U256 = slot(2);
const BALANCES: U256 = slot(3);
const RING: U256 = slot(4);
const RING_PLACES: U256 = slot(5);
const PAYERS: U256 = slot(6);
const PAYER_ITEMS: U256 = slot(7);
const WHEEL: U256 = slot(8);
const BUCKETS: U256 = slot(9);
const WATCHERS: U256 = slot(10);
const POSITIONS: U256 = slot(11);
const ENCOUNTERS: U256 = slot(12);
const REQUEST_COUNT: U256 = slot(13);
const REQUESTS: U256 = slot(14);
const OPEN_REQUESTS_OF: U256 = slot(15);
const QUOTAS: U256 = slot(16);
const SECONDS: U256 = slot(17);

/// Gas of a system transaction beside its callback's, at most.
const CALLBACK_OVERHEAD_GAS_WORST: u64 = INTRINSIC_GAS + CALLBACK_OVERHEAD_GAS;

type Result<T> = std::result::Result<T, PrecompileError>;

fn custom<E: SolError>(error: &E) -> PrecompileError {
    PrecompileError::custom(error)
}

/// The precompile.
pub(crate) struct Things;

impl Precompile for Things {
    fn call(&self, frame: &mut Frame<'_>) -> Result<Bytes> {
        use Access::{Payable, View, Write};
        use IThings as abi;
        match frame.selector()? {
            abi::registerCall::SELECTOR => frame.answer(Write, registry::register),
            abi::updateCall::SELECTOR => frame.answer(Write, registry::update),
            abi::rotateKeyCall::SELECTOR => frame.answer(Write, registry::rotate_key),
            abi::transferThingCall::SELECTOR => frame.answer(Write, registry::transfer),
            abi::retireCall::SELECTOR => frame.answer(Write, registry::retire),
            abi::assignGatewaysCall::SELECTOR => frame.answer(Write, registry::assign_gateways),
            abi::grantCall::SELECTOR => frame.answer(Write, registry::grant),
            abi::thingOfCall::SELECTOR => frame.answer(View, registry::thing_of),
            abi::gatewaysOfCall::SELECTOR => frame.answer(View, registry::gateways_of),
            abi::grantOfCall::SELECTOR => frame.answer(View, registry::grant_of),
            abi::quoteCall::SELECTOR => frame.answer(View, requests::quote),
            abi::requestCall::SELECTOR => frame.answer(Payable, requests::request),
            abi::cancelCall::SELECTOR => frame.answer(Write, requests::cancel),
            abi::queueCall::SELECTOR => frame.answer(Write, requests::queue),
            abi::reportCall::SELECTOR => frame.answer(Write, requests::report),
            abi::resumeCall::SELECTOR => frame.answer(Write, requests::resume),
            abi::requestOfCall::SELECTOR => frame.answer(View, requests::request_of),
            abi::statusOfCall::SELECTOR => frame.answer(View, requests::status_of),
            abi::resultOfCall::SELECTOR => frame.answer(View, requests::result_of),
            abi::pendingCall::SELECTOR => frame.answer(View, requests::pending),
            abi::publishCall::SELECTOR => frame.answer(Write, messages::publish),
            abi::publishBatchCall::SELECTOR => frame.answer(Write, messages::publish_batch),
            abi::isPublishedCall::SELECTOR => frame.answer(View, messages::is_published),
            abi::watchCall::SELECTOR => frame.answer(Payable, triggers::watch),
            abi::unwatchCall::SELECTOR => frame.answer(Write, triggers::unwatch),
            abi::wakeCall::SELECTOR => frame.answer(Payable, triggers::wake),
            abi::triggerOfCall::SELECTOR => frame.answer(View, triggers::trigger_of),
            abi::fundCall::SELECTOR => frame.answer(Payable, |frame, call: abi::fundCall| {
                balances::fund(frame, call.account, frame.call().value)?;
                Ok(abi::fundReturn {})
            }),
            abi::balanceOfCall::SELECTOR => frame.answer(View, |frame, call: abi::balanceOfCall| {
                let (free, reserved) = balances::of(frame, call.account)?;
                Ok(abi::balanceOfReturn { free, reserved })
            }),
            abi::withdrawCall::SELECTOR => frame.answer(Write, balances::withdraw),
            _ => Err(frame.unknown_function()),
        }
    }
}
