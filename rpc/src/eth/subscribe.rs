//! `eth_subscribe`: new heads, logs and pooled transactions over a WebSocket.
use super::{
    log_query::{Blocks, LogArguments, LogQuery},
    logs::{log_json, matching},
};
use crate::{
    RpcError,
    api::{Api, Json, Module, json},
    convert::{HeaderJson, TransactionJson},
    params::{Arguments, Text},
    subscription::{End, Lag, Out, ended, serve},
};
use jsonrpsee::{
    PendingSubscriptionSink,
    server::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use pervade_storage::ExecutedBlock;
use pervade_txpool::PooledTransaction;
use std::sync::Arc;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module
        .register_subscription("eth_subscribe", "eth_subscription", "eth_unsubscribe", |params, pending, api, _| {
            subscribe(params, pending, api)
        })
        .map(|_| ())
}

enum Kind {
    Heads,
    Logs(LogQuery),
    Transactions {
        full: bool,
    },
    /// Never tells anything: the node is never behind.
    Syncing,
}

fn kind(params: &Params<'_>) -> Result<Kind, RpcError> {
    let arguments = Arguments::new(params, 2)?;
    let Text(kind) = arguments.required(0)?;
    Ok(match &*kind {
        "newHeads" => Kind::Heads,
        "logs" => {
            let query = LogQuery::new(arguments.optional::<LogArguments>(1)?.unwrap_or_default())?;
            if let Blocks::Hash(_) = query.blocks {
                return Err(RpcError::argument(1, "a subscription watches new blocks, not one block's hash"));
            }
            Kind::Logs(query)
        }
        "newPendingTransactions" => Kind::Transactions { full: arguments.optional(1)?.unwrap_or(false) },
        "syncing" => Kind::Syncing,
        _ => return Err(RpcError::UnknownSubscription { kind: kind.into_owned(), namespace: "eth" }),
    })
}

async fn subscribe(params: Params<'static>, pending: PendingSubscriptionSink, api: Arc<Api>) {
    let kind = match kind(&params) {
        Ok(kind) => kind,
        Err(error) => return pending.reject(ErrorObjectOwned::from(error)).await,
    };
    // The feed begins before the client knows of it: nothing between the two is lost.
    let heads = api.context.heads.subscribe();
    let transactions = api.pool().subscribe();
    let Ok(sink) = pending.accept().await else { return };
    let time_max = api.limits.ws_send_time_max;
    let end = match kind {
        Kind::Heads => {
            serve(&sink, time_max, heads, Lag::Ends, |head, out| {
                out.push(header(head)?);
                Ok(())
            })
            .await
        }
        Kind::Logs(query) => {
            serve(&sink, time_max, heads, Lag::Ends, move |head, out| log_messages(&query, head, out)).await
        }
        Kind::Transactions { full } => {
            drop(heads);
            serve(&sink, time_max, transactions, Lag::Skips, move |tx, out| {
                out.push(transaction(tx, full)?);
                Ok(())
            })
            .await
        }
        Kind::Syncing => {
            sink.closed().await;
            End::Closed
        }
    };
    ended(&sink, &end);
}

fn header(head: &ExecutedBlock) -> Result<Json, RpcError> {
    json(&HeaderJson { header: head.block.header(), hash: head.block.hash })
}

fn transaction(pooled: &PooledTransaction, full: bool) -> Result<Json, RpcError> {
    if full {
        json(&TransactionJson { transaction: &pooled.transaction, sender: pooled.sender, place: None })
    } else {
        json(&pooled.hash)
    }
}

fn log_messages(query: &LogQuery, head: &ExecutedBlock, out: &mut Out) -> Result<(), RpcError> {
    let header = head.block.header();
    if query.clamp(header.number, header.number).is_none() || !query.can_match(&header.logs_bloom) {
        return Ok(());
    }
    for at in matching(query, &head.receipts) {
        out.push(json(&log_json(&head.block, &head.receipts, at))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_their_arguments() {
        let of = |text| kind(&Params::new(Some(text)));
        assert!(matches!(of("[\"newHeads\"]"), Ok(Kind::Heads)));
        assert!(matches!(of("[\"newPendingTransactions\", true]"), Ok(Kind::Transactions { full: true })));
        assert!(matches!(of("[\"logs\", {\"topics\":[null]}]"), Ok(Kind::Logs(_))));
        assert!(matches!(of("[\"logs\"]"), Ok(Kind::Logs(_))));
        assert_eq!(of("[\"newTails\"]").err().unwrap().code(), -32601);
        for wrong in ["[]", "[5]", "[\"logs\", 5]", "[\"newPendingTransactions\", \"yes\"]", "{}", "[\"logs\",{},{}]"] {
            assert_eq!(of(wrong).err().unwrap().code(), -32602, "{wrong}");
        }
    }
}
