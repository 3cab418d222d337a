//! [`PoolState`]: what is in the pool, as a pure structure. No clock, no disk, no lock.
use crate::{
    PoolConfig, PoolContent, PoolError, PoolStatus, PooledTransaction,
    rules::NextBlockRules,
    sender::{EvictionKey, SenderAccount, SenderQueue},
};
use alloy_primitives::{
    Address, B256, U256,
    map::{AddressMap, AddressSet, B256Map},
};
use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

/// Accounts remembered of senders that have nothing in the pool: as many as one block can hold and more.
const RECENT_SENDERS_MAX: usize = 65_536;

/// All transactions, by sender and by hash.
pub(crate) struct PoolState {
    config: PoolConfig,
    rules: Arc<NextBlockRules>,
    /// Number of the block that `rules` and all accounts here belong to.
    head: u64,
    pub(crate) senders: AddressMap<SenderQueue>,
    by_hash: B256Map<Arc<PooledTransaction>>,
    /// Senders of the head block that have nothing here: they are likely to send again.
    recent: AddressMap<SenderAccount>,
    eviction_order: BTreeSet<EvictionKey>,
    bytes: usize,
    executable: usize,
    arrivals: u64,
}

/// What [`PoolState::insert`] did.
#[derive(Debug)]
pub(crate) enum Insertion {
    /// It is in; these became executable (this one, and what it bridged a gap to).
    Added(Vec<Arc<PooledTransaction>>),
    /// The sender is not known here: ask again with its account as of the head, or later.
    AccountNeeded,
}

/// A sender's account, and the number of the block it was read at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AccountAt {
    pub(crate) block: u64,
    pub(crate) account: SenderAccount,
}

/// Where an inserted transaction comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// From a client: it must be payable now.
    Client,
    /// From the journal: it was accepted before, and waits until it is payable.
    Journal,
}

impl PoolState {
    pub(crate) fn new(config: PoolConfig, rules: Arc<NextBlockRules>, head: u64) -> Self {
        Self {
            config,
            rules,
            head,
            senders: AddressMap::default(),
            by_hash: B256Map::default(),
            recent: AddressMap::default(),
            eviction_order: BTreeSet::new(),
            bytes: 0,
            executable: 0,
            arrivals: 0,
        }
    }

    pub(crate) fn rules(&self) -> &Arc<NextBlockRules> {
        &self.rules
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&Arc<PooledTransaction>> {
        self.by_hash.get(hash)
    }

    /// Encoded bytes of all transactions.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn len(&self) -> usize {
        self.by_hash.len()
    }

    pub(crate) fn status(&self) -> PoolStatus {
        PoolStatus { pending: self.executable, queued: self.by_hash.len().saturating_sub(self.executable) }
    }

    /// Something executable pays the next block's base fee.
    pub(crate) fn has_offers(&self) -> bool {
        self.senders.values().any(|queue| {
            queue.first_executable().is_some_and(|first| first.effective_tip(self.rules.base_fee).is_some())
        })
    }

    pub(crate) fn add_content(&self, sender: &Address, content: &mut PoolContent) {
        let Some(queue) = self.senders.get(sender) else { return };
        for (nonce, transaction) in &queue.transactions {
            let side = if queue.is_executable(*nonce) { &mut content.pending } else { &mut content.queued };
            side.entry(*sender).or_default().insert(*nonce, PooledTransaction::clone(transaction));
        }
    }

    /// All transactions in order of arrival.
    pub(crate) fn by_arrival(&self) -> Vec<Arc<PooledTransaction>> {
        let mut all: Vec<_> = self.by_hash.values().cloned().collect();
        all.sort_unstable_by_key(|transaction| transaction.order);
        all
    }

