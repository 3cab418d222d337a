//! What heterogeneous devices and contracts say, in one canonical form: exact, bounded, and the same on every node.
//!
//! ```text
//!                      ┌ json, cbor ── jsonpath ┐
//!  payload ──bytes──►  │ senml                  │    rules of the mapping          model
//!                      │ binary                 ├──► select ─ condition ─ unit ──► scale, range ──► observations
//!                      │ epcis                  │    enum, expression, time
//!                      └ abi                    ┘
//! ```
//!
//! What holds:
//! - Pure functions of their arguments: no clock, file, network or randomness, and no floating point anywhere.
//! - Numbers are exact. They are rounded only to the scale of a model's property, half to even.
//! - Nothing runs without end: sizes, nesting, steps and digits have limits ([`limits`]), and work is announced to a
//!   [`Meter`] before it is done.
//! - A payload that is not of its format is refused with the byte where that shows.
//!
//! Not here: who may define or bind what, where values are kept, and what a unit of work costs.
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod abi;
mod base64;
mod binary;
mod calendar;
pub mod cbor;
pub mod epcis;
mod error;
mod expression;
mod extract;
pub mod json;
pub mod jsonpath;
pub mod limits;
mod mapping;
mod meter;
mod model;
pub mod number;
mod reading;
pub mod senml;
pub mod ucum;

pub use error::Error;
pub use extract::{Extracted, extract};
pub use mapping::{Format, Mapping, Observation};
pub use meter::{Counter, Meter, prices};
pub use model::{Model, Property, ValueKind, from_i256, to_i256};
