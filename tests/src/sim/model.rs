//! [`Model`]: what the chain's transactions should have done, in plain maps.
use super::{
    chain::{COUNTER, Effect, FUNDS, SignedTransaction, senders, transaction},
    electorate::Electorate,
};
use alloy_primitives::{Address, B256, U256};
use pervade_chainspec::params::SYSTEM_ACCOUNT;
use pervade_storage::{RecoveredBlock, StateReader, StateView};
use std::collections::{BTreeMap, BTreeSet};

/// Balances, nonces, counters and validators after some blocks. Knows nothing of gas, tries, journals or the EVM.
#[derive(Debug, Clone)]
pub struct Model {
    balances: BTreeMap<Address, u64>,
    nonces: BTreeMap<Address, u64>,
    counters: BTreeMap<Address, u64>,
    /// What validators' accounts have signed so far.
    announced: BTreeMap<B256, SignedTransaction>,
    included: BTreeSet<B256>,
    electorate: Electorate,
}

impl Model {
    /// The genesis of a chain with so many equal validators.
    pub fn new(validators: usize) -> Self {
        Self {
            balances: senders().map(|sender| (sender, FUNDS)).collect(),
            nonces: senders().map(|sender| (sender, 0)).collect(),
            counters: senders().map(|sender| (sender, 0)).collect(),
            announced: BTreeMap::new(),
            included: BTreeSet::new(),
            electorate: Electorate::new(validators),
        }
    }

    /// Who validates.
    pub fn electorate(&self) -> &Electorate {
        &self.electorate
    }

    /// The same, to ask for what was met.
    pub fn electorate_mut(&mut self) -> &mut Electorate {
        &mut self.electorate
    }

    /// A validator's account has signed this.
    pub fn announced(&mut self, signed: &SignedTransaction) {
        self.announced.insert(signed.hash, signed.clone());
    }

    /// Whether a block had it.
    pub fn includes(&self, hash: &B256) -> bool {
        self.included.contains(hash)
    }

    /// Transactions in blocks so far.
    pub fn transactions(&self) -> usize {
        self.included.len()
    }

    /// The next block.
    ///
    /// # Errors
    /// A transaction that nobody signed, that was in a block already, or out of turn; a system transaction too many, or one
    /// that is missing.
    pub fn apply(&mut self, block: &RecoveredBlock) -> Result<(), String> {
        let (number, beneficiary) = (block.number(), block.header().beneficiary);
        let transactions = block.block.body.transactions.iter().map(|transaction| *transaction.tx_hash());
        let mut system = 0;
        for (hash, sender) in transactions.zip(&block.senders) {
            if *sender == SYSTEM_ACCOUNT {
                system += 1;
                continue;
            }
            if system > 0 {
                return Err(format!("transaction {hash} follows a system transaction"));
            }
            let announced = self.announced.get(&hash);
            let signed = announced.or_else(|| transaction(&hash)).cloned();
            let signed = signed.ok_or_else(|| format!("nobody signed transaction {hash}"))?;
            if !self.included.insert(hash) {
                return Err(format!("transaction {hash} is in two blocks"));
            }
            self.apply_one(number, beneficiary, &signed)?;
        }
        let expected = usize::from(self.electorate.has_tail(number));
        if system != expected {
            return Err(format!("{system} system transactions, {expected} are due"));
        }
        if expected == 1 {
            self.electorate.tail(number);
        }
        Ok(())
    }

    fn apply_one(&mut self, number: u64, beneficiary: Address, signed: &SignedTransaction) -> Result<(), String> {
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
            Effect::Propose { proposer, change } => self.electorate.propose(number, signed.hash, proposer, change),
            Effect::Vote { voter, proposal, support } => self.electorate.vote(number, proposal, voter, support),
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
