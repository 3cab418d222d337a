//! SenML packs, RFC 8428, in JSON and CBOR: records with their base fields resolved.
//!
//! Base fields hold until the next record that has them. A resolved record has its full name, unit, value with the base
//! value added, and absolute time. Records without a value carry base fields only and disappear.
mod record;
mod units;

pub(crate) use record::to_milliseconds;
pub use record::{Measurement, Record, resolve};
pub(crate) use units::senml_of;
pub use units::ucum_of;

use crate::{cbor, error::Error, json, limits::DEPTH_MAX, meter::Meter};

/// Reads a pack in JSON; `now_ms` is the time (unix, milliseconds) that relative times count from. Of the work,
/// `meter` hears the sums.
///
/// # Errors
/// Those of [`json::parse`] and [`resolve`].
pub fn parse_json(bytes: &[u8], now_ms: u64, meter: &mut dyn Meter) -> Result<Vec<Record>, Error> {
    resolve(&json::parse(bytes, DEPTH_MAX)?, now_ms, meter)
}

/// Reads a pack in CBOR; `now_ms` is the time (unix, milliseconds) that relative times count from. Of the work,
/// `meter` hears the sums.
///
/// # Errors
/// Those of [`cbor::parse`] and [`resolve`].
pub fn parse_cbor(bytes: &[u8], now_ms: u64, meter: &mut dyn Meter) -> Result<Vec<Record>, Error> {
    resolve(&cbor::parse(bytes, DEPTH_MAX)?, now_ms, meter)
}
