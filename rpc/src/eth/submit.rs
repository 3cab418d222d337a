//! Transactions in: `eth_sendRawTransaction` and, waiting for the receipt, `eth_sendRawTransactionSync` (EIP-7966).
//!
//! The first is the hottest method of a node. It does nothing but turn hex into bytes and hand them to the pool, whose
//! answer means that the transaction is on disk; calls of one batch run together and share one write of the journal.
use super::transactions::receipt_at;
use crate::{
    RpcError,
    api::{Api, Json, Module, json},
    limits::RpcLimits,
    params::{Arguments, Data, Number64},
};
use alloy_primitives::{B256, Bytes, U256};
use alloy_rlp::Header;
use jsonrpsee::{server::RegisterMethodError, types::Params};
use serde::Deserialize;
use std::{sync::Arc, time::Duration};
use tokio::{sync::broadcast::error::RecvError, time::Instant};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module.register_async_method("eth_sendRawTransaction", |params, api, _| async move {
        let encoded = encoded(&api, &params, 1)?;
        json(&submit(&api, encoded).await?)
    })?;
    module.register_async_method("eth_sendRawTransactionSync", |params, api, _| async move {
        let encoded = encoded(&api, &params, 2)?;
        let wait = wait_time(&Arguments::new(&params, 2)?, &api.limits)?;
        submit_and_wait(api, encoded, wait).await
    })?;
    Ok(())
}

/// Into the pool and, once it is on disk there, to the network.
async fn submit(api: &Api, encoded: Bytes) -> Result<B256, RpcError> {
    let Some(cluster) = &api.context.cluster else { return Ok(api.pool().submit(encoded).await?) };
    let hash = api.pool().submit(encoded.clone()).await?;
    cluster.publish(encoded);
    Ok(hash)
}

/// The first argument as bytes, if it is not suspiciously dear.
fn encoded(api: &Api, params: &Params<'_>, arguments_max: usize) -> Result<Bytes, RpcError> {
    // One pass over the text in the usual case; the slower way knows what is wrong.
    let Data(encoded) = match params.parse::<(Data,)>() {
        Ok((data,)) => data,
        Err(_) => Arguments::new(params, arguments_max)?.required(0)?,
    };
    let cap = api.limits.transaction_fee_max;
    if !cap.is_zero()
        && let Some(fee) = fee_max(&encoded)
        && fee > cap
    {
        return Err(RpcError::FeeCap { fee, cap });
    }
    Ok(encoded)
}

/// The most gas fee that an encoded transaction can cost: gas limit times price, read without decoding the rest.
/// `None` for what is no transaction; the pool says so.
fn fee_max(encoded: &[u8]) -> Option<U256> {
    let (first, typed) = encoded.split_first()?;
    // Fields before the price: nonce; chain id and nonce; chain id, nonce and tip.
    let (mut fields, skipped) = match first {
        0x01 => (typed, 2),
        0x02..=0x04 => (typed, 3),
        _ => (encoded, 1),
    };
    fields = Header::decode_bytes(&mut fields, true).ok()?;
    if *first == 0x03 && fields.first().is_some_and(|byte| *byte >= 0xc0) {
        // With its sidecar, a blob transaction is itself a list inside the list.
        fields = Header::decode_bytes(&mut fields, true).ok()?;
    }
    for _ in 0..skipped {
        Header::decode_bytes(&mut fields, false).ok()?;
    }
    let mut number = || U256::try_from_be_slice(Header::decode_bytes(&mut fields, false).ok()?);
    number()?.checked_mul(number()?).or(Some(U256::MAX))
}

/// A timeout in milliseconds, as a number or as a quantity.
#[derive(Deserialize)]
#[serde(untagged)]
enum Milliseconds {
    Plain(u64),
    Quantity(Number64),
}

fn wait_time(arguments: &Arguments<'_>, limits: &RpcLimits) -> Result<Duration, RpcError> {
    let wait = match arguments.optional(1)? {
        None | Some(Milliseconds::Plain(0) | Milliseconds::Quantity(Number64(0))) => limits.sync_time_default,
        Some(Milliseconds::Plain(ms) | Milliseconds::Quantity(Number64(ms))) => Duration::from_millis(ms),
    };
    Ok(wait.min(limits.sync_time_max))
}

async fn submit_and_wait(api: Arc<Api>, encoded: Bytes, wait: Duration) -> Result<Json, RpcError> {
    // Listening begins before the transaction can be in a block.
    let mut heads = api.context.heads.subscribe();
    let started = Instant::now();
    let hash = submit(&api, encoded).await?;
    let found = async {
        loop {
            if let Some(at) = api.storage().transaction_location(&hash)? {
                return receipt_at(&api, at);
            }
            match heads.recv().await {
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(timed_out(hash, started)),
            }
        }
    };
    tokio::time::timeout_at(started + wait, found).await.unwrap_or_else(|_| Err(timed_out(hash, started)))
}

fn timed_out(hash: B256, started: Instant) -> RpcError {
    RpcError::SyncTimeout { hash, waited_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy};
    use alloy_eips::Encodable2718;
    use alloy_primitives::Signature;
    use pervade_storage::Transaction;
    use proptest::prelude::*;

    fn encode(transaction: impl Into<Transaction>) -> Vec<u8> {
        transaction.into().encoded_2718()
    }

    #[test]
    fn the_dearest_fee_is_read_from_every_type() {
        let sig = Signature::new(U256::from(1), U256::from(2), false);
        let (gas_limit, price) = (21_000, 7_000_000_000u128);
        let legacy = TxLegacy { gas_limit, gas_price: price, nonce: 300, ..Default::default() };
        let with_list = TxEip2930 { gas_limit, gas_price: price, chain_id: 1337, ..Default::default() };
        let dynamic = TxEip1559 { gas_limit, max_fee_per_gas: price, chain_id: 1, ..Default::default() };
        let blob = TxEip4844 { gas_limit, max_fee_per_gas: price, ..Default::default() };
        let set_code = TxEip7702 { gas_limit, max_fee_per_gas: price, ..Default::default() };
        for encoded in [
            encode(legacy.into_signed(sig)),
            encode(with_list.into_signed(sig)),
            encode(dynamic.into_signed(sig)),
            encode(blob.into_signed(sig)),
            encode(set_code.into_signed(sig)),
        ] {
            assert_eq!(fee_max(&encoded), Some(U256::from(21_000u64) * U256::from(price)));
        }
    }

    #[test]
    fn waiting_has_a_default_and_a_limit() {
        let limits = RpcLimits::default();
        let wait = |params| wait_time(&Arguments::new(&Params::new(Some(params)), 2).unwrap(), &limits);
        assert_eq!(wait("[\"0x\"]").unwrap(), limits.sync_time_default);
        assert_eq!(wait("[\"0x\",5]").unwrap(), Duration::from_millis(5));
        assert_eq!(wait("[\"0x\",\"0x10\"]").unwrap(), Duration::from_millis(16));
        assert_eq!(wait("[\"0x\",60000]").unwrap(), limits.sync_time_max);
        assert_eq!(wait("[\"0x\",60001]").unwrap(), limits.sync_time_max);
        assert!(wait("[\"0x\",-1]").is_err());
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_fee_reader_panic(bytes: Vec<u8>) {
            let _ = fee_max(&bytes);
        }
    }
}
