//! Polling filters. A filter holds a position in the chain, not results: what is new is read when it is asked for, so
//! a client that never asks costs nothing.
use super::{
    log_query::{Blocks, LogQuery},
    logs,
};
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json, light},
    convert::Quantity,
    limits::FILTER_IDLE_MAX,
    params::{Arguments, Number},
};
use alloy_primitives::{B256, U256};
use jsonrpsee::server::RegisterMethodError;
use parking_lot::Mutex;
use pervade_txpool::PooledTransaction;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "eth_newFilter", 1, |api, arguments| {
        let query = logs::query(arguments)?;
        if let Blocks::Hash(_) = query.blocks {
            return Err(RpcError::argument(0, "a filter watches a range of blocks, not one block's hash"));
        }
        if query.clamp(0, u64::MAX).is_none() {
            return Err(RpcError::InvalidParams { reason: "invalid block range params" });
        }
        install(api, Kind::Logs(Box::new(query)))
    })?;
    light(module, "eth_newBlockFilter", 0, |api, _| install(api, Kind::Blocks))?;
    // geth takes a flag for full transactions.
    light(module, "eth_newPendingTransactionFilter", 1, |api, arguments| {
        let full = arguments.optional::<bool>(0)?.unwrap_or(false);
        install(api, Kind::Transactions { feed: api.pool().subscribe(), full })
    })?;
    light(module, "eth_uninstallFilter", 1, |api, arguments| json(&api.filters.remove(id(arguments)?)))?;
    heavy(module, "eth_getFilterChanges", 1, changes)?;
    heavy(module, "eth_getFilterLogs", 1, |api, arguments| {
        let id = id(arguments)?;
        match api.filters.read(id, |filter| filter.query())? {
            Some(query) => logs::logs(api, &query),
            None => Err(RpcError::NotALogFilter),
        }
    })
}

fn id(arguments: &Arguments<'_>) -> Result<U256, RpcError> {
    Ok(arguments.required::<Number>(0)?.0)
}

fn install(api: &Api, kind: Kind) -> Result<Json, RpcError> {
    let next = api.storage().head().number().saturating_add(1);
    json(&Quantity(api.filters.install(Filter { kind, next, used: Instant::now() })?))
}

fn changes(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let head = api.storage().head().number();
    let blocks_max = api.limits.log_blocks_max.max(1);
    // What was read is marked as read under the lock, so that two polls at once do not both get it.
    let news = api.filters.read(id(arguments)?, |filter| filter.news(head, blocks_max))?;
    match news {
        News::Blocks { first, last } => {
            let hashes: Result<Vec<B256>, RpcError> =
                (first..=last).map(|number| api.storage().block_hash(number)?.ok_or(RpcError::UnknownBlock)).collect();
            json(&hashes?)
        }
        News::Logs { query, first, last } => logs::logs_between(api, &query, first, last),
        News::Transactions { transactions, full: false } => {
            json(&transactions.iter().map(|tx| tx.hash).collect::<Vec<_>>())
        }
        News::Transactions { transactions, full: true } => {
            let full = transactions.iter().map(|tx| crate::convert::TransactionJson {
                transaction: &tx.transaction,
                sender: tx.sender,
                place: None,
            });
            json(&full.collect::<Vec<_>>())
        }
        News::Nothing => json::<[B256]>(&[]),
    }
}

/// All polling filters, by id. Ids are random: nobody can poll or remove a stranger's filter by counting.
pub(crate) struct Filters {
    filters: Mutex<BTreeMap<U256, Filter>>,
    count_max: usize,
    idle_max: Duration,
}

struct Filter {
    kind: Kind,
    /// First block that was not told yet.
    next: u64,
    used: Instant,
}

enum Kind {
    Logs(Box<LogQuery>),
    Blocks,
    Transactions { feed: Receiver<PooledTransaction>, full: bool },
}

/// What a filter has to tell.
enum News {
    Nothing,
    Blocks { first: u64, last: u64 },
    Logs { query: LogQuery, first: u64, last: u64 },
    Transactions { transactions: Vec<PooledTransaction>, full: bool },
}

impl Filters {
    /// At most `count_max` filters.
    pub(crate) fn new(count_max: usize) -> Self {
        Self { filters: Mutex::default(), count_max, idle_max: FILTER_IDLE_MAX }
    }

