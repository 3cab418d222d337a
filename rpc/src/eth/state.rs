//! Accounts and their storage.
use crate::{
    RpcError,
    api::{Api, Json, Module, json, state},
    block_id::{BlockId, BlockNumber},
    convert::{Hex256, Quantity},
    limits::SLOTS_MAX,
    params::{Arguments, Fixed, Slot, Text},
};
use alloy_primitives::{Address, KECCAK256_EMPTY, U256};
use jsonrpsee::server::RegisterMethodError;
use pervade_storage::StateReader;
use std::collections::BTreeMap;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    state(module, "eth_getBalance", 2, 1, |api, arguments| {
        let account = api.view(block(arguments, 1)?)?.account(&address(arguments)?)?;
        json(&Quantity(account.map_or(U256::ZERO, |account| account.balance)))
    })?;
    state(module, "eth_getTransactionCount", 2, 1, transaction_count)?;
    state(module, "eth_getCode", 2, 1, |api, arguments| {
        let view = api.view(block(arguments, 1)?)?;
        match view.account(&address(arguments)?)? {
            Some(account) if account.code_hash != KECCAK256_EMPTY => json(&view.code(&account.code_hash)?),
            _ => json("0x"),
        }
    })?;
    state(module, "eth_getStorageAt", 3, 2, |api, arguments| {
        let address = address(arguments)?;
        let slot =
            Slot::parse(&arguments.required::<Text<'_>>(1)?.0).map_err(|reason| RpcError::InvalidParams { reason })?;
        json(&Hex256(api.view(block(arguments, 2)?)?.storage(&address, &slot.value)?))
    })?;
    state(module, "eth_getStorageValues", 2, 1, storage_values)
}

/// The block argument at `index`, the head by default.
pub(super) fn block(arguments: &Arguments<'_>, index: usize) -> Result<BlockId, RpcError> {
    Ok(arguments.optional(index)?.unwrap_or(BlockId::LATEST))
}

/// The first argument as an address.
pub(super) fn address(arguments: &Arguments<'_>) -> Result<Address, RpcError> {
    Ok(arguments.required::<Fixed<20>>(0)?.into())
}

fn transaction_count(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let (address, id) = (address(arguments)?, block(arguments, 1)?);
    let nonce = api.view(id)?.account(&address)?.map_or(0, |account| account.nonce);
    let pooled = match id {
        BlockId::Number(BlockNumber::Pending) => api.pool().next_nonce(&address),
        _ => None,
    };
    json(&Quantity(nonce.max(pooled.unwrap_or_default())))
}

fn storage_values(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let wanted: BTreeMap<Fixed<20>, Vec<Slot>> = arguments.required(0)?;
    let count: usize = wanted.values().map(Vec::len).sum();
    if count == 0 {
        return Err(RpcError::InvalidParams { reason: "empty request" });
    }
    if count > SLOTS_MAX {
        return Err(RpcError::InvalidParams { reason: "too many slots (max 1024)" });
    }
    let view = api.view(block(arguments, 1)?)?;
    let mut answer = BTreeMap::new();
    for (address, slots) in wanted {
        let address = Address::from(address);
        let values: Result<Vec<Hex256>, RpcError> =
            slots.iter().map(|slot| Ok(Hex256(view.storage(&address, &slot.value)?))).collect();
        answer.insert(address, values?);
    }
    json(&answer)
}
