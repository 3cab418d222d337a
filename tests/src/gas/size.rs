//! Cost against size: a table of ten rows and a large one, a series of ten entries and a large one, both on disk.
use super::{
    database::{Writer, bytes},
    machine::{Machine, Measured},
};
use crate::load::table;
use alloy_primitives::Bytes;
use pervade_chainspec::params::CONTRACT_DATABASE_ADDRESS;

/// Rows of the small table, entries of the small series.
const FEW: u64 = 10;
/// Bytes of each value: the longest that stands in its slot.
const VALUE_BYTES: usize = 31;
/// Rows that one call puts while a table is filled: they fit into a transaction.
const ROWS_PER_CALL: u64 = 100;
/// Entries that a transaction appends while a series is filled.
const ENTRIES_PER_TRANSACTION: usize = 100;
/// Transactions of a block while filling.
const FILL_TRANSACTIONS: u64 = 50;
/// Calls that are measured.
const CALLS: u64 = 200;
/// Rows of a page.
const PAGE: usize = 5;

/// Makes the calls of one function on the table or series of a name and size.
type Calls = fn(&Writer, u8, u64) -> Vec<Bytes>;

/// Fills and measures.
pub(super) fn measure(machine: &mut Machine, rows: u64) -> eyre::Result<String> {
    let writer = Writer::open(machine, 3)?;
    let (small, large) = (1u8, 2u8);
    for (name, size) in [(small, FEW), (large, rows)] {
        fill_table(machine, &writer, name, size)?;
        fill_series(machine, &writer, name, size)?;
    }
    let mut cells = Vec::new();
    let functions: [(&str, Calls); 6] = [
        ("get", |writer, name, size| (0..CALLS).map(|n| writer.get(name, spread(n, size))).collect()),
        ("scan, a page of 5", |writer, name, size| {
            (0..CALLS).map(|n| writer.scan(name, 1 + spread(n, size - PAGE as u64), PAGE)).collect()
        }),
        ("range, a page of 5", |writer, name, size| {
            (0..CALLS).map(|n| writer.range(name, 1 + spread(n, size - PAGE as u64), PAGE)).collect()
        }),
        ("put, overwriting", |writer, name, size| {
            (0..CALLS).map(|n| writer.put(name, spread(n, size), bytes(n + size, VALUE_BYTES))).collect()
        }),
        ("put, a new row", |writer, name, size| {
            (0..CALLS).map(|n| writer.put(name, size + n, bytes(n, VALUE_BYTES))).collect()
        }),
        ("append", |writer, name, size| {
            (1..=CALLS).map(|n| writer.append(name, size + n, bytes(n, VALUE_BYTES))).collect()
        }),
    ];
    for (function, calls) in functions {
        // A call a transaction: nothing is warm from the one before.
        let of = |machine: &mut Machine, name, size| {
            machine.measure(CONTRACT_DATABASE_ADDRESS, &calls(&writer, name, size), 1)
        };
        let (few, many) = (of(machine, small, FEW)?, of(machine, large, rows)?);
        cells.push(line(function, few, many));
    }
    Ok(table(&["function", "gas at ten", "gas", "part", "us at ten", "us", "part"], &cells))
}

fn line(function: &str, few: Measured, many: Measured) -> Vec<String> {
    let each = CALLS as f64;
    vec![
        function.to_owned(),
        format!("{:.0}", few.gas as f64 / each),
        format!("{:.0}", many.gas as f64 / each),
        format!("{:.2}", many.gas as f64 / few.gas as f64),
        format!("{:.1}", few.ns() / each / 1e3),
        format!("{:.1}", many.ns() / each / 1e3),
        format!("{:.2}", many.ns() / few.ns()),
    ]
}

/// Numbers all over `0..size`.
fn spread(number: u64, size: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20) % size
}

fn fill_table(machine: &mut Machine, writer: &Writer, name: u8, rows: u64) -> eyre::Result<()> {
    let mut from = 0;
    while from < rows {
        let to = rows.min(from + ROWS_PER_CALL * FILL_TRANSACTIONS);
        let ranges = (from..to).step_by(ROWS_PER_CALL as usize).map(|start| start..to.min(start + ROWS_PER_CALL));
        let calls: Vec<_> = ranges.map(|range| writer.put_many(name, range, VALUE_BYTES)).collect();
        machine.call(CONTRACT_DATABASE_ADDRESS, &calls, 1)?;
        from = to;
        eprint!("\r\x1b[Krows: {from} of {rows}");
    }
    Ok(())
}

fn fill_series(machine: &mut Machine, writer: &Writer, name: u8, entries: u64) -> eyre::Result<()> {
    let mut from = 0;
    while from < entries {
        let to = entries.min(from + ENTRIES_PER_TRANSACTION as u64 * FILL_TRANSACTIONS);
        let calls: Vec<_> =
            (from + 1..=to).map(|entry| writer.append(name, entry, bytes(entry, VALUE_BYTES))).collect();
        machine.call(CONTRACT_DATABASE_ADDRESS, &calls, ENTRIES_PER_TRANSACTION)?;
        from = to;
        eprint!("\r\x1b[Kentries: {from} of {entries}");
    }
    eprintln!();
    Ok(())
}
