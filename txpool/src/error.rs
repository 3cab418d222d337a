//! Errors of this crate.
use alloy_primitives::{Address, U256};
use pervade_storage::StorageError;
use std::{io, path::PathBuf, sync::Arc};

/// Why a transaction is refused, or why the pool stopped. Display strings are geth's where geth has one.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The pool already has it.
    #[error("already known")]
    AlreadyKnown,
    /// Nothing follows the type byte (EIP-2718).
    #[error("typed transaction too short")]
    TooShort,
    /// The encoding is not a transaction's.
    #[error("rlp: {reason}")]
    Encoding {
        /// What is wrong with it.
        reason: String,
    },
    /// Not one of the types that the next block takes.
    #[error("transaction type not supported{detail}")]
    TypeNotSupported {
        /// Empty, or `": "` and the reason.
        detail: String,
    },
    /// Larger than [`TRANSACTION_BYTES_MAX`](crate::TRANSACTION_BYTES_MAX).
    #[error("oversized data: transaction size {bytes}, limit {limit}")]
    Oversized {
        /// Encoded size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A blob transaction came without its blobs (EIP-4844, networking).
    #[error("missing sidecar in blob transaction")]
    BlobsMissing,
    /// A blob transaction must have at least one blob (EIP-4844).
    #[error("blobless blob transaction")]
    NoBlobs,
    /// More blobs than a transaction may have (EIP-7594).
    #[error("too many blobs in transaction: have {count}, permitted {limit}")]
    TooManyBlobs {
        /// The transaction's.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The blobs are not those that the transaction names.
    #[error("invalid blobs: {reason}")]
    InvalidBlobs {
        /// What is wrong with them.
        reason: String,
    },
    /// A blob transaction offers nothing for its blobs.
    #[error("transaction gas price below minimum: blob fee cap 0, minimum needed 1")]
    BlobFeeTooLow,
    /// A legacy transaction without a chain id (EIP-155).
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// Signed for another chain.
    #[error("invalid sender: invalid chain id for signer: have {found} want {expected}")]
    ChainId {
        /// The transaction's.
        found: u64,
        /// The chain's.
        expected: u64,
    },
    /// The signature does not recover.
    #[error("invalid sender: invalid transaction v, r, s values")]
    Signature,
    /// The sender is the account whose key everybody knows.
    #[error("invalid sender: {sender} is the system account")]
    SystemAccount {
        /// The sender.
        sender: Address,
    },
    /// The chain has permissions, and the sender lacks one.
    #[error("invalid sender: {sender} may not {missing}; validators give permissions by vote")]
    NotPermitted {
        /// The sender.
        sender: Address,
        /// What it would need to be allowed.
        missing: &'static str,
    },
    /// The sender is a contract (EIP-3607; delegations of EIP-7702 are allowed).
    #[error("sender not an eoa: address {sender}, len(code): {code_bytes}")]
    SenderHasCode {
        /// The sender.
        sender: Address,
        /// Size of its code.
        code_bytes: usize,
    },
    /// The nonce was used.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The sender's next.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// The nonce is 2^64-1 (EIP-2681).
    #[error("nonce has max value")]
    NonceMax,
    /// Creation code above EIP-3860's limit.
    #[error("max initcode size exceeded: code size {bytes}, limit {limit}")]
    InitcodeSize {
        /// Size of the code.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// More gas than a transaction may have (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas})")]
    GasLimitTooHigh {
        /// The limit.
        cap: u64,
        /// The transaction's.
        gas: u64,
    },
    /// More gas than a block has.
    #[error("exceeds block gas limit")]
    ExceedsBlockGasLimit,
    /// EIP-1559.
    #[error("max priority fee per gas higher than max fee per gas")]
    TipAboveFeeCap,
    /// Less gas than the transaction costs before it runs.
    #[error("intrinsic gas too low: gas {gas}, minimum needed {needed}")]
    IntrinsicGas {
        /// The transaction's.
        gas: u64,
        /// The least.
        needed: u64,
    },
    /// Less gas than its calldata costs (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {gas}, minimum needed {needed}")]
    FloorGas {
        /// The transaction's.
        gas: u64,
        /// The least.
        needed: u64,
    },
    /// The tip is below this node's minimum.
    #[error("transaction gas price below minimum: gas tip cap {tip}, minimum needed {needed}")]
    TipTooLow {
        /// The transaction's, wei.
        tip: u128,
        /// The least, wei.
        needed: u128,
    },
    /// EIP-7702 asks for at least one.
    #[error("set code tx must have at least one authorization tuple")]
    NoAuthorizations,
    /// The balance does not cover this transaction.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {}", .cost.saturating_sub(*.balance))]
    InsufficientFunds {
        /// The sender's, wei.
        balance: U256,
        /// Gas limit times fee cap, and value.
        cost: U256,
    },
    /// The balance does not cover this transaction and those before it.
    #[error("insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx {} {cost}, overshot {}", if *.replaces { "bumped" } else { "cost" }, .queued.saturating_add(*.cost).saturating_sub(*.balance))]
    Overdraft {
        /// The sender's, wei.
        balance: U256,
        /// Cost of the sender's executable transactions.
        queued: U256,
        /// What this one adds.
        cost: U256,
        /// It takes the place of another.
        replaces: bool,
    },
    /// A replacement must pay more in both fee fields.
    #[error("replacement transaction underpriced")]
    ReplacementUnderpriced,
    /// The pool is full and this one pays no more than the cheapest.
    #[error("transaction underpriced")]
    Underpriced,
    /// The sender has as many as one may have.
    #[error("account limit exceeded: pooled {pooled} txs")]
    AccountLimit {
        /// How many it has.
        pooled: usize,
    },
    /// The state could not be read: not the transaction's fault.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The journal could not be read, written or synced. The pool takes nothing any more, and the node must stop.
    #[error("transaction journal {}: cannot {action}: {source}", .path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// What failed.
        action: &'static str,
        /// What the operating system said.
        source: Arc<io::Error>,
    },
    /// The journal is not readable as one: no crash leaves such a file.
    #[error(
        "transaction journal {}: damaged at byte {offset}: {reason}; restore the file, or move it away to start without the transactions in it",
        .path.display()
    )]
    JournalDamaged {
        /// The file.
        path: PathBuf,
        /// Where.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The journal was written by a newer program.
    #[error("transaction journal {}: format {found} is newer than {supported}, the newest this program reads", .path.display())]
    JournalVersion {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// What this program writes.
        supported: u32,
    },
}

impl PoolError {
    /// The node itself is at fault and must stop: a failed write or read, not a transaction.
    pub fn is_fatal(&self) -> bool {
        matches!(
            self,
            Self::Storage(_) | Self::Journal { .. } | Self::JournalDamaged { .. } | Self::JournalVersion { .. }
        )
    }

    pub(crate) fn no_blob_transactions() -> Self {
        Self::TypeNotSupported { detail: ": this network takes no blob transactions".into() }
    }

    /// The same journal failure, for one more caller that waited for it.
    pub(crate) fn journal(path: &std::path::Path, action: &'static str, source: io::Error) -> Self {
        Self::Journal { path: path.to_owned(), action, source: Arc::new(source) }
    }
}
