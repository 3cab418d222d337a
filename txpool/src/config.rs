//! Limits of the pool.

/// What an operator may turn.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Transactions of one sender.
    pub sender_transactions_max: usize,
    /// Transactions in all.
    pub transactions_max: usize,
    /// Encoded bytes of all transactions.
    pub bytes_max: usize,
    /// Percent by which a replacement must raise both fee fields.
    pub price_bump_percent: u64,
    /// Seconds a transaction may wait behind a nonce gap.
    pub queued_lifetime_s: u64,
    /// Least tip, wei.
    pub min_tip: u128,
}
