//! What a transaction should offer, and what past ones paid.
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json, light},
    block_id::{BlockId, BlockNumber},
    convert::Quantity,
    limits::{FEE_HISTORY_BLOCKS_MAX, FEE_HISTORY_PERCENTILES_MAX},
    params::{Arguments, Number64},
};
use alloy_consensus::{Header, Transaction as _};
use jsonrpsee::server::RegisterMethodError;
use pervade_chainspec::BaseFeeRule;
use serde::Serialize;

/// Blocks whose tips make the suggestion.
const SAMPLE_BLOCKS: u64 = 20;
/// Lowest tips that one block contributes to the sample.
const SAMPLE_TIPS_OF_BLOCK: usize = 3;
/// Share of the sampled tips that lie below the suggestion, percent.
const SAMPLE_PERCENTILE: usize = 60;
/// Suggestion where recent blocks hold no transactions: one gwei.
const TIP_DEFAULT: u128 = 1_000_000_000;
/// No suggestion is higher: 500 gwei.
const TIP_MAX: u128 = 500_000_000_000;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "eth_gasPrice", 0, |api, _| {
        let head = api.storage().head();
        let base_fee = head.header().base_fee_per_gas.map_or(0, u128::from);
        json(&Quantity(suggested_tip(api)?.saturating_add(base_fee)))
    })?;
    light(module, "eth_maxPriorityFeePerGas", 0, |api, _| json(&Quantity(suggested_tip(api)?)))?;
    light(module, "eth_baseFee", 0, |api, _| {
        let head = api.storage().head();
        json(&next_base_fee(api, head.header())?.map(Quantity))
    })?;
    light(module, "eth_blobBaseFee", 0, |api, _| {
        json(&api.blob_gas_price(api.storage().head().header())?.map(Quantity))
    })?;
    heavy(module, "eth_feeHistory", 3, fee_history)
}

fn next_base_fee(api: &Api, parent: &Header) -> Result<Option<u64>, RpcError> {
    Ok(api.spec().next_base_fee(parent, api.next_forks(parent)?))
}

/// The 60th percentile of the lowest tips of recent blocks. Where the chain does not price by demand, nothing.
fn suggested_tip(api: &Api) -> Result<u128, RpcError> {
    let by_demand = api.spec().pervade().is_none_or(|p| matches!(p.base_fee, BaseFeeRule::Dynamic { .. }));
    if !by_demand {
        return Ok(0);
    }
    let head = api.storage().head().number();
    let mut sample = Vec::new();
    for number in head.saturating_sub(SAMPLE_BLOCKS - 1)..=head {
        let Some(block) = api.storage().block(number)? else { continue };
        let base_fee = block.header().base_fee_per_gas.unwrap_or_default();
        let transactions = block.block.body.transactions.iter();
        let mut tips: Vec<u128> = transactions.filter_map(|tx| tx.effective_tip_per_gas(base_fee)).collect();
        tips.sort_unstable();
        tips.truncate(SAMPLE_TIPS_OF_BLOCK);
        sample.extend(tips);
    }
    sample.sort_unstable();
    let position = sample.len().saturating_sub(1) * SAMPLE_PERCENTILE / 100;
    Ok(sample.get(position).copied().unwrap_or(TIP_DEFAULT).min(TIP_MAX))
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct FeeHistory {
    oldest_block: Quantity<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reward: Vec<Vec<Quantity<u128>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    base_fee_per_gas: Vec<Quantity<u64>>,
    gas_used_ratio: Vec<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    base_fee_per_blob_gas: Vec<Quantity<u128>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blob_gas_used_ratio: Vec<f64>,
}

fn fee_history(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let Number64(count) = arguments.required(0)?;
    let newest: BlockNumber = arguments.required(1)?;
    let percentiles: Vec<f64> = arguments.optional(2)?.unwrap_or_default();
    check_percentiles(&percentiles)?;
    let head = api.storage().head().number();
    if let BlockNumber::Number(requested) = newest
        && requested > head
    {
        return Err(RpcError::BeyondHead { requested, head });
    }
    let newest = api.number(BlockId::Number(newest))?.unwrap_or(head);
    let count = count.min(FEE_HISTORY_BLOCKS_MAX).min(newest.saturating_add(1));
    if count == 0 {
        return json(&FeeHistory::default());
    }
    let oldest = newest.saturating_sub(count - 1);
    let mut history = FeeHistory { oldest_block: Quantity(oldest), ..FeeHistory::default() };
    for number in oldest..=newest {
        let header = api.storage().header(number)?.ok_or(RpcError::HeaderNotFound)?;
        history.append(api, &header)?;
        if !percentiles.is_empty() {
            history.reward.push(rewards(api, &header, &percentiles)?);
        }
        if number == newest {
            history.append_next(api, &header)?;
        }
    }
    json(&history)
}

fn check_percentiles(percentiles: &[f64]) -> Result<(), RpcError> {
    if percentiles.len() > FEE_HISTORY_PERCENTILES_MAX {
        let limit = FEE_HISTORY_PERCENTILES_MAX as u64;
        return Err(RpcError::LimitExceeded { what: "reward percentiles are", limit });
    }
    let refuse = |reason: String| Err(RpcError::Execution { reason: format!("invalid reward percentile: {reason}") });
    if let Some(wrong) = percentiles.iter().find(|p| !(0.0..=100.0).contains(*p)) {
        return refuse(wrong.to_string());
    }
    match percentiles.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => refuse(format!("{} is not above {}", pair[1], pair[0])),
        None => Ok(()),
    }
}

