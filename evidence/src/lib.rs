//! Proof that data from outside is genuine: device keys, COSE signatures, attestation tokens, content identifiers.
//!
//! ```text
//!  PublicKey ◄── raw bytes of a key type, COSE_Key           signatures: secp256k1, P-256, Ed25519
//!      ▲
//!      │ verify
//!  Sign1, Sign ◄ COSE_Sign1, COSE_Sign (RFC 9052)            protected algorithms, no unknown critical header
//!      ▲      ◄─ verify_signed, verify_quorum                one of several keys, more than two thirds of them
//!      │ payload
//!  Claims ◄───── entity attestation token (RFC 9711)         against a Policy: issuer, nonce, age, debug, measurements
//!
//!  ContentId ──► read_file / verify_file ◄── blocks          raw and dag-pb UnixFS, only blocks on the way to the bytes
//!                                    ▲
//!                    CarReader ──────┘                       CAR v1, and v1 inside v2
//! ```
//!
//! - Pure functions of their arguments: no clock, no randomness, no I/O, no state. Two nodes never differ.
//! - Work is asked for before it is done: every function takes a [`Meter`], which may refuse. [`Tally`] only counts.
//! - Nothing here panics on any input, and everything that input can make large has a limit in [`limits`].
//! - ECDSA over messages (COSE) takes both values of `s`, as its RFCs do; over digests (this chain's own messages)
//!   secp256k1 takes the lower one only, as Ethereum does. Ed25519 is checked without cofactor, and keys of small order
//!   or in an encoding that is not canonical are refused (`verify_strict` of ed25519-dalek).
//!
//! Not here: gas prices, who may use which key, fetching anything, IPNS names, X.509, COSE encryption and MACs.
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing
    )
)]

mod car;
mod cbor;
mod claims;
mod content_id;
mod cose;
mod dag_pb;
mod error;
mod file;
mod headers;
mod key;
pub mod limits;
mod policy;
mod signature;
mod signers;
#[cfg(test)]
mod tests;
mod work;

pub use car::{CarBlock, CarReader, CarVersion};
pub use claims::{Claims, DebugStatus};
pub use content_id::{Codec, ContentId, HashFunction};
pub use cose::{Sign, Sign1};
pub use dag_pb::{Link, Node, NodeKind};
pub use error::EvidenceError;
pub use file::{read_file, verify_file};
pub use key::{KeyType, PublicKey};
pub use policy::{DebugPolicy, Policy};
pub use signature::Algorithm;
pub use signers::{verify_quorum, verify_signed};
pub use work::{Exhausted, Meter, Tally, Work};
