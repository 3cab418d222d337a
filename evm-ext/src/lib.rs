//! Execution: revm with this project's precompiles, a pure function of state and block.
mod call;
mod error;
mod execute;
mod header;
mod propose;
mod recover;

pub use call::{
    AccessListResult, AccountOverride, BlockOverrides, CallEnvironment, CallOutcome, CallRequest, CallResult,
    StateOverrides, call, create_access_list, estimate_gas, halt_message, revert_reason,
};
pub use error::{BlockError, ExecutionError};
pub use execute::{BlockOutcome, execute_block};
pub use header::validate_block;
pub use propose::{Proposal, ProposalAttributes, ProposalTransaction, TransactionSource, propose_block};
pub use recover::{recover_block, recover_senders};
