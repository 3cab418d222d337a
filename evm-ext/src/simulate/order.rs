//! Numbers and times of the blocks: both grow, and what is left out is filled with empty blocks.
use super::{BlockRequest, SIMULATED_BLOCKS_MAX, SimulationError};
use crate::BlockOverrides;
use alloy_consensus::Header;
use alloy_primitives::U256;

/// Seconds from a block to the next where no time is asked for: a slot of Ethereum, as in geth.
const TIME_STEP: u64 = 12;

/// Gives each block a number and a time, and adds the blocks between them.
pub(super) fn fill_gaps(base: &Header, requests: Vec<BlockRequest>) -> Result<Vec<BlockRequest>, SimulationError> {
    let mut blocks = Vec::with_capacity(requests.len());
    let (mut previous, mut time) = (base.number, base.timestamp);
    for mut request in requests {
        let overrides = &mut request.block_overrides;
        let number = overrides.number.unwrap_or(U256::from(previous).saturating_add(U256::ONE));
        if number <= U256::from(previous) {
            return Err(SimulationError::NumberOrder { number, previous });
        }
        let last = U256::from(base.number).saturating_add(U256::from(SIMULATED_BLOCKS_MAX));
        if number > last {
            return Err(SimulationError::TooManyBlocks);
        }
        let number: u64 = number.saturating_to();
        for missing in previous.saturating_add(1)..number {
            time = time.saturating_add(TIME_STEP);
            blocks.push(empty(missing, time));
        }
        previous = number;
        let timestamp = overrides.time.unwrap_or(time.saturating_add(TIME_STEP));
        if timestamp <= time {
            return Err(SimulationError::TimeOrder { timestamp, previous: time });
        }
        time = timestamp;
        (overrides.number, overrides.time) = (Some(U256::from(number)), Some(timestamp));
        blocks.push(request);
    }
    Ok(blocks)
}

fn empty(number: u64, timestamp: u64) -> BlockRequest {
    let block_overrides =
        BlockOverrides { number: Some(U256::from(number)), time: Some(timestamp), ..BlockOverrides::default() };
    BlockRequest { block_overrides, ..BlockRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(number: Option<u64>, time: Option<u64>) -> BlockRequest {
        let block_overrides = BlockOverrides { number: number.map(U256::from), time, ..BlockOverrides::default() };
        BlockRequest { block_overrides, ..BlockRequest::default() }
    }

    fn filled(requests: Vec<BlockRequest>) -> Result<Vec<(u64, u64)>, String> {
        let base = Header { number: 10, timestamp: 100, ..Header::default() };
        let blocks = fill_gaps(&base, requests).map_err(|error| error.to_string())?;
        let place = |block: &BlockRequest| {
            (block.block_overrides.number.unwrap().saturating_to(), block.block_overrides.time.unwrap())
        };
        Ok(blocks.iter().map(place).collect())
    }

    #[test]
    fn gaps_are_filled_and_times_go_on() {
        assert_eq!(filled(vec![ask(None, None), ask(None, None)]).unwrap(), [(11, 112), (12, 124)]);
        let gap = filled(vec![ask(Some(13), None), ask(None, Some(200))]).unwrap();
        assert_eq!(gap, [(11, 112), (12, 124), (13, 136), (14, 200)]);
    }

    #[test]
    fn numbers_and_times_must_grow() {
        let number = filled(vec![ask(Some(12), None), ask(Some(12), None)]).unwrap_err();
        assert_eq!(number, "block numbers must be in order: 12 <= 12");
        let time = filled(vec![ask(None, Some(100))]).unwrap_err();
        assert_eq!(time, "block timestamps must be in order: 100 <= 100");
        // The gap's own blocks take their time.
        let time = filled(vec![ask(Some(12), Some(112))]).unwrap_err();
        assert_eq!(time, "block timestamps must be in order: 112 <= 112");
    }

    #[test]
    fn blocks_are_counted_with_those_of_the_gaps() {
        assert_eq!(filled(vec![ask(Some(10 + SIMULATED_BLOCKS_MAX), None)]).unwrap().len(), 256);
        let beyond = filled(vec![ask(Some(11 + SIMULATED_BLOCKS_MAX), None)]);
        assert_eq!(beyond.unwrap_err(), "too many blocks");
        let many = filled((0..=SIMULATED_BLOCKS_MAX).map(|_| ask(None, None)).collect());
        assert_eq!(many.unwrap_err(), "too many blocks");
        assert!(
            fill_gaps(
                &Header::default(),
                vec![BlockRequest {
                    block_overrides: BlockOverrides { number: Some(U256::MAX), ..BlockOverrides::default() },
                    ..BlockRequest::default()
                }]
            )
            .is_err()
        );
    }
}
