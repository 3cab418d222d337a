//! `eth_capabilities`: which blocks' data this node has, for routers that choose among nodes.
use crate::{
    api::{Module, json, light},
    convert::Quantity,
};
use alloy_primitives::B256;
use jsonrpsee::server::RegisterMethodError;
use pervade_storage::{HistoryMode, Storage};
use serde::Serialize;

pub(super) fn register(module: &mut Module) -> Result<(), RegisterMethodError> {
    light(module, "eth_capabilities", 0, |api, _| json(&Capabilities::of(api.storage())))
}

#[derive(Serialize)]
struct Capabilities {
    head: Head,
    state: Resource,
    tx: Resource,
    logs: Resource,
    receipts: Resource,
    blocks: Resource,
    stateproofs: Resource,
}

#[derive(Serialize)]
struct Head {
    number: Quantity<u64>,
    hash: B256,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Resource {
    disabled: bool,
    oldest_block: Quantity<u64>,
    /// Left out for what is kept for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    delete_strategy: Option<DeleteStrategy>,
}

#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
enum DeleteStrategy {
    #[serde(rename_all = "camelCase")]
    Window { retention_blocks: Quantity<u64> },
}

impl Capabilities {
    fn of(storage: &Storage) -> Self {
        let head = storage.head();
        let kept_for_good = Resource { disabled: false, oldest_block: Quantity(0), delete_strategy: None };
        let delete_strategy = match storage.history() {
            HistoryMode::Window { blocks } => Some(DeleteStrategy::Window { retention_blocks: Quantity(blocks) }),
            HistoryMode::Archive => None,
        };
        let state = Resource { disabled: false, oldest_block: Quantity(storage.first_state()), delete_strategy };
        Self {
            head: Head { number: Quantity(head.number()), hash: head.hash },
            state: state.clone(),
            tx: kept_for_good.clone(),
            logs: kept_for_good.clone(),
            receipts: kept_for_good.clone(),
            blocks: kept_for_good,
            stateproofs: state,
        }
    }
}
