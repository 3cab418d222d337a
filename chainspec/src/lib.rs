//! What a chain is: genesis, forks, fees, validators and every number that nodes must agree on.
//!
//! ```text
//!  genesis.json --> json, genesis_json, config_json, pervade_json   text to types, each error with its path
//!                        |
//!                        v
//!                   fork_table, network_check, validators           forks in order, ranges, contracts there
//!                        |
//!                        v
//!                   ChainSpec --> header    block 0 and its hash
//!                             --> forks     which rules hold for a block
//!                             --> fees      base fee and excess blob gas of the next block
//!
//!  NetworkParams --> network --> a new genesis.json
//! ```
//!
//! Any geth genesis file is a chain. One with the section `config.pervade` is a Pervade network: it has
//! validators, starts with Osaka's rules, and its headers follow Pervade's rules for base fee, `extraData` and
//! beneficiary. One without is Ethereum's: its blocks are imported and served.
//!
//! Invariants:
//! - A [`ChainSpec`] that exists was checked; nobody downstream checks again.
//! - The same file gives the same answers on every node: no clock, no randomness, no float, no hash-map order.
//! - Every constant of the protocol is in [`params`], its relations asserted at compile time.
//!
//! Not here: validity of a block against its header (`evm-ext`), what an operator may configure (`node`), and
//! the validator set after the first change (the state has it).
#![deny(
    clippy::float_arithmetic,
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod config_json;
mod error;
mod fees;
mod fork_table;
mod forks;
mod genesis_json;
mod header;
mod json;
mod network;
mod network_check;
pub mod params;
mod pervade;
mod pervade_json;
mod spec;
mod validators;

// Part of this crate's answers.
pub use alloy_hardforks::{EthereumHardfork, ForkCondition};
pub use error::ChainSpecError;
pub use forks::{BlockForks, ForkSchedule};
pub use network::NetworkParams;
pub use pervade::{
    Activation, BaseFeeRule, BeneficiaryRule, PermissionRule, PervadeConfig, PrecompileActivations, ValidatorConfig,
};
pub use spec::ChainSpec;
pub use validators::{check_validator_set, decode_validator_set, encode_validator_set, validator_set_hash};
