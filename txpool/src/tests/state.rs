//! Behaviour of the pool's structure.
use super::*;
use crate::state::{Insertion, Origin};
use std::time::Duration;

fn add(state: &mut PoolState, transaction: PooledTransaction) -> Result<Vec<u64>, PoolError> {
    add_as(state, transaction, rich(0), Origin::Client)
}

fn add_as(
    state: &mut PoolState,
    transaction: PooledTransaction,
    account: SenderAccount,
    origin: Origin,
) -> Result<Vec<u64>, PoolError> {
    match state.insert(&transaction, at(0, account), origin, transaction.arrived)? {
        Insertion::Added(promoted) => Ok(promoted.iter().map(|tx| tx.nonce).collect()),
        Insertion::AccountNeeded => panic!("the account was given"),
    }
}

type Changed<'a> = &'a [(Address, Option<SenderAccount>)];

fn advance(
    state: &mut PoolState,
    head: u64,
    rules: NextBlockRules,
    senders: &[Address],
    changed: Changed<'_>,
) -> Vec<Arc<PooledTransaction>> {
    let changed = changed.iter().map(|(address, account)| (address, account));
    state.advance(head, rules, senders, changed, |_, account| *account, Instant::now())
}

fn nonces(state: &PoolState, index: u8) -> Vec<u64> {
    state.senders.get(&sender(index)).map_or(vec![], |queue| queue.transactions.keys().copied().collect())
}

fn balance(wei: u64) -> SenderAccount {
    SenderAccount { nonce: 0, balance: U256::from(wei) }
}

#[test]
fn gaps_are_queued_and_bridged() {
    let mut state = state(config());
    assert!(add(&mut state, pooled(sender(1), transfer(1, 1, 1))).unwrap().is_empty());
    assert!(add(&mut state, pooled(sender(1), transfer(3, 1, 1))).unwrap().is_empty());
    assert_eq!((state.status().pending, state.status().queued), (0, 2));
    assert_eq!(add(&mut state, pooled(sender(1), transfer(0, 1, 1))).unwrap(), vec![0, 1]);
    assert_eq!(add(&mut state, pooled(sender(1), transfer(2, 1, 1))).unwrap(), vec![2, 3]);
    assert_eq!((state.status().pending, state.status().queued), (4, 0));
}

#[test]
fn unknown_senders_are_asked_for_once_and_stale_answers_do_not_count() {
    let mut state = state(config());
    advance(&mut state, 5, rules_of(SpecId::OSAKA), &[], &[]);
    let transaction = pooled(sender(1), transfer(0, 1, 1));
    let mut insert = |read| state.insert(&transaction, read, Origin::Client, Instant::now()).unwrap();
    assert!(matches!(insert(None), Insertion::AccountNeeded));
    assert!(matches!(insert(at(4, rich(0))), Insertion::AccountNeeded));
    assert!(matches!(insert(at(5, rich(0))), Insertion::Added(_)));
    let second = pooled(sender(1), transfer(1, 1, 1));
    assert!(matches!(state.insert(&second, None, Origin::Client, Instant::now()).unwrap(), Insertion::Added(_)));
}

#[test]
fn known_and_used_are_refused() {
    let mut state = state(config());
    let transaction = pooled(sender(1), transfer(5, 1, 1));
    add_as(&mut state, transaction.clone(), rich(5), Origin::Client).unwrap();
    assert_eq!(message(add(&mut state, transaction)), "already known");
    assert_eq!(
        message(add(&mut state, pooled(sender(1), transfer(4, 1, 1)))),
        "nonce too low: next nonce 5, tx nonce 4"
    );
}

