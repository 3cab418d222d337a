//! `pervade_`: what gateways say about requests, and the gateway of this node.
use crate::{
    RpcError,
    api::{Api, Json, Module, heavy, json, light},
    params::{Arguments, Data, Number},
};
use alloy_primitives::{Bytes, U256};
use jsonrpsee::server::RegisterMethodError;
use serde_json::Value;

/// Requests in one question for answers.
const REQUESTS_MAX: usize = 256;

/// Where gateways' signed answers meet: what came over the network, and what this node's clients said.
pub trait AnswerBoard: Send + Sync {
    /// Takes an answer, keeps it, and tells the network.
    ///
    /// # Errors
    /// Why it is none: it is malformed, or none of the request's gateways signed it.
    fn submit(&self, message: Bytes) -> Result<(), &'static str>;
    /// The latest answer of each gateway to each of these requests.
    ///
    /// # Errors
    /// Why the node cannot tell.
    fn answers(&self, requests: &[U256]) -> Result<Vec<Bytes>, &'static str>;
}

/// The gateway that runs inside this node.
pub trait GatewayView: Send + Sync {
    /// Its state, as JSON.
    fn status(&self) -> Value;
}

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "pervade_gatewayStatus", 0, |api, _| {
        json(&api.context.gateway.as_ref().map_or(Value::Null, |gateway| gateway.status()))
    })?;
    heavy(module, "pervade_submitAnswer", 1, |api, arguments| {
        let Data(message) = arguments.required(0)?;
        board(api)?.submit(message).map_err(refused)?;
        json(&true)
    })?;
    heavy(module, "pervade_getAnswers", 1, answers)
}

fn board(api: &Api) -> Result<&dyn AnswerBoard, RpcError> {
    api.context.answers.as_deref().ok_or(RpcError::InvalidParams { reason: "answers do not meet on this node" })
}

fn refused(reason: &'static str) -> RpcError {
    RpcError::InvalidParams { reason }
}

fn answers(api: &Api, arguments: &Arguments<'_>) -> Result<Json, RpcError> {
    let requests: Vec<Number> = arguments.required(0)?;
    if requests.len() > REQUESTS_MAX {
        return Err(RpcError::LimitExceeded { what: "requests", limit: REQUESTS_MAX as u64 });
    }
    let requests: Vec<U256> = requests.into_iter().map(|Number(id)| id).collect();
    json(&board(api)?.answers(&requests).map_err(refused)?)
}
