//! Errors of the interface, and a meter that charges gas.
use super::ISemantics;
use crate::precompiles::{Frame, PrecompileError};
use alloy_primitives::{B256, U256};
use pervade_semantics::{Error, Meter};

/// Charges one gas for each unit of work, before it is done.
pub(super) struct GasMeter<'m, 'f> {
    frame: &'m mut Frame<'f>,
    stopped: Option<PrecompileError>,
}

impl Meter for GasMeter<'_, '_> {
    fn spend(&mut self, work: u64) -> Result<(), Error> {
        self.frame.charge(work).map_err(|error| {
            self.stopped = Some(error);
            Error::OutOfWork
        })
    }
}

/// Does work that announces itself to a meter.
pub(super) fn metered<T>(
    frame: &mut Frame<'_>,
    body: impl FnOnce(&mut dyn Meter) -> Result<T, Error>,
) -> Result<T, PrecompileError> {
    let mut meter = GasMeter { frame, stopped: None };
    body(&mut meter).map_err(|error| meter.stopped.take().unwrap_or_else(|| revert(error)))
}

/// The interface's error.
pub(super) fn revert(error: Error) -> PrecompileError {
    match error {
        Error::InvalidModel { at, reason } => invalid_model(format!("{at}: {reason}")),
        Error::InvalidMapping { at, reason } => invalid_mapping(format!("{at}: {reason}")),
        Error::InvalidQuery { .. } | Error::InvalidUnit { .. } => invalid_mapping(error.to_string()),
        Error::MalformedPayload { offset, .. } => {
            PrecompileError::custom(&ISemantics::MalformedPayload { offset: U256::from(offset) })
        }
        Error::Incommensurable { from, to } => PrecompileError::custom(&ISemantics::Incommensurable { from, to }),
        Error::Inexact => PrecompileError::custom(&ISemantics::Inexact {}),
        Error::OutOfRange { property } => PrecompileError::custom(&ISemantics::OutOfRange { property }),
        Error::NoValue => PrecompileError::custom(&ISemantics::NoValue {}),
        Error::LimitExceeded { what, limit } => {
            PrecompileError::custom(&ISemantics::LimitExceeded { what: what.to_owned(), limit: U256::from(limit) })
        }
        Error::OutOfWork => PrecompileError::OutOfGas,
    }
}

pub(super) fn invalid_model(reason: String) -> PrecompileError {
    PrecompileError::custom(&ISemantics::InvalidModel { reason })
}

pub(super) fn invalid_mapping(reason: impl Into<String>) -> PrecompileError {
    PrecompileError::custom(&ISemantics::InvalidMapping { reason: reason.into() })
}

pub(super) fn unknown_model(model: B256) -> PrecompileError {
    PrecompileError::custom(&ISemantics::UnknownModel { model })
}

pub(super) fn unknown_mapping(mapping: B256) -> PrecompileError {
    PrecompileError::custom(&ISemantics::UnknownMapping { mappingId: mapping })
}
