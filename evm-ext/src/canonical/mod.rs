//! What blocks say, in canonical form: for the index that traces assets over contracts and devices.
//!
//! ```text
//!  block, receipts ──► transactions in order: the call, then its logs in order
//!                        0x…7103: Observed ─────────────────► as it is
//!                                 EventBound, CallBound ────► how later logs and calls are read
//!                        others:  bound? ── its mapping ────► normalize, within what the transaction paid
//! ```
//!
//! - A pure function of the block, its receipts, earlier bindings, and mappings, which never change. It is not part of
//!   consensus: nobody votes on what comes out, and nothing that is executed depends on it.
//! - A log is read through the binding that was in force when it was written; a call through the one before its
//!   transaction. Only the transaction itself is a call: what contracts call in each other shows in their logs. What reverted
//!   says nothing.
//! - The source of what a bound contract says is the contract: its deployer bound it, and only its own code writes its logs.
//!   So nobody speaks for another's contract, thing or account.
//! - Bounded: see [`pervade_chainspec::params::CANONICAL_WORK_PER_GAS`] and those beside it. What does not fit, or is not what
//!   its mapping reads, is left out and named.
mod budget;
#[cfg(test)]
mod tests;

use crate::semantics::{StoredMapping, abi::ISemantics};
use alloy_consensus::{Transaction as _, TxReceipt};
use alloy_primitives::{Address, B256, Bytes, I256, Log};
use alloy_sol_types::{SolCall, SolEvent};
use budget::Budget;
use pervade_chainspec::params::SEMANTICS_ADDRESS;
use pervade_semantics::{Error, Format, Observation, ValueKind, abi::event_payload, json};
use pervade_storage::{
    BindingChange, BlockObservations, ObservationRecord, Origin, Receipt, RecoveredBlock, StorageError, Transaction,
};
use std::collections::BTreeMap;

/// What reading a block needs besides the block.
pub trait CanonicalContext {
    /// The mapping that a contract's events or calls were read through before the block; zero or `None`: none.
    ///
    /// # Errors
    /// The index cannot be read.
    fn binding(&mut self, contract: &Address, key: &B256) -> Result<Option<B256>, StorageError>;

    /// A mapping.
    ///
    /// # Errors
    /// The state cannot be read.
    fn mapping(&mut self, id: &B256) -> Result<Option<StoredMapping>, StorageError>;
}

/// What a block says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CanonicalBlock {
    /// For the index.
    pub said: BlockObservations,
    /// What is bound, but cannot be read.
    pub unread: Vec<Unread>,
}

/// A log or call that its mapping does not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unread {
    /// Position of the transaction in the block.
    pub transaction: u32,
    /// Position of the log among those of the block; `None` for a call.
    pub log: Option<u32>,
    /// The mapping.
    pub mapping_id: B256,
    /// Why not.
    pub reason: Error,
}

/// Reads a block.
///
/// # Errors
/// Those of the context.
pub fn interpret_block(
    block: &RecoveredBlock,
    receipts: &[Receipt],
    context: &mut dyn CanonicalContext,
) -> Result<CanonicalBlock, StorageError> {
    let time_ms = block.header().timestamp.saturating_mul(1_000);
    let mut reader = Reader { context, time_ms, bound: BTreeMap::new(), out: CanonicalBlock::default() };
    let (mut first_log, mut gas_before) = (0u32, 0u64);
    let transactions = block.block.body.transactions.iter().zip(&block.senders).zip(receipts).zip(0u32..);
    for (((transaction, sender), receipt), index) in transactions {
        let gas_used = receipt.cumulative_gas_used.saturating_sub(gas_before);
        gas_before = receipt.cumulative_gas_used;
        if receipt.status() {
            let place = Place { index, first_log, gas_used };
            reader.transaction(transaction, *sender, receipt, place)?;
        }
        first_log = first_log.saturating_add(u32::try_from(receipt.logs.len()).unwrap_or(u32::MAX));
    }
    Ok(reader.out)
}

/// Only the changes of bindings that receipts of a block make: what later blocks need of it.
pub fn bindings_of(receipts: &[Receipt]) -> Vec<BindingChange> {
    let logs = receipts.iter().flat_map(|receipt| &receipt.logs).zip(0u32..);
    logs.filter_map(|(log, position)| binding_change(log, position)).collect()
}

/// Topics of the logs that change bindings.
pub fn binding_topics() -> [B256; 2] {
    [ISemantics::EventBound::SIGNATURE_HASH, ISemantics::CallBound::SIGNATURE_HASH]
}