    fn install(&self, filter: Filter) -> Result<U256, RpcError> {
        let mut filters = self.filters.lock();
        if filters.len() >= self.count_max {
            filters.retain(|_, filter| filter.used.elapsed() < self.idle_max);
        }
        if filters.len() >= self.count_max {
            return Err(RpcError::LimitExceeded { what: "number of filters is", limit: self.count_max as u64 });
        }
        let id = U256::from(rand::random::<u128>());
        filters.insert(id, filter);
        Ok(id)
    }

    fn remove(&self, id: U256) -> bool {
        self.filters.lock().remove(&id).is_some()
    }

    fn read<T>(&self, id: U256, read: impl FnOnce(&mut Filter) -> T) -> Result<T, RpcError> {
        let mut filters = self.filters.lock();
        let filter = filters.get_mut(&id).ok_or(RpcError::FilterNotFound)?;
        if filter.used.elapsed() >= self.idle_max {
            filters.remove(&id);
            return Err(RpcError::FilterNotFound);
        }
        filter.used = Instant::now();
        Ok(read(filter))
    }
}

impl Filter {
    fn query(&self) -> Option<LogQuery> {
        match &self.kind {
            Kind::Logs(query) => Some((**query).clone()),
            _ => None,
        }
    }

    fn news(&mut self, head: u64, blocks_max: u64) -> News {
        if let Kind::Transactions { feed, full } = &mut self.kind {
            return News::Transactions { transactions: drain(feed), full: *full };
        }
        let first = self.next;
        if first > head {
            return News::Nothing;
        }
        let last = head.min(first.saturating_add(blocks_max - 1));
        self.next = last.saturating_add(1);
        match &self.kind {
            Kind::Logs(query) => match query.clamp(first, last) {
                Some((first, last)) => News::Logs { query: (**query).clone(), first, last },
                None => News::Nothing,
            },
            _ => News::Blocks { first, last },
        }
    }
}

/// What the pool announced since the last poll. A feed that ran over has lost its oldest transactions.
fn drain(feed: &mut Receiver<PooledTransaction>) -> Vec<PooledTransaction> {
    let mut transactions = Vec::new();
    loop {
        match feed.try_recv() {
            Ok(transaction) => transactions.push(transaction),
            Err(TryRecvError::Lagged(_)) => {}
            Err(TryRecvError::Empty | TryRecvError::Closed) => return transactions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(kind: Kind, next: u64) -> Filter {
        Filter { kind, next, used: Instant::now() }
    }

    fn blocks(news: News) -> Option<(u64, u64)> {
        match news {
            News::Blocks { first, last } | News::Logs { first, last, .. } => Some((first, last)),
            _ => None,
        }
    }

    #[test]
    fn every_block_is_told_once_and_in_bounded_pieces() {
        let mut filter = filter(Kind::Blocks, 5);
        assert_eq!(blocks(filter.news(4, 10)), None);
        assert_eq!(blocks(filter.news(7, 2)), Some((5, 6)));
        assert_eq!(blocks(filter.news(7, 2)), Some((7, 7)));
        assert_eq!(blocks(filter.news(7, 2)), None);
    }

    #[test]
    fn a_log_filter_tells_only_of_its_range() {
        let query = LogQuery::new(serde_json::from_str(r#"{"fromBlock":"0x3","toBlock":"0x5"}"#).unwrap()).unwrap();
        let mut filter = filter(Kind::Logs(Box::new(query)), 1);
        assert_eq!(blocks(filter.news(2, 10)), None);
        assert_eq!(blocks(filter.news(9, 10)), Some((3, 5)));
        assert_eq!(blocks(filter.news(20, 10)), None);
    }

    #[test]
    fn filters_are_bounded_in_number_and_idle_ones_make_room() {
        let mut filters = Filters::new(1);
        let first = filters.install(filter(Kind::Blocks, 0)).unwrap();
        assert_eq!(filters.install(filter(Kind::Blocks, 0)).unwrap_err().code(), -32005);
        assert!(filters.read(first, |_| ()).is_ok());
        filters.idle_max = Duration::ZERO;
        assert!(matches!(filters.read(first, |_| ()), Err(RpcError::FilterNotFound)));
        let second = filters.install(filter(Kind::Blocks, 0)).unwrap();
        assert!(filters.remove(second) && !filters.remove(second));
    }
}
