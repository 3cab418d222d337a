//! `eth_simulateV1`: made-up blocks of made-up transactions, one on top of the other, executed as real ones would be.
//!
//! ```text
//! requested blocks --> order and gaps --> for each: header, overrides, calls, due work, roots --> SimulatedBlock
//! ```
//!
//! Rules and words are those of the Execution APIs and of geth. A block of this project's chains ends with its system
//! transactions, as every block does. Nothing is kept.
mod block;
mod order;
mod transaction;
mod transfers;

pub use transfers::TRANSFER_LOG_ADDRESS;

use crate::{
    BlockError, BlockOverrides, CallRequest, CallResult, ExecutionError, StateOverrides,
    state::{BlockState, StateError},
};
use alloy_consensus::Header;
use alloy_primitives::{B256, Log, U256};
use block::Simulator;
use pervade_chainspec::ChainSpec;
use pervade_storage::{RecoveredBlock, StateView, StorageError};
use std::time::{Duration, Instant};

/// Blocks of one simulation, those that fill gaps included: as many as BLOCKHASH reaches (geth's limit).
pub const SIMULATED_BLOCKS_MAX: u64 = 256;

/// Where and within which limits a simulation runs.
#[derive(Clone)]
pub struct SimulationEnvironment<'a> {
    /// The chain.
    pub spec: &'a ChainSpec,
    /// State of the block that the first simulated one follows.
    pub view: &'a StateView,
    /// Header of that block.
    pub base: &'a Header,
    /// Its hash.
    pub base_hash: B256,
    /// Gas that all calls together may use.
    pub gas_max: u64,
    /// The simulation is stopped after this time.
    pub time_max: Duration,
    /// Transfers of value show as logs of [`TRANSFER_LOG_ADDRESS`] too.
    pub trace_transfers: bool,
    /// Nonces and fees must be those of valid transactions.
    pub validation: bool,
}

/// A block that is asked for.
#[derive(Debug, Clone, Default)]
pub struct BlockRequest {
    /// What differs from the header that would follow.
    pub block_overrides: BlockOverrides,
    /// What differs from the state after the block before.
    pub state_overrides: StateOverrides,
    /// Transactions.
    pub calls: Vec<CallRequest>,
}

/// A simulated block.
#[derive(Debug)]
pub struct SimulatedBlock {
    /// The block. Transactions of calls have a signature of zeros.
    pub block: RecoveredBlock,
    /// One for each call; system transactions have none.
    pub calls: Vec<SimulatedCall>,
}

/// What a call came to.
#[derive(Debug)]
pub struct SimulatedCall {
    /// How it ended.
    pub result: CallResult,
    /// Its logs, and those of transfers if they are asked for.
    pub logs: Vec<Log>,
}

/// Why there is no simulation.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// Numbers must grow.
    #[error("block numbers must be in order: {number} <= {previous}")]
    NumberOrder {
        /// Of the block that is asked for.
        number: U256,
        /// Of the block before.
        previous: u64,
    },
    /// Times must grow.
    #[error("block timestamps must be in order: {timestamp} <= {previous}")]
    TimeOrder {
        /// Of the block that is asked for, unix seconds.
        timestamp: u64,
        /// Of the block before.
        previous: u64,
    },
    /// More than [`SIMULATED_BLOCKS_MAX`].
    #[error("too many blocks")]
    TooManyBlocks,
    /// The gas limits of a block's calls are more than the block's.
    #[error("block gas limit reached: {used} >= {limit}")]
    BlockGas {
        /// Gas used before the call.
        used: u64,
        /// The block's limit.
        limit: u64,
    },
    /// A call is no valid transaction.
    #[error("err: {message} (supplied gas {gas_limit})")]
    Transaction {
        /// Which rule it breaks.
        rule: TransactionRule,
        /// In geth's words.
        message: String,
        /// The call's gas limit.
        gas_limit: u64,
    },
    /// The call, an override, or the simulation as a whole cannot be executed.
    #[error(transparent)]
    Execution(#[from] ExecutionError),
    /// A block cannot be finished.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// Rules of transactions that have an error code of their own (Execution APIs, `eth_simulateV1`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionRule {
    /// The nonce was used.
    NonceTooLow,
    /// A nonce before it is missing.
    NonceTooHigh,
    /// The fee cap is below the block's base fee.
    FeeCapTooLow,
    /// The gas limit does not cover the transaction itself.
    IntrinsicGas,
    /// The sender cannot pay.
    Funds,
    /// The init code is too long.
    InitCodeSize,
    /// The tip is above the fee cap.
    TipAboveFeeCap,
    /// Any other.
    Other,
}

impl From<StateError> for SimulationError {
    fn from(error: StateError) -> Self {
        Self::Execution(error.into())
    }
}

impl From<StorageError> for SimulationError {
    fn from(error: StorageError) -> Self {
        Self::Execution(error.into())
    }
}

/// Executes the blocks in their order, with empty ones where numbers are left out.
///
/// # Errors
/// See [`SimulationError`]. A call that reverts or halts is a result, not an error.
pub fn simulate(
    environment: &SimulationEnvironment<'_>,
    requests: Vec<BlockRequest>,
) -> Result<Vec<SimulatedBlock>, SimulationError> {
    let requests = order::fill_gaps(environment.base, requests)?;
    let deadline = Instant::now().checked_add(environment.time_max).unwrap_or_else(Instant::now);
    let mut state = BlockState::new(environment.view);
    let mut simulator = Simulator { environment, deadline, gas_left: environment.gas_max };
    let mut parent = (environment.base.clone(), environment.base_hash);
    let mut blocks = Vec::with_capacity(requests.len());
    for request in requests {
        let (block, after) = simulator.block(request, &parent, state)?;
        parent = (block.block.header().clone(), block.block.hash);
        state = after;
        state.set_block_hash(parent.0.number, parent.1);
        blocks.push(block);
    }
    Ok(blocks)
}