#[test]
fn funds_cover_this_and_the_ones_before() {
    let mut state = state(config());
    let account = balance(42_000);
    let paying = |nonce, price| pooled(sender(1), transfer(nonce, price, price));
    assert_eq!(
        message(add_as(&mut state, paying(0, 3), account, Origin::Client)),
        "insufficient funds for gas * price + value: balance 42000, tx cost 63000, overshot 21000"
    );
    add_as(&mut state, paying(0, 1), account, Origin::Client).unwrap();
    add_as(&mut state, paying(1, 1), account, Origin::Client).unwrap();
    assert_eq!(
        message(add_as(&mut state, paying(2, 1), account, Origin::Client)),
        "insufficient funds for gas * price + value: balance 42000, queued cost 42000, tx cost 21000, overshot 21000"
    );
    assert_eq!(
        message(add_as(&mut state, paying(0, 2), account, Origin::Client)),
        "insufficient funds for gas * price + value: balance 42000, queued cost 42000, tx bumped 21000, overshot 21000"
    );
    assert_eq!(state.status().pending, 2);
}

#[test]
fn zero_balance_senders_send_at_zero_price() {
    let mut state = state(config());
    for nonce in 0..3 {
        add_as(&mut state, pooled(sender(1), transfer(nonce, 0, 0)), balance(0), Origin::Client).unwrap();
    }
    assert_eq!(state.status().pending, 3);
    assert!(state.has_offers());
}

#[test]
fn replacement_raises_both_fees_by_a_tenth() {
    let mut state = state(config());
    add(&mut state, pooled(sender(1), transfer(0, 1_000, 100))).unwrap();
    add(&mut state, pooled(sender(1), transfer(1, 1_000, 100))).unwrap();
    for (fee_cap, tip_cap) in [(1_099, 110), (1_100, 109), (1_000, 100), (2_000, 100)] {
        let replacement = TxEip1559 { value: U256::from(1), ..transfer(0, fee_cap, tip_cap) };
        let refused = add(&mut state, pooled(sender(1), replacement));
        assert_eq!(message(refused), "replacement transaction underpriced");
    }
    assert_eq!(add(&mut state, pooled(sender(1), transfer(0, 1_100, 110))).unwrap(), vec![0]);
    assert_eq!((state.len(), state.status().pending), (2, 2));
    // From nothing to nothing is no raise.
    add(&mut state, pooled(sender(2), transfer(0, 0, 0))).unwrap();
    let same = TxEip1559 { value: U256::from(1), ..transfer(0, 0, 0) };
    assert_eq!(message(add(&mut state, pooled(sender(2), same))), "replacement transaction underpriced");
}

#[test]
fn sender_limit_holds_and_a_gap_can_still_be_filled() {
    let mut state = state(PoolConfig { sender_transactions_max: 3, ..config() });
    for nonce in [1, 2, 3] {
        add(&mut state, pooled(sender(1), transfer(nonce, 1, 1))).unwrap();
    }
    assert_eq!(message(add(&mut state, pooled(sender(1), transfer(4, 1, 1)))), "account limit exceeded: pooled 3 txs");
    assert_eq!(add(&mut state, pooled(sender(1), transfer(0, 1, 1))).unwrap(), vec![0, 1, 2]);
    assert_eq!(nonces(&state, 1), vec![0, 1, 2]);
    // Replacing needs no room.
    add(&mut state, pooled(sender(1), transfer(2, 2, 2))).unwrap();
}

#[test]
fn full_pool_evicts_the_cheapest_tail() {
    let mut state = state(PoolConfig { transactions_max: 4, ..config() });
    add(&mut state, pooled(sender(1), transfer(0, 9, 9))).unwrap();
    add(&mut state, pooled(sender(1), transfer(1, 2, 2))).unwrap();
    add(&mut state, pooled(sender(2), transfer(0, 3, 3))).unwrap();
    add(&mut state, pooled(sender(2), transfer(1, 8, 8))).unwrap();
    assert_eq!(message(add(&mut state, pooled(sender(3), transfer(0, 1, 1)))), "transaction underpriced");
    add(&mut state, pooled(sender(3), transfer(0, 4, 4))).unwrap();
    assert_eq!((nonces(&state, 1), nonces(&state, 2), nonces(&state, 3)), (vec![0], vec![0, 1], vec![0]));
    assert_eq!(state.status().pending, 4);
    // Sender 2's cheap one is not a tail.
    assert_eq!(message(add(&mut state, pooled(sender(4), transfer(0, 4, 4)))), "transaction underpriced");
}

