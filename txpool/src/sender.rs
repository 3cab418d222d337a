//! One sender's transactions, in nonce order.
//!
//! ```text
//! account nonce ─▶ n   n+1   n+2   │  n+5   n+6
//!                  └─ executable ─┘   └ queued ┘   (n+3 is missing, or the balance ends at n+2)
//! ```
//! Executable is the longest run of nonces from the account's own whose summed costs its balance covers.
use crate::PooledTransaction;
use alloy_primitives::{Address, U256};
use std::{cmp::Reverse, collections::BTreeMap, ops::Range, sync::Arc, time::Instant};

/// What the pool needs to know of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct SenderAccount {
    pub(crate) nonce: u64,
    /// Wei.
    pub(crate) balance: U256,
}

/// Which tail goes first when the pool is full: the lowest fee cap, then tip cap; at one price that of the sender
/// with the most transactions, so that a network without fees stays fair; then the newest.
pub(crate) type EvictionKey = (u128, u128, Reverse<usize>, Reverse<u64>, Address);

/// One sender's transactions. Never empty inside the pool.
#[derive(Debug)]
pub(crate) struct SenderQueue {
    pub(crate) account: SenderAccount,
    pub(crate) transactions: BTreeMap<u64, Arc<PooledTransaction>>,
    /// How many of them are executable: the first ones.
    pub(crate) executable: usize,
    /// Summed cost of these.
    pub(crate) executable_cost: U256,
    /// When something last came or moved: what waits longer than its lifetime after this is dropped.
    pub(crate) active: Instant,
    /// Its entry in the pool's eviction order.
    pub(crate) eviction_key: Option<EvictionKey>,
}

impl SenderQueue {
    pub(crate) fn new(account: SenderAccount, now: Instant) -> Self {
        Self {
            account,
            transactions: BTreeMap::new(),
            executable: 0,
            executable_cost: U256::ZERO,
            active: now,
            eviction_key: None,
        }
    }

    /// Nonce after the executable ones.
    pub(crate) fn next_nonce(&self) -> u64 {
        self.account.nonce.saturating_add(self.executable as u64)
    }

    pub(crate) fn is_executable(&self, nonce: u64) -> bool {
        (self.account.nonce..self.next_nonce()).contains(&nonce)
    }

    pub(crate) fn queued(&self) -> usize {
        self.transactions.len().saturating_sub(self.executable)
    }

    pub(crate) fn first_executable(&self) -> Option<&Arc<PooledTransaction>> {
        if self.executable == 0 { None } else { self.transactions.values().next() }
    }

    /// Up to `limit` executable transactions from `nonce` on.
    pub(crate) fn executable_from(
        &self,
        nonce: u64,
        limit: usize,
    ) -> impl Iterator<Item = &Arc<PooledTransaction>> + '_ {
        let end = self.next_nonce().max(nonce);
        self.transactions.range(nonce..end).map(|(_, transaction)| transaction).take(limit)
    }

    /// Takes what follows the executable run into it; the nonces that became executable.
    pub(crate) fn promote(&mut self) -> Range<u64> {
        let start = self.next_nonce();
        let mut next = start;
        for (nonce, transaction) in self.transactions.range(start..) {
            let cost = self.executable_cost.saturating_add(transaction.cost);
            if *nonce != next || cost > self.account.balance {
                break;
            }
            self.executable = self.executable.saturating_add(1);
            self.executable_cost = cost;
            next = next.saturating_add(1);
        }
        start..next
    }

    /// Counts the executable run again, after the account or something inside the run changed; the nonces that
    /// are executable now and were not before (`before`: the run's end then).
    pub(crate) fn recount(&mut self, before: u64) -> Range<u64> {
        self.executable = 0;
        self.executable_cost = U256::ZERO;
        let run = self.promote();
        before.clamp(run.start, run.end)..run.end
    }

    pub(crate) fn current_eviction_key(&self, sender: Address) -> Option<EvictionKey> {
        let (_, tail) = self.transactions.last_key_value()?;
        Some((tail.fee_cap, tail.tip_cap, Reverse(self.transactions.len()), Reverse(tail.order), sender))
    }
}
