//! The record of what was signed, and the guard.
use super::{CHAIN, signer};
use crate::{
    ConsensusError, FileStore, MemoryStore, SignedStep, Signer, SigningGuard, SigningState, SplitMix64,
    record::{BlockAtRound, RECORD_FILE, RecordFile, SLOT_BYTES, SLOT_SPACING},
};
use alloy_primitives::{B256, hex, keccak256};
use proptest::prelude::*;

fn state(height: u64) -> SigningState {
    SigningState {
        height,
        round: 3,
        step: SignedStep::Precommit,
        block_hash: B256::repeat_byte(0x22),
        digest: B256::repeat_byte(0x33),
        signature: [0x44; 65].into(),
        locked: Some(BlockAtRound { round: 2, block_hash: B256::repeat_byte(0x55) }),
        valid: None,
        log_records: 9,
        silent_through: 4,
    }
}

#[test]
fn a_slot_is_as_documented_byte_by_byte() {
    let mut store = MemoryStore::new();
    let key = signer(1).public_key();
    RecordFile::create(&mut store, &CHAIN, &key, &state(0x102)).unwrap();
    let bytes = store.read(RECORD_FILE).unwrap().unwrap();
    let owner = keccak256([&1337_u64.to_be_bytes()[..], &[0x11; 32], key.as_slice()].concat());
    let content = hex::encode(b"PVSIGN01")
        + "0000000000000001"
        + &hex::encode(owner)
        + "0000000000000102"
        + "00000003"
        + "03"
        + &"22".repeat(32)
        + &"33".repeat(32)
        + &"44".repeat(65)
        + "00000003"
        + &"55".repeat(32)
        + "00000000"
        + &"00".repeat(32)
        + "00000009"
        + "0000000000000004";
    let checksum = hex::encode(keccak256(hex::decode(&content).unwrap()));
    // Generation 1 goes to the second pair.
    let slot = 2 * SLOT_SPACING as usize;
    assert_eq!(hex::encode(&bytes[slot..slot + SLOT_BYTES]), content + &checksum);
}

fn open(store: &mut MemoryStore) -> Result<Option<SigningState>, ConsensusError> {
    Ok(RecordFile::open(store, &CHAIN, &signer(1).public_key())?.map(|(_, state)| state))
}

#[test]
fn a_power_loss_at_any_write_leaves_the_state_before_or_after() {
    for begun in 1..6_u64 {
        for operation in 0..4 {
            for seed in 0..50 {
                let mut store = MemoryStore::new();
                let key = signer(1).public_key();
                let mut file = RecordFile::create(&mut store, &CHAIN, &key, &state(100)).unwrap();
                for height in 101..100 + begun {
                    file.write(&mut store, &state(height)).unwrap();
                }
                store.fail_from(store.operations() + operation);
                let written = file.write(&mut store, &state(100 + begun)).is_ok();
                store.lose_power(&mut SplitMix64::new(seed));
                let found = open(&mut store).unwrap().unwrap().height;
                let before = 99 + begun;
                assert!(
                    found == before + 1 || (!written && found == before),
                    "{found} after {before}, written {written}"
                );
            }
        }
    }
}

#[test]
fn a_power_loss_while_a_record_is_made_leaves_none_or_a_whole_one() {
    let key = signer(1).public_key();
    let mut store = MemoryStore::new();
    RecordFile::create(&mut store, &CHAIN, &key, &state(100)).unwrap();
    let operations = store.operations();
    for operation in 0..=operations {
        for seed in 0..50 {
            let mut store = MemoryStore::new();
            store.fail_from(operation);
            let made = RecordFile::create(&mut store, &CHAIN, &key, &state(100)).is_ok();
            store.lose_power(&mut SplitMix64::new(seed));
            let found = open(&mut store).unwrap();
            assert_eq!((found.is_some(), made), (operation == operations, operation == operations), "at {operation}");
            // What is left of the attempt is in nobody's way.
            RecordFile::create(&mut store, &CHAIN, &key, &state(101)).unwrap();
            assert_eq!(open(&mut store).unwrap(), Some(state(101)));
        }
    }
}

