//! Builds a block from pool transactions.
use crate::{
    BlockError,
    execute::transaction_error,
    executor::{BlockExecutor, TransactionError},
    header::{BLOCK_RLP_BYTES_MAX, Governed, governed},
    roots,
    state::BlockState,
};
use alloy_consensus::{BlockBody, EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH, Header};
use alloy_eips::{Encodable2718, eip4895::Withdrawals};
use alloy_hardforks::EthereumHardforks;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_rlp::{Encodable, length_of_length};
use pervade_chainspec::ChainSpec;
use pervade_storage::{Block, ExecutedBlock, RecoveredBlock, StateView, Transaction};
use revm::context_interface::result::InvalidTransaction;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Candidates that do not fit any more before the proposer stops looking for smaller ones.
const MISFITS_MAX: usize = 64;
/// Gas that no transaction can do without (Yellow Paper, G_transaction): with less left, the block is full.
const TRANSACTION_GAS_MIN: u64 = 21_000;
/// What the lists of a block add to header and transactions in RLP, bytes, at most.
const LIST_HEADERS_BYTES: usize = 32;

/// What the proposer chooses. Everything else of the header follows from chain and parent.
#[derive(Debug, Clone)]
pub struct ProposalAttributes {
    /// Unix seconds; at least the parent's.
    pub timestamp: u64,
    /// Account of the proposer.
    pub proposer: Address,
    /// Stop taking transactions after this time.
    pub time_max: Duration,
}

/// A candidate with its recovered sender and known hash.
#[derive(Debug, Clone)]
pub struct ProposalTransaction {
    /// The transaction.
    pub transaction: Arc<Transaction>,
    /// Its hash.
    pub hash: B256,
    /// Its sender.
    pub sender: Address,
}

/// A built block, and the candidates that turned out invalid (to be dropped from the pool).
#[derive(Debug)]
pub struct Proposal {
    /// Ready to be decided.
    pub executed: ExecutedBlock,
    /// Hash and reason.
    pub refused: Vec<(B256, String)>,
}

/// The pool's best transactions, one by one. `refuse` tells that this one was not taken, so that its sender's later
/// ones are left out.
pub trait TransactionSource {
    /// The next candidate: best price first, each sender's in nonce order.
    fn next(&mut self) -> Option<ProposalTransaction>;
    /// The last one given was not taken.
    fn refuse(&mut self);
}

/// Executes candidates until the block is full, and computes the header. The block need not be executed again.
///
/// # Errors
/// Failed reads, and a genesis that lacks a system contract. A candidate's error is in [`Proposal::refused`].
pub fn propose_block(
    spec: &ChainSpec,
    parent: &Header,
    parent_hash: B256,
    view: &StateView,
    attributes: &ProposalAttributes,
    source: &mut dyn TransactionSource,
) -> Result<Proposal, BlockError> {
    let mut header = header_template(spec, parent, parent_hash, attributes)?;
    let mut state = BlockState::new(view);
    if let Some(Governed { gas_limit, extra_data }) = governed(spec, &mut state, header.number)? {
        (header.gas_limit, header.extra_data) = (gas_limit, extra_data);
    }
    let mut executor = BlockExecutor::new(spec, &header, true, state)?;
    executor.start(&header)?;
    let Taken { mut transactions, mut senders, refused } = take(&mut executor, &header, attributes.time_max, source)?;
    for transaction in executor.system_transactions()? {
        executor.transact_system(&transaction).map_err(|error| transaction_error(transactions.len(), error))?;
        transactions.push(transaction);
        senders.push(pervade_chainspec::params::SYSTEM_ACCOUNT);
    }
    let withdrawals = header.withdrawals_root.map(|_| Withdrawals::default());
    let (outcome, changes) = executor.finish(&header, &[], withdrawals.as_ref())?;
    let (state, (transactions_root, (receipts_root, logs_bloom))) = rayon::join(
        || view.update(&changes),
        || (roots::transactions_root(&transactions), roots::receipts_root(&outcome.receipts)),
    );
    let state = state?;
    header.state_root = state.state_root;
    header.transactions_root = transactions_root;
    header.receipts_root = receipts_root;
    header.logs_bloom = logs_bloom;
    header.gas_used = outcome.gas_used;
    header.requests_hash = outcome.requests_hash;
    let hash = header.hash_slow();
    let block = Block { header, body: BlockBody { transactions, ommers: Vec::new(), withdrawals } };
    let executed = ExecutedBlock {
        block: Arc::new(RecoveredBlock { hash, block, senders }),
        receipts: Arc::new(outcome.receipts),
        state: Arc::new(state),
        total_difficulty: U256::ZERO,
    };
    Ok(Proposal { executed, refused })
}

