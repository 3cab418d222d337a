//! [`PrecompileHost`]: what a precompile may do to the world.
use super::PrecompileError;
use alloy_primitives::{Address, B256, Bytes, U256};

/// Gas, storage, balances, logs and content, for whatever runs. Every method charges before it works.
pub trait PrecompileHost {
    /// Charges gas for work that is about to be done.
    fn charge(&mut self, gas: u64) -> Result<(), PrecompileError>;
    /// Gas that is left.
    fn gas_left(&self) -> u64;
    /// Reads a slot of a precompile's account, at SLOAD's price.
    fn load(&mut self, account: Address, slot: U256) -> Result<U256, PrecompileError>;
    /// Writes a slot of a precompile's account, at SSTORE's price and with its refund.
    fn store(&mut self, account: Address, slot: U256, value: U256) -> Result<(), PrecompileError>;
    /// Emits a log in a precompile's name, at the price of LOG.
    fn log(&mut self, account: Address, topics: Vec<B256>, data: Bytes) -> Result<(), PrecompileError>;
    /// An account's balance, wei, at BALANCE's price.
    fn balance(&mut self, account: Address) -> Result<U256, PrecompileError>;
    /// Hash of an account's code, at EXTCODEHASH's price; zero if there is no code.
    fn code_hash(&mut self, account: Address) -> Result<B256, PrecompileError>;
    /// Moves wei from a precompile's account, at the price of a CALL with value. No code runs.
    fn transfer(&mut self, from: Address, to: Address, wei: U256) -> Result<(), PrecompileError>;
    /// Bytes that [`Self::keep_content`] kept. `hash` must come from a slot: then they are there on every node.
    fn content(&mut self, hash: B256) -> Result<Bytes, PrecompileError>;
    /// Keeps bytes by their keccak-256, as long as a slot of a precompile's account holds that hash when the
    /// transaction ends; otherwise nothing stays.
    fn keep_content(&mut self, content: Bytes) -> Result<B256, PrecompileError>;
}
