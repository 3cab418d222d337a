//! Blocks as this project stores and passes them: alloy's types with senders and hash.
use crate::Receipt;
use alloy_consensus::{EthereumTxEnvelope, Header, TxEip4844};
use alloy_primitives::{Address, B256, Bloom, U256};
use std::sync::Arc;

/// A transaction as it stands in a block (blob transactions without their sidecars).
pub type Transaction = EthereumTxEnvelope<TxEip4844>;
/// A block as it travels.
pub type Block = alloy_consensus::Block<Transaction>;

/// A block with what is costly to compute: its hash and the senders of its transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredBlock {
    /// Hash of the header.
    pub hash: B256,
    /// Header and body.
    pub block: Block,
    /// One for each transaction, in order.
    pub senders: Vec<Address>,
}

impl RecoveredBlock {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.block.header
    }
    /// The block number.
    pub fn number(&self) -> u64 {
        self.block.header.number
    }
}

/// A block with all that its execution produced: what `Storage::commit` makes durable.
#[derive(Debug, Clone)]
pub struct ExecutedBlock {
    /// The block.
    pub block: Arc<RecoveredBlock>,
    /// One for each transaction, in order.
    pub receipts: Arc<Vec<Receipt>>,
    /// The state after it, relative to its parent.
    pub state: Arc<crate::StateUpdate>,
    /// Sum of difficulties up to and with this block (zero on Pervade networks).
    pub total_difficulty: U256,
}

/// Where a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionLocation {
    /// Block number.
    pub block_number: u64,
    /// Position in the block.
    pub index: u32,
}

/// What `eth_getLogs` asks of the index: any of the addresses (all if empty), and at each position any of
/// the topics (all if empty).
#[derive(Debug, Clone, Default)]
pub struct LogFilter {
    /// Emitters.
    pub addresses: Vec<Address>,
    /// Up to four positions.
    pub topics: Vec<Vec<B256>>,
}

/// Bloom filter of a block's receipts.
pub fn logs_bloom(receipts: &[Receipt]) -> Bloom {
    alloy_primitives::logs_bloom(receipts.iter().flat_map(|receipt| &receipt.logs))
}
