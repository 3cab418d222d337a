//! Candidates, verdicts and decisions, as a consensus engine asks for them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod network;

use alloy_primitives::{Address, B256, Bytes};
use alloy_rlp::{Decodable, Encodable};
use network::{Fixed, ledger, network, transfer};
use pervade_evm_ext::{ProposalAttributes, ProposalTransaction};
use pervade_node::{
    NodeError,
    dev::DevNetwork,
    ledger::{ClusterLedger, ProposedBlock, Verdict},
};
use pervade_storage::{Block, Transaction};
use std::{path::Path, sync::Arc, time::Duration};

const NOW: u64 = 1_800_000_000;

fn nobody(_: &B256) -> Option<Address> {
    None
}

fn open(network: &DevNetwork, dir: &Path) -> ClusterLedger {
    ClusterLedger::new(ledger(network, dir))
}

/// A block with one transfer on the head.
fn propose(cluster: &mut ClusterLedger, network: &DevNetwork, timestamp: u64) -> ProposedBlock {
    let from = &network.accounts[0];
    let transaction = transfer(from, cluster.ledger().head().number(), network.accounts[1].address());
    let hash = *transaction.tx_hash();
    let transaction = Arc::new(Transaction::from(transaction));
    let candidate = ProposalTransaction { transaction, hash, sender: from.address() };
    let attributes =
        ProposalAttributes { timestamp, proposer: network.validator.address(), time_max: Duration::from_secs(10) };
    cluster.propose(&attributes, &mut Fixed(vec![candidate].into_iter())).unwrap()
}

/// The verdict on these bytes under the hash of their header.
fn judge(cluster: &mut ClusterLedger, bytes: &[u8]) -> Verdict {
    let hash = Block::decode(&mut &bytes[..]).map_or(B256::ZERO, |block| block.header.hash_slow());
    cluster.validate(hash, bytes, &nobody).unwrap()
}

fn invalid(verdict: Verdict) -> String {
    let Verdict::Invalid { reason } = verdict else { panic!("{verdict:?}") };
    reason
}

fn mismatch(verdict: Verdict) -> String {
    let Verdict::Mismatch { reason } = verdict else { panic!("{verdict:?}") };
    reason
}

/// A proposed block with another header.
fn changed(bytes: &[u8], change: impl FnOnce(&mut Block)) -> Vec<u8> {
    let mut block = Block::decode(&mut &bytes[..]).unwrap();
    change(&mut block);
    let mut bytes = Vec::new();
    block.encode(&mut bytes);
    bytes
}

#[test]
fn what_one_node_proposes_another_finds_valid_and_both_decide() {
    let network = network(2);
    let (one, two, three) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut proposer = open(&network, one.path());
    let mut validator = open(&network, two.path());
    let mut follower = open(&network, three.path());
    let certificate = Bytes::from_static(b"certificate");
    for number in 1..=3 {
        let block = propose(&mut proposer, &network, NOW);
        assert_eq!(block.transactions, 1);
        let verdict = validator.validate(block.hash, &block.bytes, &nobody).unwrap();
        assert_eq!(verdict, Verdict::Valid { timestamp_s: NOW, paid: Some(network.validator.address()) });
        for cluster in [&mut proposer, &mut validator, &mut follower] {
            // The follower has not seen it before the decision.
            let executed = cluster.decide(block.hash, &block.bytes, certificate.clone(), &nobody).unwrap();
            assert_eq!((executed.block.number(), executed.block.hash), (number, block.hash));
            assert_eq!(cluster.ledger().head().hash, block.hash);
            assert_eq!(cluster.ledger().storage().certificate(number).unwrap(), Some(certificate.clone()));
        }
    }
    let roots = [&proposer, &validator, &follower].map(|c| c.ledger().storage().latest_view().state_root());
    assert_eq!(roots[0], roots[1]);
    assert_eq!(roots[1], roots[2]);
}

#[test]
fn fees_go_to_a_validator() {
    let network = network(2);
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = open(&network, dir.path());
    let block = propose(&mut cluster, &network, NOW);
    let thief = changed(&block.bytes, |block| block.header.beneficiary = network.accounts[0].address());
    let refused = invalid(judge(&mut cluster, &thief));
    assert!(refused.contains("no validator's account"), "{refused}");
}

#[test]
fn wrong_blocks_are_refused_with_the_rule_they_break() {
    let network = network(2);
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = open(&network, dir.path());
    let block = propose(&mut cluster, &network, NOW);
    let cases = [
        (changed(&block.bytes, |block| block.header.state_root = B256::ZERO), "stateRoot"),
        (changed(&block.bytes, |block| block.header.gas_used += 1), "gasUsed"),
        (changed(&block.bytes, |block| block.header.parent_hash = B256::ZERO), "parentHash"),
        (changed(&block.bytes, |block| block.header.extra_data = vec![1; 32].into()), "extraData"),
        (changed(&block.bytes, |block| block.header.mix_hash = B256::ZERO), "mixHash"),
    ];
    for (bytes, expected) in cases {
        let refused = invalid(judge(&mut cluster, &bytes));
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    assert_eq!(cluster.ledger().head().number(), 0);
}

#[test]
fn another_body_under_a_good_header_is_its_senders_fault_not_the_blocks() {
    let network = network(2);
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let block = propose(&mut open(&network, one.path()), &network, NOW);
    let mut cluster = open(&network, two.path());
    let cases = [
        (b"\xc0".to_vec(), "RLP"),
        ([&block.bytes[..], &[0]].concat(), "1 bytes follow"),
        (changed(&block.bytes, |block| block.body.transactions.clear()), ""),
        (changed(&block.bytes, |block| block.body.ommers.push(block.header.clone())), ""),
        (changed(&block.bytes, |block| block.header.gas_used += 1), "hash"),
    ];
    for (bytes, expected) in cases {
        let refused = mismatch(cluster.validate(block.hash, &bytes, &nobody).unwrap());
        assert!(refused.contains(expected), "{expected}: {refused}");
    }
    let verdict = cluster.validate(block.hash, &block.bytes, &nobody).unwrap();
    assert_eq!(verdict, Verdict::Valid { timestamp_s: NOW, paid: Some(network.validator.address()) });
}

#[test]
fn a_decision_for_another_body_is_refused() {
    let network = network(2);
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = open(&network, dir.path());
    let block = propose(&mut cluster, &network, NOW);
    let error = cluster.decide(B256::ZERO, &block.bytes, Bytes::new(), &nobody).unwrap_err();
    assert!(matches!(error, NodeError::Block { number: 1, .. }), "{error}");
    assert_eq!(cluster.ledger().head().number(), 0);
}

#[test]
fn the_genesis_validators_decide_every_block() {
    let network = network(2);
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = open(&network, dir.path());
    let expected = network.spec.pervade().unwrap().validators.clone();
    for number in 0..3 {
        assert_eq!(cluster.validators(number).unwrap(), expected);
    }
    let block = propose(&mut cluster, &network, NOW);
    cluster.decide(block.hash, &block.bytes, Bytes::new(), &nobody).unwrap();
    assert_eq!(cluster.validators(2).unwrap(), expected);
    assert_eq!(cluster.ledger().storage().last_validator_change(1).unwrap(), None);
}
