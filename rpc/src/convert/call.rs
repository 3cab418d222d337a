//! Call arguments: the transaction-like object and the overrides of state and block.
use crate::{
    RpcError,
    limits::OVERRIDES_MAX,
    params::{Data, Fixed, Number, Number64, Number128},
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::SignedAuthorization,
};
use alloy_primitives::{B256, U256};
use pervade_evm_ext::{AccountOverride, BlockOverrides, CallRequest, StateOverrides};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The first argument of `eth_call` and its kin. Unknown fields are ignored, as geth ignores them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CallArguments {
    from: Option<Fixed<20>>,
    to: Option<Fixed<20>>,
    gas: Option<Number64>,
    gas_price: Option<Number128>,
    max_fee_per_gas: Option<Number128>,
    max_priority_fee_per_gas: Option<Number128>,
    max_fee_per_blob_gas: Option<Number128>,
    blob_versioned_hashes: Option<Vec<Fixed<32>>>,
    value: Option<Number>,
    data: Option<Data>,
    input: Option<Data>,
    nonce: Option<Number64>,
    chain_id: Option<Number64>,
    access_list: Option<Vec<AccessListItem>>,
    authorization_list: Option<Vec<SignedAuthorization>>,
}

/// What the call asks for.
///
/// # Errors
/// Fields that exclude each other, in geth's words.
pub(crate) fn call_request(arguments: CallArguments) -> Result<CallRequest, RpcError> {
    let refuse = |reason: String| Err(RpcError::Execution { reason });
    let input = match (arguments.input, arguments.data) {
        (Some(input), Some(data)) if input != data => {
            return refuse(
                r#"both "data" and "input" are set and not equal. Please use "input" to pass transaction call data"#
                    .into(),
            );
        }
        (input, data) => input.or(data).map(|d| d.0).unwrap_or_default(),
    };
    let (cap, tip) = (arguments.max_fee_per_gas, arguments.max_priority_fee_per_gas);
    if arguments.gas_price.is_some() && (cap.is_some() || tip.is_some()) {
        return refuse("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified".into());
    }
    if let (Some(cap), Some(tip)) = (cap, tip)
        && cap.0 < tip.0
        && cap.0 > 0
    {
        return refuse(format!("maxFeePerGas ({}) < maxPriorityFeePerGas ({})", cap.0, tip.0));
    }
    Ok(CallRequest {
        from: arguments.from.map(Into::into),
        to: arguments.to.map(Into::into),
        gas: arguments.gas.map(|n| n.0),
        gas_price: arguments.gas_price.map(|n| n.0),
        max_fee_per_gas: cap.map(|n| n.0),
        max_priority_fee_per_gas: tip.map(|n| n.0),
        max_fee_per_blob_gas: arguments.max_fee_per_blob_gas.map(|n| n.0),
        blob_versioned_hashes: arguments.blob_versioned_hashes.map(|h| h.into_iter().map(B256::from).collect()),
        value: arguments.value.map(|n| n.0),
        input,
        nonce: arguments.nonce.map(|n| n.0),
        chain_id: arguments.chain_id.map(|n| n.0),
        access_list: arguments.access_list.map(AccessList),
        authorization_list: arguments.authorization_list,
    })
}

/// One account of the state overrides.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct AccountArguments {
    balance: Option<Number>,
    nonce: Option<Number64>,
    code: Option<Data>,
    state: Option<BTreeMap<Fixed<32>, Fixed<32>>>,
    state_diff: Option<BTreeMap<Fixed<32>, Fixed<32>>>,
    move_precompile_to_address: Option<Fixed<20>>,
}

/// The state overrides of a call.
pub(crate) type StateArguments = BTreeMap<Fixed<20>, AccountArguments>;

/// How the call's state differs from the block's.
///
/// # Errors
/// An account with both kinds of storage override, or more of them than [`OVERRIDES_MAX`].
pub(crate) fn state_overrides(arguments: StateArguments) -> Result<StateOverrides, RpcError> {
    let exceeded = RpcError::LimitExceeded { what: "state overrides are", limit: OVERRIDES_MAX as u64 };
    if arguments.len() > OVERRIDES_MAX {
        return Err(exceeded);
    }
    let mut overrides = StateOverrides::new();
    for (address, account) in arguments {
        let address = address.into();
        if account.state.is_some() && account.state_diff.is_some() {
            return Err(RpcError::Execution { reason: format!("account {address} has both 'state' and 'stateDiff'") });
        }
        if [&account.state, &account.state_diff].into_iter().flatten().any(|slots| slots.len() > OVERRIDES_MAX) {
            return Err(exceeded);
        }
        let account = AccountOverride {
            balance: account.balance.map(|n| n.0),
            nonce: account.nonce.map(|n| n.0),
            code: account.code.map(|d| d.0),
            state: account.state.map(words),
            state_diff: account.state_diff.map(words),
            move_precompile_to: account.move_precompile_to_address.map(Into::into),
        };
        overrides.insert(address, account);
    }
    Ok(overrides)
}

