//! The pool against a model that knows nothing of counters and indices.
use super::*;
use crate::{
    BestTransactions,
    state::{Insertion, Origin},
};
use pervade_evm_ext::TransactionSource;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Insert { sender: u8, nonce: u64, fee_cap: u8, tip_cap: u8 },
    Block { sender: u8, nonces: u64, balance: u64 },
    Remove { index: usize },
    BaseFee { wei: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..4_u8, 0..8_u64, 0..40_u8, 0..40_u8)
            .prop_map(|(sender, nonce, fee_cap, tip_cap)| Step::Insert { sender, nonce, fee_cap, tip_cap }),
        2 => (0..4_u8, 0..3_u64, 0..4_000_000_u64)
            .prop_map(|(sender, nonces, balance)| Step::Block { sender, nonces, balance }),
        1 => (0..32_usize).prop_map(|index| Step::Remove { index }),
        1 => (0..30_u64).prop_map(|wei| Step::BaseFee { wei }),
    ]
}

/// What is in the pool, as a plain list; and the accounts.
#[derive(Default)]
struct Model {
    transactions: Vec<PooledTransaction>,
    accounts: BTreeMap<Address, SenderAccount>,
    head: u64,
}

impl Model {
    fn account(&self, sender: &Address) -> SenderAccount {
        self.accounts.get(sender).copied().unwrap_or(SenderAccount { nonce: 0, balance: U256::from(2_000_000) })
    }

    fn of(&self, sender: &Address) -> BTreeMap<u64, &PooledTransaction> {
        self.transactions.iter().filter(|tx| tx.sender == *sender).map(|tx| (tx.nonce, tx)).collect()
    }

    fn executable(&self, sender: &Address) -> Vec<&PooledTransaction> {
        let account = self.account(sender);
        let own = self.of(sender);
        let mut left = account.balance;
        (account.nonce..)
            .map_while(|nonce| {
                let tx = *own.get(&nonce)?;
                left = left.checked_sub(tx.cost)?;
                Some(tx)
            })
            .collect()
    }

    fn accepts(&self, new: &PooledTransaction) -> bool {
        let account = self.account(&new.sender);
        let executable = self.executable(&new.sender);
        let others = executable.iter().filter(|tx| tx.nonce != new.nonce).map(|tx| tx.cost);
        let pays = |new: u128, old: u128| new > old && new * 100 >= (old * 110) / 100 * 100;
        let raises = self
            .of(&new.sender)
            .get(&new.nonce)
            .is_none_or(|old| pays(new.fee_cap, old.fee_cap) && pays(new.tip_cap, old.tip_cap));
        let total = others.fold(new.cost, |sum, cost| sum + cost);
        new.nonce >= account.nonce && new.cost <= account.balance && total <= account.balance && raises
    }

    fn check(&self, state: &PoolState) {
        let senders: std::collections::BTreeSet<_> = self.transactions.iter().map(|tx| tx.sender).collect();
        assert_eq!(state.senders.len(), senders.len());
        assert_eq!(state.len(), self.transactions.len());
        assert_eq!(state.bytes(), self.transactions.iter().map(|tx| tx.bytes).sum::<usize>());
        let mut pending = 0;
        for sender in &senders {
            let executable = self.executable(sender);
            let queue = &state.senders[sender];
            assert_eq!(queue.executable, executable.len());
            assert_eq!(queue.executable_cost, executable.iter().map(|tx| tx.cost).sum::<U256>());
            let expected: Vec<_> = self.of(sender).values().map(|tx| tx.hash).collect();
            let found: Vec<_> = queue.transactions.values().map(|tx| tx.hash).collect();
            assert_eq!(found, expected);
            pending += executable.len();
        }
        assert_eq!((state.status().pending, state.status().queued), (pending, self.transactions.len() - pending));
    }

    /// The order of offers, by trying all firsts again and again.
    fn offers(&self, state: &PoolState, base_fee: u64) -> Vec<B256> {
        let senders: std::collections::BTreeSet<_> = self.transactions.iter().map(|tx| tx.sender).collect();
        let mut lines: Vec<Vec<&PooledTransaction>> = senders.iter().map(|sender| self.executable(sender)).collect();
        let mut offers = Vec::new();
        loop {
            lines.retain(|line| line.first().is_some_and(|tx| tx.fee_cap >= u128::from(base_fee)));
            let best = lines.iter_mut().max_by_key(|line| {
                let first = line[0];
                let tip = (first.fee_cap - u128::from(base_fee)).min(first.tip_cap);
                (tip, std::cmp::Reverse(state.get(&first.hash).unwrap().order))
            });
            match best {
                Some(line) => offers.push(line.remove(0).hash),
                None => return offers,
            }
        }
    }
}

