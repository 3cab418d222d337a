//! `txpool_`: what waits for a block.
use crate::{
    api::{Module, heavy, json, light},
    convert::{Quantity, TransactionJson},
    params::Fixed,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::Address;
use jsonrpsee::server::RegisterMethodError;
use pervade_txpool::PooledTransaction;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "txpool_status", 0, |api, _| {
        let status = api.pool().status();
        let quantity = |count: usize| Quantity(count as u64);
        json(&BTreeMap::from([("pending", quantity(status.pending)), ("queued", quantity(status.queued))]))
    })?;
    heavy(module, "txpool_content", 0, |api, _| {
        let content = api.pool().content();
        let part = |part: &BySender| by_sender(part, |tx| TransactionOf(tx.clone()));
        json(&BTreeMap::from([("pending", part(&content.pending)), ("queued", part(&content.queued))]))
    })?;
    heavy(module, "txpool_contentFrom", 1, |api, arguments| {
        let sender = Address::from(arguments.required::<Fixed<20>>(0)?);
        let content = api.pool().content_from(&sender);
        let part = |part: &BySender| -> ByNonce<TransactionOf> {
            part.get(&sender).map(|nonces| by_nonce(nonces, |tx| TransactionOf(tx.clone()))).unwrap_or_default()
        };
        json(&BTreeMap::from([("pending", part(&content.pending)), ("queued", part(&content.queued))]))
    })?;
    heavy(module, "txpool_inspect", 0, |api, _| {
        let content = api.pool().content();
        let part = |part: &BySender| by_sender(part, summary);
        json(&BTreeMap::from([("pending", part(&content.pending)), ("queued", part(&content.queued))]))
    })
}

type BySender = BTreeMap<Address, BTreeMap<u64, PooledTransaction>>;
/// Nonces are written as decimal strings.
type ByNonce<T> = BTreeMap<u64, T>;

fn by_nonce<T>(nonces: &BTreeMap<u64, PooledTransaction>, convert: impl Fn(&PooledTransaction) -> T) -> ByNonce<T> {
    nonces.iter().map(|(nonce, tx)| (*nonce, convert(tx))).collect()
}

/// Senders are written with their checksum (EIP-55).
fn by_sender<T>(part: &BySender, convert: impl Fn(&PooledTransaction) -> T) -> BTreeMap<String, ByNonce<T>> {
    part.iter().map(|(sender, nonces)| (sender.to_checksum(None), by_nonce(nonces, &convert))).collect()
}

struct TransactionOf(PooledTransaction);

impl Serialize for TransactionOf {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        TransactionJson { transaction: &self.0.transaction, sender: self.0.sender, place: None }.serialize(serializer)
    }
}

/// One line for people.
fn summary(pooled: &PooledTransaction) -> String {
    let tx = &pooled.transaction;
    let to = tx.to().map_or_else(|| "contract creation".to_owned(), |to| to.to_checksum(None));
    format!("{to}: {} wei + {} gas × {} wei", tx.value(), tx.gas_limit(), tx.max_fee_per_gas())
}
