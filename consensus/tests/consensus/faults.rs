//! Validators that lie, and files that rot.
use crate::{
    cluster::{Cluster, Options, key, peer},
    node::{CHAIN, beneficiary_of},
};
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Encodable;
use bytes::Bytes;
use pervade_consensus::{
    ConsensusError, ConsensusFiles, Equivocation, Event, MemoryStore, MissingRecord, Notice, Secp256k1Signer,
    Secp256k1Verifier, SignedProposal, SignedVote, Signer, SilenceReason, Topic, ValidatorSet, VoteKind,
    record::RECORD_FILE, signing::consensus_address,
};

fn message(kind: u8, content: &impl Encodable) -> Bytes {
    let mut bytes = vec![1, kind, 0, 0];
    content.encode(&mut bytes);
    bytes.into()
}

fn vote(index: usize, height: u64, round: u32, block_hash: B256) -> SignedVote {
    let signer = Secp256k1Signer::new(&key(index)).unwrap();
    let validator = consensus_address(&signer.public_key()).unwrap();
    let (kind, signature) = (VoteKind::Prevote, Default::default());
    let unsigned = SignedVote { kind, height, round, block_hash, validator, signature };
    SignedVote { signature: signer.sign(unsigned.digest(&CHAIN)), ..unsigned }
}

#[test]
fn an_equivocating_voter_is_caught() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(2, 3_000);
    cluster.crash(3);
    let double = vote(3, 0, 0, B256::ZERO).validator;
    cluster.byzantine.insert(double);
    for _ in 0..20 {
        let height = cluster.heads()[0] + 1;
        for other in [B256::ZERO, B256::repeat_byte(1)] {
            cluster.gossip(3, Topic::Consensus, &message(1, &vote(3, height, 0, other)));
        }
        cluster.run_for(150);
    }
    let set = ValidatorSet::new(&cluster.validators).unwrap();
    let verifier = Secp256k1Verifier::default();
    let caught = cluster.evidence.iter().filter(|found| found.validator() == double);
    assert!(caught.clone().count() > 0, "nobody saw it");
    for found in caught {
        found.verify(&CHAIN, &set, &verifier).unwrap();
        assert_eq!(Equivocation::decode_exact(&found.encoded()).unwrap(), *found);
    }
}

#[test]
fn an_equivocating_proposer_is_caught() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(2, 3_000);
    let set = ValidatorSet::new(&cluster.validators).unwrap();
    for _ in 0..40 {
        let height = cluster.heads()[0] + 1;
        let proposer = set.proposer(height, 0).address;
        let index = (0..4).find(|index| vote(*index, 0, 0, B256::ZERO).validator == proposer).unwrap();
        cluster.byzantine.insert(proposer);
        for salt in [1_u8, 2] {
            let signer = Secp256k1Signer::new(&key(index)).unwrap();
            let block_hash = B256::repeat_byte(salt);
            let (polka_round, signature) = (None, Default::default());
            let unsigned = SignedProposal { height, round: 0, polka_round, block_hash, proposer, signature };
            let signed = SignedProposal { signature: signer.sign(unsigned.digest(&CHAIN)), ..unsigned };
            // From elsewhere, so that its own node does not see it.
            for to in (0..4).filter(|to| *to != index) {
                let bytes = message(2, &signed);
                cluster.after(1, to, Event::Message { id: 0, peer: peer(9), topic: Topic::Consensus, bytes });
            }
        }
        cluster.run_for(100);
    }
    let proposals = cluster.evidence.iter().filter(|found| matches!(found, Equivocation::Proposals { .. }));
    assert!(proposals.clone().count() > 0, "nobody saw it");
    for found in proposals {
        found.verify(&CHAIN, &set, &Secp256k1Verifier::default()).unwrap();
    }
}

#[test]
fn a_proposer_whose_blocks_pay_another_loses_its_turns_and_nothing_else() {
    let mut cluster = Cluster::new(Options::default());
    cluster.pays.insert(1, 2);
    cluster.run_for(20_000);
    let head = cluster.heads().into_iter().min().unwrap();
    assert!(head > 30, "{head}");
    let set = ValidatorSet::new(&cluster.validators).unwrap();
    for block in &cluster.nodes[0].chain {
        let certificate = &block.certificate;
        let proposers = (0..=certificate.round).map(|round| set.proposer(certificate.height, round).account);
        let paid = beneficiary_of(&block.body);
        assert!(proposers.into_iter().any(|account| account == paid), "height {}: {paid}", certificate.height);
        assert_ne!(
            (set.proposer(certificate.height, certificate.round).account, paid),
            (cluster.validators[1].account, cluster.validators[2].account)
        );
    }
    assert!(cluster.notices.iter().any(|(_, notice)| matches!(notice, Notice::WrongBeneficiary { .. })));
}