#[test]
fn at_one_price_the_sender_with_the_most_gives_way() {
    let mut state = state(PoolConfig { transactions_max: 4, ..config() });
    for nonce in 0..4 {
        add(&mut state, pooled(sender(1), transfer(nonce, 0, 0))).unwrap();
    }
    add(&mut state, pooled(sender(2), transfer(0, 0, 0))).unwrap();
    add(&mut state, pooled(sender(2), transfer(1, 0, 0))).unwrap();
    assert_eq!(message(add(&mut state, pooled(sender(2), transfer(2, 0, 0)))), "transaction underpriced");
    assert_eq!((nonces(&state, 1), nonces(&state, 2)), (vec![0, 1], vec![0, 1]));
}

#[test]
fn byte_limit_holds_and_a_refusal_evicts_nothing() {
    let small = pooled(sender(1), transfer(0, 2, 2)).bytes;
    let mut state = state(PoolConfig { bytes_max: 3 * small, ..config() });
    add(&mut state, pooled(sender(1), transfer(0, 2, 2))).unwrap();
    add(&mut state, pooled(sender(2), transfer(0, 2, 2))).unwrap();
    add(&mut state, pooled(sender(3), transfer(0, 9, 9))).unwrap();
    assert_eq!(state.bytes(), 3 * small);
    // Needs the room of all three, and the third pays more.
    let large = TxEip1559 { input: vec![1; 2 * small].into(), ..transfer(0, 5, 5) };
    assert_eq!(message(add(&mut state, pooled(sender(4), large))), "transaction underpriced");
    assert_eq!((state.len(), state.bytes(), state.status().pending), (3, 3 * small, 3));
    let fits = TxEip1559 { input: vec![1; small / 2].into(), ..transfer(0, 5, 5) };
    add(&mut state, pooled(sender(4), fits)).unwrap();
    assert_eq!((nonces(&state, 1).len() + nonces(&state, 2).len(), nonces(&state, 3).len()), (0, 1));
}

#[test]
fn blocks_take_what_they_include_and_promote() {
    let mut state = state(config());
    for nonce in [0, 1, 3] {
        add(&mut state, pooled(sender(1), transfer(nonce, 1, 1))).unwrap();
    }
    add(&mut state, pooled(sender(2), transfer(0, 1, 1))).unwrap();
    // The block has nonces 0 to 2 of sender 1, of which this node knew 0 and 1.
    let changed = [(sender(1), Some(rich(3)))];
    let promoted = advance(&mut state, 1, rules_of(SpecId::OSAKA), &[sender(1)], &changed);
    assert_eq!(promoted.iter().map(|tx| tx.nonce).collect::<Vec<_>>(), vec![3]);
    assert_eq!((nonces(&state, 1), nonces(&state, 2)), (vec![3], vec![0]));
    assert_eq!(state.status().pending, 2);
}

#[test]
fn lost_balance_queues_and_new_balance_promotes() {
    let mut state = state(config());
    for nonce in 0..3 {
        add_as(&mut state, pooled(sender(1), transfer(nonce, 1, 1)), balance(63_000), Origin::Client).unwrap();
    }
    let mut set = |wei| {
        let changed = [(sender(1), Some(balance(wei)))];
        let promoted = advance(&mut state, 1, rules_of(SpecId::OSAKA), &[], &changed);
        (promoted.len(), state.status().pending, state.status().queued)
    };
    assert_eq!(set(41_999), (0, 1, 2));
    assert_eq!(set(62_999), (1, 2, 1));
    assert_eq!(set(0), (0, 0, 3));
    assert_eq!(set(63_000), (3, 3, 0));
}

