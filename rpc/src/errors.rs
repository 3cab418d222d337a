//! [`RpcError`]: what a client is told, with the codes that wallets know from geth.
use alloy_primitives::{B256, Bytes, U256};
use jsonrpsee::types::ErrorObjectOwned;
use pervade_evm_ext::{BlockError, ExecutionError, SimulationError, TransactionRule};
use pervade_storage::StorageError;
use pervade_txpool::PoolError;

/// Why a request is not answered with a result.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The parameters are not an array.
    #[error("non-array args")]
    ArgumentsNotArray,
    /// An argument without default is not there.
    #[error("missing value for required argument {index}")]
    MissingArgument {
        /// Position, from zero.
        index: usize,
    },
    /// More arguments than the method has.
    #[error("too many arguments, want at most {max}")]
    TooManyArguments {
        /// What the method takes.
        max: usize,
    },
    /// An argument does not parse, or its parts contradict each other.
    #[error("invalid argument {index}: {reason}")]
    InvalidArgument {
        /// Position, from zero.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Parameters that parse one by one, but make no sense.
    #[error("{reason}")]
    InvalidParams {
        /// What is wrong.
        reason: &'static str,
    },
    /// No method of that name, or its namespace is not served here.
    #[error("the method {method} does not exist/is not available")]
    MethodNotFound {
        /// As the client spelt it.
        method: String,
    },
    /// Subscriptions need a WebSocket.
    #[error("notifications not supported")]
    NotificationsUnsupported,
    /// `eth_subscribe` or `pervade_subscribe` with a kind that does not exist.
    #[error("no {kind:?} subscription in {namespace} namespace")]
    UnknownSubscription {
        /// As the client spelt it.
        kind: String,
        /// Where it was looked for.
        namespace: &'static str,
    },
    /// No block of this number.
    #[error("header not found")]
    HeaderNotFound,
    /// No block of this hash.
    #[error("header for hash not found")]
    HashNotFound,
    /// A log query names a block that does not exist.
    #[error("unknown block")]
    UnknownBlock,
    /// A query of observations while there is no index of them.
    #[error("this node has no index of observations yet: it is built after a node's start, on chains with precompiles")]
    NotIndexed,
    /// `eth_feeHistory` beyond the head.
    #[error("request beyond head block: requested {requested}, head {head}")]
    BeyondHead {
        /// Newest block asked for.
        requested: u64,
        /// Newest block there is.
        head: u64,
    },
    /// The polling filter expired or never was.
    #[error("filter not found")]
    FilterNotFound,
    /// `eth_getFilterLogs` of a filter for blocks or transactions.
    #[error("filter is not a log filter")]
    NotALogFilter,
    /// A named limit of this server.
    #[error("{what} limited to {limit}")]
    LimitExceeded {
        /// What is limited.
        what: &'static str,
        /// To how much.
        limit: u64,
    },
    /// Too many heavy requests at once.
    #[error("server is busy: too many requests under way, try again later")]
    Busy,
    /// The transaction would cost more than the operator lets through.
    #[error("tx fee ({fee} wei) exceeds the configured cap ({cap} wei)")]
    FeeCap {
        /// Gas limit times gas price.
        fee: U256,
        /// `--rpc.txfeecap`.
        cap: U256,
    },
    /// The pool refused the transaction.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// EIP-7966: the transaction is in the pool, but in no block yet.
    #[error("the transaction was added to the pool but is not in a block after {waited_ms} ms")]
    SyncTimeout {
        /// Of the transaction.
        hash: B256,
        /// How long it was waited for.
        waited_ms: u64,
    },
    /// The call reverted.
    #[error("execution reverted{}", reason.as_ref().map(|r| format!(": {r}")).unwrap_or_default())]
    Reverted {
        /// Decoded from the output, where it is `Error(string)` or `Panic(uint256)`.
        reason: Option<String>,
        /// The output.
        output: Bytes,
    },
    /// The call cannot be executed, or halted.
    #[error("{reason}")]
    Execution {
        /// In geth's words where it has some.
        reason: String,
    },
    /// A simulation that cannot be made.
    #[error("{error}")]
    Simulation {
        /// Why, in geth's words.
        error: Box<SimulationError>,
    },
    /// The data directory does not answer.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A fault of this program.
    #[error("internal error: {reason}")]
    Internal {
        /// What failed.
        reason: String,
    },
}

