//! Blocks, transactions and receipts come back as they were committed.
use crate::{
    chain::{Chain, block, log, receipt, transaction},
    model::{Operation, address},
};
use alloy_primitives::{Address, B256};
use pervade_storage::{ExecutedBlock, HistoryMode, StateChanges, StorageError, TransactionLocation};
use std::sync::Arc;

/// Two whole records of 64 and a part of one.
const TRANSACTIONS: u32 = 150;

fn assert_readable(chain: &Chain, executed: &ExecutedBlock) {
    let storage = chain.storage();
    let number = executed.block.number();
    assert_eq!(storage.block(number).unwrap().as_ref(), Some(&executed.block));
    assert_eq!(storage.receipts(number).unwrap().as_ref(), Some(&executed.receipts));
    assert_eq!(storage.header(number).unwrap().as_ref(), Some(executed.block.header()));
    assert_eq!(storage.block_hash(number).unwrap(), Some(executed.block.hash));
    assert_eq!(storage.block_number(&executed.block.hash).unwrap(), Some(number));
    assert_eq!(storage.total_difficulty(number).unwrap(), Some(executed.total_difficulty));
    assert_eq!(storage.transaction_count(number).unwrap(), Some(executed.receipts.len() as u32));
    let mut logs = 0;
    for (index, receipt) in (0u32..).zip(executed.receipts.iter()) {
        let at = TransactionLocation { block_number: number, index };
        let hash = *executed.block.block.body.transactions[index as usize].tx_hash();
        assert_eq!(storage.transaction_location(&hash).unwrap(), Some(at));
        let expected = (transaction(number, index.into()), Address::with_last_byte(number as u8));
        assert_eq!(storage.transaction(at).unwrap(), Some(expected));
        assert_eq!(storage.receipt(at).unwrap(), Some((receipt.clone(), u64::from(index) * 21_000, logs)));
        logs += receipt.logs.len() as u64;
    }
    let outside = TransactionLocation { block_number: number, index: executed.receipts.len() as u32 };
    assert_eq!(storage.transaction(outside).unwrap(), None);
    assert_eq!(storage.receipt(outside).unwrap(), None);
}

#[test]
fn a_block_reads_the_same_from_memory_and_from_disk() {
    let mut chain = Chain::new(HistoryMode::Archive);
    let logs = (0..TRANSACTIONS).map(|index| vec![log(1, &[2]); index as usize % 4]).collect();
    let executed = block(chain.storage(), &StateChanges::default(), logs);
    chain.storage().commit(executed.clone()).unwrap();
    let empty = block(chain.storage(), &StateChanges::default(), Vec::new());
    chain.storage().commit(empty.clone()).unwrap();
    for executed in [&executed, &empty] {
        assert_readable(&chain, executed);
    }
    chain.open();
    for executed in [&executed, &empty] {
        assert_readable(&chain, executed);
    }
    assert_eq!(*chain.storage().head(), *empty.block);
}

#[test]
fn what_is_not_there_is_none() {
    let chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    let at = TransactionLocation { block_number: 1, index: 0 };
    assert_eq!(storage.block(1).unwrap(), None);
    assert_eq!(storage.receipts(1).unwrap(), None);
    assert_eq!(storage.header(u64::MAX).unwrap(), None);
    assert_eq!(storage.block_number(&B256::ZERO).unwrap(), None);
    assert_eq!(storage.transaction_location(&B256::ZERO).unwrap(), None);
    assert_eq!(storage.transaction(at).unwrap(), None);
    assert_eq!(storage.receipt(at).unwrap(), None);
}

#[test]
fn an_unwound_block_leaves_nothing_behind() {
    let chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    let logs = vec![vec![log(1, &[2])]; 70];
    let executed = block(storage, &StateChanges::default(), logs);
    storage.commit(executed.clone()).unwrap();
    storage.unwind(0).unwrap();
    let hash = executed.block.block.body.transactions[65].tx_hash();
    assert_eq!(storage.head().number(), 0);
    assert_eq!(storage.block(1).unwrap(), None);
    assert_eq!(storage.block_number(&executed.block.hash).unwrap(), None);
    assert_eq!(storage.transaction_location(hash).unwrap(), None);
    assert_eq!(storage.blocks_with_logs(&Default::default(), 0, 9, 9).unwrap(), Vec::<u64>::new());
    let stats = storage.stats().unwrap();
    assert_eq!(stats.head.0, 0);
    // Another block takes its place.
    let other = block(storage, &StateChanges::default(), vec![vec![]]);
    storage.commit(other.clone()).unwrap();
    assert_readable(&chain, &other);
}

#[test]
fn only_the_next_whole_block_is_taken() {
    let mut chain = Chain::new(HistoryMode::Archive);
    let first = block(chain.storage(), &StateChanges::default(), vec![vec![]]);
    let mut short = first.clone();
    short.receipts = Default::default();
    assert!(matches!(chain.storage().commit(short), Err(StorageError::Inconsistent { number: 1, .. })));

    let mut model = chain.models[0].clone();
    let changes = model.apply(&[Operation::Set(address(0), 1, 1)]);
    let mut other_state = first.clone();
    other_state.state = block(chain.storage(), &changes, vec![]).state;
    assert!(matches!(chain.storage().commit(other_state), Err(StorageError::StateRoot { number: 1, .. })));

    chain.storage().commit(first.clone()).unwrap();
    assert!(matches!(chain.storage().commit(first), Err(StorageError::NotNext { number: 1, head_number: 1, .. })));
    chain.open();
    assert_eq!(chain.storage().head().number(), 1);
    assert_eq!(chain.storage().failure(), None);
}

#[test]
fn subscribers_get_every_block_in_order() {
    let chain = Chain::new(HistoryMode::Archive);
    let storage = chain.storage();
    let blocks = storage.subscribe();
    drop(storage.subscribe());
    for _ in 0..5 {
        storage.commit(block(storage, &StateChanges::default(), Vec::new())).unwrap();
    }
    let numbers: Vec<_> = blocks.try_iter().map(|executed| executed.block.number()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

#[test]
fn receipts_before_byzantium_keep_their_root() {
    let mut chain = Chain::new(HistoryMode::Archive);
    let mut executed = block(chain.storage(), &StateChanges::default(), vec![vec![]]);
    let mut old = receipt(21_000, vec![log(1, &[1, 2, 3, 4])]);
    old.status = B256::repeat_byte(5).into();
    executed.receipts = Arc::new(vec![old.clone()]);
    chain.storage().commit(executed).unwrap();
    chain.open();
    assert_eq!(chain.storage().receipts(1).unwrap().unwrap()[0], old);
}
