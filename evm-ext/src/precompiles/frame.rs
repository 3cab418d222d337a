//! [`Frame`]: one call of a precompile, with everything its functions need.
use super::{PrecompileError, PrecompileHost, prices};
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolEvent, abi::AbiDecoderConfig};
use pervade_chainspec::PervadeConfig;

/// What a precompile is asked, and the block that it is asked in.
#[derive(Debug, Clone, Copy)]
pub struct PrecompileCall<'a> {
    /// The chain's settings.
    pub chain: &'a PervadeConfig,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Address of the precompile.
    pub address: Address,
    /// `msg.sender`.
    pub caller: Address,
    /// `tx.origin`.
    pub origin: Address,
    /// `msg.value`, wei.
    pub value: U256,
    /// Calldata.
    pub input: &'a [u8],
    /// Nothing may be written.
    pub is_static: bool,
    /// The precompile is the callee, not only its code (neither DELEGATECALL nor CALLCODE).
    pub is_direct: bool,
    /// Number of the block.
    pub block_number: u64,
    /// Unix seconds of the block.
    pub block_timestamp: u64,
    /// Base fee of the block, wei per gas.
    pub base_fee: u64,
    /// Who gets the block's fees.
    pub beneficiary: Address,
}

impl<'a> PrecompileCall<'a> {
    /// A call from nobody in block 0.
    pub fn new(chain: &'a PervadeConfig, address: Address, input: &'a [u8]) -> Self {
        Self {
            chain,
            chain_id: 0,
            address,
            caller: Address::ZERO,
            origin: Address::ZERO,
            value: U256::ZERO,
            input,
            is_static: false,
            is_direct: true,
            block_number: 0,
            block_timestamp: 0,
            base_fee: 0,
            beneficiary: Address::ZERO,
        }
    }
}

/// What a function does to the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `view` and `pure`: may be called in any way, without value.
    View,
    /// Writes; only by a plain CALL, without value.
    Write,
    /// Writes and takes value; only by a plain CALL.
    Payable,
}

/// One call of a precompile: what was asked, and the host that prices and does the work.
pub struct Frame<'a> {
    call: PrecompileCall<'a>,
    host: &'a mut dyn PrecompileHost,
}

impl<'a> Frame<'a> {
    /// A call on a host.
    pub fn new(call: PrecompileCall<'a>, host: &'a mut dyn PrecompileHost) -> Self {
        Self { call, host }
    }

    /// What was asked.
    pub const fn call(&self) -> &PrecompileCall<'a> {
        &self.call
    }

    /// The function asked for. Charges the call, whatever comes of it.
    ///
    /// # Errors
    /// Fewer than four bytes of calldata; no gas for a call.
    pub fn selector(&mut self) -> Result<[u8; 4], PrecompileError> {
        self.charge(prices::CALL_GAS)?;
        let selector = self.call.input.first_chunk::<4>().copied();
        selector.ok_or_else(|| PrecompileError::reason("calldata has no function selector"))
    }

    /// The answer to a selector that the interface does not have.
    pub fn unknown_function(&self) -> PrecompileError {
        let selector = self.call.input.get(..4).unwrap_or_default();
        PrecompileError::reason(format!("unknown function 0x{}", alloy_primitives::hex::encode(selector)))
    }

    /// Runs one function of the interface: guards, decoding, the function, encoding; all charged.
    ///
    /// # Errors
    /// A call that the function's [`Access`] forbids, malformed arguments, and whatever `body` gives.
    pub fn answer<C: SolCall>(
        &mut self,
        access: Access,
        body: impl FnOnce(&mut Self, C) -> Result<C::Return, PrecompileError>,
    ) -> Result<Bytes, PrecompileError> {
        self.guard(access)?;
        let arguments = self.call.input.get(4..).unwrap_or_default();
        self.charge_words(arguments.len(), prices::ABI_WORD_GAS)?;
        let answer = body(self, decode::<C>(arguments)?)?;
        let encoded = C::abi_encode_returns(&answer);
        self.charge_words(encoded.len(), prices::ABI_WORD_GAS)?;
        Ok(encoded.into())
    }

    fn guard(&self, access: Access) -> Result<(), PrecompileError> {
        if access != Access::View && self.call.is_static {
            return Err(PrecompileError::reason("a static call cannot write"));
        }
        if access != Access::View && !self.call.is_direct {
            return Err(PrecompileError::reason("DELEGATECALL and CALLCODE cannot write; use CALL"));
        }
        if access != Access::Payable && self.call.is_direct && !self.call.value.is_zero() {
            return Err(PrecompileError::reason("the function takes no value"));
        }
        Ok(())
    }

    /// Charges gas for work that is about to be done.
    pub fn charge(&mut self, gas: u64) -> Result<(), PrecompileError> {
        self.host.charge(gas)
    }

    /// Gas that is left.
    pub fn gas_left(&self) -> u64 {
        self.host.gas_left()
    }

    /// Reads a slot of a precompile's account.
    pub fn load(&mut self, account: Address, slot: U256) -> Result<U256, PrecompileError> {
        self.host.load(account, slot)
    }

    /// Writes a slot of a precompile's account.
    pub fn store(&mut self, account: Address, slot: U256, value: U256) -> Result<(), PrecompileError> {
        self.host.store(account, slot, value)
    }

    /// Emits an event in a precompile's name.
    pub fn emit<E: SolEvent>(&mut self, account: Address, event: &E) -> Result<(), PrecompileError> {
        let data = event.encode_log_data();
        self.host.log(account, data.topics().to_vec(), data.data)
    }

    /// An account's balance, wei.
    pub fn balance(&mut self, account: Address) -> Result<U256, PrecompileError> {
        self.host.balance(account)
    }

    /// Whether an account has code.
    pub fn has_code(&mut self, account: Address) -> Result<bool, PrecompileError> {
        Ok(!self.host.code_hash(account)?.is_zero())
    }

    /// Moves wei from a precompile's account to another account. No code runs.
    pub fn transfer(&mut self, from: Address, to: Address, wei: U256) -> Result<(), PrecompileError> {
        self.host.transfer(from, to, wei)
    }

    /// Bytes kept by [`Self::keep_content`]; `hash` must have been read from a slot.
    pub fn content(&mut self, hash: B256) -> Result<Bytes, PrecompileError> {
        self.host.content(hash)
    }

    /// Keeps bytes by their keccak-256. They stay if a slot of a precompile's account holds the hash when the
    /// transaction ends.
    pub fn keep_content(&mut self, content: impl Into<Bytes>) -> Result<B256, PrecompileError> {
        self.host.keep_content(content.into())
    }
}

/// Strict: what overlaps could make a short input describe gigabytes, and dirty bits have no meaning.
pub(super) fn decode<C: SolCall>(arguments: &[u8]) -> Result<C, PrecompileError> {
    let config = AbiDecoderConfig::new().strict(true).validate_allow_trailing_bytes(true);
    C::abi_decode_raw_with_config(arguments, config)
        .map_err(|error| PrecompileError::reason(format!("malformed arguments of {}: {error}", C::SIGNATURE)))
}
