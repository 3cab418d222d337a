//! Fees that a block inherits from its parent: base fee and excess blob gas.
use crate::{BaseFeeRule, BlockForks, params};
use alloy_consensus::Header;
use alloy_eips::{eip4844::DATA_GAS_PER_BLOB, eip7840::BlobParams};
use alloy_hardforks::EthereumHardfork;
use alloy_primitives::U256;

/// Base fee of `child` under the chain's rule (`None`: Ethereum's). `None` before London.
pub(crate) fn next_base_fee(rule: Option<BaseFeeRule>, parent: &Header, child: BlockForks<'_>) -> Option<u64> {
    if !child.is_active(EthereumHardfork::London) {
        return None;
    }
    // The parent of London's first block has none.
    let dynamic = || match parent.base_fee_per_gas {
        Some(base_fee) => eip1559(base_fee, parent.gas_used, parent.gas_limit),
        None => params::INITIAL_BASE_FEE,
    };
    Some(match rule {
        None => dynamic(),
        Some(BaseFeeRule::Dynamic { minimum }) => dynamic().max(minimum),
        Some(BaseFeeRule::Fixed { value }) => value,
        Some(BaseFeeRule::Zero) => 0,
    })
}

/// EIP-1559: up or down by at most an eighth, in proportion to the distance from the gas target.
fn eip1559(base_fee: u64, gas_used: u64, gas_limit: u64) -> u64 {
    let target = gas_limit.checked_div(params::BASE_FEE_ELASTICITY).unwrap_or_default();
    if target == 0 || gas_used == target {
        return base_fee;
    }
    let divided = |change: u128, by: u64| change.checked_div(u128::from(by)).unwrap_or_default();
    let change = u128::from(base_fee).saturating_mul(u128::from(gas_used.abs_diff(target)));
    let change = divided(divided(change, target), params::BASE_FEE_MAX_CHANGE_DENOMINATOR);
    let change = u64::try_from(change).unwrap_or(u64::MAX);
    if gas_used > target { base_fee.saturating_add(change.max(1)) } else { base_fee.saturating_sub(change) }
}

/// Excess blob gas of `child`. `None` before Cancun.
pub(crate) fn next_excess_blob_gas(parent: &Header, child: BlockForks<'_>) -> Option<u64> {
    let params = child.blob_params()?;
    let excess = parent.excess_blob_gas.unwrap_or_default();
    let used = parent.blob_gas_used.unwrap_or_default();
    let sum = excess.saturating_add(used);
    let target = params.target_blob_gas_per_block();
    // EIP-4844
    let Some(above_target) = sum.checked_sub(target) else { return Some(0) };
    // EIP-7918: blobs too cheap beside their execution cost rise by what was used, and do not fall.
    if child.is_active(EthereumHardfork::Osaka) && is_below_reserve_price(&params, excess, parent.base_fee_per_gas) {
        let above_target = u128::from(params.max_blob_count.saturating_sub(params.target_blob_count));
        let scaled = u128::from(used)
            .saturating_mul(above_target)
            .checked_div(u128::from(params.max_blob_count))
            .unwrap_or_default();
        return Some(excess.saturating_add(u64::try_from(scaled).unwrap_or(u64::MAX)));
    }
    Some(above_target)
}

fn is_below_reserve_price(params: &BlobParams, excess: u64, base_fee: Option<u64>) -> bool {
    let reserve = U256::from(params.blob_base_cost).saturating_mul(U256::from(base_fee.unwrap_or_default()));
    let price = U256::from(DATA_GAS_PER_BLOB).saturating_mul(U256::from(params.calc_blob_fee(excess)));
    reserve > price
}