struct Taken {
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
    refused: Vec<(B256, String)>,
}

fn take(
    executor: &mut BlockExecutor<'_, &StateView>,
    header: &Header,
    time_max: Duration,
    source: &mut dyn TransactionSource,
) -> Result<Taken, BlockError> {
    let started = Instant::now();
    let mut taken = Taken { transactions: Vec::new(), senders: Vec::new(), refused: Vec::new() };
    let mut bytes = header.length().saturating_add(LIST_HEADERS_BYTES);
    let mut misfits = 0usize;
    while executor.gas_left() >= TRANSACTION_GAS_MIN && misfits < MISFITS_MAX && started.elapsed() < time_max {
        let Some(candidate) = source.next() else { break };
        let length = rlp_length(&candidate.transaction);
        if bytes.saturating_add(length) > BLOCK_RLP_BYTES_MAX {
            misfits = misfits.saturating_add(1);
            source.refuse();
            continue;
        }
        match executor.transact(&candidate.transaction, candidate.sender) {
            Ok(()) => {
                bytes = bytes.saturating_add(length);
                taken.transactions.push(Transaction::clone(&candidate.transaction));
                taken.senders.push(candidate.sender);
            }
            Err(TransactionError::BlockGas { .. }) => {
                misfits = misfits.saturating_add(1);
                source.refuse();
            }
            Err(TransactionError::State(error)) => return Err(error.into()),
            // It may become valid: nothing to drop it for.
            Err(TransactionError::Invalid(
                InvalidTransaction::NonceTooHigh { .. } | InvalidTransaction::GasPriceLessThanBasefee,
            )) => source.refuse(),
            Err(invalid) => {
                taken.refused.push((candidate.hash, invalid.to_string()));
                source.refuse();
            }
        }
    }
    Ok(taken)
}

/// Bytes of a transaction inside a block.
fn rlp_length(transaction: &Transaction) -> usize {
    let length = transaction.encode_2718_len();
    // Typed transactions are wrapped in an RLP string.
    if transaction.is_legacy() { length } else { length.saturating_add(length_of_length(length)) }
}

/// A Pervade header without what execution computes; what votes decide is as in the parent.
fn header_template(
    spec: &ChainSpec,
    parent: &Header,
    parent_hash: B256,
    attributes: &ProposalAttributes,
) -> Result<Header, BlockError> {
    let number = parent.number.saturating_add(1);
    let forks = spec.forks_at(number, attributes.timestamp, true);
    if attributes.timestamp < parent.timestamp {
        let reason = format!("{} is before the parent's {}", attributes.timestamp, parent.timestamp);
        return Err(BlockError::Invalid { field: "timestamp", reason });
    }
    let cancun = forks.is_cancun_active_at_timestamp(attributes.timestamp);
    let shanghai = forks.is_shanghai_active_at_timestamp(attributes.timestamp);
    Ok(Header {
        parent_hash,
        ommers_hash: EMPTY_OMMER_ROOT_HASH,
        beneficiary: spec.beneficiary(attributes.proposer),
        number,
        gas_limit: parent.gas_limit,
        timestamp: attributes.timestamp,
        extra_data: parent.extra_data.clone(),
        mix_hash: keccak256(parent_hash),
        base_fee_per_gas: spec.next_base_fee(parent, forks),
        withdrawals_root: shanghai.then_some(EMPTY_ROOT_HASH),
        blob_gas_used: cancun.then_some(0),
        excess_blob_gas: spec.next_excess_blob_gas(parent, forks),
        parent_beacon_block_root: cancun.then_some(B256::ZERO),
        ..Header::default()
    })
}
