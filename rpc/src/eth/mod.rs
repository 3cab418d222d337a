//! `eth_`: one file for each group of methods.
mod blocks;
mod call;
mod capabilities;
mod chain;
mod fees;
mod filters;
mod log_query;
mod logs;
mod proof;
mod simulate;
mod state;
mod submit;
mod subscribe;
mod transactions;

pub(crate) use filters::Filters;

use crate::api::Module;
use jsonrpsee::server::RegisterMethodError;

pub(crate) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    chain::register(module)?;
    capabilities::register(module)?;
    blocks::register(module)?;
    transactions::register(module)?;
    state::register(module)?;
    proof::register(module)?;
    fees::register(module)?;
    call::register(module)?;
    simulate::register(module)?;
    logs::register(module)?;
    filters::register(module)?;
    submit::register(module)?;
    subscribe::register(module)
}
