//! Reads `config` of a geth genesis file, `config.pervade` aside.
use crate::{
    error::Refusal,
    fork_table::FORKS,
    json::{Object, Value},
};
use alloy_eips::eip7840::BlobParams;
use alloy_genesis::ChainConfig;
use alloy_primitives::U256;
use std::collections::BTreeMap;

/// The merge's network split by its name before 2022.
const OLD_MERGE_NETSPLIT_FIELD: &str = "mergeForkBlock";
/// Fields of geth that turn on an unreleased state format.
const OTHER_STATE_FORMATS: [&str; 3] = ["enableVerkleAtGenesis", "enableUBTAtGenesis", "enableUbtAtGenesis"];
/// Names in a blob schedule of forks that are not here yet; harmless as long as no time activates them.
const LATER_BLOB_SCHEDULES: [&str; 4] = ["amsterdam", "bogota", "verkle", "ubt"];
/// Names in a blob schedule.
pub(crate) const BLOB_SCHEDULES: [&str; 8] = ["cancun", "prague", "osaka", "bpo1", "bpo2", "bpo3", "bpo4", "bpo5"];

pub(crate) fn read(mut object: Object<'_>) -> Result<ChainConfig, Refusal> {
    let mut config = ChainConfig { chain_id: object.required("chainId")?.u64()?, ..Default::default() };
    for fork in FORKS {
        if let Some(value) = object.take(fork.field) {
            *(fork.activation_mut)(&mut config) = Some(value.u64()?);
        }
    }
    if let Some(block) = object.read(OLD_MERGE_NETSPLIT_FIELD, Value::u64)? {
        config.merge_netsplit_block.get_or_insert(block);
    }
    config.dao_fork_support = object.read("daoForkSupport", Value::bool)?.unwrap_or_default();
    config.terminal_total_difficulty = object.read("terminalTotalDifficulty", Value::u256)?;
    config.terminal_total_difficulty_passed =
        object.read("terminalTotalDifficultyPassed", Value::bool)?.unwrap_or_default();
    if config.terminal_total_difficulty_passed {
        config.terminal_total_difficulty.get_or_insert(U256::ZERO);
    }
    config.deposit_contract_address = object.read("depositContractAddress", Value::address)?;
    config.blob_schedule = object.read("blobSchedule", blob_schedule)?.unwrap_or_default();
    refuse_unknown_forks(&object)?;
    Ok(config)
}

fn blob_schedule(value: &Value<'_>) -> Result<BTreeMap<String, BlobParams>, Refusal> {
    let mut schedule = BTreeMap::new();
    for (name, entry) in value.object()?.rest() {
        if LATER_BLOB_SCHEDULES.contains(&name) || entry.is_null() {
            continue;
        }
        if !BLOB_SCHEDULES.contains(&name) {
            return Err(entry.refuse(format!("unknown fork; known are {}", BLOB_SCHEDULES.join(", "))));
        }
        schedule.insert(name.to_owned(), blob_params(entry)?);
    }
    Ok(schedule)
}

fn blob_params(value: &Value<'_>) -> Result<BlobParams, Refusal> {
    let mut object = value.object()?;
    let mut params = BlobParams::cancun();
    params.target_blob_count = object.required("target")?.u64()?;
    params.max_blob_count = object.required("max")?.u64()?;
    params.max_blobs_per_tx = params.max_blob_count;
    params.update_fraction = u128::from(object.required("baseFeeUpdateFraction")?.u64()?);
    Ok(params)
}

/// A fork that we would silently not apply makes another chain.
fn refuse_unknown_forks(object: &Object<'_>) -> Result<(), Refusal> {
    for (key, value) in object.rest().filter(|(_, value)| !value.is_null()) {
        if key.ends_with("Block") || key.ends_with("Time") {
            let reason = "not a fork that this version knows (Frontier to Osaka with BPO1 to BPO5); \
                          correct the name, or remove it if the chain never reaches it";
            return Err(value.refuse(reason));
        }
        if OTHER_STATE_FORMATS.contains(&key) && value.bool()? {
            return Err(value.refuse("only Merkle Patricia state is supported; remove the field"));
        }
    }
    Ok(())
}
