//! Difficulty of proof-of-work blocks (Yellow Paper; EIP-2, EIP-100, and the bomb's delays).
use alloy_consensus::{EMPTY_OMMER_ROOT_HASH, Header};
use alloy_hardforks::{EthereumHardfork, EthereumHardforks};
use alloy_primitives::U256;
use pervade_chainspec::BlockForks;

/// No block is easier.
const DIFFICULTY_MIN: u64 = 131_072;
/// A step is the parent's difficulty divided by 2048: shifted by so many bits.
const STEP_SHIFT: usize = 11;
/// Most steps down.
const STEPS_DOWN_MAX: u64 = 99;
/// Blocks in which the bomb doubles.
const BOMB_PERIOD_BLOCKS: u64 = 100_000;
/// From which fork on the bomb counts from which block, newest first (EIP-649, 1234, 2384, 3554, 4345, 5133).
const BOMB_DELAYS: [(EthereumHardfork, u64); 6] = [
    (EthereumHardfork::GrayGlacier, 11_400_000),
    (EthereumHardfork::ArrowGlacier, 10_700_000),
    (EthereumHardfork::London, 9_700_000),
    (EthereumHardfork::MuirGlacier, 9_000_000),
    (EthereumHardfork::Constantinople, 5_000_000),
    (EthereumHardfork::Byzantium, 3_000_000),
];

/// Difficulty that a block must have. `forks` are the block's, `timestamp` too.
pub(super) fn difficulty(parent: &Header, forks: &BlockForks<'_>, timestamp: u64) -> U256 {
    let active =
        |fork| forks.ethereum_fork_activation(fork).active_at_timestamp_or_number(forks.timestamp, forks.number);
    let elapsed = timestamp.saturating_sub(parent.timestamp);
    // Steps up (at most two) and steps down: only their difference counts.
    let (up, down) = if active(EthereumHardfork::Byzantium) {
        let up = if parent.ommers_hash == EMPTY_OMMER_ROOT_HASH { 1 } else { 2 };
        (up, elapsed / 9)
    } else if active(EthereumHardfork::Homestead) {
        (1, elapsed / 10)
    } else if elapsed < 13 {
        (1, 0)
    } else {
        (0, 1)
    };
    let step = parent.difficulty.wrapping_shr(STEP_SHIFT);
    let moved = if up >= down {
        parent.difficulty.saturating_add(step.saturating_mul(U256::from(up.saturating_sub(down))))
    } else {
        let down = down.saturating_sub(up).min(STEPS_DOWN_MAX);
        parent.difficulty.saturating_sub(step.saturating_mul(U256::from(down)))
    };
    let delay = BOMB_DELAYS.iter().find(|(fork, _)| active(*fork)).map_or(0, |(_, delay)| *delay);
    moved.max(U256::from(DIFFICULTY_MIN)).saturating_add(bomb(parent.number, delay))
}

/// The bomb: two to the number of periods, less two.
fn bomb(parent_number: u64, delay: u64) -> U256 {
    let number = parent_number.saturating_add(1).saturating_sub(delay);
    let exponent = (number / BOMB_PERIOD_BLOCKS).checked_sub(2).and_then(|exponent| usize::try_from(exponent).ok());
    exponent.and_then(|exponent| U256::ONE.checked_shl(exponent)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bomb_doubles_every_hundred_thousand_blocks() {
        assert_eq!(bomb(199_998, 0), U256::ZERO);
        assert_eq!(bomb(199_999, 0), U256::from(1));
        assert_eq!(bomb(399_999, 0), U256::from(4));
        assert_eq!(bomb(3_199_999, 3_000_000), U256::from(1));
        assert_eq!(bomb(100, 3_000_000), U256::ZERO);
    }
}
