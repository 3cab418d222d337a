//! The Contract Database next to a contract's own storage (`contracts/StoredBytes.sol`): gas, time and disk.
use super::{
    database::{Writer, bytes},
    machine::{Machine, Measured},
};
use crate::load::table;
use alloy_primitives::{Address, B256, Bytes, U256, hex};
use alloy_sol_types::{SolCall, sol};
use pervade_chainspec::params::CONTRACT_DATABASE_ADDRESS;

sol! {
    function put(bytes32 key, bytes calldata value) external;
    function get(bytes32 key) external view returns (bytes memory);
}

/// Runtime code of `StoredBytes`.
const STORED_BYTES: &str = include_str!("../../contracts/StoredBytes.hex");
/// Lengths that are compared, bytes.
const LENGTHS: [usize; 4] = [32, 256, 1_024, 8_192];
/// Calls of each kind.
const CALLS: u64 = 60;
/// Table of the database.
const TABLE: u8 = 60;

pub(super) fn measure(machine: &mut Machine) -> eyre::Result<String> {
    let contract = machine.deploy(&hex::decode(STORED_BYTES.trim())?)?;
    let writer = Writer::open(machine, 2)?;
    let mut rows = Vec::new();
    for (turn, length) in (0u64..).zip(LENGTHS) {
        let keys = turn * CALLS..(turn + 1) * CALLS;
        let table = TABLE + turn as u8;
        let puts: Vec<_> = keys.clone().map(|key| writer.put(table, key, bytes(key, length))).collect();
        let gets: Vec<_> = keys.clone().map(|key| writer.get(table, key)).collect();
        let solidity_put = |key: u64| putCall { key: U256::from(key).into(), value: bytes(key, length) };
        let solidity_puts: Vec<_> = keys.clone().map(|key| solidity_put(key).abi_encode().into()).collect();
        let solidity_gets: Vec<_> =
            keys.map(|key| getCall { key: B256::from(U256::from(key)) }.abi_encode().into()).collect();
        let ours = both(machine, CONTRACT_DATABASE_ADDRESS, [&puts, &gets])?;
        let theirs = both(machine, contract, [&solidity_puts, &solidity_gets])?;
        for ((name, ours), theirs) in ["put", "get"].into_iter().zip(ours).zip(theirs) {
            rows.push(cells(name, length, ours, theirs));
        }
    }
    let head =
        ["function", "bytes", "gas", "Solidity", "part", "us", "Solidity", "part", "disk bytes", "Solidity", "part"];
    Ok(table(&head, &rows))
}

fn both(machine: &mut Machine, to: Address, calls: [&[Bytes]; 2]) -> eyre::Result<[Measured; 2]> {
    let [puts, gets] = calls;
    Ok([machine.measure(to, puts, 2)?, machine.measure(to, gets, 20)?])
}

fn cells(name: &str, length: usize, ours: Measured, theirs: Measured) -> Vec<String> {
    let each = CALLS as f64;
    let mut cells = vec![name.to_owned(), length.to_string()];
    let pairs = [
        (ours.gas as f64, theirs.gas as f64, 0),
        (ours.ns() / 1e3, theirs.ns() / 1e3, 1),
        (ours.disk_bytes, theirs.disk_bytes, 0),
    ];
    for (ours, theirs, digits) in pairs {
        cells.push(format!("{:.digits$}", ours / each));
        cells.push(format!("{:.digits$}", theirs / each));
        cells.push(if theirs > 0.0 { format!("{:.2}", ours / theirs) } else { "-".into() });
    }
    cells
}
