//! A client that trusts nobody follows a run's validators from the genesis to the head.
use super::world::World;
use alloy_primitives::B256;
use pervade_chainspec::decode_validator_set;
use pervade_consensus::{
    CommitCertificate,
    light::{LightState, LightStep},
};
use pervade_storage::Storage;

/// More changes than a run has.
const CHANGES_MAX: usize = 1_000;

/// Walks over the headers where the set changes, as a node's storage has them, to its head. Answers the number of changes.
///
/// # Errors
/// What the client would not believe.
pub(super) fn walk(world: &World, storage: &Storage) -> Result<usize, String> {
    let genesis = &world.genesis.spec;
    let validators = genesis.pervade().map(|pervade| pervade.validators.clone()).unwrap_or_default();
    let (header, hash) = (genesis.genesis_header(), genesis.genesis_hash());
    let named = B256::from_slice(&header.extra_data);
    let mut state = LightState::begin(0, hash, named, &validators).map_err(|error| error.to_string())?;
    let head = storage.head().number();
    let changes = storage.validator_changes(1, head, CHANGES_MAX).map_err(|error| error.to_string())?;
    for change in &changes {
        let next = decode_validator_set(&change.next_validators).map_err(|error| error.to_string())?;
        advance(world, &mut state, LightStep { next_validators: Some(next), ..step(storage, change.number)? })?;
    }
    if state.height < head {
        advance(world, &mut state, step(storage, head)?)?;
    }
    Ok(changes.len())
}

fn step(storage: &Storage, height: u64) -> Result<LightStep, String> {
    let missing = || format!("block {height} or its certificate is not there");
    let block = storage.block(height).map_err(|error| error.to_string())?.ok_or_else(missing)?;
    let certificate = storage.certificate(height).map_err(|error| error.to_string())?.ok_or_else(missing)?;
    let certificate = CommitCertificate::decode_exact(&certificate).map_err(|error| error.to_string())?;
    let extra_data = B256::from_slice(&block.header().extra_data);
    Ok(LightStep { height, block_hash: block.hash, extra_data, certificate, next_validators: None })
}

fn advance(world: &World, state: &mut LightState, step: LightStep) -> Result<(), String> {
    let height = step.height;
    state
        .advance(&step, &world.chain, world.scheme().verifier().as_ref())
        .map_err(|error| format!("block {height}: {error}"))
}
