//! `eth_simulateV1`: blocks that nobody decided, executed one on top of the other.
use super::state::block;
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json},
    convert::{
        BlockArguments, BlockJson, CallArguments, LogJson, Place, Quantity, StateArguments, Transactions,
        block_overrides, call_request, state_overrides,
    },
    limits::SIMULATED_CALLS_MAX,
    params::Arguments,
};
use alloy_primitives::Bytes;
use jsonrpsee::server::RegisterMethodError;
use pervade_evm_ext::{
    BlockRequest, CallOutcome, SIMULATED_BLOCKS_MAX, SimulatedBlock, SimulatedCall, SimulationEnvironment,
    SimulationError, simulate as run,
};
use pervade_storage::RecoveredBlock;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

/// Code of a call that halted (Execution APIs).
const VM_ERROR: i32 = -32015;
/// Code of a call that reverted.
const REVERTED: i32 = 3;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_simulateV1", 2, simulate)
}

/// The first argument. Unknown fields are ignored, as geth ignores them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Payload {
    block_state_calls: Vec<BlockStateCall>,
    trace_transfers: bool,
    validation: bool,
    return_full_transactions: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BlockStateCall {
    block_overrides: Option<BlockArguments>,
    state_overrides: Option<StateArguments>,
    calls: Option<Vec<CallArguments>>,
}

impl BlockStateCall {
    fn into_request(self) -> Result<BlockRequest, RpcError> {
        Ok(BlockRequest {
            block_overrides: block_overrides(self.block_overrides.unwrap_or_default()),
            state_overrides: state_overrides(self.state_overrides.unwrap_or_default())?,
            calls: self.calls.unwrap_or_default().into_iter().map(call_request).collect::<Result<_, _>>()?,
        })
    }
}

fn simulate(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let payload: Payload = arguments.required(0)?;
    let blocks = payload.block_state_calls.len();
    if blocks == 0 {
        return Err(RpcError::InvalidParams { reason: "empty input" });
    }
    if u64::try_from(blocks).is_ok_and(|blocks| blocks > SIMULATED_BLOCKS_MAX) {
        return Err(SimulationError::TooManyBlocks.into());
    }
    let calls: usize = payload.block_state_calls.iter().flat_map(|block| &block.calls).map(Vec::len).sum();
    if calls > SIMULATED_CALLS_MAX {
        return Err(RpcError::LimitExceeded { what: "calls of a simulation are", limit: SIMULATED_CALLS_MAX as u64 });
    }
    let (base, view) = api.header_and_view(block(arguments, 1)?)?;
    let requests =
        payload.block_state_calls.into_iter().map(BlockStateCall::into_request).collect::<Result<Vec<_>, _>>()?;
    let environment = SimulationEnvironment {
        spec: api.spec(),
        view: &view,
        base_hash: base.hash_slow(),
        base: &base,
        gas_max: api.limits.call_gas_max,
        time_max: api.limits.call_time_max,
        trace_transfers: payload.trace_transfers,
        validation: payload.validation,
    };
    let transactions = if payload.return_full_transactions { Transactions::Full } else { Transactions::Hashes };
    let blocks = run(&environment, requests)?;
    let blocks: Vec<_> = blocks.iter().map(|simulated| SimulatedBlockJson { simulated, transactions }).collect();
    json(&blocks)
}

/// A block with what its calls came to.
struct SimulatedBlockJson<'a> {
    simulated: &'a SimulatedBlock,
    transactions: Transactions,
}

#[derive(Serialize)]
struct WithCalls<'a> {
    #[serde(flatten)]
    block: BlockJson<'a>,
    calls: Vec<CallJson<'a>>,
}

impl Serialize for SimulatedBlockJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let block = &self.simulated.block;
        let mut logs_before = 0u64;
        let calls = self.simulated.calls.iter().zip(0..).map(|(call, index)| {
            let json = CallJson { call, block, index, logs_before };
            logs_before = logs_before.saturating_add(call.logs.len() as u64);
            json
        });
        let calls = calls.collect();
        WithCalls { block: BlockJson { block, transactions: self.transactions }, calls }.serialize(serializer)
    }
}

struct CallJson<'a> {
    call: &'a SimulatedCall,
    block: &'a RecoveredBlock,
    index: u64,
    logs_before: u64,
}

impl Serialize for CallJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let SimulatedCall { result, .. } = self.call;
        let nothing = Bytes::new();
        let (output, error) = match &result.outcome {
            CallOutcome::Success { output } => (output, None),
            CallOutcome::Revert { output } => {
                let message = RpcError::reverted(output.clone()).to_string();
                (&nothing, Some(CallError { message, code: REVERTED, data: Some(output) }))
            }
            CallOutcome::Halt { message, .. } => {
                (&nothing, Some(CallError { message: message.clone(), code: VM_ERROR, data: None }))
            }
        };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("returnData", output)?;
        map.serialize_entry("logs", &Logs(self))?;
        map.serialize_entry("gasUsed", &Quantity(result.gas_used))?;
        map.serialize_entry("maxUsedGas", &Quantity(result.gas_spent.max(result.gas_used)))?;
        map.serialize_entry("status", &Quantity(u64::from(error.is_none())))?;
        if let Some(error) = error {
            map.serialize_entry("error", &error)?;
        }
        map.end()
    }
}

#[derive(Serialize)]
struct CallError<'a> {
    message: String,
    code: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<&'a Bytes>,
}

struct Logs<'a>(&'a CallJson<'a>);

impl Serialize for Logs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let CallJson { call, block, index, logs_before } = *self.0;
        let position = usize::try_from(index).unwrap_or(usize::MAX);
        let transaction_hash =
            block.block.body.transactions.get(position).map(|transaction| *transaction.tx_hash()).unwrap_or_default();
        let place = Place::of(block, index);
        serializer.collect_seq(call.logs.iter().zip(logs_before..).map(|(log, index)| LogJson {
            log,
            place,
            transaction_hash,
            index,
        }))
    }
}
