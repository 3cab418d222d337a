//! Execution of blocks and calls: revm with this project's precompiles, a pure function of state and block.
//!
//! ```text
//!                    recover_block      validate_block        execute_block
//! encoded block --> senders, hash --> header, body rules --> receipts, state update --> ExecutedBlock
//!                                                                  ^
//! pool transactions --------------> propose_block -----------------'  (BlockExecutor on a BlockState)
//! RPC questions ------------------> call, estimate_gas, create_access_list, simulate
//! ```
//!
//! - The result depends on the parent state, the block and the chain specification, on nothing else: no clock, no map
//!   order, no network. Only what is *not* part of a block has a clock: when a proposer stops taking transactions, and
//!   when a call is given up.
//! - All forks from Frontier to Osaka run through the same code; a block's forks come from the chain specification.
//! - Nothing is written. A block's effect is a [`pervade_storage::StateUpdate`] that storage commits.
//! - Seals (proof of work, commit certificates) are not looked at here.
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
// Tests compare with libraries that compute in floats.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::float_arithmetic,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic
    )
)]

mod admission;
mod call;
pub mod canonical;
mod code_cache;
mod database;
mod environment;
mod error;
mod evm;
mod execute;
mod executor;
pub mod governance;
mod header;
#[cfg(test)]
mod memory_state;
mod net_gas_metering;
pub mod precompiles;
mod propose;
mod recover;
mod requests;
mod rewards;
mod roots;
mod semantics;
mod simulate;
mod state;
mod system;
mod system_handler;
pub mod things;
mod wide_price;

pub use admission::{AdmissionError, IntrinsicGas, check_transaction, intrinsic_gas};
pub use call::{
    AccessListResult, AccountOverride, BlockOverrides, CallEnvironment, CallOutcome, CallRequest, CallResult,
    StateOverrides, call, create_access_list, estimate_gas, halt_message, revert_reason,
};
pub use code_cache::CODE_CACHE_BYTES_MAX;
pub use database::{DatabasePage, DatabaseRow, database_page};
pub use environment::is_merged;
pub use error::{BlockError, ExecutionError};
pub use evm::{Control, PervadeContext, PervadeEvm};
pub use execute::execute_block;
pub use executor::{BlockExecutor, BlockOutcome, TransactionError};
pub use header::{check_transaction_form, is_merged_after, validate_block};
pub use propose::{Proposal, ProposalAttributes, ProposalTransaction, TransactionSource, propose_block};
pub use recover::{recover_block, recover_senders};
pub use semantics::{StoredMapping, mapping};
pub use simulate::{
    BlockRequest, SIMULATED_BLOCKS_MAX, SimulatedBlock, SimulatedCall, SimulationEnvironment, SimulationError,
    TRANSFER_LOG_ADDRESS, TransactionRule, simulate,
};
pub use state::{BlockState, StateError};
pub use wide_price::{AdmittedTransaction, admit_encoded};
