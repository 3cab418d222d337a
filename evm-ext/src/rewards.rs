//! Balance changes of a block that no transaction makes: rewards, withdrawals, the DAO fork.
use crate::state::{BlockState, StateError};
use alloy_consensus::Header;
use alloy_eips::eip4895::Withdrawal;
use alloy_evm::eth::dao_fork::{DAO_HARDFORK_ACCOUNTS, DAO_HARDFORK_BENEFICIARY};
use alloy_primitives::U256;
use pervade_storage::StateReader;
use revm::primitives::hardfork::SpecId;

const ETHER: u128 = 1_000_000_000_000_000_000;
/// Wei per gwei: withdrawals are stated in gwei.
const GWEI: u64 = 1_000_000_000;

/// Wei for a block without ommers; `None` after the merge (Yellow Paper, EIP-649, EIP-1234).
fn block_reward(spec: SpecId) -> Option<u128> {
    match spec {
        spec if spec.is_enabled_in(SpecId::MERGE) => None,
        spec if spec.is_enabled_in(SpecId::PETERSBURG) => Some(2 * ETHER),
        spec if spec.is_enabled_in(SpecId::BYZANTIUM) => Some(3 * ETHER),
        _ => Some(5 * ETHER),
    }
}

/// Pays the beneficiaries of a proof-of-work block and of its ommers.
pub(crate) fn pay_rewards<R: StateReader>(
    state: &mut BlockState<R>,
    spec: SpecId,
    header: &Header,
    ommers: &[Header],
) -> Result<(), StateError> {
    let Some(reward) = block_reward(spec) else { return Ok(()) };
    let clear_empty = spec.is_enabled_in(SpecId::SPURIOUS_DRAGON);
    let reward = U256::from(reward);
    let mut total = reward;
    for ommer in ommers {
        // (8 - distance) eighths for the ommer, a thirty-second for its inclusion.
        let eighths = ommer.number.saturating_add(8).saturating_sub(header.number);
        let ommer_reward = reward.saturating_mul(U256::from(eighths)).wrapping_shr(3);
        state.add_balance(ommer.beneficiary, ommer_reward, clear_empty)?;
        total = total.saturating_add(reward.wrapping_shr(5));
    }
    state.add_balance(header.beneficiary, total, clear_empty)
}

/// Credits withdrawals (EIP-4895).
pub(crate) fn pay_withdrawals<R: StateReader>(
    state: &mut BlockState<R>,
    withdrawals: &[Withdrawal],
) -> Result<(), StateError> {
    for withdrawal in withdrawals {
        let wei = U256::from(withdrawal.amount).saturating_mul(U256::from(GWEI));
        state.add_balance(withdrawal.address, wei, true)?;
    }
    Ok(())
}

/// Moves what the DAO's accounts hold to the refund contract (EIP-779).
pub(crate) fn apply_dao_fork<R: StateReader>(state: &mut BlockState<R>) -> Result<(), StateError> {
    for address in DAO_HARDFORK_ACCOUNTS {
        let wei = state.drain_balance(address)?;
        // Before Spurious Dragon, so even nothing creates the account.
        state.add_balance(DAO_HARDFORK_BENEFICIARY, wei, false)?;
    }
    Ok(())
}
