//! The whole pool: submission, restart, waiting, failure.
use super::*;
use crate::{TxPool, journal::JournalFile};
use pervade_chainspec::params::SYSTEM_ACCOUNT_KEY;
use pervade_evm_ext::TransactionSource;
use std::{path::Path, time::Duration};

fn open(dir: &Path, accounts: &Accounts) -> Result<TxPool, PoolError> {
    let head = *accounts.block.lock();
    TxPool::restore(dir, Box::new(accounts.clone()), rules_of(SpecId::OSAKA), head, config())
}

#[tokio::test]
async fn acknowledged_ones_are_back_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::default();
    let pool = open(dir.path(), &accounts).unwrap();
    let mut hashes = Vec::new();
    for index in 0..3 {
        for nonce in [0, 1, 3] {
            hashes.push(pool.submit(encoded(index, transfer(nonce, 5, 5))).await.unwrap());
        }
    }
    let before = pool.content();
    drop(pool);
    // Meanwhile a block took the first of one sender, and another lost its money.
    accounts.accounts.lock().insert(address(0), rich(1));
    accounts.accounts.lock().insert(address(1), SenderAccount::default());
    let pool = open(dir.path(), &accounts).unwrap();
    assert_eq!((pool.status().pending, pool.status().queued), (1 + 2, 1 + 3 + 1));
    assert!(pool.get(&hashes[0]).is_none());
    for hash in &hashes[1..] {
        let found = pool.get(hash).unwrap();
        let is_same = |tx: &PooledTransaction| tx.hash == *hash && tx.transaction == found.transaction;
        let mut all = before.pending.values().chain(before.queued.values()).flat_map(|own| own.values());
        assert!(all.any(is_same));
        assert_eq!(pool.sender(hash), Some(found.sender));
    }
    assert_eq!(pool.next_nonce(&address(2)), Some(2));
    assert_eq!(pool.next_nonce(&address(1)), None);
    assert_eq!(pool.content_from(&address(2)).pending[&address(2)].len(), 2);
}

#[tokio::test]
async fn refusals_come_in_geths_words_and_leave_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let pool = open(dir.path(), &Accounts::default()).unwrap();
    let first = encoded(1, transfer(0, 5, 5));
    pool.submit(first.clone()).await.unwrap();
    assert_eq!(message(pool.submit(first.clone()).await), "already known");
    let mut flipped = sign(2, legacy(0, 1));
    if let Transaction::Legacy(signed) = &mut flipped {
        let signature = Signature::new(U256::from(1), U256::MAX >> 1, false);
        *signed = signed.clone().strip_signature().into_signed(signature);
    }
    assert_eq!(
        message(pool.submit(flipped.encoded_2718().into()).await),
        "invalid sender: invalid transaction v, r, s values"
    );
    let system = transfer(0, 5, 5);
    let signature = sign_message(SYSTEM_ACCOUNT_KEY, system.signature_hash()).unwrap();
    let system: Transaction = system.into_signed(signature).into();
    assert!(message(pool.submit(system.encoded_2718().into()).await).starts_with("invalid sender: "));
    assert_eq!(pool.status().pending, 1);
}

#[tokio::test]
async fn many_share_a_sync_and_each_gets_its_answer() {
    let dir = tempfile::tempdir().unwrap();
    let pool = open(dir.path(), &Accounts::default()).unwrap();
    let mut batch: Vec<_> = (0..10).map(|nonce| encoded(1, transfer(nonce, 5, 5))).collect();
    batch.push(batch[0].clone());
    let answers = pool.submit_all(batch).await;
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 10);
    assert!(matches!(answers[10], Err(PoolError::AlreadyKnown)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_submissions_all_arrive() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::default();
    let pool = open(dir.path(), &accounts).unwrap();
    let tasks: Vec<_> = (0..8_u64)
        .map(|index| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for nonce in 0..16 {
                    pool.submit(encoded(index, transfer(nonce, 5, 5))).await.unwrap();
                    let _ = (pool.status(), pool.best(Some(0)).next());
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(pool.status().pending, 128);
    assert_eq!(*accounts.reads.lock(), 8);
    let mut best = pool.best(Some(0));
    let mut next = BTreeMap::new();
    while let Some(offer) = best.next() {
        let expected: &mut u64 = next.entry(offer.sender).or_default();
        assert_eq!(alloy_consensus::Transaction::nonce(&*offer.transaction), *expected);
        *expected += 1;
    }
    assert_eq!(next.values().sum::<u64>(), 128);
}

#[tokio::test]
async fn refused_offers_take_their_senders_rest_along() {
    let dir = tempfile::tempdir().unwrap();
    let pool = open(dir.path(), &Accounts::default()).unwrap();
    for nonce in 0..3 {
        pool.submit(encoded(1, transfer(nonce, 9, 9))).await.unwrap();
        pool.submit(encoded(2, transfer(nonce, 5, 5))).await.unwrap();
    }
    let mut best = pool.best(Some(0));
    assert_eq!(best.next().unwrap().sender, address(1));
    best.refuse();
    let rest: Vec<_> = std::iter::from_fn(|| best.next().map(|offer| offer.sender)).collect();
    assert_eq!(rest, vec![address(2); 3]);
    assert!(pool.best(Some(10)).next().is_none());
}

#[tokio::test]
async fn waiting_ends_with_something_to_propose() {
    let dir = tempfile::tempdir().unwrap();
    let pool = open(dir.path(), &Accounts::default()).unwrap();
    let mut events = pool.subscribe();
    let waiting = tokio::spawn({
        let pool = pool.clone();
        async move { pool.wait_for_pending().await }
    });
    pool.submit(encoded(1, transfer(1, 5, 5))).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_millis(20), pool.wait_for_pending()).await.is_err());
    assert!(!waiting.is_finished());
    pool.submit(encoded(1, transfer(0, 5, 5))).await.unwrap();
    waiting.await.unwrap();
    let nonces = [events.recv().await.unwrap().nonce, events.recv().await.unwrap().nonce];
    assert_eq!(nonces, [0, 1]);
    pool.wait_for_pending().await;
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_the_pool() {
    let dir = tempfile::tempdir().unwrap();
    let file = JournalFile::create(&dir.path().join("j"), &[]).unwrap().without_write_access();
    let pool = TxPool::start(Box::new(Accounts::default()), state(config()), file).unwrap();
    let refused = pool.submit(encoded(1, transfer(0, 5, 5))).await;
    assert!(refused.as_ref().is_err_and(PoolError::is_fatal));
    let text = message(refused);
    assert!(text.contains("cannot append to it"), "{text}");
    assert_eq!(message(pool.submit(encoded(2, transfer(0, 5, 5))).await), text);
    assert_eq!(pool.failure().await.to_string(), text);
}
