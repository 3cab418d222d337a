//! What a block's logs say of requests.
use super::{IThings, abi::IThings::Status};
use alloy_primitives::{Address, B256, Log, U256};
use alloy_sol_types::SolEvent;
use pervade_chainspec::params::THINGS_ADDRESS;

/// A request was made, or came to another status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestEvent {
    /// Its id.
    pub request_id: U256,
    /// `IThings.Status` from now on.
    pub status: u8,
    /// Failure code; 0 for none.
    pub code: u16,
    /// keccak256 of the result.
    pub result_hash: B256,
    /// The thing that is asked and the contract that asks, if it was just made.
    pub made: Option<(B256, Address)>,
}

/// What a log says of a request.
pub fn request_event(log: &Log) -> Option<RequestEvent> {
    if log.address != THINGS_ADDRESS {
        return None;
    }
    let topic0 = *log.topics().first()?;
    if topic0 == IThings::Requested::SIGNATURE_HASH {
        let event = IThings::Requested::decode_log(log).ok()?;
        return Some(RequestEvent {
            request_id: event.requestId,
            status: Status::Pending as u8,
            code: 0,
            result_hash: B256::ZERO,
            made: Some((event.thing, event.requester)),
        });
    }
    if topic0 == IThings::StatusChanged::SIGNATURE_HASH {
        let event = IThings::StatusChanged::decode_log(log).ok()?;
        return Some(RequestEvent {
            request_id: event.requestId,
            status: event.status as u8,
            code: event.code,
            result_hash: event.resultHash,
            made: None,
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_of_the_precompile_tell_of_requests_and_others_do_not() {
        let (thing, requester) = (B256::repeat_byte(1), Address::repeat_byte(2));
        let made = IThings::Requested { requestId: U256::from(7), thing, requester };
        let log = |address, event: alloy_primitives::LogData| Log { address, data: event };
        let found = request_event(&log(THINGS_ADDRESS, made.encode_log_data())).unwrap();
        assert_eq!((found.request_id, found.made), (U256::from(7), Some((thing, requester))));
        assert_eq!(found.status, Status::Pending as u8);
        assert_eq!(request_event(&log(requester, made.encode_log_data())), None);
        let changed =
            IThings::StatusChanged { requestId: U256::from(7), status: Status::Failed, code: 6, resultHash: thing };
        let found = request_event(&log(THINGS_ADDRESS, changed.encode_log_data())).unwrap();
        assert_eq!((found.status, found.code, found.result_hash, found.made), (Status::Failed as u8, 6, thing, None));
        assert_eq!(request_event(&log(THINGS_ADDRESS, Default::default())), None);
    }
}
