//! Transactions and receipts.
use super::blocks::{by_hash, by_number};
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json, light},
    block_id::BlockId,
    convert::{Place, ReceiptJson, TransactionJson},
    params::{Arguments, Fixed, Number64},
};
use alloy_primitives::B256;
use jsonrpsee::server::RegisterMethodError;
use pervade_storage::{RecoveredBlock, TransactionLocation};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "eth_getTransactionByHash", 1, |api, arguments| {
        transaction(api, &arguments.required::<Fixed<32>>(0)?.into())
    })?;
    light(module, "eth_getTransactionByBlockHashAndIndex", 2, |api, arguments| {
        transaction_in(api, arguments, by_hash(arguments)?)
    })?;
    light(module, "eth_getTransactionByBlockNumberAndIndex", 2, |api, arguments| {
        transaction_in(api, arguments, by_number(arguments)?)
    })?;
    light(module, "eth_getTransactionReceipt", 1, |api, arguments| {
        receipt(api, &arguments.required::<Fixed<32>>(0)?.into())
    })?;
    heavy(module, "eth_getBlockReceipts", 1, block_receipts)
}

fn transaction(api: &Api, hash: &B256) -> Result<Json, RpcError> {
    // The pool first: it lets go of a transaction after the block that has it is stored, so that one of the two knows it.
    let pooled = api.pool().get(hash);
    if let Some(at) = api.storage().transaction_location(hash)? {
        return transaction_at(api, at);
    }
    json(&pooled.as_ref().map(|pooled| TransactionJson {
        transaction: &pooled.transaction,
        sender: pooled.sender,
        place: None,
    }))
}

fn transaction_in(api: &Api, arguments: &Arguments<'_>, id: BlockId) -> Result<Json, RpcError> {
    let Number64(index) = arguments.required(1)?;
    match (api.number(id)?, u32::try_from(index)) {
        (Some(block_number), Ok(index)) => transaction_at(api, TransactionLocation { block_number, index }),
        _ => json(&()),
    }
}

fn transaction_at(api: &Api, at: TransactionLocation) -> Result<Json, RpcError> {
    let Some((transaction, sender)) = api.storage().transaction(at)? else { return json(&()) };
    let Some(place) = place(api, at)? else { return json(&()) };
    json(&TransactionJson { transaction: &transaction, sender, place: Some(place) })
}

fn place(api: &Api, at: TransactionLocation) -> Result<Option<Place>, RpcError> {
    let head = api.storage().head();
    if head.number() == at.block_number {
        return Ok(Some(Place::of(&head, u64::from(at.index))));
    }
    let Some(header) = api.storage().header(at.block_number)? else { return Ok(None) };
    let Some(block_hash) = api.storage().block_hash(at.block_number)? else { return Ok(None) };
    Ok(Some(Place {
        block_hash,
        block_number: at.block_number,
        timestamp: header.timestamp,
        base_fee: header.base_fee_per_gas,
        index: u64::from(at.index),
    }))
}

fn receipt(api: &Api, hash: &B256) -> Result<Json, RpcError> {
    match api.storage().transaction_location(hash)? {
        Some(at) => receipt_at(api, at),
        None => json(&()),
    }
}

/// The receipt of a transaction whose place is known.
pub(super) fn receipt_at(api: &Api, at: TransactionLocation) -> Result<Json, RpcError> {
    let Some((receipt, gas_before, logs_before)) = api.storage().receipt(at)? else { return json(&()) };
    let Some((transaction, sender)) = api.storage().transaction(at)? else { return json(&()) };
    let Some(place) = place(api, at)? else { return json(&()) };
    let blob_gas_price = if transaction.is_eip4844() {
        let header = api.storage().header(at.block_number)?;
        header.map(|header| api.blob_gas_price(&header)).transpose()?.flatten()
    } else {
        None
    };
    json(&ReceiptJson {
        receipt: &receipt,
        transaction: &transaction,
        sender,
        place,
        gas_before,
        logs_before,
        blob_gas_price,
    })
}

fn block_receipts(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let Some(block) = api.block(arguments.required(0)?)? else { return json(&()) };
    let Some(receipts) = api.storage().receipts(block.number())? else { return json(&()) };
    let blob_gas_price = api.blob_gas_price(block.header())?;
    let RecoveredBlock { block: inner, senders, .. } = &*block;
    let (mut gas_before, mut logs_before) = (0, 0);
    let transactions = inner.body.transactions.iter().zip(senders);
    let answer: Vec<ReceiptJson<'_>> = receipts
        .iter()
        .zip(transactions)
        .zip(0..)
        .map(|((receipt, (transaction, sender)), index)| {
            let json = ReceiptJson {
                receipt,
                transaction,
                sender: *sender,
                place: Place::of(&block, index),
                gas_before,
                logs_before,
                blob_gas_price,
            };
            gas_before = receipt.cumulative_gas_used;
            logs_before += receipt.logs.len() as u64;
            json
        })
        .collect();
    json(&answer)
}
