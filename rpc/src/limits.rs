//! Every bound of the servers, with its default and the reason for it.
use alloy_primitives::U256;
use std::time::Duration;

/// Bytes of a request body: a batch of a thousand transfers takes 300 kB, the largest transaction that a pool takes 256 kB as hex.
pub const REQUEST_BYTES_MAX: u32 = 5 * 1024 * 1024;
/// Bytes of a response or of a whole batch's responses: all receipts of a block with 100,000 transfers fit.
pub const RESPONSE_BYTES_MAX: u32 = 160 * 1024 * 1024;
/// Calls of one batch.
pub const BATCH_ENTRIES_MAX: u32 = 1_000;
/// Calls of one batch that run at the same time: enough for them to share one sync of the journal.
pub const BATCH_CONCURRENCY: usize = 256;
/// Requests under way and WebSocket connections of one listener.
pub const CONNECTIONS_MAX: u32 = 500;
/// Subscriptions of one WebSocket connection.
pub const SUBSCRIPTIONS_MAX: u32 = 1_024;
/// Messages that wait for a slow WebSocket reader before its subscriptions are dropped.
pub const WS_MESSAGES_MAX: u32 = 256;
/// Time a full WebSocket connection is given before a subscription on it is dropped.
pub const WS_SEND_TIME_MAX: Duration = Duration::from_secs(10);
/// Calls under way on one WebSocket connection; more are refused, so that answers nobody reads cannot pile up.
pub const WS_CALLS_MAX: usize = 1_024;
/// Polling filters of all clients.
pub const FILTERS_MAX: usize = 10_000;
/// A polling filter that nobody asked for so long is removed.
pub const FILTER_IDLE_MAX: Duration = Duration::from_secs(5 * 60);
/// Blocks of one `eth_getLogs`.
pub const LOG_BLOCKS_MAX: u64 = 100_000;
/// Logs of one `eth_getLogs`.
pub const LOG_RESULTS_MAX: usize = 20_000;
/// Addresses of one log filter.
pub const LOG_ADDRESSES_MAX: usize = 1_000;
/// Alternatives at one topic position of a log filter.
pub const LOG_TOPICS_MAX: usize = 1_000;
/// Topic positions: the EVM has LOG0 to LOG4.
pub const TOPIC_POSITIONS: usize = 4;
/// Blocks that the log index names at once while `eth_getLogs` walks them.
pub const LOG_INDEX_PAGE: usize = 1_024;
/// Gas of one call or estimate (`--rpc.gascap`).
pub const CALL_GAS_MAX: u64 = 50_000_000;
/// Time of one call or estimate (`--rpc.evmtimeout`).
pub const CALL_TIME_MAX: Duration = Duration::from_secs(5);
/// Fee of a submitted transaction, wei (`--rpc.txfeecap`); zero for none.
pub const TRANSACTION_FEE_MAX: U256 = U256::from_limbs([1_000_000_000_000_000_000, 0, 0, 0]);
/// Calls, estimates, proofs, log queries and historic reads that run at the same time.
pub const HEAVY_RUNNING_MAX: usize = 8;
/// Heavy requests that wait for their turn; more are refused.
pub const HEAVY_WAITING_MAX: usize = 1_024;
/// Blocks of one `eth_feeHistory`.
pub const FEE_HISTORY_BLOCKS_MAX: u64 = 1_024;
/// Percentiles of one `eth_feeHistory`.
pub const FEE_HISTORY_PERCENTILES_MAX: usize = 100;
/// Slots of one `eth_getProof` or `eth_getStorageValues`.
pub const SLOTS_MAX: usize = 1_024;
/// Rows in one answer about a table: values of 24 KiB each stay within the largest answer.
pub const DATABASE_ROWS_MAX: usize = 128;
/// Observations in one answer: each has a raw log or call of some kilobytes at most beside it.
pub const OBSERVATIONS_MAX: usize = 256;
/// Values of one criterion of a filter of observations: each is a place in the index that is read side by side with the others.
pub const OBSERVATION_VALUES_MAX: usize = 64;
/// How long a question waits for the index, which follows the head by milliseconds; then it is answered from what there is.
pub const OBSERVATION_WAIT_MAX: Duration = Duration::from_secs(2);
/// Calls of one simulation, in all its blocks: what a block of plain transfers holds. Gas and time are limited besides.
pub const SIMULATED_CALLS_MAX: usize = 2_048;
/// Accounts in the state overrides of one call, and slots of one of them.
pub const OVERRIDES_MAX: usize = 4_096;
/// How long `eth_sendRawTransactionSync` waits if the caller does not say.
pub const SYNC_TIME_DEFAULT: Duration = Duration::from_secs(20);
/// How long `eth_sendRawTransactionSync` waits at most.
pub const SYNC_TIME_MAX: Duration = Duration::from_secs(60);
/// Bytes that `web3_sha3` hashes.
pub const SHA3_BYTES_MAX: usize = 1024 * 1024;
/// How long a stopping server waits for requests under way.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// The limits that an operator may turn.
#[derive(Debug, Clone)]
pub struct RpcLimits {
    /// See [`REQUEST_BYTES_MAX`].
    pub request_bytes_max: u32,
    /// See [`RESPONSE_BYTES_MAX`].
    pub response_bytes_max: u32,
    /// See [`BATCH_ENTRIES_MAX`].
    pub batch_entries_max: u32,
    /// See [`CONNECTIONS_MAX`].
    pub connections_max: u32,
    /// See [`SUBSCRIPTIONS_MAX`].
    pub subscriptions_max: u32,
    /// See [`WS_MESSAGES_MAX`]; at least 1.
    pub ws_messages_max: u32,
    /// See [`WS_SEND_TIME_MAX`].
    pub ws_send_time_max: Duration,
    /// See [`FILTERS_MAX`].
    pub filters_max: usize,
    /// See [`LOG_BLOCKS_MAX`].
    pub log_blocks_max: u64,
    /// See [`LOG_RESULTS_MAX`].
    pub log_results_max: usize,
    /// See [`CALL_GAS_MAX`].
    pub call_gas_max: u64,
    /// See [`CALL_TIME_MAX`].
    pub call_time_max: Duration,
    /// See [`TRANSACTION_FEE_MAX`].
    pub transaction_fee_max: U256,
    /// See [`HEAVY_RUNNING_MAX`].
    pub heavy_running_max: usize,
    /// See [`HEAVY_WAITING_MAX`].
    pub heavy_waiting_max: usize,
    /// See [`SYNC_TIME_DEFAULT`].
    pub sync_time_default: Duration,
    /// See [`SYNC_TIME_MAX`].
    pub sync_time_max: Duration,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            request_bytes_max: REQUEST_BYTES_MAX,
            response_bytes_max: RESPONSE_BYTES_MAX,
            batch_entries_max: BATCH_ENTRIES_MAX,
            connections_max: CONNECTIONS_MAX,
            subscriptions_max: SUBSCRIPTIONS_MAX,
            ws_messages_max: WS_MESSAGES_MAX,
            ws_send_time_max: WS_SEND_TIME_MAX,
            filters_max: FILTERS_MAX,
            log_blocks_max: LOG_BLOCKS_MAX,
            log_results_max: LOG_RESULTS_MAX,
            call_gas_max: CALL_GAS_MAX,
            call_time_max: CALL_TIME_MAX,
            transaction_fee_max: TRANSACTION_FEE_MAX,
            heavy_running_max: HEAVY_RUNNING_MAX,
            heavy_waiting_max: HEAVY_WAITING_MAX,
            sync_time_default: SYNC_TIME_DEFAULT,
            sync_time_max: SYNC_TIME_MAX,
        }
    }
}
