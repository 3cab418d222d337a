//! `pervade_subscribe`: observations as the canonical index gets them, and what becomes of requests, over a WebSocket.
use crate::{
    RpcError,
    api::{Api, Module, json},
    convert::Quantity,
    observations::{Entries, FilterArguments, ObservedBlock, fits},
    params::{Arguments, Number, Text},
    subscription::{Lag, Out, ended, serve},
    things::{STATUSES, named},
};
use alloy_primitives::{Address, B256, U256};
use jsonrpsee::{
    PendingSubscriptionSink,
    server::RegisterMethodError,
    types::{ErrorObjectOwned, Params},
};
use pervade_evm_ext::things::{self, RequestEvent, request_event};
use pervade_storage::{ExecutedBlock, ObservationFilter, StorageError};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    module
        .register_subscription(
            "pervade_subscribe",
            "pervade_subscription",
            "pervade_unsubscribe",
            |params, pending, api, _| subscribe(params, pending, api),
        )
        .map(|_| ())
}

enum Kind {
    Observations(ObservationFilter),
    Requests(RequestFilter),
}

/// Which requests: every criterion that is given must hold.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct RequestFilter {
    request_id: Option<Number>,
    thing: Option<B256>,
    requester: Option<Address>,
}

fn kind(params: &Params<'_>) -> Result<Kind, RpcError> {
    let arguments = Arguments::new(params, 2)?;
    let Text(kind) = arguments.required(0)?;
    Ok(match &*kind {
        "observations" => Kind::Observations(arguments.optional::<FilterArguments>(1)?.unwrap_or_default().check(1)?),
        "requests" => Kind::Requests(arguments.optional(1)?.unwrap_or_default()),
        _ => return Err(RpcError::UnknownSubscription { kind: kind.into_owned(), namespace: "pervade" }),
    })
}

async fn subscribe(params: Params<'static>, pending: PendingSubscriptionSink, api: Arc<Api>) {
    let kind = match kind(&params) {
        Ok(kind) => kind,
        Err(error) => return pending.reject(ErrorObjectOwned::from(error)).await,
    };
    // The feed begins before the client knows of it: nothing between the two is lost.
    let (heads, observed) = (api.context.heads.subscribe(), api.context.observed.subscribe());
    let Ok(sink) = pending.accept().await else { return };
    let time_max = api.limits.ws_send_time_max;
    let end = match kind {
        Kind::Observations(filter) => {
            drop(heads);
            let mut entries = Entries::default();
            serve(&sink, time_max, observed, Lag::Ends, move |block, out| {
                observations(&api, &filter, &mut entries, block, out)
            })
            .await
        }
        Kind::Requests(filter) => {
            drop(observed);
            serve(&sink, time_max, heads, Lag::Ends, move |head, out| requests(&api, &filter, head, out)).await
        }
    };
    ended(&sink, &end);
}

fn observations(
    api: &Api,
    filter: &ObservationFilter,
    entries: &mut Entries,
    block: &ObservedBlock,
    out: &mut Out,
) -> Result<(), RpcError> {
    for record in block.observations.iter().filter(|record| fits(filter, record)) {
        out.push(json(&entries.entry(api, block.number, record)?)?);
    }
    Ok(())
}

/// A request was made, or came to another status.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestEventJson {
    request_id: Quantity<U256>,
    thing: Option<B256>,
    requester: Option<Address>,
    status: &'static str,
    code: u16,
    result_hash: B256,
    block_number: Quantity<u64>,
    block_hash: B256,
    transaction_hash: B256,
    log_index: Quantity<u64>,
}

fn requests(api: &Api, filter: &RequestFilter, head: &ExecutedBlock, out: &mut Out) -> Result<(), RpcError> {
    let mut parties = Parties { api, number: head.block.number(), known: BTreeMap::new() };
    let transactions = &head.block.block.body.transactions;
    let logs = head
        .receipts
        .iter()
        .zip(transactions)
        .flat_map(|(receipt, transaction)| receipt.logs.iter().map(move |log| (log, transaction.tx_hash())));
    for ((log, transaction_hash), index) in logs.zip(0u64..) {
        let Some(event) = request_event(log) else { continue };
        if filter.request_id.is_some_and(|Number(id)| id != event.request_id) {
            continue;
        }
        let parties = parties.of(&event)?;
        let (thing, requester) = (parties.map(|parties| parties.0), parties.map(|parties| parties.1));
        if filter.thing.is_some() && filter.thing != thing {
            continue;
        }
        if filter.requester.is_some() && filter.requester != requester {
            continue;
        }
        out.push(json(&RequestEventJson {
            request_id: Quantity(event.request_id),
            thing,
            requester,
            status: named(&STATUSES, event.status),
            code: event.code,
            result_hash: event.result_hash,
            block_number: Quantity(head.block.number()),
            block_hash: head.block.hash,
            transaction_hash: *transaction_hash,
            log_index: Quantity(index),
        })?);
    }
    Ok(())
}

/// Thing and requester of a block's requests.
struct Parties<'a> {
    api: &'a Api,
    number: u64,
    known: BTreeMap<U256, Option<(B256, Address)>>,
}

impl Parties<'_> {
    /// `None`: the state does not have the request any more.
    fn of(&mut self, event: &RequestEvent) -> Result<Option<(B256, Address)>, RpcError> {
        if let Some(made) = event.made {
            self.known.insert(event.request_id, Some(made));
            return Ok(Some(made));
        }
        if let Some(known) = self.known.get(&event.request_id) {
            return Ok(*known);
        }
        let view = match self.api.storage().view_at(self.number) {
            // In a short window the state may be gone already.
            Err(StorageError::Pruned { .. }) => return Ok(None),
            view => view?,
        };
        let found = things::request(self.api.spec(), &view, self.number, event.request_id)?;
        let parties = found.map(|found| (found.thing, found.requester));
        self.known.insert(event.request_id, parties);
        Ok(parties)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_their_arguments() {
        let of = |text| kind(&Params::new(Some(text)));
        assert!(matches!(of("[\"observations\"]"), Ok(Kind::Observations(_))));
        assert!(matches!(of("[\"requests\", {\"requestId\":\"0x1\"}]"), Ok(Kind::Requests(_))));
        assert!(matches!(of("[\"requests\"]"), Ok(Kind::Requests(_))));
        assert_eq!(of("[\"newHeads\"]").err().unwrap().code(), -32601);
        for wrong in ["[]", "[\"requests\", {\"id\":1}]", "[\"observations\", 5]", "[\"observations\",{},{}]"] {
            assert_eq!(of(wrong).err().unwrap().code(), -32602, "{wrong}");
        }
    }
}
