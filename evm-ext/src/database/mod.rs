//! The Contract Database: databases that outlive the contracts that write them, and proofs of data from outside.
//!
//! ```text
//! open, setRole ──► roles        who may write
//! put, get, ...  ──► tables      rows by key, in the order in which keys were first put
//! append, ...    ──► series      entries by time, equal times in order of arrival
//!                      │  └────► ordered_set   next and previous of a number, in a bounded number of slots
//!                      └───────► values        short ones in the slot, long ones by hash
//! setProvider    ──► providers   whose word about a thing is good
//! verify...      ──► proofs      content by identifier, attestation tokens
//! fetch...       ──► fetch       the same of what Thing Communication brings
//! ```
//!
//! Storage of the account, in Solidity's layout:
//!
//! ```text
//! slot  content
//! 0     mapping(bytes32 database => bool open)
//! 1     mapping(bytes32 database => mapping(address => uint8 role))
//! 2     mapping(bytes32 database => mapping(bytes32 table => mapping(bytes32 key => Row)))     tables.rs
//! 3     mapping(bytes32 database => mapping(bytes32 table => Table))                           tables.rs
//! 4     mapping(bytes32 database => mapping(bytes32 series => mapping(uint64 time => Moment))) series.rs
//! 5     mapping(bytes32 database => mapping(bytes32 series => mapping(uint256 node => bitmap)))
//! 6     mapping(bytes32 provider => Provider)                                                  providers.rs
//! ```
//!
//! No function touches more slots because a table or series is larger: [`ordered_set`] has a fixed number of levels.
//! Anybody may read; what is in a chain's state is no secret.
pub(crate) mod abi;
mod fetch;
mod ordered_set;
mod proofs;
mod providers;
mod questions;
mod roles;
mod series;
mod tables;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use fetch::{content_data, proved_data};
pub use questions::{DatabasePage, DatabaseRow, database_page};

use crate::precompiles::{Access, Frame, Precompile, PrecompileError};
use abi::IContractDatabase;
use alloy_primitives::{B256, Bytes, U256};
use alloy_sol_types::SolCall;
use pervade_chainspec::params::{CONTRACT_DATABASE_ADDRESS, DATABASE_KEYS_MAX};

type Result<T> = std::result::Result<T, PrecompileError>;

const OPEN: U256 = U256::ZERO;
const ROLES: U256 = U256::from_limbs([1, 0, 0, 0]);
const ROWS: U256 = U256::from_limbs([2, 0, 0, 0]);
const TABLES: U256 = U256::from_limbs([3, 0, 0, 0]);
const MOMENTS: U256 = U256::from_limbs([4, 0, 0, 0]);
const TIMES: U256 = U256::from_limbs([5, 0, 0, 0]);
const PROVIDERS: U256 = U256::from_limbs([6, 0, 0, 0]);

/// The precompile.
pub(crate) struct ContractDatabase;

impl Precompile for ContractDatabase {
    fn call(&self, frame: &mut Frame<'_>) -> Result<Bytes> {
        use IContractDatabase as abi;
        match frame.selector()? {
            abi::openCall::SELECTOR => frame.answer(Access::Write, roles::open),
            abi::setRoleCall::SELECTOR => frame.answer(Access::Write, roles::set_role),
            abi::roleOfCall::SELECTOR => frame.answer(Access::View, roles::role_of),
            abi::putCall::SELECTOR => frame.answer(Access::Write, put),
            abi::putManyCall::SELECTOR => frame.answer(Access::Write, put_many),
            abi::getCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::getCall| {
                let row = tables::Row::find(frame, call.database, call.table, call.key)?;
                row.get(frame)?.ok_or_else(no_value)
            }),
            abi::getManyCall::SELECTOR => frame.answer(Access::View, get_many),
            abi::existsCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::existsCall| {
                tables::Row::find(frame, call.database, call.table, call.key)?.exists(frame)
            }),
            abi::removeCall::SELECTOR => frame.answer(Access::Write, remove),
            abi::countCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::countCall| {
                let count = tables::Table::find(frame, call.database, call.table)?.count(frame)?;
                Ok(U256::from(count))
            }),
            abi::scanCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::scanCall| {
                let table = tables::Table::find(frame, call.database, call.table)?;
                let (keys, next) = table.scan(frame, call.cursor, call.limit)?;
                Ok(abi::scanReturn { keys: keys.into_iter().map(|(_, key)| key).collect(), next })
            }),
            abi::slotOfCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::slotOfCall| {
                Ok(tables::Row::find(frame, call.database, call.table, call.key)?.slot().into())
            }),
            abi::appendCall::SELECTOR => frame.answer(Access::Write, append),
            abi::rangeCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::rangeCall| {
                let series = series::Series::find(frame, call.database, call.series)?;
                let (entries, next) = series.range(frame, (call.fromMs, call.toMs), call.cursor, call.limit)?;
                let (times, values) = entries.into_iter().unzip();
                Ok(abi::rangeReturn { timesMs: times, values, next })
            }),
            abi::latestEntryCall::SELECTOR => frame.answer(Access::View, |frame, call: abi::latestEntryCall| {
                let latest = series::Series::find(frame, call.database, call.series)?.latest(frame)?;
                let (time_ms, value) = latest.ok_or_else(no_value)?;
                Ok(abi::latestEntryReturn { timeMs: time_ms, value })
            }),
            abi::trimCall::SELECTOR => frame.answer(Access::Write, |frame, call: abi::trimCall| {
                roles::check_writer(frame, call.database)?;
                let series = series::Series::find(frame, call.database, call.series)?;
                Ok(U256::from(series.trim(frame, call.beforeMs, call.limit)?))
            }),
            abi::setProviderCall::SELECTOR => frame.answer(Access::Write, providers::set),
            abi::providerOfCall::SELECTOR => frame.answer(Access::View, providers::of),
            abi::verifyContentCall::SELECTOR => frame.answer(Access::View, proofs::verify_content),
            abi::verifyEvidenceCall::SELECTOR => frame.answer(Access::View, proofs::verify_evidence),
            abi::fetchCall::SELECTOR => frame.answer(Access::Payable, fetch::fetch),
            abi::fetchContentCall::SELECTOR => frame.answer(Access::Payable, fetch::fetch_content),
            _ => Err(frame.unknown_function()),
        }
    }
}