fn words(slots: BTreeMap<Fixed<32>, Fixed<32>>) -> BTreeMap<U256, U256> {
    slots.into_iter().map(|(slot, value)| (U256::from_be_bytes(slot.0), U256::from_be_bytes(value.0))).collect()
}

/// The block overrides of a call, under geth's present and earlier names.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BlockArguments {
    #[serde(alias = "blockNumber")]
    number: Option<Number>,
    difficulty: Option<Number>,
    time: Option<Number64>,
    gas_limit: Option<Number64>,
    #[serde(alias = "feeRecipient")]
    coinbase: Option<Fixed<20>>,
    #[serde(alias = "prevRandao")]
    random: Option<Fixed<32>>,
    #[serde(alias = "baseFeePerGas")]
    base_fee: Option<Number64>,
    blob_base_fee: Option<Number128>,
}

/// How the call's block differs from the one it is made on.
pub(crate) fn block_overrides(arguments: BlockArguments) -> BlockOverrides {
    BlockOverrides {
        number: arguments.number.map(|n| n.0),
        difficulty: arguments.difficulty.map(|n| n.0),
        time: arguments.time.map(|n| n.0),
        gas_limit: arguments.gas_limit.map(|n| n.0),
        coinbase: arguments.coinbase.map(Into::into),
        random: arguments.random.map(B256::from),
        base_fee: arguments.base_fee.map(|n| n.0),
        blob_base_fee: arguments.blob_base_fee.map(|n| n.0),
    }
}

#[cfg(test)]
fn parse(json: &str) -> Result<CallRequest, RpcError> {
    call_request(serde_json::from_str(json).map_err(|e| RpcError::argument(0, e.to_string()))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Bytes;

    #[test]
    fn data_and_input_are_the_same_field() {
        assert_eq!(parse(r#"{"data":"0x01"}"#).unwrap().input, Bytes::from_static(&[1]));
        assert_eq!(parse(r#"{"data":"0x01","input":"0x01"}"#).unwrap().input, Bytes::from_static(&[1]));
        assert_eq!(parse(r#"{"data":"0x01","input":"0x02"}"#).unwrap_err().code(), -32000);
    }

    #[test]
    fn prices_of_two_kinds_exclude_each_other() {
        assert!(parse(r#"{"gasPrice":"0x1","maxFeePerGas":"0x1"}"#).is_err());
        assert!(parse(r#"{"maxFeePerGas":"0x1","maxPriorityFeePerGas":"0x2"}"#).is_err());
        assert!(parse(r#"{"maxFeePerGas":"0x2","maxPriorityFeePerGas":"0x2","type":"0x2","blobs":[]}"#).is_ok());
    }

    #[test]
    fn malformed_fields_are_refused() {
        for wrong in [r#"{"to":"0x1"}"#, r#"{"gas":5}"#, r#"{"value":"ten"}"#, r#"{"data":"0x1"}"#, "[1]", "\"0x\""] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn state_and_state_diff_exclude_each_other() {
        let account = r#"{"0x00000000000000000000000000000000000000ff":{"state":{},"stateDiff":{}}}"#;
        assert!(state_overrides(serde_json::from_str(account).unwrap()).is_err());
    }

    #[test]
    fn overrides_are_bounded() {
        let many = |n: usize| {
            (0..n)
                .map(|i| {
                    let mut address = [0; 20];
                    address[..8].copy_from_slice(&(i as u64).to_be_bytes());
                    (Fixed(address), AccountArguments::default())
                })
                .collect::<StateArguments>()
        };
        assert!(state_overrides(many(OVERRIDES_MAX)).is_ok());
        assert_eq!(state_overrides(many(OVERRIDES_MAX + 1)).unwrap_err().code(), -32005);
    }

    #[test]
    fn block_overrides_have_old_and_new_names() {
        let new = r#"{"feeRecipient":"0x00000000000000000000000000000000000000ff","baseFeePerGas":"0x1","time":"0x2"}"#;
        let overrides = block_overrides(serde_json::from_str(new).unwrap());
        assert_eq!((overrides.base_fee, overrides.time), (Some(1), Some(2)));
        assert!(overrides.coinbase.is_some());
    }
}
