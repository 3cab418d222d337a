//! `eth_getLogs`: the index names the blocks, only those are read.
use super::log_query::{Blocks, LogArguments, LogQuery};
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy},
    block_id::{BlockId, BlockNumber},
    convert::{LogJson, Place},
    limits::LOG_INDEX_PAGE,
    params::Arguments,
};
use jsonrpsee::server::RegisterMethodError;
use pervade_storage::{Receipt, RecoveredBlock};
use serde_json::value::RawValue;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_getLogs", 1, |api, arguments| logs(api, &query(arguments)?))
}

/// The first argument as a log filter.
pub(super) fn query(arguments: &Arguments<'_>) -> Result<LogQuery, RpcError> {
    LogQuery::new(arguments.required::<LogArguments>(0)?)
}

/// All logs that a query asks for.
pub(super) fn logs(api: &Api, query: &LogQuery) -> Result<Json, RpcError> {
    let (first, last) = match query.blocks {
        Blocks::Hash(hash) => {
            let number = api.number(BlockId::Hash(hash))?.ok_or(RpcError::UnknownBlock)?;
            (number, number)
        }
        Blocks::Range(from, to) => range(api, from, to)?,
    };
    logs_between(api, query, first, last)
}

fn range(api: &Api, from: Option<BlockNumber>, to: Option<BlockNumber>) -> Result<(u64, u64), RpcError> {
    let head = api.storage().head().number();
    let resolve = |bound: Option<BlockNumber>| match bound {
        Some(BlockNumber::Number(number)) => Ok(number),
        Some(BlockNumber::Earliest) => Ok(0),
        Some(BlockNumber::Pending) => Err(RpcError::InvalidParams { reason: "pending logs are not supported" }),
        Some(BlockNumber::Latest) | None => Ok(head),
    };
    let (first, last) = (resolve(from)?, resolve(to)?);
    if first > last {
        return Err(RpcError::InvalidParams { reason: "invalid block range params" });
    }
    if last > head {
        return Err(RpcError::InvalidParams { reason: "block range extends beyond current head block" });
    }
    check_range(first, last, api.limits.log_blocks_max)?;
    Ok((first, last))
}

fn check_range(first: u64, last: u64, blocks_max: u64) -> Result<(), RpcError> {
    // The difference is one less than the number of blocks, and cannot overflow.
    if last.saturating_sub(first) >= blocks_max {
        return Err(RpcError::LimitExceeded { what: "block range is", limit: blocks_max });
    }
    Ok(())
}

/// All matching logs of `first..=last`, which must exist.
pub(super) fn logs_between(api: &Api, query: &LogQuery, first: u64, last: u64) -> Result<Json, RpcError> {
    let mut found = Found { json: vec![b'['], logs: 0 };
    let mut next = first;
    while next <= last {
        let page = api.storage().blocks_with_logs(&query.filter, next, last, LOG_INDEX_PAGE)?;
        for number in &page {
            found.append(api, query, *number)?;
        }
        match page.last() {
            Some(newest) if page.len() >= LOG_INDEX_PAGE => next = newest.saturating_add(1),
            _ => break,
        }
    }
    found.finish()
}

/// Logs found so far. Written at once, so that no block outlives its turn.
struct Found {
    json: Vec<u8>,
    logs: usize,
}

impl Found {
    fn append(&mut self, api: &Api, query: &LogQuery, number: u64) -> Result<(), RpcError> {
        let Some(receipts) = api.storage().receipts(number)? else { return Ok(()) };
        let logs = matching(query, &receipts);
        if logs.is_empty() {
            return Ok(());
        }
        let Some(block) = api.storage().block(number)? else { return Ok(()) };
        for at in logs {
            self.logs += 1;
            if self.logs > api.limits.log_results_max {
                let limit = api.limits.log_results_max as u64;
                return Err(RpcError::LimitExceeded { what: "logs of one query are", limit });
            }
            if self.json.len() > 1 {
                self.json.push(b',');
            }
            serde_json::to_writer(&mut self.json, &log_json(&block, &receipts, at))?;
        }
        let bytes_max = u64::from(api.limits.response_bytes_max);
        if self.json.len() as u64 > bytes_max {
            return Err(RpcError::LimitExceeded { what: "bytes of one answer are", limit: bytes_max });
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Json, RpcError> {
        self.json.push(b']');
        let text = String::from_utf8(self.json).map_err(|e| RpcError::Internal { reason: e.to_string() })?;
        Ok(RawValue::from_string(text)?)
    }
}

/// Position of a log: transaction, place in its receipt, place in the block.
pub(super) type LogPosition = (usize, usize, u64);

/// A log of a block with everything around it.
pub(super) fn log_json<'a>(block: &RecoveredBlock, receipts: &'a [Receipt], at: LogPosition) -> LogJson<'a> {
    let (transaction, position, index) = at;
    LogJson {
        log: &receipts[transaction].logs[position],
        place: Place::of(block, transaction as u64),
        transaction_hash: *block.block.body.transactions[transaction].tx_hash(),
        index,
    }
}

/// Positions of the matching logs.
pub(super) fn matching(query: &LogQuery, receipts: &[Receipt]) -> Vec<LogPosition> {
    let all = receipts.iter().enumerate().flat_map(|(transaction, receipt)| {
        receipt.logs.iter().enumerate().map(move |(at, log)| (transaction, at, log))
    });
    all.zip(0..).filter(|((_, _, log), _)| query.matches(log)).map(|((t, at, _), index)| (t, at, index)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_at_the_limit_passes_and_one_past_it_is_refused() {
        assert!(check_range(1, 100, 100).is_ok());
        assert_eq!(check_range(0, 100, 100).unwrap_err().code(), -32005);
        assert!(check_range(0, u64::MAX, u64::MAX).is_err());
    }
}