    /// Adds a transaction that passed [`NextBlockRules::check`].
    ///
    /// # Errors
    /// What geth's pool checks against state and pool: nonce, funds, replacement, limits. Nothing changed then.
    pub(crate) fn insert(
        &mut self,
        transaction: &PooledTransaction,
        read: Option<AccountAt>,
        origin: Origin,
        now: Instant,
    ) -> Result<Insertion, PoolError> {
        if self.by_hash.contains_key(&transaction.hash) {
            return Err(PoolError::AlreadyKnown);
        }
        let sender = transaction.sender;
        let read = read.filter(|read| read.block >= self.head).map(|read| read.account);
        let known = self.senders.get(&sender).map(|queue| queue.account);
        let Some(account) = known.or_else(|| self.recent.get(&sender).copied()).or(read) else {
            return Ok(Insertion::AccountNeeded);
        };
        if transaction.nonce < account.nonce {
            return Err(PoolError::NonceTooLow { next: account.nonce, nonce: transaction.nonce });
        }
        if origin == Origin::Client {
            self.check_funds(transaction, &account)?;
        }
        let replaced = self.check_replacement(transaction)?;
        if let Some(old) = replaced {
            self.make_room(transaction, Some(&old))?;
            return Ok(Insertion::Added(self.swap(&old, transaction, now)));
        }
        let own_tail = self.check_sender_limit(transaction)?;
        self.make_room(transaction, own_tail.as_deref())?;
        if let Some(tail) = own_tail {
            self.forget(&tail);
        }
        Ok(Insertion::Added(self.link(transaction, account, now)))
    }

