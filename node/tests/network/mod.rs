//! A small network for the tests of this crate: a development chain, its accounts, and signed transfers.
#![allow(dead_code)]
use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use pervade_evm_ext::{ProposalAttributes, ProposalTransaction, TransactionSource};
use pervade_node::{
    config::{DevConfig, NodeOptions},
    datadir::DataDir,
    dev::DevNetwork,
    ledger::Ledger,
};
use pervade_storage::{StorageOptions, Transaction};
use std::{path::Path, sync::Arc, time::Duration};

/// A development network of `accounts` funded accounts.
pub fn network(accounts: u32) -> DevNetwork {
    let config = NodeOptions::default().dev.or_defaults(true);
    DevNetwork::new(&DevConfig { accounts, ..config }).unwrap()
}

/// The ledger of a directory, new or not.
pub fn ledger(network: &DevNetwork, dir: &Path) -> Ledger {
    let spec = Arc::new(network.spec.clone());
    let storage = DataDir::new(dir).open(&spec, StorageOptions::default(), &network.genesis_json).unwrap();
    Ledger::open(spec, storage).unwrap()
}

/// A signed transfer of one wei.
pub fn transfer(from: &PrivateKeySigner, nonce: u64, to: Address) -> TxEnvelope {
    let transaction = TxEip1559 {
        chain_id: 1337,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(to),
        value: U256::from(1),
        ..Default::default()
    };
    let signature = from.sign_hash_sync(&transaction.signature_hash()).unwrap();
    transaction.into_signed(signature).into()
}

/// A transaction as `eth_sendRawTransaction` takes it.
pub fn raw(transaction: &TxEnvelope) -> Bytes {
    transaction.encoded_2718().into()
}

/// Candidates in a fixed order.
pub struct Fixed(pub std::vec::IntoIter<ProposalTransaction>);

impl TransactionSource for Fixed {
    fn next(&mut self) -> Option<ProposalTransaction> {
        self.0.next()
    }
    fn refuse(&mut self) {}
}

/// Adds blocks of one transfer each from the first account to the second, until the head is block `last`.
pub fn extend(ledger: &Ledger, network: &DevNetwork, last: u64) {
    let (from, to) = (&network.accounts[0], network.accounts[1].address());
    while ledger.head().number() < last {
        let head = ledger.head();
        let transaction = transfer(from, head.number(), to);
        let hash = *transaction.tx_hash();
        let transaction = Transaction::from(transaction);
        let candidate = ProposalTransaction { transaction: Arc::new(transaction), hash, sender: from.address() };
        let attributes = ProposalAttributes {
            timestamp: head.header().timestamp + 1,
            proposer: network.validator.address(),
            time_max: Duration::from_secs(10),
        };
        let proposal = ledger.propose(&attributes, &mut Fixed(vec![candidate].into_iter())).unwrap();
        assert!(proposal.refused.is_empty(), "{:?}", proposal.refused);
        ledger.commit(proposal.executed).unwrap();
    }
}