#[test]
fn senders_of_the_head_need_no_second_read() {
    let mut state = state(config());
    add(&mut state, pooled(sender(1), transfer(0, 1, 1))).unwrap();
    let changed = [(sender(1), Some(rich(1)))];
    advance(&mut state, 1, rules_of(SpecId::OSAKA), &[sender(1)], &changed);
    assert_eq!(state.len(), 0);
    let next = pooled(sender(1), transfer(1, 1, 1));
    assert!(matches!(state.insert(&next, None, Origin::Client, Instant::now()).unwrap(), Insertion::Added(_)));
}

#[test]
fn a_sender_that_became_a_contract_loses_all() {
    let mut state = state(config());
    add(&mut state, pooled(sender(1), transfer(0, 1, 1))).unwrap();
    add(&mut state, pooled(sender(1), transfer(1, 1, 1))).unwrap();
    advance(&mut state, 1, rules_of(SpecId::OSAKA), &[], &[(sender(1), None)]);
    assert_eq!((state.len(), state.bytes(), state.status().pending), (0, 0, 0));
}

#[test]
fn stricter_rules_drop_what_breaks_them() {
    let mut state = state(config());
    let heavy = TxEip1559 { gas_limit: 16_000_000, ..transfer(0, 1, 1) };
    add(&mut state, pooled(sender(1), heavy)).unwrap();
    add(&mut state, pooled(sender(2), transfer(0, 1, 1))).unwrap();
    let smaller = NextBlockRules { gas_limit: 15_999_999, ..rules_of(SpecId::OSAKA) };
    advance(&mut state, 1, smaller, &[], &[]);
    assert_eq!((nonces(&state, 1), nonces(&state, 2)), (vec![], vec![0]));
}

#[test]
fn queued_ones_expire_when_their_sender_is_silent() {
    let mut state = state(config());
    let start = Instant::now();
    for nonce in [0, 2, 3] {
        add(&mut state, pooled_at(sender(1), transfer(nonce, 1, 1), start)).unwrap();
    }
    state.expire(start + Duration::from_secs(60));
    assert_eq!(nonces(&state, 1), vec![0, 2, 3]);
    state.expire(start + Duration::from_secs(61));
    assert_eq!(nonces(&state, 1), vec![0]);
}

#[test]
fn removed_ones_leave_a_gap() {
    let mut state = state(config());
    let middle = pooled(sender(1), transfer(1, 1, 1));
    for nonce in 0..4 {
        add(&mut state, pooled(sender(1), transfer(nonce, 1, 1))).unwrap();
    }
    state.remove(&[middle.hash, B256::ZERO]);
    assert_eq!((state.status().pending, state.status().queued), (1, 2));
}

#[test]
fn the_journal_restores_what_is_not_payable_now() {
    let mut state = state(config());
    add_as(&mut state, pooled(sender(1), transfer(0, 1, 1)), balance(0), Origin::Journal).unwrap();
    assert_eq!((state.status().pending, state.status().queued), (0, 1));
    assert_eq!(
        message(add_as(&mut state, pooled(sender(2), transfer(0, 1, 1)), rich(1), Origin::Journal)),
        "nonce too low: next nonce 1, tx nonce 0"
    );
}

#[test]
fn offers_pay_the_base_fee() {
    let mut state = state(config());
    add(&mut state, pooled(sender(1), transfer(0, 10, 1))).unwrap();
    let at_base_fee = |base_fee| NextBlockRules { base_fee, ..rules_of(SpecId::OSAKA) };
    advance(&mut state, 1, at_base_fee(Some(11)), &[], &[]);
    assert!(!state.has_offers());
    assert_eq!(state.status().pending, 1);
    advance(&mut state, 2, at_base_fee(Some(10)), &[], &[]);
    assert!(state.has_offers());
    advance(&mut state, 3, at_base_fee(None), &[], &[]);
    assert!(state.has_offers());
}