/// The value of an observation as JSON for people and tools: a number with all its digits, text, a truth value, bytes as `0x` and
/// digits, or an object with `latitude` and `longitude` in degrees.
pub fn value_json(record: &ObservationRecord) -> String {
    let kind = ValueKind::ALL.get(usize::from(record.kind)).copied();
    let said = Observation {
        subject: record.subject,
        property: record.property,
        kind: kind.unwrap_or(ValueKind::Bytes),
        number: I256::from_raw(record.number),
        exponent: record.exponent,
        data: record.data.to_vec(),
        unit: record.unit.clone(),
        time_ms: record.time_ms,
    };
    said.to_value("").get("value").map_or_else(|| "null".to_owned(), json::write)
}

/// Where a transaction stands, and what it paid.
#[derive(Clone, Copy)]
struct Place {
    index: u32,
    first_log: u32,
    gas_used: u64,
}

struct Reader<'a> {
    context: &'a mut dyn CanonicalContext,
    time_ms: u64,
    /// Bindings in force, as far as they were asked for or have changed; zero for none.
    bound: BTreeMap<(Address, B256), B256>,
    out: CanonicalBlock,
}

/// A log or call with what it is read through.
struct Item<'a> {
    origin: Origin,
    log: Option<u32>,
    source: B256,
    subject: B256,
    mapping_id: B256,
    form: Format,
    payload: Payload<'a>,
}

enum Payload<'a> {
    Log(&'a Log),
    Input(Bytes),
}

impl Reader<'_> {
    fn transaction(
        &mut self,
        transaction: &Transaction,
        sender: Address,
        receipt: &Receipt,
        place: Place,
    ) -> Result<(), StorageError> {
        let mut items = Vec::new();
        items.extend(self.call(transaction, sender)?);
        let mut observed = Vec::new();
        for (log, position) in receipt.logs.iter().zip(place.first_log..) {
            if let Some(change) = binding_change(log, position) {
                self.bound.insert((change.contract, change.key), change.mapping_id);
                self.out.said.bindings.push(change);
            } else if let Some(record) = recorded(log, position, place.index) {
                observed.push((items.len(), record));
            } else {
                items.extend(self.event(log, position)?);
            }
        }
        let mut budget = Budget::new(place.gas_used, items.len());
        let mut observed = observed.into_iter().peekable();
        for (index, item) in items.iter().enumerate() {
            while let Some((_, record)) = observed.next_if(|(before, _)| *before <= index) {
                self.out.said.observations.push(record);
            }
            self.item(item, place.index, &mut budget)?;
        }
        self.out.said.observations.extend(observed.map(|(_, record)| record));
        Ok(())
    }

    /// The transaction as a call of a bound function, or as a translation.
    fn call(&mut self, transaction: &Transaction, sender: Address) -> Result<Option<Item<'static>>, StorageError> {
        let (Some(to), input) = (transaction.to(), transaction.input()) else { return Ok(None) };
        let Some(selector) = input.first_chunk::<4>() else { return Ok(None) };
        if to == SEMANTICS_ADDRESS {
            return self.translation(selector, input, sender);
        }
        let Some(mapping_id) = self.binding(to, B256::right_padding_from(selector))? else { return Ok(None) };
        let source = to.into_word();
        Ok(Some(Item {
            origin: Origin::Call,
            log: None,
            source,
            subject: source,
            mapping_id,
            form: Format::AbiCall,
            payload: Payload::Input(input.clone()),
        }))
    }

    fn translation(
        &mut self,
        selector: &[u8; 4],
        input: &Bytes,
        sender: Address,
    ) -> Result<Option<Item<'static>>, StorageError> {
        if *selector != ISemantics::translateCall::SELECTOR {
            return Ok(None);
        }
        // It succeeded, so it decodes.
        let Ok(call) = ISemantics::translateCall::abi_decode(input) else { return Ok(None) };
        let Some(stored) = self.context.mapping(&call.from)? else { return Ok(None) };
        Ok(Some(Item {
            origin: Origin::Translation,
            log: None,
            source: sender.into_word(),
            subject: call.subject,
            mapping_id: call.from,
            form: stored.mapping.format(),
            payload: Payload::Input(call.payload),
        }))
    }

    fn event<'l>(&mut self, log: &'l Log, position: u32) -> Result<Option<Item<'l>>, StorageError> {
        let Some(topic0) = log.topics().first() else { return Ok(None) };
        let Some(mapping_id) = self.binding(log.address, *topic0)? else { return Ok(None) };
        let source = log.address.into_word();
        Ok(Some(Item {
            origin: Origin::Event,
            log: Some(position),
            source,
            subject: source,
            mapping_id,
            form: Format::AbiEvent,
            payload: Payload::Log(log),
        }))
    }

    fn binding(&mut self, contract: Address, key: B256) -> Result<Option<B256>, StorageError> {
        let mapping = match self.bound.get(&(contract, key)) {
            Some(mapping) => *mapping,
            None => {
                let mapping = self.context.binding(&contract, &key)?.unwrap_or_default();
                self.bound.insert((contract, key), mapping);
                mapping
            }
        };
        Ok(Some(mapping).filter(|mapping| !mapping.is_zero()))
    }

    fn item(&mut self, item: &Item<'_>, transaction: u32, budget: &mut Budget) -> Result<(), StorageError> {
        let Some(stored) = self.context.mapping(&item.mapping_id)? else { return Ok(()) };
        let read = self.read(item, &stored, budget);
        budget.end_item();
        match read {
            Ok(found) => self.out.said.observations.extend(found.into_iter().map(|found| {
                let (source, mapping_id) = (item.source, item.mapping_id);
                canonical_record(item.origin, (transaction, item.log), source, mapping_id, found)
            })),
            Err(reason) => {
                let (log, mapping_id) = (item.log, item.mapping_id);
                self.out.unread.push(Unread { transaction, log, mapping_id, reason });
            }
        }
        Ok(())
    }

    fn read(&self, item: &Item<'_>, stored: &StoredMapping, budget: &mut Budget) -> Result<Vec<Observation>, Error> {
        budget.begin_item();
        budget.load(item.mapping_id, stored.program_bytes)?;
        if stored.mapping.format() != item.form {
            return Err(Error::NoValue);
        }
        let found = match &item.payload {
            Payload::Log(log) => {
                let payload = event_payload(log.topics(), &log.data.data);
                stored.mapping.normalize(item.subject, &payload, self.time_ms, budget)?
            }
            Payload::Input(input) => stored.mapping.normalize(item.subject, input, self.time_ms, budget)?,
        };
        budget.keep(found.len())?;
        Ok(found)
    }
}

