//! What needs more than one crate, or a whole node: conformance, load, crashes, power loss, abuse, foreign clients.
//!
//! ```text
//!   tests/*.rs, src/bin/*.rs ──► harness (start, ask, kill a node) ──JSON-RPC──► the binary `pervade`
//!                            ──► cluster   (four validators, killed and wiped)
//!                            ──► crash     (acknowledged is never missing)
//!                            ──► gateway   (contracts that reach things, while what is between them fails)
//!                            ──► powerloss (what a disk may forget)   ◄── shim.c, preloaded into the node
//!   bin/sim.rs, tests/sim.rs ──► sim    (clusters in one thread, with everything that can go wrong)
//!   bin/bench.rs             ──► components, load, gas (what parts, whole nodes and precompiles take)
//!   bin/ef-tests.rs          ──► ef        (Ethereum's tests, in process)
//!   bin/iot-tests.rs         ──► iot       (others' tests of signatures, tokens and content, in process)
//!   tests/journey            ──► journey   (what devices and contracts mean: one form, traced; in process)
//! ```
//!
//! The others drive the binary from outside, as an operator or a wallet would. They take it from `PERVADE_BIN`, or from
//! the target folder they were built into; `make test` builds it first. Nothing in this crate is part of the node.
pub mod cluster;
pub mod components;
pub mod crash;
pub mod ef;
pub mod gas;
pub mod gateway;
pub mod harness;
pub mod iot;
pub mod journey;
pub mod load;
pub mod powerloss;
pub mod sim;
