//! Execution without consequences: `eth_call`, `eth_estimateGas`, `eth_createAccessList`.
use super::state::block;
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json},
    convert::{
        BlockArguments, CallArguments, Quantity, StateArguments, block_overrides, call_request, state_overrides,
    },
    params::Arguments,
};
use alloy_consensus::Header;
use jsonrpsee::server::RegisterMethodError;
use pervade_evm_ext::{CallEnvironment, CallOutcome, CallRequest};
use pervade_storage::StateView;
use serde_json::json as value;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    heavy(module, "eth_call", 4, call)?;
    heavy(module, "eth_estimateGas", 4, estimate_gas)?;
    heavy(module, "eth_createAccessList", 4, create_access_list)
}

/// What a call needs: its request, and the block and state that it sees.
struct Prepared<'a> {
    request: CallRequest,
    header: Header,
    view: StateView,
    api: &'a Api,
    state: StateArguments,
    block: BlockArguments,
}

impl<'a> Prepared<'a> {
    /// Arguments of all three methods: call, block, state overrides, block overrides.
    fn read(api: &'a Api, arguments: &Arguments<'_>) -> Result<Self, RpcError> {
        let request = call_request(arguments.required::<CallArguments>(0)?)?;
        let (header, view) = api.header_and_view(block(arguments, 1)?)?;
        let state = arguments.optional(2)?.unwrap_or_default();
        let block = arguments.optional(3)?.unwrap_or_default();
        Ok(Self { request, header, view, api, state, block })
    }

    fn run<T>(
        self,
        work: impl FnOnce(&CallEnvironment<'_>, &CallRequest) -> Result<T, pervade_evm_ext::ExecutionError>,
    ) -> Result<T, RpcError> {
        let environment = CallEnvironment {
            spec: self.api.spec(),
            view: &self.view,
            header: &self.header,
            block_overrides: block_overrides(self.block),
            state_overrides: state_overrides(self.state)?,
            gas_max: self.api.limits.call_gas_max,
            time_max: self.api.limits.call_time_max,
        };
        Ok(work(&environment, &self.request)?)
    }
}

fn call(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    match Prepared::read(api, arguments)?.run(pervade_evm_ext::call)?.outcome {
        CallOutcome::Success { output } => json(&output),
        CallOutcome::Revert { output } => Err(RpcError::reverted(output)),
        CallOutcome::Halt { message, .. } => Err(RpcError::Execution { reason: message }),
    }
}

fn estimate_gas(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    json(&Quantity(Prepared::read(api, arguments)?.run(pervade_evm_ext::estimate_gas)?))
}

fn create_access_list(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let result = Prepared::read(api, arguments)?.run(pervade_evm_ext::create_access_list)?;
    let mut answer = value!({ "accessList": result.access_list.0, "gasUsed": Quantity(result.gas_used) });
    if let Some(error) = result.error {
        answer["error"] = error.into();
    }
    json(&answer)
}
