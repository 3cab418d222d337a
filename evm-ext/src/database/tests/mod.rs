//! Tests of the Contract Database, on the real machine.
mod gas;
mod model;
mod program;
mod proofs;
mod rows;
mod shape;
mod times;
mod upgrade;

use super::abi::IContractDatabase as abi;
use crate::precompiles::harness::{Failure, Harness};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use pervade_chainspec::params::CONTRACT_DATABASE_ADDRESS as DATABASE;

const ALICE: Address = Address::repeat_byte(0xa1);
const BOB: Address = Address::repeat_byte(0xb0);
const SALT: B256 = B256::repeat_byte(5);
const TABLE: B256 = B256::repeat_byte(0x7a);

/// Number `n` as a key.
fn key(n: u64) -> B256 {
    B256::from(U256::from(n))
}

fn bytes(length: usize) -> Bytes {
    (0..length).map(|place| (place as u8).wrapping_mul(37) ^ 0x5a).collect()
}

/// A chain on which Alice has opened a database.
fn opened() -> (Harness, B256) {
    let mut harness = Harness::new(Vec::new(), &[ALICE, BOB]);
    let database = send(&mut harness, ALICE, &abi::openCall { salt: SALT }).unwrap();
    assert_eq!(database, database_of(ALICE));
    (harness, database)
}

fn database_of(admin: Address) -> B256 {
    keccak256((admin, SALT).abi_encode())
}

fn send<C: SolCall>(harness: &mut Harness, from: Address, call: &C) -> Result<C::Return, Failure> {
    harness.send(from, DATABASE, U256::ZERO, call)
}

fn put(database: B256, n: u64, value: &Bytes) -> abi::putCall {
    abi::putCall { database, table: TABLE, key: key(n), value: value.clone() }
}

fn get(harness: &mut Harness, database: B256, n: u64) -> Result<Bytes, Failure> {
    send(harness, BOB, &abi::getCall { database, table: TABLE, key: key(n) })
}

/// All keys of a table, by pages of this many.
fn scan_all(harness: &mut Harness, database: B256, limit: u64) -> Vec<B256> {
    let mut keys = Vec::new();
    let mut cursor = U256::ZERO;
    loop {
        let call = abi::scanCall { database, table: TABLE, cursor, limit: U256::from(limit) };
        let page = send(harness, BOB, &call).unwrap();
        assert!(page.keys.len() as u64 <= limit);
        keys.extend(page.keys);
        cursor = page.next;
        if cursor.is_zero() {
            return keys;
        }
    }
}

/// All entries of a range, by pages of this many.
fn range_all(harness: &mut Harness, database: B256, range: (u64, u64), limit: u64) -> Vec<(u64, Bytes)> {
    let mut entries = Vec::new();
    let mut cursor = U256::ZERO;
    loop {
        let (from, to) = range;
        let limit = U256::from(limit);
        let call = abi::rangeCall { database, series: TABLE, fromMs: from, toMs: to, cursor, limit };
        let page = send(harness, BOB, &call).unwrap();
        entries.extend(page.timesMs.into_iter().zip(page.values));
        cursor = page.next;
        if cursor.is_zero() {
            return entries;
        }
    }
}
