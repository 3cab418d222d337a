//! Mappings, and the compiled ones in memory.
use super::{
    ISemantics, MAPPINGS,
    errors::{invalid_mapping, revert, unknown_mapping},
    load_document, models, store_document,
};
use crate::precompiles::{Frame, PrecompileError, prices};
use alloy_primitives::{B256, Bytes};
use alloy_sol_types::{SolCall, SolValue};
use parking_lot::Mutex;
use pervade_chainspec::params::SEMANTICS_ADDRESS;
use pervade_semantics::{Format, Mapping, limits, prices as work};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

/// What a mapping's identifier is the hash of.
type Document = (B256, ISemantics::Format, Bytes);

/// Compiled mappings kept in memory: those of a consortium's devices, many times over.
const COMPILED_MAX: usize = 256;

/// Compiled mappings by identifier, which is a hash of all that they depend on.
static COMPILED: Mutex<Compiled> = Mutex::new(Compiled { mappings: BTreeMap::new(), order: VecDeque::new() });

struct Compiled {
    mappings: BTreeMap<B256, Arc<Mapping>>,
    /// From the oldest.
    order: VecDeque<B256>,
}

impl Compiled {
    fn keep(&mut self, id: B256, mapping: Arc<Mapping>) {
        if self.mappings.insert(id, mapping).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > COMPILED_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.mappings.remove(&oldest);
            }
        }
    }
}

pub(super) fn define(frame: &mut Frame<'_>, call: ISemantics::defineMappingCall) -> Result<B256, PrecompileError> {
    let document = call.abi_encode().split_off(4);
    let id = frame.keccak(&document)?;
    let slot = frame.mapping(MAPPINGS, id)?;
    if !frame.load(SEMANTICS_ADDRESS, slot)?.is_zero() {
        return Ok(id);
    }
    if call.program.len() > limits::PROGRAM_BYTES_MAX {
        let limit = u64::try_from(limits::PROGRAM_BYTES_MAX).unwrap_or(u64::MAX);
        return Err(revert(pervade_semantics::Error::LimitExceeded { what: "bytes of a mapping", limit }));
    }
    charge_compiling(frame, call.program.len())?;
    let model = models::load(frame, call.model)?;
    Mapping::compile(&model, format(call.format)?, &call.program).map_err(revert)?;
    store_document(frame, slot, &document)?;
    let event = ISemantics::MappingDefined { mappingId: id, model: call.model, format: call.format };
    frame.emit(SEMANTICS_ADDRESS, &event)?;
    Ok(id)
}

pub(super) fn mapping_of(
    frame: &mut Frame<'_>,
    call: ISemantics::mappingOfCall,
) -> Result<ISemantics::mappingOfReturn, PrecompileError> {
    let (model, format, program) = document(frame, call.mappingId)?;
    Ok(ISemantics::mappingOfReturn { model, format, program })
}

/// The compiled mapping with this identifier.
///
/// # Errors
/// `UnknownMapping`; out of gas.
pub(super) fn load(frame: &mut Frame<'_>, id: B256) -> Result<Loaded, PrecompileError> {
    let (model_id, form, program) = document(frame, id)?;
    charge_compiling(frame, program.len())?;
    let model = models::load(frame, model_id)?;
    let known = COMPILED.lock().mappings.get(&id).cloned();
    let mapping = match known {
        Some(mapping) => mapping,
        None => {
            let mapping = Mapping::compile(&model, format(form)?, &program).map_err(|_| unknown_mapping(id))?;
            let mapping = Arc::new(mapping);
            COMPILED.lock().keep(id, mapping.clone());
            mapping
        }
    };
    Ok(Loaded { id, model: model_id, mapping, program_bytes: program.len() })
}

/// A mapping that is ready to run.
pub(super) struct Loaded {
    pub(super) id: B256,
    pub(super) model: B256,
    pub(super) mapping: Arc<Mapping>,
    pub(super) program_bytes: usize,
}

fn document(frame: &mut Frame<'_>, id: B256) -> Result<Document, PrecompileError> {
    let document = load_document(frame, MAPPINGS, id)?.ok_or_else(|| unknown_mapping(id))?;
    frame.charge_words(document.len(), prices::ABI_WORD_GAS)?;
    Document::abi_decode_params(&document).map_err(|_| unknown_mapping(id))
}

fn charge_compiling(frame: &mut Frame<'_>, bytes: usize) -> Result<(), PrecompileError> {
    frame.charge(work::COMPILE_BYTE.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX)))
}

pub(super) fn format(format: ISemantics::Format) -> Result<Format, PrecompileError> {
    let found = Format::ALL.get(usize::from(format as u8)).copied();
    found.ok_or_else(|| invalid_mapping("unknown format"))
}
