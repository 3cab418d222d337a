//! What the rest of the node asks about things, on the state after a block.
use super::{
    Result as Answer,
    abi::IThings::{pendingCall, requestOfCall, statusOfCall, thingOfCall},
    registry,
    requests::{self as stored, ContentRange, Source},
    tail,
};
use crate::{
    precompiles::{Frame, PrecompileError, protocol_step},
    state::{BlockState, StateError},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use pervade_chainspec::{ChainSpec, params::THINGS_ADDRESS};
use pervade_storage::{StateReader, StorageError};

/// A registered thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThingRecord {
    /// Its id, a URI.
    pub id: String,
    /// Whose it is.
    pub owner: Address,
    /// How often the id was registered.
    pub generation: u64,
    /// `IThings.KeyType`.
    pub key_type: u8,
    /// Its key, as registered.
    pub key: Bytes,
    /// Its Thing Description, JSON.
    pub description: Bytes,
    /// Gateways that may serve it now.
    pub gateways: Vec<Address>,
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// The contract that asks.
    pub requester: Address,
    /// The thing that is asked.
    pub thing: B256,
    /// `IThings.Operation`.
    pub operation: u8,
    /// Name in the thing's description.
    pub affordance: String,
    /// JSON, or empty.
    pub input: Bytes,
    /// Reads the answer; zero for its bytes.
    pub mapping_id: B256,
    /// `IThings.Agreement`.
    pub agreement: u8,
    /// Unix seconds up to which reports count.
    pub deadline: u64,
    /// Unix seconds of the block that has it.
    pub created: u64,
    /// Attempts that gateways may make.
    pub max_attempts: u8,
    /// Bytes of an answer, at most.
    pub max_result_bytes: u32,
    /// `IThings.Status`.
    pub status: u8,
    /// Failure code; 0 for none.
    pub code: u16,
    /// keccak256 of the result.
    pub result_hash: B256,
    /// Gateways that it began with.
    pub gateways: Vec<Address>,
    /// Provider of the Contract Database that proves the answer besides; then it is reported as it is, whatever the mapping.
    pub provider: Option<B256>,
    /// Content that is asked for: blocks that prove it settle the request.
    pub content: Option<ContentRange>,
}

/// A thing; `None` if it is not registered in this state.
///
/// # Errors
/// The state cannot be read.
pub fn thing(
    spec: &ChainSpec,
    state: impl StateReader,
    number: u64,
    id: B256,
) -> Result<Option<ThingRecord>, StorageError> {
    ask(spec, state, number, |frame| {
        let found = registry::thing_of(frame, thingOfCall { thing: id })?;
        let gateways = registry::gateways_of(frame, super::abi::IThings::gatewaysOfCall { thing: id })?;
        Ok(ThingRecord {
            id: found.id,
            owner: found.owner,
            generation: found.generation,
            key_type: found.keyType as u8,
            key: found.key,
            description: found.description,
            gateways,
        })
    })
}

/// A request; `None` if there is none with this id.
///
/// # Errors
/// The state cannot be read.
pub fn request(
    spec: &ChainSpec,
    state: impl StateReader,
    number: u64,
    id: U256,
) -> Result<Option<RequestRecord>, StorageError> {
    ask(spec, state, number, |frame| {
        let found = stored::request_of(frame, requestOfCall { requestId: id })?;
        let status = stored::status_of(frame, statusOfCall { requestId: id })?;
        let of = found.request_;
        let (provider, content) = match stored::source_of(frame, id)? {
            Source::Thing => (None, None),
            Source::Provider(provider) => (Some(provider), None),
            Source::Content(range) => (None, Some(range)),
        };
        Ok(RequestRecord {
            requester: found.requester,
            thing: of.thing,
            operation: of.operation as u8,
            affordance: of.affordance,
            input: of.input,
            mapping_id: of.mappingId,
            agreement: of.agreement as u8,
            deadline: of.deadline,
            created: found.created,
            max_attempts: of.maxAttempts,
            max_result_bytes: of.maxResultBytes,
            status: status.status as u8,
            code: status.code,
            result_hash: status.resultHash,
            gateways: stored::gateways_of(frame, id)?,
            provider,
            content,
        })
    })
}

/// A page of a thing's open requests, in the order in which they came, and where to go on (zero: at the end).
///
/// # Errors
/// The state cannot be read.
pub fn requests(
    spec: &ChainSpec,
    state: impl StateReader,
    number: u64,
    (thing, cursor, limit): (B256, U256, usize),
) -> Result<(Vec<U256>, U256), StorageError> {
    let page = ask(spec, state, number, |frame| {
        stored::pending(frame, pendingCall { thing, cursor, limit: U256::from(limit) })
    })?;
    Ok(page.map(|page| (page.requestIds, page.next)).unwrap_or_default())
}

/// A page of open requests that name a gateway, the newest first: at most `limit` with ids below `before` (zero: all); and the
/// id to go on below (zero: at the end). `now` is the time of the block, unix seconds. Also ends after a number of requests
/// that are none of these: a page may be empty though another follows.
///
/// # Errors
/// The state cannot be read.
pub fn requests_of_gateway(
    spec: &ChainSpec,
    state: impl StateReader,
    (number, now): (u64, u64),
    gateway: Address,
    (before, limit): (U256, usize),
) -> Result<(Vec<U256>, U256), StorageError> {
    let page = ask(spec, state, number, |frame| stored::of_gateway(frame, gateway, (before, limit, now)))?;
    Ok(page.unwrap_or_default())
}

/// When the next work of the protocol is due, unix seconds: 0 if some is due already at this base fee (wei per gas),
/// `None` if nothing waits for a time. It ends a proposer's wait for an empty block.
///
/// # Errors
/// The state cannot be read.
pub fn next_due_time(
    spec: &ChainSpec,
    state: impl StateReader,
    number: u64,
    base_fee: u64,
) -> Result<Option<u64>, StorageError> {
    let time = ask_at(spec, state, (number, base_fee), |frame| match tail::is_due(frame)? {
        true => Ok(Some(0)),
        false => tail::next_time(frame),
    })?;
    Ok(time.flatten())
}

/// Asks; what reverts has no answer.
fn ask<T>(
    spec: &ChainSpec,
    state: impl StateReader,
    number: u64,
    question: impl FnOnce(&mut Frame<'_>) -> Answer<T>,
) -> Result<Option<T>, StorageError> {
    ask_at(spec, state, (number, 0), question)
}

fn ask_at<T>(
    spec: &ChainSpec,
    state: impl StateReader,
    (number, base_fee): (u64, u64),
    question: impl FnOnce(&mut Frame<'_>) -> Answer<T>,
) -> Result<Option<T>, StorageError> {
    if spec.pervade().is_none() {
        return Ok(None);
    }
    let answer: Result<_, StateError> = protocol_step(
        spec,
        &mut BlockState::new(state),
        THINGS_ADDRESS,
        (number, 0),
        base_fee,
        |frame| match question(frame) {
            Ok(answer) => Ok(Some(answer)),
            Err(PrecompileError::Revert(_)) => Ok(None),
            Err(error) => Err(error),
        },
    );
    Ok(answer?)
}