fn put(frame: &mut Frame<'_>, call: IContractDatabase::putCall) -> Result<IContractDatabase::putReturn> {
    roles::check_writer(frame, call.database)?;
    let table = tables::Table::find(frame, call.database, call.table)?;
    put_row(frame, &table, call.database, call.table, call.key, &call.value)?;
    Ok(IContractDatabase::putReturn {})
}

fn put_many(frame: &mut Frame<'_>, call: IContractDatabase::putManyCall) -> Result<IContractDatabase::putManyReturn> {
    roles::check_writer(frame, call.database)?;
    if call.keys.len() != call.values.len() {
        return Err(PrecompileError::reason("putMany: as many values as keys are needed"));
    }
    check_keys(call.keys.len())?;
    let table = tables::Table::find(frame, call.database, call.table)?;
    for (key, value) in call.keys.iter().zip(&call.values) {
        put_row(frame, &table, call.database, call.table, *key, value)?;
    }
    Ok(IContractDatabase::putManyReturn {})
}

fn put_row(
    frame: &mut Frame<'_>,
    table: &tables::Table,
    database: B256,
    name: B256,
    key: B256,
    value: &Bytes,
) -> Result<()> {
    let row = tables::Row::find(frame, database, name, key)?;
    let hash = table.put(frame, &row, key, value)?;
    emit(frame, &IContractDatabase::Written { database, table: name, key, valueHash: hash })
}

fn get_many(frame: &mut Frame<'_>, call: IContractDatabase::getManyCall) -> Result<Vec<Bytes>> {
    check_keys(call.keys.len())?;
    let mut values = Vec::with_capacity(call.keys.len());
    for key in call.keys {
        let row = tables::Row::find(frame, call.database, call.table, key)?;
        values.push(row.get(frame)?.unwrap_or_default());
    }
    Ok(values)
}

fn remove(frame: &mut Frame<'_>, call: IContractDatabase::removeCall) -> Result<IContractDatabase::removeReturn> {
    roles::check_writer(frame, call.database)?;
    let table = tables::Table::find(frame, call.database, call.table)?;
    let row = tables::Row::find(frame, call.database, call.table, call.key)?;
    if !table.remove(frame, &row)? {
        return Err(no_value());
    }
    emit(frame, &IContractDatabase::Removed { database: call.database, table: call.table, key: call.key })?;
    Ok(IContractDatabase::removeReturn {})
}

fn append(frame: &mut Frame<'_>, call: IContractDatabase::appendCall) -> Result<IContractDatabase::appendReturn> {
    let IContractDatabase::appendCall { database, series, timeMs: time_ms, value } = call;
    roles::check_writer(frame, database)?;
    let hash = series::Series::find(frame, database, series)?.append(frame, time_ms, &value)?;
    emit(frame, &IContractDatabase::Appended { database, series, timeMs: time_ms, valueHash: hash })?;
    Ok(IContractDatabase::appendReturn {})
}

fn check_keys(count: usize) -> Result<()> {
    if count > DATABASE_KEYS_MAX { Err(limit_exceeded("keys", DATABASE_KEYS_MAX)) } else { Ok(()) }
}

fn no_value() -> PrecompileError {
    PrecompileError::custom(&IContractDatabase::NoValue {})
}

fn limit_exceeded(what: &str, limit: usize) -> PrecompileError {
    PrecompileError::custom(&IContractDatabase::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) })
}

fn emit<E: alloy_sol_types::SolEvent>(frame: &mut Frame<'_>, event: &E) -> Result<()> {
    frame.emit(CONTRACT_DATABASE_ADDRESS, event)
}

fn load(frame: &mut Frame<'_>, slot: U256) -> Result<U256> {
    frame.load(CONTRACT_DATABASE_ADDRESS, slot)
}

fn store(frame: &mut Frame<'_>, slot: U256, value: U256) -> Result<()> {
    frame.store(CONTRACT_DATABASE_ADDRESS, slot, value)
}

/// A mapping inside a mapping.
fn nested(frame: &mut Frame<'_>, slot: U256, outer: B256, inner: B256) -> Result<U256> {
    let outer = frame.mapping(slot, outer)?;
    frame.mapping(outer, inner)
}
