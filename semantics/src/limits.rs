//! Every bound of this crate. They are part of the protocol: nodes that differ here disagree on results.

/// Payload of a device, bytes: what a transaction of reasonable size carries, and the most that a content result holds.
pub const PAYLOAD_BYTES_MAX: usize = 24 * 1024;
/// Mapping document, bytes.
pub const PROGRAM_BYTES_MAX: usize = 24 * 1024;
/// Nesting of payloads, of conditions, and of binary layouts. Devices' own formats stay below six.
pub const DEPTH_MAX: usize = 16;
/// Nesting of documents that are not payloads (mappings, models, Thing Descriptions).
pub const DOCUMENT_DEPTH_MAX: usize = 64;
/// Items executed for one payload: fields read, expression nodes, conditions, records, elements.
pub const STEPS_MAX: u64 = 4_096;
/// Significant digits of a number. Every binary64 number fits exactly (at most 767 digits).
pub const DIGITS_MAX: usize = 1_024;
/// Magnitude of a decimal exponent. Canonical numbers need less than 300, binary64 numbers less than 1,100.
pub const EXPONENT_MAX: i32 = 4_096;
/// Numerator or denominator of an intermediate result, bits.
pub const RATIONAL_BITS_MAX: u64 = 32_768;
/// Text of a unit, bytes.
pub const UNIT_BYTES_MAX: usize = 256;
/// Nesting of parentheses in a unit.
pub const UNIT_DEPTH_MAX: usize = 16;
/// Exponent of one factor of a unit, and of a base dimension of the whole. Beyond it nothing is physical.
pub const UNIT_EXPONENT_MAX: i32 = 99;
/// Numerator or denominator of a unit's factor, bits.
pub const UNIT_BITS_MAX: u64 = 8_192;
/// Properties of a model.
pub const PROPERTIES_MAX: usize = 64;
/// IRI, bytes.
pub const IRI_BYTES_MAX: usize = 256;
/// Rules of a mapping.
pub const RULES_MAX: usize = 128;
/// Observations of one payload.
pub const OBSERVATIONS_MAX: usize = 256;
/// Text or bytes of one observation.
pub const TEXT_BYTES_MAX: usize = 1_024;
/// Query, expression or signature in a mapping, bytes.
pub const SELECTOR_BYTES_MAX: usize = 1_024;
/// Names and indices of a singular query.
pub const QUERY_SEGMENTS_MAX: usize = 32;
/// Nesting of filter expressions in a query.
pub const QUERY_DEPTH_MAX: usize = 32;
/// Nodes of one expression.
pub const EXPRESSION_NODES_MAX: usize = 128;
/// Exponent in an expression.
pub const POWER_MAX: u32 = 8;
/// Width of one binary number, bits.
pub const FIELD_BITS_MAX: u64 = 256;

const _: () = assert!(DEPTH_MAX < DOCUMENT_DEPTH_MAX);
// Two numbers at their limits can still be multiplied.
const _: () = assert!(RATIONAL_BITS_MAX > 2 * 4 * (EXPONENT_MAX as u64 + DIGITS_MAX as u64) / 2);