    fn check_funds(&self, transaction: &PooledTransaction, account: &SenderAccount) -> Result<(), PoolError> {
        let (balance, cost) = (account.balance, transaction.cost);
        if cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost });
        }
        let Some(queue) = self.senders.get(&transaction.sender) else { return Ok(()) };
        let queued = queue.executable_cost;
        let old = queue.transactions.get(&transaction.nonce).filter(|old| queue.is_executable(old.nonce));
        let needed = queued.saturating_sub(old.map_or(U256::ZERO, |old| old.cost)).saturating_add(cost);
        if needed > balance {
            let added = old.map_or(cost, |old| cost.saturating_sub(old.cost));
            return Err(PoolError::Overdraft { balance, queued, cost: added, replaces: old.is_some() });
        }
        Ok(())
    }

    /// The transaction whose place this one takes.
    fn check_replacement(&self, new: &PooledTransaction) -> Result<Option<Arc<PooledTransaction>>, PoolError> {
        let Some(old) = self.senders.get(&new.sender).and_then(|queue| queue.transactions.get(&new.nonce)) else {
            return Ok(None);
        };
        let percent = u128::from(self.config.price_bump_percent).saturating_add(100);
        let bumped = |new: u128, old: u128| {
            new > old && U256::from(new) >= U256::from(old) * U256::from(percent) / U256::from(100)
        };
        if bumped(new.fee_cap, old.fee_cap) && bumped(new.tip_cap, old.tip_cap) {
            Ok(Some(old.clone()))
        } else {
            Err(PoolError::ReplacementUnderpriced)
        }
    }

    /// A sender that has its number may still fill a gap: then its own last one goes.
    fn check_sender_limit(&self, new: &PooledTransaction) -> Result<Option<Arc<PooledTransaction>>, PoolError> {
        let Some(queue) = self.senders.get(&new.sender) else { return Ok(None) };
        let pooled = queue.transactions.len();
        if pooled < self.config.sender_transactions_max {
            return Ok(None);
        }
        match queue.transactions.last_key_value() {
            Some((last, tail)) if new.nonce < *last => Ok(Some(tail.clone())),
            _ => Err(PoolError::AccountLimit { pooled }),
        }
    }

    /// Evicts the cheapest tails of other senders until the new transaction fits in place of `leaving`. All or nothing.
    fn make_room(&mut self, new: &PooledTransaction, leaving: Option<&PooledTransaction>) -> Result<(), PoolError> {
        let leaving_bytes = leaving.map_or(0, |transaction| transaction.bytes);
        let leaving_count = usize::from(leaving.is_some());
        let mut evicted = Vec::new();
        loop {
            let bytes = self.bytes.saturating_sub(leaving_bytes).saturating_add(new.bytes);
            let count = self.len().saturating_sub(leaving_count).saturating_add(1);
            if bytes <= self.config.bytes_max && count <= self.config.transactions_max {
                return Ok(());
            }
            match self.cheapest_tail(new) {
                Some((tail, account)) => {
                    self.forget(&tail);
                    evicted.push((tail, account));
                }
                None => {
                    for (transaction, account) in evicted.into_iter().rev() {
                        let arrived = transaction.arrived;
                        self.add(transaction, account, arrived);
                    }
                    return Err(PoolError::Underpriced);
                }
            }
        }
    }

    /// The first tail in the eviction order that gives way to `new`: it pays less, or as much and its sender has more.
    fn cheapest_tail(&self, new: &PooledTransaction) -> Option<(Arc<PooledTransaction>, SenderAccount)> {
        let (.., sender) = self.eviction_order.iter().find(|(.., sender)| *sender != new.sender)?;
        let victims = self.senders.get(sender)?;
        let (_, tail) = victims.transactions.last_key_value()?;
        let own = self.senders.get(&new.sender).map_or(0, |queue| queue.transactions.len());
        let price = (tail.fee_cap, tail.tip_cap).cmp(&(new.fee_cap, new.tip_cap));
        (price.is_lt() || price.is_eq() && victims.transactions.len() > own.saturating_add(1))
            .then(|| (tail.clone(), victims.account))
    }

    fn numbered(&mut self, transaction: &PooledTransaction) -> Arc<PooledTransaction> {
        self.arrivals = self.arrivals.saturating_add(1);
        Arc::new(PooledTransaction { order: self.arrivals, ..transaction.clone() })
    }

    /// Adds a transaction with a nonce that is free here; what became executable.
    fn link(
        &mut self,
        transaction: &PooledTransaction,
        account: SenderAccount,
        now: Instant,
    ) -> Vec<Arc<PooledTransaction>> {
        let transaction = self.numbered(transaction);
        self.recent.remove(&transaction.sender);
        self.add(transaction, account, now)
    }

    fn add(
        &mut self,
        transaction: Arc<PooledTransaction>,
        account: SenderAccount,
        now: Instant,
    ) -> Vec<Arc<PooledTransaction>> {
        let sender = transaction.sender;
        self.bytes = self.bytes.saturating_add(transaction.bytes);
        self.by_hash.insert(transaction.hash, transaction.clone());
        let queue = self.senders.entry(sender).or_insert_with(|| SenderQueue::new(account, now));
        queue.active = now;
        queue.transactions.insert(transaction.nonce, transaction);
        let promoted = queue.promote();
        let promoted: Vec<_> = queue.executable_from(promoted.start, usize::MAX).cloned().collect();
        self.executable = self.executable.saturating_add(promoted.len());
        self.reindex(&sender);
        promoted
    }

    /// Puts a transaction in the place of another one; what became executable, the new one included if the old one was.
    fn swap(&mut self, old: &PooledTransaction, new: &PooledTransaction, now: Instant) -> Vec<Arc<PooledTransaction>> {
        let new = self.numbered(new);
        self.by_hash.remove(&old.hash);
        self.by_hash.insert(new.hash, new.clone());
        self.bytes = self.bytes.saturating_sub(old.bytes).saturating_add(new.bytes);
        let sender = new.sender;
        let Some(queue) = self.senders.get_mut(&sender) else { return Vec::new() };
        let executable_before = queue.executable;
        let end_before = queue.next_nonce();
        queue.active = now;
        queue.transactions.insert(new.nonce, new.clone());
        let later = queue.recount(end_before);
        let mut promoted = Vec::new();
        if new.nonce < end_before && queue.is_executable(new.nonce) {
            promoted.push(new);
        }
        promoted.extend(queue.executable_from(later.start, usize::MAX).cloned());
        self.executable = self.executable.saturating_sub(executable_before).saturating_add(queue.executable);
        self.reindex(&sender);
        promoted
    }

    /// Takes one transaction out; those behind it become queued.
    fn forget(&mut self, gone: &PooledTransaction) {
        let Some(queue) = self.senders.get_mut(&gone.sender) else { return };
        if queue.transactions.remove(&gone.nonce).is_none() {
            return;
        }
        self.by_hash.remove(&gone.hash);
        self.bytes = self.bytes.saturating_sub(gone.bytes);
        let executable_before = queue.executable;
        if gone.nonce.checked_add(1) == Some(queue.next_nonce()) {
            queue.executable = queue.executable.saturating_sub(1);
            queue.executable_cost = queue.executable_cost.saturating_sub(gone.cost);
        } else if queue.is_executable(gone.nonce) {
            queue.recount(u64::MAX);
        }
        self.executable = self.executable.saturating_sub(executable_before.saturating_sub(queue.executable));
        self.reindex(&gone.sender);
    }

    /// Brings a sender's entry in the eviction order up to date, and drops a sender without transactions.
    fn reindex(&mut self, sender: &Address) {
        let Some(queue) = self.senders.get_mut(sender) else { return };
        let key = queue.current_eviction_key(*sender);
        if key == queue.eviction_key {
            return;
        }
        let old = std::mem::replace(&mut queue.eviction_key, key);
        if let Some(old) = old {
            self.eviction_order.remove(&old);
        }
        match key {
            Some(key) => {
                self.eviction_order.insert(key);
            }
            None => {
                let account = queue.account;
                self.senders.remove(sender);
                self.remember(*sender, account);
            }
        }
    }

    /// Takes transactions out by hash.
    pub(crate) fn remove(&mut self, hashes: &[B256]) {
        for hash in hashes {
            if let Some(gone) = self.by_hash.get(hash).cloned() {
                self.forget(&gone);
            }
        }
    }

    /// Takes the block `head` over. `senders`: of its transactions. `changed`: all accounts that it changed; `as_sender`
    /// is asked for those that matter here, and says `None` of one that cannot send. What became executable.
    pub(crate) fn advance<'a, A: Copy>(
        &mut self,
        head: u64,
        rules: NextBlockRules,
        senders: &[Address],
        changed: impl Iterator<Item = (&'a Address, A)>,
        as_sender: impl Fn(&Address, A) -> Option<SenderAccount>,
        now: Instant,
    ) -> Vec<Arc<PooledTransaction>> {
        self.head = head;
        let stricter = rules.stricter_than(&self.rules);
        self.rules = Arc::new(rules);
        self.recent.clear();
        let of_block: AddressSet = senders.iter().copied().collect();
        let mut promoted = Vec::new();
        for (address, account) in changed {
            let pooled = self.senders.contains_key(address);
            if !pooled && !of_block.contains(address) {
                continue;
            }
            match as_sender(address, account) {
                Some(account) if pooled => self.update_sender(address, account, now, &mut promoted),
                Some(account) => self.remember(*address, account),
                None => self.drop_sender(address),
            }
        }
        if stricter {
            self.recheck_rules();
        }
        promoted
    }

    /// Keeps the account of a sender that has nothing here.
    fn remember(&mut self, sender: Address, account: SenderAccount) {
        if self.recent.len() < RECENT_SENDERS_MAX {
            self.recent.insert(sender, account);
        }
    }

    fn update_sender(
        &mut self,
        sender: &Address,
        account: SenderAccount,
        now: Instant,
        promoted: &mut Vec<Arc<PooledTransaction>>,
    ) {
        let Some(queue) = self.senders.get_mut(sender) else { return };
        if queue.account == account {
            return;
        }
        let executable_before = queue.executable;
        let end_before = queue.next_nonce();
        queue.account = account;
        queue.active = now;
        let kept = queue.transactions.split_off(&account.nonce);
        for gone in std::mem::replace(&mut queue.transactions, kept).into_values() {
            self.by_hash.remove(&gone.hash);
            self.bytes = self.bytes.saturating_sub(gone.bytes);
        }
        let new = queue.recount(end_before);
        promoted.extend(queue.executable_from(new.start, usize::MAX).cloned());
        self.executable = self.executable.saturating_sub(executable_before).saturating_add(queue.executable);
        self.reindex(sender);
    }

    fn drop_sender(&mut self, sender: &Address) {
        let Some(queue) = self.senders.get(sender) else { return };
        let all: Vec<_> = queue.transactions.values().cloned().collect();
        for gone in all.iter().rev() {
            self.forget(gone);
        }
        self.recent.remove(sender);
    }

    /// A fork or a smaller gas limit: what the next block would refuse goes.
    fn recheck_rules(&mut self) {
        let rules = self.rules.clone();
        let refused: Vec<_> =
            self.by_hash.values().filter(|tx| rules.check(&tx.transaction).is_err()).map(|tx| tx.hash).collect();
        self.remove(&refused);
    }

    /// Drops what has waited behind a gap for its lifetime without anything new from its sender.
    pub(crate) fn expire(&mut self, now: Instant) {
        let lifetime = Duration::from_secs(self.config.queued_lifetime_s);
        let expired: Vec<_> = self
            .senders
            .values()
            .filter(|queue| queue.queued() > 0 && now.saturating_duration_since(queue.active) > lifetime)
            .flat_map(|queue| queue.transactions.values().skip(queue.executable).map(|tx| tx.hash))
            .collect();
        self.remove(&expired);
    }
}