#[test]
fn one_flipped_bit_never_brings_back_an_older_state() {
    let key = signer(1).public_key();
    let mut store = MemoryStore::new();
    let mut file = RecordFile::create(&mut store, &CHAIN, &key, &state(100)).unwrap();
    for height in 101..104 {
        file.write(&mut store, &state(height)).unwrap();
    }
    let bits = store.read(RECORD_FILE).unwrap().unwrap().len() * 8;
    for bit in (0..bits).step_by(7) {
        let mut rotten = store.clone();
        assert!(rotten.flip_bit(RECORD_FILE, bit));
        assert_eq!(open(&mut rotten).unwrap().unwrap(), state(103), "bit {bit}");
    }
}

#[test]
fn a_record_that_cannot_be_read_is_not_taken_for_none() {
    let key = signer(1).public_key();
    let mut store = MemoryStore::new();
    assert!(open(&mut store).unwrap().is_none());
    RecordFile::create(&mut store, &CHAIN, &key, &state(100)).unwrap();
    let mut cut = store.clone();
    cut.truncate(RECORD_FILE, 200).unwrap();
    assert!(matches!(open(&mut cut), Err(ConsensusError::SigningRecordDamaged { .. })));
    let foreign = RecordFile::open(&mut store, &CHAIN, &signer(2).public_key());
    assert!(matches!(foreign, Err(ConsensusError::SigningRecordForeign { .. })));
}

fn guard(state: SigningState) -> SigningGuard {
    SigningGuard::new(Box::new(signer(1)), state)
}

#[test]
fn the_same_request_gives_the_same_bytes_and_another_is_refused() {
    let mut guard = guard(SigningState::default());
    let (a, b) = (B256::repeat_byte(1), B256::repeat_byte(2));
    let first = guard.sign(5, 0, SignedStep::Prevote, a, a).unwrap();
    assert_eq!(guard.sign(5, 0, SignedStep::Prevote, a, a).unwrap(), first);
    let refused = guard.sign(5, 0, SignedStep::Prevote, b, b).unwrap_err();
    assert!(matches!(refused, ConsensusError::SecondSignature { height: 5, round: 0, signed_height: 5, .. }));
    assert!(guard.sign(5, 0, SignedStep::Proposal, b, b).is_err());
    assert!(guard.sign(4, 9, SignedStep::Precommit, b, b).is_err());
    guard.sign(5, 0, SignedStep::Precommit, b, b).unwrap();
    guard.sign(6, 0, SignedStep::Proposal, b, b).unwrap();
}

#[test]
fn nothing_is_signed_up_to_the_height_that_the_record_forbids() {
    let mut guard = guard(SigningState { silent_through: 10, ..SigningState::default() });
    let digest = B256::repeat_byte(1);
    assert!(guard.sign(10, 0, SignedStep::Prevote, digest, digest).is_err());
    guard.sign(11, 0, SignedStep::Prevote, digest, digest).unwrap();
}

fn requests() -> impl Strategy<Value = Vec<(u64, u32, u8, u8)>> {
    proptest::collection::vec((1_u64..4, 0_u32..3, 1_u8..4, 0_u8..3), 1..60)
}

proptest! {
    /// Whatever is asked, with restarts from a file that loses power at any operation between: two different signatures that
    /// left the node are never for one place.
    #[test]
    fn no_two_signatures_leave_for_one_place(requests in requests(), seed: u64) {
        let mut random = SplitMix64::new(seed);
        let key = signer(1).public_key();
        let mut store = MemoryStore::new();
        let mut file = RecordFile::create(&mut store, &CHAIN, &key, &SigningState::default()).unwrap();
        let mut guard = guard(SigningState::default());
        let mut left = std::collections::BTreeMap::new();
        for (height, round, step, block) in requests {
            if random.below(3) == 0 {
                store.fail_from(store.operations() + random.below(4));
            }
            let step = SignedStep::from_byte(step).unwrap();
            let digest = keccak256([height as u8, round as u8, step as u8, block]);
            let signed = guard.sign(height, round, step, B256::repeat_byte(block), digest);
            let Ok(signature) = signed else { continue };
            if file.write(&mut store, guard.state()).is_ok() {
                let before = left.entry((height, round, step)).or_insert(signature);
                prop_assert_eq!(*before, signature);
            } else {
                store.lose_power(&mut random);
                let (reopened, state) = RecordFile::open(&mut store, &CHAIN, &key).unwrap().unwrap();
                file = reopened;
                guard = self::guard(state);
            }
        }
    }
}