fn apply(step: &Step, state: &mut PoolState, model: &mut Model) {
    match step {
        Step::Insert { sender: index, nonce, fee_cap, tip_cap } => {
            let (sender, fee_cap) = (sender(*index), u128::from(*fee_cap));
            let new = pooled(sender, transfer(*nonce, fee_cap, u128::from(*tip_cap).min(fee_cap)));
            let known = model.transactions.iter().any(|tx| tx.hash == new.hash);
            let expected = !known && model.accepts(&new);
            let result = state.insert(&new, at(model.head, model.account(&sender)), Origin::Client, Instant::now());
            assert_eq!(matches!(result, Ok(Insertion::Added(_))), expected, "{result:?}");
            if expected {
                model.transactions.retain(|tx| (tx.sender, tx.nonce) != (new.sender, new.nonce));
                model.transactions.push(new);
            }
        }
        Step::Block { sender: index, nonces, balance } => {
            let sender = sender(*index);
            let old = model.account(&sender);
            let account = SenderAccount { nonce: old.nonce + nonces, balance: U256::from(*balance) };
            let before: Vec<_> = model.executable(&sender).iter().map(|tx| tx.hash).collect();
            model.accounts.insert(sender, account);
            model.transactions.retain(|tx| tx.sender != sender || tx.nonce >= account.nonce);
            model.head += 1;
            let rules = (**state.rules()).clone();
            let changed = [(&sender, account)].into_iter();
            let promoted =
                state.advance(model.head, rules, &[sender], changed, |_, account| Some(account), Instant::now());
            let new: Vec<_> =
                model.executable(&sender).iter().map(|tx| tx.hash).filter(|hash| !before.contains(hash)).collect();
            assert_eq!(promoted.iter().map(|tx| tx.hash).collect::<Vec<_>>(), new);
        }
        Step::Remove { index } => {
            if let Some(gone) = model.transactions.get(*index).map(|tx| tx.hash) {
                model.transactions.retain(|tx| tx.hash != gone);
                state.remove(&[gone]);
            }
        }
        Step::BaseFee { wei } => {
            model.head += 1;
            let rules = NextBlockRules { base_fee: Some(*wei), ..(**state.rules()).clone() };
            advance(state, model.head, rules);
        }
    }
}

/// A block that changes no account.
fn advance(state: &mut PoolState, head: u64, rules: NextBlockRules) {
    state.advance(head, rules, &[], std::iter::empty(), |_, account| account, Instant::now());
}

fn take_all(mut best: BestTransactions) -> Vec<B256> {
    std::iter::from_fn(|| best.next().map(|offer| offer.hash)).collect()
}

proptest! {
    #[test]
    fn pool_is_what_the_model_says(steps in prop::collection::vec(step(), 1..80)) {
        let pool = Arc::new(Mutex::new(state(config())));
        let mut model = Model::default();
        for step in &steps {
            apply(step, &mut pool.lock(), &mut model);
            model.check(&pool.lock());
        }
        for base_fee in [0, 7, 39] {
            let expected = model.offers(&pool.lock(), base_fee);
            prop_assert_eq!(take_all(BestTransactions::new(pool.clone(), Some(base_fee))), expected);
        }
        let offers = model.offers(&pool.lock(), 0);
        prop_assert_eq!(pool.lock().has_offers(), {
            let base_fee = pool.lock().rules().base_fee.unwrap();
            !model.offers(&pool.lock(), base_fee).is_empty()
        });
        prop_assert_eq!(take_all(BestTransactions::new(pool.clone(), None)).len(), offers.len());
    }

    #[test]
    fn limits_hold_whatever_comes(steps in prop::collection::vec(step(), 1..120)) {
        let limits = PoolConfig { transactions_max: 9, bytes_max: 900, sender_transactions_max: 4, ..config() };
        let mut state = state(limits.clone());
        let mut head = 0;
        for step in &steps {
            match step {
                Step::Insert { sender: index, nonce, fee_cap, tip_cap } => {
                    let fee_cap = u128::from(*fee_cap);
                    let new = pooled(sender(*index), transfer(*nonce, fee_cap, u128::from(*tip_cap).min(fee_cap)));
                    let before: Vec<_> = state.by_arrival().iter().map(|tx| tx.hash).collect();
                    if state.insert(&new, at(head, rich(0)), Origin::Client, Instant::now()).is_err() {
                        prop_assert_eq!(state.len(), before.len());
                        for hash in before {
                            prop_assert!(state.get(&hash).is_some());
                        }
                    }
                }
                Step::Remove { index } => {
                    let gone = state.by_arrival().get(*index).map(|tx| tx.hash);
                    state.remove(gone.as_slice());
                }
                Step::Block { .. } | Step::BaseFee { .. } => {
                    head += 1;
                    let rules = (**state.rules()).clone();
                    advance(&mut state, head, rules);
                }
            }
            let all = state.by_arrival();
            prop_assert!(state.len() <= limits.transactions_max && state.bytes() <= limits.bytes_max);
            prop_assert_eq!(all.iter().map(|tx| tx.bytes).sum::<usize>(), state.bytes());
            for queue in state.senders.values() {
                prop_assert!(!queue.transactions.is_empty());
                prop_assert!(queue.transactions.len() <= limits.sender_transactions_max);
                let run = (queue.account.nonce..).zip(queue.transactions.keys()).take_while(|(want, is)| want == *is);
                prop_assert_eq!(queue.executable, run.count());
            }
        }
    }
}
