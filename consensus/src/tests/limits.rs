//! Parts, catch-up and their limits, at each and one past it.
use super::{CHAIN, address, certificate, set, signer};
use crate::{
    Action, DecidedBlock, Offence, PeerId, Secp256k1Verifier, Signer, SplitMix64,
    parts::{Assemblies, BlockPart, PartOutcome, PartsHead},
    sync::{SyncClient, SyncRequest, SyncResponse, SyncServer},
};
use alloy_primitives::B256;
use bytes::Bytes;
use pervade_chainspec::params;

fn parts(round: u32, salt: u8, bytes: usize) -> Vec<BlockPart> {
    let body = Bytes::from((0..bytes).map(|index| ((index % 251) as u8) ^ salt).collect::<Vec<_>>());
    let hash = B256::repeat_byte(salt.max(1));
    PartsHead::sign(5, round, hash, &body, &CHAIN, |digest| signer(1).sign(digest)).cut(&body)
}

#[test]
fn a_body_is_put_together_from_parts_in_any_order() {
    for bytes in [1, 100, params::BLOCK_PART_BYTES, params::BLOCK_PART_BYTES + 1, 5 * params::BLOCK_PART_BYTES + 7] {
        let mut parts = parts(0, 1, bytes);
        assert!(parts.iter().all(BlockPart::is_under_root), "{bytes} bytes");
        parts.reverse();
        let mut assemblies = Assemblies::default();
        let last = parts.pop().unwrap();
        for part in parts {
            assert_eq!(assemblies.add(part.clone(), 0), PartOutcome::Kept);
            assert_eq!(assemblies.add(part, 0), PartOutcome::Known);
        }
        let PartOutcome::Complete(body) = assemblies.add(last, 0) else { panic!("not complete") };
        assert_eq!(body.len(), bytes);
        assert!(body.iter().enumerate().all(|(index, byte)| *byte == ((index % 251) as u8) ^ 1));
    }
}

#[test]
fn what_does_not_lie_under_the_signed_root_is_refused() {
    let parts = parts(0, 1, 300_000);
    let good = &parts[2];
    let spoilt = |change: fn(&mut BlockPart)| {
        let mut part = good.clone();
        change(&mut part);
        part
    };
    let key = set(&[1, 1]).get(&address(1)).unwrap().public_key;
    assert!(good.head.holds(&CHAIN, &key, &Secp256k1Verifier::default()));
    for part in [
        spoilt(|part| part.index = 1),
        spoilt(|part| part.index = 5),
        spoilt(|part| part.data = vec![0; part.data.len()].into()),
        spoilt(|part| part.data = part.data.slice(1..)),
        spoilt(|part| part.path.truncate(1)),
        spoilt(|part| part.path.push(B256::ZERO)),
    ] {
        assert!(!part.is_under_root(), "part {}", part.index);
    }
    for head in [PartsHead { round: 1, ..good.head }, PartsHead { body_bytes: 300_001, ..good.head }] {
        assert!(!head.holds(&CHAIN, &key, &Secp256k1Verifier::default()));
    }
}

#[test]
fn unfinished_bodies_are_bounded_and_far_rounds_make_room() {
    let mut assemblies = Assemblies::default();
    let mut add = |round, salt| assemblies.add(parts(round, salt, 200_000).remove(0), 2);
    assert_eq!(add(0, 1), PartOutcome::Kept);
    assert_eq!(add(0, 2), PartOutcome::Kept);
    assert_eq!(add(0, 3), PartOutcome::NoRoom, "two a round");
    for (round, salt) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        assert_eq!(add(round, salt), PartOutcome::Kept);
    }
    // Six are here. Round 3 is nearer to round 2 than round 0 is.
    assert_eq!(add(3, 1), PartOutcome::Kept);
    assert_eq!(add(9, 1), PartOutcome::NoRoom, "farther than all that are here");
}

fn peer(index: u8) -> PeerId {
    PeerId::new(vec![index])
}

