//! The log's file.
use crate::{
    FileStore, MemoryStore, SplitMix64,
    log::{LOG_FILE, LogFile},
};
use alloy_primitives::hex;
use bytes::Bytes;
use proptest::prelude::*;

fn payloads(count: usize) -> Vec<Bytes> {
    (0..count).map(|index| Bytes::from(vec![index as u8; 40 * index + 1])).collect()
}

#[test]
fn records_are_as_documented_byte_by_byte() {
    let mut store = MemoryStore::new();
    let (mut log, _) = LogFile::open(&mut store).unwrap();
    log.append(&mut store, 0x102, &[Bytes::from_static(b"abc"), Bytes::from_static(b"d")]).unwrap();
    let bytes = hex::encode(store.read(LOG_FILE).unwrap().unwrap());
    let (head, first) = ("5056434c4f473031", "00000003".to_owned() + "0000000000000102" + "00000000" + "616263");
    let checksum = &hex::encode(alloy_primitives::keccak256(hex::decode(head.to_owned() + &first).unwrap()))[..32];
    let second = "00000001".to_owned() + "0000000000000102" + "00000001" + "64";
    let chained = alloy_primitives::keccak256(hex::decode(checksum.to_owned() + &second).unwrap());
    assert_eq!(bytes, head.to_owned() + &first + checksum + &second + &hex::encode(chained)[..32]);
}

#[test]
fn a_new_height_empties_the_log() {
    let mut store = MemoryStore::new();
    let (mut log, _) = LogFile::open(&mut store).unwrap();
    log.append(&mut store, 1, &payloads(5)).unwrap();
    log.append(&mut store, 2, &payloads(2)).unwrap();
    let (_, recovered) = LogFile::open(&mut store).unwrap();
    assert_eq!((recovered.height, recovered.records, recovered.torn_bytes), (2, payloads(2), 0));
}

#[test]
fn appending_goes_on_after_a_torn_tail() {
    let mut store = MemoryStore::new();
    let (mut log, _) = LogFile::open(&mut store).unwrap();
    log.append(&mut store, 1, &payloads(4)).unwrap();
    let length = store.read(LOG_FILE).unwrap().unwrap().len();
    store.truncate(LOG_FILE, length as u64 - 5).unwrap();
    let (mut log, recovered) = LogFile::open(&mut store).unwrap();
    assert_eq!(recovered.records, payloads(3));
    assert!(recovered.torn_bytes > 0 && !recovered.damaged);
    log.append(&mut store, 1, &[Bytes::from_static(b"next")]).unwrap();
    let (_, recovered) = LogFile::open(&mut store).unwrap();
    assert_eq!((recovered.records.len(), recovered.torn_bytes), (4, 0));
}

proptest! {
    #[test]
    fn what_was_synced_survives_a_power_loss_and_the_rest_is_a_prefix(
        synced in 0_usize..8, unsynced in 0_usize..8, seed: u64,
    ) {
        let mut store = MemoryStore::new();
        let (mut log, _) = LogFile::open(&mut store).unwrap();
        // An older height may lie below.
        log.append(&mut store, 6, &payloads(6)).unwrap();
        log.sync(&mut store).unwrap();
        let all = payloads(synced + unsynced);
        log.append(&mut store, 7, &all[..synced]).unwrap();
        log.sync(&mut store).unwrap();
        for payload in &all[synced..] {
            log.append(&mut store, 7, std::slice::from_ref(payload)).unwrap();
        }
        store.lose_power(&mut SplitMix64::new(seed));
        let (_, mut recovered) = LogFile::open(&mut store).unwrap();
        recovered.require(7, synced as u32);
        prop_assert!(!recovered.damaged);
        if recovered.height == 7 {
            prop_assert_eq!(&recovered.records[..], &all[..recovered.records.len()]);
        } else {
            prop_assert_eq!(synced, 0);
        }
    }

    #[test]
    fn a_flipped_bit_is_damage_below_what_signatures_stand_on_and_a_torn_tail_above(
        bit in 0_usize..6_000, required in 1_u32..6,
    ) {
        let mut store = MemoryStore::new();
        let (mut log, _) = LogFile::open(&mut store).unwrap();
        log.append(&mut store, 7, &payloads(6)).unwrap();
        log.sync(&mut store).unwrap();
        prop_assume!(store.flip_bit(LOG_FILE, bit));
        let (_, mut recovered) = LogFile::open(&mut store).unwrap();
        recovered.require(7, required);
        prop_assert!(recovered.records.len() < 6, "a flipped bit went unnoticed");
        prop_assert_eq!(&recovered.records[..], &payloads(6)[..recovered.records.len()]);
        prop_assert_eq!(recovered.damaged, recovered.records.len() < required as usize);
    }
}
