//! What contracts of these scenarios ask of things: requests, and triggers that wake them.
use super::abi::IThings::{self, Agreement, Comparison, Operation, TriggerKind};
use alloy_primitives::{B256, Bytes, FixedBytes, I256, U256, keccak256};

/// The function that triggers call.
pub const ACTION: [u8; 4] = [0xac, 0x71, 0x0e, 0x01];
/// What callbacks and actions may cost, wei per gas.
const FEE_MAX: u128 = 100_000_000_000;
/// Seconds after which a value counts for nothing.
const AGE_MAX: u64 = 3_600;

/// Asks one gateway for something, until a time in Unix seconds. What comes is read through a mapping, if it is not zero.
pub fn request(
    thing: B256,
    operation: Operation,
    affordance: &str,
    mapping_id: B256,
    deadline: u64,
) -> IThings::requestCall {
    let request = IThings::Request {
        thing,
        operation,
        affordance: affordance.to_owned(),
        input: Bytes::new(),
        mappingId: mapping_id,
        agreement: Agreement::Gateway,
        minGateways: 1,
        deadline,
        maxAttempts: 8,
        maxResultBytes: 2_048,
        onResult: FixedBytes([1; 4]),
        onFailure: FixedBytes([2; 4]),
        callbackGas: 200_000,
        maxFeePerGas: FEE_MAX,
    };
    IThings::requestCall { request_: request }
}

/// Fires when the thing's property is above so many degrees; again only after it was five below.
///
/// # Panics
/// Never: degrees fit.
pub fn above(thing: B256, model: B256, property: &str, degrees: i64) -> IThings::Trigger {
    IThings::Trigger {
        kind: TriggerKind::Threshold,
        thing,
        otherThing: B256::ZERO,
        model,
        property: keccak256(property),
        comparison: Comparison::Greater,
        threshold: I256::try_from(degrees).expect("degrees fit"),
        exponent: 0,
        hysteresis: U256::from(5),
        radiusMetres: 0,
        maxAge: AGE_MAX,
        firstTime: 0,
        interval: 0,
        maxFirings: 0,
        action: FixedBytes(ACTION),
        actionGas: 1_500_000,
        maxFeePerGas: FEE_MAX,
    }
}
