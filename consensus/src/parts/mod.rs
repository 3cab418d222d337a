//! Blocks travel in parts, each verified as it comes.
//!
//! The body is cut every 64 KiB. The parts are the leaves of a Merkle tree whose root the proposer signs, together with
//! height, round, block hash and length; each part carries that head and the path to the root, so that nothing has to come
//! in order, and nothing that does not belong is kept. A leaf is `keccak256(0x00, part)`, a node
//! `keccak256(0x01, left, right)`; a node without a sibling moves up as it is.
//!
//! ```text
//! block part  [height, round, blockHash, root, bodyBytes, signature, index, [sibling, ...], data]
//! ```
//! in RLP; siblings from the leaf upwards. The signature is of the validator whose turn that round is, over the message
//! that [`crate::signing`] draws.
mod assembly;
mod merkle;
mod part;

pub(crate) use assembly::{Assemblies, PartOutcome};
pub(crate) use part::{BlockPart, PartsHead};
