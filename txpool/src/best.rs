//! [`BestTransactions`]: the order in which the pool offers its transactions to a block.
use crate::{PooledTransaction, state::PoolState};
use parking_lot::Mutex;
use pervade_evm_ext::{ProposalTransaction, TransactionSource};
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, vec};

/// How many of a sender's transactions are looked up at once: few locks, and little done in vain.
const LOOKUP_TRANSACTIONS: usize = 32;

/// The best transactions, one by one: highest tip at the block's base fee first, at one tip the one that came first,
/// each sender's in nonce order. What the base fee exceeds is not offered, nor what follows it from its sender.
///
/// A heap holds one candidate a sender, so that each costs O(log senders), and no transaction is cloned. The first
/// candidates are those at the call of `TxPool::best`; a sender's later ones are looked up when their turn
/// comes, so a replacement or a new arrival in the meantime is offered too.
pub struct BestTransactions {
    pool: Arc<Mutex<PoolState>>,
    base_fee: Option<u64>,
    candidates: BinaryHeap<Candidate>,
    /// The last one given, whose successor is not a candidate yet.
    last: Option<Candidate>,
}

struct Candidate {
    tip: u128,
    transaction: Arc<PooledTransaction>,
    /// Successors that were looked up already.
    following: vec::IntoIter<Arc<PooledTransaction>>,
}

impl BestTransactions {
    pub(crate) fn new(pool: Arc<Mutex<PoolState>>, base_fee: Option<u64>) -> Self {
        let state = pool.lock();
        let firsts = state.senders.values().filter_map(|queue| {
            let transaction = queue.first_executable()?;
            let tip = transaction.effective_tip(base_fee)?;
            Some(Candidate { tip, transaction: transaction.clone(), following: Vec::new().into_iter() })
        });
        let candidates = firsts.collect();
        drop(state);
        Self { pool, base_fee, candidates, last: None }
    }

    /// Makes the successor of the last one given a candidate.
    fn advance(&mut self) {
        let Some(Candidate { transaction: last, mut following, .. }) = self.last.take() else { return };
        if following.len() == 0 {
            following = self.look_up(&last).into_iter();
        }
        let Some(transaction) = following.next() else { return };
        if let Some(tip) = transaction.effective_tip(self.base_fee) {
            self.candidates.push(Candidate { tip, transaction, following });
        }
    }

    fn look_up(&self, last: &PooledTransaction) -> Vec<Arc<PooledTransaction>> {
        let Some(nonce) = last.nonce.checked_add(1) else { return Vec::new() };
        let state = self.pool.lock();
        let Some(queue) = state.senders.get(&last.sender) else { return Vec::new() };
        // A head that came in between may have taken the successor: what comes after it is for the next call.
        let found = queue.executable_from(nonce, LOOKUP_TRANSACTIONS);
        found.zip(nonce..).take_while(|(tx, nonce)| tx.nonce == *nonce).map(|(tx, _)| tx.clone()).collect()
    }
}

impl TransactionSource for BestTransactions {
    fn next(&mut self) -> Option<ProposalTransaction> {
        self.advance();
        let best = self.candidates.pop()?;
        let offer = ProposalTransaction {
            transaction: best.transaction.transaction.clone(),
            hash: best.transaction.hash,
            sender: best.transaction.sender,
        };
        self.last = Some(best);
        Some(offer)
    }

    fn refuse(&mut self) {
        self.last = None;
    }
}

impl Candidate {
    fn rank(&self) -> (u128, Reverse<u64>) {
        (self.tip, Reverse(self.transaction.order))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Candidate {}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank().cmp(&other.rank())
    }
}
