//! Limits of the pool.

/// Largest encoded transaction, bytes (geth's limit: four slots of 32 KiB).
pub const TRANSACTION_BYTES_MAX: usize = 128 * 1024;

/// Largest encoded blob transaction with its blobs, bytes (geth's limit): six blobs of 128 KiB and their proofs fit.
pub const BLOB_TRANSACTION_BYTES_MAX: usize = 1024 * 1024;

/// Largest lifetime a configuration may ask for, seconds: a year. Keeps additions to clocks far from overflow.
pub const QUEUED_LIFETIME_S_MAX: u64 = 365 * 24 * 3600;

/// What an operator may turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// Transactions of one sender.
    pub sender_transactions_max: usize,
    /// Transactions in all.
    pub transactions_max: usize,
    /// Encoded bytes of all transactions.
    pub bytes_max: usize,
    /// Percent by which a replacement must raise both fee fields.
    pub price_bump_percent: u64,
    /// Seconds a transaction may wait behind a nonce gap (or for a balance that covers it).
    pub queued_lifetime_s: u64,
    /// Least tip, wei.
    pub min_tip: u128,
}

impl Default for PoolConfig {
    /// Room for a few hundred busy senders. A pooled transfer takes some 700 bytes of memory, so a full pool of
    /// transfers stays near 140 MB, and one of large transactions near 200 MB.
    fn default() -> Self {
        Self {
            sender_transactions_max: 4_096,
            transactions_max: 200_000,
            bytes_max: 128 * 1024 * 1024,
            price_bump_percent: 10,
            queued_lifetime_s: 3 * 3600,
            min_tip: 0,
        }
    }
}