impl RpcError {
    /// JSON-RPC error code.
    pub fn code(&self) -> i32 {
        match self {
            Self::ArgumentsNotArray
            | Self::MissingArgument { .. }
            | Self::TooManyArguments { .. }
            | Self::InvalidArgument { .. }
            | Self::InvalidParams { .. } => -32602,
            Self::MethodNotFound { .. } | Self::NotificationsUnsupported | Self::UnknownSubscription { .. } => -32601,
            Self::LimitExceeded { .. } | Self::Busy => -32005,
            Self::Reverted { .. } => 3,
            Self::SyncTimeout { .. } => 4,
            Self::Storage(StorageError::Pruned { .. }) => 4444,
            Self::Internal { .. } => -32603,
            Self::Simulation { error } => simulation_code(error),
            Self::Pool(error) if error.is_fatal() => -32603,
            Self::Storage(error) if error.is_fatal() => -32603,
            _ => -32000,
        }
    }

    /// For `MissingArgument` and the like: what is wrong with argument `index`.
    pub(crate) fn argument(index: usize, reason: impl Into<String>) -> Self {
        Self::InvalidArgument { index, reason: reason.into() }
    }

    /// A revert with its output decoded where it is one of Solidity's standard errors.
    pub(crate) fn reverted(output: Bytes) -> Self {
        Self::Reverted { reason: pervade_evm_ext::revert_reason(&output), output }
    }

    fn data(&self) -> Option<String> {
        match self {
            Self::Reverted { output, .. } => Some(output.to_string()),
            Self::SyncTimeout { hash, .. } => Some(hash.to_string()),
            _ => None,
        }
    }
}

/// Codes of `eth_simulateV1` (Execution APIs).
fn simulation_code(error: &SimulationError) -> i32 {
    match error {
        SimulationError::NumberOrder { .. } => -38020,
        SimulationError::TimeOrder { .. } => -38021,
        SimulationError::TooManyBlocks => -38026,
        SimulationError::BlockGas { .. } => -38015,
        SimulationError::Transaction { rule, .. } => match rule {
            TransactionRule::NonceTooLow => -38010,
            TransactionRule::NonceTooHigh => -38011,
            TransactionRule::FeeCapTooLow => -38012,
            TransactionRule::IntrinsicGas => -38013,
            TransactionRule::Funds => -38014,
            TransactionRule::InitCodeSize => -38025,
            TransactionRule::TipAboveFeeCap => -32602,
            TransactionRule::Other => -32603,
        },
        SimulationError::Execution(_) | SimulationError::Block(_) => -32000,
    }
}

impl From<SimulationError> for RpcError {
    fn from(error: SimulationError) -> Self {
        match error {
            SimulationError::Execution(error) => error.into(),
            SimulationError::Block(BlockError::Storage(error)) => Self::Storage(error),
            error => Self::Simulation { error: Box::new(error) },
        }
    }
}

impl From<ExecutionError> for RpcError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::Storage(error) => Self::Storage(error),
            ExecutionError::Reverted { output } => Self::reverted(output),
            other => Self::Execution { reason: other.to_string() },
        }
    }
}

impl From<serde_json::Error> for RpcError {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal { reason: format!("cannot write the answer: {error}") }
    }
}

impl From<RpcError> for ErrorObjectOwned {
    fn from(error: RpcError) -> Self {
        let code = error.code();
        // A simulated transaction that breaks a rule has this code too, and is the caller's fault.
        if code == -32603 && !matches!(error, RpcError::Simulation { .. }) {
            tracing::error!(%error, "request failed");
        }
        Self::owned(code, error.to_string(), error.data())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revert_carries_its_reason_and_output() {
        let error = RpcError::Reverted { reason: Some("assert(false)".into()), output: Bytes::from_static(&[1, 2]) };
        let object = ErrorObjectOwned::from(error);
        assert_eq!((object.code(), object.message()), (3, "execution reverted: assert(false)"));
        assert_eq!(object.data().unwrap().get(), "\"0x0102\"");
        let silent = RpcError::Reverted { reason: None, output: Bytes::new() };
        assert_eq!(silent.to_string(), "execution reverted");
    }

    #[test]
    fn a_sync_timeout_carries_the_hash() {
        let object = ErrorObjectOwned::from(RpcError::SyncTimeout { hash: B256::repeat_byte(1), waited_ms: 5 });
        assert_eq!(object.code(), 4);
        assert_eq!(object.data().unwrap().get(), format!("\"{}\"", B256::repeat_byte(1)));
    }

    #[test]
    fn pruned_state_is_told_apart_from_damage() {
        let pruned = RpcError::from(StorageError::Pruned { number: 1, first: 5, last: 9 });
        assert_eq!(pruned.code(), 4444);
        let damaged = RpcError::from(StorageError::Damaged { column: "headers", reason: "short".into() });
        assert_eq!(damaged.code(), -32603);
    }
}
