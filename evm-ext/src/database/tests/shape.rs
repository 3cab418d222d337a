//! Cost against size: a table or series may be as large as it likes.
use super::*;
use crate::{
    database::{
        series::Series,
        tables::{Row, Table},
    },
    precompiles::Frame,
};

/// Puts rows `range` without paying for them.
fn fill_table(harness: &mut Harness, database: B256, range: std::ops::Range<u64>) {
    let fill = |frame: &mut Frame<'_>| {
        for n in range {
            let row = Row::find(frame, database, TABLE, key(n))?;
            Table::find(frame, database, TABLE)?.put(frame, &row, key(n), &bytes(8))?;
        }
        Ok(())
    };
    harness.as_protocol(DATABASE, fill).unwrap();
}

/// Appends an entry a second without paying for them.
fn fill_series(harness: &mut Harness, database: B256, range: std::ops::Range<u64>) {
    let fill = |frame: &mut Frame<'_>| {
        for n in range {
            Series::find(frame, database, TABLE)?.append(frame, START_MS + n * 1_000, &bytes(8))?;
        }
        Ok(())
    };
    harness.as_protocol(DATABASE, fill).unwrap();
}

const START_MS: u64 = 1_700_000_000_000;

/// Gas of each function on a table and a series of this size.
fn costs(size: u64) -> Vec<(&'static str, u64)> {
    let (mut harness, database) = opened();
    fill_table(&mut harness, database, 0..size);
    fill_series(&mut harness, database, 0..size);
    let mut costs = Vec::new();
    let mut cost = |name, from, call: Vec<u8>| {
        harness.transact(from, DATABASE, U256::ZERO, call.into()).unwrap();
        costs.push((name, harness.gas_used));
    };
    let middle = key(size / 2);
    cost("get", BOB, abi::getCall { database, table: TABLE, key: middle }.abi_encode());
    let scan = |cursor: u64| abi::scanCall { database, table: TABLE, cursor: U256::from(cursor), limit: U256::from(5) };
    cost("scan", BOB, scan(size / 2 - 4).abi_encode());
    cost("count", BOB, abi::countCall { database, table: TABLE }.abi_encode());
    cost("overwrite", ALICE, abi::putCall { database, table: TABLE, key: middle, value: bytes(9) }.abi_encode());
    cost("put", ALICE, abi::putCall { database, table: TABLE, key: key(1 << 40), value: bytes(8) }.abi_encode());
    cost("remove", ALICE, abi::removeCall { database, table: TABLE, key: middle }.abi_encode());
    let from = START_MS + (size / 2 - 4) * 1_000;
    let range = abi::rangeCall {
        database,
        series: TABLE,
        fromMs: from,
        toMs: from + 4_000,
        cursor: U256::ZERO,
        limit: U256::from(5),
    };
    cost("range", BOB, range.abi_encode());
    cost("latestEntry", BOB, abi::latestEntryCall { database, series: TABLE }.abi_encode());
    let next = START_MS + size * 1_000 + 256;
    cost("append", ALICE, abi::appendCall { database, series: TABLE, timeMs: next, value: bytes(8) }.abi_encode());
    let late = START_MS + size / 2 * 1_000 + 256;
    cost("append late", ALICE, abi::appendCall { database, series: TABLE, timeMs: late, value: bytes(8) }.abi_encode());
    let trim = abi::trimCall { database, series: TABLE, beforeMs: START_MS + 3_000, limit: U256::from(3) };
    cost("trim", ALICE, trim.abi_encode());
    costs
}

/// Each slot that a larger set may touch more, at the price of a new one.
const LEVEL_GAS: u64 = 22_100 + 100;

fn compare(size: u64) {
    println!("{:12} {:>10} {:>10}", "gas", 10, size);
    for ((name, small), (_, large)) in costs(10).into_iter().zip(costs(size)) {
        println!("{name:12} {small:10} {large:10}");
        assert!(large <= small + 3 * LEVEL_GAS, "{name}: {small} at 10, {large} at {size}");
        if matches!(name, "get" | "count" | "overwrite") {
            assert_eq!(small >> 7, large >> 7, "{name}: nothing but the zeros of the key in the calldata");
        }
    }
}

#[test]
fn cost_does_not_grow_with_size() {
    compare(100_000);
}

#[test]
fn slow_cost_of_a_million_rows_is_that_of_ten() {
    compare(1_000_000);
}
