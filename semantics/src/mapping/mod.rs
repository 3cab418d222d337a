//! Mappings: how payloads of one format say what a model's properties are.
//!
//! ```text
//!  document ──compile──► rules ─┐            each rule: select ─ absent? ─ enum ─ scale, add ─ unit ─► observation
//!                               ├─ normalize ──►  when, time, subject
//!  payload ──read by format─────┘  write      ◄── the same rules, backwards
//! ```
//!
//! The language is described in `docs/mappings.md`.
mod compile;
mod condition;
mod document;
mod normalize;
mod observation;
mod operand;
mod rule;
mod selector;
mod write;

pub(crate) use document::Members;
pub use observation::Observation;

use crate::{
    abi::Signature,
    binary::{Field, Layout},
    error::Error,
    meter::{Meter, prices},
    model::Model,
};
use alloy_primitives::B256;
use rule::Rule;

/// What payloads look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// CBOR.
    Cbor,
    /// SenML in JSON.
    SenmlJson,
    /// SenML in CBOR.
    SenmlCbor,
    /// Bit fields.
    Binary,
    /// EPCIS 2.0 events in JSON-LD.
    Epcis,
    /// A log of a contract.
    AbiEvent,
    /// A call of a contract.
    AbiCall,
}

impl Format {
    /// Work of reading a byte of a payload of this format.
    pub(crate) const fn byte_price(self) -> u64 {
        match self {
            Self::Cbor | Self::SenmlCbor => prices::PARSE_CBOR_BYTE,
            Self::Json | Self::SenmlJson | Self::Epcis => prices::PARSE_BYTE,
            Self::Binary | Self::AbiEvent | Self::AbiCall => prices::SCAN_BYTE,
        }
    }

    /// All formats, by their numbers in the interface.
    pub const ALL: [Self; 8] = [
        Self::Json,
        Self::Cbor,
        Self::SenmlJson,
        Self::SenmlCbor,
        Self::Binary,
        Self::Epcis,
        Self::AbiEvent,
        Self::AbiCall,
    ];

    /// Its name in documents.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "Json",
            Self::Cbor => "Cbor",
            Self::SenmlJson => "SenmlJson",
            Self::SenmlCbor => "SenmlCbor",
            Self::Binary => "Binary",
            Self::Epcis => "Epcis",
            Self::AbiEvent => "AbiEvent",
            Self::AbiCall => "AbiCall",
        }
    }

    /// A format by its name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// A compiled mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    format: Format,
    model: Model,
    rules: Vec<Rule>,
    /// Of binary payloads.
    layout: Option<Layout>,
    /// Fields that stand in rules of binary payloads; their names are `@` and their positions.
    inline: Vec<Field>,
    /// Of events and calls.
    signature: Option<Signature>,
}

impl Mapping {
    /// Checks and compiles a mapping document.
    ///
    /// # Errors
    /// [`Error::InvalidMapping`] with the place in the document and what to change; [`Error::LimitExceeded`].
    pub fn compile(model: &Model, format: Format, program: &[u8]) -> Result<Self, Error> {
        compile::compile(model, format, program)
    }

    /// What payloads it reads.
    pub fn format(&self) -> Format {
        self.format
    }

    /// What it reads them into.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The event or function that it reads.
    pub fn signature(&self) -> Option<&Signature> {
        self.signature.as_ref()
    }

    /// Reads a payload. `subject` is what observations are about unless the mapping says; `now_ms` (unix milliseconds) is
    /// their time unless the payload says.
    ///
    /// # Errors
    /// [`Error::MalformedPayload`], [`Error::OutOfRange`], [`Error::Inexact`], [`Error::NoValue`] for a missing value that is
    /// required, [`Error::LimitExceeded`], [`Error::OutOfWork`].
    pub fn normalize(
        &self,
        subject: B256,
        payload: &[u8],
        now_ms: u64,
        meter: &mut dyn Meter,
    ) -> Result<Vec<Observation>, Error> {
        normalize::normalize(self, subject, payload, now_ms, meter)
    }

    /// Writes observations of the same model as a payload of this mapping.
    ///
    /// # Errors
    /// [`Error::InvalidMapping`] if the mapping cannot be written backwards; [`Error::Inexact`] for numbers without end where
    /// the mapping has no `decimals`; [`Error::NoValue`] for a missing value that is required.
    pub fn write(&self, observations: &[Observation], meter: &mut dyn Meter) -> Result<Vec<u8>, Error> {
        write::write(self, observations, meter)
    }
}