/// What a log of the precompile changes.
fn binding_change(log: &Log, position: u32) -> Option<BindingChange> {
    if log.address != SEMANTICS_ADDRESS {
        return None;
    }
    let topic0 = log.topics().first()?;
    if *topic0 == ISemantics::EventBound::SIGNATURE_HASH {
        let event = ISemantics::EventBound::decode_log(log).ok()?;
        let (contract, key, mapping_id) = (event.emitter, event.topic0, event.mappingId);
        return Some(BindingChange { contract, key, log: position, mapping_id });
    }
    if *topic0 == ISemantics::CallBound::SIGNATURE_HASH {
        let event = ISemantics::CallBound::decode_log(log).ok()?;
        let key = B256::right_padding_from(event.selector.as_slice());
        return Some(BindingChange { contract: event.target, key, log: position, mapping_id: event.mappingId });
    }
    None
}

/// What the precompile says that somebody said.
fn recorded(log: &Log, position: u32, transaction: u32) -> Option<ObservationRecord> {
    if log.address != SEMANTICS_ADDRESS || log.topics().first() != Some(&ISemantics::Observed::SIGNATURE_HASH) {
        return None;
    }
    let event = ISemantics::Observed::decode_log(log).ok()?;
    let said = &event.observation;
    Some(ObservationRecord {
        origin: Origin::Observed,
        transaction,
        log: Some(position),
        source: event.source,
        mapping_id: event.mappingId,
        subject: event.subject,
        property: event.property,
        kind: said.kind as u8,
        number: said.number.into_raw(),
        exponent: said.exponent,
        time_ms: said.timeMs,
        unit: said.unit.clone(),
        data: said.data.clone(),
    })
}

fn canonical_record(
    origin: Origin,
    (transaction, log): (u32, Option<u32>),
    source: B256,
    mapping_id: B256,
    said: Observation,
) -> ObservationRecord {
    let kind = ValueKind::ALL.iter().zip(0u8..).find(|(kind, _)| **kind == said.kind);
    ObservationRecord {
        origin,
        transaction,
        log,
        source,
        mapping_id,
        subject: said.subject,
        property: said.property,
        kind: kind.map_or(0, |(_, number)| number),
        number: said.number.into_raw(),
        exponent: said.exponent,
        time_ms: said.time_ms,
        unit: said.unit,
        data: said.data.into(),
    }
}
