//! [`Model`]: what the chain's transactions should have done, in plain maps.
use super::chain::{COUNTER, Effect, FUNDS, SignedTransaction, senders, transaction};
use alloy_primitives::{Address, B256, U256};
use pervade_storage::{StateReader, StateView};
use std::collections::{BTreeMap, BTreeSet};

/// Balances, nonces and counters after some blocks. Knows nothing of gas, tries, journals or the EVM.
#[derive(Debug, Clone)]
pub struct Model {
    balances: BTreeMap<Address, u64>,
    nonces: BTreeMap<Address, u64>,
    counters: BTreeMap<Address, u64>,
    included: BTreeSet<B256>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            balances: senders().map(|sender| (sender, FUNDS)).collect(),
            nonces: senders().map(|sender| (sender, 0)).collect(),
            counters: senders().map(|sender| (sender, 0)).collect(),
            included: BTreeSet::new(),
        }
    }
}

impl Model {
    /// Whether a block had it.
    pub fn includes(&self, hash: &B256) -> bool {
        self.included.contains(hash)
    }

    /// Transactions in blocks so far.
    pub fn transactions(&self) -> usize {
        self.included.len()
    }

    /// A block with these transactions.
    ///
    /// # Errors
    /// One that nobody signed, that was in a block already, or out of turn.
    pub fn apply(&mut self, beneficiary: Address, transactions: &[B256]) -> Result<(), String> {
        for hash in transactions {
            let signed = transaction(hash).ok_or_else(|| format!("nobody signed transaction {hash}"))?;
            if !self.included.insert(*hash) {
                return Err(format!("transaction {hash} is in two blocks"));
            }
            self.apply_one(beneficiary, signed)?;
        }
        Ok(())
    }

    fn apply_one(&mut self, beneficiary: Address, signed: &SignedTransaction) -> Result<(), String> {
        let nonce = self.nonces.entry(signed.sender).or_default();
        if *nonce != signed.nonce {
            return Err(format!("nonce {} of {} came when {nonce} was due", signed.nonce, signed.sender));
        }
        *nonce += 1;
        match signed.effect {
            Effect::Transfer { to, value, fee } => {
                *self.balances.entry(signed.sender).or_default() -= value + fee;
                *self.balances.entry(to).or_default() += value;
                *self.balances.entry(beneficiary).or_default() += fee;
            }
            Effect::Add { amount } => *self.counters.entry(signed.sender).or_default() += amount,
        }
        Ok(())
    }

    /// Compares a node's state.
    ///
    /// # Errors
    /// The first difference.
    pub fn check(&self, state: &StateView) -> Result<(), String> {
        for (address, expected) in &self.balances {
            let account = state.account(address).map_err(|error| error.to_string())?;
            let (balance, sent) = account.map_or((U256::ZERO, 0), |account| (account.balance, account.nonce));
            if balance != U256::from(*expected) {
                return Err(format!("{address} has {balance} wei, the model says {expected}"));
            }
            let nonce = self.nonces.get(address).copied().unwrap_or_default();
            if sent != nonce {
                return Err(format!("{address} has nonce {sent}, the model says {nonce}"));
            }
        }
        for (address, expected) in &self.counters {
            let slot = U256::from_be_slice(address.as_slice());
            let value = state.storage(&COUNTER, &slot).map_err(|error| error.to_string())?;
            if value != U256::from(*expected) {
                return Err(format!("the counter of {address} is {value}, the model says {expected}"));
            }
        }
        Ok(())
    }
}
