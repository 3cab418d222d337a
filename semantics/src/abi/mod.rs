//! Solidity's ABI, as far as events and calls need it: a signature read from text, and payloads decoded by it.
//!
//! A payload of a call is calldata. A payload of an event is `abi.encode(bytes32[] topics, bytes data)`, which
//! [`event_payload`] makes.
//!
//! Values: integers are numbers, `bool` is a truth value, `string` is text, `address`, `bytesN` and `bytes` are bytes,
//! arrays and tuples are arrays and objects. An indexed parameter that does not fit a topic is its hash. Padding must be
//! what an encoder writes; offsets stay inside the payload; every element counts as a step.
mod decode;
mod encode;
mod signature;

pub(crate) use decode::{call, event};
pub use decode::{decode_call, decode_event, event_payload};
pub(crate) use encode::encode_call;
pub use signature::{Parameter, Signature, Type};
