//! What values cost, next to the same in a contract's own storage.
use super::*;
use alloy_sol_types::sol;
use pervade_chainspec::PervadeConfig;

sol! {
    interface IStoredBytes {
        function put(bytes32 key, bytes calldata value) external;
        function get(bytes32 key) external view returns (bytes memory);
    }
}

const CONTRACT: Address = Address::repeat_byte(0xcc);

/// Gas of a value's first `put`, its overwriting and its `get`, each in a transaction of its own.
struct Gas {
    put: u64,
    overwrite: u64,
    get: u64,
}

fn stored_bytes() -> Vec<u8> {
    hex::decode(include_str!("../../../../tests/contracts/StoredBytes.hex").trim()).unwrap()
}

fn solidity(length: usize) -> Gas {
    let code = stored_bytes();
    let mut harness = Harness::with_code(PervadeConfig::new(Vec::new(), 30_000_000), &[ALICE], &[(CONTRACT, &code)]);
    let mut put = |value: Bytes| {
        harness.send(ALICE, CONTRACT, U256::ZERO, &IStoredBytes::putCall { key: key(1), value }).unwrap();
        harness.gas_used
    };
    let gas = Gas { put: put(bytes(length)), overwrite: put(vec![7; length].into()), get: 0 };
    let read = harness.send(ALICE, CONTRACT, U256::ZERO, &IStoredBytes::getCall { key: key(1) }).unwrap();
    assert_eq!(read.len(), length);
    Gas { get: harness.gas_used, ..gas }
}

fn database(length: usize) -> Gas {
    let (mut harness, database) = opened();
    send(&mut harness, ALICE, &put(database, 0, &bytes(1))).unwrap();
    let mut write = |value: Bytes| {
        send(&mut harness, ALICE, &put(database, 1, &value)).unwrap();
        harness.gas_used
    };
    let gas = Gas { put: write(bytes(length)), overwrite: write(vec![7; length].into()), get: 0 };
    assert_eq!(get(&mut harness, database, 1).unwrap().len(), length);
    Gas { get: harness.gas_used, ..gas }
}

#[test]
fn a_kibibyte_costs_a_quarter_to_put_and_a_third_to_get() {
    println!("bytes  put: database  Solidity   overwrite: database  Solidity   get: database  Solidity");
    for length in [32, 256, 1_024, 8_192] {
        let (ours, theirs) = (database(length), solidity(length));
        println!(
            "{length:5} {:14} {:9} {:21} {:9} {:15} {:9}",
            ours.put, theirs.put, ours.overwrite, theirs.overwrite, ours.get, theirs.get
        );
        if length >= 1_024 {
            // Without what every transaction pays alike, and with it.
            for intrinsic in [21_000, 0] {
                assert!((ours.put - intrinsic) * 4 <= theirs.put - intrinsic, "{length}");
                assert!((ours.get - intrinsic) * 3 <= theirs.get - intrinsic, "{length}");
            }
        }
    }
}

#[test]
fn a_price_does_not_tell_what_is_there_already() {
    let (mut harness, database) = opened();
    send(&mut harness, ALICE, &put(database, 0, &bytes(1))).unwrap();
    let mut write = |n, value: &Bytes| {
        send(&mut harness, ALICE, &put(database, n, value)).unwrap();
        harness.gas_used
    };
    let first = write(1, &bytes(1_024));
    assert_eq!(write(2, &bytes(1_024)), first, "the same content again");
    let other: Bytes = vec![1; 1_024].into();
    let calldata = |value: &Bytes| value.iter().map(|byte| if *byte == 0 { 4 } else { 16 }).sum::<u64>();
    assert_eq!(write(3, &other) - calldata(&other), first - calldata(&bytes(1_024)), "other content");
}
