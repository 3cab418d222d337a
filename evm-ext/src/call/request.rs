//! What a caller asks for.
use alloy_eips::{eip2930::AccessList, eip7702::SignedAuthorization};
use alloy_primitives::{Address, B256, Bytes, U256};
use std::collections::BTreeMap;

/// A transaction-like question. Everything that is absent gets geth's default.
#[derive(Debug, Clone, Default)]
pub struct CallRequest {
    /// Sender; the zero address by default.
    pub from: Option<Address>,
    /// Callee; `None` creates a contract.
    pub to: Option<Address>,
    /// Gas limit; the environment's cap by default and at most.
    pub gas: Option<u64>,
    /// Wei per gas of a transaction without EIP-1559 fees.
    pub gas_price: Option<u128>,
    /// EIP-1559 fee cap, wei per gas.
    pub max_fee_per_gas: Option<u128>,
    /// EIP-1559 tip, wei per gas.
    pub max_priority_fee_per_gas: Option<u128>,
    /// EIP-4844 fee cap, wei per blob gas.
    pub max_fee_per_blob_gas: Option<u128>,
    /// EIP-4844 hashes.
    pub blob_versioned_hashes: Option<Vec<B256>>,
    /// Wei sent.
    pub value: Option<U256>,
    /// Call data, or the code that creates a contract.
    pub input: Bytes,
    /// Nonce; the account's by default. Not checked, but the address of a created contract depends on it.
    pub nonce: Option<u64>,
    /// EIP-155 chain id; must be the chain's if given.
    pub chain_id: Option<u64>,
    /// EIP-2930 list.
    pub access_list: Option<AccessList>,
    /// EIP-7702 authorizations.
    pub authorization_list: Option<Vec<SignedAuthorization>>,
}

/// Accounts that differ from the state.
pub type StateOverrides = BTreeMap<Address, AccountOverride>;

/// How one account differs from the state.
#[derive(Debug, Clone, Default)]
pub struct AccountOverride {
    /// Wei.
    pub balance: Option<U256>,
    /// Nonce.
    pub nonce: Option<u64>,
    /// Code.
    pub code: Option<Bytes>,
    /// The whole storage: all other slots are zero.
    pub state: Option<BTreeMap<U256, U256>>,
    /// Single slots; excluded by `state`.
    pub state_diff: Option<BTreeMap<U256, U256>>,
    /// The precompile at this address answers at another one too.
    pub move_precompile_to: Option<Address>,
}

/// How the block of a call differs from its header.
#[derive(Debug, Clone, Default)]
pub struct BlockOverrides {
    /// Block number.
    pub number: Option<U256>,
    /// Difficulty (before the merge).
    pub difficulty: Option<U256>,
    /// Unix seconds.
    pub time: Option<u64>,
    /// Gas limit.
    pub gas_limit: Option<u64>,
    /// Beneficiary.
    pub coinbase: Option<Address>,
    /// PREVRANDAO.
    pub random: Option<B256>,
    /// Wei per gas.
    pub base_fee: Option<u64>,
    /// Wei per blob gas.
    pub blob_base_fee: Option<u128>,
}