#[test]
fn a_peer_has_two_requests_answered_at_once_and_all_have_thirty_two() {
    let mut server = SyncServer::default();
    let request = SyncRequest::Blocks { from: 1, count: 10 }.encoded();
    let mut ask = |id: u64, from: u8| server.on_request(id, peer(from), &request, 100);
    assert!(matches!(ask(0, 0)[..], [Action::LoadBlocks { .. }]));
    assert!(matches!(ask(1, 0)[..], [Action::LoadBlocks { .. }]));
    let third = ask(2, 0);
    assert!(matches!(third[..], [Action::Respond { .. }, Action::Report { offence: Offence::TooManyRequests, .. }]));
    for id in 2..32 {
        assert!(matches!(ask(id + 1, id as u8)[..], [Action::LoadBlocks { .. }]), "{id}");
    }
    assert!(matches!(ask(99, 200)[..], [Action::Respond { .. }]), "no room for more");
    assert!(matches!(server.on_loaded(0, Vec::new()), Some(Action::Respond { id: 0, .. })));
    assert!(server.on_loaded(0, Vec::new()).is_none());
}

fn blocks(from: u64, count: u64) -> Vec<DecidedBlock> {
    let block = |height| DecidedBlock {
        certificate: certificate(&[0], height, 0, B256::repeat_byte(1)),
        body: Bytes::from_static(b"x"),
    };
    (from..from + count).map(block).collect()
}

/// Requests for blocks among actions: id, peer, first height, count.
fn asked(actions: &[Action]) -> Vec<(u64, PeerId, u64, u64)> {
    let asked = actions.iter().filter_map(|action| match action {
        Action::SendRequest { id, peer, bytes } => match SyncRequest::decode(bytes).unwrap() {
            SyncRequest::Blocks { from, count } => Some((*id, peer.clone(), from, count)),
            SyncRequest::Head => None,
        },
        _ => None,
    });
    asked.collect()
}

#[test]
fn ranges_are_asked_for_from_several_peers_and_a_liar_is_left() {
    let mut random = SplitMix64::new(1);
    let mut client = SyncClient::default();
    for index in 0..6 {
        client.on_head(peer(index), 1_000);
    }
    let first = asked(&client.drive(10_000, 1, &mut random));
    // One of the six is asked for its head; four requests for blocks are the limit.
    assert_eq!(first.len(), 4);
    assert_eq!(first.iter().map(|(_, _, from, _)| *from).collect::<Vec<_>>(), [1, 65, 129, 193]);
    assert!(first.iter().all(|(_, _, _, count)| *count == 64));
    let (id, from, ..) = first[0].clone();
    let gaps = SyncResponse::Blocks([blocks(1, 2), blocks(4, 1)].concat()).encoded();
    let report = client.on_response(id, from.clone(), &gaps, 1);
    assert!(matches!(report[..], [Action::Report { offence: Offence::WrongAnswer, .. }]));
    let again = asked(&client.drive(10_001, 1, &mut random));
    assert_eq!((again.len(), again[0].2), (1, 1), "the same blocks");
    assert_ne!(again[0].1, from, "from another peer");
    let (id, from, ..) = again[0].clone();
    assert!(client.on_response(id, from, &SyncResponse::Blocks(blocks(1, 10)).encoded(), 1).is_empty());
    assert!(client.ready(1).is_some() && client.ready(10).is_some() && client.ready(11).is_none());
    client.on_height(10);
    assert!(client.ready(9).is_none() && client.ready(10).is_some());
}

#[test]
fn a_slow_peer_is_reported_and_another_is_asked() {
    let mut random = SplitMix64::new(1);
    let mut client = SyncClient::default();
    client.on_head(peer(0), 50);
    let first = asked(&client.drive(0, 1, &mut random));
    assert!(first.is_empty(), "it is asked for its head");
    let first = asked(&client.drive(1_500, 1, &mut random));
    assert_eq!(first.len(), 1);
    client.on_head(peer(1), 50);
    let late = client.drive(10_000, 1, &mut random);
    let slow = |action: &Action| matches!(action, Action::Report { offence: Offence::SlowAnswer, .. });
    assert!(late.iter().any(slow), "{late:?}");
    // An answer that comes after all is nobody's.
    let (id, from, ..) = first[0].clone();
    assert!(client.on_response(id, from, &SyncResponse::Blocks(blocks(1, 3)).encoded(), 1).is_empty());
    assert!(client.ready(1).is_none());
}