#[test]
fn a_vote_of_our_own_key_from_elsewhere_silences_us() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(2, 3_000);
    let height = cluster.heads()[0] + 1;
    cluster.byzantine.insert(vote(1, 0, 0, B256::ZERO).validator);
    let bytes = message(1, &vote(1, height, 0, B256::repeat_byte(3)));
    cluster.step(1, Event::Message { id: 0, peer: peer(0), topic: Topic::Consensus, bytes });
    let seen = |notice: &Notice| matches!(notice, Notice::KeyInUseElsewhere { .. });
    assert!(cluster.notices.iter().any(|(node, notice)| *node == 1 && seen(notice)));
    cluster.run_to(height + 5, 10_000);
    assert!(!cluster.nodes[1].machine.as_ref().unwrap().status().is_voting);
}

#[test]
fn garbage_is_rejected_and_harms_nobody() {
    let mut cluster = Cluster::new(Options::default());
    for round in 0..300_u64 {
        let mut bytes = vec![0; cluster.random.below(300) as usize];
        bytes.iter_mut().for_each(|byte| *byte = cluster.random.next_u64() as u8);
        if round % 2 == 0 && bytes.len() > 2 {
            bytes[0] = 1;
            bytes[1] = 1 + (round % 5) as u8;
        }
        let topic = if round % 3 == 0 { Topic::BlockParts } else { Topic::Consensus };
        let bytes = Bytes::from(bytes);
        for to in 0..4 {
            let event = Event::Message { id: round, peer: peer(9), topic, bytes: bytes.clone() };
            cluster.after(round * 10, to, event);
            cluster.after(round * 10, to, Event::Request { id: 0, peer: peer(9), bytes: bytes.clone() });
        }
    }
    cluster.options.is_loaded = true;
    let offences = |cluster: &Cluster| cluster.offences.len();
    cluster.run_to(12, 6_000);
    assert!(offences(&cluster) >= 1_000, "{}", offences(&cluster));
}

#[test]
fn a_damaged_log_silences_its_height_and_no_more() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(3, 3_000);
    cluster.run_for(60);
    // In the middle of a height, after a vote.
    while cluster.nodes[0].machine.as_ref().unwrap().status().step != "precommit" {
        cluster.run_for(1);
    }
    let height = cluster.nodes[0].machine.as_ref().unwrap().status().height;
    cluster.nodes[0].stop();
    let mut store = cluster.nodes[0].store.lock().unwrap();
    store.sync_all();
    assert!(store.flip_bit("log", 8 * 40));
    drop(store);
    cluster.restart(0);
    let silent = |notice: &Notice| matches!(notice, Notice::Silent { height: at, reason: SilenceReason::LogDamaged } if *at == height);
    assert!(cluster.notices.iter().any(|(node, notice)| *node == 0 && silent(notice)));
    cluster.run_to(height + 4, 10_000);
    assert!(cluster.nodes[0].machine.as_ref().unwrap().status().is_voting);
}

#[test]
fn without_its_record_a_validator_does_not_start() {
    let mut cluster = Cluster::new(Options::default());
    cluster.run_to(2, 3_000);
    cluster.crash(0);
    let public_key = Secp256k1Signer::new(&key(0)).unwrap().public_key();
    let open =
        |store: MemoryStore| ConsensusFiles::open(Box::new(store), &CHAIN, Some(&public_key), MissingRecord::Refuse);
    let store = cluster.nodes[0].store.lock().unwrap().clone();
    let mut missing = store.clone();
    missing.remove(RECORD_FILE);
    assert!(matches!(open(missing).err(), Some(ConsensusError::SigningRecordMissing { .. })));
    let mut damaged = store.clone();
    for slot in 0..4 {
        assert!(damaged.flip_bit(RECORD_FILE, 8 * (4096 * slot + 20)));
    }
    assert!(matches!(open(damaged).err(), Some(ConsensusError::SigningRecordDamaged { .. })));
    let other = Secp256k1Signer::new(&keccak256("another")).unwrap().public_key();
    let foreign = ConsensusFiles::open(Box::new(store), &CHAIN, Some(&other), MissingRecord::Refuse);
    assert!(matches!(foreign.err(), Some(ConsensusError::SigningRecordForeign { .. })));
}
