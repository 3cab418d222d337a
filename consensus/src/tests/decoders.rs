//! Bytes of others: whatever they are, decoders answer, and what they take they give back.
use super::{CHAIN, address, certificate, signer, vote};
use crate::{
    CommitCertificate, DecidedBlock, Equivocation, SignedProposal, Signer, VoteKind,
    certificate::CommitSignature,
    gossip::{GossipMessage, Polka, RoundProof, RoundProofKind},
    log::{JudgedBlock, LogEntry},
    notice::Step,
    parts::PartsHead,
    sync::{SyncRequest, SyncResponse},
};
use alloy_primitives::{B256, hex};
use bytes::Bytes;
use proptest::prelude::*;

const HASH: B256 = B256::repeat_byte(0x22);

fn proposal(polka_round: Option<u32>) -> SignedProposal {
    let (height, round, proposer) = (5, 3, address(1));
    let unsigned =
        SignedProposal { height, round, polka_round, block_hash: HASH, proposer, signature: Default::default() };
    SignedProposal { signature: signer(1).sign(unsigned.digest(&CHAIN)), ..unsigned }
}

fn messages() -> Vec<GossipMessage> {
    let polka_signatures = (0..3).map(|index| CommitSignature {
        address: address(index),
        signature: vote(index, VoteKind::Prevote, 5, 1, HASH).signature,
    });
    let body = Bytes::from(vec![7; 200_000]);
    let head = PartsHead::sign(5, 1, HASH, &body, &CHAIN, |digest| signer(1).sign(digest));
    let mut messages = vec![
        GossipMessage::Vote(vote(0, VoteKind::Prevote, 5, 1, HASH)),
        GossipMessage::Vote(vote(0, VoteKind::Precommit, 5, 1, B256::ZERO)),
        GossipMessage::Proposal(proposal(None)),
        GossipMessage::Proposal(proposal(Some(0))),
        GossipMessage::Polka(Polka { height: 5, round: 1, block_hash: HASH, signatures: polka_signatures.collect() }),
        GossipMessage::RoundProof(RoundProof {
            kind: RoundProofKind::Skip,
            height: 5,
            round: 1,
            votes: (0..2).map(|index| vote(index, VoteKind::Prevote, 5, 1, HASH)).collect(),
        }),
    ];
    messages.extend(head.cut(&body).into_iter().map(GossipMessage::Part));
    messages
}

#[test]
fn messages_come_back_as_they_went() {
    for message in messages() {
        assert_eq!(GossipMessage::decode(&message.encoded(7)).unwrap(), message);
        assert_ne!(message.encoded(7), message.encoded(8), "a repetition is another message");
    }
}

#[test]
fn a_vote_is_encoded_as_documented() {
    let mut vote = vote(0, VoteKind::Precommit, 5, 1, HASH);
    vote.validator = [0x33; 20].into();
    vote.signature = [0x44; 65].into();
    let fields =
        "02".to_owned() + "05" + "01" + "a0" + &"22".repeat(32) + "94" + &"33".repeat(20) + "b841" + &"44".repeat(65);
    let length = format!("{:02x}", fields.len() / 2);
    let bytes = GossipMessage::Vote(vote).encoded(0x0102);
    assert_eq!(hex::encode(bytes), "01010102f8".to_owned() + &length + &fields);
}

#[test]
fn rounds_and_polkas_that_cannot_be_are_refused() {
    let late = proposal(Some(3));
    assert!(GossipMessage::decode(&GossipMessage::Proposal(late).encoded(0)).is_err());
    let nothing = SignedProposal { block_hash: B256::ZERO, ..proposal(None) };
    assert!(GossipMessage::decode(&GossipMessage::Proposal(nothing).encoded(0)).is_err());
    let mut far = vote(0, VoteKind::Prevote, 5, crate::message::ROUND_MAX, HASH);
    assert!(GossipMessage::decode(&GossipMessage::Vote(far).encoded(0)).is_ok());
    far.round += 1;
    assert!(GossipMessage::decode(&GossipMessage::Vote(far).encoded(0)).is_err());
}

fn entries() -> Vec<LogEntry> {
    let judged = JudgedBlock { round: 2, valid_round: Some(0), proposer: address(1), block_hash: HASH, is_valid: true };
    vec![
        LogEntry::Vote(vote(0, VoteKind::Prevote, 5, 1, HASH)),
        LogEntry::Proposal(proposal(None)),
        LogEntry::Judged(judged),
        LogEntry::WaitEnded { step: Step::Precommit, round: 9 },
        LogEntry::Body { block_hash: HASH, body: Bytes::from_static(b"a block") },
    ]
}

#[test]
fn log_entries_come_back_as_they_went_in() {
    for entry in entries() {
        assert_eq!(LogEntry::decode(&entry.encoded()).unwrap(), entry);
        if let Some(input) = entry.to_input(5) {
            assert_eq!(LogEntry::of_input(&input).unwrap(), entry);
        }
    }
    let judged = hex::encode(entries()[2].encoded());
    let fields = "02".to_owned() + "01" + "94" + &hex::encode(address(1)) + "a0" + &"22".repeat(32) + "01";
    assert_eq!(judged, "04f8".to_owned() + &format!("{:02x}", fields.len() / 2) + &fields);
}

#[test]
fn sync_messages_come_back_as_they_went() {
    for request in [SyncRequest::Head, SyncRequest::Blocks { from: 7, count: 64 }] {
        assert_eq!(SyncRequest::decode(&request.encoded()).unwrap(), request);
    }
    let block = DecidedBlock { certificate: certificate(&[0, 1, 2], 5, 1, HASH), body: Bytes::from_static(b"a block") };
    for response in
        [SyncResponse::Head(9), SyncResponse::Blocks(vec![]), SyncResponse::Blocks(vec![block.clone(), block])]
    {
        assert_eq!(SyncResponse::decode(&response.encoded()).unwrap(), response);
    }
    let greedy = SyncRequest::Blocks { from: 7, count: u64::MAX };
    assert_eq!(SyncRequest::decode(&greedy.encoded()).unwrap(), SyncRequest::Blocks { from: 7, count: 64 });
    assert!(SyncRequest::decode(&SyncRequest::Blocks { from: 0, count: 1 }.encoded()).is_err());
}

fn decode_all(bytes: &[u8]) {
    let _ = GossipMessage::decode(bytes);
    let _ = LogEntry::decode(&Bytes::copy_from_slice(bytes));
    let _ = SyncRequest::decode(bytes);
    let _ = SyncResponse::decode(bytes);
    let _ = CommitCertificate::decode_exact(bytes);
    let _ = Equivocation::decode_exact(bytes);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400), kind in 1_u8..7) {
        decode_all(&bytes);
        let mut with_head = vec![1, kind, 0, 0];
        with_head.extend(&bytes);
        decode_all(&with_head);
        with_head[0] = kind;
        decode_all(&with_head);
    }

    #[test]
    fn spoilt_messages_are_answered(which in 0_usize..9, at: usize, byte: u8, cut: usize) {
        let all = messages();
        let mut bytes = all[which % all.len()].encoded(0).to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        decode_all(&bytes);
        bytes.truncate(cut % (bytes.len() + 1));
        decode_all(&bytes);
    }
}