impl FeeHistory {
    fn append(&mut self, api: &Api, header: &Header) -> Result<(), RpcError> {
        self.base_fee_per_gas.push(Quantity(header.base_fee_per_gas.unwrap_or_default()));
        self.base_fee_per_blob_gas.push(Quantity(api.blob_gas_price(header)?.unwrap_or_default()));
        self.gas_used_ratio.push(ratio(header.gas_used, header.gas_limit));
        let blob_gas_max = api.forks(header)?.blob_params().map_or(0, |params| params.max_blob_gas_per_block());
        self.blob_gas_used_ratio.push(ratio(header.blob_gas_used.unwrap_or_default(), blob_gas_max));
        Ok(())
    }

    /// The block after the newest one: its fees are known already.
    fn append_next(&mut self, api: &Api, newest: &Header) -> Result<(), RpcError> {
        self.base_fee_per_gas.push(Quantity(next_base_fee(api, newest)?.unwrap_or_default()));
        let forks = api.next_forks(newest)?;
        let excess = newest.excess_blob_gas.and_then(|_| api.spec().next_excess_blob_gas(newest, forks));
        let price = excess.zip(forks.blob_params()).map(|(excess, params)| params.calc_blob_fee(excess));
        self.base_fee_per_blob_gas.push(Quantity(price.unwrap_or_default()));
        Ok(())
    }
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// Tips at the percentiles of a block's gas, its transactions in the order of their tips.
fn rewards(api: &Api, header: &Header, percentiles: &[f64]) -> Result<Vec<Quantity<u128>>, RpcError> {
    let block = api.storage().block(header.number)?.ok_or(RpcError::HeaderNotFound)?;
    let receipts = api.storage().receipts(header.number)?.ok_or(RpcError::HeaderNotFound)?;
    let base_fee = header.base_fee_per_gas.unwrap_or_default();
    let mut gas_before = 0;
    let mut paid: Vec<(u128, u64)> = block
        .block
        .body
        .transactions
        .iter()
        .zip(receipts.iter())
        .map(|(tx, receipt)| {
            let gas_used = receipt.cumulative_gas_used.saturating_sub(gas_before);
            gas_before = receipt.cumulative_gas_used;
            (tx.effective_tip_per_gas(base_fee).unwrap_or_default(), gas_used)
        })
        .collect();
    paid.sort_by_key(|(tip, _)| *tip);
    Ok(at_percentiles(&paid, header.gas_used, percentiles))
}

fn at_percentiles(paid: &[(u128, u64)], gas_used: u64, percentiles: &[f64]) -> Vec<Quantity<u128>> {
    let Some((_, first_gas)) = paid.first() else { return vec![Quantity(0); percentiles.len()] };
    let (mut position, mut gas) = (0, *first_gas);
    percentiles
        .iter()
        .map(|percentile| {
            let threshold = (gas_used as f64 * percentile / 100.0) as u64;
            while gas < threshold && position + 1 < paid.len() {
                position += 1;
                gas = gas.saturating_add(paid[position].1);
            }
            Quantity(paid[position].0)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_must_rise_between_0_and_100() {
        assert!(check_percentiles(&[]).is_ok());
        assert!(check_percentiles(&[0.0, 50.5, 100.0]).is_ok());
        for wrong in [&[-1.0][..], &[100.1], &[f64::NAN], &[20.0, 10.0], &[10.0, 10.0]] {
            assert_eq!(check_percentiles(wrong).unwrap_err().code(), -32000, "{wrong:?}");
        }
    }

    #[test]
    fn percentiles_are_bounded_in_number() {
        let many = |n: usize| (0..n).map(|i| i as f64 / 2.0).collect::<Vec<_>>();
        assert!(check_percentiles(&many(FEE_HISTORY_PERCENTILES_MAX)).is_ok());
        assert_eq!(check_percentiles(&many(FEE_HISTORY_PERCENTILES_MAX + 1)).unwrap_err().code(), -32005);
    }

    #[test]
    fn rewards_are_weighted_by_gas() {
        let paid = [(1, 10), (2, 80), (9, 10)];
        let at = |p: &[f64]| at_percentiles(&paid, 100, p).iter().map(|q| q.0).collect::<Vec<_>>();
        assert_eq!(at(&[0.0, 10.0, 50.0, 90.0, 95.0, 100.0]), [1, 1, 2, 2, 9, 9]);
        assert_eq!(at_percentiles(&[], 0, &[50.0]), [Quantity(0)]);
    }
}
