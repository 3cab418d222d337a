//! `pervade_getDatabase` and `pervade_getContent`: what contracts keep in the Contract Database, for tools.
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json, state},
    block_id::BlockId,
    convert::Quantity,
    limits::DATABASE_ROWS_MAX,
    params::{Arguments, Fixed, Number},
};
use alloy_primitives::{B256, Bytes, U256};
use jsonrpsee::server::RegisterMethodError;
use pervade_evm_ext::database_page;
use serde::Serialize;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    state(module, "pervade_getContent", 2, 1, |api, arguments| {
        let id = arguments.optional(1)?.unwrap_or(BlockId::LATEST);
        json(&api.view(id)?.find_content(&hash(arguments, 0)?)?)
    })?;
    heavy(module, "pervade_getDatabase", 4, database)
}

/// Rows of a table in the order in which their keys were first put.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseJson {
    /// Rows of the whole table.
    count: Quantity<u64>,
    rows: Vec<RowJson>,
    /// Cursor of the next page; `null` at the end.
    next: Option<Quantity<U256>>,
}

#[derive(Serialize)]
struct RowJson {
    key: B256,
    value: Bytes,
    /// The slot that `eth_getProof` proves the value with.
    slot: B256,
}

fn database(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let (database, table) = (hash(arguments, 0)?, hash(arguments, 1)?);
    let cursor = arguments.optional::<Number>(2)?.map_or(U256::ZERO, |cursor| cursor.0);
    let view = api.view(arguments.optional(3)?.unwrap_or(BlockId::LATEST))?;
    let page = database_page(api.spec(), view, database, table, cursor, DATABASE_ROWS_MAX)?;
    let row = |row: pervade_evm_ext::DatabaseRow| RowJson { key: row.key, value: row.value, slot: row.slot };
    json(&DatabaseJson {
        count: Quantity(page.count),
        rows: page.rows.into_iter().map(row).collect(),
        next: (!page.next.is_zero()).then_some(Quantity(page.next)),
    })
}

fn hash(arguments: &Arguments<'_>, index: usize) -> Result<B256, RpcError> {
    Ok(B256::from(arguments.required::<Fixed<32>>(index)?.0))
}
